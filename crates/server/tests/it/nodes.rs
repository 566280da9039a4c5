//! Two servers over one database: what is done on one is so on the other for its very next request, and for its decisions in a
//! moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use iam::access::{Read, Tokens};
use iam::cx::TokenKind;
use iam::tenant::Operator;
use iam::token::Draft;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::decision::question;
use crate::rest::Api;
use crate::world::{Answer, Caller, OPERATOR, World, encoded, everywhere, user};

const DAY: Duration = Duration::from_secs(86_400);
const SWEEPER: Operator<'static> = Operator { name: "sweeper" };

#[tokio::test]
async fn a_token_is_good_on_every_node_until_it_is_revoked_on_any() {
    let world = World::new().await;
    let other = world.beside().await;
    let nodes = [&world, &other];
    for (here, there) in [(0, 1), (1, 0)] {
        let api = Api::admin(nodes[here], "acme").await;
        let globex = nodes[here].provider("globex").await.through(nodes[there].router.clone());
        for round in 0..5 {
            let (info, token) = nodes[here].token("acme", Draft::new(TokenKind::Scim, "x")).await;
            let caller = crate::world::Caller { token: Some(token), ..nodes[there].nobody("acme") };
            caller.make("/Users", user(&format!("u{here}-{round}"))).await;
            api.delete(&format!("/scim/{}", info.id)).await.check(204);
            caller.get("/Users").await.check(401);
            caller.through(nodes[here].router.clone()).get("/Users").await.check(401);
        }
        globex.get("/Users").await.check(200);
    }
}

#[tokio::test]
async fn a_deleted_tenant_is_gone_on_every_node() {
    let world = World::new().await;
    let other = world.beside().await;
    let (acme, globex) = (other.provider("acme").await, other.provider("globex").await);
    acme.get("/Users").await.check(200);
    world.iam.delete_tenant(OPERATOR, "acme").await.unwrap();
    acme.get("/Users").await.check(401);
    // The name again is another tenant, on every node.
    world.iam.create_tenant(OPERATOR, "acme").await.unwrap();
    acme.get("/Users").await.check(401);
    other.provider("acme").await.get("/Users").await.check(200);
    globex.get("/Users").await.check(200);
}

/// They agree on the key that cursors are sealed with, though both had found none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_of_one_of_two_nodes_that_started_at_once_is_good_on_the_other() {
    for _ in 0..3 {
        let [here, there] = World::two_at_once().await;
        here.iam.create_tenant(OPERATOR, "acme").await.unwrap();
        let caller = here.provider("acme").await;
        for name in ["a", "b", "c"] {
            caller.make("/Users", user(name)).await;
        }
        let page = caller.get("/Users?cursor&count=2").await.check(200).json();
        let next = format!("/Users?count=2&cursor={}", encoded(page["nextCursor"].as_str().unwrap()));
        let last = caller.through(there.router.clone()).get(&next).await.check(200).json();
        let names = [&page["Resources"][0], &page["Resources"][1], &last["Resources"][0]];
        let names: BTreeSet<_> = names.into_iter().map(|user| user["userName"].as_str().unwrap()).collect();
        assert_eq!(names, BTreeSet::from(["a", "b", "c"]));
    }
}

#[tokio::test]
async fn the_last_use_of_a_token_is_the_latest_on_any_node() {
    let world = World::new().await;
    let other = world.beside().await;
    let (info, token) = world.token("acme", Draft::new(TokenKind::Scim, "x")).await;
    let caller = crate::world::Caller { token: Some(token), ..world.nobody("acme") };
    caller.get("/Users").await.check(200);
    other.pass(DAY);
    caller.through(other.router.clone()).get("/Users").await.check(200);
    // The later one is written first.
    other.iam.flush_used().await.unwrap();
    world.iam.flush_used().await.unwrap();
    let cx = world.iam.operate(OPERATOR, "acme").await.unwrap();
    let permit = world.iam.permit(&cx, Read, Tokens).await.unwrap();
    let used = world.iam.token(&cx, permit, &info.id).await.unwrap().last_used;
    assert_eq!(used, Some(other.iam.now()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chore_is_done_by_one_node_in_each_of_its_periods() {
    let world = World::new().await;
    let other = world.beside().await;
    let turns = async |chore| {
        let (one, two) = tokio::join!(
            world.iam.takes_turn(OPERATOR, chore, DAY),
            other.iam.takes_turn(OPERATOR, chore, DAY)
        );
        (u8::from(one.unwrap()), u8::from(two.unwrap()))
    };
    for _ in 0..5 {
        let (one, two) = turns("sweep").await;
        assert_eq!(one + two, 1, "one of them");
        assert_eq!(turns("sweep").await, (0, 0), "once");
        let (one, two) = turns("another").await;
        assert_eq!(one + two, 1, "whatever else is done");
        world.pass(DAY);
        other.pass(DAY);
    }
    // A clock that is late does nothing again.
    let (one, two) = turns("sweep").await;
    assert_eq!(one + two, 1);
    let late = world.beside().await;
    late.set_back(DAY);
    assert!(!late.iam.takes_turn(OPERATOR, "sweep", DAY).await.unwrap());
}

/// Whoever has the turn sweeps, and the other does not even look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_swept_by_one_of_two_nodes_in_each_period() {
    let world = World::new().await;
    let other = world.beside().await;
    for _ in 0..3 {
        for _ in 0..7 {
            world.token("acme", Draft { days: Some(1), ..Draft::new(TokenKind::Scim, "x") }).await;
        }
        world.pass(DAY * 40);
        other.pass(DAY * 40);
        let (one, two) = tokio::join!(
            world.iam.sweep_tokens_in_turn(SWEEPER, DAY, DAY * 30),
            other.iam.sweep_tokens_in_turn(SWEEPER, DAY, DAY * 30)
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((one.is_some(), one.or(two)), (two.is_none(), Some(7)), "{one:?} {two:?}");
    }
}

/// Also when turns were of no help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_two_nodes_sweep_at_once_are_each_deleted_and_audited_once() {
    let world = World::new().await;
    let other = world.beside().await;
    let draft = || Draft { days: Some(1), ..Draft::new(TokenKind::Scim, "x") };
    for _ in 0..30 {
        world.token("acme", draft()).await;
    }
    world.token("globex", Draft::new(TokenKind::Scim, "x")).await;
    world.pass(DAY * 40);
    other.pass(DAY * 40);
    let (one, two) =
        tokio::join!(world.iam.sweep_tokens(SWEEPER, DAY * 30), other.iam.sweep_tokens(SWEEPER, DAY * 30));
    assert_eq!(one.unwrap() + two.unwrap(), 30);
    let audited = "select count(*) from audit where actor = 'sweeper' and verb = 'delete'";
    assert_eq!(world.place.rows(audited), ["30"]);
    assert_eq!(world.place.rows("select count(*) from token"), ["1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_deleted_while_it_is_written_to_leaves_nothing() {
    let world = World::new().await;
    let other = world.beside().await;
    let nodes = [&world, &other];
    let mut callers = Vec::new();
    for writer in 0..6 {
        callers.push(nodes[writer % 2].provider("acme").await);
    }
    let writers = callers.iter().enumerate().map(async |(writer, caller)| {
        for number in 0.. {
            let answer = caller.post("/Users", user(&format!("{writer}-{number}"))).await;
            if answer.status != 201 {
                answer.check(401);
                return;
            }
        }
    });
    let deletion = async {
        while world.place.rows("select count(*) from record where tenant = 1 and kind = 'User'") == ["0"] {
            tokio::task::yield_now().await;
        }
        other.iam.delete_tenant(OPERATOR, "acme").await.unwrap();
    };
    tokio::join!(futures_util::future::join_all(writers), deletion);
    for table in world.place.tables() {
        let left = world.place.rows(&format!("select count(*) from {table} where tenant = 1"));
        assert_eq!(left, ["0"], "{table}");
    }
    // That a token of it was used is not written down any more, nor is it tried again.
    world.iam.flush_used().await.unwrap();
    world.provider("globex").await.make("/Users", user("ada")).await;
}

/// Asks until there is a connection again.
async fn heard(ask: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
    }
}

/// No message has to arrive for it: what one node did is so on the other, though it lost every connection meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_did_is_so_on_another_whose_connections_were_cut() {
    let world = World::new().await;
    let other = world.beside().await;
    let here = world.admin("acme").await;
    let there = here.through(other.router.clone());
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(world.token("acme", Draft::new(TokenKind::Scim, "x")).await);
    }
    let ada = here.make("/Users", user("ada")).await;
    let asked = question(&ada, "doors.open", ("scope", "/doors")).to_string();
    let may = async || {
        let path = "!/acme/access/v1/evaluation";
        let ask =
            async || there.send_bytes(Method::POST, path, Some(asked.clone()), "application/json").await;
        heard(ask).await.check(200).json()["decision"] == true
    };
    for (round, (info, token)) in tokens.into_iter().enumerate() {
        let caller = Caller { token: Some(token), ..other.nobody("acme") };
        heard(async || caller.get("/Users").await).await.check(200);
        heard(async || here.delete(&format!("!/v1/scim/{}", info.id)).await).await.check(204);
        world.place.cut();
        heard(async || caller.get("/Users").await).await.check(401);

        let id = format!("urn:example:acme:2.0:Round{round}");
        let attribute = json!({ "name": "number", "type": "string", "multiValued": false });
        let schema = json!({ "id": id, "name": "Round", "extends": ["User"], "attributes": [attribute] });
        // What no schema defines is not kept.
        let number = async |name: &str| {
            let mut body = user(&format!("{name} {round}"));
            body["schemas"] = json!([body["schemas"][0], id]);
            body[&id] = json!({ "number": "1" });
            heard(async || there.post("/Users", body.clone()).await).await.check(201).json()[&id]["number"]
                .clone()
        };
        assert_eq!(number("before").await, Value::Null);
        heard(async || here.post("!/v1/schemas", schema.clone()).await).await.check(201);
        world.place.cut();
        assert_eq!(number("after").await, "1");

        assert!(!may().await);
        let policy = json!({ "subject": format!("user-{ada}"), "scope": "/doors", "action": "doors.open" });
        let made = heard(async || here.post("!/v1/policies", policy.clone()).await).await.check(201);
        world.place.cut();
        everywhere().await;
        assert!(may().await);
        heard(async || here.delete(&format!("!/v1/policies/{}", made.id())).await).await.check(204);
        world.place.cut();
        everywhere().await;
        assert!(!may().await);
    }
}

/// Sets a flag when it is dropped, also when the test fails.
struct End<'o>(&'o AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// However much others write, a decision comes, and it comes after what was acknowledged before it was asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_decision_is_made_while_another_node_writes_without_a_pause() {
    let world = World::new().await;
    let other = world.beside().await;
    let admin = world.admin("acme").await;
    let ada = admin.make("/Users", user("ada")).await;
    let asking = admin.through(other.router.clone());
    let over = Arc::new(AtomicBool::new(false));
    let end = End(&over);
    let written = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let (admin, over, written) = (admin.clone(), Arc::clone(&over), Arc::clone(&written));
        writers.spawn(async move {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                admin.make("/Users", user(&format!("{writer}-{number}"))).await;
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let body = question(&ada, "doors.open", ("scope", "/doors")).to_string();
    let may = async || {
        let path = "!/acme/access/v1/evaluation";
        let asked = asking.send_bytes(Method::POST, path, Some(body.clone()), "application/json").await;
        asked.check(200).json()["decision"] == true
    };
    for round in 0..30 {
        let policy = json!({ "subject": format!("user-{ada}"), "scope": "/doors", "action": "doors.open" });
        let made = admin.post("!/v1/policies", policy).await.check(201).id();
        everywhere().await;
        assert!(may().await, "{round}");
        admin.delete(&format!("!/v1/policies/{made}")).await.check(204);
        everywhere().await;
        assert!(!may().await, "{round}");
    }
    drop(end);
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    assert!(written.load(Ordering::Relaxed) > 60, "they paused: {written:?}");
}
