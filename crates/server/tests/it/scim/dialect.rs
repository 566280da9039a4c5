//! The RFC to the letter, and what clients make of it: a setting of the connection.

use iam::cx::TokenKind;
use iam::token::{Draft, Settings};
use scim::quirks::Dialect;
use serde_json::{Value, json};

use crate::world::{Caller, World, encoded, group, operations, user};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

async fn strict(world: &World) -> Caller {
    let settings = Settings { dialect: Dialect::Strict, ..Settings::default() };
    world.caller("acme", Draft { settings, ..Draft::new(TokenKind::Scim, "strict") }).await
}

#[tokio::test]
async fn what_a_lenient_connection_accepts_a_strict_one_refuses() {
    let world = World::new().await;
    let (auto, strict) = (world.provider("acme").await, strict(&world).await);
    for (at, (body, kind)) in [
        (json!({ "userName": "u" }), "invalidSyntax"),
        (json!({ "schemas": [], "userName": "u" }), "invalidValue"),
        (json!({ "schemas": [CORE, "urn:example:nonsense"], "userName": "u" }), "invalidValue"),
        (json!({ "schemas": [CORE], "userName": "u", "nonsense": 1 }), "invalidSyntax"),
        (json!({ "schemas": [CORE], "userName": "u", "name": { "nonsense": 1 } }), "invalidSyntax"),
        (json!({ "schemas": [CORE], "userName": "u", "active": "True" }), "invalidValue"),
        (json!({ "schemas": [CORE], "userName": "u", "emails": { "value": "a@x" } }), "invalidValue"),
    ]
    .into_iter()
    .enumerate()
    {
        let refused = strict.post("/Users", body.clone()).await.check(400).json();
        assert_eq!(refused["scimType"], kind, "{body}: {refused}");
        let mut named = body;
        named["userName"] = json!(format!("u{at}"));
        auto.post("/Users", named).await.check(201);
    }
}

#[tokio::test]
async fn patches_filters_and_searches_of_a_strict_connection_follow_the_letter() {
    let world = World::new().await;
    let (auto, strict) = (world.provider("acme").await, strict(&world).await);
    let id = strict.make("/Users", json!({ "schemas": [CORE], "userName": "ada", "active": true })).await;
    let path = format!("/Users/{id}");
    for (body, kind) in [
        (json!({ "Operations": [{ "op": "add", "path": "title", "value": "x" }] }), "invalidSyntax"),
        (operations(json!([])), "invalidSyntax"),
        (operations(json!([{ "op": "Add", "path": "title", "value": "x" }])), "invalidSyntax"),
        (operations(json!([{ "op": "replace", "path": "active", "value": "True" }])), "invalidValue"),
        (operations(json!([{ "op": "replace", "value": { "nonsense": 1 } }])), "invalidPath"),
        (operations(json!([{ "op": "replace", "value": { "name.givenName": "x" } }])), "invalidPath"),
        (operations(json!([{ "op": "replace", "value": { "id": "x" } }])), "mutability"),
        (
            operations(json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "x" }])),
            "noTarget",
        ),
    ] {
        let refused = strict.patch(&path, body.clone()).await.check(400).json();
        assert_eq!(refused["scimType"], kind, "{body}: {refused}");
        auto.patch(&path, body).await.check(200);
    }
    for filter in ["userName eq ada", "title eq 5", "active eq \"True\""] {
        let target = format!("/Users?filter={}", encoded(filter));
        assert_eq!(strict.get(&target).await.check(400).json()["scimType"], "invalidFilter", "{filter}");
        auto.get(&target).await.check(200);
    }
    for target in [
        "/Users?attributes=id&excludedAttributes=meta",
        &format!("{path}?attributes=id&excludedAttributes=meta"),
    ] {
        assert_eq!(strict.get(target).await.check(400).json()["scimType"], "invalidValue");
        auto.get(target).await.check(200);
    }
    strict.post("/Users/.search", json!({})).await.check(400);
    strict.post("/Bulk", json!({ "Operations": [] })).await.check(400);
}

#[tokio::test]
async fn a_strict_group_patch_answers_with_the_group_and_a_strict_put_without_members_empties_it() {
    let world = World::new().await;
    let (auto, strict) = (world.provider("acme").await, strict(&world).await);
    let ada = auto.make("/Users", user("ada")).await;
    let crew = auto.make("/Groups", group("crew", &[&ada])).await;
    let path = format!("/Groups/{crew}");
    let rename = operations(json!([{ "op": "replace", "path": "displayName", "value": "team" }]));
    auto.patch(&path, rename.clone()).await.check(204);
    assert_eq!(strict.patch(&path, rename).await.check(200).json()["members"][0]["value"], ada.as_str());
    let without = json!({ "schemas": [GROUP], "displayName": "team" });
    assert_eq!(auto.put(&path, without.clone()).await.check(200).json()["members"][0]["value"], ada.as_str());
    // RFC 7644 §3.5.1: what a PUT does not mention has no value any more.
    assert_eq!(strict.put(&path, without).await.check(200).json().get("members"), None::<&Value>);
}

#[tokio::test]
async fn an_expression_in_a_path_that_is_an_object_chooses_what_is_changed() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let ben = acme.make("/Users", user("ben")).await;
    let crew = acme.make("/Groups", group("crew", &[&ada, &ben])).await;
    let path = format!("/Groups/{crew}");
    let remove = |expression: Value| {
        let object =
            json!({ "attributePath": { "attributeName": "members" }, "valueExpression": expression });
        operations(json!([{ "op": "remove", "path": object }]))
    };
    let named =
        json!({ "attributePath": { "attributeName": "value" }, "operator": "eq", "compareValue": ada });
    acme.patch(&path, remove(named)).await.check(204);
    let left = acme.get(&path).await.check(200).json();
    assert_eq!(left["members"].as_array().unwrap().len(), 1);
    assert_eq!(left["members"][0]["value"], json!(ben));
    // What cannot be understood removes nobody.
    for expression in
        [json!({}), json!([]), json!({ "compareValue": ben }), json!({ "left": {}, "right": {} })]
    {
        let refused = acme.patch(&path, remove(expression)).await.check(400).json();
        assert_eq!(refused["scimType"], "invalidFilter", "{refused}");
    }
    assert_eq!(acme.get(&path).await.check(200).json()["meta"]["version"], json!("W/\"2\""));
}

#[tokio::test]
async fn a_number_where_text_belongs_is_its_digits() {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let body =
        json!({ "userName": 701_984, "emails": [{ "value": 5 }], ENTERPRISE: { "employeeNumber": 701_984 } });
    let shown = acme.post("/Users", body).await.check(201).json();
    assert_eq!((&shown["userName"], &shown["emails"][0]["value"]), (&json!("701984"), &json!("5")));
    assert_eq!(shown[ENTERPRISE]["employeeNumber"], "701984");
    let path = format!("/Users/{}", shown["id"].as_str().unwrap());
    let patch = json!([{ "op": "replace", "path": format!("{ENTERPRISE}:employeeNumber"), "value": 12.5 }]);
    let shown = acme.patch(&path, operations(patch)).await.check(200).json();
    assert_eq!(shown[ENTERPRISE]["employeeNumber"], "12.5");
}
