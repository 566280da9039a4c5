//! Lists: filter, sort, page (RFC 7644 §3.4.2, §3.4.3; RFC 9865).
//!
//! A list that one index holds exactly, in the order asked for, streams from it: an index page skips on the covering
//! index, a cursor never skips. Any other list is gathered: candidates from the planned ranges, the filter over
//! each, then order and page; over at most [`limits::SCAN_MAX`] candidates. A cursor over an unordered list
//! walks instead, and so gets through a tenant of any size.

mod gather;
mod page;
mod sort;
mod stream;

use scim::filter::{self, BoundFilter};
use scim::message::{ListQuery, PageHead, SortOrder};
use scim::project::Projection;
use store::Access;

use super::render::View;
use crate::access::{Permit, Read};
use crate::cursor::{Place, Query as CursorQuery, query as cursor_query};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::{Derived, Kind};
use crate::plan::{Plan, Range, plan};
use crate::{Iam, limits};
use page::Slice;
use sort::Sort;

/// A page of resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// What is said of the page.
    pub head: PageHead,
    /// The resources as JSON, separated by commas.
    pub resources: String,
}

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// So many, after leaving out so many.
    Index { skip: u64, take: u64 },
    /// So many, from a place; from the beginning without one.
    Cursor { place: Option<Place>, take: u64 },
}

impl Window {
    pub(crate) fn take(&self) -> u64 {
        match self {
            Self::Index { take, .. } | Self::Cursor { take, .. } => *take,
        }
    }
}

/// A list of one kind, understood.
pub(crate) struct Search<'a> {
    pub(crate) view: View<'a>,
    pub(crate) filter: Option<BoundFilter<'a>>,
    pub(crate) plan: Plan,
    pub(crate) sort: Option<Sort>,
    pub(crate) descending: bool,
}

impl Iam {
    /// The resources of one kind that match.
    ///
    /// # Errors
    /// [`Error::Invalid`] with `invalidFilter`, `invalidValue`, `invalidCursor`, `expiredCursor`, or `tooMany` where
    /// no index helps and there is too much to look at.
    pub async fn list(&self, cx: &Cx, permit: Permit<Read, &Kind>, query: &ListQuery) -> Result<Listing> {
        let kind = permit.kind();
        let projection = self.projection(cx, kind, query)?;
        let filter = query.filter.as_deref().filter(|text| !text.trim().is_empty());
        let parsed =
            filter.map(|text| filter::parse(text, &limits::FILTER, cx.caller.dialect)).transpose()?;
        let bound = parsed
            .as_ref()
            .map(|parsed| filter::bind(parsed, &kind.schema, cx.caller.dialect))
            .transpose()?;
        let mut search = search(cx, kind, &projection, bound, query, true)?;
        self.reach(cx, kind, &mut search.plan).await?;
        let owner = belongs_to(cx, kind.name(), query);
        let window = self.window(cx, query, &owner)?;
        let slice = match stream::access(&search) {
            Some((access, reversed)) => self.stream(&search, &access, reversed, &window).await?,
            None => self.gathered(&search, &window).await?,
        };
        self.listing(&search, slice, &window, &owner).await
    }

    /// The resources of all kinds that match (RFC 7644 §3.4.2.1): kind by kind, or in one order. Of kinds that the caller may
    /// not read it says nothing.
    ///
    /// # Errors
    /// As [`Iam::list`]; a filter must make sense for at least one kind.
    pub async fn list_all(
        &self,
        cx: &Cx,
        permit: Permit<Read, Vec<&Kind>>,
        query: &ListQuery,
    ) -> Result<Listing> {
        let kinds = permit.kinds();
        let types: Vec<_> = kinds.iter().map(|kind| &kind.schema).collect();
        let filter = query.filter.as_deref().filter(|text| !text.trim().is_empty());
        let parsed =
            filter.map(|text| filter::parse(text, &limits::FILTER, cx.caller.dialect)).transpose()?;
        let mut bound = match &parsed {
            Some(parsed) => {
                filter::bind_each(parsed, &types, cx.caller.dialect)?.into_iter().map(Some).collect()
            }
            None => vec![None; kinds.len()],
        };
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let owner = belongs_to(cx, &names.join(" "), query);
        let window = self.window(cx, query, &owner)?;
        let projections =
            kinds.iter().map(|kind| self.projection(cx, kind, query)).collect::<Result<Vec<Projection>>>()?;
        let mut searches = Vec::with_capacity(kinds.len());
        for ((kind, projection), filter) in kinds.iter().zip(&projections).zip(bound.iter_mut()) {
            let mut search = search(cx, kind, projection, filter.take(), query, false)?;
            self.reach(cx, kind, &mut search.plan).await?;
            searches.push(search);
        }
        self.listing_of_all(&searches, &window, &owner).await
    }

    /// Puts beside a resource whose edges are followed all others over which they lead on.
    async fn reach(&self, cx: &Cx, kind: &Kind, plan: &mut Plan) -> Result<()> {
        let mut further = Vec::new();
        for range in &plan.ranges {
            let Range::Targets { relation, source, through: Some(through) } = range else { continue };
            let over = self.of(cx).descendants(relation, through, source, limits::GROUPS_MAX.into()).await?;
            further.extend(
                over.into_iter().filter(|id| relation != through || id != source).map(|id| Range::Targets {
                    relation: through.clone(),
                    source: id,
                    through: None,
                }),
            );
        }
        plan.ranges.extend(further);
        // An index beside edges mostly holds nothing; one range alone can be streamed. What clients call as the resource whose
        // edges these are is not meant.
        if plan.ranges.len() > 1 && plan.ranges.iter().any(|range| matches!(range, Range::Targets { .. })) {
            let mut kept = Vec::with_capacity(plan.ranges.len());
            for range in std::mem::take(&mut plan.ranges) {
                let holds = match &range {
                    Range::Index { attribute, from, .. }
                        if self.is_taken(cx, kind, attribute, from).await? =>
                    {
                        false
                    }
                    Range::Index { attribute, from, to, .. } => {
                        self.of(cx).count(kind.name(), &Access::Index { attribute, from, to }, 1).await? > 0
                    }
                    _ => true,
                };
                if holds {
                    kept.push(range);
                }
            }
            plan.ranges = kept;
        }
        Ok(())
    }

    /// Whether a value of an attribute that shows resources beside what clients set is the id of such a resource.
    async fn is_taken(&self, cx: &Cx, kind: &Kind, index: &str, key: &[u8]) -> Result<bool> {
        let mut merged = kind.merged().map(|(derived, _)| derived);
        let shows = |derived: &&Derived| index.strip_suffix(".value") == Some(&derived.attribute);
        let (Some(derived), Ok(id)) = (merged.find(shows), std::str::from_utf8(key)) else {
            return Ok(false);
        };
        Ok(self.of(cx).with_record(&derived.source, id, |_| ()).await?.is_some())
    }

    fn window(&self, cx: &Cx, query: &ListQuery, owner: &CursorQuery) -> Result<Window> {
        let most = u64::try_from(limits::PAGE_MAX).unwrap_or(u64::MAX);
        let default = u64::try_from(limits::PAGE_DEFAULT).unwrap_or(most);
        // RFC 7644 §3.4.2.4: a negative count is 0, a startIndex below 1 is 1.
        let take = query.count.map_or(default, |count| u64::try_from(count).unwrap_or(0)).min(most);
        let Some(cursor) = &query.cursor else {
            let start = query.start_index.map_or(1, |start| u64::try_from(start).unwrap_or(1)).max(1);
            return Ok(Window::Index { skip: start - 1, take });
        };
        if query.start_index.is_some() {
            return Err(Error::invalid("`cursor` and `startIndex` exclude each other"));
        }
        // RFC 9865 §2: a page has a place, and its answer lacks `nextCursor` only where the list ends.
        if take == 0 {
            let detail = "`count` is at least 1 where there is a `cursor`";
            return Err(scim::Error::new(scim::ErrorKind::InvalidCount, detail).into());
        }
        let place = match cursor.as_str() {
            "" => None,
            text => Some(self.cursors.open_cursor(owner, text, cx.now)?),
        };
        Ok(Window::Cursor { place, take })
    }

    /// Cursors for what comes after and before a slice.
    fn cursors(&self, cx: &Cx, owner: &CursorQuery, window: &Window, slice: &Slice, head: &mut PageHead) {
        match window {
            Window::Index { skip, .. } => head.start_index = Some(skip + 1),
            Window::Cursor { .. } => {
                let seal = |place: &Place| self.cursors.seal(owner, place, cx.now);
                head.next_cursor = slice.next.as_ref().map(seal);
                head.previous_cursor = slice.previous.as_ref().map(seal);
            }
        }
    }
}

fn search<'a>(
    cx: &'a Cx,
    kind: &'a Kind,
    projection: &'a Projection,
    filter: Option<BoundFilter<'a>>,
    query: &ListQuery,
    is_alone: bool,
) -> Result<Search<'a>> {
    let plan = filter.as_ref().map_or_else(Plan::all, |filter| plan(kind, filter, &cx.caller.connection));
    let sort =
        query.sort_by.as_deref().map(|name| Sort::new(cx, kind, name, is_alone)).transpose()?.flatten();
    let descending = query.sort_by.is_some() && query.sort_order == SortOrder::Descending;
    Ok(Search { view: View::new(cx, kind, projection), filter, plan, sort, descending })
}

/// What a cursor belongs to: whose list it is and everything that decides which resources are in it, in which order.
fn belongs_to(cx: &Cx, kind: &str, query: &ListQuery) -> CursorQuery {
    let order = if query.sort_order == SortOrder::Descending { "descending" } else { "ascending" };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let tenant = cx.tenant.0.to_string();
    cursor_query(&[&tenant, &cx.caller.connection, kind, &text(&query.filter), &text(&query.sort_by), order])
}
