//! Lists that one index holds exactly and in order.

use std::ops::ControlFlow;

use store::{Access, Position, Query, RecordRef};

use super::page::{Body, Item, Slice};
use super::sort::Sort;
use super::{Search, Window};
use crate::cursor::Place;
use crate::error::Result;
use crate::plan::Range;
use crate::resource::render::View;
use crate::{Iam, limits};

/// Below every key and above every key of a unique attribute.
const WHOLE: (&[u8], &[u8]) = (&[], &[0xFF; 16]);

/// The access that yields exactly the list in its order, and whether it must be turned round; none if there is none.
pub(super) fn access<'s>(search: &'s Search<'_>) -> Option<(Access<'s>, bool)> {
    let ([range], true) = (search.plan.ranges.as_slice(), search.plan.is_exact) else { return None };
    let natural = natural(range)?;
    let access = match &search.sort {
        None => natural,
        Some(Sort::Id) if by_id(range) => natural,
        Some(Sort::Modified) if matches!(range, Range::All) => Access::Modified { from: 0, to: i64::MAX },
        Some(Sort::Modified) if matches!(range, Range::Modified { .. }) => natural,
        Some(Sort::Attribute(probe)) => match range {
            Range::All
                if search
                    .view
                    .kind
                    .unique
                    .iter()
                    .any(|u| u.name == probe.name && u.is_required() && !u.is_multi_valued()) =>
            {
                Access::Unique { attribute: &probe.name, from: WHOLE.0, to: WHOLE.1 }
            }
            Range::Unique { attribute, .. } if *attribute == probe.name => natural,
            _ => return None,
        },
        Some(_) => return None,
    };
    Some((access, search.descending))
}

/// The access of a range, if it meets no resource twice.
fn natural(range: &Range) -> Option<Access<'_>> {
    Some(match range {
        Range::All => Access::Id,
        Range::Id(_) => return None,
        Range::Unique { several: true, .. } | Range::Index { several: true, .. } if !is_point(range) => {
            return None;
        }
        Range::Unique { attribute, from, to, .. } => Access::Unique { attribute, from, to },
        Range::Index { attribute, from, to, .. } => Access::Index { attribute, from, to },
        Range::Modified { from, to } => Access::Modified { from: *from, to: *to },
        Range::Sources { relation, target } => Access::Sources { relation, target },
        Range::Targets { relation, source, .. } => Access::Targets { relation, source },
    })
}

/// Whether the range is of one key.
fn is_point(range: &Range) -> bool {
    matches!(range, Range::Unique { from, to, .. } | Range::Index { from, to, .. } if to.strip_prefix(from.as_slice()) == Some(&[0]))
}

fn by_id(range: &Range) -> bool {
    matches!(range, Range::All | Range::Sources { .. } | Range::Targets { .. }) || is_point(range)
}

/// About as much is written around a document.
const AROUND: usize = 450;
/// At most so much room is made in advance, in bytes.
const RESERVE_MAX: usize = 1024 * 1024;

/// Writes a resource, if that can be done before it is known what is beside its document.
fn write(view: &View<'_>, record: &RecordRef<'_>, likely: usize, text: &mut String) -> Option<Body> {
    let length = text.len();
    let start = if text.is_empty() { 0 } else { length + 1 };
    match start {
        // Most resources of a page are of one size.
        0 => text.reserve((likely * (record.document.len() + AROUND)).min(RESERVE_MAX)),
        _ => text.push(','),
    }
    if !view.begin(text, record) {
        text.truncate(length);
        return None;
    }
    let beside = text.len();
    view.end(text, record);
    Some(Body::Written { start, beside, end: text.len() })
}

impl Iam {
    pub(super) async fn stream(
        &self,
        search: &Search<'_>,
        access: &Access<'_>,
        descending: bool,
        window: &Window,
    ) -> Result<Slice> {
        let is_run = matches!(access, Access::Id);
        match window {
            Window::Index { skip, take } => {
                let query = self.query(search, access, descending, None);
                let (items, text) =
                    self.fetch(search, &Query { skip: *skip, take: *take, ..query }, *take).await?;
                let seen = u64::try_from(items.len()).unwrap_or_default();
                // A first page that is not full is the whole list.
                let total =
                    if *skip == 0 && seen < *take { seen } else { self.total(search, access).await? };
                Ok(Slice { total: Some(total), items, text, is_run, ..Slice::default() })
            }
            Window::Cursor { place, take } => {
                let total = self.total(search, access).await?;
                let backwards = place.as_ref().is_some_and(|p| p.backwards);
                let after = place.as_ref().map(|p| Position { key: &p.key, id: &p.id });
                let query = self.query(search, access, descending != backwards, after);
                let (mut items, text) = self.fetch(search, &Query { take: take + 1, ..query }, *take).await?;
                let more = u64::try_from(items.len()).unwrap_or_default() > *take;
                items.truncate(usize::try_from(*take).unwrap_or(usize::MAX));
                if backwards {
                    items.reverse();
                }
                let at = |item: Option<&Item>, backwards| {
                    item.map(|item| Place { backwards, key: item.key.clone(), id: item.id.clone() })
                };
                let (first, last) = (at(items.first(), true), at(items.last(), false));
                Ok(Slice {
                    total: Some(total),
                    next: last.filter(|_| more || backwards),
                    previous: first.filter(|_| if backwards { more } else { place.is_some() }),
                    items,
                    text,
                    is_run,
                })
            }
        }
    }

    fn query<'q>(
        &self,
        search: &'q Search<'_>,
        access: &Access<'q>,
        descending: bool,
        after: Option<Position<'q>>,
    ) -> Query<'q> {
        Query { kind: search.view.kind.name(), access: *access, descending, after, skip: 0, take: 0 }
    }

    /// What a query finds, written while it is found: what lies in the database is copied once. Only `shown` of
    /// them are written; one more may be asked for to learn whether there is one.
    async fn fetch(&self, search: &Search<'_>, query: &Query<'_>, shown: u64) -> Result<(Vec<Item>, String)> {
        let (mut items, mut text, view) = (Vec::new(), String::new(), &search.view);
        if query.take == 0 {
            return Ok((items, text));
        }
        let shown = usize::try_from(shown).unwrap_or(limits::PAGE_MAX);
        self.of(view.cx)
            .search(query, |key, record| {
                let is_shown = items.len() < shown;
                let body = is_shown.then(|| write(view, &record, shown, &mut text)).flatten();
                let body = body.unwrap_or_else(|| Body::Kept(Box::new(record.to_owned())));
                items.push(Item { key: key.to_vec(), id: record.id.to_owned(), body });
                ControlFlow::Continue(())
            })
            .await?;
        Ok((items, text))
    }

    async fn total(&self, search: &Search<'_>, access: &Access<'_>) -> Result<u64> {
        let store = self.of(search.view.cx);
        let kind = search.view.kind.name();
        let whole = matches!(search.plan.ranges.as_slice(), [Range::All]);
        Ok(if whole {
            store.total(kind).await?
        } else {
            store.count(kind, access, u64::from(u32::MAX)).await?
        })
    }
}
