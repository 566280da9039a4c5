//! PATCH of a multi-valued attribute that is kept in the document: a list of elements in, a list out.

use serde_json::Value;

use super::{Op, Selection, set_sub};
use crate::Object;
use crate::admit::{Rules, is_primary, value_of};
use crate::error::{Error, ErrorKind, quoted};
use crate::filter;
use crate::schema::Attribute;

/// One operation on a list.
pub(super) struct Change<'c, 's> {
    pub(super) op: Op,
    pub(super) attribute: &'s Attribute,
    pub(super) filter: Option<Selection<'c, 's>>,
    pub(super) sub: Option<&'s Attribute>,
    pub(super) value: Option<Value>,
    pub(super) rules: Rules<'c>,
}

/// The list after the change; `Null` stands for "no value".
pub(super) fn change(change: Change<'_, '_>, before: Vec<Value>) -> Result<Option<Value>, Error> {
    let Change { op, attribute, filter, sub, value, rules } = change;
    // Setting something to "no value" removes it (RFC 7643 §2.5).
    let op = if value.as_ref().is_none_or(is_no_value) && op != Op::Remove && (filter.is_some() || sub.is_some()) {
        Op::Remove
    } else {
        op
    };
    let list = Elements { attribute, sub, rules, list: before.clone() };
    let mut after = match (op, filter) {
        (Op::Add, None) if sub.is_none() => list.add(value.unwrap_or_default())?,
        (Op::Replace, None) if sub.is_none() => list.values(value.unwrap_or_default())?,
        (Op::Remove, None) if sub.is_none() => list.remove(value)?,
        (op, None) => list.every(op, value)?,
        (op, Some(selection)) => list.selected(op, &selection, value)?,
    };
    keep_one_primary(attribute, &before, &mut after)?;
    if after.len() > rules.limits.values {
        let detail = format!("{} would have more than {} values", quoted(&attribute.name), rules.limits.values);
        return Err(Error::value(detail));
    }
    Ok(Some(if after.is_empty() { Value::Null } else { Value::Array(after) }))
}

fn is_no_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

struct Elements<'c, 's> {
    attribute: &'s Attribute,
    sub: Option<&'s Attribute>,
    rules: Rules<'c>,
    list: Vec<Value>,
}

impl Elements<'_, '_> {
    fn values(&self, value: Value) -> Result<Vec<Value>, Error> {
        match value_of(self.attribute, "", value, self.rules)? {
            Some(Value::Array(values)) => Ok(values),
            _ => Ok(Vec::new()),
        }
    }

    /// RFC 7644 §3.5.2.1: values are appended; what is there already is not added again.
    fn add(mut self, value: Value) -> Result<Vec<Value>, Error> {
        // A client that adds one value need not wrap it in a list.
        let value = if value.is_array() || value.is_null() { value } else { Value::Array(vec![value]) };
        for value in self.values(value)? {
            match self.list.iter_mut().find(|known| is_same(known, &value)) {
                Some(Value::Object(known)) => known.extend(value.as_object().cloned().unwrap_or_default()),
                Some(_) => {}
                None => self.list.push(value),
            }
        }
        Ok(self.list)
    }

    /// Without a value all go; with one, just those it names.
    fn remove(mut self, value: Option<Value>) -> Result<Vec<Value>, Error> {
        match value {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(value) => {
                let value = if value.is_array() { value } else { Value::Array(vec![value]) };
                let gone = self.values(value)?;
                self.list.retain(|known| !gone.iter().any(|value| names(value, known)));
                Ok(self.list)
            }
        }
    }

    /// A sub-attribute of all elements.
    fn every(mut self, op: Op, value: Option<Value>) -> Result<Vec<Value>, Error> {
        if self.list.is_empty() && op != Op::Remove {
            if !self.rules.dialect.is_auto() {
                return Err(self.no_target());
            }
            self.list.push(Value::Object(Object::new()));
        }
        self.set(op, value.as_ref(), |_| true)?;
        Ok(self.list)
    }

    fn selected(mut self, op: Op, selection: &Selection<'_, '_>, value: Option<Value>) -> Result<Vec<Value>, Error> {
        let matches = |element: &Value| selection.bound.matches_element(element);
        if !self.list.iter().any(matches) {
            // RFC 7644 §3.5.2.3: a replacement whose filter matches nothing has no target. What adds creates
            // its target (§3.5.2.1), and the clients that replace in this way mean to create it too.
            match op {
                Op::Remove if self.rules.dialect.is_auto() => return Ok(self.list),
                Op::Replace | Op::Remove if !self.rules.dialect.is_auto() => return Err(self.no_target()),
                _ => self.list.push(from_filter(self.attribute, selection, self.rules)?),
            }
        }
        match (op, self.sub) {
            (Op::Remove, None) => self.list.retain(|element| !matches(element)),
            (op, Some(_)) => self.set(op, value.as_ref(), matches)?,
            (op, None) => self.overwrite(op, value.unwrap_or_default(), selection)?,
        }
        Ok(self.list)
    }

    fn set(&mut self, op: Op, value: Option<&Value>, matches: impl Fn(&Value) -> bool) -> Result<(), Error> {
        let Some(sub) = self.sub else { return Ok(()) };
        for element in self.list.iter_mut().filter(|element| matches(element)) {
            if let Value::Object(object) = element {
                set_sub(op, self.attribute, sub, object, value, self.rules)?;
            }
        }
        self.list.retain(|element| element.as_object().is_none_or(|object| !object.is_empty()));
        Ok(())
    }

    /// Elements that match, put in place of by `value` or extended by it.
    fn overwrite(&mut self, op: Op, value: Value, selection: &Selection<'_, '_>) -> Result<(), Error> {
        let value = if value.is_array() { value } else { Value::Array(vec![value]) };
        let Some(value) = self.values(value)?.into_iter().next() else { return Ok(()) };
        let fixed = from_filter(self.attribute, selection, self.rules).ok();
        for element in self.list.iter_mut().filter(|element| selection.bound.matches_element(element)) {
            match (element, &value) {
                (Value::Object(old), Value::Object(new)) => {
                    if op == Op::Replace {
                        *old = fixed.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
                    }
                    old.extend(new.clone());
                }
                (element, value) => *element = value.clone(),
            }
        }
        Ok(())
    }

    fn no_target(&self) -> Error {
        Error::new(ErrorKind::NoTarget, format!("the path matches no value of {}", quoted(&self.attribute.name)))
    }
}

/// Whether two elements are the same value in the sense of RFC 7643 §2.4: the same `value` of the same `type`.
fn is_same(known: &Value, new: &Value) -> bool {
    match (known.get("value"), new.get("value")) {
        (Some(a), Some(b)) => a == b && known.get("type") == new.get("type"),
        _ => known == new,
    }
}

/// Whether a value sent to be removed names that element: all it says holds.
fn names(sent: &Value, known: &Value) -> bool {
    match (sent, known) {
        (Value::Object(sent), Value::Object(known)) => match (sent.get("value"), known.get("value")) {
            (Some(a), Some(b)) => a == b && sent.get("type").is_none_or(|t| Some(t) == known.get("type")),
            _ => sent.iter().all(|(name, value)| known.get(name) == Some(value)),
        },
        _ => sent == known,
    }
}

/// RFC 7644 §3.5.2: when a new value is primary, the old one no longer is.
fn keep_one_primary(attribute: &Attribute, before: &[Value], after: &mut [Value]) -> Result<(), Error> {
    let count = |list: &[Value]| list.iter().filter(|v| is_primary(v)).count();
    if count(after) <= 1 {
        return Ok(());
    }
    for element in after.iter_mut().filter(|element| is_primary(element) && before.contains(element)) {
        if let Value::Object(object) = element {
            object.insert("primary".to_owned(), Value::Bool(false));
        }
    }
    if count(after) == 1 {
        return Ok(());
    }
    Err(Error::value(format!("{} would have more than one primary value", quoted(&attribute.name))))
}

/// The element that a filter made of equalities describes: `type eq "work"` is `{"type": "work"}`.
///
/// # Errors
/// `noTarget` when the filter describes no single element.
pub(super) fn from_filter(attribute: &Attribute, selection: &Selection<'_, '_>, rules: Rules<'_>) -> Result<Value, Error> {
    let mut object = Object::new();
    if !filter::equalities(selection.written, &mut |name, value| {
        object.insert(name.to_owned(), value.clone());
    }) {
        let detail = format!("`{}[{}]` matches no value and cannot be created", attribute.name, selection.written);
        return Err(Error::new(ErrorKind::NoTarget, detail));
    }
    let element = value_of(attribute, "", Value::Array(vec![Value::Object(object)]), rules)?;
    let first = match element {
        Some(Value::Array(list)) => list.into_iter().next(),
        _ => None,
    };
    first.ok_or_else(|| Error::new(ErrorKind::NoTarget, format!("the path matches no value of {}", quoted(&attribute.name))))
}
