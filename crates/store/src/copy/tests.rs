//! Copies between both databases, broken off anywhere and gone on with; and that the list of tables is complete.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use scratch::Database;

use super::*;
use crate::contract::tenants::fill;
use crate::contract::{ACME, GLOBEX, World, creation, entries, intact};
use crate::sqlite::tests::File;
use crate::{AuditVerdict, Options, Store};

/// Small enough for every table to take several batches.
const SLOW: Pace = Pace { rows: 400, bytes: 1024 * 1024 };

/// Every row of a database, table by table.
async fn dump(at: &Location) -> Vec<String> {
    let mut connection = Connection::source(at).await.unwrap();
    let mut lines = Vec::new();
    for part in connection.parts().await.unwrap() {
        for row in connection.page(&part, None, Pace { rows: u64::MAX, bytes: usize::MAX }).await.unwrap() {
            lines.push(format!("{} {:?}", part.table.name, row.0));
        }
    }
    lines
}

async fn filled(world: &impl World) -> Vec<String> {
    let store = world.fresh().await;
    fill(&store).await;
    store.tenant(ACME).commit(creation("last", &[0, 255, 7])).await.unwrap();
    store.close().await;
    let dump = dump(&world.location()).await;
    assert!(dump.len() > 3_000, "more than a few batches: {}", dump.len());
    dump
}

async fn copied(from: &impl World, to: &impl World) -> Copied {
    copy(&from.location(), &to.location(), 1, |_| ()).await.unwrap()
}

#[tokio::test]
async fn there_and_back_nothing_is_lost() {
    let (file, database, back) = (File::new(), Database::new(), File::new());
    let whole = filled(&file).await;
    let rows = whole.len() as u64;
    let mut heard = Vec::new();
    let there = copy(&file.location(), &database.location(), 1, |progress| heard.push(progress)).await;
    assert_eq!(there.unwrap(), Copied { rows, before: 0, tenants: 2 });
    assert!(heard.iter().all(|progress| progress.rows <= rows && progress.of == rows), "{heard:?}");
    for phase in [Phase::Copying, Phase::Verifying] {
        assert!(heard.iter().any(|progress| progress.phase == phase), "{phase}: {heard:?}");
    }
    assert_eq!(dump(&database.location()).await, whole);
    copied(&database, &back).await;
    assert_eq!(dump(&back.location()).await, whole);

    let store = database.fresh().await;
    let verdict = store.tenant(ACME).verify_audit().await.unwrap();
    assert!(matches!(verdict, AuditVerdict::Intact { entries: 1.., .. }), "{verdict:?}");
    store.tenant(ACME).commit(creation("new", b"new")).await.unwrap();
    let chain = entries(store.tenant(ACME), false).await.len();
    intact(store.tenant(ACME), chain.try_into().unwrap()).await;
}

/// A file that an earlier durward filled may hold what none keeps any more, and a server cannot hold.
#[tokio::test]
async fn a_nul_is_copied_as_it_is_kept() {
    let (file, database, back) = (File::new(), Database::new(), File::new());
    filled(&file).await;
    let expected = dump(&file.location()).await;
    for end in ["char(0)", "char(65533)"] {
        file.tamper(&format!(
            "update record set display = 'a' || {end} where tenant = 1 and id = 'a' and kind = 'Thing'"
        ));
        if end == "char(0)" {
            copied(&file, &database).await;
            copied(&file, &back).await;
        }
    }
    let kept = dump(&file.location()).await;
    assert_ne!(kept, expected);
    assert_eq!(dump(&database.location()).await, kept);
    assert_eq!(dump(&back.location()).await, kept);
}

/// Copies in small batches; none when `progress` panics, as if the machine had stopped there.
async fn attempt(
    from: &Location,
    to: &Location,
    progress: impl FnMut(Progress),
) -> Option<Result<Copied, CopyError>> {
    AssertUnwindSafe(at_pace(SLOW, from, to, 1, progress)).catch_unwind().await.ok()
}

/// Wherever a copy is broken off, nobody takes what there is for an installation, and the next attempt goes on.
async fn broken_off_anywhere<W: World>() {
    let file = File::new();
    let whole = filled(&file).await;
    let from = file.location();
    let mut batches = 0;
    loop {
        let target = W::new();
        let to = target.location();
        let mut heard = 0;
        let done = attempt(&from, &to, |_| {
            heard += 1;
            assert!(heard <= batches, "broken off");
        });
        if let Some(done) = done.await {
            done.unwrap();
            break;
        }
        batches = batches * 2 + 1;
        let error = Store::open(&to, Options::default()).await.unwrap_err();
        assert_eq!(error, StoreError::Unfinished);
        let half = copy(&to, &File::new().location(), 1, |_| ()).await;
        assert!(matches!(half, Err(CopyError::Source(_, StoreError::Unfinished))), "{half:?}");
        let copied = attempt(&from, &to, |_| ()).await.unwrap().unwrap();
        assert!(copied.before >= SLOW.rows && copied.before <= copied.rows, "{copied:?}");
        assert_eq!(dump(&to).await, whole);
    }
    assert!(batches > 9, "{batches}");
}

#[tokio::test]
async fn a_copy_to_a_file_that_was_broken_off_goes_on() {
    broken_off_anywhere::<File>().await;
}

#[tokio::test]
async fn a_copy_to_a_server_that_was_broken_off_goes_on() {
    broken_off_anywhere::<Database>().await;
}

/// Does something while a copy waits, as if it were on another machine.
fn elsewhere<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        scope.spawn(move || runtime.block_on(work)).join().unwrap()
    })
}

/// However long an attempt was asleep: once another has taken over, it writes nothing more, and says so.
async fn an_attempt_that_was_overtaken_writes_nothing<W: World>() {
    let file = File::new();
    filled(&file).await;
    let from = file.location();
    for phase in [Phase::Copying, Phase::Verifying] {
        let target = W::new();
        let (to, mut living) = (target.location(), Vec::new());
        let overtaken = attempt(&from, &to, |progress| {
            if progress.phase == phase && living.is_empty() {
                living = elsewhere(async {
                    copy(&from, &to, 1, |_| ()).await.unwrap();
                    // The installation lives on.
                    let store = Store::open(&to, Options::default()).await.unwrap();
                    store.tenants().delete(ACME, 2, "me").await.unwrap();
                    store.close().await;
                    dump(&to).await
                });
            }
        });
        let overtaken = overtaken.await.unwrap();
        assert!(matches!(overtaken, Err(CopyError::Overtaken(_))), "{overtaken:?}");
        assert_eq!(dump(&to).await, living);
    }

    // Nor does it open the target to others while another attempt is at it.
    let target = W::new();
    let to = target.location();
    let overtaken = attempt(&from, &to, |progress| {
        if progress.phase == Phase::Verifying {
            let other = elsewhere(attempt(&from, &to, |progress| {
                assert!(progress.phase == Phase::Copying, "broken off when all is copied");
            }));
            assert!(other.is_none());
        }
    });
    let overtaken = overtaken.await.unwrap();
    assert!(matches!(overtaken, Err(CopyError::Overtaken(_))), "{overtaken:?}");
    assert_eq!(Store::open(&to, Options::default()).await.unwrap_err(), StoreError::Unfinished);
    copy(&from, &to, 1, |_| ()).await.unwrap();
    assert_eq!(dump(&to).await, dump(&from).await);
}

#[tokio::test]
async fn an_attempt_that_was_overtaken_writes_nothing_to_a_file() {
    an_attempt_that_was_overtaken_writes_nothing::<File>().await;
}

#[tokio::test]
async fn an_attempt_that_was_overtaken_writes_nothing_to_a_server() {
    an_attempt_that_was_overtaken_writes_nothing::<Database>().await;
}

#[tokio::test]
async fn one_of_several_copies_at_once_says_that_it_is_done() {
    let (file, target) = (File::new(), Database::new());
    let whole = filled(&file).await;
    let (from, to) = (&file.location(), &target.location());
    let done = std::thread::scope(|scope| {
        let copies: Vec<_> =
            (0..3).map(|_| scope.spawn(|| elsewhere(attempt(from, to, |_| ())).unwrap())).collect();
        copies.into_iter().map(|copy| copy.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
    for done in &done {
        assert!(matches!(done, Ok(_) | Err(CopyError::Overtaken(_) | CopyError::Occupied(_))), "{done:?}");
    }
    assert_eq!(dump(to).await, whole);
}

#[tokio::test]
async fn a_target_with_another_installation_is_refused() {
    let (one, other, target) = (File::new(), File::new(), Database::new());
    filled(&one).await;
    filled(&other).await;
    let before = dump(&other.location()).await;
    let refused = copy(&one.location(), &other.location(), 1, |_| ()).await;
    assert!(matches!(refused, Err(CopyError::Occupied(_))), "{refused:?}");
    assert_eq!(dump(&other.location()).await, before);
    let (from, to) = (one.location(), target.location());
    assert!(attempt(&from, &to, |_| panic!("broken off")).await.is_none());
    // Told apart by their first audit entries.
    other.tamper("update audit set hash = x'07' where tenant = 0 and sequence = 1");
    let refused = copy(&other.location(), &target.location(), 1, |_| ()).await;
    assert!(matches!(refused, Err(CopyError::Another(_))), "{refused:?}");
    copied(&one, &target).await;
    let refused = copy(&one.location(), &target.location(), 1, |_| ()).await;
    assert!(matches!(refused, Err(CopyError::Occupied(_))), "{refused:?}");
}

/// What a target holds beside an installation is somebody else's.
async fn a_target_with_something_else_is_refused<W: World>(also: &str) {
    let (file, target) = (File::new(), W::new());
    filled(&file).await;
    target.alter("create table foo (a bigint)");
    let refused = copy(&file.location(), &target.location(), 1, |_| ()).await.unwrap_err();
    assert!(refused.to_string().contains("`foo`; name an empty database"), "{refused}");
    target.alter("create table record (a bigint)");
    target.alter("drop table record; drop table foo");
    target.alter(also);
    copied(&file, &target).await;
}

#[tokio::test]
async fn a_file_with_something_else_is_refused() {
    // SQLite's own statistics stay.
    a_target_with_something_else_is_refused::<File>(
        "create table foo (a primary key); analyze; drop table foo",
    )
    .await;
}

#[tokio::test]
async fn a_server_with_something_else_is_refused() {
    let elsewhere =
        "create extension pg_stat_statements; create schema other; create table other.foo (a bigint)";
    a_target_with_something_else_is_refused::<Database>(elsewhere).await;
}

#[tokio::test]
async fn a_source_that_changed_since_is_found_and_the_table_named() {
    for (change, table, tenant) in [
        ("update record set display = 'other' where tenant = 1 and id = 'a' and kind = 'Thing'", "record", 1),
        ("delete from unique_key where tenant = 2 and id = 'a'", "unique_key", 2),
        ("update tenant set kinds = kinds + 1 where tenant = 2", "tenant", 2),
    ] {
        let (file, target) = (File::new(), Database::new());
        filled(&file).await;
        let mut heard = 0;
        let (from, to) = (file.location(), target.location());
        let begun = attempt(&from, &to, |progress| {
            heard += 1;
            assert!(progress.phase == Phase::Copying, "broken off when all is copied");
        });
        assert!(begun.await.is_none() && heard > 1);
        file.tamper(change);
        match copy(&file.location(), &target.location(), 1, |_| ()).await {
            Err(CopyError::Differs { table: found, tenant: whose, .. }) => {
                assert_eq!((found, whose), (table, tenant));
            }
            other => panic!("{change}: {other:?}"),
        }
        assert_eq!(
            Store::open(&target.location(), Options::default()).await.unwrap_err(),
            StoreError::Unfinished
        );
    }
}

/// What is written while a copy is made is not in it, whole batches as little as halves of them.
async fn one_moment_is_copied<W: World>() {
    let (source, target) = (W::new(), File::new());
    let whole = filled(&source).await;
    let store = source.fresh().await;
    let mut made = 0_u8;
    copy_beside(&source, &target, async || {
        made += 1;
        store.tenant(GLOBEX).commit(creation(&format!("during {made}"), &[made, 9])).await.unwrap();
    })
    .await;
    assert_eq!(dump(&target.location()).await, whole);
    store.close().await;
    assert_eq!(dump(&source.location()).await.len(), whole.len() + usize::from(made) * 5);
}

/// Copies, and does something else at the same time.
async fn copy_beside(from: &impl World, to: &impl World, mut beside: impl AsyncFnMut()) {
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let (from, to) = (from.location(), to.location());
    let copying = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (go, gate) = std::sync::mpsc::channel();
        let done = runtime.block_on(at_pace(SLOW, &from, &to, 1, |_| {
            // Waits for the first few batches until the other has been at work.
            if heard.send(go.clone()).is_ok() {
                gate.recv().unwrap();
            }
        }));
        done.unwrap();
    });
    for _ in 0..3 {
        let go: std::sync::mpsc::Sender<()> = hears.recv().await.unwrap();
        beside().await;
        go.send(()).unwrap();
    }
    // A batch that waits already is let go.
    hears.close();
    while let Some(go) = hears.recv().await {
        go.send(()).unwrap();
    }
    copying.join().unwrap();
}

#[tokio::test]
async fn what_is_written_meanwhile_to_a_file_is_not_copied() {
    one_moment_is_copied::<File>().await;
}

#[tokio::test]
async fn what_is_written_meanwhile_to_a_server_is_not_copied() {
    one_moment_is_copied::<Database>().await;
}

/// The list of tables is what the migrations make.
#[tokio::test]
async fn the_list_of_tables_is_complete() {
    let file = File::new();
    drop(file.fresh().await);
    let raw = file.raw();
    let made = "select t.name || ' ' || c.name || ' ' || lower(c.type) || ' ' || c.pk from sqlite_schema t, \
        pragma_table_info(t.name) c where t.type = 'table' and t.name <> 'migration' order by 1";
    let mut listed: Vec<String> = TABLES
        .iter()
        .flat_map(|table| {
            table.columns().enumerate().map(|(number, (column, ty))| {
                let ty = match ty {
                    Type::Int => "bigint",
                    Type::Text => "text",
                    Type::Bytes => "blob",
                };
                let key = if number <= table.key.len() { number + 1 } else { 0 };
                format!("{} {column} {ty} {key}", table.name)
            })
        })
        .collect();
    listed.sort_unstable();
    assert_eq!(scratch::rows(&raw, made), listed);
}

/// No row is so large that the next could not be read, and none is lost at the edge of a page.
#[tokio::test]
async fn pages_end_where_they_may() {
    let (file, target) = (File::new(), File::new());
    let whole = filled(&file).await;
    for pace in [Pace { rows: 1, bytes: usize::MAX }, Pace { rows: 7, bytes: 1 }] {
        let mut source = Connection::source(&file.location()).await.unwrap();
        let parts = source.parts().await.unwrap();
        for part in parts.iter().filter(|part| part.rows < 100) {
            assert_eq!(source.tally(part, pace, &mut |_| ()).await.unwrap().rows, part.rows);
        }
    }
    let paced =
        at_pace(Pace { rows: 333, bytes: 900 }, &file.location(), &target.location(), 1, |_| ()).await;
    assert_eq!(paced.unwrap().rows, whole.len() as u64);
}
