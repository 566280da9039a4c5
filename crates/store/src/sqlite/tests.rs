//! SQLite under the contract, and what only it does: files, permissions, migrations.

use super::*;
use crate::contract::crash::state;
use crate::contract::{ACME, World, contract, creation};
use crate::{AuditVerdict, Location, Store, TenantId, Verified};

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

    fn location(&self) -> Location {
        Location::File(self.path())
    }

    fn tamper(&self, sql: &str) {
        assert_eq!(self.raw().execute(sql, ()).unwrap(), 1, "{sql}");
    }

    fn alter(&self, sql: &str) {
        create(&self.path()).unwrap();
        self.raw().execute_batch(sql).unwrap();
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
    Migration { number, name, text, postgres: None }
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
fn a_migration_that_fails_leaves_no_trace() {
    let connection = memory();
    let steps = [step(1, "good", "create table good (a)"), step(2, "bad", "create table bad (a); nonsense")];
    connection.migrate(&steps, 0).unwrap_err();
    assert_eq!(connection.applied().unwrap().len(), 1);
    assert!(!connection.0.table_exists(Some("main"), "bad").unwrap());
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let file = File::new();
    std::fs::write(file.path(), "what is this? ".repeat(100)).unwrap();
    assert!(matches!(Store::open(&file.location(), Options::default()).await, Err(StoreError::Broken(_))));
    let missing = file.path().with_extension("missing");
    let read_only = Options { read_only: true, ..Options::default() };
    assert!(matches!(
        Store::open(&Location::File(missing), read_only).await,
        Err(StoreError::Unavailable(_))
    ));
}

/// Also when a crash has left a log behind.
#[tokio::test]
async fn whether_a_file_is_in_use_is_asked_without_changing_it() {
    let (file, left) = (File::new(), File::new());
    let store = file.fresh().await;
    assert!(is_in_use(&file.path()));
    let files = |file: &File| ["db", "db-wal"].map(|end| file.path().with_extension(end));
    let content = |file: &File| files(file).map(|file| std::fs::read(file).unwrap());
    for (from, to) in files(&file).iter().zip(files(&left)) {
        std::fs::copy(from, to).unwrap();
    }
    let before = content(&left);
    assert!(!before[1].is_empty());
    assert!(!is_in_use(&left.path()));
    assert!(content(&left) == before);
    left.fresh().await.close().await;
    store.close().await;
    assert!(!is_in_use(&file.path()));
}

#[tokio::test]
#[cfg(unix)]
async fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let file = File::new();
    let _store = file.fresh().await;
    for entry in std::fs::read_dir(file.0.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
}

#[tokio::test]
async fn a_backup_is_a_whole_store() {
    let world = File::new();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy.db");
    let store = world.fresh().await;
    for id in ["a", "b"] {
        store.tenant(ACME).commit(creation(id, id.as_bytes())).await.unwrap();
    }
    let before = state(&store).await;
    let mut steps = Vec::new();
    let verified = store.backup(&to, |done, total| steps.push((done, total))).await.unwrap();
    assert_eq!(verified, Verified { chains: 3, entries: 2 + 2 });
    assert!(steps.last().is_some_and(|(done, total)| done == total && *total > 0));
    store.tenant(ACME).commit(creation("c", b"c")).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the copy stands alone");
    assert!(matches!(store.backup(&to, |_, _| ()).await, Err(StoreError::Exists(_))));

    let copy = Store::open(&to.as_path().into(), Options::default()).await.unwrap();
    assert_eq!(state(&copy).await, before);
    copy.tenant(ACME).commit(creation("c", b"c")).await.unwrap();
}

/// A folder that was copied from under a server, or that a crash left: most of the data is in the log.
#[tokio::test]
#[cfg(unix)]
async fn what_is_restored_is_what_the_log_holds_and_its_owners_alone() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let world = File::new();
    let store = world.fresh().await;
    for id in ["a", "b"] {
        store.tenant(ACME).commit(creation(id, id.as_bytes())).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(world.0.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let Location::File(path) = world.location() else { panic!("a file") };
    let from = folder.path().join(path.file_name().unwrap());
    std::fs::set_permissions(&from, std::fs::Permissions::from_mode(0o644)).unwrap();
    let to = folder.path().join("restored.db");
    // What was there has a log of its own.
    for name in ["restored.db", "restored.db-wal", "restored.db-shm"] {
        std::fs::write(folder.path().join(name), b"old").unwrap();
    }
    let verified = Store::restore(&from, &to).unwrap();
    assert_eq!(verified, Verified { chains: 3, entries: 2 + 2 });
    assert_eq!(std::fs::metadata(&to).unwrap().mode() & 0o777, 0o600);
    let restored = Store::open(&to.as_path().into(), Options::default()).await.unwrap();
    assert_eq!(state(&restored).await, state(&store).await);
    // A name that cannot be given leaves nothing behind.
    let taken = folder.path().join("taken");
    std::fs::create_dir_all(taken.join("full")).unwrap();
    assert!(Store::restore(&from, &taken).is_err());
    assert!(!folder.path().join("taken.part").exists());
}

/// What no statement of Durward's own writes, and a database with types would refuse.
#[tokio::test]
async fn entries_of_nobody_and_of_other_types_are_found() {
    let world = File::new();
    let store = world.fresh().await;
    store.tenant(ACME).commit(creation("a", b"a")).await.unwrap();
    world.tamper("update audit set hash = 'abc' where tenant = 1");
    let wrong = AuditVerdict::Broken { sequence: 1, reason: "it holds a value of another type" };
    assert_eq!(store.tenant(ACME).verify_audit().await.unwrap(), wrong);
    world.tamper("update audit set tenant = 77 where tenant = 1");
    assert!(store.audited().await.unwrap().contains(&TenantId(77)));
    let wrong = AuditVerdict::Broken { sequence: 1, reason: "it is missing at the end" };
    assert_eq!(store.tenant(ACME).verify_audit().await.unwrap(), wrong);
}

#[tokio::test]
async fn a_broken_backup_is_found() {
    let world = File::new();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy.db");
    let store = world.fresh().await;
    store.tenant(ACME).commit(creation("a", b"a")).await.unwrap();
    store.backup(&to, |_, _| ()).await.unwrap();
    let whole = std::fs::read(&to).unwrap();
    std::fs::write(&to, &whole[..whole.len() / 2]).unwrap();
    let restored = folder.path().join("restored.db");
    assert!(matches!(Store::restore(&to, &restored), Err(StoreError::Broken(_))));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left of it");
    std::fs::write(&to, &whole).unwrap();
    Store::restore(&to, &restored).unwrap();
    std::fs::remove_file(restored).unwrap();
    // A chain that does not hold is not backed up.
    world.tamper("update audit set actor = 'you' where tenant = 1");
    let error = store.backup(&folder.path().join("other.db"), |_, _| ()).await.unwrap_err();
    expect_test::expect![
        "the store is broken: entry 1 of the audit chain of tenant 1: its content does not match its hash"
    ]
    .assert_eq(&error.to_string());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
