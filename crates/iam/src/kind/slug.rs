//! Slugs: names for addresses.

use scim::admit::Admitted;
use serde_json::Value;
use uuid::Uuid;

use super::{Before, Slug};
use crate::limits;

/// The slug of kinds that have one.
pub(super) const SLUG: Slug = Slug { attribute: "slug", from: "name", reserved: &[] };

/// What stands behind a made slug that others have: a hyphen, and a number or eight letters and digits.
const ENDING_BYTES_MAX: usize = 9;

impl Slug {
    /// Refuses a slug that a client gave and that could not stand in an address as it is, or means something else there.
    pub(super) fn check(&self, before: Before<'_>, after: &Admitted) -> Result<(), scim::Error> {
        let Some(slug) = after.document.get(self.attribute).and_then(Value::as_str) else { return Ok(()) };
        let had = match before {
            Before::Nothing => None,
            Before::Replaced(before) | Before::Patched(before) => before.get(self.attribute),
        };
        if had.and_then(Value::as_str) == Some(slug) {
            return Ok(());
        }
        let (name, most) = (self.attribute, limits::SLUG_BYTES_MAX);
        if slug.len() > most || !is_unreserved(slug) {
            return Err(scim::Error::value(format!(
                "`{name}` is at most {most} letters, digits, hyphens, dots, underscores and tildes"
            )));
        }
        if self.reserved.contains(&slug) {
            let slug = scim::error::quoted(slug);
            return Err(scim::Error::value(format!("`{name}`: {slug} is reserved")));
        }
        Ok(())
    }

    /// Whether it means something else where a slug would stand: a word of a protocol, or an id. No slug is made that does; a client
    /// may give one in the form of an id.
    pub(crate) fn is_reserved(&self, text: &str) -> bool {
        // RFC 9562 §4: the form that ids have.
        let is_id = text.len() == uuid::fmt::Hyphenated::LENGTH && Uuid::try_parse(text).is_ok();
        is_id || self.reserved.contains(&text)
    }
}

/// RFC 3986 §2.3: what stands in a URI as it is. It begins with a letter or a digit, so that it is no dot segment.
pub(crate) fn is_unreserved(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// The slug that a name becomes: lower-case ASCII letters and digits, into which those of other scripts are transliterated, a
/// hyphen for whatever lies between; none where nothing is left.
pub(crate) fn slug(name: &str) -> Option<String> {
    let name = deunicode::deunicode(name);
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    slug.truncate(limits::SLUG_BYTES_MAX - ENDING_BYTES_MAX);
    let end = slug.trim_end_matches('-').len();
    slug.truncate(end);
    (!slug.is_empty()).then_some(slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_slug() {
        let check =
            |name: &str, expected: &str| assert_eq!(slug(name).unwrap_or_default(), expected, "{name}");
        check("Virtual Machine", "virtual-machine");
        check("  Über  die_Straße! ", "uber-die-strasse");
        check("Ünïcödé İstanbul", "unicode-istanbul");
        check("Склад №1", "sklad-no1");
        check("印刷機", "yin-shua-ji");
        check("a--b..C9", "a-b-c9");
        check("!?", "");
        check("", "");
        let long = slug(&"ab ".repeat(100)).unwrap();
        assert!(long.len() <= limits::SLUG_BYTES_MAX - ENDING_BYTES_MAX && !long.ends_with('-'), "{long}");
    }

    #[test]
    fn what_means_something_else_is_no_slug() {
        let slug = Slug { reserved: &["scope"], ..SLUG };
        for (text, expected) in [
            ("scope", true),
            ("scopes", false),
            ("0192d3a4-7c1e-7a3b-8f00-1234567890ab", true),
            ("0192D3A4-7C1E-7A3B-8F00-1234567890AB", true),
            ("0192d3a47c1e7a3b8f001234567890ab", false),
            ("0192d3a4-7c1e-7a3b-8f00-1234567890ab-2", false),
        ] {
            assert_eq!(slug.is_reserved(text), expected, "{text}");
        }
    }

    #[test]
    fn what_stands_in_an_address_is_unreserved() {
        for good in ["a", "A.b-c_d~9", "0"] {
            assert!(is_unreserved(good), "{good}");
        }
        for bad in ["", ".", "..", ".search", "-a", "a b", "a/b", "é", "a%20"] {
            assert!(!is_unreserved(bad), "{bad}");
        }
    }
}
