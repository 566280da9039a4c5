//! What is special about a Group (RFC 7643 §4.2). Members are edges. Groups nest; that one comes to be in itself is
//! refused, and harmless where it is so, because whoever walks the edges meets each group once.

use super::facts::{Facts, Far, PLAIN};

pub(super) static GROUP: Facts = Facts {
    name: "Group",
    endpoint: "Groups",
    description: "Sets of users, clients and other groups",
    schema: include_str!("group.json"),
    indexed: &["displayName"],
    relations: &[("members", &["User", "Client", "Group"])],
    derived: &[("roles", "Role", "members", Far::Through("Group", "members"))],
    display: &["displayName"],
    ..PLAIN
};
