//! What is special about a User (RFC 7643 §4.1).

use scim::Object;
use scim::admit::Admitted;
use serde_json::Value;

use super::Facts;

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

fn rules(before: Option<&Object>, after: &mut Admitted) -> Result<(), scim::Error> {
    // A user who is not said to be inactive is active; what is not said later stays as it was.
    if !after.document.contains_key("active") {
        let active = before.and_then(|b| b.get("active")).cloned().unwrap_or(Value::Bool(true));
        after.document.insert("active".to_owned(), active);
    }
    Ok(())
}
