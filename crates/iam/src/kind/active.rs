//! `active`: whoever, or whatever, is not said to be inactive is active.

use scim::admit::Admitted;
use serde_json::Value;

use super::Before;

/// The attribute.
pub(super) const ACTIVE: &str = "active";

/// Says it where a client does not: what is created is active, what a PUT is silent about stays as it was. What a PATCH removes
/// is unassigned (RFC 7644 §3.5.2.2); a default is not put in its place.
pub(super) fn unless_said(before: Before<'_>, after: &mut Admitted) {
    let known = match before {
        Before::Nothing => None,
        Before::Replaced(before) => before.get(ACTIVE).cloned(),
        Before::Patched(_) => return,
    };
    if !after.document.contains_key(ACTIVE) {
        after.document.insert(ACTIVE.to_owned(), known.unwrap_or(Value::Bool(true)));
    }
}
