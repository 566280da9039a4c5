//! What a client sent, made into what a schema admits (RFC 7643 §2, RFC 7644 §3.3 and §3.5.1).
//!
//! One walk over the document: names take the schema's spelling, values are checked against their type,
//! read-only attributes fall away, write-only ones are taken aside, and whatever is kept as rows of its own is
//! handed over as such. Nothing here knows who asks or where the result goes.

mod names;
#[cfg(test)]
mod tests;
mod values;

use serde_json::Value;

use crate::Object;
use crate::error::{Error, quoted};
use crate::quirks::{self, Dialect};
use crate::schema::{Attribute, Held, Mutability, ResourceType, Schema};

pub use names::{Names, Unknown};
use values::{admit_into, stands_twice};
pub(crate) use values::{
    distinct, full_name, is_read_only, object_of, refuse_repeats, require_parts, unknown_part,
};
pub use values::{external_id, is_primary, relation_values, value_of};

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
    /// The ids of resources that it may name otherwise; without them, what it writes stays as it is.
    pub names: Option<&'a Names>,
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
    /// The `id` as the client sent it; most kinds ignore it.
    pub id: Option<Value>,
    /// The values given for attributes that are kept as rows of their own.
    pub relations: Vec<(String, Vec<Value>)>,
}

/// Admits a whole resource, as sent by POST or PUT.
///
/// # Errors
/// `invalidValue` or `invalidSyntax`, naming the attribute.
pub fn admit(kind: &ResourceType, draft: Object, rules: Rules<'_>) -> Result<Admitted, Error> {
    let mut out = admit_replacement(kind, draft, rules)?;
    out.document.retain(|_, value| !value.is_null());
    seal(kind, &mut out.document)?;
    Ok(out)
}

/// Admits what takes the place of a resource: it is whole only when [`remain`] and [`succeed`] have compared it with what was
/// there, for some attributes stay as they were when nothing is said of them. `null` stands for a lasting one that is emptied.
///
/// # Errors
/// As [`admit`], but for what is missing.
pub fn admit_replacement(kind: &ResourceType, draft: Object, rules: Rules<'_>) -> Result<Admitted, Error> {
    let draft = if rules.dialect.is_auto() { quirks::flat(kind, draft) } else { draft };
    let mut out = Admitted { document: Object::with_capacity(draft.len() + 1), ..Admitted::default() };
    out.document.insert("schemas".to_owned(), Value::Null); // first of all, filled in by `seal`
    let mut walk = Walk { kind, rules, out: &mut out, names_schemas: false };
    for (name, value) in draft {
        walk.top(name, value)?;
    }
    // RFC 7643 §3: every representation names its schemas.
    if !walk.names_schemas && rules.dialect == Dialect::Strict {
        return Err(Error::syntax("`schemas` is required"));
    }
    Ok(out)
}

struct Walk<'a> {
    kind: &'a ResourceType,
    rules: Rules<'a>,
    out: &'a mut Admitted,
    names_schemas: bool,
}

impl Walk<'_> {
    fn top(&mut self, name: String, value: Value) -> Result<(), Error> {
        if name.eq_ignore_ascii_case("schemas") {
            self.names_schemas = true;
            return check_schemas(self.kind, &value, self.rules.dialect);
        }
        if let Some(found) = self.kind.find(None, &name) {
            return self.core(found.attribute, name, value);
        }
        match self.kind.split_urn(&name) {
            Some((schema, "")) if schema.id != self.kind.schema.id => self.extension(schema, value),
            Some((schema, rest)) if self.rules.dialect.is_auto() => {
                self.qualified(schema, rest.to_owned(), value)
            }
            _ => self.unknown(&name),
        }
    }

    /// `URN:attribute` as a name; an object under the URN of the core schema.
    fn qualified(&mut self, schema: &Schema, rest: String, value: Value) -> Result<(), Error> {
        if schema.id != self.kind.schema.id {
            return self.extension(schema, Value::Object(Object::from_iter([(rest, value)])));
        }
        match (rest.is_empty(), value) {
            (true, Value::Object(object)) => {
                object.into_iter().try_for_each(|(name, value)| self.in_core(name, value))
            }
            (true, Value::Null) => Ok(()),
            (true, _) => Err(Error::value(format!("{} must be an object", quoted(&schema.id)))),
            (false, value) => self.in_core(rest, value),
        }
    }

    fn in_core(&mut self, name: String, value: Value) -> Result<(), Error> {
        match self.kind.find(None, &name) {
            Some(found) if found.attribute.name == "schemas" => Ok(()),
            Some(found) => self.core(found.attribute, name, value),
            None => self.unknown(&name),
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

    fn core(&mut self, attribute: &Attribute, name: String, value: Value) -> Result<(), Error> {
        let out = &mut *self.out;
        match (attribute.name.as_str(), attribute.held) {
            ("externalId", _) => {
                if out.external_id.is_some() {
                    return Err(stands_twice(&name));
                }
                out.external_id = Some(external_id(value, self.rules)?);
            }
            ("id", _) => out.id = Some(value).filter(|id| !id.is_null()),
            // Null says no more than silence does (RFC 7643 §2.5); an empty list says that there are none.
            (_, Held::Edges) if value.is_null() && self.rules.dialect.is_auto() => {}
            (_, Held::Edges) => {
                if out.relations.iter().any(|(known, _)| *known == attribute.name) {
                    return Err(stands_twice(&name));
                }
                out.relations.push((attribute.name.clone(), relation_values(attribute, value, self.rules)?));
            }
            _ => admit_into(&mut out.document, &mut out.secrets, attribute, "", (name, value), self.rules)?,
        }
        Ok(())
    }

    fn extension(&mut self, schema: &Schema, value: Value) -> Result<(), Error> {
        let object = match value {
            Value::Null => return Ok(()),
            Value::Object(object) => object,
            _ => return Err(Error::value(format!("{} must be an object", quoted(&schema.id)))),
        };
        // The same extension may come in several parts: as an object, and as `URN:attribute`.
        let mut inner = match self.out.document.get_mut(&schema.id).map(Value::take) {
            Some(Value::Object(known)) => known,
            _ => Object::with_capacity(object.len()),
        };
        for (name, value) in object {
            match schema.attributes.find(&name) {
                Some(attribute) => {
                    admit_into(&mut inner, &mut self.out.secrets, attribute, "", (name, value), self.rules)?;
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

/// Writes `schemas` from what the document holds, at its beginning, and sees that nothing required is missing.
/// Whoever edits an admitted document calls this before keeping it.
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
                document.shift_remove(&extension.schema.id);
            }
        }
    }
    document.shift_insert(0, "schemas".to_owned(), Value::Array(schemas));
    Ok(())
}

fn require(schema: &Schema, object: &Object) -> Result<(), Error> {
    for attribute in schema.attributes.iter().filter(|a| a.required) {
        let expected = attribute.in_document() && !is_read_only(attribute);
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

/// What a replacement is silent about and yet stays as it was. RFC 7644 §3.5.1 leaves it to the service provider.
pub fn remain(kind: &ResourceType, previous: &Object, next: &mut Object) {
    for attribute in kind.schema.attributes.iter().filter(|attribute| attribute.lasting) {
        if let Some(before) = previous.get(&attribute.name).filter(|_| !next.contains_key(&attribute.name)) {
            next.insert(attribute.name.clone(), before.clone());
        }
    }
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
        let mut after = match next.get_mut(id).map(Value::take) {
            Some(Value::Object(after)) => after,
            _ => Object::new(),
        };
        keep(&extension.schema, before, &mut after)?;
        if after.is_empty() {
            next.shift_remove(id);
        } else {
            next.insert(id.clone(), Value::Object(after));
        }
    }
    next.retain(|_, value| !value.is_null());
    // An extension may be there only because something of it was kept.
    seal(kind, next)
}

fn keep(schema: &Schema, previous: &Object, next: &mut Object) -> Result<(), Error> {
    for attribute in schema.attributes.iter().filter(|attribute| attribute.in_document() && lasts(attribute))
    {
        let Some(before) = previous.get(&attribute.name) else { continue };
        if let Value::Object(before) = before {
            match next.get_mut(&attribute.name) {
                Some(Value::Object(after)) => keep_parts(attribute, before, after)?,
                _ if fixed_part(attribute, before).is_some() => {
                    next.insert(attribute.name.clone(), Value::Object(rest(attribute, before)));
                }
                _ => {}
            }
        }
        match attribute.mutability {
            Mutability::ReadWrite | Mutability::WriteOnly => {}
            Mutability::Immutable if next.get(&attribute.name).is_some_and(|after| after != before) => {
                return Err(cannot_change(&attribute.name));
            }
            Mutability::Immutable | Mutability::ReadOnly => {
                next.insert(attribute.name.clone(), before.clone());
            }
        }
    }
    Ok(())
}

/// Whether something of an attribute outlives what clients say.
fn lasts(attribute: &Attribute) -> bool {
    matches!(attribute.mutability, Mutability::Immutable | Mutability::ReadOnly)
        || attribute.sub_attributes.iter().any(|sub| sub.mutability == Mutability::Immutable)
}

/// The same for the immutable parts of a single complex value.
fn keep_parts(attribute: &Attribute, before: &Object, after: &mut Object) -> Result<(), Error> {
    for sub in attribute.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::Immutable) {
        let Some(before) = before.get(&sub.name) else { continue };
        if after.get(&sub.name).is_some_and(|after| after != before) {
            return Err(cannot_change(&full_name(&attribute.name, sub)));
        }
        after.insert(sub.name.clone(), before.clone());
    }
    Ok(())
}

/// The immutable part of a complex value that is set, for which the value cannot go.
pub(crate) fn fixed_part<'s>(attribute: &'s Attribute, value: &Object) -> Option<&'s Attribute> {
    let is_fixed =
        |sub: &&Attribute| sub.mutability == Mutability::Immutable && value.contains_key(&sub.name);
    attribute.sub_attributes.iter().find(is_fixed)
}

/// What is left of a complex value when all goes that can.
fn rest(attribute: &Attribute, value: &Object) -> Object {
    let stays = |sub: &&Attribute| sub.required || sub.mutability == Mutability::Immutable;
    let parts = attribute.sub_attributes.iter().filter(stays);
    parts.filter_map(|sub| Some((sub.name.clone(), value.get(&sub.name)?.clone()))).collect()
}

/// RFC 7643 §7: an immutable attribute that has a value keeps it.
pub(crate) fn cannot_change(name: &str) -> Error {
    Error::mutability(format!("{} cannot change once it is set", quoted(name)))
}
