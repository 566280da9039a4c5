//! Lists of subjects, members and roles: pages of the documented form, and what is searched for in them.

use http::StatusCode;
use iam::Error;
use iam::page::{Page, Part};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{Outcome, Paging, json};

/// What such a list is asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Asked` reads")]
pub struct ListParameters {
    /// What names are looked through for, whatever the case; where there are too many, what they begin with.
    #[param(rename = "searchQuery")]
    search_query: Option<String>,
    /// Which page, counted from one.
    #[param(minimum = 1)]
    page: Option<u64>,
    /// How many a page holds, from 10 to 200; 50 when absent.
    #[param(rename = "pageSize", minimum = 1)]
    page_size: Option<u64>,
}

/// A page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listed<T> {
    /// Which page this is, counted from one.
    page: u64,
    /// How many a page holds.
    page_size: u64,
    /// How many this one holds.
    count: u64,
    /// How many there are in all.
    total: u64,
    /// How many pages there are.
    total_pages: u64,
    /// What the page holds.
    data: Vec<T>,
}

/// Which page of such a list is asked for, and of what.
pub(super) struct Asked {
    paging: Paging,
    pub(super) search: Option<String>,
}

impl Asked {
    /// The least that a page of these lists holds.
    const SIZE_MIN: u64 = 10;

    /// Reads `searchQuery`, `page` and `pageSize` from a query.
    pub(super) fn read(query: &str) -> Result<Self, Error> {
        let mut search = None;
        let mut paging = Paging::read(query, |name, value| {
            if name == "searchQuery" {
                search = Some(value.into_owned());
            }
        })?;
        paging.size = paging.size.max(Self::SIZE_MIN);
        Ok(Self { paging, search })
    }

    pub(super) fn part(&self) -> Part {
        Part { skip: self.paging.skip(), take: self.paging.size }
    }

    /// The page that a part is.
    pub(super) fn page<T, S>(&self, found: Page<T>, shown: impl FnMut(T) -> S) -> Listed<S> {
        let data: Vec<S> = found.items.into_iter().map(shown).collect();
        let Paging { page, size: page_size } = self.paging;
        let count = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let total_pages = found.total.div_ceil(page_size);
        Listed { page, page_size, count, total: found.total, total_pages, data }
    }

    /// Answers with a page.
    pub(super) fn answer<T, S: Serialize>(&self, found: Page<T>, shown: impl FnMut(T) -> S) -> Outcome {
        json(StatusCode::OK, &self.page(found, shown))
    }
}
