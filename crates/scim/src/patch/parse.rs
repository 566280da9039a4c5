//! Reads the body of a PATCH (RFC 7644 §3.5.2).

use serde_json::Value;

use super::{Op, Operation};
use crate::Object;
use crate::error::{Error, quoted};
use crate::message::{PATCH_OP, expect_schema, member};
use crate::quirks::{self, Dialect};

/// Reads a PATCH body.
///
/// # Errors
/// `invalidSyntax` when it is not a PATCH body, `invalidValue` when it has too many operations.
pub fn parse(mut body: Object, dialect: Dialect, most: usize) -> Result<Vec<Operation>, Error> {
    let strict = dialect == Dialect::Strict;
    expect_schema(&body, PATCH_OP, strict)?;
    let Some(Value::Array(items)) = member(&mut body, "Operations", strict)? else {
        return Err(Error::syntax("`Operations` must be an array"));
    };
    if items.is_empty() && strict {
        return Err(Error::syntax("`Operations` must not be empty"));
    }
    if items.len() > most {
        return Err(Error::value(format!("`Operations` holds more than {most} operations")));
    }
    items.into_iter().enumerate().map(|(at, item)| operation(item, at, strict)).collect()
}

fn operation(item: Value, at: usize, strict: bool) -> Result<Operation, Error> {
    let Value::Object(mut item) = item else {
        return Err(Error::syntax(format!("`Operations[{at}]` must be an object")));
    };
    let op = match member(&mut item, "op", strict)?.as_ref().and_then(Value::as_str) {
        Some(text) => op_named(text, strict).ok_or_else(|| {
            Error::syntax(format!("`op` is `add`, `remove` or `replace`, not {}", quoted(text)))
        })?,
        None => return Err(Error::syntax(format!("`Operations[{at}].op` is required"))),
    };
    let path = match member(&mut item, "path", strict)? {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if !strict && text.trim().is_empty() => None,
        Some(Value::String(text)) => Some(text),
        Some(Value::Object(object)) if !strict => quirks::path_from_object(&object)?,
        Some(_) => return Err(Error::path(format!("`Operations[{at}].path` must be a string"))),
    };
    let value = member(&mut item, "value", strict)?;
    Ok(Operation { op, path, value })
}

fn op_named(text: &str, strict: bool) -> Option<Op> {
    let known = [("add", Op::Add), ("remove", Op::Remove), ("replace", Op::Replace)];
    known.into_iter().find(|(n, _)| *n == text || (!strict && n.eq_ignore_ascii_case(text))).map(|(_, op)| op)
}
