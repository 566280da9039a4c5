//! Events are handed out by one of several servers over one database, whichever of them wrote them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use iam::stream::{Outcome, Round, Turn, Turns};
use iam::tenant::Operator;
use store::TenantId;

use super::receiver::{Pushed, Receiver};
use super::{LONG, deliverer, listen};
use crate::rest::Api;
use crate::world::{OPERATOR, World, user};

const DELIVERER: Operator<'static> = Operator { name: "deliverer" };

fn numbers(pushed: &[Pushed]) -> Vec<String> {
    pushed.iter().map(Pushed::number).collect()
}

const URL: &str = "https://id.example";

async fn take(world: &World, tenant: i64, stream: &str) -> Box<Round> {
    let turns = Turns::new("taker".to_owned(), LONG);
    let taken = world.iam.take_turn(DELIVERER, TenantId(tenant), stream, URL, &turns).await.unwrap();
    let Turn::Taken(round) = taken else { panic!("{taken:?}") };
    round
}

/// While both write without a pause, and both look for what waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_event_is_delivered_once_across_nodes_and_in_order() {
    const WRITERS: usize = 4;
    const EACH: usize = 40;
    let world = World::new().await;
    let other = world.beside().await;
    let receiver = Receiver::new().await;
    for tenant in ["acme", "globex"] {
        let api = Api::admin(&world, tenant).await;
        for path in ["one", "two"] {
            listen(&api, &receiver.url(&format!("{tenant}/{path}"))).await;
        }
    }
    let written = AtomicBool::new(false);
    let write = async {
        let mut callers = Vec::new();
        for writer in 0..WRITERS {
            let node = if writer % 2 == 0 { &world } else { &other };
            callers.push([node.provider("acme").await, node.provider("globex").await]);
        }
        let writers = callers.iter().enumerate().map(async |(writer, callers)| {
            for number in 0..EACH {
                for caller in callers {
                    caller.make("/Users", user(&format!("{writer}-{number}"))).await;
                }
            }
        });
        futures_util::future::join_all(writers).await;
        written.store(true, Ordering::Relaxed);
    };
    let hand_out = async |node: &World, name: &str| {
        let mut deliverer = deliverer(node, name, LONG);
        loop {
            let is_last = written.load(Ordering::Relaxed);
            deliverer.once().await;
            // A push that failed on a busy machine is due again.
            node.pass(Duration::from_secs(1));
            if is_last && world.place.rows("select count(*) from outbox") == ["0"] {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(write, hand_out(&world, "a"), hand_out(&other, "b"));
    let mut heard: BTreeMap<String, Vec<Pushed>> = BTreeMap::new();
    for pushed in receiver.pushed() {
        heard.entry(pushed.path.clone()).or_default().push(pushed);
    }
    for (tenant, name) in [(1, "acme"), (2, "globex")] {
        let expected: Vec<String> = (1..=WRITERS * EACH).map(|number| format!("{tenant}-{number}")).collect();
        for path in ["one", "two"] {
            assert_eq!(numbers(&heard[&format!("{name}/{path}")]), expected, "{name}/{path}");
        }
    }
}

/// What it had not noted is pushed again, as the same tokens; and it can note nothing any more.
#[tokio::test]
async fn a_node_that_dies_over_its_turn_loses_it_to_another() {
    let world = World::new().await;
    let other = world.beside().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let id = listen(&api, &receiver.url("")).await;
    let caller = world.provider("acme").await;
    for name in ["a", "b"] {
        caller.make("/Users", user(name)).await;
    }
    let round = take(&world, 1, &id).await;
    let tokens: Vec<String> = round.events().iter().map(|told| round.token(told)).collect();
    // As long as it may be alive nobody takes its place, however often they look.
    let mut patient = deliverer(&other, "b", LONG);
    for _ in 0..3 {
        patient.once().await;
    }
    assert!(receiver.pushed().is_empty());
    let mut impatient = deliverer(&other, "c", Duration::from_millis(1));
    let pushed = loop {
        impatient.once().await;
        let pushed = receiver.pushed();
        if !pushed.is_empty() {
            break pushed;
        }
    };
    assert_eq!(pushed.into_iter().map(|pushed| pushed.token).collect::<Vec<_>>(), tokens);
    let late = Outcome { done: 1, refused: 7, failure: Some("late".to_owned()) };
    assert!(!world.iam.end_turn(DELIVERER, &round, &late).await.unwrap(), "its turn is over");
    caller.make("/Users", user("c")).await;
    patient.once().await;
    assert_eq!(numbers(&receiver.pushed()), ["1-3"]);
}

/// A node whose turn was taken by another pushes nothing more.
#[tokio::test]
async fn a_node_that_lost_its_turn_notices_before_the_next_push() {
    let world = World::new().await;
    let other = world.beside().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    listen(&api, &receiver.url("")).await;
    let caller = world.provider("acme").await;
    for name in ["a", "b"] {
        caller.make("/Users", user(name)).await;
    }
    let release = receiver.hold_next();
    let mut late = deliverer(&world, "late", LONG);
    let handing = tokio::spawn(async move { late.once().await });
    assert_eq!(numbers(&receiver.wait_for(1).await), ["1-1"]);
    let mut impatient = deliverer(&other, "b", Duration::from_millis(1));
    let pushed = loop {
        impatient.once().await;
        let pushed = receiver.pushed();
        if !pushed.is_empty() {
            break pushed;
        }
    };
    assert_eq!(numbers(&pushed), ["1-1", "1-2"]);
    drop(release);
    handing.await.unwrap();
    assert!(receiver.pushed().is_empty());
}

/// Who begins to listen while others are served hears all from there on.
#[tokio::test]
async fn a_stream_that_is_made_during_a_turn_misses_nothing() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let caller = world.provider("acme").await;
    let first = listen(&api, &receiver.url("first")).await;
    caller.make("/Users", user("a")).await;
    let round = take(&world, 1, &first).await;
    listen(&api, &receiver.url("second")).await;
    caller.make("/Users", user("b")).await;
    let all = Outcome { done: 1, ..Outcome::default() };
    assert!(world.iam.end_turn(DELIVERER, &round, &all).await.unwrap());
    assert!(!world.iam.end_turn(DELIVERER, &round, &all).await.unwrap(), "it ends once");
    deliverer(&world, "a", LONG).once().await;
    let mut pushed = receiver.pushed();
    pushed.sort_by_key(|pushed| pushed.path.clone());
    let heard: Vec<(String, String)> = pushed.iter().map(|p| (p.path.clone(), p.number())).collect();
    assert_eq!(heard, [("first".into(), "1-2".into()), ("second".into(), "1-2".into())]);
}

/// Streams come and go while events do: each hears without a gap from its beginning on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn streams_that_come_while_events_are_handed_out_hear_all_from_then_on() {
    const STREAMS: usize = 6;
    let world = World::new().await;
    let other = world.beside().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    listen(&api, &receiver.url("0")).await;
    let (written, begun) = (AtomicBool::new(false), AtomicBool::new(false));
    let write = async {
        let caller = other.provider("acme").await;
        for number in 0.. {
            caller.make("/Users", user(&number.to_string())).await;
            if begun.load(Ordering::Relaxed) && number > 60 {
                break;
            }
        }
        caller.make("/Users", user("last")).await;
        written.store(true, Ordering::Relaxed);
    };
    let begin = async {
        let mut from = vec![1];
        for number in 1..STREAMS {
            // What is there before the answer may be heard or not; what comes after it is.
            listen(&api, &receiver.url(&number.to_string())).await;
            let newest = world.place.rows("select outbox from head where tenant = 1").remove(0);
            from.push(newest.parse::<i64>().unwrap() + 1);
        }
        begun.store(true, Ordering::Relaxed);
        from
    };
    let hand_out = async {
        let mut deliverer = deliverer(&world, "a", LONG);
        while !written.load(Ordering::Relaxed) {
            deliverer.once().await;
            world.pass(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
        deliverer.once().await;
    };
    let ((), from, ()) = tokio::join!(write, begin, hand_out);
    deliverer(&other, "b", LONG).once().await;
    let mut heard: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for pushed in receiver.pushed() {
        let number = pushed.number().split('-').nth(1).unwrap().parse().unwrap();
        heard.entry(pushed.path.clone()).or_default().push(number);
    }
    let newest: i64 = world.place.rows("select outbox from head where tenant = 1")[0].parse().unwrap();
    for (stream, from) in from.into_iter().enumerate() {
        let heard = &heard[&stream.to_string()];
        assert!(heard[0] <= from, "{stream}: from {} and not {from}", heard[0]);
        assert_eq!(*heard, (heard[0]..=newest).collect::<Vec<_>>(), "{stream}");
    }
}

/// A deleted tenant's events are nobody's, and a deleted stream's neither.
#[tokio::test]
async fn what_is_deleted_over_a_turn_hinders_nobody() {
    let world = World::new().await;
    let other = world.beside().await;
    let receiver = Receiver::new().await;
    let mut ids = Vec::new();
    for tenant in ["acme", "globex"] {
        let api = Api::admin(&world, tenant).await;
        ids.push(listen(&api, &receiver.url(tenant)).await);
        world.provider(tenant).await.make("/Users", user("a")).await;
    }
    let api = Api::admin(&world, "globex").await;
    let gone = listen(&api, &receiver.url("gone")).await;
    world.provider("globex").await.make("/Users", user("b")).await;
    let rounds = [take(&world, 1, &ids[0]).await, take(&world, 2, &gone).await];
    other.iam.delete_tenant(OPERATOR, "acme").await.unwrap();
    api.delete(&format!("/ssf/streams?stream_id={gone}")).await.check(204);
    for round in &rounds {
        assert!(!world.iam.is_current(DELIVERER, round).await.unwrap());
        assert!(!world.iam.end_turn(DELIVERER, round, &Outcome::default()).await.unwrap());
    }
    deliverer(&other, "b", LONG).once().await;
    assert_eq!(numbers(&receiver.pushed()), ["2-1", "2-2"]);
    // Of the last one nothing is left.
    world.provider("globex").await.make("/Users", user("c")).await;
    api.delete(&format!("/ssf/streams?stream_id={}", ids[1])).await.check(204);
    assert_eq!(world.place.rows("select count(*) from outbox"), ["0"]);
    assert_eq!(world.place.rows("select count(*) from setting where name like 'delivery/%'"), ["0"]);
}
