//! PostgreSQL under the contract, and what only it does.

mod pooler;
mod refused;
mod tls;

use std::sync::Arc;

use scratch::{Cluster, Database};

use crate::contract::{ACME, World, batch, contract, creation, intact, new, update};
use crate::{CommitError, Location, Options, Over, RecordRef, Sources, Store, StoreError, Update};

impl World for Database {
    fn new() -> Self {
        Database::new()
    }

    fn location(&self) -> Location {
        self.url().parse().unwrap()
    }

    fn tamper(&self, sql: &str) {
        let count = self.run(&format!("with changed as ({sql} returning 1) select count(*) from changed"));
        assert_eq!(count.trim(), "1", "{sql}");
    }

    fn alter(&self, sql: &str) {
        self.run(sql);
    }
}

contract!(Database);

/// Ends every connection but its own.
const CUT: &str = "select pg_terminate_backend(pid) from pg_stat_activity \
    where datname = current_database() and pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_cut_is_replaced() {
    let world = Database::new();
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    for round in 0..3_u8 {
        let id = round.to_string();
        acme.commit(creation(&id, &[round])).await.unwrap();
        world.run(CUT);
        while let Err(error) = acme.record("Thing", &id).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        }
    }
    intact(acme, 3).await;
}

/// Of thirty, of which some are held, and some by what is held itself; of one that is not there; and where the rows about all
/// are more than may be read about one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_ask_at_once_is_what_each_would_be_told_alone() {
    let world = Database::new();
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    for number in 0..30_u8 {
        acme.commit(creation(&number.to_string(), &[number])).await.unwrap();
        let (id, next) = (number.to_string(), (number + 1).to_string());
        let mentions = Update { mentioned: Some(&next), ..update(&id, None, "{}") };
        acme.commit(batch(|b| b.update(&mentions))).await.unwrap();
    }
    for number in 0..6 {
        let id = format!("box{number}");
        let held = batch(|b| {
            b.insert(&new("Box", &id));
            (number..30).step_by(number + 2).for_each(|thing| {
                b.link("holds", &id, &thing.to_string(), &["Thing"]);
            });
            b.link("lists", &id, &number.to_string(), &["Thing"])
        });
        acme.commit(held).await.unwrap();
    }
    acme.commit(batch(|b| b.insert(&new("Box", "all")).link("holds", "all", "box3", &["Box"])))
        .await
        .unwrap();
    for take in [100, 3] {
        let holds = Sources { relation: "holds", kind: "Box", over: Over::Edges, take };
        let lists =
            Sources { relation: "lists", over: Over::Through { relation: "holds", kind: "Box" }, ..holds };
        let look = async |number: usize| {
            let id = number.to_string();
            let show = |record: RecordRef<'_>, found| (record.to_owned(), found);
            acme.with_sources(("Thing", Some("Thing")), &id, &[holds, lists], show).await.unwrap()
        };
        let mut alone = Vec::new();
        for number in 0..31 {
            alone.push(look(number).await);
        }
        assert!(alone[30].is_none() && alone[..30].iter().all(|told| told.is_some()));
        for (number, told) in alone[..30].iter().enumerate() {
            let mentioned = told.as_ref().and_then(|(record, _)| record.mentioned.clone()).unwrap();
            assert_eq!(mentioned.id, (number + 1).to_string());
            assert_eq!(mentioned.document.is_some(), number < 29);
        }
        assert_eq!(futures_util::future::join_all((0..31).map(look)).await, alone);
    }
    let ids: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    let records = ids.iter().map(async |id| acme.record("Thing", id).await.unwrap().unwrap().id);
    assert_eq!(futures_util::future::join_all(records).await, ids);
}

/// As when the schema changed under a statement that was prepared, or a pooler forgot it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_statements_fail_is_replaced() {
    let world = Database::new();
    drop(world.fresh().await);
    let location = format!("{}?connections=1", world.url()).parse().unwrap();
    let store = Store::open(&location, Options::default()).await.unwrap();
    let acme = store.tenant(ACME);
    acme.commit(creation("a", b"a")).await.unwrap();
    assert_eq!(acme.total("Thing").await.unwrap(), 1);
    world.run("alter table counter alter live type int");
    assert!(matches!(acme.total("Thing").await, Err(StoreError::Broken(_))));
    assert_eq!(acme.total("Thing").await.unwrap(), 1);
}

/// A transaction that fails takes back what was said in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moment_that_failed_leaves_the_next_its_own_rows() {
    let world = Database::new();
    drop(world.fresh().await);
    let location = format!("{}?connections=1", world.url()).parse().unwrap();
    let store = Store::open(&location, Options::default()).await.unwrap();
    let acme = store.tenant(ACME);
    acme.commit(creation("a", b"a")).await.unwrap();
    assert_eq!(acme.total("Thing").await.unwrap(), 1);
    // On the same connection, about somebody else.
    store.healthy().await.unwrap();
    world.run("alter table counter alter live type int");
    let moment = acme.moment().await.unwrap();
    assert!(moment.tenant().record("Thing", "a").await.unwrap().is_some());
    assert!(matches!(moment.tenant().total("Thing").await, Err(StoreError::Broken(_))));
    moment.end().await;
    assert!(acme.record("Thing", "a").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_role_or_database_sets_otherwise_does_not_matter() {
    let world = Database::new();
    let name = world.run("select current_database()").trim().to_owned();
    for setting in [
        "default_transaction_isolation = 'serializable'",
        "row_security = off",
        "synchronous_commit = off",
        "enable_indexscan = off",
        "timezone = 'Asia/Tokyo'",
        "bytea_output = 'escape'",
        "lock_timeout = 1",
    ] {
        world.run(&format!("alter database {name} set {setting}"));
    }
    let store = world.fresh().await;
    for id in ["a", "b"] {
        store.tenant(ACME).commit(creation(id, id.as_bytes())).await.unwrap();
    }
    assert_eq!(store.tenant(ACME).total("Thing").await.unwrap(), 2);
    intact(store.tenant(ACME), 2).await;
}

/// A commit is not answered before it is on the disk here, and where there are standbys on the disk there.
#[tokio::test]
async fn what_is_answered_is_durable_whatever_the_server_says() {
    let world = Database::new();
    let name = world.run("select current_database()").trim().to_owned();
    for (set, ours) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        world.run(&format!("alter database {name} set synchronous_commit = {set}"));
        let Location::Server(url) = world.location() else { unreachable!() };
        let mut session = super::Session::alone(&url).await.unwrap();
        let mut found = String::new();
        let ask = session.query("select current_setting('synchronous_commit')", &[], |row| {
            found = row.text(0)?.to_owned();
            crate::columns::MORE
        });
        ask.await.unwrap();
        assert_eq!(found, ours, "{set}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_is_not_ready() {
    let cluster = Cluster::new();
    let store = Store::open(&cluster.url().parse().unwrap(), Options::default()).await.unwrap();
    let turn = async |to: &str| {
        cluster.run(&format!("alter system set default_transaction_read_only = {to}"));
        cluster.run("select pg_reload_conf()");
        let begun = std::time::Instant::now();
        while store.healthy().await.is_ok() != (to == "off") {
            assert!(begun.elapsed().as_secs() < 10, "it goes on as it did before");
        }
    };
    store.healthy().await.unwrap();
    turn("on").await;
    let error = store.healthy().await.unwrap_err();
    expect_test::expect!["the store is unavailable: the database takes no writes"]
        .assert_eq(&error.to_string());
    // What is there can still be read.
    assert!(store.tenant(ACME).record("Thing", "a").await.unwrap().is_none());
    turn("off").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_unavailable_until_it_is_back() {
    let world = Database::new();
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    let name = world.run("select current_database()").trim().to_owned();
    let beside = Database::new();
    let allow = |whether| beside.run(&format!("alter database {name} allow_connections {whether}"));
    allow(false);
    beside.run(&CUT.replace("current_database()", &format!("'{name}'")));
    let refused = acme.commit(creation("a", b"a")).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(matches!(acme.record("Thing", "a").await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.healthy().await, Err(StoreError::Unavailable(_))));
    allow(true);
    acme.commit(creation("a", b"a")).await.unwrap();
    store.healthy().await.unwrap();
    intact(acme, 1).await;
}

/// What is wrong with one batch is not its neighbours' fault, also when the database itself says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_the_database_cannot_take_is_refused_alone() {
    let world = Database::new();
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    world.run("alter table record add check (display <> 'impossible')");
    let commits = (0..20_u8).map(|number| {
        let id = number.to_string();
        let mut commit = creation(&id, &[number]);
        if number % 7 == 3 {
            commit.insert(&crate::NewRecord { display: "impossible", ..new("Box", &id) });
        }
        acme.commit(commit)
    });
    let results = futures_util::future::join_all(commits).await;
    for (number, result) in results.iter().enumerate() {
        let refused = matches!(result, Err(CommitError::Store(StoreError::Broken(_))));
        assert!(if number % 7 == 3 { refused } else { result.is_ok() }, "{number}: {result:?}");
    }
    intact(acme, 17).await;
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    let world = Database::new();
    let name = format!("{}_ascii", world.run("select current_database()").trim());
    world.run(&format!(
        "create database {name} template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'"
    ));
    let url = format!("{}_ascii", world.url());
    let error = Store::open(&url.parse().unwrap(), Options::default()).await.unwrap_err();
    world.run(&format!("drop database {name} with (force)"));
    expect_test::expect!["the database is encoded in SQL_ASCII; make it with encoding UTF8"]
        .assert_eq(&error.to_string());
}

#[tokio::test]
async fn an_update_again_and_again_keeps_one_lane_in_order() {
    let world = Database::new();
    let stores = [world.fresh().await, world.fresh().await];
    stores[0].tenant(ACME).commit(batch(|b| b.insert(&new("Thing", "a")))).await.unwrap();
    let touches = (0..60).map(async |number: usize| {
        let touched = stores[number % 2].tenant(ACME).commit(batch(|b| b.touch("Thing", "a", None, 1))).await;
        touched.unwrap().version()
    });
    let mut versions = futures_util::future::join_all(touches).await;
    versions.sort_unstable();
    assert_eq!(versions, (2..62).collect::<Vec<i64>>(), "each made a version of its own");
}

/// Longer than any answer is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_waits_as_long_as_another_one_migrates() {
    let world = Arc::new(Database::new());
    let held = format!("select pg_advisory_xact_lock({}), pg_sleep(11)", super::MIGRATING);
    let migrating = Arc::clone(&world);
    let migrating = tokio::task::spawn_blocking(move || migrating.run(&held));
    while world.run("select count(*) from pg_locks where locktype = 'advisory'").trim() == "0" {}
    let store = world.fresh().await;
    assert!(migrating.is_finished(), "it did not wait");
    store.healthy().await.unwrap();
}
