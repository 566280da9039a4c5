//! A body as JSON (RFC 8259): an object, not too deep, in which no name stands twice.

use std::fmt;

use memchr::memchr2;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::map::Entry;

use crate::Object;
use crate::error::{Error, quoted};

/// Parses a body that must be a JSON object nested at most `depth` deep, in which no name stands twice.
///
/// # Errors
/// `invalidSyntax` with line and column.
pub fn object(bytes: &[u8], depth: usize) -> Result<Object, Error> {
    check_depth(text(bytes), depth)?;
    match read(bytes)? {
        Distinct(Value::Object(object)) => Ok(object),
        Distinct(_) => Err(Error::syntax("the body must be a JSON object")),
    }
}

/// Parses a body that must be JSON. How deep it may nest, and whether a name may stand twice, is for `T` to say.
///
/// # Errors
/// `invalidSyntax` with line and column.
pub fn read<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Error> {
    let bytes = text(bytes);
    match serde_json::from_slice(bytes) {
        Ok(read) => Ok(read),
        Err(e) if bytes.iter().all(u8::is_ascii_whitespace) && e.is_eof() => {
            Err(Error::syntax("the body is empty; a JSON object is expected"))
        }
        // The parser's message ends in "at line 1 column 7".
        Err(e) => Err(Error::syntax(format!("the body is not JSON: {e}"))),
    }
}

/// RFC 8259 §8.1: a byte order mark may be ignored, and some libraries write one.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// JSON in which no name stands twice in an object: readers differ in which of the two they take (RFC 8259 §4), and
/// what one system checked must be what another keeps.
struct Distinct(Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctVisitor).map(Self)
    }
}

struct DistinctVisitor;

impl<'de> Visitor<'de> for DistinctVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(Distinct(item)) = items.next_element()? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut out = Object::new();
        while let Some(name) = members.next_key::<String>()? {
            match out.entry(name) {
                Entry::Occupied(known) => {
                    return Err(A::Error::custom(format_args!("{} stands twice", quoted(known.key()))));
                }
                Entry::Vacant(place) => {
                    let Distinct(value) = members.next_value()?;
                    place.insert(value);
                }
            }
        }
        Ok(Value::Object(out))
    }
}

/// Nesting is counted before anything is built, so that a deep body costs one pass over its bytes.
fn check_depth(bytes: &[u8], most: usize) -> Result<(), Error> {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = after_text(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                if depth > most {
                    let (line, column) = position(bytes, at - 1);
                    let detail =
                        format!("the body nests deeper than {most} levels at line {line} column {column}");
                    return Err(Error::syntax(detail));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// The place after the quote that ends the string whose first byte stands here; brackets in it are none.
fn after_text(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            _ => return at + 1,
        }
    }
    bytes.len()
}

/// The line and the column of a byte, both counted from one, as the parser counts them.
fn position(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = bytes.get(..at).unwrap_or_default();
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    (1 + before.iter().filter(|b| **b == b'\n').count(), 1 + at - line_start)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(body: &[u8], expect: Expect) {
        let parsed = object(body, 4).map(|object| Value::Object(object).to_string());
        expect.assert_eq(&parsed.unwrap_or_else(|e| e.to_string()));
    }

    #[test]
    fn a_body_is_a_json_object() {
        check(br#" {"a": [1, {"b": "}"}]} "#, expect![[r#"{"a":[1,{"b":"}"}]}"#]]);
        check(b"\xEF\xBB\xBF{}", expect!["{}"]);
        check(b"", expect!["invalidSyntax: the body is empty; a JSON object is expected"]);
        check(b" \n ", expect!["invalidSyntax: the body is empty; a JSON object is expected"]);
        check(b"[]", expect!["invalidSyntax: the body must be a JSON object"]);
        check(b"null", expect!["invalidSyntax: the body must be a JSON object"]);
        check(
            b"{\n  \"a\": 1,\n  b\n}",
            expect!["invalidSyntax: the body is not JSON: key must be a string at line 3 column 3"],
        );
        check(
            b"{\"a\": 1",
            expect!["invalidSyntax: the body is not JSON: EOF while parsing an object at line 1 column 7"],
        );
        check(
            b"{} {}",
            expect!["invalidSyntax: the body is not JSON: trailing characters at line 1 column 4"],
        );
        check(
            b"{\"a\": \"\xFF\"}",
            expect!["invalidSyntax: the body is not JSON: invalid unicode code point at line 1 column 8"],
        );
        check(
            b"{\"a\": \"\\ud800\"}",
            expect!["invalidSyntax: the body is not JSON: unexpected end of hex escape at line 1 column 14"],
        );
        check(
            b"{\"a\": 1e999}",
            expect!["invalidSyntax: the body is not JSON: number out of range at line 1 column 11"],
        );
    }

    #[test]
    fn a_body_is_only_so_deep() {
        check(br#"{"a":{"b":{"c":{}}}}"#, expect![[r#"{"a":{"b":{"c":{}}}}"#]]);
        check(
            b"{\"a\":{\n\"b\":{\"c\":[{}]}}}",
            expect!["invalidSyntax: the body nests deeper than 4 levels at line 2 column 11"],
        );
        // Brackets in strings are none, whatever is escaped there.
        check(br#"{"a":"[[[[[\"[[[[[\\\\"}"#, expect![[r#"{"a":"[[[[[\"[[[[[\\\\"}"#]]);
        let bomb = [b"{\"a\":".repeat(100_000), b"[".repeat(1_000_000)].concat();
        check(&bomb, expect!["invalidSyntax: the body nests deeper than 4 levels at line 1 column 21"]);
        check(
            &b"]".repeat(1_000_000),
            expect!["invalidSyntax: the body is not JSON: expected value at line 1 column 1"],
        );
    }

    proptest! {
        #[test]
        fn depth_is_counted_as_the_parser_does(text in "[\\[\\]{}:a\",\\\\ 1]{0,40}") {
            // Whatever the parser accepts is refused for its depth if and only if it is deeper.
            if let Ok(Value::Object(parsed)) = serde_json::from_str(&text) {
                let deep = depth(&Value::Object(parsed.clone()));
                prop_assert_eq!(object(text.as_bytes(), deep), Ok(parsed));
                prop_assert!(object(text.as_bytes(), deep - 1).is_err());
            }
        }
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
            Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or_default(),
            _ => 0,
        }
    }
}
