//! What is shown of a resource beside its document: its edges, how many there are, and the other side of edges of others.

use scim::message::push_string;
use store::{Over, RecordRef, Source, Sources};

use super::render::View;
use crate::error::Result;
use crate::kind::{Derived, Kind, Reach, Relation};
use crate::{Iam, limits};

impl Iam {
    /// What is shown of a resource beside its document, as `,"name":value`, and of how many edges it is made.
    pub(crate) async fn beside(&self, view: &View<'_>, id: &str) -> Result<(String, usize)> {
        let (mut out, count) = self.edges_beside(view, id).await?;
        let wanted = wanted(view);
        if wanted.is_empty() {
            return Ok((out, count));
        }
        let asked: Vec<Sources<'_>> = wanted.iter().map(|derived| question(view, derived)).collect();
        let found = self.of(view.cx).sources(id, &asked).await?;
        let sources = push_sources(view, &wanted, &found, &mut out);
        Ok((out, count + sources))
    }

    /// Shows a resource's record, with what [`Iam::beside`] is, read together. None when there is no such resource.
    pub(crate) async fn with_beside<T>(
        &self,
        view: &View<'_>,
        id: &str,
        show: impl FnOnce(RecordRef<'_>, String) -> T,
    ) -> Result<Option<T>> {
        let (mut out, _) = self.edges_beside(view, id).await?;
        let wanted = wanted(view);
        let asked: Vec<Sources<'_>> = wanted.iter().map(|derived| question(view, derived)).collect();
        let show = |record: RecordRef<'_>, found: Vec<Vec<Source>>| {
            push_sources(view, &wanted, &found, &mut out);
            show(record, out)
        };
        let kinds = (view.kind.name(), view.kind_mentioned());
        Ok(self.of(view.cx).with_sources(kinds, id, &asked, show).await?)
    }

    /// The edges of a resource, and how many there are.
    async fn edges_beside(&self, view: &View<'_>, id: &str) -> Result<(String, usize)> {
        let (mut out, mut count, kind) = (String::new(), 0, view.kind);
        let mut shown: Vec<(&str, u64)> = Vec::new();
        for relation in kind.relations.iter().filter(|r| view.wants(&r.attribute)) {
            let edges = self.push_edges(view, relation, id, &mut out).await?;
            shown.push((&relation.name, u64::try_from(edges).unwrap_or(u64::MAX)));
            count += edges;
        }
        for (attribute, relation) in kind.counts.iter().filter(|(attribute, _)| view.wants(attribute)) {
            let edges = match shown.iter().find(|(name, _)| name == relation) {
                Some((_, edges)) => *edges,
                None => self.of(view.cx).edge_count(relation, id).await?,
            };
            out.push_str(&format!(",\"{attribute}\":{edges}"));
        }
        Ok((out, count))
    }

    async fn push_edges(
        &self,
        view: &View<'_>,
        relation: &Relation,
        id: &str,
        out: &mut String,
    ) -> Result<usize> {
        let targets: Vec<_> = relation.targets.iter().filter_map(|name| view.cx.kinds.named(name)).collect();
        let (base, named) = (&view.cx.base, view.wants_display(&relation.attribute));
        let mut list =
            List { out, name: &relation.attribute, base, endpoint: "", typed: true, named, count: 0 };
        self.each_edge(view.cx, relation, id, |edge| {
            let target = targets.iter().find(|k| k.name() == edge.target_kind);
            list.endpoint = target.map_or("", |k| &k.schema.endpoint);
            list.push(edge.target, edge.display, edge.target_kind);
        })
        .await?;
        Ok(list.finish())
    }
}

/// The attributes to show that are the other side of a relation.
pub(super) fn wanted<'k>(view: &View<'k>) -> Vec<&'k Derived> {
    view.kind.derived.iter().filter(|derived| view.wants(&derived.attribute)).collect()
}

/// What the store is asked for such an attribute.
fn question<'v>(view: &View<'v>, derived: &'v Derived) -> Sources<'v> {
    let over = match &derived.reach {
        Reach::Direct => Over::Edge,
        Reach::Nested => Over::Edges,
        Reach::Through(inner) => Over::Through { relation: inner, kind: view.cx.kinds.source_of(inner) },
    };
    Sources { relation: &derived.relation, kind: &derived.source, over, take: limits::GROUPS_MAX.into() }
}

fn push_sources(view: &View<'_>, wanted: &[&Derived], found: &[Vec<Source>], out: &mut String) -> usize {
    let mut count = 0;
    for (derived, sources) in wanted.iter().zip(found) {
        let Some(kind) = view.cx.kinds.named(&derived.source) else { continue };
        let mut list = List::new(out, view, derived, kind);
        sources.iter().for_each(|source| list.push_source(&source.id, &source.display, source.direct));
        count += list.finish();
    }
    count
}

/// Writes `,"name":[…]`, or nothing for an empty list (RFC 7643 §2.5).
pub(super) struct List<'a> {
    out: &'a mut String,
    name: &'a str,
    base: &'a str,
    endpoint: &'a str,
    /// Whether the elements say what sort they are.
    typed: bool,
    /// Whether they say what they refer to is called.
    named: bool,
    count: usize,
}

impl<'a> List<'a> {
    pub(super) fn new(
        out: &'a mut String,
        view: &'a View<'_>,
        derived: &'a Derived,
        source: &'a Kind,
    ) -> Self {
        let named = view.wants_display(&derived.attribute);
        let (base, endpoint) = (&view.cx.base, &source.schema.endpoint);
        let typed = derived.reach != Reach::Direct;
        Self { out, name: &derived.attribute, base, endpoint, typed, named, count: 0 }
    }

    pub(super) fn push_source(&mut self, id: &str, display: &str, is_direct: bool) {
        self.push(id, display, if is_direct { "direct" } else { "indirect" });
    }

    fn push(&mut self, id: &str, display: &str, kind: &str) {
        if self.count == 0 {
            self.out.push_str(",\"");
            self.out.push_str(self.name);
            self.out.push_str("\":[{\"value\":");
        } else {
            self.out.push_str(",{\"value\":");
        }
        push_string(self.out, id);
        self.out.push_str(",\"$ref\":\"");
        for part in [self.base, "/", self.endpoint, "/", id, "\""] {
            self.out.push_str(part);
        }
        if self.typed {
            self.out.push_str(",\"type\":\"");
            self.out.push_str(kind);
            self.out.push('"');
        }
        if self.named && !display.is_empty() {
            self.out.push_str(",\"display\":");
            push_string(self.out, display);
        }
        self.out.push('}');
        self.count += 1;
    }

    pub(super) fn finish(self) -> usize {
        if self.count > 0 {
            self.out.push(']');
        }
        self.count
    }
}
