//! `durward check-config`: the configuration in effect, and where each value came from.

use clap::Args;
use serde_json::json;

use super::{Context, Failure, Output, print, print_json};
use crate::config::{Config, effective};
use crate::listen;

/// Arguments of `check-config`: those of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "Example: DURWARD_LOG_LEVEL=debug durward check-config --config durward.toml")]
pub struct CheckConfig {
    /// What is checked.
    #[command(flatten)]
    pub config: Config,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl CheckConfig {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        self.config.check()?;
        listen::check(&self.config).map_err(Failure::failed)?;
        let settings = effective::settings(&context.matches, context.file.as_ref());
        let url = self.config.public_url(self.config.listen);
        if self.output.json {
            let file = context.file.as_ref().map(|file| file.path.display().to_string());
            print_json(&json!({ "file": file, "url": url, "settings": settings }))
        } else {
            print(&format!("{}\nclients reach this server at {url}\n", effective::table(&settings)))
        }
    }
}
