//! Groups and their members (RFC 7643 §4.2), and the groups of a user (§4.1.2).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Caller, World, group, operations, user};

/// The display of a member is returned on request.
const NAMED: &str = "attributes=members.display,members.type,members.value,members.$ref,groups,meta";

/// The values of a list of references, with their type.
fn references(resource: &Value, name: &str) -> BTreeSet<String> {
    let list = resource[name].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|m| format!("{} {}", m["display"].as_str().unwrap(), m["type"].as_str().unwrap()))
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn seen(caller: &Caller, path: &str, name: &str) -> BTreeSet<String> {
    references(&caller.get(&format!("{path}?{NAMED}")).await.check(200).json(), name)
}

#[tokio::test]
async fn members_are_users_and_groups_and_users_know_all_their_groups() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let ada = acme.make("/Users", user("ada")).await;
    let crew = acme.make("/Groups", group("crew", &[&ada])).await;
    let ship = acme.make("/Groups", group("ship", &[&crew])).await;
    let fleet = acme.make("/Groups", group("fleet", &[&ship, &ada])).await;
    let shown = acme.get(&format!("/Groups/{fleet}?{NAMED}")).await.check(200).json();
    assert_eq!(references(&shown, "members"), set(&["ada User", "ship Group"]));
    for member in shown["members"].as_array().unwrap() {
        let id = member["value"].as_str().unwrap();
        let endpoint = if id == ada { "Users" } else { "Groups" };
        assert_eq!(member["$ref"], format!("https://id.example/acme/scim/{endpoint}/{id}"));
    }
    let path = format!("/Users/{ada}");
    // The fleet is both; direct wins.
    assert_eq!(seen(&acme, &path, "groups").await, set(&["crew direct", "fleet direct", "ship indirect"]));
    let groups = acme.get(&path).await.json();
    let direct =
        groups["groups"].as_array().unwrap().iter().find(|g| g["display"] == "crew").unwrap().clone();
    assert_eq!(direct["$ref"], format!("https://id.example/acme/scim/Groups/{crew}"));
    assert_eq!(direct["value"], crew.as_str());
    // Nobody else's.
    globex.post("/Groups", group("thieves", &[&ada])).await.check(400);
    globex.get(&format!("/Groups/{crew}")).await.check(404);
    acme.delete(&format!("/Groups/{ship}")).await.check(204);
    assert_eq!(seen(&acme, &path, "groups").await, set(&["crew direct", "fleet direct"]));
    assert_eq!(seen(&acme, &format!("/Groups/{fleet}"), "members").await, set(&["ada User"]));
}

#[tokio::test]
async fn groups_may_nest_in_a_circle_but_not_in_themselves() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let a = acme.make("/Groups", group("a", &[&ada])).await;
    let b = acme.make("/Groups", group("b", &[&a])).await;
    let c = acme.make("/Groups", group("c", &[&b])).await;
    let add = |id: &str| operations(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
    acme.patch(&format!("/Groups/{a}"), add(&c)).await.check(204);
    assert_eq!(
        seen(&acme, &format!("/Users/{ada}"), "groups").await,
        set(&["a direct", "b indirect", "c indirect"])
    );
    let ids = acme.find("/Users", &format!("groups.value eq \"{b}\"")).await;
    assert_eq!(ids, std::slice::from_ref(&ada));
    let body = acme.patch(&format!("/Groups/{a}"), add(&a)).await.check(400).json();
    assert_eq!(body["scimType"], "invalidValue");
    acme.put(&format!("/Groups/{a}"), group("a", &[&a])).await.check(400);
    acme.delete(&format!("/Groups/{b}")).await.check(204);
    assert_eq!(seen(&acme, &format!("/Users/{ada}"), "groups").await, set(&["a direct"]));
}

#[tokio::test]
async fn a_patch_of_members_is_a_delta() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let mut ids = Vec::new();
    for name in ["ada", "bob", "cyd", "dan"] {
        ids.push(acme.make("/Users", user(name)).await);
    }
    let crew = acme.make("/Groups", group("crew", &[&ids[0], &ids[1]])).await;
    let path = format!("/Groups/{crew}");
    let member = |at: usize| json!({ "value": ids[at] });
    for (operation, expected) in [
        (json!({ "op": "add", "path": "members", "value": [member(2)] }), "abc"),
        (json!({ "op": "add", "path": "members", "value": [member(2), member(0)] }), "abc"),
        (json!({ "op": "add", "path": "members", "value": member(3) }), "abcd"),
        (json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) }), "bcd"),
        (json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) }), "bcd"),
        (json!({ "op": "remove", "path": "members", "value": [member(1)] }), "cd"),
        (json!({ "op": "remove", "path": "members[display eq \"CYD\"]" }), "d"),
        (json!({ "op": "replace", "path": "members", "value": [member(0), member(1)] }), "ab"),
        (json!({ "op": "replace", "value": { "displayName": "crew" } }), "ab"),
        (json!({ "op": "add", "value": { "members": [member(2)] } }), "abc"),
        (json!({ "op": "replace", "value": { "members": [member(3)] } }), "d"),
        (json!({ "op": "add", "path": "members", "value": [] }), "d"),
        (json!({ "op": "remove", "path": "members" }), ""),
        (json!({ "op": "add", "path": "members", "value": [member(0), member(0), member(1)] }), "ab"),
        (json!({ "op": "replace", "path": "members", "value": [] }), ""),
    ] {
        acme.patch(&path, operations(json!([operation]))).await.check(204);
        let names: String =
            seen(&acme, &path, "members").await.iter().map(|name| name[..1].to_owned()).collect();
        assert_eq!(names, expected, "{operation}");
    }
    let both = json!([
        { "op": "add", "path": "members", "value": [member(0), member(1)] },
        { "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) },
        { "op": "replace", "path": "displayName", "value": "Crew 2" },
    ]);
    acme.patch(&path, operations(both)).await.check(204);
    assert_eq!(seen(&acme, &path, "members").await, set(&["bob User"]));
}

#[tokio::test]
async fn a_put_says_who_is_a_member() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let (ada, bob) = (acme.make("/Users", user("ada")).await, acme.make("/Users", user("bob")).await);
    let made = acme.post("/Groups", group("crew", &[&ada])).await.check(201);
    let path = format!("/Groups/{}", made.id());
    for (members, expected) in
        [(vec![&ada, &bob], vec!["ada User", "bob User"]), (vec![&bob], vec!["bob User"]), (vec![], vec![])]
    {
        let members: Vec<&str> = members.into_iter().map(String::as_str).collect();
        let put = acme.put(&format!("{path}?{NAMED}"), group("crew", &members)).await.check(200);
        assert_eq!(references(&put.json(), "members"), set(&expected));
        assert_eq!(seen(&acme, &path, "members").await, set(&expected));
        assert_eq!(put.json()["meta"]["version"], put.header("etag").unwrap());
    }
    // The same again is no change.
    let before = acme.put(&path, group("crew", &[&ada])).await.check(200);
    let after = acme.put(&path, group("crew", &[&ada])).await.check(200);
    assert_eq!(before.header("etag"), after.header("etag"));
    assert_eq!(before.json()["meta"]["lastModified"], after.json()["meta"]["lastModified"]);
}

#[tokio::test]
async fn a_member_that_does_not_exist_is_named_and_nothing_changes() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let ada = acme.make("/Users", user("ada")).await;
    let theirs = globex.make("/Users", user("eve")).await;
    let made = acme.post("/Groups", group("crew", &[])).await.check(201);
    let path = format!("/Groups/{}", made.id());
    for unknown in ["nobody", theirs.as_str()] {
        let add = operations(json!([
            { "op": "replace", "path": "displayName", "value": "renamed" },
            { "op": "add", "path": "members", "value": [{ "value": ada }, { "value": unknown }] },
        ]));
        for answer in [
            acme.patch(&path, add).await,
            acme.put(&path, group("renamed", &[&ada, unknown])).await,
            acme.post("/Groups", group("other", &[&ada, unknown])).await,
        ] {
            let body = answer.check(400).json();
            assert_eq!(body["scimType"], "invalidValue");
            let detail = body["detail"].as_str().unwrap();
            assert!(detail.contains(unknown) && detail.contains("members"), "{detail}");
        }
    }
    let now = acme.get(&path).await.check(200);
    assert_eq!((now.json()["displayName"].as_str(), now.header("etag")), (Some("crew"), made.header("etag")));
    assert!(now.json().get("members").is_none());
    assert_eq!(acme.find("/Groups", "displayName pr").await.len(), 1);
}

#[tokio::test]
async fn a_member_that_is_deleted_leaves_a_new_version_of_its_group() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let made = acme.post("/Groups", group("crew", &[&ada])).await.check(201);
    let path = format!("/Groups/{}", made.id());
    world.pass(Duration::from_secs(5));
    acme.delete(&format!("/Users/{ada}")).await.check(204);
    let now = acme.get(&path).await.check(200);
    assert!(now.json().get("members").is_none());
    assert_ne!(now.header("etag"), made.header("etag"));
    assert_ne!(now.json()["meta"]["lastModified"], made.json()["meta"]["lastModified"]);
    acme.with("if-match", made.header("etag").unwrap()).put(&path, group("crew", &[])).await.check(412);
}

#[tokio::test]
async fn a_new_name_shows_wherever_it_is_displayed() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let crew = acme.make("/Groups", group("crew", &[&ada])).await;
    let rename =
        |path: &str, name: &str| operations(json!([{ "op": "replace", "path": path, "value": name }]));
    acme.patch(&format!("/Users/{ada}"), rename("displayName", "Ada L.")).await.check(200);
    acme.patch(&format!("/Groups/{crew}"), rename("displayName", "team")).await.check(204);
    assert_eq!(seen(&acme, &format!("/Groups/{crew}"), "members").await, set(&["Ada L. User"]));
    assert_eq!(seen(&acme, &format!("/Users/{ada}"), "groups").await, set(&["team direct"]));
    assert_eq!(acme.find("/Groups", r#"members.display eq "ada l.""#).await.len(), 1);
}

#[tokio::test]
async fn what_a_client_says_of_groups_and_displays_is_ignored() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let crew = acme.make("/Groups", group("crew", &[])).await;
    let mut body = user("ada");
    body["groups"] = json!([{ "value": crew, "display": "crew" }]);
    let made = acme.post("/Users", body.clone()).await.check(201);
    assert!(made.json().get("groups").is_none());
    let put = acme.put(&format!("/Users/{}", made.id()), body).await.check(200);
    assert!(put.json().get("groups").is_none());
    let add = operations(json!([{ "op": "add", "path": "members",
        "value": [{ "value": made.id(), "display": "Somebody else", "type": "User", "$ref": "../Users/x" }] }]));
    acme.patch(&format!("/Groups/{crew}"), add).await.check(204);
    assert_eq!(seen(&acme, &format!("/Groups/{crew}"), "members").await, set(&["ada User"]));
    let groups = operations(json!([{ "op": "add", "path": "groups", "value": [{ "value": crew }] }]));
    let body = acme.patch(&format!("/Users/{}", made.id()), groups).await.check(400).json();
    assert_eq!(body["scimType"], "mutability");
}

#[tokio::test]
async fn a_group_may_have_more_members_than_a_page() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let mut ids = Vec::new();
    for n in 0..300 {
        ids.push(acme.make("/Users", user(&format!("u{n}"))).await);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let crew = acme.make("/Groups", group("crew", &ids)).await;
    let shown = acme.get(&format!("/Groups/{crew}")).await.check(200).json();
    assert_eq!(shown["members"].as_array().unwrap().len(), 300);
    acme.put(&format!("/Groups/{crew}"), group("crew", &ids[..150])).await.check(200);
    let found =
        acme.get(&format!("/Users?filter=groups.value%20eq%20%22{crew}%22&count=0")).await.check(200).json();
    assert_eq!(found["totalResults"], 150);
}
