//! Finding records: by id, by time, by key, along edges; forwards and backwards, from a position on.
//!
//! A key is bytes made elsewhere; here it is compared and nothing else. Every access is a range of one index, so
//! that a page costs what it shows, wherever it lies.

use std::ops::ControlFlow;

use crate::columns::{Columns, ENOUGH, Flow, Param, bounded, counted};
use crate::position::SETTLE;
use crate::{RecordRef, StoreError, TenantStore, statements};

statements! {
    CLAIM = "insert into unique_key (tenant, kind, attribute, key, id) values ($1, $2, $3, $4, $5) on conflict do nothing";
    RELEASE = "delete from unique_key where tenant = $1 and kind = $2 and attribute = $3 and key = $4 and id = $5";
    INDEX = "insert into attr_index (tenant, kind, attribute, key, id) values ($1, $2, $3, $4, $5) on conflict do nothing";
    UNINDEX = "delete from attr_index where tenant = $1 and kind = $2 and attribute = $3 and key = $4 and id = $5";
    BY_KEY = "select id from unique_key where tenant = $1 and kind = $2 and attribute = $3 and key = $4";
}

/// The statements of one access: records and ids, up and down, and the count. Which table drives is forced by
/// `cross join`; PostgreSQL reads it as a plain join.
macro_rules! access {
    ($module:ident, $from:literal, $key:literal, $id:literal, where $range:literal, join $join:literal, on $on:literal,
     order $up:literal, $down:literal, limit $limit:literal, offset $offset:literal) => {
        pub(crate) mod $module {
            $crate::statements! {
                ROWS_UP = concat!("select ", $key, ", r.id, r.version, r.created, r.modified, r.display, r.document, \
                    r.connections, r.secret from ", $from, $join, " where ", $range, $on, " order by ", $up, " limit ", $limit);
                ROWS_DOWN = concat!("select ", $key, ", r.id, r.version, r.created, r.modified, r.display, r.document, \
                    r.connections, r.secret from ", $from, $join, " where ", $range, $on, " order by ", $down, " limit ", $limit);
                IDS_UP = concat!("select ", $key, ", ", $id, " from ", $from, " where ", $range,
                    " order by ", $up, " limit ", $limit, " offset ", $offset);
                IDS_DOWN = concat!("select ", $key, ", ", $id, " from ", $from, " where ", $range,
                    " order by ", $down, " limit ", $limit, " offset ", $offset);
                COUNT = concat!("select count(*) from (select 1 from ", $from, " where ", $range, " limit ", $limit, ") as found");
            }
            pub(super) const SET: super::Set =
                super::Set { rows: [ROWS_UP, ROWS_DOWN], ids: [IDS_UP, IDS_DOWN], count: COUNT };
        }
    };
}

access!(id, "record r", "0", "r.id",
    where "r.tenant = $1 and r.kind = $2 and r.id > $3 and r.id < $4", join "", on "",
    order "r.id", "r.id desc", limit "$5", offset "$6");
access!(modified, "record r", "r.modified", "r.id",
    where "r.tenant = $1 and r.kind = $2 and (r.modified, r.id) > ($3, $4) and (r.modified, r.id) < ($5, $6)",
    join "", on "", order "r.modified, r.id", "r.modified desc, r.id desc", limit "$7", offset "$8");
access!(unique, "unique_key i", "i.key", "i.id",
    where "i.tenant = $1 and i.kind = $2 and i.attribute = $3 and (i.key, i.id) > ($4, $5) and (i.key, i.id) < ($6, $7)",
    join " cross join record r", on " and r.tenant = i.tenant and r.kind = i.kind and r.id = i.id",
    order "i.key", "i.key desc", limit "$8", offset "$9");
access!(indexed, "attr_index i", "i.key", "i.id",
    where "i.tenant = $1 and i.kind = $2 and i.attribute = $3 and (i.key, i.id) > ($4, $5) and (i.key, i.id) < ($6, $7)",
    join " cross join record r", on " and r.tenant = i.tenant and r.kind = i.kind and r.id = i.id",
    order "i.key, i.id", "i.key desc, i.id desc", limit "$8", offset "$9");
// Only the join with the record tells the kind of a source.
access!(sources, "edge e cross join record r", "0", "e.source",
    where "e.tenant = $1 and e.relation = $2 and e.target = $3 and e.source > $4 and e.source < $5 \
           and r.tenant = e.tenant and r.kind = $6 and r.id = e.source",
    join "", on "", order "e.source", "e.source desc", limit "$7", offset "$8");
access!(targets, "edge e", "0", "e.target",
    where "e.tenant = $1 and e.relation = $2 and e.source = $3 and e.target > $4 and e.target < $5 and e.target_kind = $6",
    join " cross join record r", on " and r.tenant = e.tenant and r.kind = e.target_kind and r.id = e.target",
    order "e.target", "e.target desc", limit "$7", offset "$8");

/// The statements of an access; of two the second goes down.
pub(crate) struct Set {
    rows: [&'static str; 2],
    ids: [&'static str; 2],
    count: &'static str,
}

impl Set {
    fn pick([up, down]: [&'static str; 2], descending: bool) -> &'static str {
        if descending { down } else { up }
    }
}

/// After every id: text above every text that is an id.
const LAST: &str = "\u{10FFFF}";

/// Which records of the kind, in which order.
#[derive(Debug, Clone, Copy)]
pub enum Access<'a> {
    /// All of them, by id.
    Id,
    /// Modified in `[from, to)`, milliseconds since the Unix epoch; by that and id.
    Modified {
        /// The first instant.
        from: i64,
        /// The first instant that is too late.
        to: i64,
    },
    /// With a unique key in `[from, to)`; by key. One key `k` is `[k, k 00)`.
    Unique {
        /// The attribute the keys are of.
        attribute: &'a str,
        /// The first key.
        from: &'a [u8],
        /// The first key that is too far.
        to: &'a [u8],
    },
    /// With an index key in `[from, to)`; by key and id. A record with several such keys is met several times.
    Index {
        /// The attribute the keys are of.
        attribute: &'a str,
        /// The first key.
        from: &'a [u8],
        /// The first key that is too far.
        to: &'a [u8],
    },
    /// Those with an edge to the target; by id.
    Sources {
        /// The relation of the edges.
        relation: &'a str,
        /// The id they point to.
        target: &'a str,
    },
    /// Those to which an edge leads from the source; by id.
    Targets {
        /// The relation of the edges.
        relation: &'a str,
        /// The id they come from.
        source: &'a str,
    },
}

/// A place between two records of an access, named by the one before it in the direction of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position<'a> {
    /// Its key as the row closure got it: the modification time as 8 bytes, a key, or empty.
    pub key: &'a [u8],
    /// Its id.
    pub id: &'a str,
}

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The name of the kind.
    pub kind: &'a str,
    /// Which records, in which order.
    pub access: Access<'a>,
    /// Whether to go backwards.
    pub descending: bool,
    /// Begin after this record, which need not be there any more.
    pub after: Option<Position<'a>>,
    /// Then leave out so many.
    pub skip: u64,
    /// Then take at most so many.
    pub take: u64,
}

/// The order of modification times as bytes.
fn instant(modified: i64) -> [u8; 8] {
    modified.max(0).to_be_bytes()
}

fn from_instant(key: &[u8]) -> i64 {
    key.try_into().map_or(0, i64::from_be_bytes)
}

/// A range's two ends, both exclusive, in the order of the access: (key, id).
struct Range<'a, K> {
    low: (K, &'a str),
    high: (K, &'a str),
}

impl<'a, K: Ord + Copy> Range<'a, K> {
    /// All of `[from, to)`, cut by the position. As no id is empty, `(from, "")` stands before all of `from`.
    fn new(from: K, to: K, descending: bool, after: Option<(K, &'a str)>) -> Self {
        let (low, high) = ((from, ""), (to, ""));
        match after {
            None => Range { low, high },
            Some(after) if descending => Range { low, high: high.min(after) },
            Some(after) => Range { low: low.max(after), high },
        }
    }
}

impl<'a> Query<'a> {
    fn set(&self) -> Set {
        match self.access {
            Access::Id => id::SET,
            Access::Modified { .. } => modified::SET,
            Access::Unique { .. } => unique::SET,
            Access::Index { .. } => indexed::SET,
            Access::Sources { .. } => sources::SET,
            Access::Targets { .. } => targets::SET,
        }
    }

    /// The values of the access' statements up to the limit, and how many they are.
    fn params(&self, tenant: Param<'a>) -> ([Param<'a>; 9], usize) {
        let text = Param::Text;
        let kind = text(self.kind);
        let mut params = [Param::Null; 9];
        let mut put = |values: &[Param<'a>]| {
            params.iter_mut().zip(values).for_each(|(place, value)| *place = *value);
            values.len()
        };
        let (low, high) = match (self.after, self.descending) {
            (None, _) => ("", LAST),
            (Some(after), false) => (after.id, LAST),
            (Some(after), true) => ("", after.id),
        };
        let length = match self.access {
            Access::Id => put(&[tenant, kind, text(low), text(high)]),
            Access::Modified { from, to } => {
                let after = self.after.map(|after| (from_instant(after.key), after.id));
                let Range { low, high } = Range::new(from, to, self.descending, after);
                put(&[tenant, kind, Param::Int(low.0), text(low.1), Param::Int(high.0), text(high.1)])
            }
            Access::Unique { attribute, from, to } | Access::Index { attribute, from, to } => {
                let after = self.after.map(|after| (after.key, after.id));
                let Range { low, high } = Range::new(from, to, self.descending, after);
                let (low, high) = ([Param::Bytes(low.0), text(low.1)], [Param::Bytes(high.0), text(high.1)]);
                put(&[tenant, kind, text(attribute), low[0], low[1], high[0], high[1]])
            }
            Access::Sources { relation, target: end } | Access::Targets { relation, source: end } => {
                put(&[tenant, text(relation), text(end), text(low), text(high), kind])
            }
        };
        (params, length)
    }

    /// Where the row closure's key comes from.
    fn key<'r>(&self, row: &'r dyn Columns, instant_bytes: &'r mut [u8; 8]) -> Result<&'r [u8], StoreError> {
        match self.access {
            Access::Modified { .. } => {
                *instant_bytes = instant(row.int(0)?);
                Ok(instant_bytes)
            }
            Access::Unique { .. } | Access::Index { .. } => row.bytes(0),
            Access::Id | Access::Sources { .. } | Access::Targets { .. } => Ok(&[]),
        }
    }
}

impl TenantStore<'_> {
    /// The records of a query in its order, each with its key, until `f` breaks off.
    pub async fn search(
        &self,
        query: &Query<'_>,
        mut f: impl FnMut(&[u8], RecordRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if query.skip == 0 {
            let mut instant = [0; 8];
            return self
                .run(query, Set::pick(query.set().rows, query.descending), None, |row| {
                    Ok(f(query.key(row, &mut instant)?, RecordRef::read(query.kind, row, 1)?))
                })
                .await;
        }
        // Skipping over documents would read them: skip over the index alone, then begin there.
        let Some((key, id)) = self.skipped(query).await? else { return Ok(()) };
        let after = Some(Position { key: &key, id: &id });
        Box::pin(self.search(&Query { after, skip: 0, ..*query }, f)).await
    }

    /// As [`TenantStore::search`], but keys and ids alone, from the index.
    pub async fn ids(
        &self,
        query: &Query<'_>,
        mut f: impl FnMut(&[u8], &str) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (mut instant, offset) = ([0; 8], bounded(query.skip));
        self.run(query, Set::pick(query.set().ids, query.descending), Some(offset), |row| {
            Ok(f(query.key(row, &mut instant)?, row.text(1)?))
        })
        .await
    }

    /// How many records (or keys, where a record has several) an access meets; it stops at `at_most`.
    pub async fn count(&self, kind: &str, access: &Access<'_>, at_most: u64) -> Result<u64, StoreError> {
        let query = Query { kind, access: *access, descending: false, after: None, skip: 0, take: at_most };
        let mut count = 0;
        self.run(&query, query.set().count, None, |row| {
            count = counted(row.int(0)?);
            ENOUGH
        })
        .await?;
        Ok(count)
    }

    /// Whose unique key this is.
    pub async fn id_by_key(
        &self,
        kind: &str,
        attribute: &str,
        key: &[u8],
    ) -> Result<Option<String>, StoreError> {
        let mut id = None;
        let params = [self.param(), Param::Text(kind), Param::Text(attribute), Param::Bytes(key)];
        self.read(BY_KEY, &params, |row| {
            id = Some(row.text(0)?.to_owned());
            ENOUGH
        })
        .await?;
        Ok(id)
    }

    /// The last of the records that a query skips; none when there are not so many.
    async fn skipped(&self, query: &Query<'_>) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        if matches!(query.access, Access::Id) && query.after.is_none() {
            match query.descending {
                false => return Ok(self.at(query.kind, query.skip).await?.map(|id| (Vec::new(), id))),
                // Near the end nothing is remembered, and it is near.
                true if query.skip > SETTLE => {
                    let number =
                        self.total(query.kind).await?.checked_sub(query.skip - 1).filter(|nth| *nth > 0);
                    let Some(number) = number else { return Ok(None) };
                    return Ok(self.at(query.kind, number).await?.map(|id| (Vec::new(), id)));
                }
                true => {}
            }
        }
        let mut last = None;
        self.ids(&Query { skip: query.skip - 1, take: 1, ..*query }, |key, id| {
            last = Some((key.to_owned(), id.to_owned()));
            ControlFlow::Break(())
        })
        .await?;
        Ok(last)
    }

    async fn run(
        &self,
        query: &Query<'_>,
        sql: &'static str,
        offset: Option<i64>,
        row: impl FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        let (mut params, length) = query.params(self.param());
        let rest = [Some(Param::Int(bounded(query.take))), offset.map(Param::Int)];
        let places = params.iter_mut().skip(length);
        let added = places.zip(rest.into_iter().flatten()).map(|(place, value)| *place = value).count();
        self.read(sql, params.get(..length + added).unwrap_or_default(), row).await
    }
}
