//! The database, whichever it is: it runs a read and shows the rows, and it commits a batch. Nothing else of a
//! database is known to the rest of the crate. Each is a variant here and a driver.

use std::path::Path;
use std::sync::Arc;

use crate::about::Asked;
use crate::columns::{Columns, Flow, Param};
use crate::epochs::Epochs;
use crate::postgres::{self, Postgres};
use crate::sqlite::{self, Sqlite};
use crate::{Batch, CommitError, Committed, Location, Options, StoreError, TenantId, readers};

pub(crate) enum Db {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

impl Db {
    pub(crate) async fn open(
        at: &Location,
        options: Options,
        epochs: &Arc<Epochs>,
    ) -> Result<Self, StoreError> {
        match at {
            Location::File(path) => Sqlite::open(path, options, epochs).map(Db::Sqlite),
            Location::Server(url) => Ok(Db::Postgres(Box::new(Postgres::open(url, options, epochs).await?))),
        }
    }

    /// What is read next on this thread is of a new moment, also within a [`crate::snapshot`].
    pub(crate) fn refresh(&self) {
        match self {
            Db::Sqlite(_) => readers::release(),
            // Each of its reads is of its own moment.
            Db::Postgres(_) => {}
        }
    }

    /// Runs a tenant's read statement and shows `row` its rows, until it breaks off.
    pub(crate) async fn read(
        &self,
        tenant: TenantId,
        sql: &'static str,
        params: &[Param<'_>],
        mut row: impl FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        match self {
            Db::Sqlite(sqlite) => sqlite.read(sql, params, &mut row),
            // Apart, so that the futures of reads are no larger for it.
            Db::Postgres(postgres) => Box::pin(postgres.read(tenant, sql, params, row)).await,
        }
    }

    /// As [`Db::read_all`], of statements that are all about one thing, and such as many ask at once.
    pub(crate) async fn read_about(
        &self,
        tenant: TenantId,
        asked: &[Asked<'_>],
        mut row: impl FnMut(usize, &dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        match self {
            Db::Sqlite(sqlite) => {
                let mut asked = asked.iter().enumerate();
                asked.try_for_each(|(at, (about, params))| {
                    sqlite.read(about.sql, params, &mut |found| row(at, found))
                })
            }
            Db::Postgres(postgres) => Box::pin(postgres.read_about(tenant, asked, row)).await,
        }
    }

    /// Runs several read statements of a tenant, and shows `row` the rows of each until it breaks off that one. On a database
    /// server it is one exchange.
    pub(crate) async fn read_all(
        &self,
        tenant: TenantId,
        steps: &Steps<'_>,
        mut row: impl FnMut(usize, &dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        match self {
            Db::Sqlite(sqlite) => {
                let mut steps = steps.iter().enumerate();
                steps
                    .try_for_each(|(at, (sql, params))| sqlite.read(sql, params, &mut |found| row(at, found)))
            }
            Db::Postgres(postgres) => Box::pin(postgres.read_all(tenant, steps, row)).await,
        }
    }

    /// Begins a transaction that reads, of one moment, what is a tenant's.
    pub(crate) async fn moment(&self, tenant: TenantId) -> Result<Moment, StoreError> {
        match self {
            Db::Sqlite(sqlite) => sqlite.moment().map(Moment::Sqlite),
            Db::Postgres(postgres) => Ok(Moment::Postgres(Box::new(postgres.moment(tenant).await?))),
        }
    }

    /// Commits a batch of a tenant, all or nothing.
    pub(crate) async fn commit(&self, tenant: TenantId, batch: Batch) -> Result<Committed, CommitError> {
        match self {
            Db::Sqlite(sqlite) => sqlite.commit(tenant, batch).await,
            Db::Postgres(postgres) => Box::pin(postgres.commit(tenant, batch)).await,
        }
    }

    /// Whether commits are taken.
    pub(crate) async fn alive(&self) -> Result<(), StoreError> {
        match self {
            Db::Sqlite(sqlite) => sqlite.alive(),
            Db::Postgres(postgres) => Box::pin(postgres.alive()).await,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Db::Sqlite(sqlite) => sqlite.close().await,
            Db::Postgres(postgres) => postgres.close().await,
        }
    }

    /// The file to back up.
    pub(crate) fn path(&self) -> Result<&Path, StoreError> {
        match self {
            Db::Sqlite(sqlite) => Ok(sqlite.path()),
            Db::Postgres(_) => Err(StoreError::Unsupported(
                "a PostgreSQL database is backed up by PostgreSQL's own tools: `pg_dump`, or continuous archiving",
            )),
        }
    }
}

/// A transaction that reads one moment.
pub(crate) enum Moment {
    Sqlite(sqlite::Moment),
    Postgres(Box<postgres::Moment>),
}

impl Moment {
    /// Runs a read statement and shows `row` its rows, until it breaks off.
    pub(crate) async fn read(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        mut row: impl FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        match self {
            Moment::Sqlite(moment) => moment.read(sql, params, &mut row),
            Moment::Postgres(moment) => Box::pin(moment.read(sql, params, row)).await,
        }
    }

    pub(crate) async fn end(self) {
        match self {
            Moment::Sqlite(moment) => moment.end(),
            Moment::Postgres(moment) => moment.end().await,
        }
    }
}

/// A statement with its values.
pub(crate) type Step<'p> = (&'static str, Vec<Param<'p>>);
/// Statements with their values.
pub(crate) type Steps<'p> = Vec<Step<'p>>;

/// One connection, for whoever reads or fills a whole database.
pub(crate) enum Connection {
    Sqlite(sqlite::Session),
    Postgres(Box<postgres::Session>),
}

impl Connection {
    /// Opens a database that is read only, and sees one moment of it.
    pub(crate) async fn source(at: &Location) -> Result<Self, StoreError> {
        match at {
            Location::File(path) => sqlite::Session::source(path).map(Connection::Sqlite),
            Location::Server(url) => {
                Ok(Connection::Postgres(Box::new(postgres::Session::source(url).await?)))
            }
        }
    }

    /// Opens a database to be filled, making and migrating it as needed.
    pub(crate) async fn target(at: &Location, now: i64) -> Result<Self, StoreError> {
        match at {
            Location::File(path) => sqlite::Session::target(path, now).map(Connection::Sqlite),
            Location::Server(url) => {
                Ok(Connection::Postgres(Box::new(postgres::Session::target(url, now).await?)))
            }
        }
    }

    /// Runs a tenant's read statement and shows `row` its rows, until it breaks off.
    pub(crate) async fn query(
        &mut self,
        tenant: TenantId,
        sql: &'static str,
        params: &[Param<'_>],
        mut row: impl FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(session) => session.query(sql, params.iter().copied(), &mut row),
            Connection::Postgres(session) => {
                session.scope(tenant);
                session.query(sql, params, row).await
            }
        }
    }

    /// Runs statements of tenants in one transaction that begins with a `claim` of the installation's. Unless the claim
    /// changes a row, nothing is done.
    pub(crate) async fn transact(
        &mut self,
        claim: Step<'_>,
        groups: Vec<(TenantId, Steps<'_>)>,
    ) -> Result<bool, StoreError> {
        match self {
            Connection::Sqlite(session) => {
                session.transact(claim, groups.into_iter().flat_map(|(_, steps)| steps))
            }
            Connection::Postgres(session) => session.transact(claim, groups).await,
        }
    }
}
