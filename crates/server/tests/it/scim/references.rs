//! What names other resources: by id, by name, by URI, in values and in filters.

use serde_json::{Value, json};

use super::roles::access;
use crate::world::{World, operations};

const SCIM: &str = "application/scim+json";

#[tokio::test]
async fn statements_are_changed_by_value_paths_and_their_references_follow() {
    let world = World::new().await;
    let acme = world.provider("acme").await.with("Accept", SCIM);
    let [read, sort, thing, permission] = access(&acme, "press").await;
    let write = acme.make("/Actions", json!({ "name": "press.write" })).await;
    let second = acme.make("/Resources", json!({ "name": "second", "type": sort })).await;
    let path = format!("/Permissions/{permission}");
    let patch = async |operation: Value| {
        let shown = acme.patch(&path, operations(json!([operation]))).await.check(200).json();
        let one = |s: &Value| {
            let actions: Vec<_> =
                s["actions"].as_array().unwrap().iter().map(|a| a["value"].clone()).collect();
            json!([actions, s["resource"]["value"]])
        };
        shown["statements"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let on = |resource: &str, part: &str| format!(r#"statements[resource eq "{resource}"]{part}"#);
    let added = json!({ "op": "add", "path": on(&thing, ".actions"), "value": ["press.write"] });
    assert_eq!(patch(added).await, [json!([[read, write], thing])]);
    let another = json!({ "op": "add", "path": "statements", "value": { "action": "press.read", "resource": "second" } });
    assert_eq!(patch(another).await, [json!([[read, write], thing]), json!([[read], second])]);
    let removed = json!({ "op": "remove", "path": on(&thing, "") });
    assert_eq!(patch(removed).await, [json!([[read], second])]);
    acme.delete(&format!("/Actions/{write}")).await.check(204);
    acme.delete(&format!("/Resources/{thing}")).await.check(204);
    acme.delete(&format!("/Resources/{second}")).await.check(409);
    // Nothing is half written.
    let wrong = operations(json!([
        { "op": "replace", "path": "name", "value": "new" },
        { "op": "add", "path": "statements", "value": [{ "actions": ["press.write"], "resource": "second" }] },
    ]));
    acme.patch(&path, wrong).await.check(400);
    let empty = json!({ "op": "replace", "path": on(&second, ".actions"), "value": [] });
    acme.patch(&path, operations(json!([empty]))).await.check(400);
    assert_eq!(acme.get(&path).await.json()["name"], "press-reader");
}

#[tokio::test]
async fn what_was_added_by_name_is_removed_by_name_whichever_way_it_is_named() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let [action, _, thing, permission] = access(&acme, "press").await;
    acme.make("/Roles", json!({ "id": "r", "name": "r" })).await;
    let patch = async |operation: Value| acme.patch("/Roles/r", operations(json!([operation]))).await;
    let count = |role: Value, name: &str| role[name].as_array().map_or(0, Vec::len);
    let statement = json!({ "actions": ["press.read"], "resource": "press" });
    let by_id = json!({ "actions": [{ "value": action }], "resource": { "value": thing } });
    for (name, given, same, removals) in [
        (
            "permissions",
            json!(["press-reader"]),
            json!([permission]),
            [
                json!({ "path": "permissions", "value": ["press-reader"] }),
                json!({ "path": "permissions", "value": [{ "name": "press-reader" }] }),
                json!({ "path": "permissions", "value": [{ "value": "Press-Reader" }] }),
                json!({ "path": "permissions", "value": permission }),
                json!({ "path": "permissions[value eq \"press-reader\"]" }),
                json!({ "path": "permissions[not (value ne \"press-reader\")]" }),
            ],
        ),
        (
            "statements",
            json!([statement]),
            json!([by_id]),
            [
                json!({ "path": "statements", "value": [statement] }),
                json!({ "path": "statements", "value": [{ "action": "press.read", "resource": thing }] }),
                json!({ "path": "statements", "value": by_id }),
                json!({ "path": "statements[actions eq \"press.read\"]" }),
                json!({ "path": "statements[resource eq \"press\" and actions eq \"press.read\"]" }),
                json!({ "path": "statements[actions eq \"press.read\"].actions", "value": ["press.read"] }),
            ],
        ),
    ] {
        for mut removal in removals {
            // What is there already is not added again (RFC 7644 §3.5.2.1), by whichever name.
            for value in [&given, &same, &given] {
                let shown =
                    patch(json!({ "op": "add", "path": name, "value": value })).await.check(200).json();
                assert_eq!(count(shown, name), 1, "{value}");
            }
            removal["op"] = json!("remove");
            let is_refused = removal["path"].as_str().unwrap().ends_with(".actions");
            patch(removal.clone()).await.check(if is_refused { 400 } else { 200 });
            let left = count(acme.get("/Roles/r").await.json(), name);
            assert_eq!(left, usize::from(is_refused), "{removal}");
        }
    }
    // A value that names nothing cannot have been meant so; a filter may ask for what is not there.
    let ghost = patch(json!({ "op": "remove", "path": "permissions", "value": ["ghost"] })).await.check(400);
    assert_eq!(ghost.json()["detail"], "`permissions`: there is no Permission `ghost`");
    patch(json!({ "op": "remove", "path": "permissions[value eq \"ghost\"]" })).await.check(200);
}

#[tokio::test]
async fn what_is_chosen_or_referred_to_is_not_something_else() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    for id in [json!(5), json!([]), json!({}), json!(true), json!("a b")] {
        acme.post("/Roles", json!({ "id": id, "name": "r" })).await.check(400);
    }
    for (at, id) in [json!(""), json!(null)].into_iter().enumerate() {
        let made = acme.post("/Roles", json!({ "id": id, "name": format!("r{at}") })).await.check(201);
        assert!(!made.id().is_empty());
    }
    let action = acme.make("/Actions", json!({ "name": "press.read" })).await;
    let sort = |uri: &str| json!({ "name": uri, "actions": [{ "$ref": uri }] });
    acme.post("/Resource-Types", sort(&format!("https://x/scim/Users/{action}"))).await.check(400);
    for uri in [format!("https://x/scim/Actions/{action}"), format!("../actions/{action}"), action] {
        acme.post("/Resource-Types", sort(&uri)).await.check(201);
    }
    // What stands beside `attributes` is not a reason to pass over what stands within.
    let mixed = json!({ "attributes": { "description": "d", "name": "within" }, "name": "press.write" });
    let made = acme.post("/Actions", mixed).await.check(201).json();
    assert_eq!((&made["name"], &made["description"]), (&json!("press.write"), &json!("d")));
}
