//! What a token carries.

use iam::cx::{Mode, TokenKind};
use iam::token::Draft;
use serde_json::json;

use super::{detail, names, policy, statuses};
use crate::rest::{Api, new_token, provider};
use crate::world::{Caller, World, operations, user};

fn narrow(kind: TokenKind, actions: &[&str]) -> Draft {
    Draft { actions: Some(names(actions)), ..Draft::new(kind, "narrow") }
}

#[tokio::test]
async fn a_token_carries_what_it_is_narrowed_to_and_what_is_below() {
    let world = World::new().await;
    let ada = world.provider("acme").await.make("/Users", user("ada")).await;
    for (actions, reads, writes, groups) in [
        (vec!["durward.users.read"], 200, 403, 403),
        (vec!["durward.users"], 200, 200, 403),
        (vec!["durward.users.manage"], 200, 200, 403),
        (vec!["durward.users.read", "durward.groups.read"], 200, 403, 200),
        (vec!["durward.manage"], 200, 200, 200),
        (vec!["durward"], 200, 200, 200),
        (vec!["services.iam"], 200, 200, 200),
    ] {
        let caller = world.caller("acme", narrow(TokenKind::Scim, &actions)).await;
        let path = format!("/Users/{ada}");
        let title = operations(json!([{ "op": "replace", "path": "title", "value": "x" }]));
        caller.get(&path).await.check(reads);
        caller.patch(&path, title).await.check(writes);
        caller.get("/Groups").await.check(groups);
        // What its kind does not carry it does not carry by any name.
        caller.post("!/v1/scim", new_token("x")).await.check(403);
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_left_out_of_a_search_of_all() {
    let world = World::new().await;
    let provider = world.provider("acme").await;
    provider.make("/Users", user("ada")).await;
    provider.make("/Groups", json!({ "displayName": "crew" })).await;
    let caller = world.caller("acme", narrow(TokenKind::Scim, &["durward.groups.read"])).await;
    let found = caller.get("/").await.check(200).json();
    assert_eq!(found["totalResults"], 1);
    assert_eq!(found["Resources"][0]["displayName"], "crew");
    assert_eq!(caller.post("/.search", json!({})).await.check(200).json()["totalResults"], 1);
    let other = world.caller("acme", narrow(TokenKind::Scim, &["durward.me"])).await;
    assert_eq!(detail(&other.get("/").await.check(403)), "this token carries no action to read resources");
}

#[tokio::test]
async fn an_operation_of_a_bulk_request_is_refused_for_itself() {
    let world = World::new().await;
    let caller = world.caller("acme", narrow(TokenKind::Scim, &["durward.groups"])).await;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "u", "data": user("ada") },
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": { "displayName": "crew" } },
        ],
    });
    let answer = caller.post("/Bulk", body).await.check(200).json();
    assert_eq!(statuses(&answer), ["403", "201"]);
    let refused = &answer["Operations"][0]["response"]["detail"];
    assert_eq!(refused, "this token does not carry `durward.users.write`");
}

#[tokio::test]
async fn a_token_is_narrowed_to_actions_that_there_are_and_that_it_can_carry() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    api.post("/sso/custom", provider("entra")).await.check(201);
    let with = |mode: &str, actions: &[&str]| {
        let mut body = new_token("entra");
        (body["actions"], body["mode"]) = (json!(actions), json!(mode));
        body
    };
    for (mode, actions, said) in [
        ("write", vec!["durward..read"], "the action `durward..read` has an empty segment"),
        ("write", vec!["invoices.read"], "`invoices.read` is no action of Durward's"),
        ("write", vec!["durward.devices.read"], "`durward.devices.read` is no action of Durward's"),
        ("write", vec!["durward.users.read.mine"], "`durward.users.read.mine` is no action of Durward's"),
        ("write", vec!["services"], "`services` is no action of Durward's"),
        (
            "write",
            vec!["durward.users", "durward.tokens"],
            "a token of kind `scim` and mode `write` does not carry `durward.tokens`",
        ),
        (
            "read",
            vec!["durward.users.write"],
            "a token of kind `scim` and mode `read` does not carry `durward.users.write`",
        ),
        ("write", vec![], "a token is narrowed to at least one and at most 100 actions"),
    ] {
        assert_eq!(api.refused(400, "/scim", with(mode, &actions)).await, said);
    }
    let made = api.post("/scim", with("write", &["durward.users.read"])).await.check(200).json();
    let path = format!("/scim/{}", made["id"].as_str().unwrap());
    let shown = async |path: &str| api.get(path).await.check(200).json()["actions"].clone();
    assert_eq!(shown(&path).await, json!(["durward.users.read"]));
    // It stays narrowed when its settings change, and the token that replaces it is as narrow.
    api.put(&format!("{path}/settings"), json!({ "dialect": "strict" })).await.check(200);
    assert_eq!(shown(&path).await, json!(["durward.users.read"]));
    let rotated = api.post(&format!("{path}/rotate"), json!({})).await.check(200).json();
    assert_eq!(
        shown(&format!("/scim/{}", rotated["id"].as_str().unwrap())).await,
        json!(["durward.users.read"])
    );
    let caller =
        Caller { token: Some(rotated["token"].as_str().unwrap().to_owned()), ..world.nobody("acme") };
    caller.get("/Users").await.check(200);
    caller.post("/Users", user("ada")).await.check(403);
}

#[tokio::test]
async fn nobody_makes_a_token_that_carries_more() {
    let world = World::new().await;
    let admin = Api::admin(&world, "acme").await;
    admin.post("/sso/custom", provider("entra")).await.check(201);
    let wide = admin.post("/scim", new_token("entra")).await.check(200).id();
    let narrow =
        Api::of(&world.caller("acme", narrow(TokenKind::Admin, &["durward.tokens", "durward.users"])).await);
    let with = |actions: &[&str]| {
        let mut body = new_token("entra");
        body["actions"] = json!(actions);
        body
    };
    let said = |action: &str| format!("who does not have `{action}` makes no token that carries it");
    assert_eq!(narrow.refused(403, "/scim", new_token("entra")).await, said("durward"));
    assert_eq!(
        narrow.refused(403, "/scim", with(&["durward.users", "durward.groups"])).await,
        said("durward.groups")
    );
    assert_eq!(narrow.refused(403, "/scim", with(&["services.iam"])).await, said("services.iam"));
    // A token that takes the place of another is one that is made.
    assert_eq!(narrow.refused(403, &format!("/scim/{wide}/rotate"), json!({})).await, said("durward"));
    let made = narrow.post("/scim", with(&["durward.users.read"])).await.check(200).id();
    narrow.post(&format!("/scim/{made}/rotate"), json!({})).await.check(200);
    // One that stands for somebody else does at `/Me` what that user does.
    let ada = world.admin("acme").await.make("/Users", user("ada")).await;
    let mut for_ada = with(&["durward.users.read"]);
    for_ada["subject"] = json!(ada);
    assert_eq!(narrow.refused(403, "/scim", for_ada.clone()).await, said("durward"));
    admin.post("/scim", for_ada).await.check(200);
}

#[tokio::test]
async fn a_kind_of_the_tenants_own_has_actions_of_its_own() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    crate::rest::schemas::define_device(&api).await;
    let caller = world.caller("acme", narrow(TokenKind::Scim, &["durward.devices.read"])).await;
    caller.get("/Devices").await.check(200);
    caller.get("/Users").await.check(403);
    let refused = caller.post("/Devices", json!({})).await.check(403);
    assert_eq!(detail(&refused), "this token does not carry `durward.devices.write`");
    world.reader("acme").await.get("/Devices").await.check(200);
    for endpoint in ["/Tokens", "/audit", "/Manage"] {
        let kind = json!({ "name": "Thing", "endpoint": endpoint, "schema": crate::rest::schemas::DEVICE });
        assert_eq!(api.refused(400, "/resource-types", kind).await, "`name` or `endpoint` is reserved");
    }
}

#[tokio::test]
async fn a_token_that_may_only_read_asks_for_decisions_and_grants_nothing() {
    let world = World::new().await;
    let reader =
        world.caller("acme", Draft { mode: Mode::Read, ..narrow(TokenKind::Scim, &["durward"]) }).await;
    let question = json!({
        "subject": { "type": "user", "id": "x" }, "action": { "name": "y" }, "resource": { "type": "z", "id": "1" },
    });
    reader.post("!/access/v1/evaluation", question).await.check(200);
    reader.post("/Policies", policy("user-x", "a")).await.check(403);
}
