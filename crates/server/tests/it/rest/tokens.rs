//! SCIM tokens: made, listed, used, rotated, revoked.

use std::ops::ControlFlow;
use std::time::Duration;

use expect_test::expect;
use http::Method;
use iam::access::{Read, Tokens};
use iam::cx::TokenKind;
use iam::tenant::Operator;
use iam::token::Draft;
use serde_json::{Value, json};
use store::AuditQuery;

use super::{Api, new_token, provider};
use crate::world::{OPERATOR, World, user};

async fn world() -> (World, Api) {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    api.post("/sso/azuread", provider("entra")).await.check(201);
    (world, api)
}

#[tokio::test]
async fn a_token_is_shown_once() {
    let (_, api) = world().await;
    let made = api.post("/scim", new_token("entra")).await.check(200).json();
    let members: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(members, ["id", "token", "provider", "providerDisplayName"]);
    assert_eq!((&made["provider"], &made["providerDisplayName"]), (&json!("entra"), &json!("The entra")));
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("dw_scim_"), "{token}");
    let id = made["id"].as_str().unwrap();
    for path in [format!("/scim/{id}"), "/scim".to_owned()] {
        let shown = api.get(&path).await.check(200);
        assert!(!shown.text.contains(token) && shown.text.contains(id), "{}", shown.text);
    }
    let settings = api.put(&format!("/scim/{id}/settings"), json!({ "dialect": "strict" })).await.check(200);
    assert!(!settings.text.contains(token));
}

#[tokio::test]
async fn a_token_needs_a_provider_that_there_is() {
    let (_, api) = world().await;
    api.post("/scim", new_token("okta")).await.snapshot(expect![[r#"
        400 Bad Request
        content-type: application/problem+json
        {
          "type": "about:blank",
          "title": "Bad Request",
          "status": 400,
          "detail": "`provider`: there is no identity provider with the scheme `okta`"
        }"#]]);
    for (body, named) in [
        (json!({}), "provider"),
        (json!({ "provider": "entra" }), "providerDisplayName"),
        (json!({ "provider": "entra", "providerDisplayName": " " }), "providerDisplayName"),
        (json!({ "provider": "entra", "providerDisplayName": "E", "colour": 1 }), "colour"),
        (
            json!({ "provider": "entra", "providerDisplayName": "E", "mode": "admin" }),
            "`mode` must be one of `read`, `write`, not `admin`",
        ),
        (json!({ "provider": "entra", "providerDisplayName": "E", "dialect": "loose" }), "dialect"),
        (json!({ "provider": "entra", "providerDisplayName": "E", "onInactive": "x" }), "onInactive"),
        (json!({ "provider": "entra", "providerDisplayName": "E", "expiresInDays": 0 }), "days"),
        (json!({ "provider": "entra", "providerDisplayName": "E", "subject": "nobody" }), "nobody"),
    ] {
        let detail = api.refused(400, "/scim", body.clone()).await;
        assert!(detail.contains(named), "{body}: {detail}");
    }
    assert_eq!(api.get("/scim").await.json()["totalCount"], 0);
    // The scheme is not written as its provider writes it, but it is the same.
    assert_eq!(api.post("/scim", new_token("ENTRA")).await.check(200).json()["provider"], "entra");
}

#[tokio::test]
async fn a_token_made_without_its_providers_name_shows_the_one_the_provider_has() {
    let (world, api) = world().await;
    let draft = Draft { provider: Some("entra".to_owned()), ..Draft::new(TokenKind::Scim, "x") };
    let (info, _) = world.token("acme", draft).await;
    let shown = api.get(&format!("/scim/{}", info.id)).await.check(200).json();
    assert_eq!(shown["providerDisplayName"], "The entra");
}

#[tokio::test]
async fn what_is_no_json_object_is_a_problem_too() {
    let (world, _) = world().await;
    let admin = world.admin("acme").await;
    for (body, media_type, status) in [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("", "application/json", 400),
        ("a=1", "application/x-www-form-urlencoded", 415),
    ] {
        let answer = admin.send_bytes(Method::POST, "!/v1/scim", Some(body), media_type).await.check(status);
        super::openapi::expect_announced("POST", "/v1/scim", &answer);
        super::is_problem(&answer);
    }
}

#[tokio::test]
async fn tokens_are_listed_by_page_and_found_by_name() {
    let (world, api) = world().await;
    api.post("/sso/google", provider("google")).await.check(201);
    let mut ids = Vec::new();
    for scheme in ["entra", "google", "entra", "google", "entra"] {
        ids.push(api.connect(scheme).await.0);
        world.pass(Duration::from_millis(1));
    }
    let list = async |query: &str| {
        let page = api.get(&format!("/scim{query}")).await.check(200).json();
        let listed: Vec<usize> = page["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .map(|token| ids.iter().position(|id| token["id"] == id.as_str()).unwrap())
            .collect();
        (listed, page["totalCount"].clone(), page["page"].clone(), page["pageSize"].clone())
    };
    let found = |ids: &[usize], total: u64, page: u64, size: u64| {
        (ids.to_vec(), Value::from(total), Value::from(page), Value::from(size))
    };
    assert_eq!(list("").await, found(&[0, 1, 2, 3, 4], 5, 1, 50));
    assert_eq!(list("?pageSize=2").await, found(&[0, 1], 5, 1, 2));
    assert_eq!(list("?page=3&pageSize=2").await, found(&[4], 5, 3, 2));
    assert_eq!(list("?page=4&pageSize=2").await, found(&[], 5, 4, 2));
    assert_eq!(list("?page=18446744073709551615").await, found(&[], 5, u64::MAX, 50));
    assert_eq!(list("?pageSize=1000").await, found(&[0, 1, 2, 3, 4], 5, 1, 200));
    assert_eq!(list("?query=GOOG&pageSize=1").await, found(&[1], 2, 1, 1));
    assert_eq!(list("?query=nothing").await, found(&[], 0, 1, 50));
    for query in ["?page=x", "?page=0", "?page=-1", "?pageSize=-1", "?pageSize=0"] {
        let answer = api.get(&format!("/scim{query}")).await.check(400).json();
        let named = query.trim_start_matches('?').split_once('=').unwrap().0;
        assert_eq!(answer["detail"], format!("`{named}` must be a whole number above 0"), "{query}");
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_by_the_next_request() {
    let (_, api) = world().await;
    let (id, caller) = api.connect("entra").await;
    let ada = caller.make("/Users", user("ada")).await;
    api.delete(&format!("/scim/{id}")).await.check(204);
    caller.get("/Users").await.check(401);
    api.delete(&format!("/scim/{id}")).await.check(404);
    // What it provisioned stays.
    let (_, next) = api.connect("entra").await;
    next.get(&format!("/Users/{ada}")).await.check(200);
}

#[tokio::test]
async fn a_replaced_token_and_its_successor_are_one_connection_until_the_old_one_ends() {
    let (world, api) = world().await;
    let (id, old) = api.connect("entra").await;
    let mut ada = user("ada");
    ada["externalId"] = "7".into();
    old.make("/Users", ada).await;
    let rotated =
        api.post(&format!("/scim/{id}/rotate"), json!({ "overlapHours": 2 })).await.check(200).json();
    let new =
        crate::world::Caller { token: Some(rotated["token"].as_str().unwrap().to_owned()), ..old.clone() };
    assert_ne!(rotated["id"], json!(id));
    let end = api.get(&format!("/scim/{id}")).await.json()["expiresAt"].clone();
    assert_eq!(end, "2026-01-02T05:04:05.678Z");
    world.pass(Duration::from_hours(2) - Duration::from_millis(1));
    for caller in [&old, &new] {
        assert_eq!(caller.find("/Users", "externalId eq \"7\"").await.len(), 1);
    }
    world.pass(Duration::from_millis(1));
    old.get("/Users").await.check(401);
    assert_eq!(new.find("/Users", "externalId eq \"7\"").await.len(), 1);
    let next = rotated["id"].as_str().unwrap();
    // None at all, for a token that was stolen; and an end that is near does not become a later one.
    api.post(&format!("/scim/{next}/rotate"), json!({ "overlapHours": 0, "expiresInDays": 1 }))
        .await
        .check(200);
    new.get("/Users").await.check(401);
    api.post(&format!("/scim/{next}/rotate"), json!({ "overlapHours": 5 })).await.check(200);
    new.get("/Users").await.check(401);
}

#[tokio::test]
async fn a_token_ends_by_the_clock() {
    let (world, api) = world().await;
    let mut body = new_token("entra");
    body["expiresInDays"] = 2.into();
    let made = api.post("/scim", body).await.check(200).json();
    assert_eq!(made["expiresAt"], "2026-01-04T03:04:05.678Z");
    let mut caller = world.nobody("acme");
    caller.token = Some(made["token"].as_str().unwrap().to_owned());
    world.pass(Duration::from_hours(48) - Duration::from_millis(1));
    caller.get("/Users").await.check(200);
    world.pass(Duration::from_millis(1));
    caller.get("/Users").await.check(401);
}

#[tokio::test]
async fn when_a_token_was_last_used_is_written_down_in_batches() {
    let (world, api) = world().await;
    let (id, caller) = api.connect("entra").await;
    let used = async || api.get(&format!("/scim/{id}")).await.json()["lastUsedAt"].clone();
    world.iam.flush_used().await.unwrap();
    assert_eq!(used().await, Value::Null);
    world.pass(Duration::from_secs(5));
    caller.get("/Users").await.check(200);
    world.iam.flush_used().await.unwrap();
    assert_eq!(used().await, "2026-01-02T03:04:10.678Z");
}

#[tokio::test]
async fn settings_are_those_of_the_next_request() {
    let (_, api) = world().await;
    let (id, caller) = api.connect("entra").await;
    let off = json!({ "userName": "ada", "active": false });
    caller.make("/Users", off).await;
    let shown = api.get(&format!("/scim/{id}")).await.json();
    assert_eq!((&shown["dialect"], &shown["onInactive"]), (&json!("auto"), &json!("reactivate")));
    let path = format!("/scim/{id}/settings");
    let set =
        api.put(&path, json!({ "dialect": "strict", "onInactive": "conflict" })).await.check(200).json();
    assert_eq!((&set["dialect"], &set["onInactive"]), (&json!("strict"), &json!("conflict")));
    caller.post("/Users", user("ada")).await.check(409);
    // A PUT replaces: what it does not give has its default.
    let set = api.put(&path, json!({ "dialect": "strict" })).await.check(200).json();
    assert_eq!((&set["dialect"], &set["onInactive"]), (&json!("strict"), &json!("reactivate")));
    let set = api.put(&path, json!({})).await.check(200).json();
    assert_eq!(set["dialect"], "auto");
    caller.post("/Users", user("ada")).await.check(201);
    api.put(&path, json!({ "dialect": "loose" })).await.check(400);
    let detail = api.put(&path, json!({ "onInactiv": "x" })).await.check(400).json()["detail"].clone();
    assert_eq!(detail, "`onInactiv` is not known here; did you mean `onInactive`?");
}

#[tokio::test]
async fn a_token_that_ended_long_ago_is_deleted_and_that_is_audited() {
    const DAY: Duration = Duration::from_secs(86_400);
    let (world, api) = world().await;
    let new = |days: u32| {
        let mut body = new_token("entra");
        body["expiresInDays"] = json!(days);
        body
    };
    // More than go in one commit.
    let ends: Vec<u32> = [vec![1; 150], vec![2]].concat();
    for days in ends {
        api.post("/scim", new(days)).await.check(200);
    }
    let kept = api.post("/scim", new_token("entra")).await.check(200).id();
    let other = world.token("globex", Draft { days: Some(1), ..Draft::new(TokenKind::Scim, "x") }).await.0;
    let left = async || api.get("/scim?pageSize=200").await.check(200).json()["totalCount"].clone();
    let sweeper = Operator { name: "sweeper" };
    world.pass(DAY * 31);
    assert_eq!(world.iam.sweep_tokens(sweeper, DAY * 30).await.unwrap(), 0, "not before its time is over");
    world.pass(Duration::from_millis(1));
    assert_eq!(world.iam.sweep_tokens(sweeper, DAY * 30).await.unwrap(), 151);
    assert_eq!(left().await, 2);
    let cx = world.iam.operate(OPERATOR, "globex").await.unwrap();
    let permit = world.iam.permit(&cx, Read, Tokens).await.unwrap();
    let gone = world.iam.token(&cx, permit, &other.id).await;
    assert!(matches!(gone, Err(iam::Error::NotFound(_))), "{gone:?}");
    let mut audited = 0;
    let all = AuditQuery { after: 0, before: i64::MAX, descending: false, take: 1_000 };
    let store = world.iam.store().tenant(cx.tenant);
    store
        .audit(&all, |entry| {
            audited += usize::from((entry.actor.as_str(), entry.verb.as_str()) == ("sweeper", "delete"));
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!(audited, 1);
    world.pass(DAY);
    assert_eq!(world.iam.sweep_tokens(sweeper, DAY * 30).await.unwrap(), 1);
    api.get(&format!("/scim/{kept}")).await.check(200);
}

#[tokio::test]
async fn an_administrators_token_is_none_of_these() {
    let (world, api) = world().await;
    let (info, _) = world.token("acme", iam::token::Draft::new(iam::cx::TokenKind::Admin, "other")).await;
    let path = format!("/scim/{}", info.id);
    assert!(!api.get("/scim").await.text.contains(&info.id));
    api.get(&path).await.check(404);
    api.delete(&path).await.check(404);
    api.post(&format!("{path}/rotate"), json!({})).await.check(404);
    api.put(&format!("{path}/settings"), json!({})).await.check(404);
}

#[tokio::test]
async fn no_secret_of_a_caller_is_in_the_database() {
    let (world, api) = world().await;
    let (id, caller) = api.connect("entra").await;
    let rotated = api.post(&format!("/scim/{id}/rotate"), json!({})).await.check(200).json();
    caller.make("/Users", json!({ "userName": "ada", "password": "Correct-Horse-7" })).await;
    let made = caller
        .post(
            "/Users",
            json!({ "userName": "bob",
            "urn:ietf:params:scim:schemas:extension:custom:2.0:User": { "generatePassword": true } }),
        )
        .await
        .check(201)
        .json();
    let generated = made["password"].as_str().expect("the made password is shown once").to_owned();
    let secrets = [
        caller.token.unwrap(),
        rotated["token"].as_str().unwrap().to_owned(),
        "Correct-Horse-7".into(),
        generated,
    ];
    let held = world.place.kept();
    let holds = |text: &str| held.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("The entra") && holds("$argon2id$"), "the search would find nothing anyway");
    for secret in secrets {
        // Neither it nor the part of a token that is drawn at random.
        assert!(!holds(&secret) && !holds(secret.rsplit('_').next().unwrap()), "{secret}");
    }
}

#[tokio::test]
async fn a_rotation_needs_no_body_and_its_answer_is_not_kept() {
    let (world, api) = world().await;
    let id = api.post("/scim", new_token("entra")).await.check(200).id();
    let admin = world.admin("acme").await;
    let made = admin.send(Method::POST, &format!("!/v1/scim/{id}/rotate"), None).await.check(200);
    assert!(made.json()["token"].as_str().unwrap().starts_with("dw_scim_"));
    assert_eq!(made.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_token_shows_whom_it_stands_for() {
    let (world, api) = world().await;
    let ada = world.admin("acme").await.make("/Users", user("ada")).await;
    let mut body = new_token("entra");
    body["subject"] = json!(ada);
    let id = api.post("/scim", body).await.check(200).id();
    world.pass(Duration::from_millis(1));
    api.post("/scim", new_token("entra")).await.check(200);
    assert_eq!(api.get(&format!("/scim/{id}")).await.json()["subject"], json!(ada));
    let listed = api.get("/scim").await.check(200).json();
    let subjects: Vec<_> = (0..2).map(|at| listed["tokens"][at].get("subject").cloned()).collect();
    assert_eq!(subjects, [Some(json!(ada)), None]);
}

#[tokio::test]
async fn of_two_tokens_none_is_taken() {
    let world = World::new().await;
    let admin = world.admin("acme").await;
    for second in [admin.token.clone().unwrap(), "x".to_owned()] {
        let twice = admin.with("authorization", &format!("Bearer {second}"));
        for path in ["/Users", "!/v1/scim", "!/v1/sso", "!/access/v1/evaluation"] {
            let method = if path.contains("access") { Method::POST } else { Method::GET };
            let answer = twice.send(method, path, Some(json!({}))).await;
            assert!(answer.text.contains("one good `Authorization` header"), "{path}: {}", answer.text);
            answer.check(400);
        }
    }
}
