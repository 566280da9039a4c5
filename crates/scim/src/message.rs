//! SCIM messages (RFC 7644 §3.4, §3.12, §8.2): the JSON around resources.

mod body;
mod query;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::Object;
use crate::error::{Error, ErrorKind, quoted};

pub use body::{object, read};
pub use query::{ListQuery, SortOrder};

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
    }
}
