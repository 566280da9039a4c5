//! Events are handed out by one of several servers over one database, whichever of them wrote them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use iam::stream::{Outcome, Turns};
use iam::tenant::Operator;
use store::TenantId;

use super::receiver::{Pushed, Receiver};
use super::{LONG, deliverer, listen};
use crate::rest::Api;
use crate::world::{World, user};

const DELIVERER: Operator<'static> = Operator { name: "deliverer" };

fn numbers(pushed: &[Pushed]) -> Vec<String> {
    pushed.iter().map(Pushed::number).collect()
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
    let dying = Turns::new("a".to_owned(), LONG);
    let round = world.iam.take_round(DELIVERER, TenantId(1), &dying).await.unwrap().unwrap();
    let tokens: Vec<String> = round.pushes[0].sets.iter().map(|set| set.token.clone()).collect();
    // As long as it may be alive nobody takes its place, however often they look.
    let mut patient = deliverer(&other, "b", LONG);
    for _ in 0..3 {
        patient.once().await;
    }
    assert!(receiver.pushed().is_empty());
    let mut impatient = deliverer(&other, "c", Duration::from_millis(1));
    impatient.once().await;
    assert!(receiver.pushed().is_empty(), "it has seen it for the first time");
    tokio::time::sleep(Duration::from_millis(2)).await;
    impatient.once().await;
    let pushed = receiver.pushed();
    assert_eq!(pushed.into_iter().map(|pushed| pushed.token).collect::<Vec<_>>(), tokens);
    let late = Outcome { stream: id, through: 1, refused: 7, failure: Some("late".to_owned()) };
    assert!(!world.iam.settle_round(DELIVERER, round, &[late]).await.unwrap(), "its turn is over");
    caller.make("/Users", user("c")).await;
    patient.once().await;
    assert_eq!(numbers(&receiver.pushed()), ["1-3"]);
}

/// Who begins to listen while others are served hears all from there on.
#[tokio::test]
async fn a_stream_that_is_made_during_a_turn_misses_nothing() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let caller = world.provider("acme").await;
    let first = listen(&api, &receiver.url("first")).await;
    caller.make("/Users", user("a")).await;
    let turns = Turns::new("a".to_owned(), LONG);
    let round = world.iam.take_round(DELIVERER, TenantId(1), &turns).await.unwrap().unwrap();
    listen(&api, &receiver.url("second")).await;
    caller.make("/Users", user("b")).await;
    // It came further than the second has heard.
    let outcome = Outcome { stream: first, through: 2, refused: 0, failure: None };
    assert!(world.iam.settle_round(DELIVERER, round, &[outcome]).await.unwrap());
    deliverer(&world, "a", LONG).once().await;
    let pushed = receiver.pushed();
    assert_eq!((pushed[0].path.as_str(), numbers(&pushed)), ("second", vec!["1-2".to_owned()]));
}

/// A deleted tenant's events are nobody's.
#[tokio::test]
async fn a_tenant_that_is_deleted_over_a_turn_hinders_nobody() {
    let world = World::new().await;
    let other = world.beside().await;
    let receiver = Receiver::new().await;
    for tenant in ["acme", "globex"] {
        listen(&Api::admin(&world, tenant).await, &receiver.url(tenant)).await;
        world.provider(tenant).await.make("/Users", user("a")).await;
    }
    let turns = Turns::new("a".to_owned(), LONG);
    let round = world.iam.take_round(DELIVERER, TenantId(1), &turns).await.unwrap().unwrap();
    other.iam.delete_tenant(crate::world::OPERATOR, "acme").await.unwrap();
    assert!(!world.iam.settle_round(DELIVERER, round, &[]).await.unwrap());
    deliverer(&other, "b", LONG).once().await;
    assert_eq!(numbers(&receiver.pushed()), ["2-1"]);
}
