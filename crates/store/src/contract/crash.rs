//! Crashes, groups, closing and opening.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use tokio::task::{JoinSet, block_in_place, yield_now};

use super::{ACME, World, all_ids, batch, creation, entries, entry, intact, new};
use crate::{Access, Batch, CommitError, FaultPoint, Options, Store, StoreError};

/// Crashes at the `n`-th fault point that is met, and says which it was.
fn crash_at(n: usize) -> (Options, Arc<Mutex<Option<FaultPoint>>>) {
    let (met, hit) = (AtomicUsize::new(0), Arc::new(Mutex::new(None)));
    let seen = Arc::clone(&hit);
    let fault = move |point| {
        let crash = met.fetch_add(1, Ordering::Relaxed) == n;
        if crash {
            *seen.lock().unwrap() = Some(point);
        }
        crash
    };
    (Options { fault: Some(Arc::new(fault)), ..Options::default() }, hit)
}

/// Holds the writer in its first batch, of one step, until told to go on; what comes meanwhile is one group, at whose
/// fault points `then` is asked. Says first that the batch is held.
fn gated(
    then: impl Fn(FaultPoint) -> bool + Send + Sync + 'static,
) -> (Options, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (reach, reached) = mpsc::channel();
    let (go, gate) = mpsc::channel();
    let gate = Mutex::new((0, gate));
    let fault = move |point| {
        let mut gate = gate.lock().unwrap();
        gate.0 += 1;
        if gate.0 == 1 {
            reach.send(()).unwrap();
            block_in_place(|| gate.1.recv()).unwrap();
        }
        // Its step, commit and answer.
        gate.0 > 3 && then(point)
    };
    (Options { fault: Some(Arc::new(fault)), ..Options::default() }, reached, go)
}

fn unavailable<T>(result: Result<T, CommitError>) -> bool {
    matches!(result, Err(CommitError::Store(StoreError::Unavailable(_))))
}

/// Whoever was in a crash does not know what became of it.
fn unconfirmed<T>(result: Result<T, CommitError>) -> bool {
    matches!(result, Err(CommitError::Unconfirmed))
}

/// All that a store shows of a tenant.
pub(crate) async fn state(store: &Store) -> String {
    let acme = store.tenant(ACME);
    let indexed = Access::Index { attribute: "colour", from: &[], to: &[255] };
    let keyed = Access::Unique { attribute: "name", from: &[], to: &[255] };
    let held = Access::Sources { relation: "Box.holds", target: "x" };
    let mut records = Vec::new();
    for (kind, id) in [("Thing", "x"), ("Thing", "a"), ("Thing", "b"), ("Box", "box")] {
        records.push(acme.record(kind, id).await.unwrap());
    }
    let total = acme.total("Thing").await.unwrap();
    let ids = [all_ids(acme, "Thing", indexed).await, all_ids(acme, "Thing", keyed).await];
    let (links, settings) = (all_ids(acme, "Box", held).await, acme.settings().await.unwrap());
    let (entries, events) = (entries(acme, false).await, acme.outbox(0, 99).await.unwrap());
    intact(acme, entries.len() as i64).await;
    format!("{records:?}\n{total}\n{ids:?}\n{links:?}\n{settings:?}\n{entries:?}\n{events:?}")
}

/// A batch with a statement of every sort.
fn everything() -> Batch {
    let mut all = creation("a", b"a");
    all.link("Box.holds", "box", "x", &["Thing"])
        .touch("Box", "box", Some(1), 7)
        .unindex("Thing", "colour", b"x", "x")
        .release("Thing", "name", b"x", "x")
        .delete("Thing", "x", Some(1))
        .count("Thing", -1, true)
        .audit(&entry("x"))
        .event("deleted", "x", 7);
    all
}

pub(crate) async fn a_crash_anywhere_leaves_all_or_nothing<W: World>(_: &W) {
    let mut points = Vec::new();
    for n in 0.. {
        let world = W::new();
        let store = world.fresh().await;
        store.tenant(ACME).commit(creation("x", b"x")).await.unwrap();
        store.tenant(ACME).commit(batch(|b| b.insert(&new("Box", "box")))).await.unwrap();
        let before = state(&store).await;
        store.close().await;

        let (options, hit) = crash_at(n);
        let store = world.open(options).await;
        let result = store.tenant(ACME).commit(everything()).await;
        drop(store);
        let after = state(&world.fresh().await).await;
        let Some(point) = hit.lock().unwrap().take() else {
            result.unwrap();
            assert_ne!(before, after);
            break;
        };
        assert!(unconfirmed(result), "{point:?}");
        assert_eq!(before == after, point != FaultPoint::Answer, "{n}: {point:?}");
        points.push(point);
    }
    assert_eq!(points.len(), 15 + 2);
}

pub(crate) async fn a_crash_takes_its_group_along<W: World>(_: &W) {
    for crash in [FaultPoint::Step, FaultPoint::Commit, FaultPoint::Answer] {
        let world = W::new();
        let steps = AtomicUsize::new(0);
        // Past the first batch of the group: the second has begun.
        let then = move |point| {
            let step = steps.fetch_add(1, Ordering::Relaxed);
            point == crash && (point != FaultPoint::Step || step > 10)
        };
        let (store, results) = group(&world, then, |number| creation(&format!("{number}"), &[number])).await;
        assert!(results.into_iter().all(unconfirmed));
        assert!(unavailable(store.tenant(ACME).commit(creation("late", b"late")).await));
        drop(store);
        let there = all_ids(world.fresh().await.tenant(ACME), "Thing", Access::Id).await.len();
        assert_eq!(there, if crash == FaultPoint::Answer { 10 } else { 0 }, "{crash:?}");
        intact(world.fresh().await.tenant(ACME), there as i64).await;
    }
}

/// Commits ten batches as one group.
async fn group(
    world: &impl World,
    then: impl Fn(FaultPoint) -> bool + Send + Sync + 'static,
    make: impl Fn(u8) -> Batch,
) -> (Store, Vec<Result<crate::Committed, CommitError>>) {
    let (options, reached, go) = gated(then);
    drop(world.fresh().await);
    let store = world.open(options).await;
    let gate = store.clone();
    let first = tokio::spawn(async move { gate.tenant(ACME).commit(batch(|b| b.setting("gate", ""))).await });
    block_in_place(|| reached.recv()).unwrap();
    let acme = store.tenant(ACME);
    let mut commits: Vec<_> = (0..10).map(|number| Box::pin(acme.commit(make(number)))).collect();
    for commit in &mut commits {
        // Polled once it waits its turn.
        assert!(poll_fn(|cx| Poll::Ready(commit.as_mut().poll(cx))).await.is_pending());
    }
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    let mut results = Vec::new();
    for commit in commits {
        results.push(commit.await);
    }
    (store, results)
}

pub(crate) async fn a_failing_batch_leaves_its_group_alone(world: &impl World) {
    // Of each five batches one wants the key of the first, at its very end.
    let make = |number: u8| {
        let mut batch = creation(&number.to_string(), &[number]);
        if number % 5 == 4 {
            batch.claim("Thing", "name", &[0], "x");
        }
        batch
    };
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    let then = move |point| {
        counted.fetch_add(usize::from(point == FaultPoint::Commit), Ordering::Relaxed);
        false
    };
    let (store, results) = group(world, then, make).await;
    let failed = |number: usize| number % 5 == 4;
    assert!(results.iter().enumerate().all(|(number, result)| result.is_err() == failed(number)));
    assert_eq!(commits.load(Ordering::Relaxed), 1, "ten batches are one group");
    let acme = store.tenant(ACME);
    assert_eq!(all_ids(acme, "Thing", Access::Id).await, ["0", "1", "2", "3", "5", "6", "7", "8"]);
    assert_eq!(acme.total("Thing").await.unwrap(), 8);
    intact(acme, 8).await;
    let events = acme.outbox(0, 99).await.unwrap();
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
}

pub(crate) async fn a_dead_writer_is_unavailable(world: &impl World) {
    let (options, _) = crash_at(0);
    drop(world.fresh().await);
    let store = world.open(options).await;
    store.healthy().await.unwrap();
    assert!(unconfirmed(store.tenant(ACME).commit(creation("a", b"a")).await));
    assert!(unavailable(store.tenant(ACME).commit(creation("a", b"a")).await));
    while store.healthy().await.is_ok() {
        yield_now().await;
    }
    assert!(store.tenant(ACME).record("Thing", "a").await.unwrap().is_none(), "reads are still answered");
}

pub(crate) async fn a_closed_store_is_unavailable(world: &impl World) {
    let store = world.fresh().await;
    store.clone().close().await;
    assert!(unavailable(store.tenant(ACME).commit(creation("a", b"a")).await));
    assert!(matches!(store.tenant(ACME).record("Thing", "a").await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.healthy().await, Err(StoreError::Unavailable(_))));
}

pub(crate) async fn what_is_closed_is_found_again(world: &impl World) {
    let store = world.fresh().await;
    let mut all = JoinSet::new();
    for number in 0..100 {
        let store = store.clone();
        all.spawn(async move { store.tenant(ACME).commit(creation(&format!("{number}"), &[number])).await });
    }
    yield_now().await;
    let closing = store.clone();
    let (results, ()) = tokio::join!(all.join_all(), closing.close());
    let acknowledged = results.iter().filter(|result| result.is_ok()).count();
    let there = all_ids(world.fresh().await.tenant(ACME), "Thing", Access::Id).await.len();
    assert_eq!(acknowledged, there);
}

pub(crate) async fn a_read_only_store_commits_nothing(world: &impl World) {
    let store = world.fresh().await;
    store.tenant(ACME).commit(creation("a", b"a")).await.unwrap();
    let reading = world.open(Options { read_only: true, ..Options::default() }).await;
    assert!(unavailable(reading.tenant(ACME).commit(creation("b", b"b")).await));
    assert!(reading.tenant(ACME).record("Thing", "a").await.unwrap().is_some());
    store.tenant(ACME).commit(creation("c", b"c")).await.unwrap();
    assert!(reading.tenant(ACME).record("Thing", "c").await.unwrap().is_some());
}
