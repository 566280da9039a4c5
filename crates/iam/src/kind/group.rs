//! What is special about a Group (RFC 7643 §4.2). Members are edges; that groups nest in a circle is harmless,
//! because whoever walks the edges meets each group once.

use super::Facts;

pub(super) static GROUP: Facts = Facts {
    name: "Group",
    endpoint: "Groups",
    description: "Sets of users and of other groups",
    schema: include_str!("group.json"),
    extensions: &[],
    unique: &[],
    indexed: &["displayName"],
    relations: &[("members", &["User", "Group"])],
    derived: &[],
    display: &["displayName"],
    activity: None,
    rules: |_, _| Ok(()),
};
