//! PATCH (RFC 7644 §3.5.2) over HTTP; the laws of each operation stand in `crates/scim/src/patch`.

use serde_json::{Value, json};

use crate::world::{Caller, World, operations};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn ada(acme: &Caller) -> String {
    let body = json!({
        "userName": "ada", "title": "Analyst", "externalId": "7",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "a@work", "type": "work", "primary": true }, { "value": "a@home", "type": "home" }],
        ENTERPRISE: { "department": "Engines" },
    });
    format!("/Users/{}", acme.make("/Users", body).await)
}

async fn patched(acme: &Caller, path: &str, list: Value) -> Value {
    acme.patch(path, operations(list)).await.check(200).json()
}

#[tokio::test]
async fn a_patch_is_atomic_and_its_last_failure_leaves_nothing() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let path = ada(&acme).await;
    let before = acme.get(&path).await.check(200);
    acme.make("/Users", json!({ "userName": "bob", "externalId": "8" })).await;
    for (last, status, kind) in [
        (json!({ "op": "replace", "path": "nonsense", "value": 1 }), 400, "invalidPath"),
        (
            json!({ "op": "replace", "path": "emails[nonsense eq 1].value", "value": "x" }),
            400,
            "invalidFilter",
        ),
        (json!({ "op": "replace", "path": "emails[type eq \"work\"", "value": "x" }), 400, "invalidFilter"),
        (json!({ "op": "remove" }), 400, "noTarget"),
        (json!({ "op": "add", "path": "nickName" }), 400, "invalidValue"),
        (json!({ "op": "add", "path": "active", "value": "perhaps" }), 400, "invalidValue"),
        (json!({ "op": "add", "value": "x" }), 400, "invalidValue"),
        (json!({ "op": "copy", "path": "title", "value": "x" }), 400, "invalidSyntax"),
        (json!({ "path": "title", "value": "x" }), 400, "invalidSyntax"),
        (json!("title"), 400, "invalidSyntax"),
        (json!({ "op": "replace", "path": "id", "value": "x" }), 400, "mutability"),
        (json!({ "op": "replace", "path": "meta.version", "value": "x" }), 400, "mutability"),
        (json!({ "op": "add", "path": "groups", "value": [{ "value": "x" }] }), 400, "mutability"),
        (json!({ "op": "remove", "path": "userName" }), 400, "mutability"),
        (json!({ "op": "replace", "path": "userName", "value": "BOB" }), 409, "uniqueness"),
        (json!({ "op": "replace", "path": "externalId", "value": "8" }), 409, "uniqueness"),
    ] {
        let list = json!([
            { "op": "replace", "path": "title", "value": "changed" },
            { "op": "add", "path": "emails", "value": [{ "value": "new@x" }] },
            last,
        ]);
        let body = acme.patch(&path, operations(list)).await.check(status).json();
        assert_eq!(body["scimType"], kind, "{last}: {body}");
        let now = acme.get(&path).await.check(200);
        assert_eq!(now.text, before.text, "{last}");
    }
}

#[tokio::test]
async fn add_replace_and_remove_at_every_kind_of_path() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let path = ada(&acme).await;
    let work = r#"emails[type eq "work"]"#;
    for (operation, pointer, expected) in [
        (json!({ "op": "add", "path": "nickName", "value": "A" }), "/nickName", json!("A")),
        (json!({ "op": "replace", "path": "NICKNAME", "value": "B" }), "/nickName", json!("B")),
        (json!({ "op": "remove", "path": "nickName" }), "/nickName", Value::Null),
        (json!({ "op": "remove", "path": "nickName" }), "/nickName", Value::Null),
        (
            json!({ "op": "replace", "path": "name.givenName", "value": "Augusta" }),
            "/name/givenName",
            json!("Augusta"),
        ),
        (
            json!({ "op": "replace", "path": "name", "value": { "middleName": "K" } }),
            "/name/familyName",
            json!("Lovelace"),
        ),
        (json!({ "op": "remove", "path": "name.middleName" }), "/name/middleName", Value::Null),
        (
            json!({ "op": "replace", "path": format!("{work}.value"), "value": "b@work" }),
            "/emails/0/value",
            json!("b@work"),
        ),
        (json!({ "op": "remove", "path": format!("{work}.primary") }), "/emails/0/primary", Value::Null),
        (
            json!({ "op": "add", "path": "emails", "value": { "value": "c@x", "primary": true } }),
            "/emails/2",
            json!({ "value": "c@x", "primary": true }),
        ),
        (
            json!({ "op": "replace", "path": "emails[value eq \"a@home\"]", "value": { "primary": true } }),
            "/emails/2",
            // RFC 7644 §3.5.2: where one becomes primary, the others cease to be.
            json!({ "value": "c@x", "primary": false }),
        ),
        (json!({ "op": "remove", "path": "emails[not (type eq \"work\")]" }), "/emails/1", Value::Null),
        (json!({ "op": "remove", "path": "emails" }), "/emails", Value::Null),
        (json!({ "op": "replace", "path": format!("{CORE}:title"), "value": "T" }), "/title", json!("T")),
        (
            json!({ "op": "replace", "path": format!("{ENTERPRISE}:costCenter"), "value": "9" }),
            &*format!("/{ENTERPRISE}/costCenter"),
            json!("9"),
        ),
        (
            json!({ "op": "add", "path": ENTERPRISE, "value": { "division": "D" } }),
            &*format!("/{ENTERPRISE}/department"),
            json!("Engines"),
        ),
        (
            json!({ "op": "add", "value": { ENTERPRISE: { "division": "E" } } }),
            &*format!("/{ENTERPRISE}/division"),
            json!("E"),
        ),
        (json!({ "op": "remove", "path": ENTERPRISE }), "/schemas", json!([CORE])),
        (
            json!({ "op": "add", "path": format!("{ENTERPRISE}:department"), "value": "X" }),
            "/schemas",
            json!([CORE, ENTERPRISE]),
        ),
        (json!({ "op": "replace", "path": "externalId", "value": "9" }), "/externalId", json!("9")),
        (json!({ "op": "remove", "path": "externalId" }), "/externalId", Value::Null),
        (json!({ "op": "replace", "path": "title", "value": null }), "/title", Value::Null),
        (json!({ "op": "replace", "value": { "active": false, "title": "U" } }), "/active", json!(false)),
        (json!({ "op": "add", "value": { "roles": [{ "value": "r" }] } }), "/roles/0/value", json!("r")),
        (json!({ "op": "replace", "path": "roles", "value": [] }), "/roles", Value::Null),
    ] {
        let now = patched(&acme, &path, json!([operation])).await;
        assert_eq!(now.pointer(pointer).cloned().unwrap_or_default(), expected, "{operation}: {now}");
        assert_eq!(acme.get(&path).await.check(200).json(), now, "{operation}");
    }
}

#[tokio::test]
async fn what_is_patched_is_found_by_its_new_values_only() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let path = ada(&acme).await;
    let list = json!([
        { "op": "replace", "path": "userName", "value": "Augusta" },
        { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@work" },
        { "op": "replace", "path": "name.familyName", "value": "King" },
        { "op": "replace", "path": "externalId", "value": "70" },
    ]);
    patched(&acme, &path, list).await;
    for (old, new) in [
        (r#"userName eq "ada""#, r#"userName eq "augusta""#),
        (r#"emails.value eq "a@work""#, r#"emails.value eq "new@work""#),
        (r#"name.familyName sw "L""#, r#"name.familyName sw "k""#),
        (r#"externalId eq "7""#, r#"externalId eq "70""#),
    ] {
        assert_eq!(acme.find("/Users", old).await.len(), 0, "{old}");
        assert_eq!(acme.find("/Users", new).await.len(), 1, "{new}");
    }
    acme.make("/Users", json!({ "userName": "ada", "externalId": "7" })).await;
}

#[tokio::test]
async fn a_patch_of_nothing_and_of_nobody() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let path = ada(&acme).await;
    let before = acme.get(&path).await.check(200);
    for list in [
        json!([]),
        json!([{ "op": "replace", "path": "title", "value": "Analyst" }]),
        json!([{ "op": "add", "path": "emails", "value": [{ "value": "a@home", "type": "home" }] }]),
        json!([{ "op": "remove", "path": "emails[type eq \"other\"]" }]),
    ] {
        let after = acme.patch(&path, operations(list.clone())).await.check(200);
        assert_eq!(after.text, before.text, "{list}");
    }
    acme.patch("/Users/nobody", operations(json!([]))).await.check(404);
    globex.patch(&path, operations(json!([]))).await.check(404);
    world.reader("acme").await.patch(&path, operations(json!([]))).await.check(403);
    for body in [json!({}), json!({ "Operations": {} }), json!({ "Operations": [5] })] {
        assert_eq!(acme.patch(&path, body).await.check(400).json()["scimType"], "invalidSyntax");
    }
    let many = vec![json!({ "op": "replace", "path": "title", "value": "x" }); 1_001];
    assert_eq!(
        acme.patch(&path, operations(json!(many))).await.check(400).json()["scimType"],
        "invalidValue"
    );
}
