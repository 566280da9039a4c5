//! What can be wrong with a SCIM request: RFC 7644 §3.12, Table 9, and RFC 9865 §2.1.
//!
//! An error names the client's nouns, never a Rust type, never a secret. HTTP statuses are not known here;
//! `server` maps an [`ErrorKind`] to one.

use std::fmt;

/// The `scimType` of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The filter does not parse, names an unknown attribute, or compares what cannot be compared.
    InvalidFilter,
    /// The path does not parse or names an unknown attribute.
    InvalidPath,
    /// The message is not JSON, or not the message it should be.
    InvalidSyntax,
    /// A value is missing, of the wrong type, or not acceptable.
    InvalidValue,
    /// The attempted change is not compatible with the attribute's mutability.
    Mutability,
    /// A path with a filter matched nothing, or a removal has no path.
    NoTarget,
    /// An attribute that must be unique is taken.
    Uniqueness,
    /// The request asks for what must not be asked for, such as a secret in a URL.
    Sensitive,
    /// The query would yield, or examine, more than the server is willing to.
    TooMany,
    /// The protocol version is not supported.
    InvalidVers,
    /// The cursor is not one of ours, or belongs to another query (RFC 9865).
    InvalidCursor,
    /// The cursor was good once (RFC 9865).
    ExpiredCursor,
    /// `count` is not acceptable with this cursor (RFC 9865).
    InvalidCount,
}

impl ErrorKind {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::InvalidPath => "invalidPath",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidValue => "invalidValue",
            Self::Mutability => "mutability",
            Self::NoTarget => "noTarget",
            Self::Uniqueness => "uniqueness",
            Self::Sensitive => "sensitive",
            Self::TooMany => "tooMany",
            Self::InvalidVers => "invalidVers",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// A refused SCIM request: its `scimType` and a `detail` a person can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The `scimType`.
    pub kind: ErrorKind,
    /// Lower case, no full stop, the client's input in backticks.
    pub detail: String,
}

impl Error {
    /// An error of `kind` explained by `detail`.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// A value is missing, of the wrong type, or not acceptable.
    pub fn value(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidValue, detail)
    }

    /// The message is not the message it should be.
    pub fn syntax(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidSyntax, detail)
    }

    /// The filter cannot be understood.
    pub fn filter(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidFilter, detail)
    }

    /// The path cannot be understood.
    pub fn path(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidPath, detail)
    }

    /// The attribute may not be changed so.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Mutability, detail)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.detail)
    }
}

impl std::error::Error for Error {}

/// Input as it may stand in a message: in backticks, cut to a length a person reads.
pub fn quoted(input: &str) -> String {
    const SHOWN_MAX: usize = 80;
    match input.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("`{}…`", input.get(..end).unwrap_or_default()),
        None => format!("`{input}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_quoted_and_cut() {
        assert_eq!(quoted("a`b"), "`a`b`");
        assert_eq!(quoted(&"é".repeat(80)), format!("`{}`", "é".repeat(80)));
        assert_eq!(quoted(&"é".repeat(81)), format!("`{}…`", "é".repeat(80)));
    }

    #[test]
    fn an_error_shows_its_type() {
        assert_eq!(Error::mutability("`id` is read-only").to_string(), "mutability: `id` is read-only");
    }
}
