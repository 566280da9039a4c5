//! SCIM messages (RFC 7644 §3.4, §3.12, §8.2): the JSON around resources.

use std::borrow::Cow;

use serde_json::Value;
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
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Error::syntax("the body must be a JSON object")),
        Err(e) if bytes.iter().all(u8::is_ascii_whitespace) && e.is_eof() => {
            Err(Error::syntax("the body is empty; a JSON object is expected"))
        }
        // The parser's message ends in "at line 1 column 7".
        Err(e) => Err(Error::syntax(format!("the body is not JSON: {e}"))),
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
            "attributes" => self.attributes = list(value),
            _ => self.excluded_attributes = list(value),
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

/// Writes a ListResponse around resources that are already JSON, separated by commas.
pub fn list_response(head: &PageHead, resources: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(resources.len() + 320);
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
    out.push_str(resources);
    out.push_str("]}");
    out
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
