//! What can be wrong with what somebody wrote: an action, a scope, an AuthZEN message. It knows no HTTP status.

use std::fmt;

/// Input that is refused: which part of it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where in the input, as a path such as `evaluations[2].subject.id`; empty where the input is one text.
    pub member: String,
    /// Lower case, no full stop, the input in backticks.
    pub detail: String,
}

impl Error {
    /// An error in an input that is one text.
    pub fn new(detail: impl Into<String>) -> Self {
        Self { member: String::new(), detail: detail.into() }
    }

    /// An error in this member of a message.
    pub fn at(member: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { member: member.into(), detail: detail.into() }
    }

    /// The same error, known to be in this member.
    pub(crate) fn within(mut self, member: &str) -> Self {
        self.member = match self.member.as_str() {
            "" => member.to_owned(),
            inner => format!("{member}.{inner}"),
        };
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.member.as_str() {
            "" => f.write_str(&self.detail),
            member => write!(f, "`{member}`: {}", self.detail),
        }
    }
}

impl std::error::Error for Error {}

/// Input as it may stand in a message: in backticks, without control characters, cut to a length a person reads.
pub(crate) fn quoted(input: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let shown: String = input
        .chars()
        .take(SHOWN_MAX)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    let more = if input.chars().nth(SHOWN_MAX).is_some() { "…" } else { "" };
    format!("`{shown}{more}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_member() {
        let error = Error::at("id", "is missing").within("subject").within("evaluations[2]");
        assert_eq!(error.to_string(), "`evaluations[2].subject.id`: is missing");
        assert_eq!(Error::new("is empty").to_string(), "is empty");
    }

    #[test]
    fn input_is_quoted_and_cut() {
        assert_eq!(quoted("a\nb"), "`a\u{fffd}b`");
        assert_eq!(quoted(&"é".repeat(81)), format!("`{}…`", "é".repeat(80)));
    }
}
