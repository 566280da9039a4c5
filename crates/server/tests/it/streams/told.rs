//! What is told, and what becomes of what a receiver does not take.

use std::time::Duration;

use durward_server::client::{Client, Reach};
use expect_test::expect;
use iam::limits::EVENTS_TAKEN_MAX;
use iam::stream::{Outcome, Turn, Turns};
use serde_json::{Value, json};
use store::TenantId;

use super::receiver::{Pushed, Receiver};
use super::{LONG, deliverer, listen, reaching, stream};
use crate::rest::Api;
use crate::world::{Caller, OPERATOR, World, group, operations, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The subject and the events of each, a line each.
fn lines(all: &[Value]) -> String {
    let line = |claims: &Value| {
        let events = claims["events"].as_object().unwrap().iter();
        let events = events.map(|(uri, content)| {
            format!(
                "{} {}",
                uri.trim_start_matches("urn:ietf:params:scim:event:prov:"),
                content["attributes"]
            )
        });
        format!("{}: {}\n", claims["sub_id"]["uri"].as_str().unwrap(), events.collect::<Vec<_>>().join(", "))
    };
    all.iter().map(line).collect()
}

async fn patch(caller: &Caller, path: &str, all: Value) {
    assert!(caller.patch(path, operations(all)).await.status.is_success());
}

#[tokio::test]
async fn a_change_is_told_in_one_signed_event() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let mut deliverer = deliverer(&world, "a", LONG);
    let caller = world.provider("acme").await;
    caller.make("/Users", user("before")).await;
    let mut body = stream(&receiver.url("events"));
    body["delivery"]["authorization_header"] = json!("Bearer hush");
    api.post("/ssf/streams", body).await.check(201);
    let id = caller.make("/Users", user("ada")).await;
    deliverer.once().await;
    let pushed = receiver.pushed();
    assert_eq!(pushed.len(), 1, "{pushed:?}");
    let only = &pushed[0];
    assert_eq!((only.path.as_str(), only.header("content-type")), ("events", "application/secevent+jwt"));
    assert_eq!((only.header("accept"), only.header("authorization")), ("application/json", "Bearer hush"));
    let keys = world.nobody("acme").get("!/acme/.well-known/jwks.json").await.check(200).json();
    let claims = only.check(&keys);
    assert_eq!(claims["sub_id"]["uri"], format!("/Users/{id}"));
    assert_eq!(claims["aud"], json!([receiver.url("events")]));
    let mut shown = claims.clone();
    shown["aud"] = json!("…");
    shown["sub_id"]["uri"] = json!("…");
    expect![[r#"
        {
          "iss": "https://id.example/acme",
          "jti": "1-1-435d6c8e6556",
          "iat": 1767323045,
          "aud": "…",
          "txn": "1-1-435d6c8e6556",
          "sub_id": {
            "format": "scim",
            "uri": "…"
          },
          "events": {
            "urn:ietf:params:scim:event:prov:create:notice": {
              "attributes": [
                "id",
                "userName",
                "active"
              ]
            }
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&shown).unwrap());
    deliverer.once().await;
    assert!(receiver.pushed().is_empty(), "once");
    // Nothing of it is kept when all have it.
    assert_eq!(world.place.rows("select count(*) from outbox"), ["0"]);
}

#[tokio::test]
async fn every_change_of_a_resource_is_told_with_what_it_changed() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let mut deliverer = deliverer(&world, "a", LONG);
    listen(&api, &receiver.url("")).await;
    let admin = world.admin("acme").await;
    let mut body = user("ada");
    body["schemas"] = json!([body["schemas"][0], ENTERPRISE]);
    body["password"] = json!("correct horse");
    body["name"] = json!({ "givenName": "Ada" });
    body[ENTERPRISE] = json!({ "department": "x", "division": "y" });
    let ada = admin.make("/Users", body.clone()).await;
    let at = format!("/Users/{ada}");
    patch(&admin, &at, json!([{ "op": "replace", "path": "displayName", "value": "Ada" }])).await;
    patch(&admin, &at, json!([{ "op": "replace", "path": "displayName", "value": "Ada" }])).await;
    let other = json!([{ "op": "replace", "path": format!("{ENTERPRISE}:division"), "value": "z" }]);
    patch(&admin, &at, other).await;
    patch(&admin, &at, json!([{ "op": "replace", "path": "password", "value": "battery staple" }])).await;
    patch(&admin, &at, json!([{ "op": "replace", "path": "active", "value": false }])).await;
    admin.put(&at, user("ada")).await.check(200);
    patch(&admin, &at, json!([{ "op": "replace", "path": "active", "value": true }])).await;
    let team = admin.make("/Groups", group("team", &[&ada])).await;
    let members = format!("/Groups/{team}");
    patch(&admin, &members, json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]))
        .await;
    admin.put(&members, group("team", &[&ada])).await.check(200);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": user("bob") },
            { "method": "DELETE", "path": format!("/Groups/{team}") },
        ],
    });
    admin.post("/Bulk", bulk).await.check(200);
    admin.delete(&at).await.check(204);
    // What is refused is not told.
    admin.post("/Users", user("bob")).await.check(409);
    admin.delete(&at).await.check(404);
    deliverer.once().await;
    let pushed = receiver.pushed();
    let claims: Vec<Value> = pushed.iter().map(Pushed::claims).collect();
    let ids: Vec<String> = pushed.iter().map(Pushed::number).collect();
    let expected: Vec<String> = (1..=claims.len()).map(|number| format!("1-{number}")).collect();
    assert_eq!(ids, expected);
    let text = lines(&claims).replace(&ada, "ada").replace(&team, "team");
    let bob = admin.find("/Users", "userName eq \"bob\"").await.remove(0);
    expect![[r#"
        /Users/ada: create:notice ["id","userName","name","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division","active","password"]
        /Users/ada: patch:notice ["displayName"]
        /Users/ada: patch:notice ["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division"]
        /Users/ada: patch:notice ["password"]
        /Users/ada: patch:notice ["active"], deactivate null
        /Users/ada: put:notice ["name","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division","displayName"]
        /Users/ada: patch:notice ["active"], activate null
        /Groups/team: create:notice ["id","displayName","members"]
        /Groups/team: patch:notice ["members"]
        /Groups/team: put:notice ["members"]
        /Users/bob: create:notice ["id","userName","active"]
        /Groups/team: delete null
        /Users/ada: delete null
    "#]].assert_eq(&text.replace(&bob, "bob"));
    assert!(!claims.iter().any(|claims| claims.to_string().contains("battery")));
}

#[tokio::test]
async fn a_stream_hears_what_it_asked_for_of_its_own_tenant() {
    let world = World::new().await;
    let (acme, globex) = (Api::admin(&world, "acme").await, Api::admin(&world, "globex").await);
    let receiver = Receiver::new().await;
    let mut deliverer = deliverer(&world, "a", LONG);
    let mut deletions = stream(&receiver.url("deletions"));
    deletions["events_requested"] = json!([
        "urn:ietf:params:scim:event:prov:delete",
        "urn:ietf:params:scim:event:prov:deactivate",
        "urn:other"
    ]);
    let made = acme.post("/ssf/streams", deletions).await.check(201).json();
    assert_eq!(
        made["events_delivered"],
        json!(["urn:ietf:params:scim:event:prov:delete", "urn:ietf:params:scim:event:prov:deactivate"])
    );
    listen(&acme, &receiver.url("all")).await;
    listen(&globex, &receiver.url("globex")).await;
    for tenant in ["acme", "globex"] {
        let admin = world.admin(tenant).await;
        let id = admin.make("/Users", user("ada")).await;
        let inactive = json!([{ "op": "replace", "path": "active", "value": false }]);
        patch(&admin, &format!("/Users/{id}"), inactive).await;
        if tenant == "acme" {
            admin.delete(&format!("/Users/{id}")).await.check(204);
        }
    }
    deliverer.once().await;
    let pushed = receiver.pushed();
    let heard = |path: &str| -> Vec<Vec<String>> {
        let all = pushed.iter().filter(|pushed| pushed.path == path);
        let short = |uri: &String| uri.rsplit("prov:").next().unwrap().to_owned();
        all.map(|pushed| pushed.events().iter().map(short).collect()).collect()
    };
    assert_eq!(heard("deletions"), [["deactivate"], ["delete"]]);
    assert_eq!(heard("all"), [vec!["create:notice"], vec!["patch:notice", "deactivate"], vec!["delete"]]);
    assert_eq!(heard("globex"), [vec!["create:notice"], vec!["patch:notice", "deactivate"]]);
    let keys = async |tenant: &str| {
        let path = format!("!/{tenant}/.well-known/jwks.json");
        world.nobody("acme").get(&path).await.check(200).json()
    };
    let (own, other) = (keys("acme").await, keys("globex").await);
    assert_ne!(own, other);
    for pushed in &pushed {
        let is_globex = pushed.path == "globex";
        let claims = pushed.check(if is_globex { &other } else { &own });
        let tenant = if is_globex { "globex" } else { "acme" };
        assert_eq!(claims["iss"], format!("https://id.example/{tenant}"));
        assert_eq!(claims["aud"], json!([receiver.url(&pushed.path)]));
    }
    assert_eq!(keys("nobody").await, json!({ "keys": [] }));
    assert_eq!(world.place.rows("select count(*) from outbox"), ["0"]);
}

/// In order, and none is left out.
#[tokio::test]
async fn what_a_receiver_does_not_take_is_sent_again_after_a_pause() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let mut deliverer = deliverer(&world, "a", LONG);
    let id = listen(&api, &receiver.url("")).await;
    let admin = world.admin("acme").await;
    for name in ["a", "b", "c"] {
        admin.make("/Users", user(name)).await;
    }
    let status = async || api.get(&format!("/ssf/status?stream_id={id}")).await.check(200).json();
    let ids = || receiver.pushed().iter().map(|p| p.number()).collect::<Vec<_>>();
    receiver.answer(&[(202, ""), (503, ""), (400, r#"{"err":"invalid_key","description":"unknown kid"}"#)]);
    deliverer.once().await;
    assert_eq!(ids(), ["1-1", "1-2"]);
    assert_eq!(
        status().await,
        json!({ "stream_id": id, "status": "enabled", "reason": "the last attempt failed: the receiver answered 503" })
    );
    deliverer.once().await;
    assert!(ids().is_empty(), "not before its time");
    world.pass(Duration::from_secs(1));
    deliverer.once().await;
    assert_eq!(ids(), ["1-2"]);
    assert_eq!(
        status().await["reason"],
        "the last 2 attempts failed, the last of them: the receiver answered 400: invalid_key unknown kid"
    );
    world.pass(Duration::from_secs(1));
    deliverer.once().await;
    assert!(ids().is_empty(), "the second pause is longer");
    world.pass(Duration::from_secs(1));
    deliverer.once().await;
    assert_eq!(ids(), ["1-2", "1-3"]);
    assert_eq!(status().await, json!({ "stream_id": id, "status": "enabled" }));
    // One that is no good holds nothing up.
    for name in ["d", "e"] {
        admin.make("/Users", user(name)).await;
    }
    receiver.answer(&[(400, r#"{"err":"invalid_request"}"#)]);
    deliverer.once().await;
    assert_eq!(ids(), ["1-4", "1-5"]);
    assert_eq!(status().await["reason"], "events that the receiver refused: 1");
}

#[tokio::test]
async fn a_receiver_that_is_not_there_holds_nobody_else_up() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let mut deliverer = deliverer(&world, "a", LONG);
    // Who has the port, and does not listen.
    let deaf = tokio::net::TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = deaf.local_addr().unwrap().port();
    let away = listen(&api, &format!("http://127.0.0.1:{port}/")).await;
    listen(&api, &receiver.url("")).await;
    let admin = world.admin("acme").await;
    for name in ["a", "b"] {
        admin.make("/Users", user(name)).await;
    }
    deliverer.once().await;
    assert_eq!(receiver.pushed().len(), 2);
    let status = api.get(&format!("/ssf/status?stream_id={away}")).await.check(200).json();
    assert!(status["reason"].as_str().unwrap().contains("Connection refused"), "{status}");
    // They wait for the one that has not heard them.
    assert_eq!(world.place.rows("select count(*) from outbox"), ["2"]);
    api.delete(&format!("/ssf/streams?stream_id={away}")).await.check(204);
    admin.make("/Users", user("c")).await;
    deliverer.once().await;
    assert_eq!(receiver.pushed().len(), 1);
    assert_eq!(world.place.rows("select count(*) from outbox"), ["0"]);
}

#[tokio::test]
async fn a_stream_that_is_paused_hears_it_later_and_one_that_is_disabled_never() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let mut deliverer = deliverer(&world, "a", LONG);
    let ids = [listen(&api, &receiver.url("one")).await, listen(&api, &receiver.url("two")).await];
    let admin = world.admin("acme").await;
    let set = async |id: &str, status: &str| {
        let body = json!({ "stream_id": id, "status": status, "reason": "moving house" });
        assert_eq!(api.post("/ssf/status", body.clone()).await.check(200).json(), body);
    };
    let heard = |pushed: &[Pushed], path: &str| -> Vec<String> {
        pushed.iter().filter(|pushed| pushed.path == path).map(Pushed::number).collect()
    };
    // Whether somebody looks meanwhile or not.
    for (round, looks) in [true, false].into_iter().enumerate() {
        set(&ids[0], "paused").await;
        set(&ids[1], "disabled").await;
        admin.make("/Users", user(&format!("a{round}"))).await;
        if looks {
            deliverer.once().await;
        }
        assert!(receiver.pushed().is_empty());
        for id in &ids {
            set(id, "enabled").await;
        }
        admin.make("/Users", user(&format!("b{round}"))).await;
        deliverer.once().await;
        let (pushed, first) = (receiver.pushed(), 2 * round + 1);
        let (first, second) = (format!("1-{first}"), format!("1-{}", first + 1));
        assert_eq!(heard(&pushed, "one"), [first, second.clone()]);
        assert_eq!(heard(&pushed, "two"), [second]);
    }
    assert_eq!(world.place.rows("select count(*) from outbox"), ["0"]);
}

/// From the next event on, also when a node has just taken some.
#[tokio::test]
async fn what_is_said_to_a_stream_holds_at_once() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let id = listen(&api, &receiver.url("first")).await;
    let admin = world.admin("acme").await;
    for name in ["a", "b"] {
        admin.make("/Users", user(name)).await;
    }
    let turns = Turns::new("a".to_owned(), LONG);
    let taken = world.iam.take_turn(OPERATOR, TenantId(1), &id, "https://id.example", &turns).await.unwrap();
    let Turn::Taken(round) = taken else { panic!("{taken:?}") };
    assert!(world.iam.is_current(OPERATOR, &round).await.unwrap());
    let mut other = stream(&receiver.url("second"));
    other["stream_id"] = json!(id);
    api.send(http::Method::PUT, "/ssf/streams", Some(other)).await.check(200);
    assert!(!world.iam.is_current(OPERATOR, &round).await.unwrap());
    let outcome = Outcome { done: 1, ..Outcome::default() };
    assert!(world.iam.end_turn(OPERATOR, &round, &outcome).await.unwrap());
    deliverer(&world, "a", LONG).once().await;
    let pushed = receiver.pushed();
    assert_eq!((pushed[0].path.as_str(), pushed[0].number().as_str(), pushed.len()), ("second", "1-2", 1));
    // For whom its tokens are does not change with the address.
    assert_eq!(pushed[0].claims()["aud"], json!([receiver.url("first")]));
}

#[tokio::test]
async fn a_node_that_is_pushing_minds_what_is_said_to_the_stream() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let id = listen(&api, &receiver.url("first")).await;
    let admin = world.admin("acme").await;
    for name in ["a", "b", "c"] {
        admin.make("/Users", user(name)).await;
    }
    let release = receiver.hold_next();
    let mut deliverer = deliverer(&world, "a", LONG);
    let handing = tokio::spawn(async move { deliverer.once().await });
    assert_eq!(receiver.wait_for(1).await[0].number(), "1-1");
    let mut other = stream(&receiver.url("second"));
    other["stream_id"] = json!(id);
    api.send(http::Method::PUT, "/ssf/streams", Some(other)).await.check(200);
    drop(release);
    handing.await.unwrap();
    let heard: Vec<_> =
        receiver.pushed().iter().map(|pushed| (pushed.path.clone(), pushed.number())).collect();
    assert_eq!(heard, [("second".into(), "1-2".into()), ("second".into(), "1-3".into())]);
}

/// What a receiver has taken is noted when the database is there again.
#[tokio::test]
async fn a_database_that_is_away_over_a_push_makes_nothing_come_twice() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    listen(&api, &receiver.url("")).await;
    world.admin("acme").await.make("/Users", user("a")).await;
    let release = receiver.hold_next();
    let mut deliverer = deliverer(&world, "a", LONG);
    let handing = tokio::spawn(async move {
        deliverer.once().await;
        deliverer
    });
    assert_eq!(receiver.wait_for(1).await[0].number(), "1-1");
    world.place.cut();
    drop(release);
    let mut deliverer = handing.await.unwrap();
    while world.place.rows("select count(*) from outbox") != ["0"] {
        deliverer.once().await;
    }
    assert!(receiver.pushed().is_empty());
}

/// However many there are that it does not hear.
#[tokio::test]
async fn a_stream_that_hears_little_hears_it_soon() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let mut deletions = stream(&receiver.url(""));
    deletions["events_requested"] = json!(["urn:ietf:params:scim:event:prov:delete"]);
    api.post("/ssf/streams", deletions).await.check(201);
    let admin = world.admin("acme").await;
    let many = usize::try_from(EVENTS_TAKEN_MAX).unwrap() * 2 + 5;
    let mut last = String::new();
    for number in 0..many {
        last = admin.make("/Users", user(&number.to_string())).await;
    }
    admin.delete(&format!("/Users/{last}")).await.check(204);
    deliverer(&world, "a", LONG).once().await;
    let numbers: Vec<String> = receiver.pushed().iter().map(Pushed::number).collect();
    assert_eq!(numbers, [format!("1-{}", many + 1)]);
    assert_eq!(world.place.rows("select count(*) from outbox"), ["0"]);
}

/// A receiver that takes its time is not waited for by other streams; and not by who stops the server.
#[tokio::test]
async fn a_slow_receiver_is_waited_for_by_nobody() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    // It accepts, and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = listen(&api, &format!("http://{}/", listener.local_addr().unwrap())).await;
    listen(&api, &receiver.url("")).await;
    let admin = world.admin("acme").await;
    admin.make("/Users", user("a")).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(deliverer(&world, "a", LONG).run(async { drop(stopped.await) }));
    let _held = listener.accept().await.unwrap();
    for round in 1..=2 {
        while receiver.pushed().iter().map(Pushed::number).next() != Some(format!("1-{round}")) {
            tokio::task::yield_now().await;
        }
        admin.make("/Users", user(&round.to_string())).await;
    }
    drop(stop);
    running.await.unwrap();
    // Its turn is over, and was no failure: another server goes on with it.
    let status = api.get(&format!("/ssf/status?stream_id={slow}")).await.check(200).json();
    assert_eq!(status["reason"], json!(null));
    let mut moved = stream(&receiver.url("slow"));
    moved["stream_id"] = json!(slow);
    api.send(http::Method::PUT, "/ssf/streams", Some(moved)).await.check(200);
    deliverer(&world.beside().await, "b", LONG).once().await;
    let pushed = receiver.pushed();
    let heard: Vec<String> =
        pushed.iter().filter(|pushed| pushed.path == "slow").map(Pushed::number).collect();
    assert_eq!(heard, ["1-1", "1-2", "1-3"]);
}

/// Who has much to hear lets others have their turns.
#[tokio::test]
async fn where_there_is_little_room_streams_take_turns() {
    let world = World::new().await;
    let receiver = Receiver::new().await;
    for tenant in ["acme", "globex"] {
        listen(&Api::admin(&world, tenant).await, &receiver.url(tenant)).await;
    }
    let many = usize::try_from(EVENTS_TAKEN_MAX).unwrap() * 2 + 1;
    let acme = world.provider("acme").await;
    for number in 0..many {
        acme.make("/Users", user(&number.to_string())).await;
    }
    world.provider("globex").await.make("/Users", user("a")).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let deliverer = deliverer(&world, "a", LONG).with_room(1);
    let running = tokio::spawn(deliverer.run(async { drop(stopped.await) }));
    let pushed = receiver.wait_for(many + 1).await;
    let place = pushed.iter().position(|pushed| pushed.path == "globex").unwrap();
    assert!(place < many, "it waited for all of the other");
    drop(stop);
    running.await.unwrap();
    let numbers = pushed.iter().filter(|pushed| pushed.path == "acme").map(Pushed::number);
    assert!(numbers.eq((1..=many).map(|number| format!("1-{number}"))));
}

/// More streams than are served at once.
#[tokio::test]
async fn all_streams_of_many_tenants_are_served() {
    const TENANTS: usize = 70;
    let world = World::new().await;
    let receiver = Receiver::new().await;
    for number in 0..TENANTS {
        let name = format!("t{number}");
        world.iam.create_tenant(OPERATOR, &name).await.unwrap();
        listen(&Api::admin(&world, &name).await, &receiver.url(&name)).await;
        let provider = world.provider(&name).await;
        for user in ["a", "b"] {
            provider.make("/Users", crate::world::user(user)).await;
        }
    }
    deliverer(&world, "a", LONG).once().await;
    let pushed = receiver.pushed();
    for number in 0..TENANTS {
        let path = format!("t{number}");
        assert_eq!(pushed.iter().filter(|pushed| pushed.path == path).count(), 2, "{path}");
    }
}

#[tokio::test]
async fn a_verification_goes_to_its_stream_alone() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let mut deliverer = deliverer(&world, "a", LONG);
    let id = listen(&api, &receiver.url("one")).await;
    listen(&api, &receiver.url("two")).await;
    api.post("/ssf/verification", json!({ "stream_id": id, "state": "xyz" })).await.check(204);
    deliverer.once().await;
    let pushed = receiver.pushed();
    assert_eq!(pushed.iter().map(|pushed| pushed.path.as_str()).collect::<Vec<_>>(), ["one"]);
    let claims = pushed[0].claims();
    assert_eq!(claims["sub_id"], json!({ "format": "opaque", "id": id }));
    assert_eq!(
        claims["events"],
        json!({ "https://schemas.openid.net/secevent/ssf/event-type/verification": { "state": "xyz" } })
    );
}

/// Nobody who may set up a stream reaches into the server's own networks through it.
#[tokio::test]
async fn a_receiver_at_a_private_address_hears_nothing_unless_that_is_allowed() {
    let world = World::new().await;
    let (api, receiver) = (Api::admin(&world, "acme").await, Receiver::new().await);
    let mut deliverer = reaching(&world, "a", LONG, Client::new(Reach::Public));
    let plain = listen(&api, &receiver.url("")).await;
    let local = listen(&api, &receiver.url("").replace("http:", "https:")).await;
    let named = listen(&api, &format!("https://localhost:{}/", receiver.address.port())).await;
    world.admin("acme").await.make("/Users", user("a")).await;
    deliverer.once().await;
    assert!(receiver.pushed().is_empty());
    for (id, why) in [
        (plain, "only https is allowed"),
        (local, "not one of the public internet"),
        (named, "no address of the public internet"),
    ] {
        let status = api.get(&format!("/ssf/status?stream_id={id}")).await.check(200).json();
        assert!(status["reason"].as_str().unwrap().contains(why), "{status}");
    }
}
