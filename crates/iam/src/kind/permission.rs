//! What is special about a Permission: statements, each of which allows actions on a resource.

use super::facts::{Facts, PLAIN};

pub(super) static PERMISSION: Facts = Facts {
    name: "Permission",
    endpoint: "Permissions",
    description: "Actions that are allowed on resources",
    schema: include_str!("permission.json"),
    unique: &["name"],
    indexed: &["client_id"],
    references: &[("statements.actions", "Action"), ("statements.resource", "Resource")],
    created: Some("created_at"),
    lasting: &["statements"],
    display: &["name"],
    ..PLAIN
};
