//! Throw-away databases for tests: SQLite files and PostgreSQL databases, asked in the same words.
//!
//! With `TEST_ON=postgres` a [`Place`] is a PostgreSQL database, else it is a file. Nothing here knows the
//! server or its store.

mod bouncer;
mod cluster;
mod postgres;
mod proxy;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use bouncer::Bouncer;
pub use cluster::Cluster;
pub use postgres::{Database, ask};
pub use proxy::Proxy;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

/// Where an installation keeps its data, as a test sees it from behind.
pub struct Place {
    /// Where a server would put its file.
    folder: TempDir,
    database: Option<Database>,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether tests run on PostgreSQL.
pub fn on_postgres() -> bool {
    std::env::var_os("TEST_ON").is_some_and(|on| on == "postgres")
}

/// The URL of the database that the commands of a test in this folder use, when tests run on PostgreSQL.
pub fn database_of(folder: &Path) -> Option<String> {
    static MADE: Mutex<Option<HashMap<PathBuf, Database>>> = Mutex::new(None);
    if !on_postgres() {
        return None;
    }
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let database = made.get_or_insert_default().entry(folder.to_owned()).or_default();
    Some(database.url())
}

#[expect(clippy::expect_used, reason = "for tests")]
impl Place {
    /// Makes an empty one.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("no temporary folder");
        Self { folder, database: on_postgres().then(Database::new) }
    }

    /// What a store is opened by.
    pub fn url(&self) -> String {
        self.database.as_ref().map_or_else(|| format!("sqlite:{}", self.file().display()), Database::url)
    }

    /// Runs SQL that changes rows.
    pub fn execute(&self, sql: &str) {
        match &self.database {
            Some(database) => drop(database.run(sql)),
            None => self.sqlite().execute_batch(sql).expect(sql),
        }
    }

    /// The rows a query finds, each as one line.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        match &self.database {
            Some(database) => database.run(sql).lines().map(str::to_owned).collect(),
            None => rows(&self.sqlite(), sql),
        }
    }

    /// Ends every connection that a server has to it; a file has none.
    pub fn cut(&self) {
        if let Some(database) = &self.database {
            database.run(
                "select pg_terminate_backend(pid) from pg_stat_activity \
                where datname = current_database() and pid <> pg_backend_pid()",
            );
        }
    }

    /// The tables of an installation.
    pub fn tables(&self) -> Vec<String> {
        self.rows(match &self.database {
            Some(_) => "select tablename from pg_tables where schemaname = 'public' and tablename <> 'migration' order by 1",
            None => "select name from sqlite_master where type = 'table' and name <> 'migration' order by 1",
        })
    }

    /// Everything that is kept, as it lies there.
    pub fn kept(&self) -> Vec<u8> {
        if self.database.is_some() {
            let rows = self
                .tables()
                .into_iter()
                .map(|table| self.rows(&format!("select * from {table}")).join("\n"));
            return rows.collect::<Vec<_>>().join("\n").into_bytes();
        }
        let files = std::fs::read_dir(self.folder.path()).expect("the folder is there").flatten();
        files.flat_map(|file| std::fs::read(file.path()).unwrap_or_default()).collect()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("durward.db")
    }

    fn sqlite(&self) -> Connection {
        Connection::open(self.file()).expect("the database is there")
    }
}

/// The rows a query finds in an SQLite database, each as one line, `|` between columns.
#[expect(clippy::expect_used, reason = "for tests")]
pub fn rows(database: &Connection, sql: &str) -> Vec<String> {
    let mut statement = database.prepare(sql).expect(sql);
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().expect(sql) {
        let cells: Vec<_> = (0..columns).map(|column| cell(row.get_ref(column).expect(sql))).collect();
        lines.push(cells.join("|"));
    }
    lines
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
