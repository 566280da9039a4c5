//! What real clients send beside the RFCs, made into what the RFCs say.
//!
//! Everything here is pure normalisation, and is asked only where the letter of the RFC has already failed, so
//! a well-formed request pays nothing. A connection in [`Dialect::Strict`] never gets here.
//!
//! | client | what it sends | what is understood |
//! |---|---|---|
//! | Entra ID | `"active": "False"`, `Replace`, `emails[…].Value` | a boolean, `replace`, `value` |
//! | Entra ID | `"manager": "id"`, cleared with `""` | `{"value": "id"}`, no value |
//! | Entra ID | replace through a value filter that matches nothing | the element is created |
//! | Entra ID | dotted and URN keys in a path-less PATCH | paths |
//! | Entra ID | `remove members` with a `value` array | the removal of just those |
//! | OneLogin | one bare object for `emails`, schemas that do not exist | a list of one, ignored |
//! | Entra ID | a new `manager.value` without the `$ref` that goes with it | the old `$ref` goes |
//! | several | `"members": null` in whole objects | silence; an empty list says that there are none |
//! | several | `URN:attribute` as a name in a POST or PUT | the attribute |
//! | Keycloak | `"active": "true"`, `remove members` with `null` | a boolean, the removal of all |
//! | authentik | `userName eq name`, whole objects with `id` and `schemas` in a PATCH | quotes, `id` and `schemas` ignored |
//! | StackSpot | bodies wrapped in `attributes`, `operations`, a path that is an object | the flat form, the path it stands for |
//! | StackSpot | `"permissions": ["name"]`, an action as a whole where its id is meant | `{"value": …}` |
//! | StackSpot | `{"action": "a", "resource": "r"}` | `{"actions": ["a"], "resource": "r"}` |

mod path;

pub(crate) use path::path_from_object;
use serde_json::Value;

use crate::Object;
use crate::schema::{Attribute, ResourceType, Type};

/// How literally a connection's requests are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Known client habits are understood; what the RFC says still means what the RFC says.
    #[default]
    Auto,
    /// RFC 7643 and 7644 to the letter.
    Strict,
}

impl Dialect {
    /// The dialect of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "strict" => Some(Self::Strict),
            _ => None,
        }
    }

    /// Its name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Strict => "strict",
        }
    }

    /// Whether client habits are understood.
    pub fn is_auto(self) -> bool {
        self == Self::Auto
    }
}

/// A single value of the wrong JSON type as the value it was meant to be, if that is plain.
/// `Value::Null` means that the client meant "no value".
pub fn coerce(attribute: &Attribute, value: &Value) -> Option<Value> {
    match (attribute.kind, value) {
        (Type::Boolean, Value::String(text)) => boolean(text).map(Value::Bool),
        // Personnel numbers and postal codes come as numbers.
        (Type::String, Value::Number(number)) => Some(Value::String(number.to_string())),
        (Type::Integer, Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
        (Type::Decimal, Value::String(text)) => {
            let number = text.trim().parse::<f64>().ok().filter(|n| n.is_finite())?;
            serde_json::Number::from_f64(number).map(Value::Number)
        }
        (Type::Complex, Value::String(text)) if text.is_empty() => Some(Value::Null),
        (Type::Complex, Value::String(text)) => {
            let sub = attribute.value_sub()?;
            let mut object = Object::new();
            object.insert(sub.name.clone(), Value::String(text.clone()));
            Some(Value::Object(object))
        }
        // Some clients wrap the single value of a complex attribute in a list.
        (_, Value::Array(items)) if items.len() <= 1 => Some(items.first().cloned().unwrap_or(Value::Null)),
        _ => None,
    }
}

/// What a reference names that is no object with a `value`: the text itself, or of a resource that stands there as a whole
/// what it is known by. A URI leads to the endpoint of what is meant, or is no answer.
pub fn reference<'v>(value: &'v Value, endpoint: &str) -> Option<&'v str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(object) => {
            let known = |name: &str| {
                let found = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.and_then(|(_, value)| value.as_str()).filter(|text| !text.is_empty())
            };
            match (known("value").or_else(|| known("id")), known("$ref")) {
                (Some(id), _) => Some(id),
                (None, Some(uri)) => {
                    let mut parts = uri.rsplit('/');
                    let id = parts.next();
                    id.filter(|_| parts.next().is_none_or(|part| part.eq_ignore_ascii_case(endpoint)))
                }
                (None, None) => known("slug").or_else(|| known("name")),
            }
        }
        _ => None,
    }
}

/// The list that a name in the singular means, where there is nothing of that name.
pub fn plural<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a Attribute> {
    let list = |sub: &&Attribute| {
        sub.multi_valued && sub.name.strip_suffix('s').is_some_and(|one| one.eq_ignore_ascii_case(name))
    };
    attribute.sub_attributes.iter().find(list)
}

/// `"True"`, `"false"` and the like.
pub fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A resource laid flat, unless its kind has an attribute called `attributes`; see [`unwrap_attributes`].
pub(crate) fn flat(kind: &ResourceType, body: Object) -> Object {
    match body.contains_key("attributes") && kind.find(None, "attributes").is_none() {
        true => unwrap_attributes(body),
        false => body,
    }
}

/// A resource wrapped in `{"attributes": {…}, "externalID": …}` laid flat. What stands beside the attributes wins over what
/// is said among them.
pub fn unwrap_attributes(mut body: Object) -> Object {
    let mut flat = match body.shift_remove("attributes") {
        Some(Value::Object(attributes)) => attributes,
        Some(other) => {
            body.insert("attributes".to_owned(), other);
            return body;
        }
        None => return body,
    };
    for (key, value) in body {
        let says_nothing = value.is_null() || value.as_object().is_some_and(Object::is_empty);
        let known = flat.keys().find(|known| known.eq_ignore_ascii_case(&key)).cloned();
        match known {
            Some(_) if says_nothing => {}
            known => {
                flat.insert(known.unwrap_or(key), value);
            }
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;
    use crate::sample::{DEVICE, USER, parse};

    fn check(kind: &ResourceType, name: &str, value: Value, expect: Expect) {
        let attribute = kind.find(None, name).unwrap().attribute;
        expect.assert_eq(
            &coerce(attribute, &value).map_or("not understood".to_owned(), |value| value.to_string()),
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_what_it_was_meant_to_be() {
        check(&USER, "active", json!("False"), expect!["false"]);
        check(&USER, "active", json!(" TRUE "), expect!["true"]);
        check(&USER, "active", json!("yes"), expect!["not understood"]);
        check(&USER, "active", json!(0), expect!["not understood"]);
        check(&USER, "userName", json!(7), expect![[r#""7""#]]);
        check(&DEVICE, "seal", json!(7), expect!["not understood"]);
        check(&USER, "userName", json!(["ada"]), expect![[r#""ada""#]]);
        check(&USER, "userName", json!([]), expect!["null"]);
        check(&USER, "userName", json!(["a", "b"]), expect!["not understood"]);
        check(&USER, "userName", json!(true), expect!["not understood"]);
        check(&USER, "emails", json!("ada@example.com"), expect![[r#"{"value":"ada@example.com"}"#]]);
        check(&USER, "emails", json!(""), expect!["null"]);
        check(&USER, "name", json!("Ada"), expect!["not understood"]);
        check(&DEVICE, "stock", json!(" 5 "), expect!["5"]);
        check(&DEVICE, "stock", json!("5.5"), expect!["not understood"]);
        check(&DEVICE, "weight", json!("5.5"), expect!["5.5"]);
        check(&DEVICE, "weight", json!("inf"), expect!["not understood"]);
        check(&DEVICE, "bought", json!(0), expect!["not understood"]);
    }

    #[test]
    fn wrapped_resources_are_laid_flat() {
        let check = |kind: &ResourceType, body: &str, expect: Expect| {
            expect.assert_eq(&Value::Object(flat(kind, parse(body))).to_string());
        };
        check(
            &USER,
            r#"{"attributes":{"userName":"a"},"externalID":"7","schemas":[]}"#,
            expect![[r#"{"userName":"a","externalID":"7","schemas":[]}"#]],
        );
        check(
            &USER,
            r#"{"attributes":{"userName":"a","externalId":"7"},"externalID":{}}"#,
            expect![[r#"{"userName":"a","externalId":"7"}"#]],
        );
        check(
            &USER,
            r#"{"attributes":{"userName":"a","externalId":"7"},"externalID":"8"}"#,
            expect![[r#"{"userName":"a","externalId":"8"}"#]],
        );
        check(
            &USER,
            r#"{"attributes":{"userName":"a"},"externalID":null}"#,
            expect![[r#"{"userName":"a","externalID":null}"#]],
        );
        check(
            &USER,
            r#"{"attributes":{"userName":"a","title":"x"},"username":"b","active":true}"#,
            expect![[r#"{"userName":"b","title":"x","active":true}"#]],
        );
        // Not wrapped: it is no object.
        check(&USER, r#"{"attributes":["userName"]}"#, expect![[r#"{"attributes":["userName"]}"#]]);
        check(&USER, r#"{"schemas":[],"id":"7"}"#, expect![[r#"{"schemas":[],"id":"7"}"#]]);
        // A kind may have an attribute of that name.
        let text = r#"{"id":"urn:x:y:z","name":"Z","attributes":[{"name":"attributes","type":"complex"}]}"#;
        let kind =
            ResourceType { schema: crate::schema::Schema::parse(text).unwrap().into(), ..DEVICE.clone() };
        check(&kind, r#"{"attributes":{"userName":"a"}}"#, expect![[r#"{"attributes":{"userName":"a"}}"#]]);
    }

    #[test]
    fn a_resource_that_stands_for_a_reference_is_known_by_what_it_says() {
        let check =
            |value: Value, expect: Option<&str>| assert_eq!(reference(&value, "Jacks"), expect, "{value}");
        check(json!("left"), Some("left"));
        check(json!({ "VALUE": "7", "$ref": "x/Plugs/8" }), Some("7"));
        check(json!({ "value": "", "id": "7" }), Some("7"));
        check(json!({ "$ref": "https://x/scim/Jacks/7", "name": "left" }), Some("7"));
        check(json!({ "$ref": "../jacks/7" }), Some("7"));
        check(json!({ "$ref": "7" }), Some("7"));
        check(json!({ "$ref": "https://x/scim/Plugs/7", "name": "left" }), None);
        check(json!({ "name": "left", "slug": "l" }), Some("l"));
        check(json!({}), None);
        check(json!(7), None);
    }

    #[test]
    fn a_dialect_has_a_name() {
        for dialect in [Dialect::Auto, Dialect::Strict] {
            assert_eq!(Dialect::parse(dialect.as_str()), Some(dialect));
        }
        assert_eq!(Dialect::parse("loose"), None);
    }
}
