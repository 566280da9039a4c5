//! What is special about a User (RFC 7643 §4.1).

use scim::Object;
use scim::admit::Admitted;
use serde_json::Value;

use super::facts::{Facts, Far, PLAIN};
use super::{Before, active};
use crate::password::GENERATE;

/// The extension that can ask for a password to be made.
const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";

pub(super) static USER: Facts = Facts {
    name: "User",
    endpoint: "Users",
    description: "People and services that can sign in",
    schema: include_str!("user.json"),
    extensions: &[include_str!("enterprise_user.json"), include_str!("custom_user.json")],
    unique: &["userName"],
    indexed: &["emails.value", "phoneNumbers.value", "name.familyName", "name.givenName", "roles.value"],
    derived: &[
        ("groups", "Group", "members", Far::Nested),
        ("roles", "Role", "members", Far::Through("Group", "members")),
    ],
    mention: Some((
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "User",
        "displayName",
    )),
    display: &["displayName", "name.formatted", "userName"],
    activity: Some(active::ACTIVE),
    rules,
    ..PLAIN
};

/// Whether a user may do anything at all.
pub(crate) fn is_active(user: &Object) -> bool {
    let blocked = user.get(CUSTOM).and_then(|custom| custom.get("blocked"));
    user.get("active") != Some(&Value::Bool(false)) && blocked != Some(&Value::Bool(true))
}

/// Of `roles`, what this server shows beside what clients set. Sent back, it is not kept: to give somebody a role is to
/// make them its member.
const SHOWN: [&str; 2] = ["direct", "indirect"];

fn rules(before: Before<'_>, after: &mut Admitted) -> Result<(), scim::Error> {
    if let Some(Value::Array(roles)) = after.document.get_mut("roles") {
        let is_shown =
            |role: &Value| role.get("type").and_then(Value::as_str).is_some_and(|t| SHOWN.contains(&t));
        roles.retain(|role| !is_shown(role));
        if roles.is_empty() {
            after.document.shift_remove("roles");
        }
    }
    if matches!(before, Before::Nothing) {
        let asked = after.document.get(CUSTOM).and_then(|custom| custom.get(GENERATE));
        if let Some(asked) = asked.cloned() {
            after.secrets.insert(GENERATE.to_owned(), asked);
        }
    }
    active::unless_said(before, after);
    Ok(())
}
