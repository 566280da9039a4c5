//! What is shown beside the resources of a page whose ids are neighbours, for attributes that are derived from edges of
//! others: one walk along the edges for the page instead of one for each, and each source is looked at once.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use store::{Between, Over, Source, Sources};

use super::beside::{List, wanted};
use super::render::View;
use crate::cx::Cx;
use crate::error::Result;
use crate::kind::{Derived, Reach};
use crate::{Iam, limits};

/// Beyond so many edges, each resource of a page is asked for its own.
const TOGETHER_MAX: u64 = 20_000;

/// What is shown beside each resource of a page, as `,"name":value`.
#[derive(Default)]
pub(crate) struct Beside {
    text: String,
    /// Of each resource: where its part of the text ends, and of how many edges it is made.
    parts: Vec<(usize, usize)>,
}

impl Beside {
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// How long all of it is.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// What is shown beside the resource of that number, and of how many edges it is made.
    pub(crate) fn of(&self, at: usize) -> (&str, usize) {
        let (end, edges) = self.parts.get(at).copied().unwrap_or_default();
        let start = at.checked_sub(1).and_then(|before| self.parts.get(before)).map_or(0, |(end, _)| *end);
        (self.text.get(start..end).unwrap_or_default(), edges)
    }
}

/// The edges of a relation to a page, and what lies above what they come from.
struct Walk {
    near: Between,
    /// Of each source of `near`.
    above: Vec<Vec<Source>>,
}

/// What leads to the resources of a page.
enum Leading<'w> {
    /// Nothing.
    None,
    /// What holds them, and what holds that.
    Nested(&'w Walk),
    /// What holds them, and what holds their holders.
    Through { direct: Between, holders: &'w Walk, of_holders: HashMap<String, Vec<(String, String)>> },
}

impl Iam {
    /// What is shown beside each resource of a page, by their ids; no other resource of the kind has an id between theirs.
    /// None when there is so much that each is better asked by itself.
    pub(crate) async fn beside_neighbours(&self, view: &View<'_>, ids: &[&str]) -> Result<Option<Beside>> {
        let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else { return Ok(None) };
        let (cx, run, wanted) = (view.cx, (*first, *last), wanted(view));
        let mut walks: HashMap<&str, Walk> = HashMap::new();
        for derived in &wanted {
            let Some(relation) = walked(derived) else { return Ok(None) };
            if !walks.contains_key(relation) {
                let Some(walk) = self.walk_up(cx, relation, run).await? else { return Ok(None) };
                walks.insert(relation, walk);
            }
        }
        let mut leading = Vec::with_capacity(wanted.len());
        for derived in wanted {
            let Some(kind) = cx.kinds.named(&derived.source) else { continue };
            let Some(walk) = walked(derived).and_then(|relation| walks.get(relation)) else { continue };
            let Some(found) = self.beyond(cx, derived, walk, run).await? else { return Ok(None) };
            leading.push((derived, kind, found));
        }
        let mut beside = Beside::default();
        for id in ids {
            let mut count = 0;
            for (derived, kind, leading) in &leading {
                let mut list = List::new(&mut beside.text, view, derived, kind);
                for (id, display, is_direct) in leading.to(id) {
                    list.push_source(id, display, is_direct);
                }
                count += list.finish();
            }
            beside.parts.push((beside.text.len(), count));
        }
        Ok(Some(beside))
    }

    /// The edges of a relation to a page, walked upwards.
    async fn walk_up(&self, cx: &Cx, relation: &str, run: (&str, &str)) -> Result<Option<Walk>> {
        let kind = cx.kinds.source_of(relation);
        let Some(near) = self.of(cx).between(relation, kind, run, TOGETHER_MAX).await? else {
            return Ok(None);
        };
        let mut above = Vec::with_capacity(near.sources().len());
        for source in near.sources() {
            let asked = Sources { relation, kind, over: Over::Edges, take: limits::GROUPS_MAX.into() };
            above.push(match source.is_below {
                true => self.of(cx).sources(&source.id, &[asked]).await?.pop().unwrap_or_default(),
                false => Vec::new(),
            });
        }
        Ok(Some(Walk { near, above }))
    }

    /// What leads to a page for an attribute, beyond what was walked.
    async fn beyond<'w>(
        &self,
        cx: &Cx,
        derived: &Derived,
        holders: &'w Walk,
        run: (&str, &str),
    ) -> Result<Option<Leading<'w>>> {
        let Reach::Through(inner) = &derived.reach else { return Ok(Some(Leading::Nested(holders))) };
        let (relation, kind) = (derived.relation.as_str(), derived.source.as_str());
        if !self.of(cx).has_edges(relation).await? {
            return Ok(Some(Leading::None));
        }
        let direct = self.of(cx).between(relation, kind, run, TOGETHER_MAX).await?;
        let through = self.of(cx).between_through((relation, inner), kind, run, TOGETHER_MAX).await?;
        let (Some(direct), Some(through)) = (direct, through) else { return Ok(None) };
        let mut of_holders: HashMap<String, Vec<(String, String)>> = HashMap::new();
        for (holder, id, display) in through {
            of_holders.entry(holder).or_default().push((id, display));
        }
        let near: HashSet<&str> = holders.near.sources().iter().map(|source| source.id.as_str()).collect();
        for id in holders.above.iter().flatten().map(|source| &source.id) {
            if near.contains(id.as_str()) || of_holders.contains_key(id) {
                continue;
            }
            let mut found = Vec::new();
            let push = |id: &str, display: &str| {
                found.push((id.to_owned(), display.to_owned()));
                ControlFlow::Continue(())
            };
            self.of(cx).direct_sources(relation, kind, id, limits::GROUPS_MAX.into(), push).await?;
            of_holders.insert(id.clone(), found);
        }
        Ok(Some(Leading::Through { direct, holders, of_holders }))
    }
}

/// The relation to walk for an attribute; none when there is nothing to be walked.
fn walked(derived: &Derived) -> Option<&str> {
    match &derived.reach {
        Reach::Direct => None,
        Reach::Nested => Some(&derived.relation),
        Reach::Through(inner) => Some(inner),
    }
}

impl Leading<'_> {
    /// What leads to one of the resources, each once, by id: what it shows, and whether one edge leads from it.
    fn to(&self, target: &str) -> impl Iterator<Item = (&str, &str, bool)> {
        let mut found = Vec::new();
        match self {
            Self::None => {}
            Self::Nested(walk) => {
                found.extend(direct(&walk.near, target));
                found.extend(
                    walk.above(target).map(|source| (source.id.as_str(), source.display.as_str(), false)),
                );
            }
            Self::Through { direct: near, holders, of_holders } => {
                found.extend(direct(near, target));
                if !of_holders.is_empty() {
                    let near = direct(&holders.near, target).map(|(id, ..)| id);
                    let all = near.chain(holders.above(target).map(|source| source.id.as_str()));
                    let led = all.filter_map(|id| of_holders.get(id)).flatten();
                    found.extend(led.map(|(id, display)| (id.as_str(), display.as_str(), false)));
                }
            }
        }
        found.sort_unstable_by(|a, b| a.0.cmp(b.0).then(b.2.cmp(&a.2)));
        found.dedup_by(|later, first| later.0 == first.0);
        found.into_iter().take(usize::try_from(limits::GROUPS_MAX).unwrap_or(usize::MAX))
    }
}

impl Walk {
    /// What lies above what holds one of the resources; the same perhaps several times.
    fn above(&self, target: &str) -> impl Iterator<Item = &Source> {
        self.near.of(target).filter_map(|at| self.above.get(at)).flatten()
    }
}

fn direct<'b>(near: &'b Between, target: &str) -> impl Iterator<Item = (&'b str, &'b str, bool)> {
    let sources = near.of(target).filter_map(|at| near.sources().get(at));
    sources.map(|source| (source.id.as_str(), source.display.as_str(), true))
}
