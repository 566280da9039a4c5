//! Opening a database that another binary made, or that others open at the same time.

use super::{ACME, World, all_ids, batch, creation, intact, update};
use crate::{Access, Options, RecordRef, Store, Update};

pub(crate) async fn a_database_ahead_of_the_binary_is_refused(world: &impl World) {
    drop(world.fresh().await);
    world.tamper("insert into migration values (7, 'future', 'x', 0)");
    let error = Store::open(&world.location(), Options::default()).await.unwrap_err();
    expect_test::expect![
        "the database is at migration 7 `future`, this binary knows 3; start a newer durward"
    ]
    .assert_eq(&error.to_string());
}

pub(crate) async fn an_edited_migration_is_refused(world: &impl World) {
    drop(world.fresh().await);
    world.tamper("update migration set checksum = 'x' where number = 1");
    let options = Options { read_only: true, ..Options::default() };
    let error = Store::open(&world.location(), options).await.unwrap_err();
    expect_test::expect!["migration 1 `directory` of the database is not the one this binary knows; use the binary that made it"]
        .assert_eq(&error.to_string());
}

pub(crate) async fn an_empty_database_is_not_taken_as_it_is(world: &impl World) {
    world.alter("create table other (a bigint)");
    for (read_only, as_it_is) in [(true, false), (false, true)] {
        let options = Options { read_only, as_it_is, ..Options::default() };
        let error = Store::open(&world.location(), options).await.unwrap_err();
        assert!(error.to_string().contains("holds no installation"), "{error}");
    }
    world.alter("create table record (a bigint)");
    world.alter("drop table record");
    drop(world.fresh().await);
    let store = world.open(Options { as_it_is: true, ..Options::default() }).await;
    store.tenant(ACME).commit(creation("a", b"a")).await.unwrap();
}

pub(crate) async fn many_openers_at_once_migrate_once(world: &impl World) {
    let location = world.location();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let store = runtime.block_on(Store::open(&location, Options::default())).unwrap();
                runtime.block_on(store.healthy()).unwrap();
            });
        }
    });
    world.fresh().await.healthy().await.unwrap();
}

/// Takes the third step back.
fn before_the_third(world: &impl World) {
    world.alter("drop index head_listeners");
    world.alter("alter table head drop column listeners");
    world.alter("alter table head drop column delivered");
    world.tamper("delete from migration where number = 3");
}

/// The second step finds rows of the first, and a node that knows the first alone writes on beside it.
pub(crate) async fn rows_of_before_a_step_are_read_after_it(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(creation("a", b"a")).await.unwrap();
    drop(store);
    before_the_third(world);
    world.alter("alter table record drop column mentioned");
    world.tamper("delete from migration where number = 2");
    let store = world.open(Options::default()).await;
    let acme = store.tenant(ACME);
    let mentioned = async |id: &str| {
        let show =
            |record: RecordRef<'_>, _| (record.version, record.mentioned.map(|other| other.id.to_owned()));
        acme.with_sources(("Thing", Some("Thing")), id, &[], show).await.unwrap().unwrap()
    };
    assert_eq!(mentioned("a").await, (1, None));
    let named = Update { mentioned: Some("b"), ..update("a", Some(1), "{}") };
    acme.commit(batch(|b| b.update(&named))).await.unwrap();
    assert_eq!(mentioned("a").await, (2, Some("b".to_owned())));
    // As the first step's statements write: what they do not know stays as it is.
    world.tamper("update record set version = version + 1, document = '{\"c\":1}' where id = 'a'");
    assert_eq!(mentioned("a").await, (3, Some("b".to_owned())));
    world.tamper(
        "insert into record (tenant, kind, id, version, created, modified, display, document, connections, secret) \
         select tenant, kind, 'c', 1, 1, 1, 'c', '{}', null, null from record where id = 'a'",
    );
    assert_eq!(mentioned("c").await, (1, None));
    intact(acme, 1).await;
}

/// A node that knows the first two steps alone writes on beside one that knows the third: its commits tell nobody of anything, and
/// change nothing of who listens.
pub(crate) async fn who_listens_is_kept_by_a_node_that_does_not_know(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(creation("a", b"a")).await.unwrap();
    drop(store);
    before_the_third(world);
    let store = world.open(Options::default()).await;
    let acme = store.tenant(ACME);
    acme.commit(creation("b", b"b")).await.unwrap();
    assert_eq!(acme.event_numbers().await.unwrap().newest, 1, "nobody listens any more");
    acme.commit(batch(|b| b.listen(1).event("t", "c", 1))).await.unwrap();
    // As the steps before it write where a chain ends.
    world.tamper(
        "insert into head (tenant, audit, hash, outbox) select tenant, audit, hash, outbox from head where tenant = 1 \
         on conflict (tenant) do update set audit = excluded.audit, hash = excluded.hash, outbox = excluded.outbox",
    );
    acme.commit(batch(|b| b.event("t", "d", 1))).await.unwrap();
    let kept = acme.outbox(1, 9).await.unwrap();
    assert_eq!(
        kept.iter().map(|event| (event.sequence, &*event.payload)).collect::<Vec<_>>(),
        [(2, "c"), (3, "d")]
    );
    intact(acme, 2).await;
}

/// Nodes one release apart: a later one expands the schema, and those that run go on; but none starts on what it does
/// not know.
pub(crate) async fn a_running_node_goes_on_when_a_later_one_expands_the_schema(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(creation("a", b"a")).await.unwrap();
    world.alter("alter table record add column later bigint");
    world.alter("create index record_later on record (tenant, later)");
    world.alter("alter table token add column later text not null default ''");
    world.tamper("insert into migration values (4, 'expand', 'x', 0)");
    acme.commit(creation("b", b"b")).await.unwrap();
    acme.commit(batch(|b| b.update(&update("a", Some(1), "{}")))).await.unwrap();
    assert_eq!(acme.record("Thing", "a").await.unwrap().unwrap().version, 2);
    assert_eq!(all_ids(acme, "Thing", Access::Id).await, ["a", "b"]);
    intact(acme, 2).await;
    store.healthy().await.unwrap();
    let error = Store::open(&world.location(), Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("start a newer durward"), "{error}");
}
