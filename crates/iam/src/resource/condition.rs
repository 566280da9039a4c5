//! Conditions on the version of a resource (RFC 7644 §3.14, RFC 9110 §13.1).

use crate::error::{Error, Result};
use crate::limits;

/// The versions named by an `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Etags {
    any: bool,
    tags: Vec<String>,
}

impl Etags {
    /// Reads a list of entity tags; a bare version is understood as well. Weak and strong compare alike, since all
    /// of ours are weak.
    ///
    /// # Errors
    /// [`Error::Invalid`] for too many.
    pub fn parse(text: &str) -> Result<Self> {
        let mut out = Self::default();
        for tag in text.split(',').map(str::trim).filter(|t| !t.is_empty()) {
            if out.tags.len() == limits::ETAGS_MAX {
                return Err(Error::invalid(format!("more than {} entity tags", limits::ETAGS_MAX)));
            }
            if tag == "*" {
                out.any = true;
            } else {
                let tag = tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag);
                out.tags.push(tag.trim_matches('"').to_owned());
            }
        }
        Ok(out)
    }

    /// Whether any resource that is there is meant.
    pub fn is_any(&self) -> bool {
        self.any
    }

    /// Whether a resource in that version is meant.
    pub fn matches(&self, version: i64) -> bool {
        self.any || self.tags.iter().any(|tag| tag.parse() == Ok(version))
    }
}

/// The entity tag of a version.
pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// What a request says of the version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The resource must be in one of these.
    pub if_match: Option<Etags>,
    /// The resource must not be in one of these.
    pub if_none_match: Option<Etags>,
}

impl Condition {
    /// Whether any version will do.
    pub fn is_open(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// What a write requires.
    ///
    /// # Errors
    /// [`Error::Stale`] when the resource is in another version, [`Error::Excluded`] when in one of those it must not be in.
    pub fn check(&self, version: i64) -> Result<()> {
        if self.if_match.as_ref().is_some_and(|tags| !tags.matches(version)) {
            return Err(Error::Stale);
        }
        match self.if_none_match.as_ref().is_some_and(|tags| tags.matches(version)) {
            true => Err(Error::Excluded),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_strong_bare_and_any() {
        for (text, version, expected) in [
            ("W/\"3\"", 3, true),
            ("\"3\"", 3, true),
            ("3", 3, true),
            ("W/\"2\", W/\"3\"", 3, true),
            ("*", 9, true),
            ("W/\"4\"", 3, false),
            ("", 3, false),
            ("W/\"03x\"", 3, false),
        ] {
            assert_eq!(Etags::parse(text).unwrap().matches(version), expected, "{text}");
        }
    }
}
