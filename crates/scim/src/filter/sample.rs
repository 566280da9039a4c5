//! Resource types like User and Group, and documents, for the tests of filters and paths.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Filter, Limits};
use crate::Object;
use crate::path::AttrPath;
use crate::schema::{Extension, ResourceType, Schema};

pub(crate) const LIMITS: Limits = Limits { bytes: 4096, depth: 8, terms: 32 };

const USER: &str = r#"{ "id": "urn:ietf:params:scim:schemas:core:2.0:User", "name": "User", "attributes": [
  { "name": "userName", "type": "string", "required": true, "uniqueness": "server" },
  { "name": "name", "type": "complex", "subAttributes": [
    { "name": "givenName" }, { "name": "familyName" } ] },
  { "name": "title" }, { "name": "userType" },
  { "name": "nickName", "caseExact": true },
  { "name": "profileUrl", "type": "reference", "referenceTypes": ["external"], "caseExact": true },
  { "name": "active", "type": "boolean" },
  { "name": "age", "type": "integer" },
  { "name": "score", "type": "decimal" },
  { "name": "hired", "type": "dateTime" },
  { "name": "photo", "type": "binary" },
  { "name": "tags", "multiValued": true },
  { "name": "password", "mutability": "writeOnly", "returned": "never" },
  { "name": "emails", "type": "complex", "multiValued": true, "subAttributes": [
    { "name": "value" }, { "name": "type" }, { "name": "primary", "type": "boolean" } ] },
  { "name": "ims", "type": "complex", "multiValued": true, "subAttributes": [
    { "name": "value" }, { "name": "type" } ] },
  { "name": "groups", "type": "complex", "multiValued": true, "mutability": "readOnly", "subAttributes": [
    { "name": "value", "caseExact": true },
    { "name": "$ref", "type": "reference", "caseExact": true } ] } ] }"#;

const ENTERPRISE: &str = r#"{ "id": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "name": "EnterpriseUser",
  "attributes": [
  { "name": "employeeNumber" }, { "name": "department" },
  { "name": "manager", "type": "complex", "subAttributes": [
    { "name": "value" }, { "name": "$ref", "type": "reference", "caseExact": true }, { "name": "displayName" } ] } ] }"#;

const CUSTOM: &str = r#"{ "id": "urn:example:2.0:User", "name": "Custom", "attributes": [
  { "name": "department" }, { "name": "secret", "returned": "never" }, { "name": "properties", "type": "complex" },
  { "name": "vault", "type": "complex", "returned": "never" } ] }"#;

const GROUP: &str = r#"{ "id": "urn:ietf:params:scim:schemas:core:2.0:Group", "name": "Group", "attributes": [
  { "name": "displayName" },
  { "name": "active", "type": "string" },
  { "name": "members", "type": "complex", "multiValued": true, "subAttributes": [
    { "name": "value", "caseExact": true }, { "name": "type" } ] } ] }"#;

pub(crate) fn user() -> ResourceType {
    let mut schema = Schema::parse(USER).unwrap();
    schema.attributes.find_mut("userName").unwrap().precis = true;
    let extension = |text| Extension { schema: Arc::new(Schema::parse(text).unwrap()), required: false };
    ResourceType {
        name: "User".to_owned(),
        endpoint: "Users".to_owned(),
        description: String::new(),
        schema: Arc::new(schema),
        extensions: vec![extension(ENTERPRISE), extension(CUSTOM)],
    }
}

pub(crate) fn group() -> ResourceType {
    ResourceType {
        name: "Group".to_owned(),
        endpoint: "Groups".to_owned(),
        description: String::new(),
        schema: Arc::new(Schema::parse(GROUP).unwrap()),
        extensions: Vec::new(),
    }
}

pub(crate) fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

/// Three people whose values differ wherever a filter may look.
pub(crate) fn people() -> Vec<Object> {
    [
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
                        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
            "id": "1", "externalId": "Ext-1", "userName": "bjensen", "title": "Vice President",
            "userType": "Employee", "nickName": "Babs", "active": true, "age": 42, "score": 4.5,
            "hired": "2010-05-13T04:42:34Z", "photo": "AbC=", "tags": ["Red", "blue"],
            "profileUrl": "https://example.com/Babs", "password": "x",
            "name": { "givenName": "Barbara", "familyName": "Jensen" },
            "emails": [
                { "value": "bjensen@example.com", "type": "work", "primary": true },
                { "value": "babs@jensen.org", "type": "home" } ],
            "ims": [{ "value": "babs@foo.com", "type": "xmpp" }],
            "groups": [{ "value": "G1", "$ref": "../Groups/G1" }],
            "meta": { "resourceType": "User", "lastModified": "2011-05-13T04:42:34.000Z" },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                "employeeNumber": "701984", "department": "Tours", "manager": { "value": "26" } }
        }),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "2", "userName": "Jürgen", "userType": "Intern", "active": false, "age": 17, "score": 4,
            "hired": "2012-01-01T00:00:00+01:00", "tags": [], "title": "",
            "name": { "givenName": "Jürgen", "familyName": "O'Malley" },
            "emails": [
                { "value": "j@example.org", "type": "work" },
                { "value": "j@example.com", "type": "home" } ],
            "meta": { "resourceType": "User", "lastModified": "2011-05-13T06:42:34.001+02:00" }
        }),
        json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "3", "userName": "no body",
                "meta": { "resourceType": "User", "lastModified": "2010-01-01T00:00:00Z" } }),
    ]
    .into_iter()
    .map(object)
    .collect()
}

/// Random documents with the attributes that [`terms`] names.
pub(crate) fn documents() -> impl Strategy<Value = Object> {
    let text = || prop::sample::select(vec!["", "a", "A", "ab", "B", "é", "É", "aé"]).prop_map(Value::from);
    let number = || prop_oneof![Just(json!(1)), Just(json!(1.0)), Just(json!(-2)), Just(json!(1.5))];
    let element = || {
        prop::option::of((prop::option::of(text()), prop::option::of(any::<bool>()))).prop_map(|parts| {
            let mut element = Object::new();
            let (value, primary) = parts.unwrap_or_default();
            element.extend(value.map(|value| ("value".to_owned(), value)));
            element.extend(primary.map(|primary| ("primary".to_owned(), json!(primary))));
            Value::Object(element)
        })
    };
    let part = prop_oneof![
        text(),
        number(),
        any::<bool>().prop_map(Value::from),
        Just(json!(null)),
        Just(json!({ "a": "a" })),
        prop::collection::vec(prop_oneof![text(), number()], 0..3).prop_map(Value::from),
    ];
    let values = (
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(number()),
        prop::option::of(prop::collection::vec(text(), 0..3).prop_map(Value::from)),
        prop::option::of(prop::collection::vec(element(), 0..3).prop_map(Value::from)),
        prop::option::of(text()),
        prop::option::of(part),
    );
    values.prop_map(|(user_name, nick_name, score, tags, emails, department, part)| {
        let named = [
            ("userName", user_name),
            ("nickName", nick_name),
            ("score", score),
            ("tags", tags),
            ("emails", emails),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                department.map(|department| json!({ "department": department })),
            ),
            ("urn:example:2.0:User", part.map(|part| json!({ "properties": { "k": part } }))),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

/// Random filters that bind to [`user`], made of [`terms`].
pub(crate) fn comparisons() -> impl Strategy<Value = Filter> {
    terms().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|f| Filter::Not(Box::new(f))),
        ]
    })
}

/// Random comparisons that bind to [`user`].
pub(crate) fn terms() -> impl Strategy<Value = Filter> {
    let parse = |text: String| super::parse(&text, &LIMITS, crate::quirks::Dialect::Strict).unwrap();
    let names = || {
        prop::sample::select(vec![
            "userName",
            "nickName",
            "tags",
            "emails.value",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "urn:example:2.0:User:properties.k",
        ])
    };
    let operators = || prop::sample::select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
    let orders = || prop::sample::select(vec!["eq", "ne", "gt", "ge", "lt", "le"]);
    let texts = || prop::sample::select(vec!["", "a", "A", "b", "é", "É"]);
    prop_oneof![
        (names(), operators(), texts()).prop_map(move |(n, o, t)| parse(format!("{n} {o} \"{t}\""))),
        (
            prop::sample::select(vec!["score", "urn:example:2.0:User:properties.k"]),
            orders(),
            prop::sample::select(vec!["1", "1.0", "-2", "1.4"])
        )
            .prop_map(move |(name, o, n)| parse(format!("{name} {o} {n}"))),
        names().prop_map(|n| Filter::Present(AttrPath::parse(n).unwrap())),
        (operators(), texts(), any::<bool>())
            .prop_map(move |(o, t, p)| parse(format!("emails[value {o} \"{t}\" and not (primary eq {p})]"))),
    ]
}
