//! Records, keys, counts, settings, events.

use std::ops::ControlFlow;

use tokio::task::JoinSet;

use super::{ACME, GLOBEX, World, all_ids, batch, creation, entries, entry, intact, new, update};
use crate::{
    Access, Batch, CommitError, Entry, EventNumbers, INBOX_MAX, Mentioned, NewRecord, Options, Over, Query,
    Record, RecordRef, Sources, Store, TenantId, TenantStore, Update,
};

fn unique(attribute: &str) -> CommitError {
    CommitError::Unique { attribute: attribute.to_owned() }
}

pub(crate) async fn a_record_comes_back_as_it_was_put(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    let put = NewRecord {
        kind: "Thing",
        id: "a",
        created: 5,
        display: "Ä",
        document: "{\"ü\":1}",
        connections: Some("{}"),
        secret: Some("{\"s\":2}"),
        mentioned: Some("b"),
    };
    acme.commit(batch(|b| b.insert(&put))).await.unwrap();
    let got = acme.record("Thing", "a").await.unwrap().unwrap();
    let expected = Record {
        kind: "Thing".to_owned(),
        id: "a".to_owned(),
        version: 1,
        created: 5,
        modified: 5,
        display: "Ä".to_owned(),
        document: "{\"ü\":1}".to_owned(),
        connections: Some("{}".to_owned()),
        secret: Some("{\"s\":2}".to_owned()),
        mentioned: None,
    };
    assert!(got == expected);
    assert!(acme.record("Box", "a").await.unwrap().is_none());
    let length = acme.with_record("Thing", "a", |record| record.document.len()).await.unwrap();
    assert_eq!(length, Some(8));
}

/// PostgreSQL's text cannot hold a NUL. What is kept is the same in every database, and a chain holds over what is kept.
pub(crate) async fn a_nul_is_kept_as_a_replacement_character(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    let named = NewRecord { display: "\0a\0\0b", ..new("Thing", "a") };
    let by = Entry { actor: "m\0e", ..entry("a") };
    acme.commit(batch(|b| b.insert(&named).setting("last", "a\0").audit(&by))).await.unwrap();
    let kept = acme.record("Thing", "a").await.unwrap().unwrap().display;
    assert_eq!(kept, "\u{FFFD}a\u{FFFD}\u{FFFD}b");
    assert_eq!(acme.setting("last").await.unwrap().as_deref(), Some("a\u{FFFD}"));
    assert_eq!(entries(acme, false).await[0].actor, "m\u{FFFD}e");
    intact(acme, 1).await;
}

pub(crate) async fn a_record_is_read_with_the_one_it_mentions(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    let mentioning = |mentioned| NewRecord { mentioned, ..new("Thing", "a") };
    let read = async |kind| {
        let show = |record: RecordRef<'_>, _| record.to_owned().mentioned;
        acme.with_sources(("Thing", kind), "a", &[], show).await.unwrap().unwrap()
    };
    let found = |id: &str, document: Option<&str>| {
        Some(Mentioned { id: id.to_owned(), document: document.map(str::to_owned) })
    };
    let other = NewRecord { document: "{\"b\":1}", ..new("Box", "b") };
    acme.commit(batch(|b| b.insert(&mentioning(Some("b"))).insert(&other))).await.unwrap();
    // Another tenant's is none of it.
    store.tenant(GLOBEX).commit(batch(|b| b.insert(&new("Thing", "b")))).await.unwrap();
    assert_eq!(read(None).await, None);
    assert_eq!(read(Some("Box")).await, found("b", Some("{\"b\":1}")));
    assert_eq!(read(Some("Thing")).await, found("b", None));
    let change = Update { mentioned: Some("a"), ..update("a", Some(1), "{\"a\":1}") };
    acme.commit(batch(|b| b.update(&change))).await.unwrap();
    assert_eq!(read(Some("Thing")).await, found("a", Some("{\"a\":1}")));
    acme.commit(batch(|b| b.update(&update("a", None, "{}")))).await.unwrap();
    assert_eq!(read(Some("Thing")).await, None);
}

pub(crate) async fn several_records_are_found_at_once(world: &impl World) {
    let store = world.fresh().await;
    let (acme, globex) = (store.tenant(ACME), store.tenant(GLOBEX));
    let ids: Vec<String> = (0..40).map(|n| format!("{n:02}")).collect();
    for id in ids.iter().step_by(2) {
        acme.commit(batch(|b| b.insert(&new("Thing", id)))).await.unwrap();
    }
    acme.commit(batch(|b| b.insert(&new("Box", "01")))).await.unwrap();
    globex.commit(batch(|b| b.insert(&new("Thing", "03")))).await.unwrap();
    for asked in [&ids[..0], &ids[..1], &ids[1..2], &ids[..2], &ids[..16], &ids[..17], &ids[..33], &ids] {
        let (asked, mut found): (Vec<&str>, _) = (asked.iter().map(String::as_str).collect(), Vec::new());
        acme.with_records("Thing", &asked, |record| found.push(record.id.to_owned())).await.unwrap();
        found.sort();
        let there: Vec<&str> =
            asked.iter().copied().filter(|id| id.parse::<u32>().unwrap() % 2 == 0).collect();
        assert_eq!(found, there);
    }
}

pub(crate) async fn an_update_makes_a_new_version(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| b.insert(&new("Thing", "a")))).await.unwrap();
    let done = acme.commit(batch(|b| b.update(&update("a", Some(1), "{2}")))).await.unwrap();
    assert_eq!((done.versions, done.rows), (vec![2], 1));
    let done = acme.commit(batch(|b| b.update(&update("a", None, "{3}")))).await.unwrap();
    assert_eq!(done.versions, [3]);
    let got = acme.record("Thing", "a").await.unwrap().unwrap();
    assert_eq!((got.version, got.created, got.modified, &*got.document), (3, 1_000, 2_000, "{3}"));
}

pub(crate) async fn a_stale_version_is_told_from_a_missing_record(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| b.insert(&new("Thing", "a")))).await.unwrap();
    type Write = for<'b> fn(&'b mut Batch, &str, Option<i64>) -> &'b mut Batch;
    let writes: [Write; 3] = [
        |b, id, expected| b.update(&update(id, expected, "{}")),
        |b, id, expected| b.touch("Thing", id, expected, 9),
        |b, id, expected| b.delete("Thing", id, expected),
    ];
    for write in writes {
        for (id, expected, error) in [
            ("a", Some(2), CommitError::Stale),
            ("b", Some(1), CommitError::Missing),
            ("b", None, CommitError::Missing),
        ] {
            assert_eq!(acme.commit(batch(|b| write(b, id, expected))).await, Err(error));
        }
    }
    acme.commit(batch(|b| b.delete("Thing", "a", Some(1)))).await.unwrap();
    assert!(acme.record("Thing", "a").await.unwrap().is_none());
}

pub(crate) async fn an_id_is_inserted_once(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| b.insert(&new("Thing", "a")))).await.unwrap();
    assert_eq!(acme.commit(batch(|b| b.insert(&new("Thing", "a")))).await, Err(unique("id")));
    acme.commit(batch(|b| b.insert(&new("Box", "a")))).await.unwrap();
}

pub(crate) async fn a_touch_changes_the_version_alone(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| b.insert(&new("Thing", "a")))).await.unwrap();
    acme.commit(batch(|b| b.touch("Thing", "a", Some(1), 3_000))).await.unwrap();
    let got = acme.record("Thing", "a").await.unwrap().unwrap();
    assert_eq!((got.version, got.modified, &*got.document), (2, 3_000, "{}"));
}

pub(crate) async fn a_refused_batch_leaves_no_trace(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(creation("a", b"k")).await.unwrap();
    // The last statement of many is refused.
    let mut late = creation("b", b"l");
    late.claim("Thing", "name", b"k", "b");
    assert_eq!(acme.commit(late).await, Err(unique("name")));
    assert_eq!(all_ids(acme, "Thing", Access::Id).await, ["a"]);
    assert_eq!(acme.id_by_key("Thing", "name", b"l").await.unwrap(), None);
    assert_eq!(acme.setting("last").await.unwrap().as_deref(), Some("a"));
    assert_eq!(acme.total("Thing").await.unwrap(), 1);
    assert_eq!(acme.outbox(0, 9).await.unwrap().len(), 1);
    super::intact(acme, 1).await;
}

async fn race(store: &Store, make: impl Fn(usize) -> Batch) -> Vec<Result<(), CommitError>> {
    let mut all = JoinSet::new();
    for number in 0..100 {
        let (store, batch) = (store.clone(), make(number));
        all.spawn(async move { store.tenant(ACME).commit(batch).await.map(drop) });
    }
    all.join_all().await
}

pub(crate) async fn a_key_is_claimed_by_one_of_many(world: &impl World) {
    let store = world.fresh().await;
    let results = race(&store, |number| creation(&format!("{number}"), b"same")).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().flat_map(|result| result.as_ref().err()).all(|error| *error == unique("name")));
    assert_eq!(store.tenant(ACME).total("Thing").await.unwrap(), 1);
    super::intact(store.tenant(ACME), 1).await;
}

pub(crate) async fn one_of_many_updates_of_a_version_wins(world: &impl World) {
    let store = world.fresh().await;
    store.tenant(ACME).commit(creation("a", b"k")).await.unwrap();
    let results = race(&store, |_| batch(|b| b.update(&update("a", Some(1), "{}")))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| **result == Err(CommitError::Stale)).count(), 99);
    let results = race(&store, |_| batch(|b| b.touch("Thing", "a", None, 9))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(store.tenant(ACME).record("Thing", "a").await.unwrap().unwrap().version, 102);
}

pub(crate) async fn a_released_key_can_be_claimed(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(creation("a", b"k")).await.unwrap();
    assert_eq!(acme.id_by_key("Thing", "name", b"k").await.unwrap().as_deref(), Some("a"));
    acme.commit(batch(|b| b.release("Thing", "name", b"k", "a"))).await.unwrap();
    acme.commit(batch(|b| b.claim("Thing", "name", b"k", "b"))).await.unwrap();
    assert_eq!(acme.id_by_key("Thing", "name", b"k").await.unwrap().as_deref(), Some("b"));
}

pub(crate) async fn a_release_by_another_does_nothing(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(creation("a", b"k")).await.unwrap();
    acme.commit(batch(|b| b.release("Thing", "name", b"k", "b"))).await.unwrap();
    assert_eq!(acme.id_by_key("Thing", "name", b"k").await.unwrap().as_deref(), Some("a"));
}

pub(crate) async fn counts_are_exact(world: &impl World) {
    let store = world.fresh().await;
    let results = race(&store, |number| creation(&format!("{number:03}"), &[number as u8])).await;
    assert!(results.iter().all(Result::is_ok));
    let acme = store.tenant(ACME);
    let gone = batch(|b| b.delete("Thing", "007", None).count("Thing", -1, true));
    acme.commit(gone).await.unwrap();
    assert_eq!(acme.total("Thing").await.unwrap(), 99);
    assert_eq!(acme.count("Thing", &Access::Id, 1_000).await.unwrap(), 99);
    assert_eq!(acme.count("Thing", &Access::Id, 10).await.unwrap(), 10);
    assert_eq!(acme.total("Box").await.unwrap(), 0);
}

pub(crate) async fn settings_are_set_and_unset(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    let set = |name, value| batch(|b| b.setting(name, value));
    for (name, value) in [("b", "1"), ("a", "2"), ("b", "3")] {
        acme.commit(set(name, value)).await.unwrap();
    }
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(acme.settings().await.unwrap(), [pair("a", "2"), pair("b", "3")]);
    acme.commit(batch(|b| b.unset("b").unset("c"))).await.unwrap();
    assert_eq!(acme.setting("b").await.unwrap(), None);
}

pub(crate) async fn a_setting_is_changed_by_one_of_many_who_read_the_same(world: &impl World) {
    let stores = [world.fresh().await, world.fresh().await];
    for (known, value) in [(None, "first"), (Some("first"), "second"), (Some("second"), "third")] {
        let commits = (0..10).map(async |number: usize| {
            let change = batch(|b| b.setting_after(known, "s", value));
            stores[number % 2].tenant(ACME).commit(change).await
        });
        let results = futures_util::future::join_all(commits).await;
        let refused = |result: &&Result<_, _>| matches!(result, Err(CommitError::Changed));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(results.iter().filter(refused).count(), 9);
        assert_eq!(stores[0].tenant(ACME).setting("s").await.unwrap().as_deref(), Some(value));
        assert_eq!(stores[1].tenant(GLOBEX).setting("s").await.unwrap(), None);
    }
}

pub(crate) async fn a_secret_is_not_shown(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    let hidden = batch(|b| b.insert(&NewRecord { secret: Some("hush"), ..new("Thing", "a") }));
    assert!(!format!("{hidden:?}").contains("hush"));
    acme.commit(hidden).await.unwrap();
    let record = acme.record("Thing", "a").await.unwrap().unwrap();
    assert_eq!(record.secret.as_deref(), Some("hush"));
    assert!(!format!("{record:?}").contains("hush"));
}

pub(crate) async fn waiting_for_a_place_loses_nothing(world: &impl World) {
    let store = world.fresh().await;
    let mut all = JoinSet::new();
    for _ in 0..2 * INBOX_MAX {
        let store = store.clone();
        all.spawn(async move { store.tenant(ACME).commit(batch(|b| b.count("Thing", 1, false))).await });
    }
    assert!(all.join_all().await.iter().all(Result::is_ok));
    assert_eq!(store.tenant(ACME).total("Thing").await.unwrap(), 2 * INBOX_MAX as u64);
}

pub(crate) async fn a_store_is_asked_from_any_thread(world: &impl World) {
    let store = world.fresh().await;
    store.tenant(ACME).commit(creation("a", b"k")).await.unwrap();
    let mut all = JoinSet::new();
    for skip in 0..4 {
        let store = store.clone();
        // That these futures may move to another thread is what is tested.
        all.spawn(async move {
            let (acme, mut met) = (store.tenant(ACME), 0);
            let access = Access::Id;
            let query =
                Query { kind: "Thing", access, descending: false, after: None, skip: skip % 2, take: 9 };
            let mut meet = |_: &str| {
                met += 1;
                ControlFlow::Continue(())
            };
            acme.search(&query, |_, record| meet(record.id)).await.unwrap();
            acme.ids(&query, |_, id| meet(id)).await.unwrap();
            acme.edges("Box.holds", "a", None, 9, |edge| meet(edge.target)).await.unwrap();
            let holders = Sources { relation: "Box.holds", kind: "Box", over: Over::Edges, take: 9 };
            let _ = acme
                .sources("a", &[holders])
                .await
                .unwrap()
                .iter()
                .flatten()
                .map(|source| meet(&source.id))
                .count();
            acme.with_record("Thing", "a", |record| meet(record.id)).await.unwrap();
            acme.verify_audit().await.unwrap();
            met
        });
    }
    assert_eq!(all.join_all().await.into_iter().sum::<u64>(), 2 * 3 + 2);
}

pub(crate) async fn events_keep_their_numbers(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    let event = |payload| batch(|b| b.event("t", payload, 1));
    acme.commit(batch(|b| b.event("t", "a", 1).event("t", "b", 1))).await.unwrap();
    acme.commit(event("c")).await.unwrap();
    acme.commit(batch(|b| b.delivered(3))).await.unwrap();
    assert!(acme.outbox(0, 9).await.unwrap().is_empty());
    acme.commit(event("d")).await.unwrap();
    let events = acme.outbox(0, 9).await.unwrap();
    assert_eq!(events.iter().map(|event| (event.sequence, &*event.payload)).collect::<Vec<_>>(), [(4, "d")]);
}

async fn payloads(tenant: TenantStore<'_>, after: i64, take: u64) -> Vec<String> {
    tenant.outbox(after, take).await.unwrap().into_iter().map(|event| event.payload).collect()
}

/// From the commit on in which the first begins to listen, to that in which the last stops.
pub(crate) async fn events_are_kept_while_somebody_listens(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| b.listen(-1))).await.unwrap();
    let event = |payload| batch(|b| b.event("t", payload, 1));
    acme.commit(event("before")).await.unwrap();
    assert_eq!(acme.event_numbers().await.unwrap().newest, 0);
    acme.commit(batch(|b| b.event("t", "unheard", 1).listen(1).event("t", "a", 1).listen(1))).await.unwrap();
    let other = world.open(Options::default()).await;
    other.tenant(ACME).commit(event("b")).await.unwrap();
    other.tenant(ACME).commit(batch(|b| b.listen(-1).event("t", "c", 1))).await.unwrap();
    // A batch that is refused changes nobody's mind.
    let refused = batch(|b| b.listen(-1).touch("Thing", "nothing", None, 1));
    assert_eq!(acme.commit(refused).await, Err(CommitError::Missing));
    acme.commit(event("d")).await.unwrap();
    acme.commit(batch(|b| b.listen(-1).event("t", "late", 1))).await.unwrap();
    acme.commit(event("after")).await.unwrap();
    assert_eq!(payloads(acme, 0, 9).await, ["a", "b", "c", "d"]);
    assert_eq!(payloads(acme, 1, 2).await, ["b", "c"]);
    assert_eq!(acme.event_numbers().await.unwrap().newest, 4);
    intact(acme, 0).await;
}

pub(crate) async fn tenants_with_events_to_deliver_are_found(world: &impl World) {
    let store = world.fresh().await;
    let waiting = async |after, take| store.tenants().waiting(after, take).await.unwrap();
    assert!(waiting(TenantId::INSTALLATION, 9).await.is_empty());
    for tenant in [ACME, GLOBEX] {
        store.tenant(tenant).commit(batch(|b| b.event("t", "a", 1).event("t", "b", 1))).await.unwrap();
    }
    assert_eq!(waiting(TenantId::INSTALLATION, 9).await, [ACME, GLOBEX]);
    assert_eq!(waiting(TenantId::INSTALLATION, 1).await, [ACME]);
    assert_eq!(waiting(ACME, 1).await, [GLOBEX]);
    store.tenant(ACME).commit(batch(|b| b.delivered(1))).await.unwrap();
    assert_eq!(payloads(store.tenant(ACME), 0, 9).await, ["b"]);
    assert_eq!(waiting(TenantId::INSTALLATION, 9).await, [ACME, GLOBEX]);
    store.tenant(ACME).commit(batch(|b| b.delivered(2))).await.unwrap();
    assert_eq!(waiting(TenantId::INSTALLATION, 9).await, [GLOBEX]);
    let numbers = async |tenant| store.tenant(tenant).event_numbers().await.unwrap();
    assert_eq!(numbers(ACME).await, EventNumbers { delivered: 2, newest: 2 });
    assert_eq!(numbers(GLOBEX).await, EventNumbers { delivered: 0, newest: 2 });
    assert_eq!(numbers(TenantId(3)).await, EventNumbers::default());
    store.tenant(ACME).commit(batch(|b| b.event("t", "c", 1))).await.unwrap();
    assert_eq!(waiting(TenantId::INSTALLATION, 9).await, [ACME, GLOBEX]);
    // Whom nobody listens to has nothing to deliver.
    store.tenant(GLOBEX).commit(batch(|b| b.listen(-1))).await.unwrap();
    assert_eq!(waiting(TenantId::INSTALLATION, 9).await, [ACME]);
}

/// What one of them adds or delivers while the other does the same is neither lost nor numbered twice.
pub(crate) async fn two_stores_number_events_of_a_tenant_in_one_row(world: &impl World) {
    let stores = [world.fresh().await, world.fresh().await];
    let mut all = JoinSet::new();
    for number in 0..60_usize {
        let store = stores[number % 2].clone();
        all.spawn(async move {
            let kept = batch(|b| b.event("t", "x", 1).delivered(0).event("t", "y", 1));
            store.tenant(ACME).commit(kept).await.unwrap();
        });
    }
    all.join_all().await;
    let events = stores[0].tenant(ACME).outbox(0, 1_000).await.unwrap();
    let numbers: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, (1..=120).collect::<Vec<_>>());
}
