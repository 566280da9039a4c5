//! Attributes that are edges, changed by deltas.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use scim::filter::{BoundFilter, Op, Probe};
use scim::patch::RelationChange;
use serde_json::{Value, json};
use store::EdgeRef;

use super::render::location;
use super::{Condition, write};
use crate::Iam;
use crate::access::{Permit, Write};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::reserve::EdgeChange;
use crate::kind::{Kind, Relation};

/// Edges read at once; between two such reads others get their turn.
const CHUNK: u64 = 10_000;
/// Up to so many edges are asked for one by one; beyond, all are read.
const SINGLY_MAX: usize = 1_000;

/// Which edges come and go, and whether that was decided by looking at all of them.
#[derive(Debug, Default)]
pub(crate) struct EdgePlan<'k> {
    pub(crate) changes: Vec<EdgeChange<'k>>,
    pub(crate) read_all: bool,
}

impl Iam {
    /// Calls `f` with every edge of a relation from a resource, by the id of the target.
    pub(crate) async fn each_edge(
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
                RelationChange::ReplaceWhere { attribute, filter, values } => {
                    if let Some(relation) = kind.relation(&attribute.name) {
                        let replaced = self.chosen(cx, relation, id, &filter, &mut wishes).await?;
                        if replaced.is_empty() {
                            // RFC 7644 §3.5.2.3.
                            let detail = format!("the filter matches none of `{}`", attribute.name);
                            return Err(scim::Error::new(scim::ErrorKind::NoTarget, detail).into());
                        }
                        replaced.iter().for_each(|target| wishes.wish(relation, target, false));
                        targets(&values).for_each(|target| wishes.wish(relation, target, true));
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

    /// Makes resources targets of a relation, or targets no more: a row each, whatever other targets there are. What is so
    /// already stays so; says whether anything changed.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the source is not there, [`Error::Invalid`] naming a target that is not.
    pub(crate) async fn relate(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        attribute: &str,
        id: &str,
        targets: &[String],
        is_link: bool,
    ) -> Result<bool> {
        let kind = permit.kind();
        let relation = kind.relation(attribute).ok_or(Error::Internal)?;
        let condition = Condition::default();
        let mut turn = self.turn(cx, kind, id, &condition).await?;
        loop {
            let before = self.stored(cx, kind, id).await?;
            let mut wishes = Wishes::default();
            targets.iter().for_each(|target| wishes.wish(relation, target, is_link));
            let EdgePlan { changes, .. } = self.settle(cx, id, wishes).await?;
            if changes.is_empty() {
                return Ok(false);
            }
            let batch = self.begun(cx, kind, &before.changed(Some(&before.document), &changes)).await?;
            turn.is_guarded = !batch.is_empty();
            let batch = write::relink(batch, cx, kind, &before, &changes, None);
            match self.commit(cx, turn.without_cycle(batch, &changes), &changes).await {
                Ok(_) => return Ok(true),
                Err(error) => self.again(cx, &mut turn, &changes, error).await?,
            }
        }
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
        let matching = self.matching(cx, relation, id, filter, wishes).await?;
        matching.iter().for_each(|target| wishes.wish(relation, target, false));
        Ok(())
    }

    /// The targets that a filter chooses, as they are by what is wished so far.
    async fn chosen<'k>(
        &self,
        cx: &Cx,
        relation: &'k Relation,
        id: &str,
        filter: &BoundFilter<'_>,
        wishes: &mut Wishes<'k>,
    ) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        if !names_values(filter, &mut ids) {
            let mut matching = self.matching(cx, relation, id, filter, wishes).await?;
            matching.retain(|target| wishes.about(relation).wants(target) != Some(false));
            return Ok(matching);
        }
        let mut there = Vec::new();
        for target in ids {
            let is_there = match wishes.about(relation).wants(&target) {
                Some(wanted) => wanted,
                None => self.of(cx).has_edge(&relation.name, id, &target).await?,
            };
            there.extend(is_there.then_some(target));
        }
        Ok(there)
    }

    /// The targets whose elements match, of all there are.
    async fn matching(
        &self,
        cx: &Cx,
        relation: &Relation,
        id: &str,
        filter: &BoundFilter<'_>,
        wishes: &mut Wishes<'_>,
    ) -> Result<Vec<String>> {
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
        Ok(matching)
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

impl Wish<'_> {
    /// Whether a target is wished, if anything is said of it.
    fn wants(&self, target: &str) -> Option<bool> {
        self.targets.get(target).copied().or(self.others_go.then_some(false))
    }
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
