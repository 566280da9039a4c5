//! What a client sent, made into what a schema admits (RFC 7643 §2, RFC 7644 §3.3 and §3.5.1).
//!
//! One walk over the document: names take the schema's spelling, values are checked against their type,
//! read-only attributes fall away, write-only ones are taken aside, and whatever is kept as rows of its own is
//! handed over as such. Nothing here knows who asks or where the result goes.

use serde_json::Value;

use crate::Object;
use crate::error::{Error, quoted};
use crate::quirks::{self, Dialect};
use crate::schema::{Attribute, Held, Mutability, ResourceType, Schema, Type};
use crate::value;

/// How much a document may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most values of one multi-valued attribute kept in a document.
    pub values: usize,
    /// Longest string, in bytes.
    pub string_bytes: usize,
    /// Longest `externalId`, and longest `id` a client may choose, in bytes.
    pub id_bytes: usize,
}

/// What admission needs to know beside the resource type.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// How literally the client is taken.
    pub dialect: Dialect,
    /// How much it may send.
    pub limits: &'a Limits,
}

/// A document that a schema admitted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Admitted {
    /// `schemas` and every attribute kept in the document, in the schema's spelling.
    pub document: Object,
    /// The values of write-only attributes, by attribute name.
    pub secrets: Object,
    /// `externalId`: absent, cleared, or given.
    pub external_id: Option<Option<String>>,
    /// The `id` the client sent; most kinds ignore it.
    pub id: Option<String>,
    /// The values given for attributes that are kept as rows of their own.
    pub relations: Vec<(String, Vec<Value>)>,
}

/// Admits a whole resource, as sent by POST or PUT.
///
/// # Errors
/// `invalidValue` or `invalidSyntax`, naming the attribute.
pub fn admit(kind: &ResourceType, draft: Object, rules: Rules<'_>) -> Result<Admitted, Error> {
    let draft = if rules.dialect.is_auto() { quirks::unwrap_attributes(draft) } else { draft };
    let mut out = Admitted::default();
    out.document.insert("schemas".to_owned(), Value::Null); // first of all, filled in by `seal`
    let mut walk = Walk { kind, rules, out: &mut out };
    for (name, value) in draft {
        walk.top(&name, value)?;
    }
    seal(kind, &mut out.document)?;
    Ok(out)
}

struct Walk<'a> {
    kind: &'a ResourceType,
    rules: Rules<'a>,
    out: &'a mut Admitted,
}

impl Walk<'_> {
    fn top(&mut self, name: &str, value: Value) -> Result<(), Error> {
        if name.eq_ignore_ascii_case("schemas") {
            return check_schemas(self.kind, &value, self.rules.dialect);
        }
        if let Some(found) = self.kind.find(None, name) {
            return self.core(found.attribute, value);
        }
        match self.kind.split_urn(name) {
            Some((schema, "")) if schema.id != self.kind.schema.id => self.extension(schema, value),
            Some((schema, rest)) if self.rules.dialect.is_auto() && !rest.is_empty() => {
                let mut object = Object::new();
                object.insert(rest.to_owned(), value);
                if schema.id == self.kind.schema.id {
                    object.into_iter().try_for_each(|(name, value)| self.top(&name, value))
                } else {
                    self.extension(schema, Value::Object(object))
                }
            }
            _ => self.unknown(name),
        }
    }

    fn unknown(&self, name: &str) -> Result<(), Error> {
        match self.rules.dialect {
            Dialect::Auto => Ok(()),
            Dialect::Strict => {
                Err(Error::syntax(format!("{} is not an attribute of {}", quoted(name), self.kind.name)))
            }
        }
    }

    fn core(&mut self, attribute: &Attribute, value: Value) -> Result<(), Error> {
        match (attribute.name.as_str(), attribute.held) {
            ("externalId", _) => {
                self.out.external_id = Some(external_id(value, self.rules)?);
                Ok(())
            }
            ("id", _) => {
                self.out.id = value.as_str().map(str::to_owned);
                Ok(())
            }
            (_, Held::Edges) => {
                self.out.relations.push((attribute.name.clone(), relation_values(attribute, value, self.rules)?));
                Ok(())
            }
            _ => admit_into(&mut self.out.document, &mut self.out.secrets, attribute, "", value, self.rules),
        }
    }

    fn extension(&mut self, schema: &Schema, value: Value) -> Result<(), Error> {
        let object = match value {
            Value::Null => return Ok(()),
            Value::Object(object) => object,
            _ => return Err(Error::value(format!("{} must be an object", quoted(&schema.id)))),
        };
        let mut inner = match self.out.document.remove(&schema.id) {
            Some(Value::Object(known)) => known,
            _ => Object::new(),
        };
        for (name, value) in object {
            match schema.attributes.find(&name) {
                Some(attribute) => {
                    admit_into(&mut inner, &mut self.out.secrets, attribute, "", value, self.rules)?;
                }
                None => self.unknown(&name)?,
            }
        }
        if !inner.is_empty() {
            self.out.document.insert(schema.id.clone(), Value::Object(inner));
        }
        Ok(())
    }
}

/// One attribute of an object: read-only falls away, write-only goes aside, the rest is checked and inserted.
fn admit_into(
    object: &mut Object,
    secrets: &mut Object,
    attribute: &Attribute,
    parent: &str,
    value: Value,
    rules: Rules<'_>,
) -> Result<(), Error> {
    // RFC 7644 §3.3 and §3.5.1: values of read-only attributes are ignored.
    if attribute.mutability == Mutability::ReadOnly || attribute.held == Held::Derived {
        return Ok(());
    }
    let target = if attribute.mutability == Mutability::WriteOnly { secrets } else { object };
    if target.contains_key(&attribute.name) {
        return Err(Error::syntax(format!("{} stands twice", quoted(&full_name(parent, attribute)))));
    }
    if let Some(value) = value_of(attribute, parent, value, rules)? {
        target.insert(attribute.name.clone(), value);
    }
    Ok(())
}

/// A value as `attribute` admits it; `None` when it means "no value" (RFC 7643 §2.5).
///
/// # Errors
/// `invalidValue` naming the attribute, with `parent` before it where there is one.
pub fn value_of(attribute: &Attribute, parent: &str, value: Value, rules: Rules<'_>) -> Result<Option<Value>, Error> {
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
        // RFC 7643 §2.4: the same value is not kept twice.
        if let Some(value) = single(attribute, parent, item, rules)?
            && !values.contains(&value)
        {
            values.push(value);
        }
    }
    one_primary(attribute, &values)?;
    Ok((!values.is_empty()).then_some(Value::Array(values)))
}

/// RFC 7643 §2.4: the primary value `true` must appear no more than once.
fn one_primary(attribute: &Attribute, values: &[Value]) -> Result<(), Error> {
    if values.iter().filter(|v| is_primary(v)).count() > 1 {
        return Err(Error::value(format!("{} has more than one primary value", quoted(&attribute.name))));
    }
    Ok(())
}

/// Whether an element says that it is the primary one.
pub fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

fn single(attribute: &Attribute, parent: &str, value: Value, rules: Rules<'_>) -> Result<Option<Value>, Error> {
    if value.is_null() {
        return Ok(None);
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

fn complete(attribute: &Attribute, parent: &str, value: Value, rules: Rules<'_>) -> Result<Option<Value>, Error> {
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
        Value::Object(object) if object.is_empty() => Ok(None),
        value => Ok(Some(value)),
    }
}

fn complex(attribute: &Attribute, object: Object, rules: Rules<'_>) -> Result<Option<Value>, Error> {
    let mut out = Object::with_capacity(object.len());
    let mut aside = Object::new();
    for (name, value) in object {
        match attribute.sub(&name) {
            Some(sub) => admit_into(&mut out, &mut aside, sub, &attribute.name, value, rules)?,
            None if rules.dialect.is_auto() => {}
            None => {
                let name = format!("{}.{name}", attribute.name);
                return Err(Error::syntax(format!("{} is not an attribute", quoted(&name))));
            }
        }
    }
    if out.is_empty() {
        return Ok(None);
    }
    for sub in &attribute.sub_attributes {
        if sub.required && sub.mutability != Mutability::ReadOnly && !out.contains_key(&sub.name) {
            return Err(Error::value(format!("{} is required", quoted(&full_name(&attribute.name, sub)))));
        }
    }
    Ok(Some(Value::Object(out)))
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
    for item in items {
        if let Some(value) = single(attribute, "", item, rules)? {
            if value.get("value").and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(Error::value(format!("`{}.value` is required", attribute.name)));
            }
            values.push(value);
        }
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
        _ => Err(Error::value(format!("`externalId` must be a string of at most {} bytes", rules.limits.id_bytes))),
    }
}

/// RFC 7643 §3: `schemas` names the core schema, and nothing the resource type does not have.
fn check_schemas(kind: &ResourceType, value: &Value, dialect: Dialect) -> Result<(), Error> {
    if dialect.is_auto() {
        return Ok(());
    }
    let names = value.as_array().ok_or_else(|| Error::value("`schemas` must be an array of URNs"))?;
    let mut core = false;
    for name in names {
        let name = name.as_str().ok_or_else(|| Error::value("`schemas` must be an array of URNs"))?;
        match kind.split_urn(name) {
            Some((schema, "")) => core |= schema.id == kind.schema.id,
            _ => return Err(Error::value(format!("{} is not a schema of {}", quoted(name), kind.name))),
        }
    }
    if core { Ok(()) } else { Err(Error::value(format!("`schemas` lacks {}", quoted(&kind.schema.id)))) }
}

/// Writes `schemas` from what the document holds and sees that nothing required is missing. Whoever edits an
/// admitted document calls this before keeping it.
///
/// # Errors
/// `invalidValue` naming the attribute that is missing.
pub fn seal(kind: &ResourceType, document: &mut Object) -> Result<(), Error> {
    let mut schemas = vec![Value::String(kind.schema.id.clone())];
    require(&kind.schema, document)?;
    for extension in &kind.extensions {
        match document.get(&extension.schema.id).and_then(Value::as_object) {
            Some(object) if !object.is_empty() => {
                require(&extension.schema, object)?;
                schemas.push(Value::String(extension.schema.id.clone()));
            }
            _ if extension.required => {
                return Err(Error::value(format!("{} is required", quoted(&extension.schema.id))));
            }
            _ => {
                document.remove(&extension.schema.id);
            }
        }
    }
    document.insert("schemas".to_owned(), Value::Array(schemas));
    Ok(())
}

fn require(schema: &Schema, object: &Object) -> Result<(), Error> {
    for attribute in &schema.attributes {
        let expected = attribute.required
            && attribute.in_document()
            && !matches!(attribute.mutability, Mutability::ReadOnly | Mutability::WriteOnly);
        let missing = match object.get(&attribute.name) {
            None => true,
            Some(value) => value.as_str().is_some_and(|text| text.trim().is_empty()),
        };
        if expected && missing {
            return Err(Error::value(format!("{} is required", quoted(&attribute.name))));
        }
    }
    Ok(())
}

/// What must hold between a document and the one that replaces it: immutable attributes keep their values
/// (RFC 7644 §3.5.1), and values only the service provider sets are carried over.
///
/// # Errors
/// `mutability` naming the attribute.
pub fn succeed(kind: &ResourceType, previous: &Object, next: &mut Object) -> Result<(), Error> {
    keep(&kind.schema, previous, next)?;
    for extension in &kind.extensions {
        let id = &extension.schema.id;
        let Some(before) = previous.get(id).and_then(Value::as_object) else { continue };
        let mut after = match next.remove(id) {
            Some(Value::Object(after)) => after,
            _ => Object::new(),
        };
        keep(&extension.schema, before, &mut after)?;
        if !after.is_empty() {
            next.insert(id.clone(), Value::Object(after));
        }
    }
    Ok(())
}

fn keep(schema: &Schema, previous: &Object, next: &mut Object) -> Result<(), Error> {
    for attribute in &schema.attributes {
        if !attribute.in_document() || matches!(attribute.mutability, Mutability::ReadWrite | Mutability::WriteOnly) {
            continue;
        }
        let Some(before) = previous.get(&attribute.name) else { continue };
        match next.get(&attribute.name) {
            Some(after) if attribute.mutability == Mutability::Immutable && after != before => {
                return Err(Error::mutability(format!("{} cannot change once it is set", quoted(&attribute.name))));
            }
            Some(_) if attribute.mutability == Mutability::Immutable => {}
            _ => {
                next.insert(attribute.name.clone(), before.clone());
            }
        }
    }
    Ok(())
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

fn full_name(parent: &str, attribute: &Attribute) -> String {
    if parent.is_empty() { attribute.name.clone() } else { format!("{parent}.{}", attribute.name) }
}

/// RFC 4648 §4 or §5, with or without padding, white space allowed (RFC 7643 §2.3.6).
fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_=\r\n ".contains(&b))
}
