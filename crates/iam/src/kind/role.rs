//! What is special about a Role: permissions and statements of its own, for those who are its members.

use scim::Object;
use scim::admit::Admitted;
use serde_json::Value;

use super::Before;
use super::facts::{Facts, PLAIN};
use super::reserve::{Change, Reserve};
use crate::administrators;

pub(super) static ROLE: Facts = Facts {
    name: "Role",
    endpoint: "Roles",
    description: "What users, clients and groups may do",
    schema: include_str!("role.json"),
    unique: &["name"],
    indexed: &["client_id"],
    relations: &[("members", &["User", "Client", "Group"])],
    references: &[
        ("permissions", "Permission"),
        ("statements.actions", "Action"),
        ("statements.resource", "Resource"),
    ],
    counts: &[("member_count", "members")],
    created: Some("created_at"),
    chooses_id: true,
    answers_patch: true,
    lasting: &["statements"],
    display: &["name"],
    rules,
    reserved,
    ..PLAIN
};

/// The role of Durward's own: its members administer the tenant. What it grants stands nowhere else.
fn reserved(change: &Change<'_>) -> Reserve {
    let Change { id, before, after, .. } = change;
    if *id != administrators::ROLE {
        return Reserve::Anybody;
    }
    let said = |document: &Object| {
        let mut said = document.clone();
        ["schemas", "description"].iter().for_each(|name| _ = said.shift_remove(*name));
        said
    };
    let own = || Object::from_iter([("name".to_owned(), Value::from(administrators::ROLE))]);
    match after {
        None => Reserve::Nobody("the role `TenantAdmin` is Durward's own; it stays"),
        Some(after) if said(after) != before.map_or_else(own, said) => Reserve::Nobody(
            "the role `TenantAdmin` is Durward's own; only its description and its members change",
        ),
        Some(_) => Reserve::Administrators,
    }
}

fn rules(_: Before<'_>, after: &mut Admitted) -> Result<(), scim::Error> {
    let claims = after.document.get("claim_mapper").and_then(Value::as_object);
    match claims.into_iter().flatten().find(|(_, value)| !value.is_string()) {
        Some((claim, _)) => {
            let claim = scim::error::quoted(claim);
            Err(scim::Error::value(format!("`claim_mapper`: the value of {claim} must be a string")))
        }
        None => Ok(()),
    }
}
