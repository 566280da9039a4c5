//! The limits of event streams.

use iam::stream::{Outcome, Turn, Turns};
use store::TenantId;

use super::*;
use crate::rest::Api;
use crate::streams::receiver::Receiver;
use crate::streams::{LONG, deliverer, listen, stream};
use crate::world::OPERATOR;

#[tokio::test]
async fn what_is_said_of_a_stream_has_its_limits() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let url = |bytes: usize| {
        let url = "https://receiver.example/".to_owned();
        let rest = bytes - url.len();
        url + &"x".repeat(rest)
    };
    let described = |bytes: usize| {
        let mut body = stream(&url(100));
        body["description"] = json!("x".repeat(bytes));
        body
    };
    let authorized = |bytes: usize| {
        let mut body = stream(&url(100));
        body["delivery"]["authorization_header"] = json!("x".repeat(bytes));
        body
    };
    let requesting = |events: usize| {
        let mut body = stream(&url(100));
        body["events_requested"] = json!(vec!["urn:x"; events]);
        body
    };
    for (good, bad, named) in [
        (stream(&url(URL_BYTES_MAX)), stream(&url(URL_BYTES_MAX + 1)), "`delivery.endpoint_url`"),
        (
            authorized(AUTHORIZATION_BYTES_MAX),
            authorized(AUTHORIZATION_BYTES_MAX + 1),
            "`delivery.authorization_header`",
        ),
        (requesting(EVENTS_REQUESTED_MAX), requesting(EVENTS_REQUESTED_MAX + 1), "`events_requested`"),
        (described(REASON_BYTES_MAX), described(REASON_BYTES_MAX + 1), "`description`"),
    ] {
        let detail = api.refused(400, "/ssf/streams", bad).await;
        assert!(detail.contains(named), "{detail}");
        api.post("/ssf/streams", good).await.check(201);
    }
    let known = api.get("/ssf/streams").await.check(200).json();
    for _ in known.as_array().unwrap().len()..usize::try_from(STREAMS_MAX).unwrap() {
        listen(&api, &url(100)).await;
    }
    let detail = api.refused(409, "/ssf/streams", stream(&url(100))).await;
    assert!(detail.contains(&STREAMS_MAX.to_string()), "{detail}");
    let id = &known[0]["stream_id"];
    let long = "x".repeat(REASON_BYTES_MAX + 1);
    let detail = api.refused(400, "/ssf/verification", json!({ "stream_id": id, "state": long })).await;
    assert!(detail.contains("`state`"), "{detail}");
    let status = json!({ "stream_id": id, "status": "paused", "reason": long });
    assert!(api.refused(400, "/ssf/status", status).await.contains("`reason`"));
}

#[tokio::test]
async fn a_node_takes_so_many_events_at_a_time() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let receiver = Receiver::new().await;
    let id = listen(&api, &receiver.url("")).await;
    let caller = world.provider("acme").await;
    let most = usize::try_from(EVENTS_TAKEN_MAX).unwrap();
    for number in 0..=most {
        caller.make("/Users", user(&number.to_string())).await;
    }
    let turns = Turns::new("a".to_owned(), LONG);
    let taken = world.iam.take_turn(OPERATOR, TenantId(1), &id, "https://id.example", &turns).await.unwrap();
    let Turn::Taken(round) = taken else { panic!("{taken:?}") };
    assert_eq!(round.events().len(), most);
    assert!(world.iam.end_turn(OPERATOR, &round, &Outcome::default()).await.unwrap());
    deliverer(&world, "b", LONG).once().await;
    assert_eq!(receiver.pushed().len(), most + 1);
}

/// The oldest are given up, and counted.
#[tokio::test]
async fn so_many_events_are_held_for_who_does_not_take_them() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let receiver = Receiver::new().await;
    let id = listen(&api, &receiver.url("")).await;
    let status = |status: &str| json!({ "stream_id": id, "status": status });
    api.post("/ssf/status", status("paused")).await.check(200);
    let many = usize::try_from(EVENTS_HELD_MAX).unwrap() + 5;
    let payload = r#"{"sub_id":{"format":"scim","uri":"/Users/1"},"events":{"urn:ietf:params:scim:event:prov:delete":{}}}"#;
    rows(
        &world,
        many,
        &format!(
            "insert into outbox (tenant, sequence, at, topic, payload) select {{tenant}}, n, 1, '', '{payload}'"
        ),
    );
    world.place.execute(&format!("update head set outbox = {many} where tenant = 1"));
    let mut deliverer = deliverer(&world, "a", LONG);
    deliverer.once().await;
    let held = format!(
        "select count(*) from outbox where sequence > {}",
        many - usize::try_from(EVENTS_HELD_MAX).unwrap()
    );
    assert_eq!(world.place.rows(&held), [EVENTS_HELD_MAX.to_string()]);
    assert_eq!(world.place.rows("select min(sequence) from outbox"), ["6"], "the oldest");
    let shown = api.get(&format!("/ssf/status?stream_id={id}")).await.check(200).json();
    assert_eq!(shown["reason"], "events that were given up, as too many waited: 5");
    assert!(receiver.pushed().is_empty());
}
