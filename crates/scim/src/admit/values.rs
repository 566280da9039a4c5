//! One value against one attribute (RFC 7643 §2.2 to §2.5).

use std::collections::HashSet;

use indexmap::IndexSet;
use serde_json::Value;

use super::Rules;
use crate::Object;
use crate::error::{Error, quoted};
use crate::quirks;
use crate::schema::{Attribute, Held, Mutability, Refers, Type};
use crate::value;

/// Up to so many values are told apart by comparing each with each.
const COMPARED_MAX: usize = 16;

/// One attribute of an object: read-only falls away, write-only goes aside, the rest is checked and inserted.
/// `name` is the attribute's name as it was sent.
pub(super) fn admit_into(
    object: &mut Object,
    secrets: &mut Object,
    attribute: &Attribute,
    parent: &str,
    (name, value): (String, Value),
    rules: Rules<'_>,
) -> Result<(), Error> {
    // RFC 7644 §3.3 and §3.5.1: values of read-only attributes are ignored.
    if is_read_only(attribute) {
        return Ok(());
    }
    let target = if attribute.mutability == Mutability::WriteOnly { secrets } else { object };
    if target.contains_key(&attribute.name) {
        return Err(stands_twice(&full_name(parent, attribute)));
    }
    // That a lasting attribute is emptied is remembered: silence would leave it as it was.
    let emptied = (attribute.lasting && !value.is_null()).then_some(Value::Null);
    if let Some(value) = value_of(attribute, parent, value, rules)?.or(emptied) {
        target.insert(spelled(name, attribute), value);
    }
    Ok(())
}

/// Whether clients cannot set the attribute.
pub(crate) fn is_read_only(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::ReadOnly || attribute.held == Held::Derived
}

/// The name as the schema spells it, mostly the text that was sent.
fn spelled(sent: String, attribute: &Attribute) -> String {
    if sent == attribute.name { sent } else { attribute.name.clone() }
}

/// A value as `attribute` admits it; `None` when it means "no value" (RFC 7643 §2.5).
///
/// # Errors
/// `invalidValue` naming the attribute, with `parent` before it where there is one.
pub fn value_of(
    attribute: &Attribute,
    parent: &str,
    value: Value,
    rules: Rules<'_>,
) -> Result<Option<Value>, Error> {
    if value.is_null() {
        return Ok(None);
    }
    if !attribute.multi_valued {
        return single(attribute, parent, value, rules);
    }
    let items = match value {
        Value::Array(items) => items,
        other if rules.dialect.is_auto() => vec![other],
        _ => return Err(Error::value(format!("{} must be an array", quoted(&full_name(parent, attribute))))),
    };
    if items.len() > rules.limits.values {
        let name = full_name(parent, attribute);
        return Err(Error::value(format!("{} has more than {} values", quoted(&name), rules.limits.values)));
    }
    let mut values: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        values.extend(single(attribute, parent, item, rules)?);
    }
    let values = distinct(values);
    // RFC 7643 §2.4: the primary value `true` must appear no more than once.
    if values.iter().filter(|v| is_primary(v)).count() > 1 {
        return Err(Error::value(format!("{} has more than one primary value", quoted(&attribute.name))));
    }
    Ok((!values.is_empty()).then_some(Value::Array(values)))
}

/// RFC 7643 §2.4: the same value is not kept twice.
pub(crate) fn distinct(mut values: Vec<Value>) -> Vec<Value> {
    if values.len() > COMPARED_MAX {
        return values.into_iter().collect::<IndexSet<_>>().into_iter().collect();
    }
    let mut at = 1;
    while at < values.len() {
        let (known, rest) = values.split_at(at);
        if rest.first().is_some_and(|value| known.contains(value)) {
            values.remove(at);
        } else {
            at += 1;
        }
    }
    values
}

/// Whether an element says that it is the primary one.
pub fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// One value of the attribute, whether it is multi-valued or not.
fn single(
    attribute: &Attribute,
    parent: &str,
    value: Value,
    rules: Rules<'_>,
) -> Result<Option<Value>, Error> {
    if value.is_null() {
        return Ok(None);
    }
    if let Some(refers) = &attribute.refers {
        return reference(refers, attribute, parent, &value, rules);
    }
    if fits(attribute.kind, &value) {
        return complete(attribute, parent, value, rules);
    }
    match quirks::coerce(attribute, &value).filter(|_| rules.dialect.is_auto()) {
        Some(Value::Null) => Ok(None),
        Some(value) if fits(attribute.kind, &value) => complete(attribute, parent, value, rules),
        _ => Err(wrong_type(attribute, parent)),
    }
}

/// What names another resource: an object whose `value` is kept and nothing else, for the rest is that resource's own.
fn reference(
    refers: &Refers,
    attribute: &Attribute,
    parent: &str,
    value: &Value,
    rules: Rules<'_>,
) -> Result<Option<Value>, Error> {
    let own = value.as_object().and_then(|object| object.get("value")).and_then(Value::as_str);
    let named =
        own.or_else(|| rules.dialect.is_auto().then(|| quirks::reference(value, &refers.endpoint)).flatten());
    match named {
        Some("") => Ok(None),
        Some(text) if text.len() > rules.limits.id_bytes => {
            let (name, most) = (full_name(parent, attribute), rules.limits.id_bytes);
            Err(Error::value(format!("{} is longer than {most} bytes", quoted(&name))))
        }
        Some(text) => {
            let id = rules.names.map_or(text, |names| names.id(&refers.kind, text, true));
            Ok(Some(Value::Object(Object::from_iter([("value".to_owned(), id.into())]))))
        }
        None if value.is_object() => {
            Err(Error::value(format!("`{}.value` is required", full_name(parent, attribute))))
        }
        None => Err(wrong_type(attribute, parent)),
    }
}

/// The object that was sent for a complex attribute; `None` when it means "no value".
pub(crate) fn object_of(
    attribute: &Attribute,
    value: Value,
    rules: Rules<'_>,
) -> Result<Option<Object>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::Object(object) => Ok(Some(object)),
        value => match quirks::coerce(attribute, &value).filter(|_| rules.dialect.is_auto()) {
            Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            _ => Err(wrong_type(attribute, "")),
        },
    }
}

fn fits(kind: Type, value: &Value) -> bool {
    match (kind, value) {
        (Type::String | Type::Reference, Value::String(_))
        | (Type::Boolean, Value::Bool(_))
        | (Type::Decimal, Value::Number(_))
        | (Type::Complex, Value::Object(_)) => true,
        (Type::Integer, Value::Number(number)) => {
            number.is_i64() || number.as_f64().is_some_and(|n| n.fract() == 0.0 && n.abs() < 9.0e15)
        }
        (Type::DateTime, Value::String(text)) => value::instant(text).is_some(),
        (Type::Binary, Value::String(text)) => is_base64(text),
        _ => false,
    }
}

fn complete(
    attribute: &Attribute,
    parent: &str,
    value: Value,
    rules: Rules<'_>,
) -> Result<Option<Value>, Error> {
    match value {
        Value::String(ref text) if text.len() > rules.limits.string_bytes => Err(Error::value(format!(
            "{} is longer than {} bytes",
            quoted(&full_name(parent, attribute)),
            rules.limits.string_bytes
        ))),
        Value::Number(number) if attribute.kind == Type::Integer && !number.is_i64() => {
            // 5.0 is the integer 5; `fits` has seen that nothing is lost.
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
            let whole = number.as_f64().unwrap_or_default() as i64;
            Ok(Some(Value::from(whole)))
        }
        Value::Object(object) if !attribute.is_free_form() => complex(attribute, object, rules),
        Value::Object(mut object) => {
            // RFC 7643 §2.5: null is no value. What lies deeper is nobody's business, and of an object that may hold
            // anything the empty one is a value too.
            object.retain(|_, value| !value.is_null());
            Ok(Some(Value::Object(object)))
        }
        value => Ok(Some(value)),
    }
}

fn complex(attribute: &Attribute, object: Object, rules: Rules<'_>) -> Result<Option<Value>, Error> {
    let out = if is_plain(attribute, &object, rules) {
        object
    } else {
        let (mut out, mut aside) = (Object::with_capacity(object.len()), Object::new());
        for (name, value) in object {
            let sub = attribute.sub(&name);
            match sub.or_else(|| rules.dialect.is_auto().then(|| quirks::plural(attribute, &name)).flatten())
            {
                Some(sub) => admit_into(&mut out, &mut aside, sub, &attribute.name, (name, value), rules)?,
                None => unknown_part(attribute, &name, rules)?,
            }
        }
        out
    };
    if out.is_empty() {
        return Ok(None);
    }
    require_parts(attribute, &out)?;
    Ok(Some(Value::Object(out)))
}

/// Whether an object is already what is admitted, as it is from most clients; then it need not be built anew.
fn is_plain(attribute: &Attribute, object: &Object, rules: Rules<'_>) -> bool {
    object.iter().all(|(name, value)| {
        let Some(sub) = attribute.sub(name).filter(|sub| sub.name == *name) else { return false };
        let is_kept = !is_read_only(sub) && sub.mutability != Mutability::WriteOnly && !sub.multi_valued;
        let is_scalar = match value {
            Value::String(text) => text.len() <= rules.limits.string_bytes,
            Value::Bool(_) => true,
            _ => false,
        };
        is_kept && is_scalar && fits(sub.kind, value)
    })
}

/// What is said of a sub-attribute that the attribute does not have.
pub(crate) fn unknown_part(attribute: &Attribute, name: &str, rules: Rules<'_>) -> Result<(), Error> {
    if rules.dialect.is_auto() {
        return Ok(());
    }
    let name = format!("{}.{name}", attribute.name);
    Err(Error::syntax(format!("{} is not an attribute", quoted(&name))))
}

/// Sees that no required sub-attribute is missing.
pub(crate) fn require_parts(attribute: &Attribute, object: &Object) -> Result<(), Error> {
    // Of a reference `value` is kept, and the rest made from it.
    for sub in attribute.sub_attributes.iter().filter(|_| attribute.refers.is_none()) {
        if sub.required && !is_read_only(sub) && !object.contains_key(&sub.name) {
            return Err(Error::value(format!("{} is required", quoted(&full_name(&attribute.name, sub)))));
        }
    }
    Ok(())
}

/// The values given for an attribute that is kept as rows: objects with their sub-attributes in the schema's spelling.
///
/// # Errors
/// `invalidValue` naming the attribute.
pub fn relation_values(attribute: &Attribute, value: Value, rules: Rules<'_>) -> Result<Vec<Value>, Error> {
    let items = match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        other if rules.dialect.is_auto() => vec![other],
        _ => return Err(Error::value(format!("{} must be an array", quoted(&attribute.name)))),
    };
    let mut values = Vec::with_capacity(items.len());
    for item in items.into_iter().filter(|item| !item.is_null()) {
        let value = single(attribute, "", item, rules)?;
        let named = value.filter(|v| v.get("value").and_then(Value::as_str).is_some_and(|id| !id.is_empty()));
        values.push(named.ok_or_else(|| Error::value(format!("`{}.value` is required", attribute.name)))?);
    }
    Ok(values)
}

/// An `externalId` as sent.
///
/// # Errors
/// `invalidValue` when it is no string or too long.
pub fn external_id(value: Value, rules: Rules<'_>) -> Result<Option<String>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) if text.len() <= rules.limits.id_bytes => Ok(Some(text)),
        Value::Number(number) if rules.dialect.is_auto() => Ok(Some(number.to_string())),
        // An empty object is how one client renders "none".
        Value::Object(object) if rules.dialect.is_auto() && object.is_empty() => Ok(None),
        _ => Err(Error::value(format!(
            "`externalId` must be a string of at most {} bytes",
            rules.limits.id_bytes
        ))),
    }
}

/// Refuses names that differ by case alone (RFC 7643 §2.1): which of the values is meant cannot be told.
pub(crate) fn refuse_repeats(object: &Object) -> Result<(), Error> {
    if object.len() < 2 {
        return Ok(());
    }
    let mut seen = HashSet::with_capacity(object.len());
    match object.keys().find(|name| !seen.insert(name.to_ascii_lowercase())) {
        Some(name) => Err(stands_twice(name)),
        None => Ok(()),
    }
}

pub(super) fn stands_twice(name: &str) -> Error {
    Error::syntax(format!("{} stands twice", quoted(name)))
}

fn wrong_type(attribute: &Attribute, parent: &str) -> Error {
    let expected = match attribute.kind {
        Type::String => "a string",
        Type::Boolean => "a boolean",
        Type::Decimal => "a number",
        Type::Integer => "a whole number",
        Type::DateTime => "a date and time such as `2026-01-31T09:30:00Z`",
        Type::Binary => "a base64 string",
        Type::Reference => "a URI",
        Type::Complex => "an object",
    };
    Error::value(format!("{} must be {expected}", quoted(&full_name(parent, attribute))))
}

pub(crate) fn full_name(parent: &str, attribute: &Attribute) -> String {
    if parent.is_empty() { attribute.name.clone() } else { format!("{parent}.{}", attribute.name) }
}

/// RFC 4648 §4 or §5, with or without padding, white space allowed (RFC 7643 §2.3.6).
fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_=\r\n ".contains(&b))
}
