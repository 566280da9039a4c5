//! The SQLite driver, and all that is known of SQLite.
//!
//! Reads run where they are asked for, on read-only connections that never wait for the writer; commits go to the
//! writer's thread, which has a connection of its own. Nothing of the database is remembered here from one transaction to
//! the next, as another process may write between.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, backup};

use crate::batch::{Batch, Committed};
use crate::columns::{Columns, ENOUGH, Flow, MORE, Param, mistyped};
use crate::db::Step;
use crate::epochs::Epochs;
use crate::migrate::{self, Applied, Macros, Migration};
use crate::readers::{self, Readers};
use crate::writer::Inbox;
use crate::{CommitError, Options, StoreError, TenantId};

/// So often a lock of another process is tried: about five seconds long.
const TRIES_MAX: i32 = 5_000;
/// From one try to the next. SQLite's own handler soon tries ten times a second only, and so waited for seconds beside a
/// writer that is never idle.
const TRY: Duration = Duration::from_millis(1);
/// So long is waited until nobody uses a file: a short command may be gone in a moment, a server is not.
const USED: Duration = Duration::from_millis(500);
/// Room for every statement there is.
const STATEMENTS_MAX: usize = 160;
/// Pages copied in one step of a backup.
const STEP_PAGES: i32 = 1_024;

const MACROS: Macros = &[("{bytes}", "blob"), ("{clustered}", "without rowid")];

/// A log of 20,000 pages folds often enough, and rarely enough for bulk. Undo pages of savepoints stay in memory.
const WRITER: &str = "pragma synchronous = full; pragma wal_autocheckpoint = 20000; \
    pragma foreign_keys = off; pragma cache_size = -16384; pragma temp_store = memory";
const READER: &str = "pragma query_only = on; pragma cache_size = -8192; pragma temp_store = memory";

/// An open database.
pub(crate) struct Sqlite {
    path: PathBuf,
    readers: Arc<Readers>,
    writer: Option<Inbox>,
    closed: AtomicBool,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, options: Options, epochs: &Arc<Epochs>) -> Result<Self, StoreError> {
        if options.read_only || options.as_it_is {
            Session::reader(path)?.migrated()?;
        }
        let writer = if options.read_only {
            None
        } else {
            create(path)?;
            let session = Session::writer(path)?;
            session.migrate(migrate::MIGRATIONS, options.now)?;
            Some(Inbox::open(session, options.fault, Arc::clone(epochs))?)
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (path, readers, closed) = (path.to_owned(), Readers::new(cores + 2), AtomicBool::new(false));
        Ok(Sqlite { path, readers: Arc::new(readers), writer, closed })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn alive(&self) -> Result<(), StoreError> {
        match &self.writer {
            Some(writer) if !writer.alive() => Err(StoreError::stopped()),
            _ => Ok(()),
        }
    }

    pub(crate) fn read(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
        row: &mut dyn FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::stopped());
        }
        let session = readers::take(&self.readers, || Session::reader(&self.path))?;
        // A connection that failed is not used again.
        session.query(sql, params.iter().copied(), row)?;
        readers::put(&self.readers, session);
        Ok(())
    }

    pub(crate) fn moment(&self) -> Result<Moment, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::stopped());
        }
        let session = readers::begin(&self.readers, || Session::reader(&self.path))?;
        Ok(Moment { session, readers: Arc::clone(&self.readers) })
    }

    pub(crate) async fn commit(&self, tenant: TenantId, batch: Batch) -> Result<Committed, CommitError> {
        // Whoever reads after this commit must see it.
        readers::release();
        match &self.writer {
            Some(writer) => writer.commit(tenant, batch).await,
            None => Err(unavailable("it was opened for reading only").into()),
        }
    }

    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.readers.clear();
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
    }
}

/// A connection in a transaction that reads one moment.
pub(crate) struct Moment {
    session: Session,
    readers: Arc<Readers>,
}

impl Moment {
    pub(crate) fn read(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
        row: &mut dyn FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        self.session.query(sql, params.iter().copied(), row)
    }

    pub(crate) fn end(self) {
        readers::end(Some((self.readers, self.session)));
    }
}

/// A connection, with its prepared statements.
pub(crate) struct Session(Connection);

/// Opening, and reading.
impl Session {
    pub(crate) fn reader(path: &Path) -> Result<Self, StoreError> {
        Self::open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER)
    }

    fn writer(path: &Path) -> Result<Self, StoreError> {
        let session = Self::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER)?;
        match session.use_log()?.as_str() {
            "wal" => Ok(session),
            _ => Err(unavailable(
                "its file system has no shared memory for a write-ahead log; use a local disk",
            )),
        }
    }

    /// Turns to the write-ahead log and says which sort of log it is now. When several open a new file at once, SQLite
    /// refuses some of them here without asking the busy handler.
    fn use_log(&self) -> Result<String, StoreError> {
        let mut tries = 0;
        loop {
            match self.0.query_row("pragma journal_mode = wal", (), |row| row.get(0)) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && wait(tries) => {
                    tries += 1
                }
                done => return done.map_err(failed),
            }
        }
    }

    /// Reads one moment, from the first statement on.
    pub(crate) fn source(path: &Path) -> Result<Self, StoreError> {
        let session = Self::reader(path)?;
        session.migrated()?;
        session.execute("begin")?;
        Ok(session)
    }

    /// Writes whole transactions, to a file that is made and migrated as needed.
    pub(crate) fn target(path: &Path, now: i64) -> Result<Self, StoreError> {
        create(path)?;
        let session = Self::writer(path)?;
        if session.applied()?.is_empty()
            && let Some(other) = session.other_table()?
        {
            return Err(migrate::shared(&other));
        }
        session.migrate(migrate::MIGRATIONS, now)?;
        Ok(session)
    }

    fn open(path: &Path, flags: OpenFlags, pragmas: &str) -> Result<Self, StoreError> {
        let mut connection =
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
        connection.busy_handler(Some(wait)).map_err(failed)?;
        // Otherwise a new value of a limit or a range prepares its statement anew: 30 µs, and perhaps another plan.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.execute_batch(pragmas).map_err(failed)?;
        Ok(Session(connection))
    }

    /// Runs a statement and shows its rows.
    pub(crate) fn query<'p>(
        &self,
        sql: &'static str,
        params: impl IntoIterator<Item = Param<'p>>,
        show: &mut dyn FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare(sql, params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            if show(&Row(row))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn prepare<'p>(
        &self,
        sql: &'static str,
        params: impl IntoIterator<Item = Param<'p>>,
    ) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(failed)?;
        for (number, param) in params.into_iter().enumerate() {
            statement.raw_bind_parameter(number + 1, param).map_err(failed)?;
        }
        Ok(statement)
    }

    /// What is wrong with the pages of the file, if anything.
    pub(crate) fn damage(&self) -> Result<Option<String>, StoreError> {
        let found: String =
            self.0.query_row("pragma integrity_check(1)", (), |row| row.get(0)).map_err(failed)?;
        Ok((found != "ok").then_some(found))
    }
}

/// Writing.
impl Session {
    /// Runs a statement and says how many rows it changed. What it returns is a version.
    pub(crate) fn run<'p>(
        &self,
        sql: &'static str,
        params: impl IntoIterator<Item = Param<'p>>,
        committed: &mut Committed,
    ) -> Result<u64, StoreError> {
        let mut statement = self.prepare(sql, params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            committed.versions.push(row.get(0).map_err(failed)?);
        }
        drop(rows);
        let changed = self.0.changes();
        committed.rows += changed;
        Ok(changed)
    }

    /// Runs statements in a transaction of their own, if the first of them, the claim, changes a row. Says whether.
    pub(crate) fn transact<'p>(
        &self,
        (claim, params): Step<'p>,
        mut steps: impl Iterator<Item = Step<'p>>,
    ) -> Result<bool, StoreError> {
        self.execute("begin immediate")?;
        let done = self.run(claim, params, &mut Committed::default()).and_then(|changed| {
            if changed == 0 {
                return self.execute("rollback").and(Ok(false));
            }
            steps.try_for_each(|(sql, params)| self.query(sql, params, &mut |_| MORE))?;
            self.execute("commit").and(Ok(true))
        });
        match done {
            Err(error) if !self.undone() => self.execute("rollback").and(Err(error)),
            done => done,
        }
    }

    /// Runs a statement of the transaction itself.
    pub(crate) fn execute(&self, sql: &'static str) -> Result<(), StoreError> {
        self.prepare(sql, [])?.raw_execute().map(drop).map_err(failed)
    }

    /// Whether the transaction is gone: some errors (a full disk) undo all of it.
    pub(crate) fn undone(&self) -> bool {
        self.0.is_autocommit()
    }

    /// Folds the log into the file. When it cannot, the next time will do.
    pub(crate) fn fold(&self, how: &str) {
        if let Err(error) = self.0.execute_batch(&format!("pragma wal_checkpoint({how})")) {
            tracing::warn!(%error, "the write-ahead log was not folded into the database");
        }
    }
}

/// Migrating.
impl Session {
    /// Applies the steps that are missing, each in a transaction that only one process can have.
    fn migrate(&self, steps: &[Migration], now: i64) -> Result<(), StoreError> {
        while !migrate::pending(steps, &self.applied()?)?.is_empty() {
            self.execute("begin immediate")?;
            let done = self.migrate_one(steps, now);
            self.execute(if done.is_ok() { "commit" } else { "rollback" })?;
            done?;
        }
        Ok(())
    }

    fn migrate_one(&self, steps: &[Migration], now: i64) -> Result<(), StoreError> {
        // Another process may have been faster.
        let pending = migrate::pending(steps, &self.applied()?)?;
        let Some(step) = pending.first() else { return Ok(()) };
        self.0.execute_batch(migrate::TABLE).map_err(failed)?;
        self.0.execute_batch(&step.expand(MACROS)).map_err(failed)?;
        let values = (step.number, step.name, step.checksum(), now);
        self.0.execute(migrate::NOTE, values).map(drop).map_err(failed)
    }

    /// That no step is missing.
    pub(crate) fn migrated(&self) -> Result<(), StoreError> {
        migrate::complete(migrate::MIGRATIONS, &self.applied()?)
    }

    /// What somebody else keeps where the tables would be made.
    fn other_table(&self) -> Result<Option<String>, StoreError> {
        let mut other = None;
        self.query(
            "select name from sqlite_schema where substr(name, 1, 7) <> 'sqlite_' limit 1",
            [],
            &mut |row| {
                other = Some(row.text(0)?.to_owned());
                ENOUGH
            },
        )?;
        Ok(other)
    }

    pub(crate) fn applied(&self) -> Result<Vec<Applied>, StoreError> {
        let mut all = Vec::new();
        let mut there = false;
        // Asked of the file: what the connection remembers of it may be old.
        self.query("select 1 from sqlite_schema where name = 'migration'", [], &mut |_| {
            there = true;
            ENOUGH
        })?;
        if there {
            self.query(migrate::LIST, [], &mut |row| {
                let (name, checksum) = (row.text(1)?.to_owned(), row.text(2)?.to_owned());
                all.push(Applied { number: row.int(0)?, name, checksum });
                MORE
            })?;
        }
        Ok(all)
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Param::Null => ValueRef::Null,
            Param::Int(value) => ValueRef::Integer(value),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

struct Row<'r>(&'r rusqlite::Row<'r>);

impl Row<'_> {
    fn value(&self, column: usize) -> Result<ValueRef<'_>, StoreError> {
        self.0.get_ref(column).map_err(failed)
    }
}

impl Columns for Row<'_> {
    fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.value(column)?.as_i64().map_err(|_| mistyped(column))
    }

    fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.value(column)?.as_str().map_err(|_| mistyped(column))
    }

    fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        self.value(column)?.as_blob().map_err(|_| mistyped(column))
    }

    fn maybe_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.value(column)?.as_i64_or_null().map_err(|_| mistyped(column))
    }

    fn maybe_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        self.value(column)?.as_str_or_null().map_err(|_| mistyped(column))
    }
}

fn wait(tries: i32) -> bool {
    std::thread::sleep(TRY);
    tries < TRIES_MAX
}

/// The file itself, before SQLite makes it readable by everybody; its log takes over its permissions.
fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(path).map(drop);
    made.map_err(|error| unavailable(&format!("`{}` cannot be opened: {error}", path.display())))
}

/// Copies a database that others may be writing to. `step` says whether to go on.
pub(crate) fn copy(from: &Path, to: &Path, mut step: impl FnMut(u64, u64) -> bool) -> Result<(), StoreError> {
    let Session(source) = Session::reader(from)?;
    // One snapshot for the whole copy; else every commit of another connection would begin it anew.
    source.execute_batch("begin; select number from migration limit 1").map_err(failed)?;
    let _ = std::fs::remove_file(to);
    create(to)?;
    let Session(mut target) = Session::open(to, OpenFlags::SQLITE_OPEN_READ_WRITE, "")?;
    let copying = backup::Backup::new(&source, &mut target).map_err(failed)?;
    loop {
        let result = copying.step(STEP_PAGES).map_err(failed)?;
        let backup::Progress { remaining, pagecount } = copying.progress();
        let pages = |count| u64::try_from(count).unwrap_or(0);
        if !step(pages(pagecount - remaining), pages(pagecount)) {
            return Err(unavailable("the backup was given up"));
        }
        match result {
            backup::StepResult::Done => break,
            backup::StepResult::More => {}
            _ => std::thread::yield_now(),
        }
    }
    drop(copying);
    // A file that stands alone has no log.
    target.execute_batch("pragma journal_mode = delete").map_err(failed)
}

/// Whether another connection has the database open. What cannot be read as a database at all is in nobody's use.
pub(crate) fn is_in_use(path: &Path) -> bool {
    let alone = alone(path).err().and_then(|error| error.sqlite_error_code());
    matches!(alone, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Has the file alone for a moment, and leaves it as it is. Every connection holds it shared for as long as it is open.
fn alone(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(USED)?;
    // Its log stays, if it has one.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch("pragma locking_mode = exclusive; select name from sqlite_schema limit 1")
}

/// What SQLite says, sorted by whether another try may help.
fn failed(error: rusqlite::Error) -> StoreError {
    use ErrorCode::*;
    match error.sqlite_error_code() {
        Some(
            DatabaseBusy
            | DatabaseLocked
            | DiskFull
            | SystemIoFailure
            | CannotOpen
            | OutOfMemory
            | ReadOnly
            | OperationInterrupted
            | PermissionDenied
            | FileLockingProtocolFailed,
        ) => unavailable(&error.to_string()),
        _ => StoreError::Broken(error.to_string()),
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

#[cfg(test)]
pub(crate) mod tests;
