//! Lists that are made by looking at candidates one by one.

use std::collections::HashSet;
use std::ops::ControlFlow;

use scim::Object;
use scim::filter::BoundFilter;
use scim::project::Projection;
use scim::{Error as ScimError, ErrorKind};
use store::{Access, Position, Query, Record, RecordRef};

use super::page::{Item, Slice};
use super::sort::Sort;
use super::{Search, Window};
use crate::cursor::Place;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::plan::Range;
use crate::resource::mention::Mentioned;
use crate::resource::render::View;
use crate::{Iam, limits};

/// Candidates read at once; between two such reads others get their turn.
const CHUNK: u64 = 256;

/// A resource that matches, by the key that orders it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Match {
    pub(super) key: Vec<u8>,
    pub(super) id: String,
    /// Which of several searches found it: where clients choose ids, two kinds may have the same.
    pub(super) search: usize,
}

/// How far a search has looked.
#[derive(Default)]
pub(super) struct Effort {
    candidates: usize,
    edges: usize,
}

impl Effort {
    fn spend(&mut self, candidates: usize, edges: usize) -> Result<()> {
        self.candidates += candidates;
        self.edges += edges;
        let over = match (self.candidates > limits::SCAN_MAX, self.edges > limits::SCAN_EDGES_MAX) {
            (true, _) => Some(format!("{} resources", limits::SCAN_MAX)),
            (_, true) => Some(format!("{} members and groups of resources", limits::SCAN_EDGES_MAX)),
            (false, false) => None,
        };
        if let Some(most) = over {
            let detail = format!(
                "the query would look at more than {most}; narrow it by an indexed attribute, or page by cursor without sorting"
            );
            return Err(Error::Invalid(ScimError::new(ErrorKind::TooMany, detail)));
        }
        Ok(())
    }

    fn is_spent(&self) -> bool {
        self.candidates >= limits::SCAN_MAX || self.edges >= limits::SCAN_EDGES_MAX
    }
}

/// What of a resource the filter and the order look at.
#[derive(Default)]
struct Needs {
    document: bool,
    whole: bool,
    beside: bool,
    mentioned: bool,
}

impl Needs {
    fn of(search: &Search<'_>) -> Self {
        let kind = search.view.kind;
        let (mut needs, beside) = (Self::default(), kind.beside());
        if let Some(Sort::Attribute(probe)) = &search.sort {
            needs.note(kind, &beside, probe.names());
        }
        if let Some(filter) = search.filter.as_ref().filter(|_| !search.plan.is_exact) {
            needs.document = true;
            filter.mentions(&mut |at| {
                let extension = at.extension.map(|schema| schema.id.as_str());
                let sub = at.sub.map(|sub| sub.name.as_str());
                needs.note(kind, &beside, (extension, &at.attribute.name, sub));
                let common =
                    at.extension.is_none() && scim::schema::common().find(&at.attribute.name).is_some();
                needs.whole |= common && at.attribute.name != "schemas";
            });
        }
        needs
    }

    /// Takes note of a place that is looked at: extension, attribute, part.
    fn note(
        &mut self,
        kind: &Kind,
        beside: &[&str],
        (extension, attribute, part): (Option<&str>, &str, Option<&str>),
    ) {
        self.document = true;
        self.beside |= extension.is_none() && beside.contains(&attribute);
        self.mentioned |= kind.mention.iter().any(|mention| mention.shows(extension, attribute, part))
            || (extension.is_none() && kind.merged().any(|(derived, _)| derived.attribute == attribute));
    }
}

impl Iam {
    pub(super) async fn gathered(&self, search: &Search<'_>, window: &Window) -> Result<Slice> {
        if let (Window::Cursor { place, take }, None, [range]) =
            (window, &search.sort, search.plan.ranges.as_slice())
            && !search.plan.is_exact
            && !matches!(range, Range::Id(_) | Range::Index { .. } | Range::Unique { several: true, .. })
        {
            return self.walk(search, range, place.as_ref(), *take).await;
        }
        let mut matches = self.gather(search, &mut Effort::default()).await?;
        order(&mut matches, search.descending);
        let total = matches.len();
        let (chosen, mut slice) = Slice::choose(matches, window, search.descending);
        slice.total = u64::try_from(total).ok();
        for chosen in chosen {
            // What was deleted since it was gathered is left out.
            let record = self.of(search.view.cx).record(search.view.kind.name(), &chosen.id).await?;
            slice.items.extend(record.map(|record| Item::kept(chosen.key, record)));
        }
        Ok(slice)
    }

    /// Every match, in no particular order.
    pub(super) async fn gather(&self, search: &Search<'_>, effort: &mut Effort) -> Result<Vec<Match>> {
        let needs = Needs::of(search);
        let mut seen = HashSet::new();
        let mut matches = Vec::new();
        for range in &search.plan.ranges {
            let mut after: Option<(Vec<u8>, String)> = None;
            loop {
                let chunk = self.chunk(search, range, after.as_ref(), false).await?;
                let mentioned = self.mentioned_by_all(search, &needs, &chunk, effort).await?;
                let last = chunk.last().map(|(key, record)| (key.clone(), record.id.clone()));
                let is_full = u64::try_from(chunk.len()).unwrap_or_default() == CHUNK;
                for (_, record) in chunk {
                    effort.spend(1, 0)?;
                    if !seen.insert(record.id.clone()) {
                        continue;
                    }
                    if let Some(key) = self.judge(search, &needs, &record, &mentioned, effort).await? {
                        matches.push(Match { key, id: record.id, search: 0 });
                    }
                }
                if !is_full {
                    break;
                }
                after = last;
                tokio::task::yield_now().await;
            }
        }
        Ok(matches)
    }

    /// A page of an unordered list, by walking from a place until the page is full or enough was looked at.
    async fn walk(
        &self,
        search: &Search<'_>,
        range: &Range,
        place: Option<&Place>,
        take: u64,
    ) -> Result<Slice> {
        let needs = Needs::of(search);
        let backwards = place.is_some_and(|place| place.backwards);
        let mut after = place.map(|place| (place.key.clone(), place.id.clone()));
        let (mut effort, mut items, mut ended) = (Effort::default(), Vec::<Item>::new(), false);
        let mut first: Option<(Vec<u8>, String)> = None;
        while !ended && !effort.is_spent() && u64::try_from(items.len()).unwrap_or_default() < take {
            let chunk = self.chunk(search, range, after.as_ref(), backwards).await?;
            let mentioned = self.mentioned_by_all(search, &needs, &chunk, &mut effort).await?;
            ended = u64::try_from(chunk.len()).unwrap_or_default() < CHUNK;
            for (key, record) in chunk {
                if u64::try_from(items.len()).unwrap_or_default() == take {
                    ended = false;
                    break;
                }
                let judged = self.judge(search, &needs, &record, &mentioned, &mut effort).await?;
                effort.candidates += 1;
                after = Some((key.clone(), record.id.clone()));
                if first.is_none() {
                    first.clone_from(&after);
                }
                if judged.is_some() {
                    items.push(Item::kept(key, record));
                }
            }
            tokio::task::yield_now().await;
        }
        let reached = after.filter(|_| !ended).map(|(key, id)| Place { backwards, key, id });
        // Back from the first that was looked at here: where the last page ended is part of what lies there.
        let turned = place.zip(first).map(|(_, (key, id))| Place { backwards: !backwards, key, id });
        if backwards {
            items.reverse();
            return Ok(Slice { next: turned, previous: reached, items, ..Slice::default() });
        }
        Ok(Slice { next: reached, previous: turned, items, ..Slice::default() })
    }

    async fn chunk(
        &self,
        search: &Search<'_>,
        range: &Range,
        after: Option<&(Vec<u8>, String)>,
        descending: bool,
    ) -> Result<Vec<(Vec<u8>, Record)>> {
        let (store, kind) = (self.of(search.view.cx), search.view.kind.name());
        let access = match range {
            Range::Id(id) => {
                let record = if after.is_none() { store.record(kind, id).await? } else { None };
                return Ok(record.map(|record| (Vec::new(), record)).into_iter().collect());
            }
            Range::All => Access::Id,
            Range::Unique { attribute, from, to, .. } => Access::Unique { attribute, from, to },
            Range::Index { attribute, from, to, .. } => Access::Index { attribute, from, to },
            Range::Modified { from, to } => Access::Modified { from: *from, to: *to },
            Range::Sources { relation, target } => Access::Sources { relation, target },
            Range::Targets { relation, source, .. } => Access::Targets { relation, source },
        };
        let after = after.map(|(key, id)| Position { key, id });
        let mut out = Vec::new();
        store
            .search(&Query { kind, access, descending, after, skip: 0, take: CHUNK }, |key, record| {
                out.push((key.to_vec(), record.to_owned()));
                ControlFlow::Continue(())
            })
            .await?;
        Ok(out)
    }

    /// What candidates mention, if that is looked at.
    async fn mentioned_by_all(
        &self,
        search: &Search<'_>,
        needs: &Needs,
        candidates: &[(Vec<u8>, Record)],
        effort: &mut Effort,
    ) -> Result<Mentioned> {
        if !needs.mentioned {
            return Ok(Mentioned::default());
        }
        let documents = candidates.iter().map(|(_, record)| record.document.as_str());
        let View { cx, kind, .. } = search.view;
        let mentioned = self.mentioned_by(cx, kind, |_| true, documents).await?;
        effort.spend(0, mentioned.looked_up)?;
        Ok(mentioned)
    }

    /// The key of a candidate that matches.
    async fn judge(
        &self,
        search: &Search<'_>,
        needs: &Needs,
        record: &Record,
        mentioned: &Mentioned,
        effort: &mut Effort,
    ) -> Result<Option<Vec<u8>>> {
        let document = self.look(search, needs, record, mentioned, effort).await?;
        let matches = |filter: &BoundFilter<'_>| search.plan.is_exact || filter.matches(&document);
        if !search.filter.as_ref().is_none_or(matches) {
            return Ok(None);
        }
        let key = search.sort.as_ref().map(|sort| sort.key(search.view.cx, record, &document));
        Ok(Some(key.unwrap_or_default()))
    }

    /// As much of a candidate as is needed.
    async fn look(
        &self,
        search: &Search<'_>,
        needs: &Needs,
        record: &Record,
        mentioned: &Mentioned,
        effort: &mut Effort,
    ) -> Result<Object> {
        if !needs.document {
            return Ok(Object::new());
        }
        let document = mentioned.shown(search.view.kind, &record.document);
        if !needs.whole && !needs.beside {
            return serde_json::from_str(&document).map_err(Error::internal);
        }
        let (cx, kind) = (search.view.cx, search.view.kind);
        // What is named is whole: a filter may look at what is returned on request alone.
        let (names, none) = (kind.beside(), None::<std::iter::Empty<&str>>);
        let everything = Projection::new(&kind.schema, Some(names.into_iter()), none, cx.caller.dialect)?;
        let view = View::new(cx, kind, &everything);
        let beside = if needs.beside {
            let (beside, edges) = self.beside(&view, &record.id).await?;
            effort.spend(0, edges)?;
            beside
        } else {
            String::new()
        };
        view.whole(&RecordRef { document: &document, ..record.as_ref() }, &beside)
    }
}

pub(super) fn order(matches: &mut [Match], descending: bool) {
    matches.sort_unstable();
    if descending {
        matches.reverse();
    }
}
