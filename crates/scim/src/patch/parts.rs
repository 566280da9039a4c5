//! PATCH of single-valued attributes, and of the parts of one complex value.

use serde_json::Value;

use super::Op;
use super::elements::{self, Change};
use crate::Object;
use crate::admit::{
    Rules, cannot_change, fixed_part, full_name, is_read_only, object_of, refuse_repeats, require_parts,
    unknown_part, value_of,
};
use crate::error::{Error, quoted};
use crate::quirks;
use crate::schema::{Attribute, Mutability};

/// A single-valued attribute after the operation; `Null` stands for "no value".
pub(super) fn one(
    op: Op,
    attribute: &Attribute,
    sub: Option<&Attribute>,
    current: Option<Value>,
    value: Option<Value>,
    rules: Rules<'_>,
) -> Result<Value, Error> {
    let mut object = match current {
        Some(Value::Object(object)) => object,
        _ => Object::new(),
    };
    match sub {
        Some(sub) => set(op, attribute, sub, &mut object, value, rules)?,
        None if op == Op::Remove => return Ok(Value::Null),
        None if attribute.is_free_form() => {
            let Some(given) = object_of(attribute, value.unwrap_or_default(), rules)? else {
                return Ok(Value::Null);
            };
            object.extend(given);
            object.retain(|_, value| !value.is_null());
            return Ok(Value::Object(object));
        }
        None if !attribute.sub_attributes.is_empty() && attribute.refers.is_none() => {
            let Some(given) = object_of(attribute, value.unwrap_or_default(), rules)? else {
                return Ok(Value::Null);
            };
            merge(op, attribute, &mut object, given, rules)?;
        }
        None => return Ok(value_of(attribute, "", value.unwrap_or_default(), rules)?.unwrap_or_default()),
    }
    if object.is_empty() {
        return Ok(Value::Null);
    }
    require_parts(attribute, &object)?;
    Ok(Value::Object(object))
}

/// Sets the sub-attributes that are given. RFC 7644 §3.5.2.3: those that are not named are left unchanged.
pub(super) fn merge(
    op: Op,
    attribute: &Attribute,
    object: &mut Object,
    given: Object,
    rules: Rules<'_>,
) -> Result<(), Error> {
    refuse_repeats(&given)?;
    // A new `value` makes the old reference void; a new reference comes after it.
    let (references, others): (Vec<_>, Vec<_>) =
        given.into_iter().partition(|(name, _)| name.eq_ignore_ascii_case("$ref"));
    for (name, value) in others.into_iter().chain(references) {
        let sub = attribute.sub(&name);
        match sub.or_else(|| rules.dialect.is_auto().then(|| quirks::plural(attribute, &name)).flatten()) {
            Some(sub) if is_read_only(sub) => {}
            Some(sub) => set(op, attribute, sub, object, Some(value), rules)?,
            None => unknown_part(attribute, &name, rules)?,
        }
    }
    Ok(())
}

/// Sets or removes one sub-attribute.
pub(super) fn set(
    op: Op,
    attribute: &Attribute,
    sub: &Attribute,
    object: &mut Object,
    value: Option<Value>,
    rules: Rules<'_>,
) -> Result<(), Error> {
    let before = object.get(&sub.name);
    let after = if sub.multi_valued {
        let list = before.and_then(Value::as_array).cloned().unwrap_or_default();
        let change = Change { op, attribute: sub, filter: None, sub: None, value, rules };
        Some(elements::change(change, list)?).filter(|value| !value.is_null())
    } else {
        match (op, value) {
            (Op::Remove, _) | (_, None) => None,
            (_, Some(value)) => value_of(sub, &attribute.name, value, rules)?,
        }
    };
    if sub.mutability == Mutability::Immutable && before.is_some() && before != after.as_ref() {
        return Err(cannot_change(&full_name(&attribute.name, sub)));
    }
    if after.is_none() && before.is_some() {
        guard_removal(sub, &attribute.name)?;
    }
    // `$ref` is the URI of what `value` names; of something else it would be false.
    if sub.name == "value" && before != after.as_ref() && rules.dialect.is_auto() {
        object.shift_remove("$ref");
    }
    match after {
        Some(after) => {
            object.insert(sub.name.clone(), after);
        }
        None => {
            object.shift_remove(&sub.name);
        }
    }
    Ok(())
}

/// RFC 7644 §3.5.2.2: what is required or cannot change cannot be removed.
pub(super) fn guard_removal(attribute: &Attribute, parent: &str) -> Result<(), Error> {
    if attribute.required || attribute.mutability == Mutability::Immutable {
        let name = full_name(parent, attribute);
        return Err(Error::mutability(format!("{} cannot be removed", quoted(&name))));
    }
    Ok(())
}

/// Neither can a value be of which a part cannot change.
pub(super) fn guard_parts(attribute: &Attribute, value: Option<&Value>) -> Result<(), Error> {
    let part = value.and_then(Value::as_object).and_then(|value| fixed_part(attribute, value));
    part.map_or(Ok(()), |part| guard_removal(part, &attribute.name))
}
