//! Where the n-th record of a kind is, so that a page far behind costs what the first one does.
//!
//! Ids grow with time, so an id's position changes only when an earlier record goes or comes late. Batches count
//! such changes in the kind's counter (`shifts`), where every process sees them. While it stands still, what was
//! learned on one walk over the ids (every `STRIDE`-th of them) holds. Nothing is learned near the end, where
//! commits may come in another order than their ids.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use crate::record::Counter;
use crate::{Access, Position, Query, StoreError, TenantId, TenantStore};

/// From one remembered position to the next.
const STRIDE: u64 = if cfg!(test) { 5 } else { 500 };
/// So many of the newest records may still change places.
pub(crate) const SETTLE: u64 = if cfg!(test) { 10 } else { 1_000 };
/// Most positions remembered of one kind; what lies past the last is walked to from there.
const ANCHORS_MAX: usize = 4_096;
/// Most kinds (of all tenants) remembered; the one unused for longest goes first.
const KINDS_MAX: usize = 64;

/// What is remembered, of all tenants and kinds.
#[derive(Default)]
pub(crate) struct Positions {
    memos: Mutex<Memos>,
}

#[derive(Default)]
struct Memos {
    kinds: HashMap<(TenantId, String), Memo>,
    clock: u64,
}

struct Memo {
    /// The counter's `shifts` under which it was learned.
    shifts: i64,
    /// At index `i` the id of record number `(i + 1) * STRIDE`, counted from one.
    anchors: Vec<Box<str>>,
    used: u64,
}

impl Positions {
    /// The nearest remembered record at or before number `nth`: its number and id.
    fn before(&self, tenant: TenantId, kind: &str, shifts: i64, nth: u64) -> Option<(u64, String)> {
        let mut memos = self.memos.lock().unwrap_or_else(PoisonError::into_inner);
        memos.clock += 1;
        let now = memos.clock;
        let memo = memos.kinds.get_mut(&(tenant, kind.to_owned())).filter(|memo| memo.shifts == shifts)?;
        memo.used = now;
        let known = memo.anchors.len().min(usize::try_from(nth / STRIDE).unwrap_or(usize::MAX));
        let id = memo.anchors.get(known.checked_sub(1)?)?;
        Some((known as u64 * STRIDE, id.to_string()))
    }

    /// Remembers what was learned past record number `from`.
    fn learn(&self, tenant: TenantId, kind: &str, shifts: i64, from: u64, learned: Vec<Box<str>>) {
        let mut memos = self.memos.lock().unwrap_or_else(PoisonError::into_inner);
        memos.clock += 1;
        let used = memos.clock;
        let key = (tenant, kind.to_owned());
        if !memos.kinds.contains_key(&key) && memos.kinds.len() >= KINDS_MAX {
            let oldest = memos.kinds.iter().min_by_key(|(_, memo)| memo.used).map(|(key, _)| key.clone());
            oldest.map(|oldest| memos.kinds.remove(&oldest));
        }
        let memo = memos.kinds.entry(key).or_insert_with(|| Memo { shifts, anchors: Vec::new(), used });
        if memo.shifts != shifts {
            *memo = Memo { shifts, anchors: Vec::new(), used };
        }
        // Another walk may have learned the same meanwhile; only what follows on is added.
        if memo.anchors.len() as u64 * STRIDE == from {
            memo.anchors.extend(learned);
            memo.anchors.truncate(ANCHORS_MAX);
        }
    }
}

impl TenantStore<'_> {
    /// The id of record number `nth` (counted from one) of a kind in the order of ids; none when there are fewer.
    pub(crate) async fn at(&self, kind: &str, nth: u64) -> Result<Option<String>, StoreError> {
        let counter = self.counter(kind).await?;
        let positions = self.positions();
        let (from, mut id) = match positions.before(self.id(), kind, counter.shifts, nth) {
            Some((number, id)) => (number, Some(id)),
            None => (0, None),
        };
        let (mut number, mut learned) = (from, Vec::new());
        let settled = counter.live.saturating_sub(SETTLE).min(ANCHORS_MAX as u64 * STRIDE);
        while number + STRIDE <= nth.min(settled) {
            let Some(next) = self.hop(kind, id.as_deref(), STRIDE).await? else { return Ok(None) };
            learned.push(next.as_str().into());
            (number, id) = (number + STRIDE, Some(next));
        }
        if !learned.is_empty() {
            self.remember(kind, counter, from, learned).await?;
        }
        if number < nth { self.hop(kind, id.as_deref(), nth - number).await } else { Ok(id) }
    }

    /// The walk was several statements: it holds if no record changed places between the first and the last.
    async fn remember(
        &self,
        kind: &str,
        before: Counter,
        from: u64,
        learned: Vec<Box<str>>,
    ) -> Result<(), StoreError> {
        if self.counter(kind).await?.shifts == before.shifts {
            self.positions().learn(self.id(), kind, before.shifts, from, learned);
        }
        Ok(())
    }

    /// The id that lies `steps` records past another one (or past the beginning).
    async fn hop(&self, kind: &str, from: Option<&str>, steps: u64) -> Result<Option<String>, StoreError> {
        let after = from.map(|id| Position { key: &[], id });
        let query = Query { kind, access: Access::Id, descending: false, after, skip: steps - 1, take: 1 };
        let mut found = None;
        self.ids(&query, |_, id| {
            found = Some(id.to_owned());
            ControlFlow::Break(())
        })
        .await?;
        Ok(found)
    }
}
