//! The SQLite driver, and all that is known of SQLite.
//!
//! One thread writes. It takes what is in its inbox as a group, gives each batch a savepoint, commits the group with
//! one sync of the disk, and only then answers: a batch that fails leaves its neighbours alone, and what was answered is
//! durable. Reads run where they are asked for, on read-only connections that never wait for the writer. Nothing of the
//! database is remembered here from one transaction to the next, as another process may write between.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, backup};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::audit::{self, AuditVerdict, Chain, Head};
use crate::batch::{Batch, Committed, Step};
use crate::columns::{Columns, ENOUGH, Flow, MORE, Param};
use crate::migrate::{self, Applied, Macros, Migration};
use crate::{CommitError, Fault, FaultPoint, Options, StoreError, TenantId, Verified, outbox, record};

/// Most batches in one transaction.
pub const GROUP_MAX: usize = 256;
/// Most batches that wait for the writer; who comes then waits for a place.
pub const INBOX_MAX: usize = 1_024;
/// So long without a commit, the writer folds the log into the file.
const IDLE: Duration = Duration::from_secs(2);
/// So long a lock of another process is waited for.
const BUSY: Duration = Duration::from_secs(5);
/// Room for every statement there is.
const STATEMENTS_MAX: usize = 160;
/// Pages copied in one step of a backup.
const STEP_PAGES: i32 = 1_024;

const MACROS: Macros = &[("{bytes}", "blob"), ("{clustered}", "without rowid")];

/// A log of 20,000 pages folds often enough, and rarely enough for bulk. Undo pages of savepoints stay in memory.
const WRITER: &str = "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 20000; \
    pragma foreign_keys = off; pragma cache_size = -16384; pragma temp_store = memory";
const READER: &str = "pragma query_only = on; pragma cache_size = -2048; pragma temp_store = memory";

/// An open database.
pub(crate) struct Sqlite {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    readers_kept: usize,
    writer: Option<Inbox>,
    closed: AtomicBool,
}

/// The way to the writer's thread.
struct Inbox {
    sender: mpsc::Sender<Message>,
    places: Arc<Semaphore>,
    alive: Arc<AtomicBool>,
}

enum Message {
    Commit(Job),
    Close(oneshot::Sender<()>),
}

struct Job {
    tenant: TenantId,
    batch: Batch,
    answer: oneshot::Sender<Result<Committed, CommitError>>,
    /// Given back when it is dropped.
    _place: OwnedSemaphorePermit,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let writer = if options.read_only {
            let applied = applied(&reader(path)?)?;
            if !migrate::pending(migrate::MIGRATIONS, &applied)?.is_empty() {
                let text = "the database was made by an older durward and must be migrated first";
                return Err(StoreError::Migration(text.to_owned()));
            }
            None
        } else {
            Some(Inbox::open(path, options)?)
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Sqlite {
            path: path.to_owned(),
            readers: Mutex::default(),
            readers_kept: cores + 2,
            writer,
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn alive(&self) -> Result<(), StoreError> {
        match &self.writer {
            Some(writer) if !writer.alive.load(Ordering::Acquire) => Err(stopped()),
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
            return Err(stopped());
        }
        let kept = self.readers().pop();
        let connection = kept.map_or_else(|| reader(&self.path), Ok)?;
        // A connection that failed is not used again.
        query(&connection, sql, params.iter().copied(), row)?;
        let mut readers = self.readers();
        if readers.len() < self.readers_kept {
            readers.push(connection);
        }
        Ok(())
    }

    pub(crate) async fn commit(&self, tenant: TenantId, batch: Batch) -> Result<Committed, CommitError> {
        let writer = self.writer.as_ref().ok_or_else(|| unavailable("it was opened for reading only"))?;
        let place = Arc::clone(&writer.places).acquire_owned().await.map_err(|_| stopped())?;
        let (answer, answered) = oneshot::channel();
        writer.sender.send(Message::Commit(Job { tenant, batch, answer, _place: place })).map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped().into()))
    }

    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.readers().clear();
        if let Some(writer) = &self.writer {
            let (answer, answered) = oneshot::channel();
            if writer.sender.send(Message::Close(answer)).is_ok() {
                let _ = answered.await;
            }
        }
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        create(path)?;
        let connection = writer(path)?;
        migrate(&connection, migrate::MIGRATIONS, options.now)?;
        let (sender, inbox) = mpsc::channel();
        let alive = Arc::new(AtomicBool::new(true));
        let writer = Writer { connection, inbox, fault: options.fault, alive: Arc::clone(&alive) };
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| unavailable(&format!("no thread for the writer: {error}")))?;
        Ok(Inbox { sender, places: Arc::new(Semaphore::new(INBOX_MAX)), alive })
    }
}

/// The writer's thread.
struct Writer {
    connection: Connection,
    inbox: mpsc::Receiver<Message>,
    fault: Option<Fault>,
    alive: Arc<AtomicBool>,
}

/// Why a batch, or a whole group, was not committed.
enum Failure {
    Refused(CommitError),
    /// A test made the writer crash.
    Crash,
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Failure::Refused(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Refused(error.into())
    }
}

type Answers = Vec<Result<Committed, CommitError>>;

/// Where the chains of the group's tenants end, and whether that moved.
type Heads = HashMap<TenantId, (Head, bool)>;

impl Writer {
    fn run(self) {
        let mut unfolded = false;
        let mut closing = None;
        while closing.is_none() {
            let message = if unfolded { self.inbox.recv_timeout(IDLE) } else { self.inbox.recv().map_err(Into::into) };
            let mut jobs = Vec::new();
            match message {
                Ok(Message::Commit(job)) => jobs.push(job),
                Ok(Message::Close(answer)) => closing = Some(answer),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.fold("passive");
                    unfolded = false;
                    continue;
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            while jobs.len() < GROUP_MAX && closing.is_none() {
                match self.inbox.try_recv() {
                    Ok(Message::Commit(job)) => jobs.push(job),
                    Ok(Message::Close(answer)) => closing = Some(answer),
                    Err(_) => break,
                }
            }
            if !jobs.is_empty() && self.commit(jobs).is_break() {
                break;
            }
            unfolded = true;
        }
        self.alive.store(false, Ordering::Release);
        if closing.is_some() {
            self.fold("truncate");
        }
        drop(self);
        closing.map(|answer| answer.send(()));
    }

    /// Commits a group and answers. A crash drops who waits, who then hears that the writer stopped.
    fn commit(&self, jobs: Vec<Job>) -> ControlFlow<()> {
        let (work, answers): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|Job { tenant, batch, answer, .. }| ((tenant, batch), answer)).unzip();
        let results = match self.transact(&work) {
            Ok(results) => results,
            Err(Failure::Crash) => return ControlFlow::Break(()),
            Err(Failure::Refused(error)) => {
                let _ = self.execute("rollback");
                work.iter().map(|_| Err(error.clone())).collect()
            }
        };
        for (answer, result) in answers.into_iter().zip(results) {
            let _ = answer.send(result);
        }
        ControlFlow::Continue(())
    }

    /// One transaction for a group.
    fn transact(&self, work: &[(TenantId, Batch)]) -> Result<Answers, Failure> {
        let mut heads = Heads::new();
        self.execute("begin immediate")?;
        let results = match work {
            // One batch needs no savepoint: the transaction is its own.
            [(tenant, batch)] => vec![Ok(self.apply(*tenant, batch, &mut heads)?)],
            _ => work
                .iter()
                .map(|(tenant, batch)| self.apply_apart(*tenant, batch, &mut heads))
                .collect::<Result<_, _>>()?,
        };
        self.save(&heads)?;
        self.fault(FaultPoint::Commit)?;
        self.execute("commit")?;
        self.fault(FaultPoint::Answer)?;
        Ok(results)
    }

    /// Applies a batch so that it can be undone alone. An error is the group's.
    fn apply_apart(
        &self,
        tenant: TenantId,
        batch: &Batch,
        heads: &mut Heads,
    ) -> Result<Result<Committed, CommitError>, Failure> {
        let before = heads.get(&tenant).copied();
        self.execute("savepoint batch")?;
        match self.apply(tenant, batch, heads) {
            Ok(committed) => {
                self.execute("release batch")?;
                Ok(Ok(committed))
            }
            // Some errors (a full disk) undo the whole transaction.
            Err(Failure::Refused(error)) if !self.connection.is_autocommit() => {
                self.execute("rollback to batch")?;
                self.execute("release batch")?;
                match before {
                    Some(head) => heads.insert(tenant, head),
                    None => heads.remove(&tenant),
                };
                Ok(Err(error))
            }
            Err(failure) => Err(failure),
        }
    }

    fn apply(&self, tenant: TenantId, batch: &Batch, heads: &mut Heads) -> Result<Committed, Failure> {
        let mut committed = Committed::default();
        for step in batch.steps() {
            self.fault(FaultPoint::Step)?;
            match *step {
                Step::Statement { sql, args, expect } => {
                    let rows = self.run_statement(sql, batch.params(args, tenant.0), &mut committed)?;
                    if !expect.holds(rows) {
                        return Err(batch.refusal(expect, |kind, id| self.exists(tenant, kind, id)).into());
                    }
                }
                Step::Entry { args } => {
                    let head = self.moved(tenant, heads)?;
                    head.audit += 1;
                    let previous = head.hash;
                    head.hash = audit::link(&previous, tenant.0, head.audit, batch.params(args, tenant.0));
                    let numbers = [Param::Int(tenant.0), Param::Int(head.audit)];
                    let link = [Param::Bytes(&previous), Param::Bytes(&head.hash)];
                    let params = numbers.into_iter().chain(batch.params(args, tenant.0)).chain(link);
                    self.run_statement(audit::INSERT, params, &mut committed)?;
                }
                Step::Event { args } => {
                    let head = self.moved(tenant, heads)?;
                    head.outbox += 1;
                    let numbers = [Param::Int(tenant.0), Param::Int(head.outbox)];
                    let params = numbers.into_iter().chain(batch.params(args, tenant.0));
                    self.run_statement(outbox::INSERT, params, &mut committed)?;
                }
            }
        }
        Ok(committed)
    }

    fn exists(&self, tenant: TenantId, kind: Param<'_>, id: Param<'_>) -> bool {
        let mut found = false;
        let params = [Param::Int(tenant.0), kind, id].into_iter();
        let asked = query(&self.connection, record::EXISTS, params, &mut |_| {
            found = true;
            ENOUGH
        });
        asked.is_ok() && found
    }

    /// A tenant's head, which is about to move: read once in a transaction.
    fn moved<'h>(&self, tenant: TenantId, heads: &'h mut Heads) -> Result<&'h mut Head, StoreError> {
        let (head, moved) = match heads.entry(tenant) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert((head(&self.connection, tenant.0)?, true)),
        };
        *moved = true;
        Ok(head)
    }

    fn save(&self, heads: &Heads) -> Result<(), StoreError> {
        for (tenant, (head, _)) in heads.iter().filter(|(_, (_, moved))| *moved) {
            let (audit, outbox) = (Param::Int(head.audit), Param::Int(head.outbox));
            let params = [Param::Int(tenant.0), audit, Param::Bytes(&head.hash), outbox];
            self.run_statement(audit::SAVE_HEAD, params.into_iter(), &mut Committed::default())?;
        }
        Ok(())
    }

    /// Runs a statement and says how many rows it changed. What it returns is a version.
    fn run_statement<'p>(
        &self,
        sql: &'static str,
        params: impl Iterator<Item = Param<'p>>,
        committed: &mut Committed,
    ) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        for (number, param) in params.enumerate() {
            statement.raw_bind_parameter(number + 1, param).map_err(failed)?;
        }
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            committed.versions.push(row.get(0).map_err(failed)?);
        }
        drop(rows);
        let changed = self.connection.changes();
        committed.rows += changed;
        Ok(changed)
    }

    fn execute(&self, sql: &'static str) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        statement.raw_execute().map(drop).map_err(failed)
    }

    fn fault(&self, point: FaultPoint) -> Result<(), Failure> {
        match &self.fault {
            Some(fault) if fault(point) => Err(Failure::Crash),
            _ => Ok(()),
        }
    }

    /// Folds the log into the file. When it cannot, the next time will do.
    fn fold(&self, how: &str) {
        if let Err(error) = self.connection.execute_batch(&format!("pragma wal_checkpoint({how})")) {
            tracing::warn!(%error, "the write-ahead log was not folded into the database");
        }
    }
}

/// Runs a statement and shows its rows.
fn query<'p>(
    connection: &Connection,
    sql: &'static str,
    params: impl Iterator<Item = Param<'p>>,
    show: &mut dyn FnMut(&dyn Columns) -> Flow,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    for (number, param) in params.enumerate() {
        statement.raw_bind_parameter(number + 1, param).map_err(failed)?;
    }
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(failed)? {
        if show(&Row(row))?.is_break() {
            break;
        }
    }
    Ok(())
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

/// The file itself, before SQLite makes it readable by everybody; its log takes over its permissions.
fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(path).map(drop);
    made.map_err(|error| unavailable(&format!("`{}` cannot be opened: {error}", path.display())))
}

fn writer(path: &Path) -> Result<Connection, StoreError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER)
}

fn reader(path: &Path) -> Result<Connection, StoreError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER)
}

fn connect(path: &Path, flags: OpenFlags, pragmas: &str) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.execute_batch(pragmas).map_err(failed)?;
    Ok(connection)
}

/// Applies the steps that are missing, each in a transaction that only one process can have.
fn migrate(connection: &Connection, steps: &[Migration], now: i64) -> Result<(), StoreError> {
    while !migrate::pending(steps, &applied(connection)?)?.is_empty() {
        connection.execute_batch("begin immediate").map_err(failed)?;
        let done = migrate_one(connection, steps, now);
        connection.execute_batch(if done.is_ok() { "commit" } else { "rollback" }).map_err(failed)?;
        done?;
    }
    Ok(())
}

fn migrate_one(connection: &Connection, steps: &[Migration], now: i64) -> Result<(), StoreError> {
    // Another process may have been faster.
    let pending = migrate::pending(steps, &applied(connection)?)?;
    let Some(step) = pending.first() else { return Ok(()) };
    connection.execute_batch(migrate::TABLE).map_err(failed)?;
    connection.execute_batch(&step.expand(MACROS)).map_err(failed)?;
    let values = (step.number, step.name, step.checksum(), now);
    connection.execute(migrate::NOTE, values).map(drop).map_err(failed)
}

fn applied(connection: &Connection) -> Result<Vec<Applied>, StoreError> {
    let mut all = Vec::new();
    if connection.table_exists(Some("main"), "migration").map_err(failed)? {
        query(connection, migrate::LIST, std::iter::empty(), &mut |row| {
            let (name, checksum) = (row.text(1)?.to_owned(), row.text(2)?.to_owned());
            all.push(Applied { number: row.int(0)?, name, checksum });
            MORE
        })?;
    }
    Ok(all)
}

fn head(connection: &Connection, tenant: i64) -> Result<Head, StoreError> {
    let mut head = Head::START;
    query(connection, audit::HEAD, std::iter::once(Param::Int(tenant)), &mut |row| {
        head = Head::read(row)?;
        ENOUGH
    })?;
    Ok(head)
}

/// Copies a database that others may be writing to. `step` says whether to go on.
pub(crate) fn copy(from: &Path, to: &Path, mut step: impl FnMut(u64, u64) -> bool) -> Result<(), StoreError> {
    let source = reader(from)?;
    // One snapshot for the whole copy; else every commit of another connection would begin it anew.
    source.execute_batch("begin; select number from migration limit 1").map_err(failed)?;
    let _ = std::fs::remove_file(to);
    create(to)?;
    let mut target = connect(to, OpenFlags::SQLITE_OPEN_READ_WRITE, "")?;
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

/// Reads a whole file and says whether it holds.
pub(crate) fn verify(path: &Path) -> Result<Verified, StoreError> {
    let connection = reader(path)?;
    let integrity: String =
        connection.query_row("pragma integrity_check(1)", (), |row| row.get(0)).map_err(failed)?;
    if integrity != "ok" {
        return Err(StoreError::Broken(integrity));
    }
    migrate::pending(migrate::MIGRATIONS, &applied(&connection)?)?;
    let mut tenants = Vec::new();
    query(&connection, audit::HEADS, std::iter::once(Param::Int(0)), &mut |row| {
        tenants.push(row.int(0)?);
        MORE
    })?;
    let mut verified = Verified { chains: 0, entries: 0 };
    for tenant in tenants {
        match verify_chain(&connection, tenant)? {
            AuditVerdict::Intact { entries } => verified.entries += entries,
            AuditVerdict::Broken { sequence, reason } => {
                let text = format!("entry {sequence} of the audit chain of tenant {tenant}: {reason}");
                return Err(StoreError::Broken(text));
            }
        }
        verified.chains += 1;
    }
    Ok(verified)
}

fn verify_chain(connection: &Connection, tenant: i64) -> Result<AuditVerdict, StoreError> {
    let mut chain = Chain::new(tenant, head(connection, tenant)?);
    query(connection, audit::CHAIN, std::iter::once(Param::Int(tenant)), &mut |row| chain.entry(row))?;
    Ok(chain.verdict(head(connection, tenant)?))
}

/// What SQLite says, sorted by whether another try may help.
fn failed(error: rusqlite::Error) -> StoreError {
    use ErrorCode::*;
    match error.sqlite_error_code() {
        Some(
            DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure | CannotOpen | OutOfMemory | ReadOnly
            | OperationInterrupted | PermissionDenied | FileLockingProtocolFailed,
        ) => unavailable(&error.to_string()),
        _ => StoreError::Broken(error.to_string()),
    }
}

fn mistyped(column: usize) -> StoreError {
    StoreError::Broken(format!("column {column} holds a value of another type"))
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

fn stopped() -> StoreError {
    unavailable("its writer has stopped")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Store;
    use crate::contract::{World, contract};

    /// A database file of its own.
    pub(crate) struct File(tempfile::TempDir);

    impl File {
        pub(crate) fn path(&self) -> PathBuf {
            self.0.path().join("store.db")
        }

        pub(crate) fn raw(&self) -> Connection {
            writer(&self.path()).unwrap()
        }
    }

    impl World for File {
        fn new() -> Self {
            File(tempfile::tempdir().unwrap())
        }

        fn open(&self, options: Options) -> Store {
            Store::open(&self.path(), options).unwrap()
        }

        fn tamper(&self, sql: &str) {
            assert_eq!(self.raw().execute(sql, ()).unwrap(), 1, "{sql}");
        }
    }

    contract!(File);

    pub(crate) fn explain(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(&format!("explain query plan {sql}")).unwrap();
        let mut rows = statement.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get(3).unwrap());
        }
        plan
    }

    fn schema(connection: &Connection) -> Vec<(String, String)> {
        let sql = "select name, coalesce(sql, '') from sqlite_master order by name";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    }

    fn step(number: i64, name: &'static str, text: &'static str) -> Migration {
        Migration { number, name, text }
    }

    #[test]
    fn a_fresh_database_is_an_upgraded_one() {
        let mut steps = migrate::MIGRATIONS.to_vec();
        steps.push(step(1_000, "later", "create table later (a {bytes} primary key) {clustered}"));
        let fresh = Connection::open_in_memory().unwrap();
        migrate(&fresh, &steps, 0).unwrap();
        let upgraded = Connection::open_in_memory().unwrap();
        for end in 1..=steps.len() {
            migrate(&upgraded, &steps[..end], 0).unwrap();
        }
        assert_eq!(schema(&fresh), schema(&upgraded));
        assert_eq!(applied(&fresh).unwrap(), applied(&upgraded).unwrap());
    }

    #[test]
    fn a_database_ahead_of_the_binary_is_refused() {
        let file = File::new();
        drop(file.open(Options::default()));
        file.tamper("insert into migration values (7, 'future', 'x', 0)");
        let error = Store::open(&file.path(), Options::default()).unwrap_err();
        expect_test::expect!["the database is at migration 7 `future`, this binary knows 1; start a newer durward"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn an_edited_migration_is_refused() {
        let file = File::new();
        drop(file.open(Options::default()));
        file.tamper("update migration set checksum = 'x' where number = 1");
        let error = Store::open(&file.path(), Options { read_only: true, ..Options::default() }).unwrap_err();
        expect_test::expect!["migration 1 `directory` of the database is not the one this binary knows; use the binary that made it"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn a_migration_that_fails_leaves_no_trace() {
        let connection = Connection::open_in_memory().unwrap();
        let steps = [step(1, "good", "create table good (a)"), step(2, "bad", "create table bad (a); nonsense")];
        migrate(&connection, &steps, 0).unwrap_err();
        assert_eq!(applied(&connection).unwrap().len(), 1);
        assert!(!connection.table_exists(Some("main"), "bad").unwrap());
    }

    #[test]
    fn many_openers_at_once_migrate_once() {
        let file = File::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| drop(file.open(Options::default())));
            }
        });
        assert_eq!(applied(&file.raw()).unwrap().len(), migrate::MIGRATIONS.len());
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let file = File::new();
        std::fs::write(file.path(), "what is this? ".repeat(100)).unwrap();
        assert!(matches!(Store::open(&file.path(), Options::default()), Err(StoreError::Broken(_))));
        let missing = file.path().with_extension("missing");
        let read_only = Options { read_only: true, ..Options::default() };
        assert!(matches!(Store::open(&missing, read_only), Err(StoreError::Unavailable(_))));
    }

    #[test]
    #[cfg(unix)]
    fn the_files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let file = File::new();
        let _store = file.open(Options::default());
        for entry in std::fs::read_dir(file.0.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        }
    }
}
