//! PATCH of a multi-valued attribute that is kept in the document: a list of elements in, a list out.

use serde_json::Value;

use super::parts::{merge, set};
use super::{Op, Selection};
use crate::Object;
use crate::admit::{Rules, distinct, is_primary, object_of, require_parts, value_of};
use crate::error::{Error, ErrorKind, quoted};
use crate::filter;
use crate::schema::Attribute;
use crate::value::fold;

/// One operation on a list.
pub(super) struct Change<'c, 's> {
    pub(super) op: Op,
    pub(super) attribute: &'c Attribute,
    pub(super) filter: Option<Selection<'c, 's>>,
    pub(super) sub: Option<&'c Attribute>,
    pub(super) value: Option<Value>,
    pub(super) rules: Rules<'c>,
}

/// The list after the change; `Null` stands for "no value".
pub(super) fn change(change: Change<'_, '_>, list: Vec<Value>) -> Result<Value, Error> {
    let Change { op, attribute, filter, sub, value, rules } = change;
    let mut elements = Elements { attribute, rules, list, touched: Vec::new() };
    match (sub, filter) {
        (None, None) => elements.whole(op, value)?,
        (None, Some(selection)) => elements.selected(op, &selection, value)?,
        (Some(sub), selection) => elements.parts(op, selection.as_ref(), sub, value)?,
    }
    elements.finish()
}

struct Elements<'c> {
    attribute: &'c Attribute,
    rules: Rules<'c>,
    list: Vec<Value>,
    /// The places of the elements that the operation wrote.
    touched: Vec<usize>,
}

impl Elements<'_> {
    /// Without a filter: the values that are given are added, removed, or put in place of all.
    fn whole(&mut self, op: Op, value: Option<Value>) -> Result<(), Error> {
        match (op, value) {
            // RFC 7644 §3.5.2.1: values are appended; what is there already is not added again.
            (Op::Add, value) => {
                for value in self.admitted(value.unwrap_or_default())? {
                    self.add(value);
                }
            }
            (Op::Replace, value) => {
                self.list = match value_of(self.attribute, "", value.unwrap_or_default(), self.rules)? {
                    Some(Value::Array(values)) => values,
                    _ => Vec::new(),
                };
            }
            // Several clients name the values to remove in `value`: just those go, never all.
            (Op::Remove, Some(value)) if !value.is_null() => {
                let gone = self.admitted(value)?;
                let attribute = self.attribute;
                self.list.retain(|known| !gone.iter().any(|value| names(attribute, value, known)));
            }
            (Op::Remove, _) => self.list.clear(),
        }
        Ok(())
    }

    /// Values as the schema admits them; one alone need not be wrapped in a list.
    fn admitted(&self, value: Value) -> Result<Vec<Value>, Error> {
        let value = if value.is_array() || value.is_null() { value } else { Value::Array(vec![value]) };
        match value_of(self.attribute, "", value, self.rules)? {
            Some(Value::Array(values)) => Ok(values),
            _ => Ok(Vec::new()),
        }
    }

    fn add(&mut self, value: Value) {
        let known = self.list.iter().position(|known| is_same(self.attribute, known, &value));
        self.touched.push(known.unwrap_or(self.list.len()));
        match (known.and_then(|at| self.list.get_mut(at)), value) {
            // What makes them the same stays as it is written.
            (Some(Value::Object(known)), Value::Object(value)) => {
                known.extend(value.into_iter().filter(|(name, _)| name != "value" && name != "type"));
            }
            (Some(_), _) => {}
            (None, value) => self.list.push(value),
        }
    }

    /// A sub-attribute of all elements, or of those that match.
    fn parts(
        &mut self,
        op: Op,
        selection: Option<&Selection<'_, '_>>,
        sub: &Attribute,
        value: Option<Value>,
    ) -> Result<(), Error> {
        let mut chosen = self.chosen(selection);
        if chosen.is_empty() {
            self.need_target(op, selection)?;
            if op == Op::Remove || value.as_ref().is_none_or(is_no_value) {
                return Ok(());
            }
            chosen.push(self.list.len());
            self.list.push(match selection {
                None => Value::Object(Object::new()),
                Some(selection) => from_filter(self.attribute, selection, self.rules)?,
            });
        }
        for at in &chosen {
            if let Some(Value::Object(object)) = self.list.get_mut(*at) {
                set(op, self.attribute, sub, object, value.clone(), self.rules)?;
            }
        }
        self.touched = chosen;
        Ok(())
    }

    /// The elements that match, as wholes.
    fn selected(&mut self, op: Op, selection: &Selection<'_, '_>, value: Option<Value>) -> Result<(), Error> {
        let chosen = self.chosen(Some(selection));
        if chosen.is_empty() {
            self.need_target(op, Some(selection))?;
        }
        let value = value.filter(|value| op != Op::Remove && !is_no_value(value));
        match (op, value) {
            // Adding nothing adds nothing.
            (Op::Add, None) => {}
            // Setting something to "no value" removes it (RFC 7643 §2.5).
            (Op::Remove | Op::Replace, None) => {
                self.list.retain(|element| !selection.bound.matches_element(element))
            }
            (op, Some(value)) => self.overwrite(op, chosen, selection, value)?,
        }
        Ok(())
    }

    /// RFC 7644 §3.5.2.3: the elements that match are replaced. What the filter says of them stays true unless the
    /// value says otherwise; what neither says goes. Adding to them leaves what is not named as it is.
    fn overwrite(
        &mut self,
        op: Op,
        mut chosen: Vec<usize>,
        selection: &Selection<'_, '_>,
        value: Value,
    ) -> Result<(), Error> {
        if self.attribute.sub_attributes.is_empty() || self.attribute.refers.is_some() {
            return self.overwrite_simple(chosen, value);
        }
        let value = match value {
            Value::Array(mut items) if items.len() == 1 => items.pop().unwrap_or_default(),
            Value::Array(_) => return Err(self.one_expected()),
            value => value,
        };
        let Some(given) = object_of(self.attribute, value, self.rules)?.filter(|object| !object.is_empty())
        else {
            return Ok(());
        };
        if chosen.is_empty() {
            from_filter(self.attribute, selection, self.rules)?;
            chosen.push(self.list.len());
            self.list.push(Value::Null);
        }
        for at in &chosen {
            match self.list.get_mut(*at) {
                Some(Value::Object(object)) if op != Op::Replace => {
                    merge(op, self.attribute, object, given.clone(), self.rules)?;
                }
                Some(element) => {
                    *element = Value::Object(described(self.attribute, selection, given.clone(), self.rules)?)
                }
                None => {}
            }
        }
        self.touched = chosen;
        Ok(())
    }

    /// Elements without parts, and references: `tags[value eq "red"]`.
    fn overwrite_simple(&mut self, chosen: Vec<usize>, value: Value) -> Result<(), Error> {
        let mut values = self.admitted(value)?;
        let (Some(value), true) = (values.pop(), values.is_empty()) else { return Err(self.one_expected()) };
        if chosen.is_empty() {
            self.add(value);
            return Ok(());
        }
        for at in &chosen {
            if let Some(element) = self.list.get_mut(*at) {
                element.clone_from(&value);
            }
        }
        self.touched = chosen;
        Ok(())
    }

    fn chosen(&self, selection: Option<&Selection<'_, '_>>) -> Vec<usize> {
        let matches = |element: &Value| selection.is_none_or(|s| s.bound.matches_element(element));
        self.list.iter().enumerate().filter(|(_, element)| matches(element)).map(|(at, _)| at).collect()
    }

    /// RFC 7644 §3.5.2.3: a replacement whose filter matches nothing has no target. What adds creates its target
    /// (§3.5.2.1), and the clients that replace in this way mean to create it too; nothing is left to remove.
    fn need_target(&self, op: Op, selection: Option<&Selection<'_, '_>>) -> Result<(), Error> {
        if selection.is_none() || op == Op::Add || self.rules.dialect.is_auto() {
            return Ok(());
        }
        let detail = format!("the path matches no value of {}", quoted(&self.attribute.name));
        Err(Error::new(ErrorKind::NoTarget, detail))
    }

    fn one_expected(&self) -> Error {
        Error::value(format!(
            "one value is expected for what a filter chooses in {}",
            quoted(&self.attribute.name)
        ))
    }

    fn finish(mut self) -> Result<Value, Error> {
        self.keep_one_primary()?;
        let written = self.touched.iter().filter_map(|at| self.list.get(*at)?.as_object());
        for object in written.filter(|object| !object.is_empty()) {
            require_parts(self.attribute, object)?;
        }
        let mut list = self.list;
        if !self.touched.is_empty() {
            list.retain(|element| element.as_object().is_none_or(|object| !object.is_empty()));
            list = distinct(list);
        }
        if list.len() > self.rules.limits.values {
            let (name, most) = (quoted(&self.attribute.name), self.rules.limits.values);
            return Err(Error::value(format!("{name} would have more than {most} values")));
        }
        Ok(if list.is_empty() { Value::Null } else { Value::Array(list) })
    }

    /// RFC 7644 §3.5.2: when a value becomes the primary one, the one that was no longer is.
    fn keep_one_primary(&mut self) -> Result<(), Error> {
        let mut new = self.touched.iter().filter(|at| self.list.get(**at).is_some_and(is_primary));
        let Some(first) = new.next().copied() else { return Ok(()) };
        if new.any(|at| *at != first) {
            let detail = format!("{} would have more than one primary value", quoted(&self.attribute.name));
            return Err(Error::value(detail));
        }
        for (_, element) in self.list.iter_mut().enumerate().filter(|(at, _)| *at != first) {
            if let Some(primary @ Value::Bool(true)) = element.get_mut("primary") {
                *primary = Value::Bool(false);
            }
        }
        Ok(())
    }
}

/// Whether a value means "no value" (RFC 7643 §2.5).
fn is_no_value(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Whether two elements are the same value in the sense of RFC 7643 §2.4: the same `value` of the same `type`.
fn is_same(attribute: &Attribute, known: &Value, new: &Value) -> bool {
    if attribute.sub_attributes.is_empty() {
        return is_equal(Some(attribute), Some(known), Some(new));
    }
    if known.get("value").is_none() || new.get("value").is_none() {
        return known == new;
    }
    ["value", "type"].into_iter().all(|name| is_equal(attribute.sub(name), known.get(name), new.get(name)))
}

/// Whether a value sent to be removed names that element: its `value`, and its `type` if it says one; without a
/// `value`, all that it says.
fn names(attribute: &Attribute, sent: &Value, known: &Value) -> bool {
    match sent {
        Value::Object(object) => {
            let by_value = object.contains_key("value");
            object
                .iter()
                .filter(|(name, _)| !by_value || *name == "value" || *name == "type")
                .all(|(name, value)| is_equal(attribute.sub(name), Some(value), known.get(name)))
        }
        _ => is_equal(Some(attribute), Some(sent), Some(known)),
    }
}

/// Whether two values are equal as the schema compares them.
fn is_equal(attribute: Option<&Attribute>, a: Option<&Value>, b: Option<&Value>) -> bool {
    match (attribute, a, b) {
        (Some(attribute), Some(Value::String(a)), Some(Value::String(b))) => {
            a == b || fold(attribute, a) == fold(attribute, b)
        }
        (_, a, b) => a == b,
    }
}

/// An element of what is given, and of what the filter that chose its place says beside.
pub(super) fn described(
    attribute: &Attribute,
    selection: &Selection<'_, '_>,
    given: Object,
    rules: Rules<'_>,
) -> Result<Object, Error> {
    let mut element = Object::new();
    merge(Op::Add, attribute, &mut element, given, rules)?;
    if let Ok(Value::Object(said)) = from_filter(attribute, selection, rules) {
        said.into_iter().for_each(|(name, value)| {
            element.entry(name).or_insert(value);
        });
    }
    Ok(element)
}

/// The element that a filter made of equalities describes: `type eq "work"` is `{"type": "work"}`.
///
/// # Errors
/// `noTarget` when the filter describes no single element.
pub(super) fn from_filter(
    attribute: &Attribute,
    selection: &Selection<'_, '_>,
    rules: Rules<'_>,
) -> Result<Value, Error> {
    let mut given = Object::new();
    let describes = filter::equalities(selection.written, &mut |name, value| {
        given.insert(attribute.sub(name).map_or(name, |sub| &sub.name).to_owned(), value.clone());
    });
    let element = match (describes, attribute.sub_attributes.is_empty()) {
        (false, _) => None,
        (true, true) => given.shift_remove("value"),
        (true, false) => {
            let mut object = Object::new();
            merge(Op::Add, attribute, &mut object, given, rules)?;
            Some(Value::Object(object))
        }
    };
    // `type eq "a" and type eq "b"` describes nothing.
    element.filter(|element| selection.bound.matches_element(element)).ok_or_else(|| {
        let detail =
            format!("`{}[{}]` matches no value and cannot be created", attribute.name, selection.written);
        Error::new(ErrorKind::NoTarget, detail)
    })
}
