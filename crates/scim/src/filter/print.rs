//! A filter as canonical text.

use std::fmt;

use super::{Filter, Literal};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => {
                // `and` binds tighter than `or` (RFC 7644 §3.4.2.2), so an `or` within needs parentheses; an
                // `and` has them only because they were written.
                join(f, all, " and ", |inner| matches!(inner, Self::And(_) | Self::Or(_)))
            }
            Self::Or(any) => join(f, any, " or ", |inner| matches!(inner, Self::Or(_))),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Compare { path, op, value } => write!(f, "{path} {} {value}", op.as_str()),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Has { path, inner } => write!(f, "{path}[{inner}]"),
        }
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    filters: &[Filter],
    between: &str,
    grouped: impl Fn(&Filter) -> bool,
) -> fmt::Result {
    for (at, filter) in filters.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        match grouped(filter) {
            true => write!(f, "({filter})")?,
            false => write!(f, "{filter}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(truth) => write!(f, "{truth}"),
            Self::Number(numeral) => f.write_str(numeral.as_str()),
            Self::Text(text) => f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?),
        }
    }
}
