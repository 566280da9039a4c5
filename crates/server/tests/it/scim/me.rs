//! `/Me` (RFC 7644 §3.11).

use expect_test::expect;
use iam::cx::TokenKind;
use iam::token::Draft;
use serde_json::json;

use crate::world::{World, operations, user};

#[tokio::test]
async fn a_token_that_stands_for_nobody_has_no_me() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    acme.get("/Me").await.snapshot(expect![[r#"
        501 Not Implemented
        content-type: application/scim+json
        {
          "schemas": [
            "urn:ietf:params:scim:api:messages:2.0:Error"
          ],
          "status": "501",
          "detail": "this token stands for no user, so there is no `/Me`"
        }"#]]);
    acme.put("/Me", user("x")).await.check(501);
    acme.patch("/Me", operations(json!([]))).await.check(501);
    acme.delete("/Me").await.check(501);
    acme.post("/Me", user("x")).await.check(405);
    world.nobody("acme").get("/Me").await.check(401);
}

#[tokio::test]
async fn a_token_that_stands_for_a_user_reads_and_changes_that_user() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let id = acme.make("/Users", user("ada")).await;
    globex.make("/Users", user("ada")).await;
    let draft = Draft { subject: Some(id.clone()), ..Draft::new(TokenKind::Scim, "ada herself") };
    let ada = world.caller("acme", draft).await;
    let seen = ada.get("/Me").await.check(200);
    assert_eq!(seen.id(), id);
    // RFC 7644 §3.11: the location is that of the resource itself.
    let location = format!("https://id.example/acme/scim/Users/{id}");
    assert_eq!(seen.json()["meta"]["location"], location.as_str());
    assert_eq!(seen.header("location"), Some(location.as_str()));
    let named = ada.get("/Me?attributes=userName").await.check(200).json();
    assert!(named.get("active").is_none());
    let change = operations(json!([{ "op": "add", "path": "title", "value": "Analyst" }]));
    ada.with("if-match", "W/\"9\"").patch("/Me", change.clone()).await.check(412);
    assert_eq!(ada.patch("/Me", change).await.check(200).json()["title"], "Analyst");
    let put = ada.put("/Me", json!({ "userName": "ada", "nickName": "A" })).await.check(200).json();
    assert_eq!((put["nickName"].as_str(), put.get("title")), (Some("A"), None));
    assert_eq!(acme.get(&format!("/Users/{id}")).await.check(200).json()["nickName"], "A");
    ada.delete("/Me").await.check(204);
    acme.get(&format!("/Users/{id}")).await.check(404);
    let gone = ada.get("/Me").await;
    assert!([401, 404].contains(&gone.status.as_u16()), "{gone:?}");
}
