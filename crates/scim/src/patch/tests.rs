//! What each operation does to a user, a group and a device, told by what is different afterwards.

mod clients;
mod laws;
mod lists;
mod names;
mod refused;
mod rfc;
mod single;
mod whole;

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::sample::{AUTO, DEVICE, ENTERPRISE, GROUP, PATCH, STRICT, USER, parse as object};

fn ada() -> Object {
    object(
        r#"{ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
                         "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "userName": "ada", "name": { "givenName": "Ada", "familyName": "King" }, "title": "Countess", "active": true,
        "emails": [ { "value": "ada@work.org", "type": "work", "display": "Ada", "primary": true },
                    { "value": "ada@home.org", "type": "home" } ],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
            { "department": "Engines", "manager": { "value": "1", "$ref": "../Users/1" } } }"#,
    )
}

fn printer() -> Object {
    object(
        r#"{ "schemas": ["urn:example:2.0:Device", "urn:example:2.0:Lease"], "name": "printer", "serial": "1",
        "tags": ["red", "blue"], "ports": [ { "value": "a", "speeds": [1, 10], "maker": "m" }, { "value": "b" } ],
        "owner": { "value": "u", "since": "May" }, "seen": "2026-01-01T00:00:00Z", "extra": { "a": 1, "b": { "c": 2 } },
        "urn:example:2.0:Lease": { "contract": "c", "number": "7" } }"#,
    )
}

/// Applies a PATCH body whose operations are written as a JSON list.
fn patched(
    kind: &ResourceType,
    rules: Rules<'_>,
    document: &Object,
    operations: &str,
) -> Result<String, Error> {
    let body =
        object(&format!(r#"{{"schemas":["{}"],"Operations":[{operations}]}}"#, crate::message::PATCH_OP));
    told(kind, rules, document, body)
}

fn told(kind: &ResourceType, rules: Rules<'_>, document: &Object, body: Object) -> Result<String, Error> {
    let out = apply(kind, document, parse(body, rules.dialect, 10)?, rules, &PATCH)?;
    assert_eq!(out.document.keys().next().map(String::as_str), Some("schemas"));
    let mut lines = Vec::new();
    differences(&mut lines, document, &out.document);
    lines.extend(out.secrets.iter().map(|(name, value)| format!("secret {name}: {value}")));
    lines.extend(out.external_id.map(|id| format!("externalId: {}", json!(id))));
    lines.extend(out.relations.iter().map(|change| match change {
        RelationChange::Add { attribute, values } => format!("add {}: {}", attribute.name, json!(values)),
        RelationChange::Remove { attribute, values } => {
            format!("remove {}: {}", attribute.name, json!(values))
        }
        RelationChange::Replace { attribute, values } => {
            format!("replace {}: {}", attribute.name, json!(values))
        }
        RelationChange::RemoveWhere { attribute, filter } => {
            format!("remove {} where {}", attribute.name, written(filter))
        }
        RelationChange::ReplaceWhere { attribute, filter, values } => {
            format!("replace {} where {}: {}", attribute.name, written(filter), json!(values))
        }
    }));
    Ok(if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") })
}

fn written(filter: &BoundFilter<'_>) -> String {
    let mut places = Vec::new();
    filter.mentions(&mut |at| places.push(at.to_string()));
    places.join(", ")
}

fn differences(lines: &mut Vec<String>, before: &Object, after: &Object) {
    for (name, value) in after {
        match (before.get(name), value) {
            (Some(known), value) if known == value => {}
            (known, Value::Object(part)) if name.contains(':') => {
                differences(lines, known.and_then(Value::as_object).unwrap_or(&Object::new()), part);
            }
            (_, value) => lines.push(format!("{name}: {value}")),
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    lines.extend(gone.map(|name| format!("{} is gone", name.rsplit(':').next().unwrap_or_default())));
}

fn check_as(kind: &ResourceType, rules: Rules<'_>, document: &Object, operations: &str, expect: Expect) {
    expect.assert_eq(&patched(kind, rules, document, operations).unwrap_or_else(|e| e.to_string()));
}

/// What both dialects do.
fn check(operations: &str, expect: Expect) {
    let [auto, strict] =
        [AUTO, STRICT].map(|r| patched(&USER, r, &ada(), operations).unwrap_or_else(|e| e.to_string()));
    assert_eq!(auto, strict, "dialects differ on {operations}");
    expect.assert_eq(&auto);
}

fn check_auto(operations: &str, expect: Expect) {
    check_as(&USER, AUTO, &ada(), operations, expect);
}

fn check_strict(operations: &str, expect: Expect) {
    check_as(&USER, STRICT, &ada(), operations, expect);
}

fn check_device(operations: &str, expect: Expect) {
    check_as(&DEVICE, AUTO, &printer(), operations, expect);
}

fn check_group(operations: &str, expect: Expect) {
    let group = object(r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g"}"#);
    check_as(&GROUP, AUTO, &group, operations, expect);
}
