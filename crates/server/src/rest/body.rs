//! From a JSON body to the type of a request, with errors that name the member and say what it must be.
//!
//! The library's own texts name types of ours and count columns of a text that the client may not have written. Knows
//! no request.

use std::fmt;

use ::scim::error::quoted;
use iam::Error;
use iam::limits::STRING_BYTES_MAX;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::nearest::nearest;

/// Reads a request from a body.
///
/// # Errors
/// [`Error::Invalid`] for the first member that is missing, unknown, or not what it must be.
pub(super) fn read<T: DeserializeOwned>(body: Value) -> Result<T, Error> {
    T::deserialize(Member { path: String::new(), value: body })
        .map_err(|wrong| Error::invalid(wrong.to_string()))
}

/// A value, and where in the body it stands: `properties.clientId`, `attributes[2].name`.
struct Member {
    path: String,
    value: Value,
}

fn inner(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What is wrong, and where.
#[derive(Debug)]
struct Wrong {
    path: Option<String>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The member itself, which ...
    Is(String),
    /// A member of it is required.
    Missing(&'static str),
    /// A member of it is not known; perhaps another is meant.
    Unknown(String, Option<&'static str>),
}

impl Wrong {
    /// Where it is, unless something further inside has said so.
    fn at(mut self, path: &str) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }

    fn is(what: String) -> Self {
        Self { path: None, what: What::Is(what) }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or_default();
        match &self.what {
            What::Is(what) if path.is_empty() => write!(f, "the body {what}"),
            What::Is(what) => write!(f, "{} {what}", quoted(path)),
            What::Missing(name) => write!(f, "{} is required", quoted(&inner(path, name))),
            What::Unknown(name, None) => write!(f, "{} is not known here", quoted(&inner(path, name))),
            What::Unknown(name, Some(meant)) => {
                write!(f, "{} is not known here; did you mean `{meant}`?", quoted(&inner(path, name)))
            }
        }
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::is(format!("is not accepted: {message}"))
    }

    fn invalid_type(given: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::is(format!("must be {}, not {}", wanted(expected), noun(given)))
    }

    fn invalid_value(given: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::is(format!("must be {}, not {}", wanted(expected), shown(given)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let known = expected.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
        Self::is(format!("must be one of {known}, not {}", quoted(variant)))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let meant = nearest(field, expected.iter().copied());
        Self { path: None, what: What::Unknown(field.to_owned(), meant) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { path: None, what: What::Missing(field) }
    }
}

/// What the library expects, as JSON calls it.
fn wanted(expected: &dyn Expected) -> String {
    let theirs = expected.to_string();
    match theirs.as_str() {
        "a boolean" => "`true` or `false`".to_owned(),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        text if text.starts_with("struct ") => "an object".to_owned(),
        text if text == "a sequence" || text.starts_with("tuple ") => "an array".to_owned(),
        text if text.starts_with("enum ") || text == "variant identifier" => "a string".to_owned(),
        _ => theirs,
    }
}

fn noun(given: Unexpected<'_>) -> &'static str {
    match given {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a string",
        Unexpected::Seq => "an array",
        Unexpected::Map => "an object",
        _ => "`null`",
    }
}

fn shown(given: Unexpected<'_>) -> String {
    match given {
        Unexpected::Unsigned(number) => format!("{number}"),
        Unexpected::Signed(number) => format!("{number}"),
        Unexpected::Float(number) => format!("{number}"),
        Unexpected::Str(text) => quoted(text),
        other => noun(other).to_owned(),
    }
}

impl<'de> IntoDeserializer<'de, Wrong> for Member {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for Member {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let path = self.path.clone();
        let read = match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::String(text) if text.len() > STRING_BYTES_MAX => {
                Err(Wrong::is(format!("is longer than {STRING_BYTES_MAX} bytes")))
            }
            Value::String(text) => visitor.visit_string(text),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::Array(items) => {
                let members = items.into_iter().enumerate();
                let members = members.map(|(at, value)| Self { path: format!("{path}[{at}]"), value });
                visitor.visit_seq(SeqDeserializer::new(members))
            }
            Value::Object(object) => {
                let members = object.into_iter().map(|(name, value)| {
                    let path = inner(&path, &name);
                    (name, Self { path, value })
                });
                visitor.visit_map(MapDeserializer::new(members))
            }
        };
        read.map_err(|wrong| wrong.at(&path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    /// Members by name alone: what the library reads from an array in their place is no body of ours.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match &self.value {
            Value::Array(_) => {
                let wrong: Wrong = de::Error::invalid_type(Unexpected::Seq, &"an object");
                Err(wrong.at(&self.path))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let path = self.path;
        let read = match self.value {
            Value::String(text) => visitor.visit_enum(text.into_deserializer()),
            other => Err(de::Error::invalid_type(unexpected(&other), &"a string")),
        };
        read.map_err(|wrong: Wrong| wrong.at(&path))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(flag) => Unexpected::Bool(*flag),
        Value::Number(number) => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Asked {
        name: String,
        #[serde(default)]
        days: Option<u32>,
        #[serde(default)]
        is_new: bool,
        #[serde(default)]
        colour: Option<Colour>,
        #[serde(default)]
        parts: Vec<Part>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
        Blue,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        size: u32,
    }

    #[test]
    fn what_is_right_is_read() {
        let body =
            json!({ "name": "a", "days": 3, "isNew": true, "colour": "blue", "parts": [{ "size": 7 }] });
        let asked: Asked = read(body).unwrap();
        assert!(asked.is_new && matches!(asked.colour, Some(Colour::Blue)), "{asked:?}");
        assert_eq!((asked.name.as_str(), asked.days, asked.parts[0].size), ("a", Some(3), 7));
        let asked: Asked = read(json!({ "name": "a", "days": null, "colour": "red" })).unwrap();
        assert_eq!(asked.days, None);
    }

    #[test]
    fn what_is_wrong_is_named_and_no_type_of_ours_is() {
        let check = |body: Value, expect: Expect| {
            expect.assert_eq(&read::<Asked>(body).unwrap_err().to_string());
        };
        check(json!([]), expect!["the body must be an object, not an array"]);
        check(json!({}), expect!["`name` is required"]);
        check(json!({ "name": 1 }), expect!["`name` must be a string, not a number"]);
        check(json!({ "name": null }), expect!["`name` must be a string, not `null`"]);
        check(json!({ "name": "a", "dayz": 1 }), expect!["`dayz` is not known here; did you mean `days`?"]);
        check(json!({ "name": "a", "quux": 1 }), expect!["`quux` is not known here"]);
        check(
            json!({ "name": "a", "days": -1 }),
            expect!["`days` must be a whole number from 0 to 4294967295, not -1"],
        );
        check(
            json!({ "name": "a", "days": 1.5 }),
            expect!["`days` must be a whole number from 0 to 4294967295, not a number"],
        );
        check(
            json!({ "name": "a", "days": "1" }),
            expect!["`days` must be a whole number from 0 to 4294967295, not a string"],
        );
        check(
            json!({ "name": "a", "isNew": "True" }),
            expect!["`isNew` must be `true` or `false`, not a string"],
        );
        check(
            json!({ "name": "a", "colour": "green" }),
            expect!["`colour` must be one of `red`, `blue`, not `green`"],
        );
        check(json!({ "name": "a", "colour": {} }), expect!["`colour` must be a string, not an object"]);
        check(json!({ "name": "a", "parts": "b" }), expect!["`parts` must be an array, not a string"]);
        check(json!({ "name": "a", "parts": [[1]] }), expect!["`parts[0]` must be an object, not an array"]);
        check(json!({ "name": "a", "parts": ["b"] }), expect!["`parts[0]` must be an object, not a string"]);
        check(json!({ "name": "a", "parts": [{ "size": 1 }, {}] }), expect!["`parts[1].size` is required"]);
        check(
            json!({ "name": "a", "parts": [{ "siz": 1 }] }),
            expect!["`parts[0].siz` is not known here; did you mean `size`?"],
        );
    }
}
