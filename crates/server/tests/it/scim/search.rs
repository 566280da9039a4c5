//! Searches by body (RFC 7644 §3.4.3) and over all kinds (§3.4.2.1).

use std::collections::BTreeSet;
use std::time::Duration;

use iam::cx::TokenKind;
use iam::token::Draft;
use serde_json::{Value, json};

use crate::world::{Caller, World, group, user};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

async fn world() -> (World, Caller) {
    let world = World::new().await;
    // Of every kind that it may read, of which two have something.
    let actions = ["durward.users", "durward.groups"].map(str::to_owned).to_vec();
    let draft = Draft { actions: Some(actions), ..Draft::new(TokenKind::Scim, "provider") };
    let (acme, globex) = (world.caller("acme", draft).await, world.provider("globex").await);
    globex.make("/Users", user("ada")).await;
    globex.make("/Groups", group("crew", &[])).await;
    let mut ids = Vec::new();
    for (name, display) in [("ada", "Bee"), ("charles", "Dee"), ("grace", "Fee")] {
        world.pass(Duration::from_millis(1));
        ids.push(acme.make("/Users", json!({ "userName": name, "displayName": display })).await);
    }
    acme.make("/Groups", group("Ann", &[&ids[0]])).await;
    world.pass(Duration::from_millis(1));
    acme.make("/Groups", group("Cat", &[&ids[1]])).await;
    (world, acme)
}

fn display(found: &Value) -> String {
    let names = found["Resources"].as_array().unwrap().iter().map(|r| r["displayName"].as_str().unwrap());
    names.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_search_by_body_means_what_the_same_search_by_url_means() {
    let (_world, acme) = world().await;
    let body = json!({
        "schemas": [SEARCH], "filter": "userName pr", "sortBy": "userName", "sortOrder": "descending",
        "startIndex": 2, "count": 1, "attributes": ["displayName"],
    });
    let found = acme.post("/Users/.search", body).await.check(200);
    assert_eq!(found.header("content-type"), Some("application/scim+json"));
    let same = "/Users?filter=userName%20pr&sortBy=userName&sortOrder=descending&startIndex=2&count=1&attributes=displayName";
    assert_eq!(found.json(), acme.get(same).await.check(200).json());
    assert_eq!(display(&found.json()), "Dee");
    let found = acme.post("/Groups/.search", json!({ "schemas": [SEARCH] })).await.check(200).json();
    assert_eq!((display(&found).as_str(), &found["totalResults"]), ("Ann Cat", &json!(2)));
    let found = acme.post("/Users/.search", json!({})).await.check(200).json();
    assert_eq!(found["totalResults"], 3);
}

#[tokio::test]
async fn a_search_at_the_base_is_over_all_kinds() {
    let (_world, acme) = world().await;
    for (filter, expected) in [
        (r#"displayName pr"#, "Bee Dee Fee Ann Cat"),
        (r#"displayName eq "ann""#, "Ann"),
        (r#"userName eq "ada""#, "Bee"),
        (r#"userName eq "ada" or displayName eq "cat""#, "Bee Cat"),
        (r#"meta.resourceType eq "Group""#, "Ann Cat"),
        (r#"meta.resourceType eq "User" and displayName sw "d""#, "Dee"),
        (r#"members pr or userName eq "grace""#, "Fee Ann Cat"),
        (r#"not (userName pr)"#, "Ann Cat"),
        (r#"urn:ietf:params:scim:schemas:core:2.0:Group:displayName eq "ann""#, "Ann"),
    ] {
        let found =
            acme.post("/.search", json!({ "schemas": [SEARCH], "filter": filter })).await.check(200).json();
        assert_eq!(display(&found), expected, "{filter}");
        let by_url = acme.get(&format!("?filter={}", crate::world::encoded(filter))).await.check(200).json();
        assert_eq!(by_url, found, "{filter}");
    }
    let body = acme
        .post("/.search", json!({ "schemas": [SEARCH], "filter": "nonsense pr" }))
        .await
        .check(400)
        .json();
    assert_eq!(body["scimType"], "invalidFilter");
    let whole = acme.get("").await.check(200).json();
    assert_eq!(whole["totalResults"], 5);
    let whole = acme.get("/").await.check(200).json();
    assert_eq!(whole["totalResults"], 5);
}

#[tokio::test]
async fn an_order_holds_across_kinds_and_pages_by_index_and_by_cursor() {
    let (_world, acme) = world().await;
    let search = |more: Value| {
        let mut body = json!({ "schemas": [SEARCH], "sortBy": "displayName" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        acme.post("/.search", body)
    };
    for (more, expected) in [
        (json!({}), "Ann Bee Cat Dee Fee"),
        (json!({ "sortOrder": "descending" }), "Fee Dee Cat Bee Ann"),
        (json!({ "count": 2, "startIndex": 2 }), "Bee Cat"),
        (json!({ "sortBy": "userName" }), "Bee Dee Fee Ann Cat"),
    ] {
        let found = search(more.clone()).await.check(200).json();
        assert_eq!(display(&found), expected, "{more}");
        assert_eq!(found["totalResults"], 5);
    }
    let mut page = search(json!({ "cursor": "", "count": 2 })).await.check(200).json();
    let mut seen = display(&page);
    while let Some(cursor) = page["nextCursor"].as_str() {
        page = search(json!({ "cursor": cursor, "count": 2 })).await.check(200).json();
        seen = format!("{seen} {}", display(&page));
    }
    assert_eq!(seen, "Ann Bee Cat Dee Fee");
    let back = page["previousCursor"].as_str().unwrap();
    let back = search(json!({ "cursor": back, "count": 2 })).await.check(200).json();
    assert_eq!(display(&back), "Cat Dee");
    let mut ids = BTreeSet::new();
    for start in 1..=5 {
        let found = acme.get(&format!("?startIndex={start}&count=1")).await.check(200).json();
        ids.insert(found["Resources"][0]["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 5);
    let body = search(json!({ "sortBy": "nonsense" })).await.check(400).json();
    assert_eq!(body["scimType"], "invalidValue");
}

#[tokio::test]
async fn a_search_that_is_no_search_is_refused() {
    let (world, acme) = world().await;
    for (body, kind) in [
        (json!({ "schemas": [SEARCH], "filter": 5 }), "invalidValue"),
        (json!({ "schemas": [SEARCH], "count": "many" }), "invalidCount"),
        (json!({ "schemas": [SEARCH], "attributes": [5] }), "invalidValue"),
        (json!({ "schemas": [SEARCH], "sortOrder": "sideways" }), "invalidValue"),
        (json!({ "schemas": [SEARCH], "cursor": "hello" }), "invalidCursor"),
    ] {
        let answer = acme.post("/Users/.search", body.clone()).await.check(400).json();
        assert_eq!(answer["scimType"], kind, "{body}");
    }
    acme.post("/Nonsense/.search", json!({ "schemas": [SEARCH] })).await.check(404);
    acme.get("/Users/.search").await.check(405);
    // Who may only read may search.
    let reader = world.reader("acme").await;
    reader.post("/Users/.search", json!({ "schemas": [SEARCH] })).await.check(200);
    world.nobody("acme").post("/.search", json!({ "schemas": [SEARCH] })).await.check(401);
}
