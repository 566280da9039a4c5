//! Operations on values that are kept as rows of their own: the rows are not here, so what is asked of them is handed on.

use serde_json::Value;

use super::{Op, Patch, Selection, elements};
use crate::admit::{self, relation_values};
use crate::error::{Error, quoted};
use crate::filter::BoundFilter;
use crate::schema::Attribute;

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
    /// Put these in place of those that match; it is an error that none does.
    ReplaceWhere {
        /// The attribute.
        attribute: &'s Attribute,
        /// Which.
        filter: BoundFilter<'s>,
        /// Its elements.
        values: Vec<Value>,
    },
    /// Have exactly these.
    Replace {
        /// The attribute.
        attribute: &'s Attribute,
        /// Its elements.
        values: Vec<Value>,
    },
}

impl<'s> Patch<'s, '_> {
    /// An attribute that is kept as rows: what is asked is handed on, because the rows are not here.
    pub(super) fn relation(
        &mut self,
        op: Op,
        attribute: &'s Attribute,
        filter: Option<Selection<'_, 's>>,
        sub: Option<&'s Attribute>,
        value: Option<Value>,
    ) -> Result<(), Error> {
        if sub.is_some() {
            let detail =
                format!("the parts of {} cannot change; add or remove whole values", quoted(&attribute.name));
            return Err(Error::mutability(detail));
        }
        let change = match (op, filter) {
            (Op::Remove, Some(selection)) => {
                RelationChange::RemoveWhere { attribute, filter: selection.bound }
            }
            // Several clients name the values to remove in `value`: just those go, never all.
            (Op::Remove, None) => match value {
                None | Some(Value::Null) => RelationChange::Replace { attribute, values: Vec::new() },
                Some(value) => RelationChange::Remove {
                    attribute,
                    values: relation_values(attribute, value, self.rules)?,
                },
            },
            (op, Some(selection)) => {
                return self.related(op, attribute, selection, value.unwrap_or_default());
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

    /// Values put in place of those that a filter chooses, or added to them: `members[value eq "x"]`.
    fn related(
        &mut self,
        op: Op,
        attribute: &'s Attribute,
        selection: Selection<'_, 's>,
        value: Value,
    ) -> Result<(), Error> {
        let items = match value {
            Value::Array(items) => items,
            value => vec![value],
        };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            if let Some(given) = admit::object_of(attribute, item, self.rules)? {
                // What the filter says of them need not be said again.
                let element = elements::described(attribute, &selection, given, self.rules)?;
                values.push(Value::Object(element));
            }
        }
        let values = relation_values(attribute, Value::Array(values), self.rules)?;
        self.out.relations.push(match op {
            Op::Replace => RelationChange::ReplaceWhere { attribute, filter: selection.bound, values },
            _ => RelationChange::Add { attribute, values },
        });
        Ok(())
    }
}
