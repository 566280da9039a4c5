//! Attributes whose values name other resources: what clients write becomes ids, and beside each id an edge is kept, so
//! that what it names is there and stays there.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use scim::Object;
use scim::admit::{Names, Unknown};
use serde_json::{Value, json};

use super::mention;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::reserve::EdgeChange;
use crate::kind::{Kind, Reference, Relation};
use crate::{Iam, limits};

/// The values of an attribute, whether it holds one or several.
fn values(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        value => std::slice::from_ref(value),
    }
}

impl Reference {
    /// The ids (or what a client wrote for them) in a document.
    pub(crate) fn targets<'d>(&self, document: &'d Object) -> BTreeSet<&'d str> {
        let wholes = document.get(&self.attribute).map(values).unwrap_or_default();
        let parts = wholes.iter().filter_map(|whole| match &self.part {
            Some(part) => whole.get(part),
            None => Some(whole),
        });
        parts.flat_map(values).filter_map(|one| one.get("value").and_then(Value::as_str)).collect()
    }

    /// Calls `f` with every value that names a resource, or with the list of them.
    pub(crate) fn each_mut(&self, document: &mut Object, f: &mut impl FnMut(&mut Value)) {
        match (document.get_mut(&self.attribute), &self.part) {
            (Some(whole), None) => f(whole),
            (Some(Value::Array(wholes)), Some(part)) => {
                wholes.iter_mut().filter_map(|whole| whole.get_mut(part)).for_each(f);
            }
            (Some(whole), Some(part)) => whole.get_mut(part).into_iter().for_each(f),
            (None, _) => {}
        }
    }
}

impl Kind {
    /// The ids of the resources that a document names.
    pub(crate) fn names_in(&self, document: &Object) -> Names {
        let mut names = Names::default();
        for reference in &self.references {
            let ids = reference.targets(document);
            for kind in &reference.relation.targets {
                ids.iter().for_each(|id| names.learn(kind, id, Some(id)));
            }
        }
        names
    }
}

/// The edges that come and go when a document changes.
pub(crate) fn changed<'k>(kind: &'k Kind, before: &Object, after: &Object) -> Vec<EdgeChange<'k>> {
    let mut changes = Vec::new();
    let mut differ = |relation: &'k Relation, old: &BTreeSet<&str>, new: &BTreeSet<&str>| {
        let change = |target: &&str, is_link| EdgeChange { relation, target: (*target).to_owned(), is_link };
        changes.extend(old.difference(new).map(|target| change(target, false)));
        changes.extend(new.difference(old).map(|target| change(target, true)));
    };
    for reference in &kind.references {
        differ(&reference.relation, &reference.targets(before), &reference.targets(after));
    }
    if let Some(relation) = &kind.subject {
        let subject = |document| relation.subject(document).into_iter().collect();
        differ(relation, &subject(before), &subject(after));
    }
    changes
}

impl Iam {
    /// Looks up what the operations of a PATCH call other resources.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the attribute and the value that names nothing: nothing that is there is called so, so
    /// whoever takes it away means something else.
    pub(crate) async fn learn(
        &self,
        cx: &Cx,
        kind: &Kind,
        unknown: Vec<Unknown>,
        names: &mut Names,
    ) -> Result<()> {
        if unknown.len() > limits::REFERENCES_MAX {
            return Err(too_many());
        }
        for Unknown { kind: target, written, is_value } in unknown {
            let leads_there = |reference: &&Reference| reference.relation.targets.contains(&target);
            let reference = kind.references.iter().find(leads_there).ok_or(Error::Internal)?;
            let id = self.named(cx, &reference.relation, &written).await?.map(|(_, id)| id);
            if id.is_none() && is_value {
                return Err(unnamed(reference, &written));
            }
            names.learn(&target, &written, id.as_deref());
        }
        Ok(())
    }

    /// Puts ids in place of the names in a document. What is known is not looked up again.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the attribute and the value that names nothing.
    pub(crate) async fn resolve(
        &self,
        cx: &Cx,
        kind: &Kind,
        known: &Names,
        before: Option<&Object>,
        document: &mut Object,
    ) -> Result<()> {
        let mut count = 0;
        for reference in &kind.references {
            let mut ids: BTreeMap<String, String> = BTreeMap::new();
            for written in reference.targets(document) {
                let id = match reference.relation.targets.iter().any(|kind| known.is_id(kind, written)) {
                    true => Some(written.to_owned()),
                    false => self.named(cx, &reference.relation, written).await?.map(|(_, id)| id),
                };
                let id = id.ok_or_else(|| unnamed(reference, written))?;
                ids.insert(written.to_owned(), id);
                count += 1;
                if count > limits::REFERENCES_MAX {
                    return Err(too_many());
                }
            }
            reference.each_mut(document, &mut |value| settle(value, &ids));
        }
        if let Some(relation) = &kind.subject {
            self.resolve_subject(cx, relation, before, document).await?;
        }
        mention::forget(cx, kind, document);
        Ok(())
    }

    /// What a client named by its id or by a value that is its own, if anything is called so. An id is never taken for anything
    /// else.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the attribute, when several are called so.
    pub(super) async fn named<'c>(
        &self,
        cx: &'c Cx,
        relation: &Relation,
        written: &str,
    ) -> Result<Option<(&'c Kind, String)>> {
        let mut found: BTreeMap<String, &Kind> = BTreeMap::new();
        for kind in relation.targets.iter().filter_map(|name| cx.kinds.named(name)) {
            if self.of(cx).with_record(kind.name(), written, |_| ()).await?.is_some() {
                return Ok(Some((kind, written.to_owned())));
            }
            for probe in &kind.unique {
                let key = scim::value::key(probe.leaf(), &Value::from(written));
                let Some(key) = key.filter(|key| key.len() <= limits::UNIQUE_BYTES_MAX) else { continue };
                let id = self.of(cx).id_by_key(kind.name(), &probe.name, &key).await?;
                found.extend(id.map(|id| (id, &**kind)));
            }
        }
        let one = found.pop_first();
        if !found.is_empty() {
            let (attribute, kinds) = (&relation.attribute, relation.targets.join(" or "));
            let written = scim::error::quoted(written);
            return Err(Error::invalid(format!(
                "`{attribute}`: more than one {kinds} is called {written}, by name or otherwise; write the id"
            )));
        }
        Ok(one.map(|(id, kind)| (kind, id)))
    }

    /// What refers to a resource by that relation: its kind and what it shows.
    pub(crate) async fn user_of(&self, cx: &Cx, relation: &str, target: &str) -> Result<Option<String>> {
        let (kind, mut user) = (cx.kinds.source_of(relation), None);
        self.of(cx)
            .direct_sources(relation, kind, target, 1, |id, display| {
                let shown = if display.is_empty() { id } else { display };
                user = Some(format!("the {kind} {}", scim::error::quoted(shown)));
                std::ops::ControlFlow::Break(())
            })
            .await?;
        Ok(user)
    }
}

fn unnamed(reference: &Reference, written: &str) -> Error {
    let kinds = reference.relation.targets.join(" or ");
    let (attribute, written) = (&reference.relation.attribute, scim::error::quoted(written));
    Error::invalid(format!("`{attribute}`: there is no {kinds} {written}"))
}

fn too_many() -> Error {
    Error::invalid(format!("a resource refers to at most {} others", limits::REFERENCES_MAX))
}

/// References by id alone, each once.
fn settle(value: &mut Value, ids: &BTreeMap<String, String>) {
    let id = |one: &Value| one.get("value").and_then(Value::as_str).and_then(|written| ids.get(written));
    match value {
        Value::Array(list) => {
            let mut seen = HashSet::new();
            let named = list.iter().filter_map(id).filter(|id| seen.insert(*id));
            *list = named.map(|id| json!({ "value": id })).collect();
        }
        one => {
            if let Some(id) = id(one) {
                *one = json!({ "value": id });
            }
        }
    }
}
