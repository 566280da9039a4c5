//! What is special about a User (RFC 7643 §4.1).

use scim::admit::Admitted;
use serde_json::Value;

use super::{Before, Facts};
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
    indexed: &["emails.value", "phoneNumbers.value", "name.familyName", "name.givenName"],
    relations: &[],
    derived: &[("groups", "Group", "members")],
    display: &["displayName", "name.formatted", "userName"],
    activity: Some("active"),
    rules,
};

fn rules(before: Before<'_>, after: &mut Admitted) -> Result<(), scim::Error> {
    let active = match before {
        // A user who is not said to be inactive is active; what a PUT does not say stays as it was.
        Before::Nothing => {
            let asked = after.document.get(CUSTOM).and_then(|custom| custom.get(GENERATE));
            if let Some(asked) = asked.cloned() {
                after.secrets.insert(GENERATE.to_owned(), asked);
            }
            None
        }
        Before::Replaced(before) => before.get("active"),
        // RFC 7644 §3.5.2.2: what is removed is unassigned; a default is not put in its place.
        Before::Patched(_) => return Ok(()),
    };
    if !after.document.contains_key("active") {
        let active = active.cloned().unwrap_or(Value::Bool(true));
        after.document.insert("active".to_owned(), active);
    }
    Ok(())
}
