//! A part of a list, and how it is written.

use std::borrow::Cow;
use std::cmp::Ordering;

use scim::message::PageHead;
use store::Record;

use super::gather::{Effort, Match, order};
use super::{Listing, Search, Window};
use crate::cursor::{Place, Query as CursorQuery};
use crate::error::Result;
use crate::resource::expand::Known;
use crate::resource::neighbours::Beside;
use crate::{Iam, limits};

/// A part of a list.
#[derive(Default)]
pub(super) struct Slice {
    /// How long the whole list is, where that is known.
    pub(super) total: Option<u64>,
    /// The part.
    pub(super) items: Vec<Item>,
    /// What of it is written already, in the order in which it was found, with commas between.
    pub(super) text: String,
    /// Whether they are neighbours: no other resource of the kind has an id between theirs.
    pub(super) is_run: bool,
    /// Where what follows begins.
    pub(super) next: Option<Place>,
    /// Where what precedes ends.
    pub(super) previous: Option<Place>,
}

/// A resource of a part of a list.
pub(super) struct Item {
    /// The key that orders it.
    pub(super) key: Vec<u8>,
    /// Its id.
    pub(super) id: String,
    /// What will be sent.
    pub(super) body: Body,
}

/// What will be sent of a resource.
pub(super) enum Body {
    /// It is written from `start` to `end` of the slice's text; at `beside` goes what is beside the document.
    Written { start: usize, beside: usize, end: usize },
    /// It is still to be written.
    Kept(Box<Record>),
}

impl Item {
    pub(super) fn kept(key: Vec<u8>, record: Record) -> Self {
        Self { key, id: record.id.clone(), body: Body::Kept(Box::new(record)) }
    }
}

impl Slice {
    /// The part of an ordered list that a window shows, with the places around it.
    pub(super) fn choose(matches: Vec<Match>, window: &Window, descending: bool) -> (Vec<Match>, Self) {
        let length = matches.len();
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let (from, to, cursor) = match window {
            Window::Index { skip, take } => {
                let from = count(*skip).min(length);
                (from, from.saturating_add(count(*take)).min(length), false)
            }
            Window::Cursor { place: None, take } => (0, count(*take).min(length), true),
            Window::Cursor { place: Some(place), take } => {
                let known = (&place.key, &place.id);
                let at = |m: &Match| (&m.key, &m.id).cmp(&known);
                let precedes =
                    |m: &Match| at(m) == if descending { Ordering::Greater } else { Ordering::Less };
                let before = matches.partition_point(precedes);
                if place.backwards {
                    (before.saturating_sub(count(*take)), before, true)
                } else {
                    let from =
                        if matches.get(before).is_some_and(|m| at(m).is_eq()) { before + 1 } else { before };
                    (from, from.saturating_add(count(*take)).min(length), true)
                }
            }
        };
        let at = |m: Option<&Match>, backwards| {
            m.map(|m| Place { backwards, key: m.key.clone(), id: m.id.clone() })
        };
        let mut slice = Self::default();
        if cursor && window.take() > 0 {
            slice.next =
                at(to.checked_sub(1).and_then(|last| matches.get(last)), false).filter(|_| to < length);
            slice.previous = at(matches.get(from), true).filter(|_| from > 0);
        }
        (matches.into_iter().take(to).skip(from).collect(), slice)
    }

    /// Each resource as far as it is known: its document, or written out.
    fn texts(&self) -> impl Iterator<Item = &str> + Clone {
        self.items.iter().map(|item| match &item.body {
            Body::Written { start, end, .. } => self.text.get(*start..*end).unwrap_or_default(),
            Body::Kept(record) => &record.document,
        })
    }

    /// Whether its text is just what will be sent, but for what is beside the documents.
    fn is_written(&self) -> bool {
        let mut at = 0;
        self.items.iter().all(|item| match item.body {
            Body::Written { start, end, .. } => {
                let follows = start == at;
                at = end + 1;
                follows
            }
            Body::Kept(_) => false,
        }) && at == self.text.len() + usize::from(!self.items.is_empty())
    }
}

fn push(
    search: &Search<'_>,
    body: &Body,
    text: &str,
    beside: &str,
    known: &Known,
    out: &mut String,
) -> Result<()> {
    if !out.is_empty() {
        out.push(',');
    }
    match body {
        Body::Kept(record) => return search.view.push(out, &Record::as_ref(record), beside, known),
        Body::Written { start, beside: at, end } => {
            let from = out.len();
            out.push_str(text.get(*start..*at).unwrap_or_default());
            out.push_str(beside);
            out.push_str(text.get(*at..*end).unwrap_or_default());
            let shown = known.mentioned.shown(search.view.kind, out.get(from..).unwrap_or_default());
            if let Cow::Owned(shown) = shown {
                out.truncate(from);
                out.push_str(&shown);
            }
        }
    }
    Ok(())
}

impl Iam {
    pub(super) async fn listing(
        &self,
        search: &Search<'_>,
        mut slice: Slice,
        window: &Window,
        owner: &CursorQuery,
    ) -> Result<Listing> {
        let (mut resources, mut items, mut edges) = (String::new(), 0_u64, 0);
        let all = slice.items.len();
        let together = self.together(search, &slice).await?;
        let mut known = Known::from(self.mentioned(&search.view, slice.texts()).await?);
        let is_bare = together.as_ref().is_some_and(Beside::is_empty) && known.mentioned.is_empty();
        if is_bare && slice.is_written() {
            items = u64::try_from(all).unwrap_or_default();
            resources = std::mem::take(&mut slice.text);
        } else {
            let expands = search.view.expands();
            let mut waiting: Vec<(Body, String)> = Vec::new();
            resources.reserve(slice.text.len() + together.as_ref().map_or(0, Beside::bytes));
            for (at, item) in std::mem::take(&mut slice.items).into_iter().enumerate() {
                let (own, count) = match &together {
                    Some(_) => Default::default(),
                    None => self.beside(&search.view, &item.id).await?,
                };
                let (beside, count) = together.as_ref().map_or((own.as_str(), count), |all| all.of(at));
                match expands {
                    true => waiting.push((item.body, beside.to_owned())),
                    false => push(search, &item.body, &slice.text, beside, &known, &mut resources)?,
                }
                (items, edges) = (items + 1, edges + count);
                if edges > limits::PAGE_MEMBERS_MAX && at + 1 < all {
                    // The page ends early; a cursor goes on from here.
                    slice.next = Some(Place { backwards: false, key: item.key, id: item.id });
                    break;
                }
            }
            // What the page refers to is read once.
            let kept = waiting.iter().filter_map(|(body, beside)| match body {
                Body::Kept(record) => Some((record.document.as_str(), beside.as_str())),
                Body::Written { .. } => None,
            });
            known = self.referred(&search.view, kept, known).await?;
            for (body, beside) in &waiting {
                push(search, body, &slice.text, beside, &known, &mut resources)?;
            }
        }
        let mut head = PageHead { total_results: slice.total, items, ..PageHead::default() };
        self.cursors(search.view.cx, owner, window, &slice, &mut head);
        Ok(Listing { head, resources })
    }

    /// What is shown beside the resources of a page of neighbours.
    async fn together(&self, search: &Search<'_>, slice: &Slice) -> Result<Option<Beside>> {
        if !slice.is_run || !search.view.kind.relations.is_empty() {
            return Ok(None);
        }
        let ids: Vec<&str> = slice.items.iter().map(|item| item.id.as_str()).collect();
        self.beside_neighbours(&search.view, &ids).await
    }

    /// A page over several kinds: gathered from each, then ordered; without an order, kind by kind.
    pub(super) async fn listing_of_all(
        &self,
        searches: &[Search<'_>],
        window: &Window,
        owner: &CursorQuery,
    ) -> Result<Listing> {
        let mut effort = Effort::default();
        let mut matches = Vec::new();
        for (at, search) in searches.iter().enumerate() {
            for mut found in self.gather(search, &mut effort).await? {
                if search.sort.is_none() {
                    found.key = vec![u8::try_from(at).unwrap_or(u8::MAX)];
                }
                found.search = at;
                matches.push(found);
            }
        }
        let descending = searches.first().is_some_and(|search| search.descending);
        order(&mut matches, descending);
        let total = u64::try_from(matches.len()).ok();
        let (chosen, slice) = Slice::choose(matches, window, descending);
        let mut waiting: Vec<(usize, Box<Record>, String)> = Vec::new();
        for found in chosen {
            let Some(search) = searches.get(found.search) else { continue };
            let record = self.of(search.view.cx).record(search.view.kind.name(), &found.id).await?;
            if let Some(record) = record {
                let (beside, _) = self.beside(&search.view, &record.id).await?;
                waiting.push((found.search, Box::new(record), beside));
            }
        }
        // What the page refers to and mentions is read once for each kind.
        let mut known: Vec<Known> = Vec::with_capacity(searches.len());
        for (at, search) in searches.iter().enumerate() {
            let own = waiting.iter().filter(|(search, ..)| *search == at);
            let own = own.map(|(_, record, beside)| (record.document.as_str(), beside.as_str()));
            let mentioned = self.mentioned(&search.view, own.clone().map(|(document, _)| document)).await?;
            known.push(self.referred(&search.view, own, mentioned.into()).await?);
        }
        let mut resources = String::new();
        let items = u64::try_from(waiting.len()).unwrap_or_default();
        for (at, record, beside) in waiting {
            if let (Some(search), Some(known)) = (searches.get(at), known.get(at)) {
                push(search, &Body::Kept(record), "", &beside, known, &mut resources)?;
            }
        }
        let mut head = PageHead { total_results: total, items, ..PageHead::default() };
        if let Some(search) = searches.first() {
            self.cursors(search.view.cx, owner, window, &slice, &mut head);
        }
        Ok(Listing { head, resources })
    }
}
