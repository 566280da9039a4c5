//! The database: read-only connections for who asks, and one writing thread that commits in groups.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::Fault;
use crate::Result;

/// Durward's tables, but for what came later, with SQLite's words for what differs from database to database.
const SCHEMA: &str = include_str!("../../../crates/store/src/migrations/0001_directory.sql");

// Equal to the store's, so that the database does the same work.
const WRITER: &str = "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 20000; \
    pragma foreign_keys = off; pragma cache_size = -16384; pragma temp_store = memory";
const READER: &str = "pragma query_only = on; pragma cache_size = -2048; pragma temp_store = memory";
const GROUP_MAX: usize = 256;
const IDLE: Duration = Duration::from_secs(2);
const STATEMENTS_MAX: usize = 64;
const BUSY: Duration = Duration::from_secs(5);

type Answer = Result<i64, Fault>;

/// What the writing thread is to do. Its result is a version.
type Work = Box<dyn FnOnce(&Connection) -> Answer + Send>;

enum Message {
    Write(Work, oneshot::Sender<Answer>),
    Close(mpsc::Sender<()>),
}

pub(super) struct Db {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: mpsc::Sender<Message>,
}

impl Db {
    /// Opens the database, and makes it when there is none.
    pub(super) fn open(path: &Path, seed: fn(&Connection) -> rusqlite::Result<()>) -> Result<Self> {
        let writer =
            connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, WRITER)?;
        if !writer.table_exists(Some("main"), "record")? {
            writer
                .execute_batch(&SCHEMA.replace("{bytes}", "blob").replace("{clustered}", "without rowid"))?;
        }
        seed(&writer)?;
        let (sender, inbox) = mpsc::channel();
        std::thread::Builder::new().name("writer".to_owned()).spawn(move || run(&writer, &inbox))?;
        Ok(Db { path: path.to_owned(), readers: Mutex::default(), writer: sender })
    }

    /// Reads in one snapshot, on the calling thread.
    pub(super) fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let kept = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match kept {
            Some(db) => db,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER)?,
        };
        execute(&db, "begin")?;
        let found = f(&db);
        execute(&db, "commit")?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        found
    }

    /// Writes, and answers when that is durable.
    pub(super) async fn write(&self, work: impl FnOnce(&Connection) -> Answer + Send + 'static) -> Answer {
        let stopped = || Fault::Broken("the writer stopped".to_owned());
        let (answer, answered) = oneshot::channel();
        self.writer.send(Message::Write(Box::new(work), answer)).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Folds the log into the file.
    pub(super) fn close(&self) {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let (answer, answered) = mpsc::channel();
        if self.writer.send(Message::Close(answer)).is_ok() {
            let _ = answered.recv();
        }
    }
}

fn connect(path: &Path, flags: OpenFlags, pragmas: &str) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY)?;
    // Else a statement whose `limit` is a placeholder is planned anew at every use, as the plan might profit from the value.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    db.execute_batch(pragmas)?;
    Ok(db)
}

fn execute(db: &Connection, sql: &str) -> Result<(), Fault> {
    Ok(db.prepare_cached(sql)?.raw_execute().map(drop)?)
}

/// The writing thread: takes what waits as a group, commits it with one sync, then answers.
fn run(db: &Connection, inbox: &mpsc::Receiver<Message>) {
    let mut unfolded = false;
    loop {
        let message = if unfolded { inbox.recv_timeout(IDLE) } else { inbox.recv().map_err(Into::into) };
        let (mut works, mut answers, mut closing) = (Vec::new(), Vec::new(), None);
        let mut take = |message| match message {
            Message::Write(work, answer) => {
                works.push(work);
                answers.push(answer);
                works.len() < GROUP_MAX
            }
            Message::Close(answer) => {
                closing = Some(answer);
                false
            }
        };
        match message {
            Ok(message) => {
                let mut goes_on = take(message);
                while let (true, Ok(message)) = (goes_on, inbox.try_recv()) {
                    goes_on = take(message);
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = db.execute_batch("pragma wal_checkpoint(passive)");
                unfolded = false;
                continue;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        if !works.is_empty() {
            let results = commit(db, works);
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(result);
            }
            unfolded = true;
        }
        if let Some(closing) = closing {
            let _ = db.execute_batch("pragma wal_checkpoint(truncate)");
            let _ = closing.send(());
            return;
        }
    }
}

fn commit(db: &Connection, works: Vec<Work>) -> Vec<Answer> {
    let count = works.len();
    transact(db, works).unwrap_or_else(|fault| {
        let _ = execute(db, "rollback");
        vec![Err(fault); count]
    })
}

fn transact(db: &Connection, works: Vec<Work>) -> Result<Vec<Answer>, Fault> {
    execute(db, "begin immediate")?;
    let is_group = works.len() > 1;
    let mut results = Vec::with_capacity(works.len());
    for work in works {
        if !is_group {
            // The transaction is its savepoint.
            results.push(Ok(work(db)?));
            continue;
        }
        execute(db, "savepoint work")?;
        let result = work(db);
        if result.is_err() {
            execute(db, "rollback to work")?;
        }
        execute(db, "release work")?;
        results.push(result);
    }
    execute(db, "commit")?;
    Ok(results)
}
