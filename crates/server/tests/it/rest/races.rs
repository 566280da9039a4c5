//! What is removed while something comes to depend on it: one of the two is refused, whichever is first.

use iam::access::Write;
use scim::message::ListQuery;
use serde_json::json;

use super::schemas::{BADGE, DEVICE, badge, define_device};
use super::{Api, new_token, provider};
use crate::world::{OPERATOR, World, operations, user};

const ROUNDS: usize = 12;

#[tokio::test]
async fn a_resource_that_was_planned_before_its_type_was_removed_is_not_kept() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    define_device(&api).await;
    let before = world.iam.operate(OPERATOR, "acme").await.unwrap();
    let kind = before.kinds.at("Devices").unwrap().clone();
    let create = async || {
        let draft = json!({ "schemas": [DEVICE], "serial": "1" }).as_object().unwrap().clone();
        let permit = world.iam.permit(&before, Write, &*kind).await.unwrap();
        world.iam.create(&before, permit, draft, &ListQuery::default()).await
    };
    api.delete("/resource-types/Device").await.check(204);
    assert_eq!(create().await.unwrap_err(), iam::Error::Unavailable);
    api.post("/resource-types", json!({ "name": "Device", "endpoint": "/Devices", "schema": DEVICE }))
        .await
        .check(201);
    let acme = world.provider("acme").await;
    assert_eq!(acme.get("/Devices").await.check(200).json()["totalResults"], 0);
    // What was defined again is not what it was planned with.
    assert_eq!(create().await.unwrap_err(), iam::Error::Unavailable);
}

#[tokio::test]
async fn a_resource_type_and_a_resource_of_it_do_not_miss_each_other() {
    let world = World::new().await;
    let (api, acme) = (Api::admin(&world, "acme").await, world.provider("acme").await);
    for round in 0..ROUNDS {
        define_device(&api).await;
        let (api, caller) = (&api, &acme);
        let remove = async || api.delete("/resource-types/Device").await.status.as_u16();
        let make = async || {
            caller.post("/Devices", json!({ "schemas": [DEVICE], "serial": "1" })).await.status.as_u16()
        };
        let (removed, made) = if round % 2 == 0 {
            tokio::join!(remove(), make())
        } else {
            let (made, removed) = tokio::join!(make(), remove());
            (removed, made)
        };
        assert!([(204, 503), (204, 404), (409, 201)].contains(&(removed, made)), "{removed} {made}");
        if made == 201 {
            for id in caller.find("/Devices", "id pr").await {
                caller.delete(&format!("/Devices/{id}")).await.check(204);
            }
            api.delete("/resource-types/Device").await.check(204);
        }
        api.delete(&format!("/schemas/{DEVICE}")).await.check(204);
    }
}

#[tokio::test]
async fn an_extension_and_data_of_it_do_not_miss_each_other() {
    let world = World::new().await;
    let (api, acme) = (Api::admin(&world, "acme").await, world.provider("acme").await);
    let path = format!("/Users/{}", acme.make("/Users", user("ada")).await);
    for round in 0..ROUNDS {
        api.post("/schemas", badge()).await.check(201);
        let (api, caller) = (&api, &acme);
        let remove = async || api.delete(&format!("/schemas/{BADGE}")).await.status.as_u16();
        let set = async || {
            let set = json!([{ "op": "add", "path": format!("{BADGE}:number"), "value": "1" }]);
            caller.patch(&path, operations(set)).await.status.as_u16()
        };
        let (removed, set) = if round % 2 == 0 {
            tokio::join!(remove(), set())
        } else {
            let (set, removed) = tokio::join!(set(), remove());
            (removed, set)
        };
        assert!([(204, 503), (204, 400), (409, 200)].contains(&(removed, set)), "{removed} {set}");
        if set == 200 {
            let drop = operations(json!([{ "op": "remove", "path": BADGE }]));
            caller.patch(&path, drop).await.check(200);
            api.delete(&format!("/schemas/{BADGE}")).await.check(204);
        }
        assert!(!caller.get(&path).await.check(200).text.contains(BADGE));
    }
}

#[tokio::test]
async fn a_provider_and_a_token_for_it_do_not_miss_each_other() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    for round in 0..ROUNDS {
        let id = api.post("/sso/google", provider("entra")).await.check(201).id();
        let path = format!("/sso/google/{id}");
        let api = &api;
        let remove = async || api.delete(&path).await.status.as_u16();
        let make = async || api.post("/scim", new_token("entra")).await;
        let (removed, made) = if round % 2 == 0 {
            tokio::join!(remove(), make())
        } else {
            let (made, removed) = tokio::join!(make(), remove());
            (removed, made)
        };
        let status = made.status.as_u16();
        assert!([(204, 409), (204, 400), (409, 200)].contains(&(removed, status)), "{removed} {status}");
        if status == 200 {
            api.delete(&format!("/scim/{}", made.id())).await.check(204);
            api.delete(&path).await.check(204);
        }
        assert_eq!(api.get("/scim").await.json()["totalCount"], 0);
    }
}
