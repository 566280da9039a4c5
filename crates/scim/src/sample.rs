//! The resource types that come with Durward, and the examples of the RFCs, for the tests of this crate.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::Object;
use crate::admit::{Limits, Rules};
use crate::message::object;
use crate::quirks::Dialect;
use crate::schema::{Attribute, Extension, Held, ResourceType, Schema};
use crate::{filter, patch};

pub(crate) const LIMITS: Limits = Limits { values: 20, string_bytes: 100, id_bytes: 40 };
pub(crate) const FILTER: filter::Limits = filter::Limits { bytes: 400, depth: 8, terms: 20 };
pub(crate) const PATCH: patch::Limits = patch::Limits { filter: FILTER, comparisons: 4_000_000 };
pub(crate) const AUTO: Rules<'static> = Rules { dialect: Dialect::Auto, limits: &LIMITS, names: None };
pub(crate) const STRICT: Rules<'static> = Rules { dialect: Dialect::Strict, limits: &LIMITS, names: None };

pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

pub(crate) static USER: LazyLock<ResourceType> = LazyLock::new(|| {
    let mut user = kind("User", include_str!("../../iam/src/kind/user.json"));
    user.extensions = [
        include_str!("../../iam/src/kind/enterprise_user.json"),
        include_str!("../../iam/src/kind/custom_user.json"),
    ]
    .map(|text| Extension { schema: Arc::new(Schema::parse(text).unwrap()), required: false })
    .into();
    attribute(&mut user, "userName").precis = true;
    attribute(&mut user, "groups").held = Held::Derived;
    user
});

pub(crate) static GROUP: LazyLock<ResourceType> = LazyLock::new(|| {
    let mut group = kind("Group", include_str!("../../iam/src/kind/group.json"));
    attribute(&mut group, "members").held = Held::Edges;
    group
});

/// A kind that a tenant could have defined: everything that users and groups have nothing of.
pub(crate) static DEVICE: LazyLock<ResourceType> = LazyLock::new(|| {
    let mut device = kind(
        "Device",
        r#"{ "id": "urn:example:2.0:Device", "name": "Device", "attributes": [
            { "name": "name", "required": true },
            { "name": "serial", "mutability": "immutable" },
            { "name": "stock", "type": "integer" },
            { "name": "weight", "type": "decimal" },
            { "name": "bought", "type": "dateTime" },
            { "name": "seal", "type": "binary" },
            { "name": "tags", "multiValued": true, "required": true },
            { "name": "ports", "type": "complex", "multiValued": true, "subAttributes": [
                { "name": "value", "required": true },
                { "name": "speeds", "type": "integer", "multiValued": true },
                { "name": "maker", "mutability": "immutable" },
                { "name": "state", "mutability": "readOnly" },
                { "name": "primary", "type": "boolean" } ] },
            { "name": "owner", "type": "complex", "subAttributes": [
                { "name": "value", "required": true },
                { "name": "since", "mutability": "immutable" } ] },
            { "name": "tamper", "type": "complex", "returned": "always", "subAttributes": [
                { "name": "count", "type": "integer" }, { "name": "log", "returned": "request" } ] },
            { "name": "notes", "returned": "request" },
            { "name": "seen", "type": "dateTime", "mutability": "readOnly" },
            { "name": "pin", "mutability": "writeOnly", "returned": "never" },
            { "name": "extra", "type": "complex" } ] }"#,
    );
    let text = r#"{ "id": "urn:example:2.0:Lease", "name": "Lease", "attributes": [
        { "name": "contract", "required": true }, { "name": "number", "mutability": "immutable" },
        { "name": "rate", "type": "decimal" }, { "name": "code", "mutability": "writeOnly", "returned": "never" } ] }"#;
    device.extensions.push(Extension { schema: Arc::new(Schema::parse(text).unwrap()), required: false });
    device
});

fn kind(name: &str, schema: &str) -> ResourceType {
    ResourceType {
        name: name.to_owned(),
        endpoint: format!("{name}s"),
        description: String::new(),
        schema: Arc::new(Schema::parse(schema).unwrap()),
        extensions: Vec::new(),
    }
}

fn attribute<'k>(kind: &'k mut ResourceType, name: &str) -> &'k mut Attribute {
    Arc::make_mut(&mut kind.schema).attributes.find_mut(name).unwrap()
}

/// The JSON object that is written there.
pub(crate) fn parse(text: &str) -> Object {
    object(text.as_bytes(), 32).unwrap()
}

/// JSON on several lines, each value of a list or an object that holds none on one.
pub(crate) fn shown(value: &Value) -> String {
    let mut out = String::new();
    show(&mut out, value, 0);
    out
}

fn show(out: &mut String, value: &Value, depth: usize) {
    let is_flat = |v: &Value| match v {
        Value::Array(items) => items.iter().all(|i| !i.is_array() && !i.is_object()),
        Value::Object(object) => object.values().all(|v| !v.is_array() && !v.is_object()),
        _ => true,
    };
    let indent = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    match value {
        value if depth > 0 && is_flat(value) => out.push_str(&value.to_string()),
        Value::Object(object) => {
            out.push('{');
            for (at, (name, value)) in object.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                indent(out, depth + 1);
                out.push_str(&format!("{name:?}: "));
                show(out, value, depth + 1);
            }
            indent(out, depth);
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                indent(out, depth + 1);
                show(out, item, depth + 1);
            }
            indent(out, depth);
            out.push(']');
        }
        value => out.push_str(&value.to_string()),
    }
}
