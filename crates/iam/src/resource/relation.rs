//! Attributes that are edges: shown from rows, changed by deltas.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use scim::filter::{BoundFilter, Op, Probe};
use scim::message::push_string;
use scim::patch::RelationChange;
use serde_json::{Value, json};
use store::EdgeRef;

use super::render::{View, location};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::{Derived, Kind, Relation};
use crate::{Iam, limits};

/// Edges read at once; between two such reads others get their turn.
const CHUNK: u64 = 10_000;
/// Up to so many edges are asked for one by one; beyond, all are read.
const SINGLY_MAX: usize = 1_000;

/// Beyond so many edges, each resource of a page is asked for its own.
const TOGETHER_MAX: u64 = 20_000;

/// An edge that comes or goes.
#[derive(Clone, Debug)]
pub(crate) struct EdgeChange<'k> {
    pub(crate) relation: &'k Relation,
    pub(crate) target: String,
    pub(crate) is_link: bool,
}

/// Which edges come and go, and whether that was decided by looking at all of them.
#[derive(Debug, Default)]
pub(crate) struct EdgePlan<'k> {
    pub(crate) changes: Vec<EdgeChange<'k>>,
    pub(crate) read_all: bool,
}

impl Iam {
    /// What is shown of a resource beside its document, as `,"name":value`, and of how many edges it is made.
    pub(crate) async fn beside(&self, view: &View<'_>, id: &str) -> Result<(String, usize)> {
        let (mut out, mut count) = (String::new(), 0);
        for relation in view.kind.relations.iter().filter(|r| view.wants(&r.attribute)) {
            count += self.push_edges(view, relation, id, &mut out).await?;
        }
        for derived in view.kind.derived.iter().filter(|d| view.wants(&d.attribute)) {
            let Some(source) = view.cx.kinds.named(&derived.source) else { continue };
            let (base, endpoint) = (&view.cx.base, &source.schema.endpoint);
            let named = view.wants_display(&derived.attribute);
            let mut list = List::new(&mut out, &derived.attribute, named);
            let take = u64::from(limits::GROUPS_MAX);
            self.of(view.cx)
                .sources(&derived.relation, &derived.source, id, take, |group| {
                    let kind = if group.direct { "direct" } else { "indirect" };
                    list.push(base, endpoint, group.id, group.display, kind);
                    ControlFlow::Continue(())
                })
                .await?;
            count += list.finish();
        }
        Ok((out, count))
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
            let Some(kind) = view.cx.kinds.named(&derived.source) else { continue };
            let mut edges: Vec<(String, String)> = Vec::new();
            self.of(view.cx)
                .sources_between(&derived.relation, (first, last), TOGETHER_MAX, |target, source| {
                    edges.push((target.to_owned(), source.to_owned()));
                    ControlFlow::Continue(())
                })
                .await?;
            if u64::try_from(edges.len()).unwrap_or(u64::MAX) >= TOGETHER_MAX {
                return Ok(None);
            }
            let known = self.sources_of(view.cx, derived, edges.iter().map(|(_, source)| source)).await?;
            for direct in edges.chunk_by(|(a, _), (b, _)| a == b) {
                let Some((target, _)) = direct.first() else { continue };
                let shown = shown(direct.iter().map(|(_, source)| source.as_str()), &known);
                let (text, count) = beside.0.entry(target.clone()).or_default();
                let mut list = List::new(text, &derived.attribute, view.wants_display(&derived.attribute));
                let most = usize::try_from(limits::GROUPS_MAX).unwrap_or(usize::MAX);
                for (id, (display, is_direct)) in shown.into_iter().take(most) {
                    let how = if is_direct { "direct" } else { "indirect" };
                    list.push(&view.cx.base, &kind.schema.endpoint, id, display, how);
                }
                *count += list.finish();
            }
        }
        Ok(Some(beside))
    }

    /// Each of these once: what it shows, and what lies above it.
    async fn sources_of<'i>(
        &self,
        cx: &Cx,
        derived: &Derived,
        ids: impl Iterator<Item = &'i String>,
    ) -> Result<HashMap<String, Source>> {
        let mut known: HashMap<String, Source> = HashMap::new();
        for id in ids {
            if known.contains_key(id) {
                continue;
            }
            let display =
                self.of(cx).with_record(&derived.source, id, |record| record.display.to_owned()).await?;
            // Edges to a resource that is going are not shown.
            let Some(display) = display else { continue };
            let mut above = Vec::new();
            self.of(cx)
                .sources(&derived.relation, &derived.source, id, limits::GROUPS_MAX.into(), |source| {
                    above.push((source.id.to_owned(), source.display.to_owned()));
                    ControlFlow::Continue(())
                })
                .await?;
            known.insert(id.clone(), Source { display, above });
        }
        Ok(known)
    }

    async fn push_edges(
        &self,
        view: &View<'_>,
        relation: &Relation,
        id: &str,
        out: &mut String,
    ) -> Result<usize> {
        let targets: Vec<_> = relation.targets.iter().filter_map(|name| view.cx.kinds.named(name)).collect();
        let mut list = List::new(out, &relation.attribute, view.wants_display(&relation.attribute));
        self.each_edge(view.cx, relation, id, |edge| {
            let endpoint =
                targets.iter().find(|k| k.name() == edge.target_kind).map_or("", |k| &k.schema.endpoint);
            list.push(&view.cx.base, endpoint, edge.target, edge.display, edge.target_kind);
        })
        .await?;
        Ok(list.finish())
    }

    /// Calls `f` with every edge of a relation from a resource, by the id of the target.
    async fn each_edge(
        &self,
        cx: &Cx,
        relation: &Relation,
        id: &str,
        mut f: impl FnMut(EdgeRef<'_>),
    ) -> Result<()> {
        let mut last: Option<String> = None;
        loop {
            let (mut seen, mut next) = (0, None);
            self.of(cx)
                .edges(&relation.name, id, last.as_deref(), CHUNK, |edge| {
                    seen += 1;
                    if seen == CHUNK {
                        next = Some(edge.target.to_owned());
                    }
                    f(edge);
                    ControlFlow::Continue(())
                })
                .await?;
            match next {
                Some(id) => last = Some(id),
                None => return Ok(()),
            }
            tokio::task::yield_now().await;
        }
    }

    /// The edges of a resource that is being created.
    pub(crate) fn first_edges<'k>(
        kind: &'k Kind,
        id: &str,
        given: &[(String, Vec<Value>)],
    ) -> Result<Vec<EdgeChange<'k>>> {
        let mut changes = Vec::new();
        for (relation, values) in named(kind, given) {
            let mut seen = HashSet::new();
            for target in targets(values) {
                refuse_itself(relation, id, target)?;
                if seen.insert(target) {
                    changes.push(EdgeChange { relation, target: target.to_owned(), is_link: true });
                }
            }
        }
        Ok(changes)
    }

    /// The edges that come and go when a resource is replaced. What is not mentioned at all stays, unless the
    /// dialect is strict: several clients rename a group without sending its members.
    pub(crate) async fn replaced_edges<'k>(
        &self,
        cx: &Cx,
        kind: &'k Kind,
        id: &str,
        given: &[(String, Vec<Value>)],
    ) -> Result<EdgePlan<'k>> {
        let mut wishes = Wishes::default();
        for relation in &kind.relations {
            match given.iter().find(|(name, _)| *name == relation.attribute) {
                Some((_, values)) => wishes.replace(relation, values),
                None if cx.caller.dialect.is_auto() => {}
                None => wishes.replace(relation, &[]),
            }
        }
        self.settle(cx, id, wishes).await
    }

    /// The edges that come and go by a PATCH.
    pub(crate) async fn patched_edges<'k>(
        &self,
        cx: &Cx,
        kind: &'k Kind,
        id: &str,
        changes: Vec<RelationChange<'_>>,
    ) -> Result<EdgePlan<'k>> {
        let mut wishes = Wishes::default();
        for change in changes {
            match change {
                RelationChange::Add { attribute, values } => {
                    if let Some(relation) = kind.relation(&attribute.name) {
                        targets(&values).for_each(|target| wishes.wish(relation, target, true));
                    }
                }
                RelationChange::Remove { attribute, values } => {
                    if let Some(relation) = kind.relation(&attribute.name) {
                        targets(&values).for_each(|target| wishes.wish(relation, target, false));
                    }
                }
                RelationChange::Replace { attribute, values } => {
                    if let Some(relation) = kind.relation(&attribute.name) {
                        wishes.replace(relation, &values);
                    }
                }
                RelationChange::RemoveWhere { attribute, filter } => {
                    if let Some(relation) = kind.relation(&attribute.name) {
                        self.remove_where(cx, relation, id, &filter, &mut wishes).await?;
                    }
                }
            }
        }
        let mut plan = self.settle(cx, id, wishes).await?;
        if !cx.caller.dialect.is_auto() {
            self.leave_out_unknown(cx, &mut plan).await?;
        }
        Ok(plan)
    }

    /// RFC 7644 §3.3: a server may ignore content, and says so by returning the whole representation. A PATCH in the
    /// strict dialect is always answered so; in the other one, what cannot be linked is refused by name.
    async fn leave_out_unknown(&self, cx: &Cx, plan: &mut EdgePlan<'_>) -> Result<()> {
        let mut kept = Vec::with_capacity(plan.changes.len());
        for change in std::mem::take(&mut plan.changes) {
            if !change.is_link || self.is_there(cx, change.relation, &change.target).await? {
                kept.push(change);
            }
        }
        plan.changes = kept;
        Ok(())
    }

    async fn is_there(&self, cx: &Cx, relation: &Relation, target: &str) -> Result<bool> {
        for kind in &relation.targets {
            if self.of(cx).with_record(kind, target, |_| ()).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn remove_where<'k>(
        &self,
        cx: &Cx,
        relation: &'k Relation,
        id: &str,
        filter: &BoundFilter<'_>,
        wishes: &mut Wishes<'k>,
    ) -> Result<()> {
        let mut ids = Vec::new();
        if names_values(filter, &mut ids) {
            ids.iter().for_each(|target| wishes.wish(relation, target, false));
            return Ok(());
        }
        wishes.read_all = true;
        let mut matching = Vec::new();
        self.each_edge(cx, relation, id, |edge| {
            let reference = cx.kinds.named(edge.target_kind).map(|k| location(&cx.base, &k.schema.endpoint, edge.target));
            let element =
                json!({ "value": edge.target, "type": edge.target_kind, "display": edge.display, "$ref": reference });
            if filter.matches_element(&element) {
                matching.push(edge.target.to_owned());
            }
        })
        .await?;
        matching.iter().for_each(|target| wishes.wish(relation, target, false));
        Ok(())
    }

    /// What must change so that the wishes hold.
    async fn settle<'k>(&self, cx: &Cx, id: &str, wishes: Wishes<'k>) -> Result<EdgePlan<'k>> {
        let mut plan = EdgePlan { changes: Vec::new(), read_all: wishes.read_all };
        for wish in wishes.of.into_values() {
            let relation = wish.relation;
            let asks_all = wish.others_go || wish.targets.len() > SINGLY_MAX;
            plan.read_all |= wish.others_go;
            let mut known: HashSet<String> = HashSet::new();
            if asks_all {
                self.each_edge(cx, relation, id, |edge| {
                    known.insert(edge.target.to_owned());
                })
                .await?;
            }
            for (target, wanted) in &wish.targets {
                if *wanted {
                    refuse_itself(relation, id, target)?;
                }
                let there = if asks_all {
                    known.remove(target)
                } else {
                    self.of(cx).has_edge(&relation.name, id, target).await?
                };
                if there != *wanted {
                    plan.changes.push(EdgeChange { relation, target: target.clone(), is_link: *wanted });
                }
            }
            if wish.others_go {
                let gone = known.into_iter().map(|target| EdgeChange { relation, target, is_link: false });
                plan.changes.extend(gone);
            }
        }
        Ok(plan)
    }
}

/// What has edges: what it shows, and the ids that lie above it with what they show.
struct Source {
    display: String,
    above: Vec<(String, String)>,
}

/// The direct sources and what lies above them, by id: what each shows and whether it is direct.
fn shown<'s>(
    direct: impl Iterator<Item = &'s str>,
    known: &'s HashMap<String, Source>,
) -> BTreeMap<&'s str, (&'s str, bool)> {
    let mut shown = BTreeMap::new();
    for (id, source) in direct.filter_map(|id| known.get_key_value(id)) {
        shown.insert(id.as_str(), (source.display.as_str(), true));
        for (id, display) in &source.above {
            shown.entry(id).or_insert((display, false));
        }
    }
    shown
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

/// What edges should be there in the end.
#[derive(Default)]
struct Wishes<'k> {
    of: BTreeMap<&'k str, Wish<'k>>,
    read_all: bool,
}

struct Wish<'k> {
    relation: &'k Relation,
    /// Target -> whether it should be there.
    targets: BTreeMap<String, bool>,
    /// Whether those that are not mentioned should go.
    others_go: bool,
}

impl<'k> Wishes<'k> {
    fn about(&mut self, relation: &'k Relation) -> &mut Wish<'k> {
        let empty = || Wish { relation, targets: BTreeMap::new(), others_go: false };
        self.of.entry(&relation.name).or_insert_with(empty)
    }

    fn wish(&mut self, relation: &'k Relation, target: &str, wanted: bool) {
        self.about(relation).targets.insert(target.to_owned(), wanted);
    }

    fn replace(&mut self, relation: &'k Relation, values: &[Value]) {
        let wish = self.about(relation);
        wish.others_go = true;
        wish.targets = targets(values).map(|target| (target.to_owned(), true)).collect();
    }
}

fn named<'k, 'g>(
    kind: &'k Kind,
    given: &'g [(String, Vec<Value>)],
) -> impl Iterator<Item = (&'k Relation, &'g [Value])> {
    given.iter().filter_map(|(name, values)| Some((kind.relation(name)?, values.as_slice())))
}

fn targets(values: &[Value]) -> impl Iterator<Item = &str> {
    values.iter().filter_map(|value| value.get("value").and_then(Value::as_str))
}

fn refuse_itself(relation: &Relation, id: &str, target: &str) -> Result<()> {
    if id == target {
        return Err(Error::invalid(format!("`{}`: a resource cannot be one of its own", relation.attribute)));
    }
    Ok(())
}

/// Whether a filter is `value eq "…"`, or several of these joined by `or`; then collects the values.
fn names_values(filter: &BoundFilter<'_>, ids: &mut Vec<String>) -> bool {
    match filter {
        BoundFilter::Compare { at, op: Op::Eq, probe: Probe::Key(key) } if at.leaf().name == "value" => {
            ids.extend(String::from_utf8(key.clone()).ok());
            true
        }
        BoundFilter::Or(any) => !any.is_empty() && any.iter().all(|filter| names_values(filter, ids)),
        _ => false,
    }
}

/// Writes `,"name":[…]`, or nothing for an empty list (RFC 7643 §2.5).
struct List<'a> {
    out: &'a mut String,
    name: &'a str,
    /// Whether the elements say what they refer to is called.
    shows_display: bool,
    count: usize,
}

impl<'a> List<'a> {
    fn new(out: &'a mut String, name: &'a str, shows_display: bool) -> Self {
        Self { out, name, shows_display, count: 0 }
    }

    fn push(&mut self, base: &str, endpoint: &str, id: &str, display: &str, kind: &str) {
        if self.count == 0 {
            self.out.push_str(",\"");
            self.out.push_str(self.name);
            self.out.push_str("\":[{\"value\":");
        } else {
            self.out.push_str(",{\"value\":");
        }
        push_string(self.out, id);
        self.out.push_str(",\"$ref\":\"");
        for part in [base, "/", endpoint, "/", id] {
            self.out.push_str(part);
        }
        self.out.push_str("\",\"type\":\"");
        self.out.push_str(kind);
        self.out.push('"');
        if self.shows_display && !display.is_empty() {
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
