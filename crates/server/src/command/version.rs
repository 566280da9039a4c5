//! `durward version`.

use clap::Args;
use serde_json::json;

use super::{Context, Failure, Output, print, print_json};

/// Arguments of `version`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward version --json")]
pub struct Version {
    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Version {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        let version = env!("CARGO_PKG_VERSION");
        if self.output.json {
            print_json(&json!({ "version": version }))
        } else {
            print(&format!("durward {version}\n"))
        }
    }
}
