//! Versions (RFC 7644 §3.14, RFC 9110 §13).

use http::Method;
use serde_json::json;

use crate::world::{World, group, operations, user};

fn retitle(title: &str) -> serde_json::Value {
    operations(json!([{ "op": "replace", "path": "title", "value": title }]))
}

#[tokio::test]
async fn the_etag_is_the_weak_version_in_meta_and_every_change_makes_a_new_one() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let made = acme.post("/Users", user("ada")).await.check(201);
    let path = format!("/Users/{}", made.id());
    let mut seen = vec![];
    let patched = acme.patch(&path, retitle("x")).await.check(200);
    let put = acme.put(&path, json!({ "userName": "ada", "title": "y" })).await.check(200);
    for answer in [made, patched, put] {
        let etag = answer.header("etag").unwrap().to_owned();
        assert!(etag.starts_with("W/\"") && etag.ends_with('"'), "{etag}");
        assert_eq!(answer.json()["meta"]["version"], etag);
        assert!(!seen.contains(&etag), "{etag} again");
        seen.push(etag);
    }
    // What changes nothing makes no version.
    for answer in [
        acme.patch(&path, retitle("y")).await.check(200),
        acme.put(&path, json!({ "userName": "ada", "title": "y" })).await.check(200),
        acme.get(&path).await.check(200),
        acme.send(Method::HEAD, &path, None).await.check(200),
    ] {
        assert_eq!(answer.header("etag"), Some(seen[2].as_str()), "{}", answer.asked);
    }
    let crew = acme.post("/Groups", group("crew", &[])).await.check(201);
    let id = seen.len();
    let ada = path.strip_prefix("/Users/").unwrap();
    let add = operations(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]));
    let added = acme.patch(&format!("/Groups/{}", crew.id()), add).await.check(204);
    assert_ne!(added.header("etag"), crew.header("etag"), "{id}");
    let now = acme.get(&format!("/Groups/{}", crew.id())).await.check(200);
    assert_eq!(added.header("etag"), now.header("etag"));
}

#[tokio::test]
async fn a_get_is_conditional() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let made = acme.post("/Users", user("ada")).await.check(201);
    // What belongs to the user alone; see below for what others have to say of it.
    let path = format!("/Users/{}?excludedAttributes=groups,roles", made.id());
    let etag = made.header("etag").unwrap().to_owned();
    for (name, value, status) in [
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", "\"1\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "W/\"7\", W/\"1\"", 304),
        ("if-none-match", "W/\"7\"", 200),
        ("if-match", etag.as_str(), 200),
        ("if-match", "*", 200),
        ("if-match", "W/\"7\"", 412),
    ] {
        let answer = acme.with(name, value).get(&path).await.check(status);
        match status {
            // RFC 9110 §15.4.5: a 304 carries the ETag and no content.
            304 => assert_eq!((answer.header("etag"), answer.text.as_str()), (Some(etag.as_str()), "")),
            200 => assert_eq!(answer.header("etag"), Some(etag.as_str())),
            _ => assert_eq!(answer.json()["status"], "412"),
        }
    }
    acme.with("if-none-match", "*").get("/Users/nobody").await.check(404);
    acme.with("if-match", "*").get("/Users/nobody").await.check(404);
    acme.patch(&path, retitle("x")).await.check(200);
    acme.with("if-none-match", &etag).get(&path).await.check(200);
}

#[tokio::test]
async fn what_others_have_to_say_of_a_resource_is_never_taken_for_unchanged() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let action = acme.make("/Actions", json!({ "name": "press.read" })).await;
    let sort = acme.make("/Resource-Types", json!({ "name": "Press", "actions": [action] })).await;
    let thing = acme.make("/Resources", json!({ "name": "press", "type": sort })).await;
    let statements = json!([{ "actions": [action], "resource": thing }]);
    let permission = acme.make("/Permissions", json!({ "name": "reader", "statements": statements })).await;
    acme.make("/Roles", json!({ "id": "r", "name": "r", "permissions": [permission] })).await;
    let (user, role) = (format!("/Users/{ada}"), "/Roles/r".to_owned());
    let (expanded, flat) = ("application/json", "application/scim+json");
    // Of each, its tag; then something else changes what is shown of it.
    let get = async |path: &str, accept: &str, tag: &str| {
        acme.with("accept", accept).with("if-none-match", tag).get(path).await
    };
    let tag = acme.get(&user).await.check(200).header("etag").unwrap().to_owned();
    acme.patch(
        "/Roles/r",
        operations(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }])),
    )
    .await
    .check(204);
    let shown = get(&user, flat, &tag).await.check(200);
    assert_eq!(shown.json()["roles"][0]["value"], "r");
    assert_eq!(shown.header("etag"), Some(tag.as_str()));
    get(&format!("{user}?excludedAttributes=groups,roles"), flat, &tag).await.check(304);
    get(&user, flat, "*").await.check(304);
    let tag = acme.get(&role).await.check(200).header("etag").unwrap().to_owned();
    let renamed = operations(json!([{ "op": "replace", "path": "name", "value": "writer" }]));
    acme.patch(&format!("/Permissions/{permission}"), renamed).await.check(200);
    let shown = get(&role, expanded, &tag).await.check(200).json();
    assert_eq!(shown["permissions"][0]["name"], "writer");
    // The references alone are the role's own, and the version is good for a write.
    get(&role, flat, &tag).await.check(304);
    let described = operations(json!([{ "op": "add", "path": "description", "value": "x" }]));
    acme.with("if-match", shown["meta"]["version"].as_str().unwrap())
        .patch(&role, described)
        .await
        .check(200);
}

#[tokio::test]
async fn a_write_that_knows_an_old_version_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let made = acme.post("/Users", user("ada")).await.check(201);
    let path = format!("/Users/{}", made.id());
    let old = made.header("etag").unwrap().to_owned();
    let put = json!({ "userName": "ada", "title": "put" });
    acme.with("if-match", &old).patch(&path, retitle("first")).await.check(200);
    for (name, value) in [("if-match", old.as_str()), ("if-match", "nonsense"), ("if-none-match", "*")] {
        let late = acme.with(name, value);
        let refused = late.put(&path, put.clone()).await.check(412).json();
        assert_eq!(refused["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        late.patch(&path, retitle("late")).await.check(412);
        late.delete(&path).await.check(412);
    }
    assert_eq!(acme.get(&path).await.check(200).json()["title"], "first");
    acme.with("if-match", "*").patch(&path, retitle("second")).await.check(200);
    let now = acme.get(&path).await.check(200);
    acme.with("if-match", now.header("etag").unwrap()).put(&path, put).await.check(200);
    acme.with("if-match", "W/\"1\", W/\"4\"").delete(&path).await.check(204);
    acme.with("if-match", "*").delete(&path).await.check(404);
}

#[tokio::test]
async fn a_change_of_members_is_conditional_too() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let (ada, bob) = (acme.make("/Users", user("ada")).await, acme.make("/Users", user("bob")).await);
    let made = acme.post("/Groups", group("crew", &[])).await.check(201);
    let path = format!("/Groups/{}", made.id());
    let add = |id: &str| operations(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
    let old = made.header("etag").unwrap().to_owned();
    acme.with("if-match", &old).patch(&path, add(&ada)).await.check(204);
    acme.with("if-match", &old).patch(&path, add(&bob)).await.check(412);
    acme.with("if-match", &old).put(&path, group("crew", &[&bob])).await.check(412);
    let members = acme.get(&path).await.check(200).json();
    assert_eq!(members["members"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_puts_with_the_same_version_one_wins() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let made = acme.post("/Users", user("ada")).await.check(201);
    let path = format!("/Users/{}", made.id());
    let caller = acme.with("if-match", made.header("etag").unwrap());
    let mut tasks = Vec::new();
    for n in 0..20 {
        let (caller, path) = (caller.clone(), path.clone());
        tasks.push(tokio::spawn(async move {
            let body = json!({ "userName": "ada", "title": format!("t{n}") });
            (n, caller.put(&path, body).await.status.as_u16())
        }));
    }
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (n, 200) => winners.push(n),
            (_, status) => assert_eq!(status, 412),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let now = acme.get(&path).await.check(200).json();
    assert_eq!(now["title"], format!("t{}", winners[0]));
    assert_eq!(now["meta"]["version"], "W/\"2\"");
}

#[tokio::test]
async fn a_refused_write_says_which_condition_did_not_hold() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let made = acme.post("/Users", user("ada")).await.check(201);
    let path = format!("/Users/{}", made.id());
    let etag = made.header("etag").unwrap().to_owned();
    for (name, value, detail) in [
        ("if-match", "W/\"7\"", "the resource changed since it was read"),
        ("if-none-match", etag.as_str(), "the resource is in a version that `If-None-Match` excludes"),
        ("if-none-match", "*", "the resource is in a version that `If-None-Match` excludes"),
    ] {
        let caller = acme.with(name, value);
        for answer in [
            caller.patch(&path, retitle("x")).await,
            caller.put(&path, user("ada")).await,
            caller.delete(&path).await,
        ] {
            assert_eq!(answer.check(412).json()["detail"], detail, "{name}: {value}");
        }
    }
}
