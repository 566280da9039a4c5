//! The two handles: [`Store`] is the database, [`TenantStore`] is one tenant's part of it.
//!
//! Rows are reached through a `TenantStore` alone, so code that has none cannot read or change a tenant's row.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::about::Asked;
use crate::columns::{Columns, Flow, Param};
use crate::db::{self, Db, Steps};
use crate::epochs::{Epochs, LATELY};
use crate::position::Positions;
use crate::{Batch, CommitError, Committed, Location, Moment, StoreError, TenantId, Tenants, copy};

/// Where a commit can be made to crash, for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// Before a step of a batch.
    Step,
    /// Before the transaction is committed.
    Commit,
    /// After the transaction is committed, before anybody is told.
    Answer,
}

/// Asked at every fault point; `true` crashes the writer there.
pub type Fault = Arc<dyn Fn(FaultPoint) -> bool + Send + Sync>;

/// How to open a store.
#[derive(Clone, Default)]
pub struct Options {
    /// Nothing is created or migrated: the database must be there, and as this binary knows it.
    pub as_it_is: bool,
    /// Reads only: it is taken as it is, and nothing is committed.
    pub read_only: bool,
    /// Written beside each migration that opening applies: milliseconds since the Unix epoch.
    pub now: i64,
    /// Crashes the writer, for tests.
    pub fault: Option<Fault>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("as_it_is", &self.as_it_is)
            .field("read_only", &self.read_only)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// An open database. Clones are the same one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    epochs: Arc<Epochs>,
    positions: Positions,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database at a location, and migrates it as needed; others may have it open too. A file is created
    /// (readable by its owner alone), its folder must be there; what a crash left behind is settled here. The
    /// database on a server must be there, and connections live on the runtime that is current here.
    pub async fn open(at: &Location, options: Options) -> Result<Store, StoreError> {
        let epochs = Arc::default();
        let db = Db::open(at, options, &epochs).await?;
        let store = Store { inner: Arc::new(Inner { db, epochs, positions: Positions::default() }) };
        match store.tenant(TenantId::INSTALLATION).setting(copy::MARK).await? {
            None => Ok(store),
            Some(_) => Err(StoreError::Unfinished),
        }
    }

    /// Commits what was handed in and closes the database (a file's log is folded into it). Clones of the store answer
    /// [`StoreError::Unavailable`] from now on.
    pub async fn close(self) {
        self.inner.db.close().await;
    }

    /// One tenant's part of the store. Of a tenant that is not there nothing is found, and a commit is refused.
    pub fn tenant(&self, id: TenantId) -> TenantStore<'_> {
        TenantStore { store: self, tenant: id, moment: None }
    }

    /// The tenants themselves.
    pub fn tenants(&self) -> Tenants<'_> {
        Tenants::new(self)
    }

    /// Whether commits are taken and reads are answered.
    pub async fn healthy(&self) -> Result<(), StoreError> {
        self.inner.db.alive().await?;
        self.tenants().get(TenantId::INSTALLATION).await.map(drop)
    }

    /// A number that has grown when this process has committed what changes an answer of [`Store::authenticate`]. Whoever
    /// remembers one, with the number of before it was asked for, may go by it for [`LATELY`] while the number is the same.
    pub fn revocations(&self) -> u64 {
        self.inner.epochs.revocations()
    }

    pub(crate) fn db(&self) -> &Db {
        &self.inner.db
    }
}

/// One tenant's part of the store: the only way to its rows.
#[derive(Clone, Copy)]
pub struct TenantStore<'s> {
    store: &'s Store,
    tenant: TenantId,
    /// What reads see; without one, each sees the newest.
    moment: Option<&'s Mutex<db::Moment>>,
}

impl fmt::Debug for TenantStore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantStore").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl<'s> TenantStore<'s> {
    /// Whose part it is.
    pub fn id(&self) -> TenantId {
        self.tenant
    }

    /// Commits a batch all or nothing. When this answers `Ok` it is on the disk; an error leaves no trace, save that
    /// after [`CommitError::Unconfirmed`] it is not known. Dropping the future does not take the batch back. What takes
    /// something away from a token or a tenant is so for every process when this answers: it takes [`LATELY`] longer, by the
    /// runtime's timer.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        if batch.is_empty() {
            return Ok(Committed::default());
        }
        let revokes = batch.revokes();
        let outcome = self.store.inner.db.commit(self.tenant, batch).await;
        if revokes {
            // Also when it was refused: what it would take away another commit may just have taken.
            tokio::time::sleep(LATELY).await;
        }
        outcome
    }

    /// A number that has grown when this process has committed something of the tenant's. Whoever remembers what it read,
    /// with the number of before it read, may go by it for [`LATELY`] while the number is the same.
    pub fn commits(&self) -> u64 {
        self.store.inner.epochs.commits(self.tenant)
    }

    /// Makes a moment, for reads that have to see the same.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn moment(&self) -> Result<Moment<'s>, StoreError> {
        Moment::of(self.store, self.tenant).await
    }

    pub(crate) fn seen_at(self, moment: &'s Mutex<db::Moment>) -> Self {
        Self { moment: Some(moment), ..self }
    }

    pub(crate) async fn read(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
        row: impl FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        match self.moment {
            Some(moment) => moment.lock().await.read(sql, params, row).await,
            None => self.store.inner.db.read(self.tenant, sql, params, row).await,
        }
    }

    /// As [`TenantStore::read_all`], of statements that are all about one thing, and such as many ask at once.
    pub(crate) async fn read_about(
        &self,
        asked: &[Asked<'_>],
        mut row: impl FnMut(usize, &dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        let Some(moment) = self.moment else {
            return self.store.inner.db.read_about(self.tenant, asked, row).await;
        };
        let mut moment = moment.lock().await;
        for (at, (about, params)) in asked.iter().enumerate() {
            moment.read(about.sql, params, |found| row(at, found)).await?;
        }
        Ok(())
    }

    pub(crate) async fn read_all(
        &self,
        steps: &Steps<'_>,
        mut row: impl FnMut(usize, &dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        let Some(moment) = self.moment else {
            return self.store.inner.db.read_all(self.tenant, steps, row).await;
        };
        let mut moment = moment.lock().await;
        for (at, (sql, params)) in steps.iter().enumerate() {
            moment.read(sql, params, |found| row(at, found)).await?;
        }
        Ok(())
    }

    /// The tenant as a value; the first of every read.
    pub(crate) fn param(&self) -> Param<'static> {
        Param::Int(self.tenant.0)
    }

    /// What is read next is of now, also within a [`crate::snapshot`]: for what is remembered.
    pub(crate) fn refresh(&self) {
        if self.moment.is_none() {
            self.store.inner.db.refresh();
        }
    }

    pub(crate) fn positions(&self) -> &'s Positions {
        &self.store.inner.positions
    }
}
