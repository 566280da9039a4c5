//! Order (RFC 7644 §3.4.2.3).

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Caller, World, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn people() -> (World, Caller) {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    globex.make("/Users", user("aardvark")).await;
    for (name, rest) in [
        (
            "delta",
            json!({ "title": "b", "emails": [{ "value": "z@x" }, { "value": "a@x", "primary": true }] }),
        ),
        (
            "Alpha",
            json!({ "title": "C", "name": { "familyName": "Young" }, ENTERPRISE: { "employeeNumber": "2" } }),
        ),
        ("charlie", json!({ "emails": [{ "value": "M@x" }, { "value": "b@x" }], "active": false })),
        (
            "Bravo",
            json!({ "title": "a", "name": { "familyName": "adams" }, ENTERPRISE: { "employeeNumber": "10" } }),
        ),
    ] {
        let mut body = rest;
        body["userName"] = json!(name);
        acme.make("/Users", body).await;
        world.pass(Duration::from_secs(1));
    }
    (world, acme)
}

async fn order(caller: &Caller, query: &str) -> String {
    let found = caller.get(&format!("/Users?{query}")).await.check(200).json();
    let name = |r: &Value| r["userName"].as_str().unwrap()[..1].to_lowercase();
    found["Resources"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn lists_come_in_the_order_asked_for_and_what_has_no_value_last_or_first() {
    let (_world, acme) = people().await;
    for (query, expected) in [
        ("sortBy=userName", "abcd"),
        ("sortBy=userName&sortOrder=ascending", "abcd"),
        ("sortBy=userName&sortOrder=descending", "dcba"),
        ("sortBy=USERNAME&sortOrder=Descending", "dcba"),
        ("sortBy=title", "bdac"),
        ("sortBy=title&sortOrder=descending", "cadb"),
        ("sortBy=name.familyName", "badc"),
        ("sortBy=emails", "dcab"),
        ("sortBy=emails.value", "dcab"),
        ("sortBy=emails.value&sortOrder=descending", "bacd"),
        ("sortBy=active", "cdab"),
        ("sortBy=id", "dacb"),
        ("sortBy=meta.created&sortOrder=descending", "bcad"),
        ("sortBy=meta.lastModified&sortOrder=descending", "bcad"),
        ("sortBy=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "badc"),
        ("sortBy=urn:ietf:params:scim:schemas:core:2.0:User:userName", "abcd"),
        ("sortOrder=descending", "dacb"),
        ("sortBy=", "dacb"),
    ] {
        assert_eq!(order(&acme, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn order_holds_over_filters_and_pages() {
    let (_world, acme) = people().await;
    let filter = "filter=title%20pr";
    assert_eq!(order(&acme, &format!("{filter}&sortBy=title&sortOrder=descending")).await, "adb");
    for (start, expected) in [(1, "ab"), (2, "bc"), (3, "cd"), (4, "d"), (5, "")] {
        assert_eq!(order(&acme, &format!("sortBy=userName&count=2&startIndex={start}")).await, expected);
    }
    for (start, expected) in [(1, "bd"), (3, "ac"), (4, "c")] {
        assert_eq!(order(&acme, &format!("sortBy=title&count=2&startIndex={start}")).await, expected);
    }
}

#[tokio::test]
async fn lists_are_ordered_by_the_last_change() {
    let (world, acme) = people().await;
    let delta = acme.find("/Users", r#"userName eq "delta""#).await.remove(0);
    world.pass(Duration::from_secs(1));
    let change = json!({ "userName": "delta", "title": "b" });
    acme.put(&format!("/Users/{delta}"), change).await.check(200);
    assert_eq!(order(&acme, "sortBy=meta.lastModified&sortOrder=descending").await, "dbca");
    assert_eq!(order(&acme, "sortBy=meta.created&sortOrder=descending").await, "bcad");
}

#[tokio::test]
async fn an_order_that_cannot_be_is_refused() {
    let (_world, acme) = people().await;
    for (query, named) in [
        ("sortBy=nonsense", "nonsense"),
        ("sortBy=name.nonsense", "nonsense"),
        ("sortBy=name", "name"),
        ("sortBy=password", "password"),
        ("sortBy=userName&sortOrder=sideways", "sideways"),
    ] {
        let body = acme.get(&format!("/Users?{query}")).await.check(400).json();
        assert_eq!(body["scimType"], "invalidValue", "{query}: {body}");
        assert!(body["detail"].as_str().unwrap().contains(named), "{query}: {body}");
    }
}
