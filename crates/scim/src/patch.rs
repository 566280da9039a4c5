//! PATCH (RFC 7644 §3.5.2): a document and operations in, a document out, all or nothing.
//!
//! What is kept as rows of its own is not in the document; for it, the operations become a list of
//! [`RelationChange`]s in the order given, so that one member among a hundred thousand is one change.

mod elements;

use serde_json::Value;

use crate::Object;
use crate::admit::{self, Rules, external_id, relation_values, value_of};
use crate::error::{Error, ErrorKind, quoted};
use crate::filter::{self, BoundFilter};
use crate::message::{PATCH_OP, expect_schema};
use crate::path::{BoundPath, PatchPath, Place};
use crate::quirks::{self, Dialect};
use crate::schema::{Attribute, Found, Held, Mutability, ResourceType, Schema, Type};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Adds values, or sets what has none.
    Add,
    /// Takes values away.
    Remove,
    /// Puts values in place of others.
    Replace,
}

/// One operation, its path not yet understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What it does.
    pub op: Op,
    /// To what; without a path, to the whole resource.
    pub path: Option<String>,
    /// With what.
    pub value: Option<Value>,
}

/// A change to values that are kept as rows of their own. `values` are elements as the schema spells them.
#[derive(Clone, Debug)]
pub enum RelationChange<'s> {
    /// Add these.
    Add {
        /// The attribute.
        attribute: &'s Attribute,
        /// Its elements.
        values: Vec<Value>,
    },
    /// Remove these, by their `value`.
    Remove {
        /// The attribute.
        attribute: &'s Attribute,
        /// Its elements.
        values: Vec<Value>,
    },
    /// Remove those that match.
    RemoveWhere {
        /// The attribute.
        attribute: &'s Attribute,
        /// Which.
        filter: BoundFilter<'s>,
    },
    /// Have exactly these.
    Replace {
        /// The attribute.
        attribute: &'s Attribute,
        /// Its elements.
        values: Vec<Value>,
    },
}

/// What became of a document.
#[derive(Clone, Debug, Default)]
pub struct Patched<'s> {
    /// The new document.
    pub document: Object,
    /// Write-only values that were set; `null` for one that was removed.
    pub secrets: Object,
    /// `externalId`: untouched, cleared, or given.
    pub external_id: Option<Option<String>>,
    /// What happens to values kept as rows, in order.
    pub relations: Vec<RelationChange<'s>>,
}

/// Reads a PATCH body.
///
/// # Errors
/// `invalidSyntax` when it is not a PATCH body, `invalidValue` when it has too many operations.
pub fn parse(mut body: Object, dialect: Dialect, most: usize) -> Result<Vec<Operation>, Error> {
    let strict = dialect == Dialect::Strict;
    expect_schema(&body, PATCH_OP, strict)?;
    let key = body.keys().find(|k| *k == "Operations" || (!strict && k.eq_ignore_ascii_case("operations"))).cloned();
    let Some(Value::Array(items)) = key.and_then(|key| body.remove(&key)) else {
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
    let Value::Object(item) = item else {
        return Err(Error::syntax(format!("`Operations[{at}]` must be an object")));
    };
    let (mut op, mut path, mut value) = (None, None, None);
    for (name, member) in item {
        match name.as_str() {
            "op" => op = Some(member),
            "path" => path = Some(member),
            "value" => value = Some(member),
            _ if strict => {}
            _ if name.eq_ignore_ascii_case("op") => op = Some(member),
            _ if name.eq_ignore_ascii_case("path") => path = Some(member),
            _ if name.eq_ignore_ascii_case("value") => value = Some(member),
            _ => {}
        }
    }
    let op = match op.as_ref().and_then(Value::as_str) {
        Some(text) => op_named(text, strict)
            .ok_or_else(|| Error::syntax(format!("`op` is `add`, `remove` or `replace`, not {}", quoted(text))))?,
        None => return Err(Error::syntax(format!("`Operations[{at}].op` is required"))),
    };
    let path = match path {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.trim().is_empty() => None,
        Some(Value::String(text)) => Some(text),
        Some(Value::Object(object)) if !strict => quirks::path_from_object(&object),
        Some(_) => return Err(Error::path(format!("`Operations[{at}].path` must be a string"))),
    };
    Ok(Operation { op, path, value })
}

fn op_named(text: &str, strict: bool) -> Option<Op> {
    let known = [("add", Op::Add), ("remove", Op::Remove), ("replace", Op::Replace)];
    known.into_iter().find(|(n, _)| *n == text || (!strict && n.eq_ignore_ascii_case(text))).map(|(_, op)| op)
}

/// Applies `operations` to a stored `document` of `kind`, in order.
///
/// # Errors
/// The first thing that is wrong; the document is then as it was.
pub fn apply<'s>(
    kind: &'s ResourceType,
    document: &Object,
    operations: Vec<Operation>,
    rules: Rules<'_>,
    limits: &filter::Limits,
) -> Result<Patched<'s>, Error> {
    let out = Patched { document: document.clone(), ..Patched::default() };
    let mut patch = Patch { kind, rules, limits, out };
    for operation in operations {
        patch.run(operation)?;
    }
    let mut out = patch.out;
    admit::seal(kind, &mut out.document)?;
    admit::succeed(kind, document, &mut out.document)?;
    Ok(out)
}

struct Patch<'s, 'r> {
    kind: &'s ResourceType,
    rules: Rules<'r>,
    limits: &'r filter::Limits,
    out: Patched<'s>,
}

impl<'s> Patch<'s, '_> {
    fn is_strict(&self) -> bool {
        self.rules.dialect == Dialect::Strict
    }

    fn run(&mut self, operation: Operation) -> Result<(), Error> {
        let Operation { op, path, value } = operation;
        match path {
            Some(path) => {
                let parsed = PatchPath::parse(&path, self.limits, self.rules.dialect)?;
                let bound = parsed.bind(self.kind, self.rules.dialect)?;
                self.at(op, &parsed, bound, value)
            }
            None => self.whole(op, value),
        }
    }

    /// RFC 7644 §3.5.2.1 and §3.5.2.3: without a path, the value is a set of attributes of the resource.
    fn whole(&mut self, op: Op, value: Option<Value>) -> Result<(), Error> {
        if op == Op::Remove {
            // RFC 7644 §3.5.2.2: a removal without a path fails with noTarget.
            return Err(Error::new(ErrorKind::NoTarget, "`remove` needs a `path`"));
        }
        let Some(Value::Object(object)) = value else {
            return Err(Error::value("without a `path`, `value` must be an object of attributes"));
        };
        let object = if self.is_strict() { object } else { quirks::unwrap_attributes(object) };
        object.into_iter().try_for_each(|(name, value)| self.named(op, &name, value))
    }

    fn named(&mut self, op: Op, name: &str, value: Value) -> Result<(), Error> {
        let strict = self.is_strict();
        if let Some(found) = self.kind.find(None, name) {
            if !strict && found.attribute.mutability == Mutability::ReadOnly {
                return Ok(());
            }
            return self.attribute(op, found, None, None, Some(value));
        }
        if let Some((schema, "")) = self.kind.split_urn(name) {
            return self.schema(op, schema, Some(value));
        }
        if strict {
            return Err(Error::path(format!("{} is not an attribute of {}", quoted(name), self.kind.name)));
        }
        // Dotted and URN keys are paths; what is not even that is an attribute we do not keep.
        let Ok(parsed) = PatchPath::parse(name, self.limits, self.rules.dialect) else { return Ok(()) };
        match parsed.bind(self.kind, self.rules.dialect) {
            Ok(bound) if bound.is_read_only() => Ok(()),
            Ok(bound) => self.at(op, &parsed, bound, Some(value)),
            Err(_) => Ok(()),
        }
    }

    fn at(&mut self, op: Op, path: &PatchPath, bound: BoundPath<'s>, value: Option<Value>) -> Result<(), Error> {
        match bound.place {
            Place::Extension(schema) => self.schema(op, schema, value),
            Place::Attribute { found, sub } => {
                let filter =
                    bound.filter.zip(path.filter.as_ref()).map(|(bound, written)| Selection { written, bound });
                self.attribute(op, found, filter, sub, value)
            }
        }
    }

    /// A schema as a whole: all attributes of an extension, or of the resource.
    fn schema(&mut self, op: Op, schema: &'s Schema, value: Option<Value>) -> Result<(), Error> {
        if schema.id == self.kind.schema.id {
            return self.whole(op, value);
        }
        let gone = op == Op::Remove || value.as_ref().is_none_or(Value::is_null);
        if gone {
            return schema.attributes.iter().try_for_each(|attribute| {
                let held = self.out.document.get(&schema.id).is_some_and(|o| o.get(&attribute.name).is_some());
                if held && attribute.mutability != Mutability::ReadOnly {
                    self.attribute(Op::Remove, Found { extension: Some(schema), attribute }, None, None, None)?;
                }
                Ok(())
            });
        }
        let Some(Value::Object(object)) = value else {
            return Err(Error::value(format!("{} must be an object", quoted(&schema.id))));
        };
        for (name, value) in object {
            match schema.attributes.find(&name) {
                Some(attribute) if attribute.mutability == Mutability::ReadOnly && !self.is_strict() => {}
                Some(attribute) => {
                    self.attribute(op, Found { extension: Some(schema), attribute }, None, None, Some(value))?;
                }
                None if self.is_strict() => {
                    return Err(Error::path(format!("{} is not an attribute of {}", quoted(&name), quoted(&schema.id))));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn attribute(
        &mut self,
        op: Op,
        found: Found<'s>,
        filter: Option<Selection<'_, 's>>,
        sub: Option<&'s Attribute>,
        value: Option<Value>,
    ) -> Result<(), Error> {
        let attribute = found.attribute;
        match attribute.name.as_str() {
            // Derived from what the resource holds.
            "schemas" if found.extension.is_none() => return Ok(()),
            "externalId" if found.extension.is_none() => {
                let value = if op == Op::Remove { Value::Null } else { value.unwrap_or_default() };
                self.out.external_id = Some(external_id(value, self.rules)?);
                return Ok(());
            }
            _ => {}
        }
        let read_only = |a: &Attribute| a.mutability == Mutability::ReadOnly;
        if read_only(attribute) || sub.is_some_and(read_only) || attribute.held == Held::Derived {
            return Err(Error::mutability(format!("{} is read-only", quoted(&attribute.name))));
        }
        if value.is_none() && op != Op::Remove {
            return Err(Error::value(format!("`value` is required to {} {}", verb(op), quoted(&attribute.name))));
        }
        if attribute.held == Held::Edges {
            return self.relation(op, attribute, filter, sub, value);
        }
        if attribute.mutability == Mutability::WriteOnly {
            let value = if op == Op::Remove { None } else { value_of(attribute, "", value.unwrap_or_default(), self.rules)? };
            self.out.secrets.insert(attribute.name.clone(), value.unwrap_or_default());
            return Ok(());
        }
        self.in_document(op, found, filter, sub, value)
    }

    fn in_document(
        &mut self,
        op: Op,
        found: Found<'s>,
        filter: Option<Selection<'_, 's>>,
        sub: Option<&'s Attribute>,
        value: Option<Value>,
    ) -> Result<(), Error> {
        let (attribute, rules) = (found.attribute, self.rules);
        let current = self.take(found);
        if op == Op::Remove && sub.is_none() && filter.is_none() && current.is_some() {
            guard_removal(attribute)?;
        }
        let next = if attribute.multi_valued {
            let list = match current {
                Some(Value::Array(list)) => list,
                _ => Vec::new(),
            };
            elements::change(elements::Change { op, attribute, filter, sub, value, rules }, list)?
        } else if let Some(selection) = filter {
            return Err(Error::path(format!(
                "{} has one value; `[{}]` cannot choose among them",
                quoted(&attribute.name),
                selection.written
            )));
        } else if let Some(sub) = sub {
            part(op, attribute, sub, current, value, rules)?
        } else {
            one(op, attribute, current, value, rules)?
        };
        if let Some(next) = next {
            self.put(found, next);
        }
        Ok(())
    }

    fn take(&mut self, found: Found<'_>) -> Option<Value> {
        // A clone, not a removal: the attribute keeps its place in the document.
        let object = match found.extension {
            None => &mut self.out.document,
            Some(schema) => self.out.document.get_mut(&schema.id)?.as_object_mut()?,
        };
        let value = object.get_mut(&found.attribute.name)?;
        let taken = value.take();
        (!taken.is_null()).then_some(taken)
    }

    fn put(&mut self, found: Found<'_>, value: Value) {
        let object = match found.extension {
            None => &mut self.out.document,
            Some(schema) => {
                let slot = self.out.document.entry(schema.id.clone()).or_insert_with(|| Value::Object(Object::new()));
                match slot.as_object_mut() {
                    Some(object) => object,
                    None => return,
                }
            }
        };
        if value.is_null() {
            object.shift_remove(&found.attribute.name);
        } else {
            object.insert(found.attribute.name.clone(), value);
        }
    }

    fn relation(
        &mut self,
        op: Op,
        attribute: &'s Attribute,
        filter: Option<Selection<'_, 's>>,
        sub: Option<&'s Attribute>,
        value: Option<Value>,
    ) -> Result<(), Error> {
        if sub.is_some() {
            let detail = format!("the parts of {} cannot change; add or remove whole values", quoted(&attribute.name));
            return Err(Error::mutability(detail));
        }
        let change = match (op, filter) {
            (Op::Remove, Some(selection)) => RelationChange::RemoveWhere { attribute, filter: selection.bound },
            // Several clients name the values to remove in `value`: just those go, never all.
            (Op::Remove, None) => match value {
                None | Some(Value::Null) => RelationChange::Replace { attribute, values: Vec::new() },
                Some(value) => RelationChange::Remove { attribute, values: relation_values(attribute, value, self.rules)? },
            },
            (_, Some(selection)) => {
                let element = elements::from_filter(attribute, &selection, self.rules)?;
                RelationChange::Add { attribute, values: relation_values(attribute, element, self.rules)? }
            }
            (op, None) => {
                let values = relation_values(attribute, value.unwrap_or_default(), self.rules)?;
                match op {
                    Op::Add => RelationChange::Add { attribute, values },
                    _ => RelationChange::Replace { attribute, values },
                }
            }
        };
        self.out.relations.push(change);
        Ok(())
    }
}

/// The filter of a path: as written, to create what it describes, and bound, to find what it matches.
struct Selection<'p, 's> {
    written: &'p filter::Filter,
    bound: BoundFilter<'s>,
}

/// A single-valued attribute as a whole; `Null` stands for "no value".
fn one(op: Op, attribute: &Attribute, current: Option<Value>, value: Option<Value>, rules: Rules<'_>) -> Result<Option<Value>, Error> {
    if op == Op::Remove {
        return Ok(Some(Value::Null));
    }
    let next = value_of(attribute, "", value.unwrap_or_default(), rules)?;
    Ok(Some(match (current, next) {
        // RFC 7644 §3.5.2.3: sub-attributes that are not named are left unchanged.
        (Some(Value::Object(mut old)), Some(Value::Object(new))) if attribute.kind == Type::Complex => {
            old.extend(new);
            Value::Object(old)
        }
        (Some(_), None) => {
            guard_removal(attribute)?;
            Value::Null
        }
        (_, next) => next.unwrap_or_default(),
    }))
}

/// A sub-attribute of a single-valued complex attribute.
fn part(
    op: Op,
    attribute: &Attribute,
    sub: &Attribute,
    current: Option<Value>,
    value: Option<Value>,
    rules: Rules<'_>,
) -> Result<Option<Value>, Error> {
    let mut object = match current {
        Some(Value::Object(object)) => object,
        _ => Object::new(),
    };
    set_sub(op, attribute, sub, &mut object, value.as_ref(), rules)?;
    Ok(Some(if object.is_empty() { Value::Null } else { Value::Object(object) }))
}

fn set_sub(
    op: Op,
    attribute: &Attribute,
    sub: &Attribute,
    object: &mut Object,
    value: Option<&Value>,
    rules: Rules<'_>,
) -> Result<(), Error> {
    let value = match (op, value) {
        (Op::Remove, _) | (_, None) => None,
        (_, Some(value)) => value_of(sub, &attribute.name, value.clone(), rules)?,
    };
    if sub.mutability == Mutability::Immutable && object.get(&sub.name).is_some_and(|old| Some(old) != value.as_ref()) {
        let name = format!("{}.{}", attribute.name, sub.name);
        return Err(Error::mutability(format!("{} cannot change once it is set", quoted(&name))));
    }
    match value {
        Some(value) => {
            object.insert(sub.name.clone(), value);
        }
        None => {
            if object.contains_key(&sub.name) {
                guard_removal(sub)?;
            }
            object.shift_remove(&sub.name);
        }
    }
    Ok(())
}

/// RFC 7644 §3.5.2.2: what is required or cannot change cannot be removed.
fn guard_removal(attribute: &Attribute) -> Result<(), Error> {
    if attribute.required || attribute.mutability == Mutability::Immutable {
        return Err(Error::mutability(format!("{} cannot be removed", quoted(&attribute.name))));
    }
    Ok(())
}

fn verb(op: Op) -> &'static str {
    match op {
        Op::Add => "add to",
        Op::Remove => "remove from",
        Op::Replace => "replace",
    }
}
