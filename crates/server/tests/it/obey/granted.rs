//! What the user a token stands for is granted.

use serde_json::json;

use super::{detail, person, policy, standing_for, statuses};
use crate::world::{World, everywhere, group, operations, user};

#[tokio::test]
async fn a_grant_holds_from_the_moment_it_is_made_until_the_moment_it_is_taken_back() {
    let world = World::new().await;
    let (id, ada) = person(&world, "ada", &[]).await;
    let (admin, beside) = (world.admin("acme").await, world.beside().await);
    let there = crate::world::Caller { router: beside.router.clone(), ..ada.clone() };
    let not_granted = "`durward.users.read` is not granted to the user this token stands for";
    assert_eq!(detail(&ada.get("/Users").await.check(403)), not_granted);
    there.get("/Users").await.check(403);
    let made =
        admin.post("/Policies", policy(&format!("user-{id}"), "durward.users.read")).await.check(201).id();
    for caller in [&ada, &there] {
        caller.get("/Users").await.check(200);
        assert_eq!(caller.get("/").await.check(200).json()["totalResults"], 1);
        caller.get("/Groups").await.check(403);
        caller.post("/Users", user("ben")).await.check(403);
    }
    // Another server may let her in for a moment more, but has not kept her out a moment too long.
    admin.delete(&format!("/Policies/{made}")).await.check(204);
    ada.get("/Users").await.check(403);
    everywhere().await;
    for caller in [&ada, &there] {
        caller.get("/Users").await.check(403);
        caller.get("/").await.check(403);
    }
}

#[tokio::test]
async fn a_grant_on_an_area_is_for_that_area() {
    let world = World::new().await;
    let (id, ada) = person(&world, "ada", &[]).await;
    let admin = world.admin("acme").await;
    for (scope, users, groups) in [("durward:/users", 200, 403), ("/", 200, 403), ("Durward:/", 200, 200)] {
        let body = json!({ "subject": format!("user-{id}"), "scope": scope, "action": "durward" });
        admin.post("/Policies", body).await.check(201);
        ada.get("/Users").await.check(users);
        ada.get("/Groups").await.check(groups);
    }
}

#[tokio::test]
async fn a_grant_comes_through_groups_and_ends_with_the_user() {
    let world = World::new().await;
    let (id, ada) = person(&world, "ada", &[]).await;
    let admin = world.admin("acme").await;
    let crew = admin.make("/Groups", group("crew", &[&id])).await;
    admin.post("/Policies", policy(&format!("group-{crew}"), "services.iam")).await.check(201);
    ada.get("/Roles").await.check(200);
    ada.get("!/v1/sso").await.check(200);
    let blocked = "urn:ietf:params:scim:schemas:extension:custom:2.0:User:blocked";
    for (attribute, barred, free) in [("active", false, true), (blocked, true, false)] {
        let set = |value: bool| operations(json!([{ "op": "replace", "path": attribute, "value": value }]));
        admin.patch(&format!("/Users/{id}"), set(barred)).await.check(200);
        for path in ["/Roles", "/Me", "/"] {
            let refused = ada.get(path).await.check(403);
            assert_eq!(detail(&refused), "the user this token stands for is not active", "{path}");
        }
        admin.patch(&format!("/Users/{id}"), set(free)).await.check(200);
        ada.get("/Roles").await.check(200);
    }
    admin.delete(&format!("/Users/{id}")).await.check(204);
    ada.get("/Roles").await.check(401);
}

#[tokio::test]
async fn a_token_for_a_user_may_do_no_more_than_it_carries() {
    let world = World::new().await;
    let (id, ada) = person(&world, "ada", &["durward.groups", "durward.me.read"]).await;
    let admin = world.admin("acme").await;
    admin.post("/Policies", policy(&format!("user-{id}"), "durward")).await.check(201);
    ada.get("/Groups").await.check(200);
    assert_eq!(detail(&ada.get("/Users").await.check(403)), "this token does not carry `durward.users.read`");
    assert_eq!(ada.get("/Me").await.check(200).id(), id);
    ada.patch("/Me", operations(json!([{ "op": "add", "path": "title", "value": "x" }]))).await.check(403);
}

#[tokio::test]
async fn who_one_is_needs_no_grant() {
    let world = World::new().await;
    let (id, ada) = person(&world, "ada", &[]).await;
    assert_eq!(ada.get("/Me").await.check(200).id(), id);
    let title = operations(json!([{ "op": "add", "path": "title", "value": "Analyst" }]));
    ada.patch("/Me", title.clone()).await.check(200);
    // Only there: the same resource at its own address is one like any other.
    ada.patch(&format!("/Users/{id}"), title).await.check(403);
}

#[tokio::test]
async fn what_one_operation_takes_away_the_next_does_not_have() {
    let world = World::new().await;
    let (id, ada) = person(&world, "ada", &[]).await;
    let admin = world.admin("acme").await;
    let crew = admin.make("/Groups", group("crew", &[&id])).await;
    admin.post("/Policies", policy(&format!("group-{crew}"), "durward.manage")).await.check(201);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": user("ben") },
            { "method": "DELETE", "path": format!("/Groups/{crew}") },
            { "method": "POST", "path": "/Users", "bulkId": "b", "data": user("eve") },
        ],
    });
    let answer = ada.post("/Bulk", body).await.check(200).json();
    assert_eq!(statuses(&answer), ["201", "204", "403"]);
}

#[tokio::test]
async fn a_user_makes_tokens_for_no_more_than_is_granted() {
    let world = World::new().await;
    let (id, ada) = person(&world, "ada", &[]).await;
    let admin = world.admin("acme").await;
    admin.post("!/v1/sso/custom", crate::rest::provider("entra")).await.check(201);
    for action in ["durward.tokens.write", "durward.users.read"] {
        admin.post("/Policies", policy(&format!("user-{id}"), action)).await.check(201);
    }
    let with = |actions: &[&str]| {
        let mut body = crate::rest::new_token("entra");
        body["actions"] = json!(actions);
        body
    };
    ada.post("!/v1/scim", with(&["durward.users.read"])).await.check(200);
    ada.post("!/v1/scim", with(&["durward.groups.read"])).await.check(403);
    ada.post("!/v1/scim", crate::rest::new_token("entra")).await.check(403);
    let other = standing_for(&world, &id, &["durward.tokens"]).await;
    other.post("!/v1/scim", with(&["durward.users.read"])).await.check(403);
}
