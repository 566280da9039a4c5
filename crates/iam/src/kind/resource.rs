//! What is special about a Resource: a thing that is protected. Several may be called the same; their slugs differ.

use super::facts::{Facts, PLAIN};
use super::slug::SLUG;

pub(super) static RESOURCE: Facts = Facts {
    name: "Resource",
    endpoint: "Resources",
    description: "Things that are protected",
    schema: include_str!("resource.json"),
    unique: &["slug"],
    indexed: &["name", "client_id"],
    references: &[("type", "Resource-Type")],
    created: Some("created_at"),
    slug: Some(SLUG),
    display: &["name"],
    rules: |before, after| SLUG.check(before, after),
    ..PLAIN
};
