//! Slugs: names for addresses.

use scim::admit::Admitted;
use serde_json::Value;

use super::{Before, Slug};
use crate::limits;

/// The slug of kinds that have one.
pub(super) const SLUG: Slug = Slug { attribute: "slug", from: "name" };

/// Refuses a slug that a client gave and that could not stand in an address as it is.
pub(super) fn check(_: Before<'_>, after: &mut Admitted) -> Result<(), scim::Error> {
    let Some(slug) = after.document.get(SLUG.attribute).and_then(Value::as_str) else { return Ok(()) };
    let most = limits::SLUG_BYTES_MAX;
    if slug.len() > most || !is_unreserved(slug) {
        return Err(scim::Error::value(format!(
            "`slug` is at most {most} letters, digits, hyphens, dots, underscores and tildes"
        )));
    }
    Ok(())
}

/// RFC 3986 §2.3: what stands in a URI as it is. It begins with a letter or a digit, so that it is no dot segment.
pub(crate) fn is_unreserved(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// The slug that a name becomes: lower-case ASCII letters and digits, a hyphen for whatever lies between; none where
/// nothing is left.
pub(crate) fn slug(name: &str) -> Option<String> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    // Room for a number is left.
    slug.truncate(limits::SLUG_BYTES_MAX - 8);
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
        check("  Über  die_Straße! ", "ber-die-stra-e");
        check("a--b..C9", "a-b-c9");
        check("日本", "");
        check("", "");
        let long = slug(&"ab ".repeat(100)).unwrap();
        assert!(long.len() <= limits::SLUG_BYTES_MAX - 8 && !long.ends_with('-'), "{long}");
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
