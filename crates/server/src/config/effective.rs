//! The configuration in effect, option by option, with where each value came from.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command};
use serde::Serialize;
use store::Location;

use super::Config;
use super::file::File;
use crate::command::hidden;

/// One option as it is in effect.
#[derive(Debug, Serialize)]
pub struct Setting {
    /// Its name, as in the file.
    pub name: String,
    /// Its value; none when it is not set and has no default.
    pub value: Option<String>,
    /// Where the value came from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// Where a value came from.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "origin", rename_all = "lowercase")]
pub enum Origin {
    /// The command line.
    Flag,
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// The configuration file.
    File {
        /// Where it is.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// Nobody set it.
    Default,
}

/// Every option, in the order of the help text. `matches` are those of the subcommand that takes a [`Config`].
pub fn settings(matches: &ArgMatches, file: Option<&File>) -> Vec<Setting> {
    let command = Config::augment_args(Command::new("durward"));
    command.get_arguments().map(|arg| setting(arg, matches, file)).collect()
}

fn setting(arg: &Arg, matches: &ArgMatches, file: Option<&File>) -> Setting {
    let name = arg.get_id().as_str();
    let raw = matches.get_raw(name).and_then(|mut values| values.next());
    // As it was written, but for what may hold a password.
    let value = match matches.try_get_one::<Location>(name) {
        Ok(Some(location)) => Some(location.to_string()),
        _ => raw.map(|value| hidden::shown(arg, &value.to_string_lossy()).to_owned()),
    };
    Setting { name: name.to_owned(), value, origin: origin(arg, matches, file) }
}

fn origin(arg: &Arg, matches: &ArgMatches, file: Option<&File>) -> Origin {
    let name = arg.get_id().as_str();
    match matches.value_source(name) {
        Some(ValueSource::CommandLine) => Origin::Flag,
        Some(ValueSource::EnvVariable) => {
            let variable = arg.get_env().map(|env| env.to_string_lossy().into_owned());
            Origin::Environment { variable: variable.unwrap_or_default() }
        }
        _ => match file.and_then(|file| Some((file, file.line(name)?))) {
            Some((file, line)) => Origin::File { file: file.path.clone(), line },
            None => Origin::Default,
        },
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment { variable } => write!(f, "environment {variable}"),
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The settings as a table for a person.
pub fn table(settings: &[Setting]) -> String {
    let width = |text: fn(&Setting) -> usize| settings.iter().map(text).max().unwrap_or(0);
    let names = width(|setting| setting.name.len());
    let values = width(|setting| shown(setting).len());
    let row = |setting: &Setting| {
        format!("{:names$}  {:values$}  {}\n", setting.name, shown(setting), setting.origin)
    };
    settings.iter().map(row).collect()
}

fn shown(setting: &Setting) -> &str {
    setting.value.as_deref().unwrap_or("-")
}
