//! The environment: variables of ours that no option reads are refused, as unknown keys of the file are.
//!
//! Knows no option by name: it asks the command.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::Command;

use super::ConfigError;
use crate::nearest::nearest;

const PREFIX: &str = "DURWARD_";

/// Refuses a variable that begins with `DURWARD_` and that no command reads.
///
/// # Errors
/// [`ConfigError::Variable`] for the first by name.
pub fn check(command: &Command, names: impl Iterator<Item = OsString>) -> Result<(), ConfigError> {
    let mut known = BTreeSet::new();
    read_by(command, &mut known);
    let given: BTreeSet<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let ours = given.iter().filter(|name| name.starts_with(PREFIX) && !is_service_link(name));
    match ours.into_iter().find(|name| !known.contains(*name)) {
        None => Ok(()),
        Some(name) => {
            let rest = name.strip_prefix(PREFIX).unwrap_or_default();
            let meant = nearest(rest, known.iter().filter_map(|known| known.strip_prefix(PREFIX)));
            let meant = meant.map(|meant| format!("; did you mean `{PREFIX}{meant}`?")).unwrap_or_default();
            Err(ConfigError::Variable(format!("unknown environment variable `{name}`{meant}")))
        }
    }
}

fn read_by(command: &Command, known: &mut BTreeSet<String>) {
    let variables = command.get_arguments().filter_map(clap::Arg::get_env);
    known.extend(variables.map(|name| name.to_string_lossy().into_owned()));
    command.get_subcommands().for_each(|subcommand| read_by(subcommand, known));
}

/// What Kubernetes puts into every container for a service called `durward`: `DURWARD_SERVICE_HOST`,
/// `DURWARD_SERVICE_PORT_HTTP`, `DURWARD_PORT_8080_TCP_ADDR` and the like. Nobody wrote those.
fn is_service_link(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    let is_of =
        |head: &str| rest.strip_prefix(head).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    rest == "SERVICE_HOST" || is_of("SERVICE_PORT") || is_of("PORT")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::command::Cli;

    #[test]
    fn a_variable_that_nothing_reads_is_refused_with_the_nearest_one() {
        for (name, expected) in [
            ("DURWARD_LISTEN", None),
            ("DURWARD_DATA", None),
            ("PATH", None),
            ("DURWARDLISTEN", None),
            ("DURWARD_LISTEN_ADDRESS", Some("; did you mean `DURWARD_LISTEN`?")),
            ("DURWARD_LOGLEVEL", Some("; did you mean `DURWARD_LOG_LEVEL`?")),
            ("DURWARD_", Some("")),
            ("DURWARD_SERVICE_HOST", None),
            ("DURWARD_SERVICE_PORT_HTTP", None),
            ("DURWARD_PORT", None),
            ("DURWARD_PORT_8080_TCP_ADDR", None),
        ] {
            let outcome = check(&Cli::command(), [OsString::from(name)].into_iter());
            let refused = outcome.err().map(|error| error.to_string());
            let expected = expected.map(|hint| format!("unknown environment variable `{name}`{hint}"));
            assert_eq!(refused, expected);
        }
    }
}
