//! What is special about a Resource-Type: a sort of thing, and what may be done to such things.

use super::facts::{Facts, Far, PLAIN};
use super::slug;

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
    slug: Some(slug::SLUG),
    lasting: &["actions", "slug"],
    display: &["name"],
    rules: slug::check,
    ..PLAIN
};
