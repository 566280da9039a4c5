//! Errors (RFC 7644 §3.12): always a SCIM body, whatever went wrong.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use durward_server::extract::App;
use durward_server::router::router;
use expect_test::expect;
use futures_util::{StreamExt, future, stream};
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

use crate::world::{Answer, World, user};

#[track_caller]
fn is_scim(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{answer:?}");
    assert_eq!(body["status"], status.to_string(), "{answer:?}");
    let detail = body["detail"].as_str().unwrap();
    assert!(!detail.is_empty() && !detail.ends_with('.'), "{answer:?}");
}

const BASES: [&str; 6] =
    ["/acme/api/scim/v2", "/acme/scim", "/api/scim/v2", "/scim", "/v1/scim", "/core/iam/v1/scim"];

#[tokio::test]
async fn what_is_not_there_is_404_under_every_base() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    for base in BASES {
        let acme = acme.at(base);
        for path in
            ["/Users/nobody", "/Groups/nobody", "/Users/nobody/emails", "/Users/nobody/emails/1", "/a/b/c/d"]
        {
            is_scim(&acme.get(path).await, 404);
        }
        is_scim(&acme.put("/Users/nobody", user("x")).await, 404);
        is_scim(&acme.delete("/Users/nobody").await, 404);
        is_scim(&acme.post("/Robots", user("x")).await, 404);
        is_scim(&acme.get("/Robots/1").await, 404);
        is_scim(&acme.get("/Schemas/nonsense").await, 404);
        // Not UTF-8.
        is_scim(&acme.get("/Users/%ff").await, 404);
        is_scim(&acme.post("/%ff", user("x")).await, 404);
    }
    for base in &BASES[..4] {
        is_scim(&acme.at(base).get("/Robots").await, 404);
        is_scim(&acme.at(base).get("/users").await, 404);
    }
    acme.get("/Users/no%22body").await.snapshot(expect![[r#"
        404 Not Found
        content-type: application/scim+json
        {
          "schemas": [
            "urn:ietf:params:scim:api:messages:2.0:Error"
          ],
          "status": "404",
          "detail": "there is no User `no\"body`"
        }"#]]);
}

#[tokio::test]
async fn a_method_that_a_path_has_not_is_405_and_says_which_it_has() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    for (method, path, allowed) in [
        (Method::PUT, "/Users", "GET,HEAD,POST"),
        (Method::PATCH, "/Groups", "GET,HEAD,POST"),
        (Method::DELETE, "/Users", "GET,HEAD,POST"),
        (Method::POST, "/Users/1", "GET,HEAD,PUT,PATCH,DELETE"),
        (Method::GET, "/Bulk", "POST"),
        (Method::PUT, "/Bulk", "POST"),
        (Method::GET, "/.search", "POST"),
        (Method::POST, "/Me", "GET,HEAD,PUT,PATCH,DELETE"),
        (Method::POST, "", "GET,HEAD"),
        (Method::POST, "/Schemas/x", "GET,HEAD"),
        (Method::OPTIONS, "/Users", "GET,HEAD,POST"),
    ] {
        for base in ["/acme/scim", "/acme/api/scim/v2"] {
            let answer = acme.at(base).send(method.clone(), path, None).await;
            is_scim(&answer, 405);
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn who_is_not_known_is_told_how_to_be() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    acme.make("/Users", user("ada")).await;
    world.nobody("acme").get("/Users").await.snapshot(expect![[r#"
        401 Unauthorized
        content-type: application/scim+json
        www-authenticate: Bearer realm="durward"
        {
          "schemas": [
            "urn:ietf:params:scim:api:messages:2.0:Error"
          ],
          "status": "401",
          "detail": "a valid bearer token is required"
        }"#]]);
    let token = acme.token.clone().unwrap();
    let mut broken = token.clone();
    broken.pop();
    let nobody = world.nobody("acme");
    for value in [
        format!("Bearer {broken}"),
        format!("Bearer {token}x"),
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
        token.clone(),
        format!("Basic {token}"),
        "Bearer dw_scim_nonsense".to_owned(),
    ] {
        let answer = nobody.with("authorization", &value).get("/Users").await;
        is_scim(&answer, 401);
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{value}");
        assert!(!answer.text.contains(&broken), "{answer:?}");
    }
    for value in [format!("bearer {token}"), format!("BEARER {token}"), format!("Bearer  {token}")] {
        nobody.with("authorization", &value).get("/Users").await.check(200);
    }
    // A tenant that is not there, and one that is not theirs, look the same.
    let (other, none) =
        (acme.at("/globex/scim").get("/Users").await, acme.at("/nowhere/scim").get("/Users").await);
    is_scim(&other, 401);
    assert_eq!((other.status, &other.text), (none.status, &none.text));
    // Nobody learns which paths there are either.
    is_scim(&nobody.get("/Users/nobody").await, 401);
    is_scim(&nobody.get("/Robots").await, 401);
    is_scim(&nobody.post("/Users", json!({ "nonsense": 1 })).await, 401);
}

#[tokio::test]
async fn who_may_only_read_is_refused_whatever_they_send() {
    let world = World::new().await;
    let (acme, reader) = (world.provider("acme").await, world.reader("acme").await);
    let id = acme.make("/Users", user("ada")).await;
    let path = format!("/Users/{id}");
    reader.get(&path).await.check(200);
    for answer in [
        reader.post("/Users", user("bob")).await,
        reader.post("/Users", json!({})).await,
        reader.put(&path, user("bob")).await,
        reader.patch(&path, json!({})).await,
        reader.delete(&path).await,
        reader.delete("/Users/nobody").await,
        reader.post("/Bulk", json!({})).await,
    ] {
        is_scim(&answer, 403);
    }
    assert_eq!(acme.get(&path).await.check(200).json()["userName"], "ada");
}

#[tokio::test]
async fn too_large_too_long_and_too_slow() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let large = vec![b' '; iam::limits::BODY_BYTES_MAX + 1];
    is_scim(&acme.send_bytes(Method::POST, "/Users", Some(large.clone()), "application/json").await, 413);
    is_scim(&acme.send_bytes(Method::PUT, "/Users/x", Some(large), "application/json").await, 413);
    let claimed = acme.with("content-length", "99999999999").post("/Users", user("ada")).await;
    is_scim(&claimed, 413);
    let long = format!("/Users?filter={}", "x".repeat(iam::limits::TARGET_BYTES_MAX));
    is_scim(&acme.get(&long).await, 414);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let begun = stalled("{\"userName\":");
    let request = Request::post("/acme/scim/Users")
        .header("authorization", format!("Bearer {}", acme.token.clone().unwrap()))
        .header("content-type", "application/scim+json")
        .body(begun)
        .unwrap();
    let app = App {
        iam: Arc::clone(&world.iam),
        public_url: "https://id.example".into(),
        receivers: durward_server::client::Reach::Any,
        patience: Duration::from_millis(1),
    };
    let response = router(app).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 408);
    assert_eq!(response.headers()["connection"], "close");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["status"], "408");
    assert_eq!(acme.find("/Users", "userName pr").await, [""; 0]);
}

/// A body that begins so and never ends.
fn stalled(begin: &'static str) -> Body {
    let begun = stream::once(future::ready(Ok::<_, Infallible>(begin)));
    Body::from_stream(begun.chain(stream::pending()))
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let id = acme.make("/Users", user("ada")).await;
    for path in [
        format!("/Users/{id}"),
        "/Users".into(),
        "/Schemas".into(),
        "/ServiceProviderConfig".into(),
        "/Users/".into(),
    ] {
        let (head, get) = (acme.send(Method::HEAD, &path, None).await, acme.get(&path).await.check(200));
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "etag", "location"] {
            assert_eq!(head.header(name), get.header(name), "{path}");
        }
    }
    for (path, status) in [("/Users/nobody", 404), ("/Bulk", 405), ("/a/b/c/d", 404)] {
        let head = acme.send(Method::HEAD, path, None).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (status, ""), "{path}");
    }
    let nobody = world.nobody("acme").send(Method::HEAD, "/Users", None).await.check(401);
    assert_eq!(nobody.text, "");
}
