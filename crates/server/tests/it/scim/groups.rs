//! Groups and their members (RFC 7643 §4.2), and the groups of a user (§4.1.2).

use std::collections::BTreeSet;
use std::time::Duration;

use iam::cx::TokenKind;
use iam::token::{Draft, Settings};
use scim::quirks::Dialect;
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
async fn groups_nest_and_none_comes_to_be_in_itself() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let a = acme.make("/Groups", group("a", &[&ada])).await;
    let b = acme.make("/Groups", group("b", &[&a])).await;
    let c = acme.make("/Groups", group("c", &[&b])).await;
    // In two ways is no circle.
    let d = acme.make("/Groups", group("d", &[&a, &b, &c])).await;
    let eve = acme.make("/Users", user("eve")).await;
    let path = |id: &str| format!("/Groups/{id}");
    let add = |ids: &[&str]| {
        let values: Vec<_> = ids.iter().map(|id| json!({ "value": id })).collect();
        operations(json!([{ "op": "add", "path": "members", "value": values }]))
    };
    let settings = Settings { dialect: Dialect::Strict, ..Settings::default() };
    let strict = Draft { settings, ..Draft::new(TokenKind::Scim, "strict") };
    let strict = world.caller("acme", strict).await;
    let before = acme.get(&path(&a)).await.check(200).json();
    for above in [&b, &c, &d] {
        for caller in [&acme, &strict] {
            for answer in [
                caller.patch(&path(&a), add(&[&eve, above])).await,
                caller.put(&path(&a), group("a", &[&ada, above])).await,
                caller.put(&path(&a), group("other", &[above])).await,
            ] {
                let body = answer.check(400).json();
                assert_eq!(body["scimType"], "invalidValue");
                assert_eq!(
                    body["detail"],
                    format!("`members`: `{above}` cannot be one of these, as it has this one in it already")
                );
            }
        }
        let admin = world.admin("acme").await;
        let body = json!({ "subjectIds": [format!("group-{above}"), format!("user-{eve}")] });
        admin.post(&format!("!/v1/subjects/groups/{a}/members"), body).await.check(400);
    }
    for itself in [acme.patch(&path(&a), add(&[&a])).await, acme.put(&path(&a), group("a", &[&a])).await] {
        assert_eq!(itself.check(400).json()["detail"], "`members`: a resource cannot be one of its own");
    }
    assert_eq!(acme.get(&path(&a)).await.check(200).json(), before, "nothing half written");
    assert_eq!(acme.find("/Groups", "displayName eq \"other\"").await, [""; 0]);
    // Where the way up ends, the way down is free.
    acme.patch(&path(&a), add(&[&eve])).await.check(204);
    acme.put(&path(&c), group("c", &[])).await.check(200);
    acme.patch(&path(&a), add(&[&c])).await.check(204);
    assert_eq!(
        seen(&acme, &format!("/Users/{eve}"), "groups").await,
        set(&["a direct", "b indirect", "d indirect"])
    );
    acme.patch(&path(&c), add(&[&b])).await.check(400);
}

#[tokio::test]
async fn of_two_that_take_each_other_in_at_once_one_does() {
    let world = World::new().await;
    let beside = world.beside().await;
    let acme = world.provider("acme").await;
    let there = Caller { router: beside.router.clone(), ..acme.clone() };
    for round in 0..12 {
        let a = acme.make("/Groups", group("a", &[])).await;
        let b = acme.make("/Groups", group("b", &[])).await;
        let between = acme.make("/Groups", group("between", &[&b])).await;
        let add =
            |id: &str| operations(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
        let (path_a, path_b) = (format!("/Groups/{a}"), format!("/Groups/{b}"));
        let down = if round % 2 == 0 { &b } else { &between };
        let (one, other) =
            tokio::join!(acme.patch(&path_a, add(down)), there.put(&path_b, group("b", &[&a])));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert!([[200, 400], [204, 400]].contains(&statuses), "{round}: {} {}", one.text, other.text);
    }
}

#[tokio::test]
async fn a_circle_that_was_created_as_one_is_lived_with() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let one = |name: &str, of: &str| {
        json!({ "method": "POST", "path": "/Groups", "bulkId": name, "data": {
            "displayName": name, "members": [{ "value": format!("bulkId:{of}") }] } })
    };
    // RFC 7644 §3.7.1 has them be members of each other.
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [one("a", "c"), one("b", "a"), one("c", "b")],
    });
    acme.post("/Bulk", bulk).await.check(200);
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.extend(acme.find("/Groups", &format!("displayName eq \"{name}\"")).await);
    }
    let [a, b, c] = ids.as_slice() else { panic!("{ids:?}") };
    let add = |id: &str| operations(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
    let path = |id: &str| format!("/Groups/{id}");
    acme.patch(&path(a), add(&ada)).await.check(204);
    acme.put(&path(b), group("b", &[a, &ada])).await.check(200);
    assert_eq!(
        seen(&acme, &format!("/Users/{ada}"), "groups").await,
        set(&["a direct", "b direct", "c indirect"])
    );
    assert_eq!(acme.find("/Users", &format!("groups.value eq \"{c}\"")).await, std::slice::from_ref(&ada));
    // It grows no further.
    acme.patch(&path(a), add(b)).await.check(400);
    let d = acme.make("/Groups", group("d", &[a])).await;
    acme.patch(&path(c), add(&d)).await.check(400);
    acme.delete(&path(c)).await.check(204);
    acme.patch(&path(a), add(&d)).await.check(400);
    assert_eq!(
        seen(&acme, &format!("/Users/{ada}"), "groups").await,
        set(&["a direct", "b direct", "d indirect"])
    );
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

#[tokio::test]
async fn who_replaces_a_member_that_is_not_there_adds_none() {
    let world = World::new().await;
    let settings = Settings { dialect: Dialect::Strict, ..Settings::default() };
    let strict = world.caller("acme", Draft { settings, ..Draft::new(TokenKind::Scim, "strict") }).await;
    let acme = world.provider("acme").await;
    let [ada, bob] = [acme.make("/Users", user("ada")).await, acme.make("/Users", user("bob")).await];
    for (caller, is_strict) in [(&strict, true), (&acme, false)] {
        for (who, is_there) in [(None, false), (Some(&ada), false), (Some(&ada), true)] {
            let crew = acme
                .make("/Groups", group("crew", &who.map(String::as_str).into_iter().collect::<Vec<_>>()))
                .await;
            for filter in [r#"members[value eq "WHO"]"#, r#"members[type eq "User" and value eq "WHO"]"#] {
                let path = filter.replace("WHO", if is_there { &ada } else { "none" });
                let body = operations(json!([{ "op": "replace", "path": path, "value": { "value": bob } }]));
                let answer = caller.patch(&format!("/Groups/{crew}"), body).await;
                let members = acme.get(&format!("/Groups/{crew}")).await.check(200).json()["members"].clone();
                let members: Vec<_> =
                    members.as_array().into_iter().flatten().map(|one| &one["value"]).collect();
                if is_there {
                    assert_eq!(members, [bob.as_str()], "{path}");
                    break;
                }
                // RFC 7644 §3.5.2.3: a value selection filter that matches nothing is `noTarget`.
                let answer = answer.check(400).json();
                assert_eq!(answer["scimType"], "noTarget", "{is_strict}: {path}: {answer}");
                assert_eq!(members, who.into_iter().collect::<Vec<_>>(), "{path}");
            }
            // Who is removed need not be there.
            let body = operations(json!([{ "op": "remove", "path": "members[value eq \"none\"]" }]));
            assert!(caller.patch(&format!("/Groups/{crew}"), body).await.status.is_success());
        }
    }
}
