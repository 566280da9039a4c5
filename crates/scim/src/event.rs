//! Events of resources as Security Event Tokens tell them (RFC 9967): which there are, and which attributes a change touched.

use serde_json::Value;

use crate::Object;

/// A resource was created (RFC 9967 §2.4.1).
pub const CREATE: &str = "urn:ietf:params:scim:event:prov:create:notice";
/// A resource was changed in part (RFC 9967 §2.4.2).
pub const PATCH: &str = "urn:ietf:params:scim:event:prov:patch:notice";
/// A resource was replaced (RFC 9967 §2.4.3).
pub const PUT: &str = "urn:ietf:params:scim:event:prov:put:notice";
/// A resource was deleted (RFC 9967 §2.4.4).
pub const DELETE: &str = "urn:ietf:params:scim:event:prov:delete";
/// A resource that was inactive is active (RFC 9967 §2.4.5).
pub const ACTIVATE: &str = "urn:ietf:params:scim:event:prov:activate";
/// A resource that was active is inactive (RFC 9967 §2.4.6).
pub const DEACTIVATE: &str = "urn:ietf:params:scim:event:prov:deactivate";

/// The events that are told. What a resource holds is not among what they tell: who may know it reads it.
pub const ALL: [&str; 6] = [CREATE, PATCH, PUT, DELETE, ACTIVATE, DEACTIVATE];

/// The content of an event that names attributes (RFC 9967 §2.2), each as a PATCH path would.
pub fn notice(attributes: Vec<String>) -> Value {
    Object::from_iter([("attributes".to_owned(), attributes.into())]).into()
}

/// The attributes by which two documents differ; of an extension, each with the schema's URN before it.
pub fn changed(before: &Object, after: &Object) -> Vec<String> {
    let none = Object::new();
    let mut names = Vec::new();
    for name in differing(before, after).filter(|name| *name != "schemas") {
        match (extension(before, name), extension(after, name)) {
            (None, None) => names.push(name.to_owned()),
            (before, after) => {
                let parts = differing(before.unwrap_or(&none), after.unwrap_or(&none));
                names.extend(parts.map(|part| format!("{name}:{part}")));
            }
        }
    }
    names
}

fn differing<'d>(before: &'d Object, after: &'d Object) -> impl Iterator<Item = &'d str> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let other = after.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| name);
    gone.chain(other).map(String::as_str)
}

/// What a document holds of an extension, which alone is called by a URN.
fn extension<'d>(document: &'d Object, name: &str) -> Option<&'d Object> {
    name.contains(':').then(|| document.get(name)).flatten().and_then(Value::as_object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changed_is_named_as_in_a_path() {
        const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let object = |value: Value| value.as_object().cloned().unwrap();
        for (before, after, expected) in [
            (json!({}), json!({}), &[][..]),
            (json!({ "a": 1 }), json!({ "a": 1 }), &[]),
            (json!({}), json!({ "schemas": ["x"], "a": 1, "name": { "b": 2 } }), &["a", "name"]),
            (json!({ "a": 1, "b": 2, "c": 3 }), json!({ "b": 3, "c": 3, "d": 4 }), &["a", "b", "d"]),
            (json!({ "name": { "a": 1 } }), json!({ "name": { "a": 2 } }), &["name"]),
            (json!({ URN: { "a": 1, "b": 2 } }), json!({ URN: { "a": 1, "b": 3 } }), &["URN:b"]),
            (json!({ URN: { "a": 1 } }), json!({ "x": 1 }), &["URN:a", "x"]),
            (json!({}), json!({ URN: { "a": 1 } }), &["URN:a"]),
        ] {
            let found = changed(&object(before.clone()), &object(after.clone()));
            let expected: Vec<String> = expected.iter().map(|name| name.replace("URN", URN)).collect();
            assert_eq!(found, expected, "{before} {after}");
        }
    }
}
