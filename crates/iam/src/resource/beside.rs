//! What is shown of a resource beside its document: its edges, how many there are, and the other side of edges of others.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use scim::message::push_string;
use store::{Over, RecordRef, Source, Sources};

use super::render::View;
use crate::cx::Cx;
use crate::error::Result;
use crate::kind::{Derived, Kind, Reach, Relation};
use crate::{Iam, limits};

/// Beyond so many edges, each resource of a page is asked for its own.
const TOGETHER_MAX: u64 = 20_000;

impl Iam {
    /// What is shown of a resource beside its document, as `,"name":value`, and of how many edges it is made.
    pub(crate) async fn beside(&self, view: &View<'_>, id: &str) -> Result<(String, usize)> {
        let (mut out, count) = self.edges_beside(view, id).await?;
        let wanted = wanted(view);
        if wanted.is_empty() {
            return Ok((out, count));
        }
        let asked: Vec<Sources<'_>> = wanted.iter().map(|derived| question(derived)).collect();
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
        let asked: Vec<Sources<'_>> = wanted.iter().map(|derived| question(derived)).collect();
        let show = |record: RecordRef<'_>, found: Vec<Vec<Source>>| {
            push_sources(view, &wanted, &found, &mut out);
            show(record, out)
        };
        Ok(self.of(view.cx).with_sources(view.kind.name(), id, &asked, show).await?)
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

    /// What is shown beside each resource of a page whose ids are neighbours, for attributes that are derived: one
    /// walk for the page instead of one for each. None when there is so much that each is better asked by itself.
    pub(crate) async fn derived_between(
        &self,
        view: &View<'_>,
        first: &str,
        last: &str,
    ) -> Result<Option<Beside>> {
        let mut beside = Beside::default();
        for derived in view.kind.derived.iter().filter(|d| view.wants(&d.attribute)) {
            let found = match &derived.reach {
                Reach::Direct => None,
                Reach::Nested => self.nested_between(view.cx, derived, (first, last)).await?,
                Reach::Through(inner) => self.through_between(view.cx, derived, inner, (first, last)).await?,
            };
            let Some(kind) = view.cx.kinds.named(&derived.source) else { continue };
            let Some(found) = found else { return Ok(None) };
            for (target, sources) in found {
                let (text, count) = beside.0.entry(target).or_default();
                let mut list = List::new(text, view, derived, kind);
                let most = usize::try_from(limits::GROUPS_MAX).unwrap_or(usize::MAX);
                for (id, (display, is_direct)) in sources.into_iter().take(most) {
                    list.push_source(&id, &display, is_direct);
                }
                *count += list.finish();
            }
        }
        Ok(Some(beside))
    }

    /// Groups of groups: what holds each target.
    async fn nested_between(&self, cx: &Cx, derived: &Derived, ids: (&str, &str)) -> Result<Option<Shown>> {
        let Some(edges) = self.edges_between(cx, &derived.relation, ids).await? else { return Ok(None) };
        let known = self.walked(cx, &derived.relation, &derived.source, &edges).await?;
        let mut out = Shown::new();
        for (target, source) in edges {
            let Some(Walked { display, above }) = known.get(&source) else { continue };
            let shown = out.entry(target).or_default();
            shown.insert(source, (display.clone(), true));
            for (id, display) in above {
                shown.entry(id.clone()).or_insert_with(|| (display.clone(), false));
            }
        }
        Ok(Some(out))
    }

    /// Roles of groups of groups: what leads to each target, or to what holds it.
    async fn through_between(
        &self,
        cx: &Cx,
        derived: &Derived,
        inner: &str,
        ids: (&str, &str),
    ) -> Result<Option<Shown>> {
        let (relation, kind) = (derived.relation.as_str(), derived.source.as_str());
        let mut out = Shown::new();
        if !self.of(cx).has_edges(relation).await? {
            return Ok(Some(out));
        }
        let Some(direct) = self.edges_between(cx, relation, ids).await? else { return Ok(None) };
        let Some(held) = self.edges_between(cx, inner, ids).await? else { return Ok(None) };
        let holders = self.walked(cx, inner, cx.kinds.source_of(inner), &held).await?;
        // What leads to each holder, and to each that holds it.
        let mut leading: HashMap<&str, Vec<(String, String)>> = HashMap::new();
        for (id, walked) in &holders {
            for id in std::iter::once(id).chain(walked.above.iter().map(|(id, _)| id)) {
                if leading.contains_key(id.as_str()) {
                    continue;
                }
                let found = leading.entry(id).or_default();
                let take = u64::from(limits::GROUPS_MAX);
                self.of(cx)
                    .direct_sources(relation, kind, id, take, |id, display| {
                        found.push((id.to_owned(), display.to_owned()));
                        ControlFlow::Continue(())
                    })
                    .await?;
            }
        }
        let mut displays: HashMap<String, Option<String>> = HashMap::new();
        for (target, source) in direct {
            if !displays.contains_key(&source) {
                let store = self.of(cx);
                let display = store.with_record(kind, &source, |record| record.display.to_owned()).await?;
                displays.insert(source.clone(), display);
            }
            let Some(Some(display)) = displays.get(&source) else { continue };
            out.entry(target).or_default().insert(source, (display.clone(), true));
        }
        for (target, holder) in held {
            let Some(walked) = holders.get(&holder) else { continue };
            let holders = std::iter::once(&holder).chain(walked.above.iter().map(|(id, _)| id));
            for (id, display) in holders.filter_map(|id| leading.get(id.as_str())).flatten() {
                let shown = out.entry(target.clone()).or_default();
                shown.entry(id.clone()).or_insert_with(|| (display.clone(), false));
            }
        }
        Ok(Some(out))
    }

    /// The edges of a relation that lead to ids from the first to the last: target and source, in order. None when they
    /// are too many to be looked at together.
    async fn edges_between(
        &self,
        cx: &Cx,
        relation: &str,
        ids: (&str, &str),
    ) -> Result<Option<Vec<(String, String)>>> {
        let mut edges: Vec<(String, String)> = Vec::new();
        self.of(cx)
            .sources_between(relation, ids, TOGETHER_MAX, |target, source| {
                edges.push((target.to_owned(), source.to_owned()));
                ControlFlow::Continue(())
            })
            .await?;
        Ok((u64::try_from(edges.len()).unwrap_or(u64::MAX) < TOGETHER_MAX).then_some(edges))
    }

    /// Each source of these edges once: what it shows, and what lies above it.
    async fn walked(
        &self,
        cx: &Cx,
        relation: &str,
        kind: &str,
        edges: &[(String, String)],
    ) -> Result<HashMap<String, Walked>> {
        let mut known: HashMap<String, Walked> = HashMap::new();
        for (_, id) in edges {
            if known.contains_key(id) {
                continue;
            }
            let display = self.of(cx).with_record(kind, id, |record| record.display.to_owned()).await?;
            // Edges to a resource that is going are not shown.
            let Some(display) = display else { continue };
            let asked = Sources { relation, kind, over: Over::Edges, take: limits::GROUPS_MAX.into() };
            let above = self.of(cx).sources(id, &[asked]).await?.pop().unwrap_or_default();
            let above = above.into_iter().map(|source| (source.id, source.display)).collect();
            known.insert(id.clone(), Walked { display, above });
        }
        Ok(known)
    }
}

/// The attributes to show that are the other side of a relation.
fn wanted<'k>(view: &View<'k>) -> Vec<&'k Derived> {
    view.kind.derived.iter().filter(|derived| view.wants(&derived.attribute)).collect()
}

/// What the store is asked for such an attribute.
fn question(derived: &Derived) -> Sources<'_> {
    let over = match &derived.reach {
        Reach::Direct => Over::Edge,
        Reach::Nested => Over::Edges,
        Reach::Through(inner) => Over::Through(inner),
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

/// Target -> source -> what it shows, and whether one edge leads there.
type Shown = BTreeMap<String, BTreeMap<String, (String, bool)>>;

/// What has edges: what it shows, and the ids that lie above it with what they show.
struct Walked {
    display: String,
    above: Vec<(String, String)>,
}

/// What is shown beside the resources of a page: id -> text, and of how many edges it is made.
#[derive(Default)]
pub(crate) struct Beside(HashMap<String, (String, usize)>);

impl Beside {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How long all of it is.
    pub(crate) fn bytes(&self) -> usize {
        self.0.values().map(|(text, _)| text.len()).sum()
    }

    pub(crate) fn of(&self, id: &str) -> (&str, usize) {
        self.0.get(id).map_or(("", 0), |(text, edges)| (text, *edges))
    }
}

/// Writes `,"name":[…]`, or nothing for an empty list (RFC 7643 §2.5).
struct List<'a> {
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
    fn new(out: &'a mut String, view: &'a View<'_>, derived: &'a Derived, source: &'a Kind) -> Self {
        let named = view.wants_display(&derived.attribute);
        let (base, endpoint) = (&view.cx.base, &source.schema.endpoint);
        let typed = derived.reach != Reach::Direct;
        Self { out, name: &derived.attribute, base, endpoint, typed, named, count: 0 }
    }

    fn push_source(&mut self, id: &str, display: &str, is_direct: bool) {
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

    fn finish(self) -> usize {
        if self.count > 0 {
            self.out.push(']');
        }
        self.count
    }
}
