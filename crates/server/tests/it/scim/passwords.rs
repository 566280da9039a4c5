//! Passwords: written, never read (RFC 7643 §4.1.1, §7).

use serde_json::{Value, json};

use crate::world::{World, encoded, operations, user};

const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
const SECRET: &str = "c0rrect-Horse-Battery";

#[tokio::test]
async fn a_password_is_kept_as_an_argon2id_hash_and_nowhere_returned() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let body = json!({ "userName": "ada", "password": SECRET });
    let made = acme.post("/Users?attributes=password,userName", body.clone()).await.check(201);
    let path = format!("/Users/{}", made.id());
    let change = operations(json!([{ "op": "replace", "path": "password", "value": SECRET }]));
    let pathless = operations(json!([{ "op": "replace", "value": { "password": SECRET } }]));
    let search = json!({ "attributes": ["password", "userName"] });
    for answer in [
        made,
        acme.get(&path).await.check(200),
        acme.get(&format!("{path}?attributes=password")).await.check(200),
        acme.get("/Users?attributes=password").await.check(200),
        acme.post("/Users/.search", search).await.check(200),
        acme.put(&path, body).await.check(200),
        acme.patch(&path, change).await.check(200),
        acme.patch(&path, pathless).await.check(200),
        acme.get(&format!("/Users?filter={}", encoded(&format!("password eq \"{SECRET}\""))))
            .await
            .check(400),
        acme.get("/Users?sortBy=password").await.check(400),
        acme.post("/Users", json!({ "userName": "ada", "password": SECRET })).await.check(409),
        acme.post("/Users", json!({ "userName": "eve", "password": { "is": SECRET } })).await.check(400),
    ] {
        assert!(!answer.text.contains(SECRET), "{answer:?}");
        assert!(!answer.text.contains("argon2"), "{answer:?}");
        assert!(answer.json().get("password").is_none(), "{answer:?}");
    }
    let kept = world.place.kept();
    let holds = |text: &str| kept.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("$argon2id$v=19$"));
    assert!(!holds(SECRET));
}

#[tokio::test]
async fn a_password_that_changes_makes_a_new_version_and_an_empty_one_is_none() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let made = acme.post("/Users", json!({ "userName": "ada", "password": SECRET })).await.check(201);
    let path = format!("/Users/{}", made.id());
    let change = operations(json!([{ "op": "replace", "path": "password", "value": "another-One-9" }]));
    let changed = acme.patch(&path, change).await.check(200);
    assert_ne!(changed.header("etag"), made.header("etag"));
    let remove = operations(json!([{ "op": "remove", "path": "password" }]));
    acme.patch(&path, remove).await.check(200);
    let long = json!({ "userName": "bob", "password": "x".repeat(5_000) });
    let body = acme.post("/Users", long).await.check(400).json();
    assert_eq!(body["scimType"], "invalidValue");
    assert!(body["detail"].as_str().unwrap().contains("password"), "{body}");
}

#[tokio::test]
async fn a_made_password_is_returned_once() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let body = json!({ "userName": "ada", CUSTOM: { "generatePassword": true, "company": "acme" } });
    let made = acme.post("/Users", body).await.check(201);
    let password = made.json()["password"].as_str().unwrap().to_owned();
    assert!(password.len() >= 16, "{password}");
    for answer in [
        acme.get(&format!("/Users/{}", made.id())).await.check(200),
        acme.get("/Users?attributes=password").await.check(200),
    ] {
        assert!(!answer.text.contains(&password), "{answer:?}");
    }
    let mut other = user("bob");
    other[CUSTOM] = json!({ "generatePassword": true });
    let other = acme.post("/Users", other).await.check(201).json();
    assert_ne!(other["password"], Value::from(password));
    let mut none = user("eve");
    none[CUSTOM] = json!({ "generatePassword": false });
    assert!(acme.post("/Users", none).await.check(201).json().get("password").is_none());
}
