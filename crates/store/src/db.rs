//! The database, whichever it is: it runs a read and shows the rows, and it commits a batch. Nothing else of a
//! database is known to the rest of the crate. A second one is a second variant here and a driver file.

use std::path::Path;

use crate::columns::{Columns, Flow, Param};
use crate::sqlite::Sqlite;
use crate::{Batch, CommitError, Committed, Options, StoreError, TenantId};

pub(crate) enum Db {
    Sqlite(Sqlite),
}

impl Db {
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        Sqlite::open(path, options).map(Db::Sqlite)
    }

    /// Runs a read statement and shows `row` its rows, until it breaks off.
    pub(crate) async fn read(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
        mut row: impl FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        match self {
            Db::Sqlite(sqlite) => sqlite.read(sql, params, &mut row),
        }
    }

    /// Commits a batch of a tenant, all or nothing.
    pub(crate) async fn commit(&self, tenant: TenantId, batch: Batch) -> Result<Committed, CommitError> {
        match self {
            Db::Sqlite(sqlite) => sqlite.commit(tenant, batch).await,
        }
    }

    /// Whether commits are taken.
    pub(crate) fn alive(&self) -> Result<(), StoreError> {
        match self {
            Db::Sqlite(sqlite) => sqlite.alive(),
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Db::Sqlite(sqlite) => sqlite.close().await,
        }
    }

    /// The file to back up.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Db::Sqlite(sqlite) => sqlite.path(),
        }
    }
}
