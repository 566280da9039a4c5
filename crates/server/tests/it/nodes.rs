//! Two servers over one database: what is done on one is so on the other, for its very next request.

use std::collections::BTreeSet;
use std::time::Duration;

use iam::access::{Read, Tokens};
use iam::cx::TokenKind;
use iam::tenant::Operator;
use iam::token::Draft;

use crate::rest::Api;
use crate::world::{OPERATOR, World, encoded, user};

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
