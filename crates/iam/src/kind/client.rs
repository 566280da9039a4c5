//! What is special about a Client: an application that asks in its own name. What it needs to sign in is not kept here.

use scim::admit::Admitted;

use super::facts::{Facts, Far, PLAIN};
use super::{Before, active};

pub(super) static CLIENT: Facts = Facts {
    name: "Client",
    endpoint: "Clients",
    description: "Applications and services that ask in their own name",
    schema: include_str!("client.json"),
    indexed: &["name"],
    derived: &[
        ("groups", "Group", "members", Far::Nested),
        ("roles", "Role", "members", Far::Through("Group", "members")),
    ],
    created: Some("created_at"),
    display: &["name"],
    activity: Some(active::ACTIVE),
    rules,
    ..PLAIN
};

fn rules(before: Before<'_>, after: &mut Admitted) -> Result<(), scim::Error> {
    active::unless_said(before, after);
    Ok(())
}
