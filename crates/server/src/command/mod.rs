//! The command line: what can be asked, and what is said when it fails.
//!
//! Each command is one file here that holds its arguments and does its work; this file only tells them apart.

pub mod audit;
pub mod backup;
pub mod check_config;
pub mod copy;
pub mod explain;
pub mod hidden;
pub mod migrate;
pub mod open;
pub mod serve;
pub mod tenant;
pub mod token;
pub mod version;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::file::File;
use crate::config::{ConfigError, environment};
use crate::telemetry;

/// Multi-tenant identity and access management server
///
/// Keeps the people and groups of many organisations, filled by their identity providers over SCIM 2.0.
#[derive(Debug, Parser)]
#[command(name = "durward", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Start with `durward serve`: it makes what it needs and prints the first token.\n\
    Exit codes: 0 done, 1 failed, 2 asked wrongly.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server
    Serve(Box<serve::Serve>),
    /// Bring the database to the version of this binary, making it if there is none
    Migrate(migrate::Migrate),
    /// Create, list and delete tenants
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Create, list, revoke and rotate access tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Read the audit log and see whether it was altered
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Say whether a subject may do something, and why
    Explain(explain::Explain),
    /// Copy the database to a file, while a server may be running
    Backup(backup::Backup),
    /// Put a backup in the place of the database; no server may be running
    Restore(backup::Restore),
    /// Move the installation to another database: from SQLite to PostgreSQL, or back
    Copy(copy::Copy),
    /// Print the configuration in effect and where each value came from
    CheckConfig(Box<check_config::CheckConfig>),
    /// Print the version
    Version(version::Version),
}

/// How a command answers.
#[derive(Debug, Clone, Copy, Args)]
pub struct Output {
    /// Answer in JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

/// Why a command failed, in one line.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was asked makes no sense: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// What was asked could not be done: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// It cannot be done now, and perhaps later: exit code 1.
    #[error("{0}")]
    Unavailable(String),
}

impl Failure {
    /// What was asked could not be done.
    pub fn failed(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }

    /// The same, said of something.
    pub fn about(self, what: impl Display) -> Self {
        match self {
            Self::Usage(why) => Self::Usage(format!("`{what}`: {why}")),
            Self::Failed(why) => Self::Failed(format!("`{what}`: {why}")),
            Self::Unavailable(why) => Self::Unavailable(format!("`{what}`: {why}")),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// What every command is handed beside its own arguments.
#[derive(Debug)]
pub struct Context {
    /// How this command's arguments were given.
    pub matches: ArgMatches,
    /// The configuration file that was read.
    pub file: Option<File>,
}

/// Runs one command line, the name of the program first. Errors go to standard error.
pub fn run(args: Vec<OsString>) -> ExitCode {
    match attempt(&args) {
        Ok(code) => code,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {}", visible(&failure.to_string()));
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}

fn attempt(args: &[OsString]) -> Result<ExitCode, Failure> {
    let command = Cli::command();
    let file = File::find(&command, args)?;
    let mut command = match &file {
        Some(file) => file.apply(command),
        None => command,
    };
    let parsed = command.try_get_matches_from_mut(args);
    let cli = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    match cli {
        Ok((cli, matches)) => {
            environment::check(&command, std::env::vars_os().map(|(name, _)| name))?;
            let matches = matches.subcommand().map(|(_, matches)| matches.clone()).unwrap_or_default();
            cli.command.run(&Context { matches, file }).map(|()| ExitCode::SUCCESS)
        }
        Err(mut error) => {
            hidden::hide(&mut error, &command);
            let _ = error.print();
            Ok(ExitCode::from(if error.use_stderr() { 2 } else { 0 }))
        }
    }
}

impl Command {
    fn run(self, context: &Context) -> Result<(), Failure> {
        // What a use case says to its caller leaves out what is in the log.
        if !matches!(self, Self::Serve(_)) {
            telemetry::start_quietly().map_err(Failure::failed)?;
        }
        match self {
            Self::Serve(serve) => serve.run(context),
            Self::Migrate(migrate) => migrate.run(context),
            Self::Tenant(tenant) => tenant.run(context),
            Self::Token(token) => token.run(context),
            Self::Audit(audit) => audit.run(context),
            Self::Explain(explain) => explain.run(context),
            Self::Backup(backup) => backup.run(context),
            Self::Restore(restore) => restore.run(context),
            Self::Copy(copy) => copy.run(context),
            Self::CheckConfig(check) => check.run(context),
            Self::Version(version) => version.run(context),
        }
    }
}

impl From<iam::Error> for Failure {
    fn from(error: iam::Error) -> Self {
        match error {
            iam::Error::Unavailable => Self::Unavailable(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<store::StoreError> for Failure {
    fn from(error: store::StoreError) -> Self {
        match error {
            store::StoreError::Unavailable(_) => Self::Unavailable(error.to_string()),
            store::StoreError::Location(_) => Self::Usage(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// One line of a text that somebody chose, fit for a terminal: what would move its cursor, begin a line, change its colours
/// or turn the direction of writing is escaped, as in `\\u{1b}`.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

fn is_hidden(c: char) -> bool {
    // Line and paragraph separator, and the explicit directions of Unicode's UAX #9 §2.
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Writes lines to standard output, each [`visible`]; a reader that has gone away (`| head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let whole = line.strip_suffix('\n');
        shown += &visible(whole.unwrap_or(line));
        shown.extend(whole.map(|_| '\n'));
    }
    write(&shown)
}

/// Writes one JSON document and a line end to standard output.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
    // Such characters stand in strings only, where JSON has an escape for them (RFC 8259 §7); its own lines end in `\n`.
    let mut shown = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            '\n' => shown.push(c),
            c if is_hidden(c) => shown += &format!("\\u{:04x}", u32::from(c)),
            c => shown.push(c),
        }
    }
    shown.push('\n');
    write(&shown)
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::failed(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_stays_on_its_line_and_commands_no_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\nc\td\u{9b}e\u{202e}f"), r"a\u{1b}[2Jb\nc\td\u{9b}e\u{202e}f");
        assert_eq!(visible("Zoë 木 👩\u{200d}👧 `x`"), "Zoë 木 👩\u{200d}👧 `x`");
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_or_is_a_group() {
        fn check(command: &clap::Command) {
            for sub in command.get_subcommands() {
                assert!(sub.get_about().is_some(), "{}", sub.get_name());
                assert!(
                    sub.has_subcommands() || sub.get_after_help().is_some(),
                    "{} has no example",
                    sub.get_name()
                );
                check(sub);
            }
        }
        check(&Cli::command());
    }
}
