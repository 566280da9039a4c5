//! Pages, against what a plain vector says.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use tokio::runtime::Runtime;

use super::{World, batch};
use crate::position::SETTLE;
use crate::{Access, Batch, NewRecord, Position, Query, Store, TenantStore};

/// Cases share a database; each has a tenant of its own.
static CASES: AtomicU64 = AtomicU64::new(1);

fn check<S: Strategy>(
    runtime: &Runtime,
    cases: u32,
    store: &Store,
    strategy: S,
    case: impl AsyncFn(TenantStore<'_>, S::Value),
) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let run = |value| {
        let name = CASES.fetch_add(1, Ordering::Relaxed).to_string();
        let tenant = runtime.block_on(store.tenants().create(&name, 1, "me")).unwrap();
        runtime.block_on(case(store.tenant(tenant.id), value));
        Ok(())
    };
    if let Err(error) = runner.run(&strategy, run) {
        panic!("{error}");
    }
}

/// What a page shows: key and id.
type Row = (Vec<u8>, String);

/// A record: its id, when it was modified, its index keys, whether it is linked both ways with `hub`.
#[derive(Debug, Clone)]
struct Made {
    id: String,
    modified: i64,
    keys: BTreeSet<Vec<u8>>,
    linked: bool,
}

fn made() -> impl Strategy<Value = Vec<Made>> {
    let keys = prop::collection::btree_set(prop::collection::vec(0..3_u8, 0..3), 0..3);
    let one = ("[a-c]{1,3}", 0..6_i64, keys, any::<bool>());
    prop::collection::btree_map("[a-c]{1,3}", one, 0..30).prop_map(|all| {
        let record = |(id, (_, modified, keys, linked))| Made { id, modified, keys, linked };
        all.into_iter().map(record).collect()
    })
}

fn build(all: &[Made]) -> Batch {
    let record = |kind, id, created| NewRecord {
        kind,
        id,
        created,
        display: id,
        document: "{}",
        connections: None,
        secret: None,
        mentioned: None,
    };
    batch(|b| {
        b.insert(&record("Box", "hub", 0)).count("Thing", all.len() as i64, false);
        for made in all {
            let id = &made.id;
            b.insert(&record("Thing", id, made.modified));
            b.claim("Thing", "name", id.as_bytes(), id);
            for key in &made.keys {
                b.index("Thing", "colour", key, id);
            }
            if made.linked {
                b.link("Box.holds", "hub", id, &["Thing"]).link("Thing.lies", id, "hub", &["Box", "Thing"]);
            }
        }
        b
    })
}

/// The accesses, and what each meets.
fn accesses<'a>(
    all: &[Made],
    from: &'a [u8],
    to: &'a [u8],
    times: (i64, i64),
) -> Vec<(Access<'a>, Vec<Row>)> {
    let by_id = |which: &dyn Fn(&Made) -> bool| {
        all.iter().filter(|made| which(made)).map(|made| (Vec::new(), made.id.clone())).collect::<Vec<Row>>()
    };
    let within = |rows: Vec<Row>| {
        let within = rows.into_iter().filter(|(key, _)| from <= key.as_slice() && key.as_slice() < to);
        within.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let (from_time, to_time) = times;
    let modified = all.iter().filter(|made| (from_time..to_time).contains(&made.modified));
    let modified = modified.map(|made| (made.modified.to_be_bytes().to_vec(), made.id.clone()));
    let unique = all.iter().map(|made| (made.id.clone().into_bytes(), made.id.clone())).collect();
    let indexed =
        all.iter().flat_map(|made| made.keys.iter().map(|key| (key.clone(), made.id.clone()))).collect();
    vec![
        (Access::Id, by_id(&|_| true)),
        (
            Access::Modified { from: from_time, to: to_time },
            modified.collect::<BTreeSet<_>>().into_iter().collect(),
        ),
        (Access::Unique { attribute: "name", from, to }, within(unique)),
        (Access::Index { attribute: "colour", from, to }, within(indexed)),
        (Access::Sources { relation: "Thing.lies", target: "hub" }, by_id(&|made| made.linked)),
        (Access::Targets { relation: "Box.holds", source: "hub" }, by_id(&|made| made.linked)),
    ]
}

async fn rows(tenant: TenantStore<'_>, query: &Query<'_>) -> Vec<Row> {
    let (mut ids, mut records) = (Vec::new(), Vec::new());
    let id = |key: &[u8], id: &str| {
        ids.push((key.to_owned(), id.to_owned()));
        ControlFlow::Continue(())
    };
    tenant.ids(query, id).await.unwrap();
    tenant
        .search(query, |key, record| {
            assert_eq!((record.kind, record.display), (query.kind, record.id));
            records.push((key.to_owned(), record.id.to_owned()));
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!(ids, records, "{query:?}");
    records
}

pub(crate) fn paging_is_brute_force<W: World>() {
    let (world, runtime) = (W::new(), Runtime::new().unwrap());
    let store = runtime.block_on(world.fresh());
    let end = prop::collection::vec(prop_oneof![0..3_u8, b'a'..=b'c'], 0..3);
    let strategy = (made(), end.clone(), end, (0..6_i64, 0..7_i64), 1..7_u64, 0..20_u64);
    check(&runtime, 64, &store, strategy, async |tenant, (all, from, to, times, take, skip)| {
        tenant.commit(build(&all)).await.unwrap();
        for (access, mut expected) in accesses(&all, &from, &to, times) {
            assert_eq!(
                tenant.count("Thing", &access, 99).await.unwrap(),
                expected.len() as u64,
                "{access:?}"
            );
            for descending in [false, true] {
                if descending {
                    expected.reverse();
                }
                pages(tenant, access, descending, &expected, take, skip).await;
            }
        }
    });
}

/// Turns all pages, each from where the one before ended, leaving `skip` out at each turn.
async fn pages(
    tenant: TenantStore<'_>,
    access: Access<'_>,
    descending: bool,
    expected: &[Row],
    take: u64,
    skip: u64,
) {
    let (mut at, mut after) = (0, None::<Row>);
    loop {
        let position = after.as_ref().map(|(key, id)| Position { key, id });
        let query = Query { kind: "Thing", access, descending, after: position, skip, take };
        let page = rows(tenant, &query).await;
        let begin = expected.len().min(at + skip as usize);
        let end = expected.len().min(begin + take as usize);
        assert_eq!(page, expected[begin..end], "{query:?}");
        let Some(last) = page.last() else { break };
        (at, after) = (end, Some(last.clone()));
    }
}

/// What happens to the records of a kind.
#[derive(Debug, Clone)]
enum Event {
    /// So many new ones, committed in another order than their ids when they are few enough to count as newest.
    Append(usize),
    /// One that is not among the newest, by its place.
    Insert(prop::sample::Index),
    Delete(prop::sample::Index),
    /// A page is read.
    Read(prop::sample::Index),
}

pub(crate) fn positions_are_brute_force<W: World>() {
    let (world, runtime) = (W::new(), Runtime::new().unwrap());
    let stores = [runtime.block_on(world.fresh()), runtime.block_on(world.fresh())];
    let event = prop_oneof![
        (1..2 * SETTLE as usize).prop_map(Event::Append),
        any::<prop::sample::Index>().prop_map(Event::Insert),
        any::<prop::sample::Index>().prop_map(Event::Delete),
        any::<prop::sample::Index>().prop_map(Event::Read),
        any::<prop::sample::Index>().prop_map(Event::Read),
        any::<prop::sample::Index>().prop_map(Event::Read),
    ];
    let strategy = prop::collection::vec(event, 1..40);
    check(&runtime, 48, &stores[0], strategy, async |tenant, events| {
        // Every second event comes from another process, as it were.
        let (mut ids, mut next) = (Vec::<String>::new(), 0);
        for (number, event) in events.iter().enumerate() {
            live(stores[number % 2].tenant(tenant.id()), event, &mut ids, &mut next).await;
        }
    });
}

async fn live(tenant: TenantStore<'_>, event: &Event, ids: &mut Vec<String>, next: &mut u64) {
    match event {
        Event::Append(count) => {
            let mut fresh: Vec<_> =
                (*next..*next + *count as u64).map(|number| format!("{number:08}")).collect();
            *next += *count as u64;
            ids.extend(fresh.iter().cloned());
            fresh.chunks_mut(SETTLE as usize / 2).for_each(<[_]>::reverse);
            for id in fresh {
                tenant.commit(change(&id, 1, false)).await.unwrap();
            }
        }
        Event::Insert(place) => {
            let place = place.index(ids.len() + 1);
            let id = format!("{}+", place.checked_sub(1).map_or("", |before| &ids[before]));
            if ids.get(place) != Some(&id) {
                tenant.commit(change(&id, 1, true)).await.unwrap();
                ids.insert(place, id);
            }
        }
        Event::Delete(place) if !ids.is_empty() => {
            let id = ids.remove(place.index(ids.len()));
            tenant.commit(change(&id, -1, true)).await.unwrap();
        }
        Event::Delete(_) => {}
        Event::Read(place) => {
            let skip = place.index(ids.len() + 2);
            let query = Query {
                kind: "Thing",
                access: Access::Id,
                descending: false,
                after: None,
                skip: skip as u64,
                take: 3,
            };
            let ids_of = |rows: Vec<Row>| rows.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
            let page = ids_of(rows(tenant, &query).await);
            assert_eq!(page, ids.iter().skip(skip).take(3).cloned().collect::<Vec<_>>());
            let page = ids_of(rows(tenant, &Query { descending: true, ..query }).await);
            assert_eq!(page, ids.iter().rev().skip(skip).take(3).cloned().collect::<Vec<_>>());
        }
    }
}

fn change(id: &str, live: i64, shift: bool) -> Batch {
    batch(|b| {
        match live {
            1 => b.insert(&super::new("Thing", id)),
            _ => b.delete("Thing", id, None),
        };
        b.count("Thing", live, shift)
    })
}
