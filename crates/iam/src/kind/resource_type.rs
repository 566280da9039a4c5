//! What is special about a Resource-Type: a sort of thing, and what may be done to such things.

use super::facts::{Facts, Far, PLAIN};
use super::{Slug, slug};

/// It is the type in a question to the decision API, where `scope` is one of its own.
const SLUG: Slug = Slug { reserved: &[authz::graph::Kind::Scope.as_str()], ..slug::SLUG };

pub(super) static RESOURCE_TYPE: Facts = Facts {
    name: "Resource-Type",
    endpoint: "Resource-Types",
    description: "Sorts of things that can be protected",
    schema: include_str!("resource_type.json"),
    unique: &["name", "slug"],
    indexed: &["client_id"],
    references: &[("actions", "Action")],
    derived: &[("resources", "Resource", "type", Far::Direct)],
    created: Some("created_at"),
    slug: Some(SLUG),
    lasting: &["actions"],
    display: &["name"],
    rules: |before, after| SLUG.check(before, after),
    ..PLAIN
};
