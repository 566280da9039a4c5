//! Which attributes come back (RFC 7644 §3.9, RFC 7643 §7 "returned").

use serde_json::{Value, json};

use crate::world::{Caller, World, group, operations, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn ada(acme: &Caller) -> String {
    let boss = acme.make("/Users", user("boss")).await;
    acme.make(
        "/Users",
        json!({
            "userName": "ada", "displayName": "Ada", "title": "Analyst", "externalId": "7", "password": "l0ng-Enough-pw",
            "name": { "givenName": "Ada", "familyName": "Lovelace" },
            "emails": [{ "value": "ada@x.example", "type": "work" }, { "value": "ada@y.example" }],
            ENTERPRISE: { "department": "Engines", "costCenter": "9", "manager": { "value": boss } },
        }),
    )
    .await
}

/// The shape of a resource: the names in it, sorted, those of objects with their parts.
fn shape(value: &Value) -> String {
    let Value::Object(object) = value else { return String::new() };
    let mut names: Vec<String> = object
        .iter()
        .map(|(name, value)| {
            let inner = match value {
                Value::Array(items) => items.first().map(shape).unwrap_or_default(),
                value => shape(value),
            };
            let name = if name == ENTERPRISE { "E" } else { name };
            if inner.is_empty() || name == "meta" { name.to_owned() } else { format!("{name}({inner})") }
        })
        .collect();
    names.sort();
    names.join(" ")
}

#[tokio::test]
async fn attributes_choose_what_is_returned_and_the_id_always_is() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let id = ada(&acme).await;
    acme.make("/Groups", group("crew", &[&id])).await;
    let all = "E(costCenter department manager($ref value)) active displayName emails(type value) externalId \
               groups($ref display type value) id meta name(familyName givenName) schemas title userName";
    for (query, expected) in [
        ("", all),
        ("attributes=userName", "id schemas userName"),
        ("attributes=USERNAME,Title", "id schemas title userName"),
        ("attributes=%20userName%20,%20title", "id schemas title userName"),
        ("attributes=name", "id name(familyName givenName) schemas"),
        ("attributes=name.givenName", "id name(givenName) schemas"),
        ("attributes=emails.value", "emails(value) id schemas"),
        ("attributes=groups.display", "groups(display) id schemas"),
        ("attributes=meta", "id meta schemas"),
        ("attributes=meta.version", "id meta schemas"),
        ("attributes=externalId", "externalId id schemas"),
        ("attributes=id", "id schemas"),
        ("attributes=schemas", "id schemas"),
        ("attributes=password", "id schemas"),
        ("attributes=password,title", "id schemas title"),
        ("attributes=nonsense", "id schemas"),
        ("attributes=urn:ietf:params:scim:schemas:core:2.0:User:title", "id schemas title"),
        (
            "attributes=urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
            "id name(familyName) schemas",
        ),
        (&format!("attributes={ENTERPRISE}"), "E(costCenter department manager($ref value)) id schemas"),
        (&format!("attributes={ENTERPRISE}:department"), "E(department) id schemas"),
        (&format!("attributes={ENTERPRISE}:manager.value"), "E(manager(value)) id schemas"),
        (
            &format!("attributes={}:DEPARTMENT,title", ENTERPRISE.to_uppercase()),
            "E(department) id schemas title",
        ),
        (
            "excludedAttributes=emails,groups,meta,name.familyName",
            "E(costCenter department manager($ref value)) active displayName externalId id name(givenName) schemas \
             title userName",
        ),
        (
            "excludedAttributes=id,schemas,userName,password",
            "E(costCenter department manager($ref value)) active displayName emails(type value) externalId \
             groups($ref display type value) id meta name(familyName givenName) schemas title",
        ),
        (
            &format!("excludedAttributes={ENTERPRISE},groups"),
            "active displayName emails(type value) externalId id meta name(familyName givenName) schemas title userName",
        ),
        (
            &format!("excludedAttributes={ENTERPRISE}:manager,groups,emails.type"),
            "E(costCenter department) active displayName emails(value) externalId id meta name(familyName givenName) \
             schemas title userName",
        ),
        ("attributes=", all),
    ] {
        let one = acme.get(&format!("/Users/{id}?{query}")).await.check(200).json();
        assert_eq!(shape(&one), expected, "{query}");
        let list =
            acme.get(&format!("/Users?filter=userName%20eq%20%22ada%22&{query}")).await.check(200).json();
        assert_eq!(list["Resources"][0], one, "{query}");
    }
}

#[tokio::test]
async fn answers_to_writes_are_projected_too() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let body =
        json!({ "userName": "ada", "title": "Analyst", "emails": [{ "value": "a@x", "type": "work" }] });
    let made = acme.post("/Users?attributes=userName", body.clone()).await.check(201);
    assert!(made.header("location").is_some() && made.header("etag").is_some());
    assert_eq!(shape(&made.json()), "id schemas userName");
    let id = made.id();
    let put = acme.put(&format!("/Users/{id}?attributes=emails.type"), body).await.check(200).json();
    assert_eq!(shape(&put), "emails(type) id schemas");
    let change = operations(json!([{ "op": "replace", "path": "title", "value": "x" }]));
    let patched =
        acme.patch(&format!("/Users/{id}?attributes=title"), change.clone()).await.check(200).json();
    assert_eq!(shape(&patched), "id schemas title");
    let patched =
        acme.patch(&format!("/Users/{id}?excludedAttributes=emails,meta"), change).await.check(200).json();
    assert_eq!(shape(&patched), "active id schemas title userName");
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "attributes": ["title", "name.givenName"],
    });
    let found = acme.post("/Users/.search", search).await.check(200).json();
    assert_eq!(shape(&found["Resources"][0]), "id schemas title");
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "excludedAttributes": ["emails", "active", "meta"],
    });
    let found = acme.post("/.search", search).await.check(200).json();
    assert_eq!(shape(&found["Resources"][0]), "id schemas title userName");
}

#[tokio::test]
async fn a_group_patch_answers_with_the_resource_when_attributes_are_named() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let crew = acme.make("/Groups", group("crew", &[])).await;
    let add = operations(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]));
    let answer =
        acme.patch(&format!("/Groups/{crew}?attributes=members.value"), add.clone()).await.check(200).json();
    assert_eq!(answer["members"], json!([{ "value": ada }]));
    let answer = acme
        .patch(&format!("/Groups/{crew}?excludedAttributes=members"), add.clone())
        .await
        .check(200)
        .json();
    assert_eq!(shape(&answer), "displayName id meta schemas");
    let answer = acme.patch(&format!("/Groups/{crew}"), add).await.check(204);
    assert_eq!(answer.text, "");
    assert!(answer.header("etag").is_some());
    for (query, expected) in [
        ("excludedAttributes=members", "displayName id meta schemas"),
        ("attributes=members", "id members($ref display type value) schemas"),
        ("attributes=displayName", "displayName id schemas"),
        (
            "excludedAttributes=members.display,members.$ref",
            "displayName id members(type value) meta schemas",
        ),
    ] {
        let one = acme.get(&format!("/Groups/{crew}?{query}")).await.check(200).json();
        assert_eq!(shape(&one), expected, "{query}");
    }
}
