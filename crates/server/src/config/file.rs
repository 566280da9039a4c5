//! The configuration file: a flat TOML table whose keys are the names of the options.
//!
//! Its values become defaults of the command line. Knows no option by name: it asks the command.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Args, Command};
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError};
use crate::command::hidden::shown;
use crate::nearest::nearest;

/// The name looked for when no file is named.
const NAME: &str = "durward.toml";

/// A file that has been read and found valid.
#[derive(Debug)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    values: BTreeMap<String, Entry>,
}

/// One key of the file.
#[derive(Debug)]
struct Entry {
    value: String,
    line: usize,
}

impl File {
    /// The file that this command line asks for, if there is one.
    ///
    /// Reads the command line once without complaint; complaints come from the parse that follows.
    pub fn find(command: &Command, args: &[OsString]) -> Result<Option<Self>, ConfigError> {
        let Ok(matches) = command.clone().ignore_errors(true).try_get_matches_from(args) else {
            return Ok(None);
        };
        let matches = deepest(&matches);
        let option = |id| matches.try_get_one::<PathBuf>(id).ok().flatten();
        if let Some(path) = option("config") {
            return Self::read(path).map(Some);
        }
        let Some(data) = option("data") else { return Ok(None) };
        match [data.join(NAME), PathBuf::from(NAME)].iter().find(|path| path.is_file()) {
            Some(path) => Self::read(path).map(Some),
            None => Ok(None),
        }
    }

    /// Read and validate one file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong =
            |at: usize, message| ConfigError::Line { path: path.to_owned(), line: line(text, at), message };
        let table = DeTable::parse(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), one_line(error.message())))?;
        let options = options();
        let mut values = BTreeMap::new();
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            let option = options.iter().find(|option| option.get_id() == name);
            let option = option.ok_or_else(|| wrong(key.span().start, unknown(name, &options)))?;
            let at = value.span().start;
            let value = plain(value.get_ref()).map_err(|message| wrong(at, format!("`{name}` {message}")))?;
            validate(option, &value).map_err(|message| wrong(at, format!("`{name}`: {message}")))?;
            values.insert(name.to_owned(), Entry { value, line: line(text, key.span().start) });
        }
        Ok(Self { path: path.to_owned(), values })
    }

    /// The command with this file's values as defaults, in every subcommand that has such an option.
    pub fn apply(&self, mut command: Command) -> Command {
        let known =
            command.get_arguments().filter_map(|arg| self.values.get_key_value(arg.get_id().as_str()));
        for (name, entry) in known.collect::<Vec<_>>() {
            command = command.mut_arg(name, |arg| arg.default_value(entry.value.clone()));
        }
        command.mut_subcommands(|subcommand| self.apply(subcommand))
    }

    /// The line on which the file sets this option.
    pub fn line(&self, name: &str) -> Option<usize> {
        self.values.get(name).map(|entry| entry.line)
    }
}

/// The options a file may set: all but the one that names the file.
pub(super) fn options() -> Vec<Arg> {
    let command = Config::augment_args(Command::new("durward"));
    command.get_arguments().filter(|arg| arg.get_id() != "config").cloned().collect()
}

fn deepest(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, next)) = matches.subcommand() {
        matches = next;
    }
    matches
}

/// The value as it would stand on a command line.
fn plain(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        other => Err(format!("must be a string or a number, not {}", a(other.type_str()))),
    }
}

/// Asks the option itself, so that a file is held to the same rules as a flag.
fn validate(option: &Arg, value: &str) -> Result<(), String> {
    let name = option.get_id().as_str();
    let probe = Command::new(name.to_owned())
        .no_binary_name(true)
        .arg(option.clone().long("value").env(None::<&str>));
    match probe.try_get_matches_from([format!("--value={value}")]) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("`{}`{}", shown(option, value), reason(&error))),
    }
}

/// What follows the value in a message. Our own parsers answer with half a sentence.
fn reason(error: &clap::Error) -> String {
    match (std::error::Error::source(error), error.get(ContextKind::ValidValue)) {
        (_, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
            format!(" is not one of {}", valid.join(", "))
        }
        (Some(source), _) => match one_line(&source.to_string()) {
            ours if ours.starts_with("is ") => format!(" {ours}"),
            theirs => format!(": {theirs}"),
        },
        _ => " is not valid".to_owned(),
    }
}

fn unknown(name: &str, options: &[Arg]) -> String {
    match nearest(name, options.iter().map(|arg| arg.get_id().as_str())) {
        Some(meant) => format!("unknown key `{name}`; did you mean `{meant}`?"),
        None => format!("unknown key `{name}`"),
    }
}

fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let outcome = match File::parse(Path::new("durward.toml"), text) {
            Ok(file) => file.values.iter().map(|(k, v)| format!("{k}={}\n", v.value)).collect(),
            Err(error) => format!("{error}\n"),
        };
        expected.assert_eq(&outcome);
    }

    #[test]
    fn values_of_every_plain_type_are_read() {
        check(
            "listen = \"0.0.0.0:80\"\nshutdown_timeout = 5\nmax_connections = 10\nlog_format = 'json'\n",
            expect![[r#"
                listen=0.0.0.0:80
                log_format=json
                max_connections=10
                shutdown_timeout=5
            "#]],
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        check(
            "\nlisten_address = \"x\"",
            expect![[r#"
            durward.toml:2: unknown key `listen_address`; did you mean `listen`?
        "#]],
        );
        check(
            "tls-cert = \"x\"",
            expect![[r#"
            durward.toml:1: unknown key `tls-cert`; did you mean `tls_cert`?
        "#]],
        );
        check(
            "zzz = 1",
            expect![[r#"
            durward.toml:1: unknown key `zzz`
        "#]],
        );
        check(
            "config = \"other.toml\"",
            expect![[r#"
            durward.toml:1: unknown key `config`
        "#]],
        );
    }

    #[test]
    fn a_wrong_value_is_refused_where_it_stands() {
        check(
            "listen = 8080",
            expect![[r#"
                durward.toml:1: `listen`: `8080`: invalid socket address syntax
            "#]],
        );
        check(
            "data = 'x'\nlog_format = 'xml'",
            expect![[r#"
                durward.toml:2: `log_format`: `xml` is not one of text, json
            "#]],
        );
        check(
            "[listen]\nport = 1",
            expect![[r#"
            durward.toml:1: `listen` must be a string or a number, not a table
        "#]],
        );
        check(
            "header_timeout = 'soon'",
            expect![[r#"
                durward.toml:1: `header_timeout`: `soon` is no duration: write `30s`, `2m`, or a number of seconds
            "#]],
        );
        check(
            "worker_threads = 0",
            expect![[r#"
                durward.toml:1: `worker_threads`: `0` is no number from 1
            "#]],
        );
        check(
            "database = 5",
            expect![[r#"
                durward.toml:1: `database`: `…` is neither a URL that begins with `postgres://` nor `sqlite:` and a path
            "#]],
        );
        check(
            "data = 'postgres://durward:hush@db/durward'",
            expect![[r#"
                durward.toml:1: `data`: `…` is a URL, not a path; that of a database goes into `database`
            "#]],
        );
        check(
            "listen = \n",
            expect![[r#"
            durward.toml:1: string values must be quoted, expected literal string
        "#]],
        );
    }
}
