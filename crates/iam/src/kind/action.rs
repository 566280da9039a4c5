//! What is special about an Action: something that can be done, by a dotted name from the widest word to the narrowest.

use scim::admit::Admitted;
use serde_json::Value;

use super::facts::{Facts, PLAIN};
use super::reserve::{Change, Reserve, holds_durwards};
use super::{Before, active};
use crate::limits;

pub(super) static ACTION: Facts = Facts {
    name: "Action",
    endpoint: "Actions",
    description: "What can be done to resources",
    schema: include_str!("action.json"),
    unique: &["name"],
    indexed: &["client_id"],
    created: Some("created_at"),
    display: &["name"],
    rules,
    reserved,
    ..PLAIN
};

/// Durward's own actions are not recorded: a record that is not active would take them from everybody.
fn reserved(change: &Change<'_>) -> Reserve {
    match change.before.is_none_or(|before| before.get("name") != change.after.and_then(|a| a.get("name")))
        && holds_durwards(change.after, "name")
    {
        true => Reserve::Nobody("actions that begin with `durward` or `services.iam` are Durward's own"),
        false => Reserve::Anybody,
    }
}

fn rules(before: Before<'_>, after: &mut Admitted) -> Result<(), scim::Error> {
    let name = after.document.get("name").and_then(Value::as_str).unwrap_or_default();
    if let Err(error) = authz::Action::parse(name, limits::ACTION_BYTES_MAX) {
        return Err(scim::Error::value(format!("`name`: {error}")));
    }
    active::unless_said(before, after);
    Ok(())
}
