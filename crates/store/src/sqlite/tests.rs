//! SQLite under the contract, and what only it does: files, permissions, migrations.

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
        Session::writer(&self.path()).unwrap().0
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

fn memory() -> Session {
    Session(Connection::open_in_memory().unwrap())
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
    let fresh = memory();
    fresh.migrate(&steps, 0).unwrap();
    let upgraded = memory();
    for end in 1..=steps.len() {
        upgraded.migrate(&steps[..end], 0).unwrap();
    }
    assert_eq!(schema(&fresh.0), schema(&upgraded.0));
    assert_eq!(fresh.applied().unwrap(), upgraded.applied().unwrap());
}

#[test]
fn a_database_ahead_of_the_binary_is_refused() {
    let file = File::new();
    drop(file.open(Options::default()));
    file.tamper("insert into migration values (7, 'future', 'x', 0)");
    let error = Store::open(&file.path(), Options::default()).unwrap_err();
    expect_test::expect![
        "the database is at migration 7 `future`, this binary knows 1; start a newer durward"
    ]
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
    let connection = memory();
    let steps = [step(1, "good", "create table good (a)"), step(2, "bad", "create table bad (a); nonsense")];
    connection.migrate(&steps, 0).unwrap_err();
    assert_eq!(connection.applied().unwrap().len(), 1);
    assert!(!connection.0.table_exists(Some("main"), "bad").unwrap());
}

#[test]
fn many_openers_at_once_migrate_once() {
    let file = File::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| drop(file.open(Options::default())));
        }
    });
    assert_eq!(Session(file.raw()).applied().unwrap().len(), migrate::MIGRATIONS.len());
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
