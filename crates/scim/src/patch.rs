//! PATCH (RFC 7644 §3.5.2): a document and operations in, a document out, all or nothing.
//!
//! What is kept as rows of its own is not in the document; for it, the operations become a list of
//! [`RelationChange`]s in the order given, so that one member among a hundred thousand is one change.

mod elements;
mod parse;
mod parts;
mod relation;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::Object;
use crate::admit::{
    self, Rules, cannot_change, external_id, full_name, is_read_only, refuse_repeats, value_of,
};
use crate::error::{Error, ErrorKind, quoted};
use crate::filter::{self, BoundFilter};
use crate::path::{BoundPath, PatchPath, Place, free_part};
use crate::quirks::{self, Dialect};
use crate::schema::{Attribute, Found, Held, Mutability, ResourceType, Schema};

pub use parse::parse;
use parts::{guard_parts, guard_removal};
pub use relation::RelationChange;

/// The limits of a PATCH.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Those of a path, which may hold a filter.
    pub filter: filter::Limits,
    /// Most comparisons of values with values that the operations may need together.
    pub comparisons: usize,
}

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
    /// Whether nothing else was asked for, whatever came of it.
    pub is_of_relations: bool,
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
    limits: &Limits,
) -> Result<Patched<'s>, Error> {
    let out = Patched { document: document.clone(), is_of_relations: true, ..Patched::default() };
    let mut patch = Patch { kind, rules, limits, comparisons: 0, out };
    for operation in operations {
        patch.run(operation)?;
    }
    let mut out = patch.out;
    out.is_of_relations &= !out.relations.is_empty();
    admit::succeed(kind, document, &mut out.document)?;
    Ok(out)
}

struct Patch<'s, 'r> {
    kind: &'s ResourceType,
    rules: Rules<'r>,
    limits: &'r Limits,
    /// How many have been needed; see [`Limits::comparisons`].
    comparisons: usize,
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
                let parsed = PatchPath::parse(&path, &self.limits.filter, self.rules.dialect)?;
                if let (None, Some((found, part))) =
                    (&parsed.filter, free_part(self.kind, parsed.attr.as_str()))
                {
                    return self.part(op, found, part, value);
                }
                let bound = parsed.bind(self.kind, self.rules.dialect)?;
                self.at(op, &parsed, bound, value)
            }
            None => self.whole(op, value),
        }
    }

    /// A part of an attribute that may hold anything: it is set, or taken away.
    fn part(&mut self, op: Op, found: Found<'s>, name: &str, value: Option<Value>) -> Result<(), Error> {
        let value = match (op, value) {
            (Op::Remove, _) => Value::Null,
            (_, Some(value)) => value,
            (_, None) => return Err(value_required(op, &format!("{}.{name}", found.attribute.name))),
        };
        let whole = Value::Object(Object::from_iter([(name.to_owned(), value)]));
        self.attribute(Op::Add, found, None, None, Some(whole))
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
        let object = if self.is_strict() { object } else { quirks::flat(self.kind, object) };
        refuse_repeats(&object)?;
        object.into_iter().try_for_each(|(name, value)| self.named(op, &name, value))
    }

    fn named(&mut self, op: Op, name: &str, value: Value) -> Result<(), Error> {
        let strict = self.is_strict();
        if let Some(found) = self.kind.find(None, name) {
            // Whole objects come with what clients cannot change, and with nulls for what they do not know: that
            // a group has no members any more is said by an empty list.
            let is_idle =
                is_read_only(found.attribute) || (value.is_null() && found.attribute.held == Held::Edges);
            if !strict && is_idle {
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
        if let Some((found, part)) = free_part(self.kind, name) {
            return self.part(op, found, part, Some(value));
        }
        // Dotted and URN keys are paths; what is not even that is an attribute we do not keep.
        let Ok(parsed) = PatchPath::parse(name, &self.limits.filter, self.rules.dialect) else {
            return Ok(());
        };
        match parsed.bind(self.kind, self.rules.dialect) {
            Ok(bound) if bound.is_read_only() => Ok(()),
            Ok(bound) => self.at(op, &parsed, bound, Some(value)),
            Err(_) => Ok(()),
        }
    }

    fn at(
        &mut self,
        op: Op,
        path: &PatchPath,
        mut bound: BoundPath<'s>,
        value: Option<Value>,
    ) -> Result<(), Error> {
        if let (Some(filter), Some(names)) = (&mut bound.filter, self.rules.names) {
            filter.name(names);
        }
        match bound.place {
            Place::Extension(schema) => self.schema(op, schema, value),
            Place::Attribute { found, sub } => {
                let filter = bound
                    .filter
                    .zip(path.filter.as_ref())
                    .map(|(bound, written)| Selection { written, bound });
                self.attribute(op, found, filter, sub, value)
            }
        }
    }

    /// A schema as a whole: all attributes of an extension, or of the resource.
    fn schema(&mut self, op: Op, schema: &'s Schema, value: Option<Value>) -> Result<(), Error> {
        if schema.id == self.kind.schema.id {
            return self.whole(op, value);
        }
        let object = match (op, value) {
            (Op::Remove, _) | (Op::Replace, Some(Value::Null)) => return self.forget(schema),
            (_, None) => return Err(value_required(op, &schema.id)),
            // Adding nothing adds nothing.
            (_, Some(Value::Null)) => return Ok(()),
            (_, Some(Value::Object(object))) => object,
            _ => return Err(Error::value(format!("{} must be an object", quoted(&schema.id)))),
        };
        refuse_repeats(&object)?;
        for (name, value) in object {
            match schema.attributes.find(&name) {
                // Some clients have every object name its schemas (RFC 7643 §3).
                None if name.eq_ignore_ascii_case("schemas") => {}
                Some(attribute) if is_read_only(attribute) && !self.is_strict() => {}
                Some(attribute) => {
                    self.attribute(
                        op,
                        Found { extension: Some(schema), attribute },
                        None,
                        None,
                        Some(value),
                    )?;
                }
                None if self.is_strict() => {
                    return Err(Error::path(format!(
                        "{} is not an attribute of {}",
                        quoted(&name),
                        quoted(&schema.id)
                    )));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// An extension as a whole goes, with what it requires; what only the service provider sets stays.
    fn forget(&mut self, schema: &'s Schema) -> Result<(), Error> {
        if self.kind.extensions.iter().any(|e| e.required && e.schema.id == schema.id) {
            return Err(Error::mutability(format!("{} cannot be removed", quoted(&schema.id))));
        }
        self.out.is_of_relations = false;
        for attribute in schema.attributes.iter().filter(|a| a.mutability == Mutability::WriteOnly) {
            self.out.secrets.insert(attribute.name.clone(), Value::Null);
        }
        let Some(Value::Object(object)) = self.out.document.get_mut(&schema.id) else { return Ok(()) };
        for attribute in &schema.attributes {
            if attribute.mutability == Mutability::Immutable && object.contains_key(&attribute.name) {
                return Err(Error::mutability(format!("{} cannot be removed", quoted(&attribute.name))));
            }
            guard_parts(attribute, object.get(&attribute.name))?;
            if !is_read_only(attribute) {
                object.shift_remove(&attribute.name);
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
        let is_common = |name: &str| found.extension.is_none() && attribute.name == name;
        // Derived from what the resource holds.
        if is_common("schemas") {
            return Ok(());
        }
        if is_read_only(attribute) || sub.is_some_and(is_read_only) {
            let name = sub.map_or(attribute.name.clone(), |sub| full_name(&attribute.name, sub));
            return Err(Error::mutability(format!("{} is read-only", quoted(&name))));
        }
        if value.is_none() && op != Op::Remove {
            return Err(value_required(op, &attribute.name));
        }
        self.out.is_of_relations &= attribute.held == Held::Edges;
        if is_common("externalId") {
            let value = if op == Op::Remove { Value::Null } else { value.unwrap_or_default() };
            self.out.external_id = Some(external_id(value, self.rules)?);
            return Ok(());
        }
        if attribute.held == Held::Edges {
            return self.relation(op, attribute, filter, sub, value);
        }
        if attribute.mutability == Mutability::WriteOnly {
            return self.secret(op, attribute, sub, value);
        }
        self.in_document(op, found, filter, sub, value)
    }

    fn secret(
        &mut self,
        op: Op,
        attribute: &Attribute,
        sub: Option<&Attribute>,
        value: Option<Value>,
    ) -> Result<(), Error> {
        if sub.is_some() {
            return Err(Error::mutability(format!("{} is set as a whole", quoted(&attribute.name))));
        }
        let value = if op == Op::Remove { Value::Null } else { value.unwrap_or_default() };
        let value = value_of(attribute, "", value, self.rules)?.unwrap_or_default();
        self.out.secrets.insert(attribute.name.clone(), value);
        Ok(())
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
        let before = self.take(found);
        let (had_value, parts_stay) = (before.is_some(), guard_parts(attribute, before.as_ref()));
        // An immutable attribute is compared with what it was before this operation, so that several in one request
        // do no more than one after the other.
        let fixed = before.clone().filter(|_| attribute.mutability == Mutability::Immutable);
        let after = if attribute.multi_valued {
            let list = match before {
                Some(Value::Array(list)) => list,
                _ => Vec::new(),
            };
            self.count(&list, filter.as_ref(), value.as_ref())?;
            elements::change(elements::Change { op, attribute, filter, sub, value, rules }, list)?
        } else if let Some(selection) = filter {
            return Err(Error::path(format!(
                "{} has one value; `[{}]` cannot choose among them",
                quoted(&attribute.name),
                selection.written
            )));
        } else {
            parts::one(op, attribute, sub, before, value, rules)?
        };
        if had_value && after.is_null() {
            guard_removal(attribute, "")?;
            parts_stay?;
        }
        if fixed.is_some_and(|fixed| fixed != after) {
            return Err(cannot_change(&attribute.name));
        }
        self.put(found, after);
        Ok(())
    }

    /// Counts what an operation on a list costs at most, before it is paid.
    fn count(
        &mut self,
        list: &[Value],
        filter: Option<&Selection<'_, 's>>,
        value: Option<&Value>,
    ) -> Result<(), Error> {
        let terms = filter.map_or(1, |selection| filter::terms(selection.written));
        let given = value.and_then(Value::as_array).map_or(1, Vec::len);
        self.comparisons =
            self.comparisons.saturating_add(list.len().saturating_mul(terms.saturating_add(given)));
        let most = self.limits.comparisons;
        if self.comparisons > most {
            return Err(Error::value(format!("the operations need more than {most} comparisons of values")));
        }
        Ok(())
    }

    /// Takes the value out, but leaves its place in the document.
    fn take(&mut self, found: Found<'_>) -> Option<Value> {
        let object = match found.extension {
            None => &mut self.out.document,
            Some(schema) => self.out.document.get_mut(&schema.id)?.as_object_mut()?,
        };
        let value = object.get_mut(&found.attribute.name)?.take();
        (!value.is_null()).then_some(value)
    }

    fn put(&mut self, found: Found<'_>, value: Value) {
        let object = match found.extension {
            None => &mut self.out.document,
            Some(schema) => {
                let slot = self
                    .out
                    .document
                    .entry(schema.id.clone())
                    .or_insert_with(|| Value::Object(Object::new()));
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
}

/// The filter of a path: as written, to create what it describes, and bound, to find what it matches.
struct Selection<'p, 's> {
    written: &'p filter::Filter,
    bound: BoundFilter<'s>,
}

fn value_required(op: Op, name: &str) -> Error {
    let verb = match op {
        Op::Add => "add to",
        Op::Remove => "remove from",
        Op::Replace => "replace",
    };
    Error::value(format!("`value` is required to {verb} {}", quoted(name)))
}
