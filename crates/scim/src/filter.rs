//! Filters (RFC 7644 §3.4.2.2): parsed as written, bound to a resource type, evaluated over documents.
//!
//! [`parse()`] knows the grammar and no schema. [`bind()`] finds every attribute and brings every literal to the form
//! in which it is compared. A [`BoundFilter`] says whether a document matches, and can be read by whoever plans
//! a query. No store, no index and no paging is known here.

mod bind;
mod eval;
mod parse;
mod print;
#[cfg(test)]
pub(crate) mod sample;

use std::fmt;

use serde_json::{Number, Value};

pub use bind::{bind, bind_each, bind_within};
pub use parse::parse;
pub(crate) use parse::parse_patch_path;

use crate::admit::Names;
use crate::path::AttrPath;
use crate::schema::{Attribute, Schema};

/// How large a filter may be; the figures are the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest text, in bytes.
    pub bytes: usize,
    /// Deepest nesting of parentheses and brackets. Parsing, binding and evaluation recurse as deep.
    pub depth: usize,
    /// Most comparisons.
    pub terms: usize,
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal: whatever `eq` does not match, so also an attribute without a value.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl Op {
    const ALL: [(&str, Self); 9] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("co", Self::Co),
        ("sw", Self::Sw),
        ("ew", Self::Ew),
        ("gt", Self::Gt),
        ("ge", Self::Ge),
        ("lt", Self::Lt),
        ("le", Self::Le),
    ];

    /// The operator of that name, without regard to case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, op)| *op)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }
}

/// A filter as it is written; printing it gives canonical text that parses to the same.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of these; at least two.
    And(Vec<Filter>),
    /// Any of these; at least two.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// An attribute against a literal.
    Compare {
        /// The attribute.
        path: AttrPath,
        /// How.
        op: Op,
        /// The literal.
        value: Literal,
    },
    /// The attribute has a value.
    Present(AttrPath),
    /// One element of the attribute satisfies all of the inner filter: `emails[type eq "work"]`.
    Has {
        /// The attribute.
        path: AttrPath,
        /// What the element must satisfy; holds no other `Has`.
        inner: Box<Filter>,
    },
}

/// What an attribute is compared with, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`: no value.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(Numeral),
    /// A string.
    Text(String),
}

impl Literal {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(truth) => Value::Bool(*truth),
            Self::Number(numeral) => numeral.to_number().map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::String(text.clone()),
        }
    }
}

/// A JSON number as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numeral(String);

impl Numeral {
    /// A number by its JSON spelling; none if the text is not that, or is too large.
    pub fn parse(text: &str) -> Option<Self> {
        let numeral = Self(text.to_owned());
        // The JSON parser would allow space around it.
        (text.trim_ascii() == text && numeral.to_number().is_some()).then_some(numeral)
    }

    /// The number, read as the numbers of documents are.
    pub fn to_number(&self) -> Option<Number> {
        serde_json::from_str(&self.0).ok()
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A filter whose names were found in a resource type and whose literals fit them.
#[derive(Clone, Debug)]
pub enum BoundFilter<'s> {
    /// All of these; with none of them, everything.
    And(Vec<BoundFilter<'s>>),
    /// Any of these; with none of them, nothing.
    Or(Vec<BoundFilter<'s>>),
    /// Not this.
    Not(Box<BoundFilter<'s>>),
    /// Some value at a place compares so with the probe; for `ne`, no value there is equal to it.
    Compare {
        /// The place; never complex.
        at: At<'s>,
        /// How.
        op: Op,
        /// With what.
        probe: Probe,
    },
    /// There is a value at the place that is not empty.
    Present(At<'s>),
    /// One element at the place satisfies all of the inner filter, whose places are within the element.
    Has {
        /// The place; names no sub-attribute.
        at: At<'s>,
        /// What the element must satisfy.
        inner: Box<BoundFilter<'s>>,
    },
    /// The object at the place has a part of that name that satisfies the inner filter, whose place is the part itself.
    Part {
        /// The place; holds any JSON object.
        at: At<'s>,
        /// The part's name, as it is written.
        name: String,
        /// What the part must satisfy: one comparison with a value of its own JSON type, or that it is there.
        inner: Box<BoundFilter<'s>>,
    },
}

/// Visits the names and values of a filter that is an equality, or equalities joined by `and`: what an element
/// must hold to match `type eq "work" and primary eq true`. False if the filter is anything else.
pub fn equalities(filter: &Filter, visit: &mut dyn FnMut(&str, &Value)) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|filter| equalities(filter, visit)),
        Filter::Compare { path, op: Op::Eq, value } => {
            visit(path.sub().unwrap_or(path.name()), &value.to_json());
            true
        }
        _ => false,
    }
}

/// How many comparisons and value paths there are in a filter.
pub(crate) fn terms(filter: &Filter) -> usize {
    match filter {
        Filter::And(inner) | Filter::Or(inner) => inner.iter().map(terms).sum(),
        Filter::Not(inner) => terms(inner),
        Filter::Has { inner, .. } => 1 + terms(inner),
        Filter::Compare { .. } | Filter::Present(_) => 1,
    }
}

impl BoundFilter<'_> {
    /// Matches everything.
    pub fn always() -> Self {
        Self::And(Vec::new())
    }

    /// Matches nothing.
    pub fn never() -> Self {
        Self::Or(Vec::new())
    }

    /// Puts the ids of resources in place of what they are called, where it asks for equality with them.
    pub(crate) fn name(&mut self, names: &Names) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter_mut().for_each(|filter| filter.name(names)),
            Self::Not(inner) | Self::Has { inner, .. } => inner.name(names),
            Self::Compare { at, op: Op::Eq | Op::Ne, probe: Probe::Key(key) } => {
                // The key of an id is its text.
                if let (Some(kind), Ok(written)) = (at.names(), std::str::from_utf8(key)) {
                    *key = names.id(kind, written, false).as_bytes().to_vec();
                }
            }
            Self::Compare { .. } | Self::Present(_) | Self::Part { .. } => {}
        }
    }
}

/// A place in the documents of a resource type.
#[derive(Clone, Copy, Debug)]
pub struct At<'s> {
    /// The extension; none for the core schema and the common attributes.
    pub extension: Option<&'s Schema>,
    /// The attribute.
    pub attribute: &'s Attribute,
    /// The sub-attribute, if one is meant.
    pub sub: Option<&'s Attribute>,
}

impl<'s> At<'s> {
    /// The attribute whose type the values at this place have.
    pub fn leaf(&self) -> &'s Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// The attribute whose type is compared: of a reference within an element, its `value`.
    pub fn compared(&self) -> &'s Attribute {
        let leaf = self.leaf();
        leaf.value_sub().filter(|_| leaf.refers.is_some()).unwrap_or(leaf)
    }

    /// The kind of the resources whose ids are at this place, if they are.
    fn names(&self) -> Option<&'s str> {
        let own = |sub: &Attribute| sub.name == "value";
        let attribute = if self.sub.is_some_and(own) { self.attribute } else { self.leaf() };
        attribute.refers.as_ref().map(|refers| refers.kind.as_str())
    }

    /// Of a value at this place, what is compared.
    pub(crate) fn bare<'v>(&self, value: &'v Value) -> &'v Value {
        match value.get("value") {
            Some(inner) if self.leaf().refers.is_some() => inner,
            _ => value,
        }
    }
}

/// The place's name in canonical spelling: `userName`, `emails.value`, `urn:…:User:manager.value`.
impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extension) = self.extension {
            write!(f, "{}:", extension.id)?;
        }
        f.write_str(&self.attribute.name)?;
        match self.sub {
            Some(sub) => write!(f, ".{}", sub.name),
            None => Ok(()),
        }
    }
}

/// A literal in the form in which it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// For `eq ne gt ge lt le`: the literal's [`crate::value::key`].
    Key(Vec<u8>),
    /// For `co sw ew`: the literal as [`crate::value::fold`] folds it.
    Text(String),
}
