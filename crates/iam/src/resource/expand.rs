//! References as they are read: with the URI of what they name, and with what it is, down to some depth.
//!
//! What a page refers to is read once for the page. What lies deeper, or is too much, is shown by its id and URI alone.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use scim::Object;
use scim::project::Projection;
use serde_json::Value;
use store::RecordRef;

use super::mention::Mentioned;
use super::render::{View, location};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::{Kind, Reach};
use crate::{Iam, limits};

/// What is known of the resources that a page refers to.
#[derive(Default)]
pub(crate) struct Known {
    /// Kind -> id -> what is shown of it.
    kinds: HashMap<String, HashMap<String, Found>>,
    /// How many references were shown with it.
    shown: AtomicUsize,
    /// What is shown of what they mention.
    pub(crate) mentioned: Mentioned,
}

struct Found {
    document: Object,
    created: i64,
}

impl Known {
    fn has(&self, kind: &str, id: &str) -> bool {
        self.kinds.get(kind).is_some_and(|ids| ids.contains_key(id))
    }

    fn len(&self) -> usize {
        self.kinds.values().map(HashMap::len).sum()
    }

    /// What is known of a resource, while there is room to show it.
    fn show(&self, kind: &str, id: &str) -> Option<&Found> {
        let found = self.kinds.get(kind)?.get(id)?;
        (self.shown.fetch_add(1, Ordering::Relaxed) < limits::EXPANSIONS_MAX).then_some(found)
    }
}

impl From<Mentioned> for Known {
    fn from(mentioned: Mentioned) -> Self {
        Self { mentioned, ..Self::default() }
    }
}

impl Iam {
    /// Reads what a resource refers to and mentions: its document, and what is shown beside it.
    pub(crate) async fn known(&self, view: &View<'_>, record: &RecordRef<'_>, beside: &str) -> Result<Known> {
        let mentioned = match view.mentioned_with(record) {
            Some(mentioned) => mentioned,
            None => self.mentioned(view, std::iter::once(record.document)).await?,
        };
        self.referred(view, std::iter::once((record.document, beside)), mentioned.into()).await
    }

    /// Reads what these resources refer to: their documents, and what is shown beside them.
    pub(crate) async fn referred<'t>(
        &self,
        view: &View<'_>,
        resources: impl Iterator<Item = (&'t str, &'t str)>,
        mut known: Known,
    ) -> Result<Known> {
        let cx = view.cx;
        if !view.expands() {
            return Ok(known);
        }
        let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
        for (document, beside) in resources {
            let document: Object = serde_json::from_str(document).map_err(Error::internal)?;
            for reference in view.kind.references.iter().filter(|r| view.expands_attribute(&r.attribute)) {
                name_targets(reference, &document, &mut wanted);
            }
            let beside = format!("{{{}}}", beside.trim_start_matches(','));
            let beside: Object = serde_json::from_str(&beside).map_err(Error::internal)?;
            for (derived, list) in directly(view).filter_map(|(name, kind)| Some((kind, beside.get(name)?))) {
                let ids = list.as_array().into_iter().flatten().filter_map(id_of);
                wanted.extend(ids.map(|id| (derived.to_owned(), id.to_owned())));
            }
        }
        for _ in 0..limits::EXPANSION_DEPTH_MAX {
            let mut further = BTreeSet::new();
            for (name, id) in wanted {
                if known.has(&name, &id) || known.len() >= limits::EXPANSIONS_MAX {
                    continue;
                }
                let Some(kind) = cx.kinds.named(&name) else { continue };
                let store = self.of(cx);
                let read = store.with_record(&name, &id, |record| {
                    let document = serde_json::from_str(record.document).map_err(Error::internal)?;
                    Ok::<_, Error>(Found { document, created: record.created })
                });
                let Some(found) = read.await?.transpose()? else { continue };
                kind.references.iter().for_each(|r| name_targets(r, &found.document, &mut further));
                known.kinds.entry(name).or_default().insert(id, found);
            }
            wanted = further;
        }
        Ok(known)
    }
}

fn name_targets(reference: &crate::kind::Reference, document: &Object, out: &mut BTreeSet<(String, String)>) {
    let Some(kind) = reference.relation.targets.first() else { return };
    out.extend(reference.targets(document).into_iter().map(|id| (kind.clone(), id.to_owned())));
}

/// The attributes that are lists of what refers to a resource directly, and their kinds.
fn directly<'v>(view: &'v View<'_>) -> impl Iterator<Item = (&'v str, &'v str)> {
    let direct = view.kind.derived.iter().filter(|d| d.reach == Reach::Direct);
    let direct = direct.filter(|d| view.expands_attribute(&d.attribute));
    direct.map(|d| (d.attribute.as_str(), d.source.as_str()))
}

fn id_of(reference: &Value) -> Option<&str> {
    reference.get("value").and_then(Value::as_str)
}

impl View<'_> {
    /// Whether something is shown with what it refers to.
    pub(crate) fn expands(&self) -> bool {
        let references = self.kind.references.iter().map(|r| r.attribute.as_str());
        self.cx.expands
            && (references.into_iter().any(|name| self.expands_attribute(name))
                || directly(self).next().is_some())
    }

    fn expands_attribute(&self, attribute: &str) -> bool {
        let Some(found) = self.kind.schema.find(None, attribute) else { return false };
        self.cx.expands && self.projection.wants_whole(found.attribute)
    }

    /// Shows the references of a whole resource.
    pub(crate) fn expand(&self, resource: &mut Object, known: &Known) {
        for reference in &self.kind.references {
            let deep = self.expands_attribute(&reference.attribute);
            let depth = if deep { limits::EXPANSION_DEPTH_MAX } else { 0 };
            let kind = reference.relation.targets.first().and_then(|name| self.cx.kinds.named(name));
            if let Some(kind) = kind {
                reference.each_mut(resource, &mut |value| show(self.cx, kind, value, depth, known));
            }
        }
        for (attribute, kind) in directly(self) {
            if let (Some(value), Some(kind)) = (resource.get_mut(attribute), self.cx.kinds.named(kind)) {
                // Of what refers to it, what it refers to in turn is this resource.
                show(self.cx, kind, value, 1, known);
            }
        }
    }
}

/// Replaces references by what is shown of them.
fn show(cx: &Cx, kind: &Kind, value: &mut Value, depth: usize, known: &Known) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|one| show(cx, kind, one, depth, known)),
        one => {
            if let Some(id) = id_of(one) {
                *one = Value::Object(shown(cx, kind, id, depth, known));
            }
        }
    }
}

fn shown(cx: &Cx, kind: &Kind, id: &str, depth: usize, known: &Known) -> Object {
    let mut out = Object::new();
    out.insert("value".to_owned(), id.into());
    out.insert("$ref".to_owned(), location(&cx.base, &kind.schema.endpoint, id).into());
    let Some(found) = (depth > 0).then(|| known.show(kind.name(), id)).flatten() else { return out };
    let mut document = found.document.clone();
    document.shift_remove("schemas");
    if !kind.is_plain {
        document = Projection::default().apply(&kind.schema, document);
    }
    for reference in &kind.references {
        let target = reference.relation.targets.first().and_then(|name| cx.kinds.named(name));
        if let Some(target) = target {
            reference.each_mut(&mut document, &mut |value| show(cx, target, value, depth - 1, known));
        }
    }
    out.insert("id".to_owned(), id.into());
    out.extend(document);
    if let Some(created) = kind.created {
        let mut at = String::new();
        scim::value::push_timestamp(&mut at, found.created);
        out.insert(created.to_owned(), at.into());
    }
    out
}
