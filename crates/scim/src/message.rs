//! SCIM messages (RFC 7644 §3.4, §3.12, §8.2): the JSON around resources.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::map::Entry;
use serde_json::value::RawValue;

use crate::Object;
use crate::error::{Error, ErrorKind, quoted};

/// The media type of SCIM messages (RFC 7644 §8.1).
pub const MEDIA_TYPE: &str = "application/scim+json";
/// The schema of a list of resources.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// The schema of a query sent as a body.
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// The schema of a PATCH body.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The schema of a bulk request.
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The schema of a bulk response.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// The schema of an error.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Parses a body that must be a JSON object nested at most `depth` deep.
///
/// # Errors
/// `invalidSyntax` with line and column.
pub fn object(bytes: &[u8], depth: usize) -> Result<Object, Error> {
    // RFC 8259 §8.1: a byte order mark may be ignored, and some libraries write one.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    check_depth(bytes, depth)?;
    match serde_json::from_slice::<Distinct>(bytes) {
        Ok(Distinct(Value::Object(object))) => Ok(object),
        Ok(_) => Err(Error::syntax("the body must be a JSON object")),
        Err(e) if bytes.iter().all(u8::is_ascii_whitespace) && e.is_eof() => {
            Err(Error::syntax("the body is empty; a JSON object is expected"))
        }
        // The parser's message ends in "at line 1 column 7".
        Err(e) => Err(Error::syntax(format!("the body is not JSON: {e}"))),
    }
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
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                if depth > most {
                    let (line, column) = position(bytes, at);
                    let detail =
                        format!("the body nests deeper than {most} levels at line {line} column {column}");
                    return Err(Error::syntax(detail));
                }
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// The line and the column of a byte, both counted from one, as the parser counts them.
fn position(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = bytes.get(..at).unwrap_or_default();
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    (1 + before.iter().filter(|b| **b == b'\n').count(), 1 + at - line_start)
}

/// The schemas a message must name, if it names any (RFC 7644 §3.1); strict clients must name it.
///
/// # Errors
/// `invalidSyntax` naming the schema that is missing.
pub fn expect_schema(message: &Object, urn: &str, required: bool) -> Result<(), Error> {
    let names = match message.get("schemas") {
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).any(|n| n.eq_ignore_ascii_case(urn))
        }
        Some(Value::String(name)) => !required && name.eq_ignore_ascii_case(urn),
        _ => false,
    };
    if names || !required {
        Ok(())
    } else {
        Err(Error::syntax(format!("`schemas` must name {}", quoted(urn))))
    }
}

/// Takes the member of that name out of a message. Only a strict client must spell it as the RFC does.
///
/// # Errors
/// `invalidSyntax` when there are several that differ by case.
pub(crate) fn member(message: &mut Object, name: &str, strict: bool) -> Result<Option<Value>, Error> {
    if strict {
        return Ok(message.shift_remove(name));
    }
    let mut keys = message.keys().filter(|key| key.eq_ignore_ascii_case(name));
    let (key, again) = (keys.next().cloned(), keys.next());
    match again {
        Some(_) => Err(Error::syntax(format!("{} stands twice", quoted(name)))),
        None => Ok(key.and_then(|key| message.shift_remove(&key))),
    }
}

/// The order of a sorted answer (RFC 7644 §3.4.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// Smallest first; resources without a value last.
    #[default]
    Ascending,
    /// Largest first; resources without a value first.
    Descending,
}

/// What a client asks of a list (RFC 7644 §3.4.2, §3.4.3; RFC 9865 §2), as parsed but not yet understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListQuery {
    /// The filter, unparsed.
    pub filter: Option<String>,
    /// The attribute to sort by, unparsed.
    pub sort_by: Option<String>,
    /// The order.
    pub sort_order: SortOrder,
    /// The first result, counted from one.
    pub start_index: Option<i64>,
    /// The most results.
    pub count: Option<i64>,
    /// A cursor; empty for the first page.
    pub cursor: Option<String>,
    /// The attributes to return.
    pub attributes: Option<Vec<String>>,
    /// The attributes not to return.
    pub excluded_attributes: Option<Vec<String>>,
}

impl ListQuery {
    /// Reads decoded URL parameters. Names regard no case; unknown ones and empty lists are passed over.
    ///
    /// # Errors
    /// `invalidValue` naming the parameter.
    pub fn from_parameters<'p>(
        parameters: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
    ) -> Result<Self, Error> {
        let mut query = Self::default();
        for (name, value) in parameters {
            let Some(name) = canonical(&name) else { continue };
            query.set(name, &value)?;
        }
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "filter" => self.filter = Some(value.to_owned()),
            "sortBy" => self.sort_by = Some(value.trim().to_owned()).filter(|v| !v.is_empty()),
            "sortOrder" => self.sort_order = sort_order(value)?,
            "startIndex" => self.start_index = number(name, value)?,
            "count" => self.count = number(name, value)?,
            "cursor" => self.cursor = Some(value.to_owned()),
            // A list may come in parts, one parameter each.
            "attributes" => extend(&mut self.attributes, list(value)),
            _ => extend(&mut self.excluded_attributes, list(value)),
        }
        Ok(())
    }

    /// Reads the body of a `.search` (RFC 7644 §3.4.3).
    ///
    /// # Errors
    /// `invalidSyntax` or `invalidValue` naming the member.
    pub fn from_body(body: &Object, strict: bool) -> Result<Self, Error> {
        expect_schema(body, SEARCH_REQUEST, strict)?;
        let mut query = Self::default();
        for (name, value) in body {
            let Some(name) = canonical(name) else { continue };
            match value {
                Value::Null => {}
                Value::String(text) => query.set(name, text)?,
                Value::Number(n) if matches!(name, "startIndex" | "count") => {
                    query.set(name, &n.to_string())?
                }
                Value::Array(items) if matches!(name, "attributes" | "excludedAttributes") => {
                    let names =
                        items.iter().map(|i| i.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
                    let names =
                        names.ok_or_else(|| Error::value(format!("`{name}` must be an array of strings")))?;
                    let names = Some(names).filter(|n| !n.is_empty());
                    if name == "attributes" {
                        query.attributes = names
                    } else {
                        query.excluded_attributes = names
                    }
                }
                _ => return Err(Error::value(format!("`{name}` has the wrong type"))),
            }
        }
        Ok(query)
    }
}

fn canonical(name: &str) -> Option<&'static str> {
    ["filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

fn sort_order(value: &str) -> Result<SortOrder, Error> {
    if value.is_empty() || value.eq_ignore_ascii_case("ascending") {
        Ok(SortOrder::Ascending)
    } else if value.eq_ignore_ascii_case("descending") {
        Ok(SortOrder::Descending)
    } else {
        Err(Error::value(format!("`sortOrder` is `ascending` or `descending`, not {}", quoted(value))))
    }
}

fn number(name: &str, value: &str) -> Result<Option<i64>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    let kind = if name == "count" { ErrorKind::InvalidCount } else { ErrorKind::InvalidValue };
    match value.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Error::new(kind, format!("`{name}` must be a whole number, not {}", quoted(value)))),
    }
}

fn extend(known: &mut Option<Vec<String>>, more: Option<Vec<String>>) {
    if let Some(more) = more {
        known.get_or_insert_default().extend(more);
    }
}

fn list(value: &str) -> Option<Vec<String>> {
    let names: Vec<String> =
        value.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect();
    (!names.is_empty()).then_some(names)
}

/// How a page is described around its resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageHead {
    /// How many resources match in all; unknown where counting them would be unbounded work.
    pub total_results: Option<u64>,
    /// How many are on this page.
    pub items: u64,
    /// The position of the first, counted from one; absent on a page reached by cursor.
    pub start_index: Option<u64>,
    /// Where the next page starts (RFC 9865 §2).
    pub next_cursor: Option<String>,
    /// Where the previous page starts (RFC 9865 §2).
    pub previous_cursor: Option<String>,
}

/// What a ListResponse says before and after its resources, which are JSON separated by commas.
pub fn around_list(head: &PageHead) -> (String, &'static str) {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(320);
    let _ = write!(out, r#"{{"schemas":["{LIST_RESPONSE}"]"#);
    if let Some(total) = head.total_results {
        let _ = write!(out, r#","totalResults":{total}"#);
    }
    if let Some(start) = head.start_index {
        let _ = write!(out, r#","startIndex":{start}"#);
    }
    let _ = write!(out, r#","itemsPerPage":{}"#, head.items);
    for (name, cursor) in [("previousCursor", &head.previous_cursor), ("nextCursor", &head.next_cursor)] {
        if let Some(cursor) = cursor {
            let _ = write!(out, r#","{name}":"#);
            push_string(&mut out, cursor);
        }
    }
    // RFC 7644 §3.4.2: `Resources` is required when there are results; clients want it always.
    out.push_str(r#","Resources":["#);
    (out, "]}")
}

/// An error body (RFC 7644 §3.12); `status` is a string.
pub fn error_body(status: u16, kind: Option<ErrorKind>, detail: &str) -> String {
    let mut body = Object::new();
    body.insert("schemas".to_owned(), Value::from(vec![ERROR]));
    body.insert("status".to_owned(), Value::from(status.to_string()));
    if let Some(kind) = kind {
        body.insert("scimType".to_owned(), Value::from(kind.as_str()));
    }
    body.insert("detail".to_owned(), Value::from(detail));
    Value::Object(body).to_string()
}

/// JSON text that is already valid, for embedding in another message.
pub fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).ok()
}

/// Appends `text` to `out` as a JSON string.
pub fn push_string(out: &mut String, text: &str) {
    let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use serde_json::json;

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

    fn query(parameters: &[(&'static str, &'static str)]) -> Result<ListQuery, Error> {
        ListQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn check_query(parameters: &[(&'static str, &'static str)], expect: Expect) {
        expect.assert_debug_eq(&query(parameters).map_err(|e| e.to_string()));
    }

    #[test]
    fn a_query_is_read_from_parameters() {
        check_query(
            &[
                ("filter", r#"userName eq "x""#),
                ("sortBy", " name.familyName "),
                ("sortOrder", "Descending"),
                ("startIndex", "11"),
                ("count", "10"),
                ("cursor", ""),
                ("attributes", "userName, emails.value,"),
            ],
            expect![[r#"
                Ok(
                    ListQuery {
                        filter: Some(
                            "userName eq \"x\"",
                        ),
                        sort_by: Some(
                            "name.familyName",
                        ),
                        sort_order: Descending,
                        start_index: Some(
                            11,
                        ),
                        count: Some(
                            10,
                        ),
                        cursor: Some(
                            "",
                        ),
                        attributes: Some(
                            [
                                "userName",
                                "emails.value",
                            ],
                        ),
                        excluded_attributes: None,
                    },
                )
            "#]],
        );
        // The names of one client are in lower case, others leave parameters empty.
        assert_eq!(
            query(&[
                ("startindex", "0"),
                ("COUNT", "-1"),
                ("sortby", ""),
                ("unknown", "x"),
                ("excludedattributes", ",")
            ]),
            Ok(ListQuery { start_index: Some(0), count: Some(-1), ..ListQuery::default() })
        );
        assert_eq!(query(&[("startIndex", ""), ("count", ""), ("sortOrder", "")]), Ok(ListQuery::default()));
    }

    #[test]
    fn a_parameter_that_makes_no_sense_is_named() {
        let check =
            |name, value, expect: Expect| expect.assert_eq(&query(&[(name, value)]).unwrap_err().to_string());
        check("startIndex", "one", expect!["invalidValue: `startIndex` must be a whole number, not `one`"]);
        check("startIndex", "1.5", expect!["invalidValue: `startIndex` must be a whole number, not `1.5`"]);
        check(
            "startIndex",
            "99999999999999999999",
            expect!["invalidValue: `startIndex` must be a whole number, not `99999999999999999999`"],
        );
        check("count", "all", expect!["invalidCount: `count` must be a whole number, not `all`"]);
        check(
            "sortOrder",
            "sideways",
            expect!["invalidValue: `sortOrder` is `ascending` or `descending`, not `sideways`"],
        );
    }

    #[test]
    fn a_query_is_read_from_a_body() {
        let parse = |body: Value, strict| match body {
            Value::Object(body) => ListQuery::from_body(&body, strict).map_err(|e| e.to_string()),
            _ => unreachable!(),
        };
        let body = json!({ "schemas": [SEARCH_REQUEST], "attributes": ["displayName", "userName"],
            "excludedAttributes": [], "filter": "displayName sw \"smith\"", "startIndex": 1, "count": "10", "sortBy": null });
        let expected = ListQuery {
            filter: Some("displayName sw \"smith\"".to_owned()),
            start_index: Some(1),
            count: Some(10),
            attributes: Some(vec!["displayName".to_owned(), "userName".to_owned()]),
            ..ListQuery::default()
        };
        assert_eq!(parse(body.clone(), true), Ok(expected.clone()));
        assert_eq!(parse(body, false), Ok(expected));
        let check = |body, expect: Expect| expect.assert_eq(&parse(body, false).unwrap_err());
        check(json!({ "count": true }), expect!["invalidValue: `count` has the wrong type"]);
        check(json!({ "count": 1.5 }), expect!["invalidCount: `count` must be a whole number, not `1.5`"]);
        check(
            json!({ "attributes": [1] }),
            expect!["invalidValue: `attributes` must be an array of strings"],
        );
        check(json!({ "filter": ["a"] }), expect!["invalidValue: `filter` has the wrong type"]);
        expect!["invalidSyntax: `schemas` must name `urn:ietf:params:scim:api:messages:2.0:SearchRequest`"]
            .assert_eq(&parse(json!({ "count": 1 }), true).unwrap_err());
    }

    #[test]
    fn a_message_may_have_to_name_its_schema() {
        let check = |schemas: Value, required, good| {
            let message = Object::from_iter([("schemas".to_owned(), schemas)]);
            assert_eq!(expect_schema(&message, PATCH_OP, required).is_ok(), good);
        };
        check(json!([PATCH_OP.to_uppercase()]), true, true);
        check(json!(PATCH_OP), true, false);
        check(json!(PATCH_OP), false, true);
        check(json!(["urn:other"]), true, false);
        check(json!(["urn:other"]), false, true);
        check(json!(null), false, true);
    }

    #[test]
    fn a_list_says_what_is_known_of_it() {
        let check = |head: PageHead, resources: &str, expect: Expect| {
            let (before, after) = around_list(&head);
            let text = format!("{before}{resources}{after}");
            assert!(serde_json::from_str::<Object>(&text).is_ok());
            expect.assert_eq(&text);
        };
        check(
            PageHead { total_results: Some(0), ..PageHead::default() },
            "",
            expect![[
                r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"itemsPerPage":0,"Resources":[]}"#
            ]],
        );
        let page = PageHead { total_results: Some(9), items: 2, start_index: Some(3), ..PageHead::default() };
        check(
            page,
            r#"{"id":"1"},{"id":"2"}"#,
            expect![[
                r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":9,"startIndex":3,"itemsPerPage":2,"Resources":[{"id":"1"},{"id":"2"}]}"#
            ]],
        );
        let cursors = PageHead {
            items: 1,
            next_cursor: Some("n\"".into()),
            previous_cursor: Some("p".into()),
            ..PageHead::default()
        };
        check(
            cursors,
            r#"{"id":"1"}"#,
            expect![[
                r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"itemsPerPage":1,"previousCursor":"p","nextCursor":"n\"","Resources":[{"id":"1"}]}"#
            ]],
        );
    }

    #[test]
    fn an_error_is_a_message_too() {
        expect![[r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidFilter","detail":"a \"quoted\" `thing`"}"#]].assert_eq(&error_body(400, Some(ErrorKind::InvalidFilter), "a \"quoted\" `thing`"));
        expect![[r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404","detail":"there is none"}"#]].assert_eq(&error_body(404, None, "there is none"));
    }

    proptest! {
        #[test]
        fn a_string_is_written_as_json(text in any::<String>()) {
            let mut out = String::new();
            push_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).ok(), Some(text));
        }

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
