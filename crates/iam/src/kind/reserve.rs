//! What of a kind is reserved: writes that take more than the kind's own action.

use scim::Object;

use super::Relation;
use crate::access::is_durwards;

/// A write of one resource, as it is decided upon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) id: &'a str,
    /// None where it is created.
    pub(crate) before: Option<&'a Object>,
    /// None where it is deleted.
    pub(crate) after: Option<&'a Object>,
    pub(crate) edges: &'a [EdgeChange<'a>],
}

/// An edge that comes or goes.
#[derive(Clone, Debug)]
pub(crate) struct EdgeChange<'k> {
    pub(crate) relation: &'k Relation,
    pub(crate) target: String,
    pub(crate) is_link: bool,
}

/// For whom a write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserve {
    /// Whoever may write the kind.
    Anybody,
    /// Whoever may do everything.
    Administrators,
    /// Nobody; says why.
    Nobody(&'static str),
}

/// For whom each write of a kind is.
pub(crate) type Reserved = fn(&Change<'_>) -> Reserve;

/// Whether a text attribute holds a name or scope that is Durward's own.
pub(super) fn holds_durwards(document: Option<&Object>, attribute: &str) -> bool {
    document.and_then(|document| document.get(attribute)?.as_str()).is_some_and(is_durwards)
}
