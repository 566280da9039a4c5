//! What is said of a command line that cannot be understood, without what may be a password.
//!
//! Knows no option by name: one whose value is never shown in the help is never shown here either. Nor is, wherever it stands,
//! what looks like the URL or the settings of a connection.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};

/// Stands for what is not shown.
pub const HIDDEN: &str = "…";

/// A value as a message may repeat it.
pub fn shown<'v>(option: &Arg, value: &'v str) -> &'v str {
    if option.is_hide_env_values_set() || may_hold_password(value) { HIDDEN } else { value }
}

/// Takes out of an error what may be a password. `command` is the one that was to understand it.
pub fn hide(error: &mut clap::Error, command: &Command) {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    };
    let is_secret = text(ContextKind::InvalidArg).is_some_and(|name| hides(command, name));
    let found =
        [ContextKind::InvalidArg, ContextKind::InvalidValue, ContextKind::InvalidSubcommand].map(|kind| {
            let is_value = kind == ContextKind::InvalidValue;
            text(kind).filter(|text| may_hold_password(text) || (is_secret && is_value)).map(|_| kind)
        });
    for kind in found.into_iter().flatten() {
        error.insert(kind, ContextValue::String(HIDDEN.to_owned()));
        // What was meant instead is said with what was said.
        error.remove(ContextKind::Suggested);
    }
}

/// Whether an option, by the name that messages give it (`--name <VALUE>`), hides its value, in the command or below it.
fn hides(command: &Command, name: &str) -> bool {
    let is_it = |long| name.strip_prefix("--").and_then(|name| name.split(' ').next()) == Some(long);
    command.get_arguments().any(|arg| arg.is_hide_env_values_set() && arg.get_long().is_some_and(is_it))
        || command.get_subcommands().any(|command| hides(command, name))
}

fn may_hold_password(text: &str) -> bool {
    let user = text.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || text.to_ascii_lowercase().contains("password=")
}

#[cfg(test)]
mod tests {
    use super::may_hold_password;

    #[test]
    fn what_may_hold_a_password_is_known_by_its_shape() {
        for text in [
            "postgres://durward:hush@db/durward",
            "durward:hu@sh@db/durward",
            "host=db user=durward password=hush",
            "PGPASSWORD=hush",
            "postgres:///durward?password=hush",
        ] {
            assert!(may_hold_password(text), "{text}");
        }
        for text in ["ada@example.com", "127.0.0.1:80", "https://id.example.com/x", "Entra ID", ""] {
            assert!(!may_hold_password(text), "{text}");
        }
    }
}
