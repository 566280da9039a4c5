//! Connections for reading: those nobody uses just now, and the one that a thread keeps from one read to the next.
//!
//! Within a [`snapshot`] every read of one poll sees the same moment, and the database's locks are taken once instead of
//! once per read. A poll ends where the future waits, so nothing is held while it does; a commit ends it too, so
//! that whoever reads afterwards sees what was committed.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::StoreError;
use crate::sqlite::Session;

const BEGIN: &str = "begin";
const END: &str = "commit";

/// Connections for reading that nobody uses just now.
pub(crate) struct Readers {
    free: Mutex<Vec<Session>>,
    most: usize,
}

impl Readers {
    /// Keeps at most so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { free: Mutex::default(), most }
    }

    pub(crate) fn clear(&self) {
        self.free().clear();
    }

    fn free(&self) -> MutexGuard<'_, Vec<Session>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, session: Session) {
        let mut free = self.free();
        if free.len() < self.most {
            free.push(session);
        }
    }
}

/// What a thread keeps from one read to the next.
#[derive(Default)]
struct Kept {
    /// How many snapshots are being polled on this thread, one inside the other.
    scopes: usize,
    /// A connection with an open transaction, and where it belongs.
    session: Option<(Arc<Readers>, Session)>,
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// Runs a future whose reads, from one wait to the next, see one moment.
pub async fn snapshot<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(move |cx| {
        let _scope = Scope::open();
        future.as_mut().poll(cx)
    })
    .await
}

struct Scope;

impl Scope {
    fn open() -> Self {
        KEPT.with_borrow_mut(|kept| kept.scopes += 1);
        Self
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let is_last = KEPT.with_borrow_mut(|kept| {
            kept.scopes = kept.scopes.saturating_sub(1);
            kept.scopes == 0
        });
        if is_last {
            release();
        }
    }
}

/// A connection to read with: the one this thread keeps, one that is free, or a new one.
pub(crate) fn take(
    readers: &Arc<Readers>,
    open: impl FnOnce() -> Result<Session, StoreError>,
) -> Result<Session, StoreError> {
    let (kept, in_scope) = KEPT.with_borrow_mut(|kept| {
        let session =
            kept.session.take_if(|(owner, _)| Arc::ptr_eq(owner, readers)).map(|(_, session)| session);
        (session, kept.scopes > 0)
    });
    if let Some(session) = kept {
        return Ok(session);
    }
    let free = readers.free().pop();
    let session = free.map_or_else(open, Ok)?;
    if in_scope {
        session.execute(BEGIN)?;
    }
    Ok(session)
}

/// A connection that this thread does not keep, in a transaction that sees one moment.
pub(crate) fn begin(
    readers: &Readers,
    open: impl FnOnce() -> Result<Session, StoreError>,
) -> Result<Session, StoreError> {
    let free = readers.free().pop();
    let session = free.map_or_else(open, Ok)?;
    session.execute(BEGIN)?;
    Ok(session)
}

/// Puts a connection back after a read: to be kept by this thread, or to be free.
pub(crate) fn put(readers: &Arc<Readers>, session: Session) {
    let other = KEPT.with_borrow_mut(|kept| match kept.scopes {
        0 => Err(session),
        _ => Ok(kept.session.replace((Arc::clone(readers), session))),
    });
    match other {
        Ok(other) => end(other),
        Err(session) => readers.give_back(session),
    }
}

/// Ends the moment that this thread sees: its next read sees the newest.
pub(crate) fn release() {
    end(KEPT.with_borrow_mut(|kept| kept.session.take()));
}

/// Ends a transaction, and puts its connection back.
pub(crate) fn end(kept: Option<(Arc<Readers>, Session)>) {
    if let Some((readers, session)) = kept
        && session.execute(END).is_ok()
    {
        readers.give_back(session);
    }
}

#[cfg(test)]
mod tests {
    use crate::batch::NewRecord;
    use crate::{Batch, Location, Options, Store};

    use super::{KEPT, snapshot};

    fn insertion(id: &str) -> Batch {
        let mut batch = Batch::default();
        let (created, display, document) = (1, "", "{}");
        batch.insert(&NewRecord {
            kind: "Thing",
            id,
            created,
            display,
            document,
            connections: None,
            secret: None,
            mentioned: None,
        });
        batch
    }

    #[tokio::test]
    async fn a_snapshot_is_of_one_moment_until_it_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = Location::File(folder.path().join("store.db"));
        let (store, other) = (
            Store::open(&path, Options::default()).await.unwrap(),
            Store::open(&path, Options::default()).await.unwrap(),
        );
        let tenant = store.tenants().create("acme", 1, "me").await.unwrap().id;
        let sees = async |id: &str| store.tenant(tenant).record("Thing", id).await.unwrap().is_some();
        // Another process commits, between two reads of one poll.
        let commit_elsewhere = |id: &str| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(other.tenant(tenant).commit(insertion(id))).unwrap();
                });
            });
        };
        snapshot(async {
            assert!(!sees("a").await);
            commit_elsewhere("a");
            assert!(!sees("a").await, "the moment changed between two reads");
            tokio::task::yield_now().await;
            assert!(sees("a").await, "the moment did not end with the wait");
            commit_elsewhere("c");
            assert!(!sees("c").await, "the moment changed between two reads");
            store.tenant(tenant).sequence().await.unwrap();
            assert!(sees("c").await, "what is remembered was read of an old moment");
            store.tenant(tenant).commit(insertion("b")).await.unwrap();
            assert!(sees("b").await, "what was committed is not seen");
        })
        .await;
        KEPT.with_borrow(|kept| assert!(kept.session.is_none() && kept.scopes == 0));
    }
}
