//! Create, read, replace, patch, delete: the plain path, and its plain refusals.

use expect_test::expect;
use serde_json::json;

use crate::world::{World, group, operations, user};

#[tokio::test]
async fn user_name_is_unique_whatever_its_case_and_per_tenant() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    acme.post("/Users", user("ada")).await.check(201);
    acme.post("/Users", user("ADA")).await.snapshot(expect![[r#"
        409 Conflict
        content-type: application/scim+json
        {
          "schemas": [
            "urn:ietf:params:scim:api:messages:2.0:Error"
          ],
          "status": "409",
          "scimType": "uniqueness",
          "detail": "`userName` is already taken"
        }"#]]);
    globex.post("/Users", user("ada")).await.check(201);
}

#[tokio::test]
async fn a_created_user_is_answered_whole() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    acme.post("/Users", json!({ "userName": "ada", "externalId": "7", "name": { "givenName": "Ada" } }))
        .await
        .snapshot(expect![[r#"
        201 Created
        content-type: application/scim+json
        location: https://id.example/acme/scim/Users/019b7ca9-8f2e-7488-b511-e5b4fb9cf272
        etag: W/"1"
        {
          "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User"
          ],
          "id": "019b7ca9-8f2e-7488-b511-e5b4fb9cf272",
          "userName": "ada",
          "name": {
            "givenName": "Ada"
          },
          "active": true,
          "externalId": "7",
          "meta": {
            "resourceType": "User",
            "created": "2026-01-02T03:04:05.678Z",
            "lastModified": "2026-01-02T03:04:05.678Z",
            "location": "https://id.example/acme/scim/Users/019b7ca9-8f2e-7488-b511-e5b4fb9cf272",
            "version": "W/\"1\""
          }
        }"#]]);
}

#[tokio::test]
async fn a_group_patch_is_204_and_a_user_patch_200() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let crew = acme.make("/Groups", group("crew", &[])).await;
    let add = operations(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]));
    acme.patch(&format!("/Groups/{crew}"), add).await.check(204);
    let off = operations(json!([{ "op": "replace", "path": "active", "value": false }]));
    let answer = acme.patch(&format!("/Users/{ada}"), off).await.check(200).json();
    assert_eq!(answer["active"], false);
    assert_eq!(answer["groups"][0]["display"], "crew");
}
