//! Lists that one index holds exactly and in order.

use std::ops::ControlFlow;

use store::{Access, Position, Query, Record};

use super::page::Slice;
use super::sort::Sort;
use super::{Search, Window};
use crate::Iam;
use crate::cursor::Place;
use crate::error::Result;
use crate::plan::Range;

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
        Range::Targets { relation, source } => Access::Targets { relation, source },
    })
}

/// Whether the range is of one key.
fn is_point(range: &Range) -> bool {
    matches!(range, Range::Unique { from, to, .. } | Range::Index { from, to, .. } if to.strip_prefix(from.as_slice()) == Some(&[0]))
}

fn by_id(range: &Range) -> bool {
    matches!(range, Range::All | Range::Sources { .. } | Range::Targets { .. }) || is_point(range)
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
                let records = self.fetch(search, &Query { skip: *skip, take: *take, ..query }).await?;
                let seen = u64::try_from(records.len()).unwrap_or_default();
                // A first page that is not full is the whole list.
                let total =
                    if *skip == 0 && seen < *take { seen } else { self.total(search, access).await? };
                Ok(Slice { total: Some(total), records, is_run, ..Slice::default() })
            }
            Window::Cursor { place, take } => {
                let total = self.total(search, access).await?;
                if *take == 0 {
                    return Ok(Slice { total: Some(total), ..Slice::default() });
                }
                let backwards = place.as_ref().is_some_and(|p| p.backwards);
                let after = place.as_ref().map(|p| Position { key: &p.key, id: &p.id });
                let query = self.query(search, access, descending != backwards, after);
                let mut records = self.fetch(search, &Query { take: take + 1, ..query }).await?;
                let more = u64::try_from(records.len()).unwrap_or_default() > *take;
                records.truncate(usize::try_from(*take).unwrap_or(usize::MAX));
                if backwards {
                    records.reverse();
                }
                let at = |record: Option<&(Vec<u8>, Record)>, backwards| {
                    record.map(|(key, record)| Place { backwards, key: key.clone(), id: record.id.clone() })
                };
                let (first, last) = (at(records.first(), true), at(records.last(), false));
                Ok(Slice {
                    total: Some(total),
                    next: last.filter(|_| more || backwards),
                    previous: first.filter(|_| if backwards { more } else { place.is_some() }),
                    records,
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

    async fn fetch(&self, search: &Search<'_>, query: &Query<'_>) -> Result<Vec<(Vec<u8>, Record)>> {
        let mut records = Vec::new();
        if query.take > 0 {
            self.of(search.view.cx)
                .search(query, |key, record| {
                    records.push((key.to_vec(), record.to_owned()));
                    ControlFlow::Continue(())
                })
                .await?;
        }
        Ok(records)
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
