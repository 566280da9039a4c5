//! What each operation does to a user, a group and a device, told by what is different afterwards.

mod clients;
mod laws;
mod rfc;

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::sample::{AUTO, DEVICE, ENTERPRISE, FILTER, GROUP, STRICT, USER, parse as object};

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
    let out = apply(kind, document, parse(body, rules.dialect, 10)?, rules, &FILTER)?;
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

#[test]
fn a_single_value_is_set_and_removed() {
    check(r#"{"op":"add","path":"nickName","value":"A"}"#, expect![[r#"nickName: "A""#]]);
    check(r#"{"op":"add","path":"title","value":"Lady"}"#, expect![[r#"title: "Lady""#]]);
    check(r#"{"op":"replace","path":"TITLE","value":"Lady"}"#, expect![[r#"title: "Lady""#]]);
    check(r#"{"op":"replace","path":"nickName","value":"A"}"#, expect![[r#"nickName: "A""#]]);
    check(r#"{"op":"replace","path":"title","value":null}"#, expect!["title is gone"]);
    check(r#"{"op":"remove","path":"title"}"#, expect!["title is gone"]);
    check(r#"{"op":"remove","path":"nickName"}"#, expect!["nothing"]);
    // A stale value beside a removal says nothing.
    check(r#"{"op":"remove","path":"title","value":"stale"}"#, expect!["title is gone"]);
    check(
        r#"{"op":"replace","path":"title"}"#,
        expect!["invalidValue: `value` is required to replace `title`"],
    );
    check_auto(r#"{"op":"add","path":"title","value":[]}"#, expect!["title is gone"]);
    check_strict(
        r#"{"op":"add","path":"title","value":[]}"#,
        expect!["invalidValue: `title` must be a string"],
    );
    check(r#"{"op":"add","path":"title","value":{}}"#, expect!["invalidValue: `title` must be a string"]);
}

#[test]
fn a_complex_value_is_merged() {
    check(
        r#"{"op":"replace","path":"name","value":{"givenName":"Augusta"}}"#,
        expect![[r#"name: {"givenName":"Augusta","familyName":"King"}"#]],
    );
    check(
        r#"{"op":"add","path":"name","value":{"middleName":"B"}}"#,
        expect![[r#"name: {"givenName":"Ada","familyName":"King","middleName":"B"}"#]],
    );
    check(
        r#"{"op":"replace","path":"name","value":{"givenName":null}}"#,
        expect![[r#"name: {"familyName":"King"}"#]],
    );
    check(
        r#"{"op":"replace","path":"name","value":{"givenName":null,"familyName":null}}"#,
        expect!["name is gone"],
    );
    check(r#"{"op":"replace","path":"name","value":{}}"#, expect!["nothing"]);
    check(r#"{"op":"replace","path":"name","value":null}"#, expect!["name is gone"]);
    check(r#"{"op":"remove","path":"name"}"#, expect!["name is gone"]);
    check(
        r#"{"op":"replace","path":"name","value":{"givenName":"A","GivenName":"B"}}"#,
        expect!["invalidSyntax: `GivenName` stands twice"],
    );
    check(
        r#"{"op":"replace","path":"name.givenName","value":"Augusta"}"#,
        expect![[r#"name: {"givenName":"Augusta","familyName":"King"}"#]],
    );
    check(r#"{"op":"remove","path":"name.givenName"}"#, expect![[r#"name: {"familyName":"King"}"#]]);
    check(r#"{"op":"remove","path":"name.middleName"}"#, expect!["nothing"]);
    check(
        r#"{"op":"remove","path":"name.givenName"},{"op":"remove","path":"name.familyName"}"#,
        expect!["name is gone"],
    );
    check(
        r#"{"op":"replace","path":"name[givenName eq \"Ada\"]","value":{}}"#,
        expect![[r#"invalidPath: `name` has one value; `[givenName eq "Ada"]` cannot choose among them"#]],
    );
    check_auto(r#"{"op":"replace","path":"name","value":{"shoeSize":1}}"#, expect!["nothing"]);
    check_strict(
        r#"{"op":"replace","path":"name","value":{"shoeSize":1}}"#,
        expect!["invalidSyntax: `name.shoeSize` is not an attribute"],
    );
}

#[test]
fn values_are_added_to_a_list_once() {
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"x"}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":{"value":"x"}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"ada@home.org","type":"home"}]}"#,
        expect!["nothing"],
    );
    // Case does not matter in an e-mail address; the element takes what is new.
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"ADA@home.org","type":"Home","display":"D"}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ADA@home.org","type":"Home","display":"D"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"ada@home.org"}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"ada@home.org"}]"#
        ]],
    );
    check(r#"{"op":"add","path":"emails","value":[]}"#, expect!["nothing"]);
    check(r#"{"op":"add","path":"emails","value":null}"#, expect!["nothing"]);
    check(r#"{"op":"add","path":"emails","value":[null]}"#, expect!["nothing"]);
    check(
        r#"{"op":"add","path":"addresses","value":[{"type":"work","country":"GB"}]}"#,
        expect![[r#"addresses: [{"type":"work","country":"GB"}]"#]],
    );
    check_device(
        r#"{"op":"add","path":"tags","value":["RED","green"]}"#,
        expect![[r#"tags: ["red","blue","green"]"#]],
    );
    check_auto(
        r#"{"op":"add","path":"emails","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x"}]"#
        ]],
    );
    check_strict(
        r#"{"op":"add","path":"emails","value":"x"}"#,
        expect!["invalidValue: `emails` must be an object"],
    );
}

#[test]
fn a_list_is_replaced_as_a_whole() {
    check(
        r#"{"op":"replace","path":"emails","value":[{"value":"x"}]}"#,
        expect![[r#"emails: [{"value":"x"}]"#]],
    );
    check(r#"{"op":"replace","path":"emails","value":[]}"#, expect!["emails is gone"]);
    check(r#"{"op":"replace","path":"emails","value":null}"#, expect!["emails is gone"]);
    check_auto(
        r#"{"op":"replace","path":"emails","value":{"value":"x"}}"#,
        expect![[r#"emails: [{"value":"x"}]"#]],
    );
    check_auto(r#"{"op":"replace","path":"emails","value":"x"}"#, expect![[r#"emails: [{"value":"x"}]"#]]);
    check_strict(
        r#"{"op":"replace","path":"emails","value":{"value":"x"}}"#,
        expect!["invalidValue: `emails` must be an array"],
    );
}

#[test]
fn values_are_removed_from_a_list() {
    check(r#"{"op":"remove","path":"emails"}"#, expect!["emails is gone"]);
    check(r#"{"op":"remove","path":"emails","value":null}"#, expect!["emails is gone"]);
    check(r#"{"op":"remove","path":"emails","value":[]}"#, expect!["nothing"]);
    check(
        r#"{"op":"remove","path":"emails","value":[{"value":"ADA@work.org"}]}"#,
        expect![[r#"emails: [{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"remove","path":"emails","value":[{"value":"ada@work.org","type":"home"}]}"#,
        expect!["nothing"],
    );
    check(
        r#"{"op":"remove","path":"emails","value":{"value":"ada@work.org","display":"stale"}}"#,
        expect![[r#"emails: [{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"remove","path":"emails","value":[{"type":"home"}]}"#,
        expect![[r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true}]"#]],
    );
    check(
        r#"{"op":"remove","path":"emails","value":[{"type":"home","display":"stale"}]}"#,
        expect!["nothing"],
    );
    check(
        r#"{"op":"remove","path":"emails[type eq \"home\"]"}"#,
        expect![[r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true}]"#]],
    );
    check(r#"{"op":"remove","path":"emails[type pr]"}"#, expect!["emails is gone"]);
    check(
        r#"{"op":"remove","path":"emails[type eq \"home\"].type"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org"}]"#
        ]],
    );
    check(
        r#"{"op":"remove","path":"emails[type eq \"home\"].value","value":"stale"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"type":"home"}]"#
        ]],
    );
    check(
        r#"{"op":"remove","path":"emails.display"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","primary":true},{"value":"ada@home.org","type":"home"}]"#
        ]],
    );
    check(r#"{"op":"remove","path":"photos.display"}"#, expect!["nothing"]);
    check_auto(r#"{"op":"remove","path":"emails[type eq \"other\"]"}"#, expect!["nothing"]);
    check_strict(
        r#"{"op":"remove","path":"emails[type eq \"other\"]"}"#,
        expect!["noTarget: the path matches no value of `emails`"],
    );
    check_auto(r#"{"op":"remove","path":"emails[type eq \"other\"].value"}"#, expect!["nothing"]);
    check_strict(
        r#"{"op":"remove","path":"emails[type eq \"other\"].value"}"#,
        expect!["noTarget: the path matches no value of `emails`"],
    );
    check_device(r#"{"op":"remove","path":"tags[value eq \"RED\"]"}"#, expect![[r#"tags: ["blue"]"#]]);
    check_device(r#"{"op":"remove","path":"tags","value":["Red"]}"#, expect![[r#"tags: ["blue"]"#]]);
}

#[test]
fn elements_that_match_are_replaced() {
    // What the filter says stays true, what neither says goes.
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"x"}}"#,
        expect![[r#"emails: [{"value":"x","type":"work"},{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"x","type":"other"}]}"#,
        expect![[r#"emails: [{"value":"x","type":"other"},{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"replace","path":"emails[value ew \".org\"]","value":{"value":"x"}}"#,
        expect![[r#"emails: [{"value":"x"}]"#]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":null}"#,
        expect![[r#"emails: [{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":[]}"#,
        expect![[r#"emails: [{"value":"ada@home.org","type":"home"}]"#]],
    );
    check(r#"{"op":"replace","path":"emails[type eq \"work\"]","value":{}}"#, expect!["nothing"]);
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"x"},{"value":"y"}]}"#,
        expect!["invalidValue: one value is expected for what a filter chooses in `emails`"],
    );
    check_auto(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":"x"}"#,
        expect![[r#"emails: [{"value":"x","type":"work"},{"value":"ada@home.org","type":"home"}]"#]],
    );
    check_strict(
        r#"{"op":"replace","path":"emails[type eq \"work\"]","value":"x"}"#,
        expect!["invalidValue: `emails` must be an object"],
    );
    check_device(
        r#"{"op":"replace","path":"tags[value eq \"red\"]","value":"green"}"#,
        expect![[r#"tags: ["green","blue"]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"tags[value eq \"red\"]","value":"blue"}"#,
        expect![[r#"tags: ["blue"]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"tags[value eq \"black\"]","value":"green"}"#,
        expect![[r#"tags: ["red","blue","green"]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"tags[value eq \"red\"]","value":["a","b"]}"#,
        expect!["invalidValue: one value is expected for what a filter chooses in `tags`"],
    );
}

#[test]
fn elements_that_match_are_added_to() {
    check(
        r#"{"op":"add","path":"emails[type eq \"home\"]","value":{"display":"D"}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home","display":"D"}]"#
        ]],
    );
    check(r#"{"op":"add","path":"emails[type eq \"home\"]","value":null}"#, expect!["nothing"]);
    check(
        r#"{"op":"add","path":"emails[type eq \"other\"]","value":{"value":"x"}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x","type":"other"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails[type eq \"other\"].value","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"type":"other","value":"x"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails[type eq \"other\" and primary eq true].value","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home"},{"type":"other","primary":true,"value":"x"}]"#
        ]],
    );
}

#[test]
fn a_filter_that_matches_nothing_creates_what_it_describes() {
    let (auto, strict) = (check_auto, check_strict);
    for (operation, in_auto, in_strict) in [
        (
            r#"{"op":"replace","path":"emails[type eq \"other\"].value","value":"x"}"#,
            expect![[
                r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"type":"other","value":"x"}]"#
            ]],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type eq \"other\"]","value":{"value":"x"}}"#,
            expect![[
                r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x","type":"other"}]"#
            ]],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"addresses[type eq \"work\"].formatted","value":"x"}"#,
            expect![[r#"addresses: [{"type":"work","formatted":"x"}]"#]],
            expect!["noTarget: the path matches no value of `addresses`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type eq \"other\"].value","value":null}"#,
            expect!["nothing"],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type eq \"other\"]","value":{}}"#,
            expect!["nothing"],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type sw \"oth\"].value","value":"x"}"#,
            expect![[r#"noTarget: `emails[type sw "oth"]` matches no value and cannot be created"#]],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"replace","path":"emails[type eq \"a\" and type eq \"b\"].value","value":"x"}"#,
            expect![[
                r#"noTarget: `emails[type eq "a" and type eq "b"]` matches no value and cannot be created"#
            ]],
            expect!["noTarget: the path matches no value of `emails`"],
        ),
        (
            r#"{"op":"add","path":"emails[type eq \"a\" or type eq \"b\"].value","value":"x"}"#,
            expect![[
                r#"noTarget: `emails[type eq "a" or type eq "b"]` matches no value and cannot be created"#
            ]],
            expect![[
                r#"noTarget: `emails[type eq "a" or type eq "b"]` matches no value and cannot be created"#
            ]],
        ),
    ] {
        auto(operation, in_auto);
        strict(operation, in_strict);
    }
}

#[test]
fn a_part_of_all_elements_is_set() {
    check(
        r#"{"op":"replace","path":"emails.display","value":"D"}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"D","primary":true},{"value":"ada@home.org","type":"home","display":"D"}]"#
        ]],
    );
    check(r#"{"op":"add","path":"photos.value","value":"x"}"#, expect![[r#"photos: [{"value":"x"}]"#]]);
    // Two elements that become the same are one.
    check(
        r#"{"op":"remove","path":"emails.display"},{"op":"remove","path":"emails.primary"},
            {"op":"replace","path":"emails.type","value":"t"},{"op":"replace","path":"emails.value","value":"v"}"#,
        expect![[r#"emails: [{"value":"v","type":"t"}]"#]],
    );
}

#[test]
fn one_value_stays_primary() {
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"x","primary":true}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home"},{"value":"x","primary":true}]"#
        ]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home","primary":true}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails[type eq \"home\"]","value":{"primary":true}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home","primary":true}]"#
        ]],
    );
    check(
        r#"{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"x","primary":true}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"x","primary":true,"type":"home"}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"ada@home.org","type":"home","primary":true}]}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home","primary":true}]"#
        ]],
    );
    check(r#"{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}"#, expect!["nothing"]);
    check(
        r#"{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"}"#,
        expect![[
            r#"emails: [{"value":"x","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"}]"#
        ]],
    );
    check(
        r#"{"op":"replace","path":"emails.primary","value":true}"#,
        expect!["invalidValue: `emails` would have more than one primary value"],
    );
    check(
        r#"{"op":"replace","path":"emails.primary","value":false}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":false},{"value":"ada@home.org","type":"home","primary":false}]"#
        ]],
    );
    check(
        r#"{"op":"add","path":"emails","value":[{"value":"x","primary":true},{"value":"y","primary":true}]}"#,
        expect!["invalidValue: `emails` has more than one primary value"],
    );
}

#[test]
fn what_clients_cannot_change_is_refused() {
    check(r#"{"op":"replace","path":"id","value":"7"}"#, expect!["mutability: `id` is read-only"]);
    check(r#"{"op":"remove","path":"meta.version"}"#, expect!["mutability: `meta.version` is read-only"]);
    check(
        r#"{"op":"add","path":"groups","value":[{"value":"g"}]}"#,
        expect!["mutability: `groups` is read-only"],
    );
    check(
        &format!(r#"{{"op":"add","path":"{ENTERPRISE}:manager.displayName","value":"M"}}"#),
        expect!["mutability: `manager.displayName` is read-only"],
    );
    // Within a larger value it is passed over, as in a PUT.
    check(
        &format!(r#"{{"op":"add","path":"{ENTERPRISE}:manager","value":{{"displayName":"M"}}}}"#),
        expect!["nothing"],
    );
    check(r#"{"op":"remove","path":"userName"}"#, expect!["mutability: `userName` cannot be removed"]);
    check(
        r#"{"op":"replace","path":"userName","value":null}"#,
        expect!["mutability: `userName` cannot be removed"],
    );
    check(
        r#"{"op":"replace","path":"userName","value":" "}"#,
        expect!["invalidValue: `userName` is required"],
    );
    // Not even if it comes back at once.
    check(
        r#"{"op":"remove","path":"userName"},{"op":"add","path":"userName","value":"b"}"#,
        expect!["mutability: `userName` cannot be removed"],
    );
    check_device(r#"{"op":"remove","path":"tags"}"#, expect!["mutability: `tags` cannot be removed"]);
    check_device(
        r#"{"op":"replace","path":"tags","value":[]}"#,
        expect!["mutability: `tags` cannot be removed"],
    );
    check_device(
        r#"{"op":"remove","path":"tags[value pr]"}"#,
        expect!["mutability: `tags` cannot be removed"],
    );
    check_device(
        r#"{"op":"remove","path":"ports[value eq \"a\"].value"}"#,
        expect!["mutability: `ports.value` cannot be removed"],
    );
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"].state","value":"up"}"#,
        expect!["mutability: `ports.state` is read-only"],
    );
    check_device(
        r#"{"op":"add","path":"ports[maker eq \"x\"].speeds","value":[1]}"#,
        expect!["invalidValue: `ports.value` is required"],
    );
    check_device(
        r#"{"op":"remove","path":"owner.value"}"#,
        expect!["mutability: `owner.value` cannot be removed"],
    );
    check_device(
        r#"{"op":"replace","path":"seen","value":null}"#,
        expect!["mutability: `seen` is read-only"],
    );
}

#[test]
fn what_is_immutable_is_set_once() {
    check_device(
        r#"{"op":"replace","path":"serial","value":"2"}"#,
        expect!["mutability: `serial` cannot change once it is set"],
    );
    check_device(r#"{"op":"add","path":"serial","value":"1"}"#, expect!["nothing"]);
    check_device(r#"{"op":"remove","path":"serial"}"#, expect!["mutability: `serial` cannot be removed"]);
    check_device(
        r#"{"op":"add","path":"ports[value eq \"b\"].maker","value":"x"}"#,
        expect![[r#"ports: [{"value":"a","speeds":[1,10],"maker":"m"},{"value":"b","maker":"x"}]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"].maker","value":"x"}"#,
        expect!["mutability: `ports.maker` cannot change once it is set"],
    );
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"].maker","value":null}"#,
        expect!["mutability: `ports.maker` cannot change once it is set"],
    );
    check_device(
        r#"{"op":"add","path":"ports[value eq \"a\"]","value":{"maker":"x"}}"#,
        expect!["mutability: `ports.maker` cannot change once it is set"],
    );
    // An element as a whole is another one afterwards.
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"]","value":{"maker":"x"}}"#,
        expect![[r#"ports: [{"maker":"x","value":"a"},{"value":"b"}]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"owner","value":{"since":"June"}}"#,
        expect!["mutability: `owner.since` cannot change once it is set"],
    );
    check_device(
        r#"{"op":"replace","path":"owner","value":{"value":"v"}}"#,
        expect![[r#"owner: {"value":"v","since":"May"}"#]],
    );
    let mut bare = printer();
    bare.shift_remove("serial");
    let twice = r#"{"op":"add","path":"serial","value":"1"},{"op":"add","path":"serial","value":"2"}"#;
    check_as(&DEVICE, AUTO, &bare, twice, expect!["mutability: `serial` cannot change once it is set"]);
}

#[test]
fn sub_attributes_may_be_lists() {
    check_device(
        r#"{"op":"add","path":"ports[value eq \"a\"].speeds","value":[10,100]}"#,
        expect![[r#"ports: [{"value":"a","speeds":[1,10,100],"maker":"m"},{"value":"b"}]"#]],
    );
    check_device(
        r#"{"op":"replace","path":"ports[value eq \"a\"].speeds","value":[100]}"#,
        expect![[r#"ports: [{"value":"a","speeds":[100],"maker":"m"},{"value":"b"}]"#]],
    );
    check_device(
        r#"{"op":"remove","path":"ports[value eq \"a\"].speeds","value":[1]}"#,
        expect![[r#"ports: [{"value":"a","speeds":[10],"maker":"m"},{"value":"b"}]"#]],
    );
    check_device(
        r#"{"op":"remove","path":"ports[value eq \"a\"].speeds"}"#,
        expect![[r#"ports: [{"value":"a","maker":"m"},{"value":"b"}]"#]],
    );
}

#[test]
fn any_json_object_is_merged_by_its_names() {
    check_device(
        r#"{"op":"replace","path":"extra","value":{"a":null,"b":{"d":3}}}"#,
        expect![[r#"extra: {"b":{"d":3}}"#]],
    );
    check_device(r#"{"op":"replace","path":"extra","value":{"a":null,"b":null}}"#, expect!["extra is gone"]);
    check_device(r#"{"op":"remove","path":"extra"}"#, expect!["extra is gone"]);
    check_device(r#"{"op":"replace","path":"extra","value":[]}"#, expect!["extra is gone"]);
}

#[test]
fn without_a_path_the_value_is_attributes() {
    check(
        r#"{"op":"replace","value":{"title":"Lady","active":false,"name":{"middleName":"B"}}}"#,
        expect![[r#"
        name: {"givenName":"Ada","familyName":"King","middleName":"B"}
        title: "Lady"
        active: false"#]],
    );
    check(
        r#"{"op":"add","value":{"emails":[{"value":"x"}]}}"#,
        expect![[
            r#"emails: [{"value":"ada@work.org","type":"work","display":"Ada","primary":true},{"value":"ada@home.org","type":"home"},{"value":"x"}]"#
        ]],
    );
    check(r#"{"op":"replace","value":{"emails":[{"value":"x"}]}}"#, expect![[r#"emails: [{"value":"x"}]"#]]);
    check(r#"{"op":"replace","value":{"title":null}}"#, expect!["title is gone"]);
    check(r#"{"op":"replace","value":{}}"#, expect!["nothing"]);
    check(
        r#"{"op":"replace","value":{"title":"a","TITLE":"b"}}"#,
        expect!["invalidSyntax: `TITLE` stands twice"],
    );
    check(
        r#"{"op":"replace","value":"title"}"#,
        expect!["invalidValue: without a `path`, `value` must be an object of attributes"],
    );
    check(
        r#"{"op":"replace"}"#,
        expect!["invalidValue: without a `path`, `value` must be an object of attributes"],
    );
    check(r#"{"op":"remove"}"#, expect!["noTarget: `remove` needs a `path`"]);
    check(r#"{"op":"remove","value":{"title":"Countess"}}"#, expect!["noTarget: `remove` needs a `path`"]);
    let whole = r#"{"op":"replace","value":{"schemas":[],"id":"7","meta":{},"groups":[],"title":"Lady"}}"#;
    check_auto(whole, expect![[r#"title: "Lady""#]]);
    check_strict(whole, expect!["mutability: `id` is read-only"]);
    check_auto(
        r#"{"op":"replace","value":{"shoeSize":42,"no name!":1,"name.shoeSize":1}}"#,
        expect!["nothing"],
    );
    check_strict(
        r#"{"op":"replace","value":{"shoeSize":42}}"#,
        expect!["invalidPath: `shoeSize` is not an attribute of User"],
    );
    check_auto(r#"{"op":"replace","path":"","value":{"title":"Lady"}}"#, expect![[r#"title: "Lady""#]]);
    check_strict(
        r#"{"op":"replace","path":"","value":{"title":"Lady"}}"#,
        expect!["invalidPath: `` is not the name of an attribute"],
    );
}

#[test]
fn extensions_come_and_go() {
    let custom = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
    check(
        &format!(r#"{{"op":"add","path":"{custom}:company","value":"C"}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:ietf:params:scim:schemas:extension:custom:2.0:User"]
        company: "C""#]],
    );
    check(
        &format!(r#"{{"op":"add","value":{{"{custom}":{{"company":"C","properties":{{"a":1}}}}}}}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:ietf:params:scim:schemas:extension:custom:2.0:User"]
        company: "C"
        properties: {"a":1}"#]],
    );
    check(
        &format!(r#"{{"op":"add","path":"{custom}","value":{{"company":"C"}}}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:ietf:params:scim:schemas:extension:custom:2.0:User"]
        company: "C""#]],
    );
    check(
        &format!(r#"{{"op":"replace","path":"{ENTERPRISE}","value":{{"division":"D"}}}}"#),
        expect![[r#"division: "D""#]],
    );
    check(
        &format!(r#"{{"op":"remove","path":"{ENTERPRISE}"}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"]
        User is gone"#]],
    );
    check(
        &format!(r#"{{"op":"replace","value":{{"{ENTERPRISE}":null}}}}"#),
        expect![[r#"
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"]
        User is gone"#]],
    );
    check(&format!(r#"{{"op":"add","value":{{"{ENTERPRISE}":null}}}}"#), expect!["nothing"]);
    check(
        &format!(r#"{{"op":"replace","path":"{ENTERPRISE}"}}"#),
        expect![
            "invalidValue: `value` is required to replace `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`"
        ],
    );
    check(
        &format!(r#"{{"op":"replace","path":"{ENTERPRISE}","value":"x"}}"#),
        expect![
            "invalidValue: `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User` must be an object"
        ],
    );
    check(
        &format!(r#"{{"op":"add","path":"{ENTERPRISE}","value":{{"division":"a","Division":"b"}}}}"#),
        expect!["invalidSyntax: `Division` stands twice"],
    );
    check(
        &format!(
            r#"{{"op":"remove","path":"{ENTERPRISE}:department"}},{{"op":"remove","path":"{ENTERPRISE}:manager"}}"#
        ),
        expect![[r#"
            schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"]
            User is gone"#]],
    );
    check(
        r#"{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:User:title"}"#,
        expect!["title is gone"],
    );
    check(
        r#"{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User","value":{"title":"Lady"}}"#,
        expect![[r#"title: "Lady""#]],
    );
    check(
        r#"{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:User"}"#,
        expect!["noTarget: `remove` needs a `path`"],
    );
    check_device(
        r#"{"op":"remove","path":"urn:example:2.0:Lease"}"#,
        expect!["mutability: `number` cannot be removed"],
    );
    check_device(
        r#"{"op":"remove","path":"urn:example:2.0:Lease:contract"}"#,
        expect!["mutability: `contract` cannot be removed"],
    );
    // What the extension requires goes with it.
    let mut free = printer();
    free["urn:example:2.0:Lease"] = json!({ "contract": "c" });
    check_as(
        &DEVICE,
        AUTO,
        &free,
        r#"{"op":"remove","path":"urn:example:2.0:Lease"}"#,
        expect![[r#"
        schemas: ["urn:example:2.0:Device"]
        Lease is gone
        secret code: null"#]],
    );
    let mut bound = DEVICE.clone();
    bound.extensions[0].required = true;
    check_as(
        &bound,
        AUTO,
        &free,
        r#"{"op":"remove","path":"urn:example:2.0:Lease"}"#,
        expect!["mutability: `urn:example:2.0:Lease` cannot be removed"],
    );
    free.shift_remove("urn:example:2.0:Lease");
    check_as(
        &DEVICE,
        AUTO,
        &free,
        r#"{"op":"add","path":"urn:example:2.0:Lease:rate","value":1}"#,
        expect!["invalidValue: `contract` is required"],
    );
}

#[test]
fn a_manager_is_an_object_a_string_or_nobody() {
    let check = |value: &str, auto: Expect, strict: Expect| {
        let operation = format!(r#"{{"op":"replace","path":"{ENTERPRISE}:manager","value":{value}}}"#);
        check_auto(&operation, auto);
        check_strict(&operation, strict);
    };
    // The old `$ref` would name somebody else.
    check(
        r#"{"value":"2"}"#,
        expect![[r#"manager: {"value":"2"}"#]],
        expect![[r#"manager: {"value":"2","$ref":"../Users/1"}"#]],
    );
    check(
        r#"{"$ref":"../Users/2","value":"2"}"#,
        expect![[r#"manager: {"value":"2","$ref":"../Users/2"}"#]],
        expect![[r#"manager: {"value":"2","$ref":"../Users/2"}"#]],
    );
    check(r#"{"value":"1"}"#, expect!["nothing"], expect!["nothing"]);
    check(
        r#""2""#,
        expect![[r#"manager: {"value":"2"}"#]],
        expect!["invalidValue: `manager` must be an object"],
    );
    check(r#""""#, expect!["manager is gone"], expect!["invalidValue: `manager` must be an object"]);
    check("null", expect!["manager is gone"], expect!["manager is gone"]);
    check(
        r#"[{"value":"2"}]"#,
        expect![[r#"manager: {"value":"2"}"#]],
        expect!["invalidValue: `manager` must be an object"],
    );
    check("{}", expect!["nothing"], expect!["nothing"]);
}

#[test]
fn secrets_and_external_ids_are_handed_over() {
    check(
        r#"{"op":"replace","path":"password","value":"s3cret"}"#,
        expect![[r#"secret password: "s3cret""#]],
    );
    check(r#"{"op":"remove","path":"password"}"#, expect!["secret password: null"]);
    check(r#"{"op":"replace","value":{"password":null}}"#, expect!["secret password: null"]);
    check(
        r#"{"op":"replace","path":"password","value":{}}"#,
        expect!["invalidValue: `password` must be a string"],
    );
    check(
        r#"{"op":"replace","path":"password[value eq \"x\"]","value":"y"}"#,
        expect!["invalidFilter: `password` cannot be filtered on"],
    );
    check(r#"{"op":"add","path":"externalId","value":"7"}"#, expect![[r#"externalId: "7""#]]);
    check(r#"{"op":"replace","value":{"externalId":null}}"#, expect!["externalId: null"]);
    check(r#"{"op":"remove","path":"externalId"}"#, expect!["externalId: null"]);
    check(
        r#"{"op":"replace","path":"externalId"}"#,
        expect!["invalidValue: `value` is required to replace `externalId`"],
    );
    check(r#"{"op":"remove","path":"schemas"}"#, expect!["nothing"]);
    check_device(
        r#"{"op":"replace","value":{"urn:example:2.0:Lease":{"code":"x"}}}"#,
        expect![[r#"secret code: "x""#]],
    );
}

#[test]
fn members_become_changes() {
    check_group(
        r#"{"op":"add","path":"members","value":[{"value":"1","display":"Ada"}]}"#,
        expect![[r#"add members: [{"value":"1"}]"#]],
    );
    check_group(r#"{"op":"add","path":"members","value":[]}"#, expect!["add members: []"]);
    check_group(
        r#"{"op":"replace","path":"members","value":[{"value":"1"},{"value":"2"}]}"#,
        expect![[r#"replace members: [{"value":"1"},{"value":"2"}]"#]],
    );
    check_group(r#"{"op":"replace","path":"members","value":[]}"#, expect!["replace members: []"]);
    check_group(r#"{"op":"remove","path":"members"}"#, expect!["replace members: []"]);
    check_group(r#"{"op":"remove","path":"members","value":[]}"#, expect!["remove members: []"]);
    check_group(
        r#"{"op":"remove","path":"members[value eq \"1\"]"}"#,
        expect!["remove members where members.value"],
    );
    check_group(
        r#"{"op":"remove","path":"members[type eq \"Group\" or display sw \"A\"]"}"#,
        expect!["remove members where members.type, members.display"],
    );
    check_group(
        r#"{"op":"add","path":"members[value eq \"1\"]","value":{"type":"User"}}"#,
        expect![[r#"add members: [{"type":"User","value":"1"}]"#]],
    );
    check_group(
        r#"{"op":"replace","path":"members[value eq \"1\"]","value":{"value":"2"}}"#,
        expect![[r#"
        remove members where members.value
        add members: [{"value":"2"}]"#]],
    );
    check_group(
        r#"{"op":"replace","path":"members[type eq \"User\"]","value":[{"value":"2"},{"value":"3"}]}"#,
        expect![[r#"
        remove members where members.type
        add members: [{"value":"2","type":"User"},{"value":"3","type":"User"}]"#]],
    );
    check_group(
        r#"{"op":"replace","path":"members[value eq \"1\"]","value":null}"#,
        expect![[r#"
        remove members where members.value
        add members: []"#]],
    );
    check_group(
        r#"{"op":"add","path":"members[type pr]","value":{"type":"User"}}"#,
        expect!["invalidValue: `members.value` is required"],
    );
    check_group(
        r#"{"op":"replace","path":"members[value eq \"1\"].value","value":"2"}"#,
        expect!["mutability: the parts of `members` cannot change; add or remove whole values"],
    );
    check_group(
        r#"{"op":"replace","path":"members.value","value":"2"}"#,
        expect!["mutability: the parts of `members` cannot change; add or remove whole values"],
    );
    check_group(
        r#"{"op":"add","path":"members","value":[{"display":"Ada"}]}"#,
        expect!["invalidValue: `members.value` is required"],
    );
    check_group(
        r#"{"op":"add","path":"members"}"#,
        expect!["invalidValue: `value` is required to add to `members`"],
    );
    // Changes keep their order.
    check_group(
        r#"{"op":"remove","path":"members[value eq \"1\"]"},{"op":"add","path":"members","value":[{"value":"2"}]},
           {"op":"replace","value":{"displayName":"h"}}"#,
        expect![[r#"
            displayName: "h"
            remove members where members.value
            add members: [{"value":"2"}]"#]],
    );
}

#[test]
fn a_path_that_names_nothing_is_refused() {
    check(
        r#"{"op":"add","path":"shoeSize","value":42}"#,
        expect!["invalidPath: `shoeSize` is not an attribute of User"],
    );
    check(
        r#"{"op":"add","path":"name.shoeSize","value":42}"#,
        expect!["invalidPath: `name` has no sub-attribute `shoeSize`"],
    );
    check(
        r#"{"op":"remove","path":"emails[shoeSize eq 42]"}"#,
        expect!["invalidFilter: `emails` has no sub-attribute `shoeSize`"],
    );
    check(
        r#"{"op":"remove","path":"emails[type eq \"work\""}"#,
        expect!["invalidFilter: column 22: expected `and`, `or` or `]`, found the end"],
    );
    check(
        r#"{"op":"remove","path":"title[value eq \"x\"]"}"#,
        expect!["invalidFilter: `title` has no elements to filter"],
    );
    check(
        r#"{"op":"remove","path":"urn:x:y:title"}"#,
        expect!["invalidPath: `urn:x:y:title` is not an attribute of User"],
    );
}

#[test]
fn limits_are_kept() {
    let many: Vec<Value> = (0..19).map(|n| json!({ "value": n.to_string() })).collect();
    check(
        &json!({ "op": "add", "path": "emails", "value": many }).to_string(),
        expect!["invalidValue: `emails` would have more than 20 values"],
    );
    let too_many: Vec<Value> = (0..21).map(|n| json!({ "value": n.to_string() })).collect();
    check(
        &json!({ "op": "add", "path": "emails", "value": too_many }).to_string(),
        expect!["invalidValue: `emails` has more than 20 values"],
    );
    check(
        &format!(r#"{{"op":"remove","path":"emails[type eq \"{}\"]"}}"#, "x".repeat(500)),
        expect!["invalidPath: longer than 400 bytes"],
    );
    check(
        &[r#"{"op":"remove","path":"title"}"#; 11].join(","),
        expect!["invalidValue: `Operations` holds more than 10 operations"],
    );
}

#[test]
fn a_patch_has_only_so_many_comparisons() {
    let limits = admit::Limits { values: 1000, ..crate::sample::LIMITS };
    let rules = Rules { limits: &limits, ..AUTO };
    let numbered =
        |from: usize| (from..from + 500).map(|n| json!({ "value": n.to_string() })).collect::<Vec<_>>();
    let mut user = ada();
    user.insert("roles".to_owned(), json!(numbered(0)));
    let removal =
        Operation { op: Op::Remove, path: Some("roles".to_owned()), value: Some(json!(numbered(500))) };
    assert!(apply(&USER, &user, vec![removal.clone(); 15], rules, &FILTER).is_ok());
    let refused = apply(&USER, &user, vec![removal; 16], rules, &FILTER).unwrap_err();
    expect!["invalidValue: the operations need more than 4000000 comparisons of values"]
        .assert_eq(&refused.to_string());
}

#[test]
fn what_is_not_a_patch_body_is_refused() {
    let check = |rules: Rules<'_>, body: &str, expect: Expect| {
        expect.assert_eq(&told(&USER, rules, &ada(), object(body)).unwrap_or_else(|e| e.to_string()));
    };
    check(AUTO, r#"{"Operations":[]}"#, expect!["nothing"]);
    check(
        AUTO,
        r#"{"operations":[{"OP":"REPLACE","Path":"title","VALUE":"Lady"}]}"#,
        expect![[r#"title: "Lady""#]],
    );
    check(AUTO, r#"{"Operations":[],"operations":[]}"#, expect!["invalidSyntax: `Operations` stands twice"]);
    check(
        AUTO,
        r#"{"Operations":[{"op":"add","Op":"remove","path":"title"}]}"#,
        expect!["invalidSyntax: `op` stands twice"],
    );
    check(
        AUTO,
        r#"{"op":"replace","path":"title","value":"Lady"}"#,
        expect!["invalidSyntax: `Operations` must be an array"],
    );
    check(AUTO, r#"{"Operations":{}}"#, expect!["invalidSyntax: `Operations` must be an array"]);
    check(AUTO, r#"{"Operations":[7]}"#, expect!["invalidSyntax: `Operations[0]` must be an object"]);
    check(
        AUTO,
        r#"{"Operations":[{"path":"title"}]}"#,
        expect!["invalidSyntax: `Operations[0].op` is required"],
    );
    check(
        AUTO,
        r#"{"Operations":[{"op":"move","path":"title"}]}"#,
        expect!["invalidSyntax: `op` is `add`, `remove` or `replace`, not `move`"],
    );
    check(
        AUTO,
        r#"{"Operations":[{"op":"remove","path":7}]}"#,
        expect!["invalidPath: `Operations[0].path` must be a string"],
    );
    check(
        AUTO,
        r#"{"Operations":[{"op":"add","path":{"a":1},"value":{"title":"x"}}]}"#,
        expect!["invalidPath: `Operations[0].path` is an object that names no attribute"],
    );
    check(
        STRICT,
        r#"{"Operations":[{"op":"remove","path":"title"}]}"#,
        expect!["invalidSyntax: `schemas` must name `urn:ietf:params:scim:api:messages:2.0:PatchOp`"],
    );
    let schemas = format!(r#""schemas":["{}"]"#, crate::message::PATCH_OP);
    check(
        STRICT,
        &format!(r#"{{{schemas},"Operations":[]}}"#),
        expect!["invalidSyntax: `Operations` must not be empty"],
    );
    check(
        STRICT,
        &format!(r#"{{{schemas},"operations":[]}}"#),
        expect!["invalidSyntax: `Operations` must be an array"],
    );
    check(
        STRICT,
        &format!(r#"{{{schemas},"Operations":[{{"op":"Remove","path":"title"}}]}}"#),
        expect!["invalidSyntax: `op` is `add`, `remove` or `replace`, not `Remove`"],
    );
    check(
        STRICT,
        &format!(r#"{{{schemas},"Operations":[{{"op":"remove","path":{{}}}}]}}"#),
        expect!["invalidPath: `Operations[0].path` must be a string"],
    );
}

#[test]
fn an_error_leaves_everything_as_it_was() {
    let before = ada();
    let operations = r#"{"op":"replace","path":"title","value":"Lady"},{"op":"remove","path":"userName"}"#;
    assert!(patched(&USER, AUTO, &before, operations).is_err());
    assert_eq!(before, ada());
}
