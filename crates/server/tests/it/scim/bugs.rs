//! The bugs that hurt users most elsewhere, one to twelve, each as tests of what happens here.
//!
//! Number 9, the minutes it takes to add one member to a large group, is what `cargo xtask bench` measures.

use std::collections::BTreeSet;
use std::time::Duration;

use expect_test::expect;
use iam::cx::{OnInactive, TokenKind};
use iam::token::{Draft, Settings};
use serde_json::{Value, json};

use crate::world::{Caller, World, encoded, group, operations, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn people(caller: &Caller, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(caller.make("/Users", user(&format!("user-{n:03}"))).await);
    }
    ids
}

async fn members(caller: &Caller, group: &str) -> BTreeSet<String> {
    let found = caller.get(&format!("/Groups/{group}")).await.check(200).json();
    let list = found["members"].as_array().cloned().unwrap_or_default();
    let ids: Vec<String> = list.iter().map(|m| m["value"].as_str().unwrap().to_owned()).collect();
    let set: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(set.len(), ids.len(), "somebody is a member twice");
    set
}

fn set(ids: &[String]) -> BTreeSet<String> {
    ids.iter().cloned().collect()
}

async fn patch(caller: &Caller, group: &str, list: Value) {
    caller.patch(&format!("/Groups/{group}"), operations(list)).await.check(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bug_1_concurrent_group_patches_lose_nothing() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let other = world.provider("acme").await;
    let ids = people(&acme, 60).await;
    let (leaving, staying) = ids.split_at(20);
    let leave: Vec<&str> = leaving.iter().map(String::as_str).collect();
    let crew = acme.make("/Groups", group("crew", &leave)).await;
    let theirs = globex.make("/Groups", group("crew", &[])).await;
    let mut tasks = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let caller = if n % 2 == 0 { acme.clone() } else { other.clone() };
        let path = format!("/Groups/{crew}");
        let body = match (n < leaving.len(), n % 3) {
            (true, 0) => json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]),
            (true, _) => json!([{ "op": "Remove", "path": "members", "value": [{ "value": id }] }]),
            (false, 0) => json!([{ "op": "add", "value": { "members": [{ "value": id }] } }]),
            (false, _) => json!([{ "op": "Add", "path": "members", "value": [{ "value": id }] }]),
        };
        tasks.push(tokio::spawn(async move { caller.patch(&path, operations(body)).await.check(204) }));
    }
    // And between them somebody renames the group, which is a change of its document.
    let renamer = acme.clone();
    let path = format!("/Groups/{crew}");
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Crew" }]);
    tasks.push(tokio::spawn(async move { renamer.patch(&path, operations(rename)).await.check(204) }));
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(members(&acme, &crew).await, set(staying));
    assert_eq!(acme.get(&format!("/Groups/{crew}")).await.json()["displayName"], "Crew");
    assert!(members(&globex, &theirs).await.is_empty());
}

#[tokio::test]
async fn bug_2_replacing_an_absent_address_makes_it() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let body = operations(json!([
        { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "ada@example.com" },
        { "op": "Replace", "path": "emails[type eq \"home\" and primary eq \"True\"].value", "value": "ada@home.example" },
    ]));
    let emails = acme.patch(&format!("/Users/{ada}"), body).await.check(200).json()["emails"].clone();
    assert_eq!(
        emails,
        json!([
            { "type": "work", "value": "ada@example.com" },
            { "type": "home", "primary": true, "value": "ada@home.example" },
        ])
    );
    assert_eq!(acme.find("/Users", "emails[type eq \"work\"].value eq \"ada@example.com\"").await, [ada]);
}

#[tokio::test]
async fn bug_3_capitals_string_booleans_and_any_case_are_understood() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let body = operations(json!([
        { "Op": "REPLACE", "Path": "Active", "Value": "FALSE" },
        { "op": "Add", "path": "NAME.GivenName", "value": "Ada" },
        { "op": "Add", "path": "URN:IETF:PARAMS:scim:schemas:extension:enterprise:2.0:USER:Department", "value": "X" },
        { "op": "replace", "value": { "EMAILS": [{ "TYPE": "work", "Value": "a@example.com" }] } },
    ]));
    let after = acme.patch(&format!("/Users/{ada}"), body).await.check(200).json();
    assert_eq!(after["active"], false);
    assert_eq!(after["name"], json!({ "givenName": "Ada" }));
    assert_eq!(after[ENTERPRISE], json!({ "department": "X" }));
    assert_eq!(after["emails"], json!([{ "type": "work", "value": "a@example.com" }]));
}

#[tokio::test]
async fn bug_4_a_filtered_removal_removes_just_those() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ids = people(&acme, 4).await;
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let crew = acme.make("/Groups", group("crew", &all)).await;
    patch(&acme, &crew, json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) }]))
        .await;
    assert_eq!(members(&acme, &crew).await, set(&ids[1..]));
    let two = format!("members[value eq \"{}\" or display eq \"user-002\"]", ids[1]);
    patch(&acme, &crew, json!([{ "op": "remove", "path": two }])).await;
    assert_eq!(members(&acme, &crew).await, set(&ids[3..]));
    // What names nobody removes nobody.
    patch(&acme, &crew, json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) }]))
        .await;
    patch(&acme, &crew, json!([{ "op": "remove", "path": "members[type eq \"Group\"]" }])).await;
    assert_eq!(members(&acme, &crew).await, set(&ids[3..]));
}

#[tokio::test]
async fn bug_4_a_removal_with_a_value_removes_just_that_value() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ids = people(&acme, 4).await;
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let crew = acme.make("/Groups", group("crew", &all)).await;
    for (value, left) in [
        (json!([{ "$ref": null, "value": ids[0] }]), &ids[1..]),
        (json!({ "value": ids[1] }), &ids[2..]),
        (json!(ids[2]), &ids[3..]),
        (json!([]), &ids[3..]),
    ] {
        patch(&acme, &crew, json!([{ "op": "remove", "path": "members", "value": value }])).await;
        assert_eq!(members(&acme, &crew).await, set(left), "{value}");
    }
    // Only a removal that names nothing at all removes all.
    patch(&acme, &crew, json!([{ "op": "remove", "path": "members" }])).await;
    assert!(members(&acme, &crew).await.is_empty());
}

#[tokio::test]
async fn bug_4_a_rename_keeps_the_members() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ids = people(&acme, 2).await;
    let crew = acme.make("/Groups", group("crew", &[&ids[0], &ids[1]])).await;
    for body in [
        json!([{ "op": "replace", "path": "displayName", "value": "a" }]),
        json!([{ "op": "replace", "value": { "id": crew, "displayName": "b" } }]),
        json!([{ "op": "replace", "value": { "displayName": "c", "members": null } }]),
    ] {
        patch(&acme, &crew, body).await;
        assert_eq!(members(&acme, &crew).await, set(&ids));
    }
    let put = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "d" });
    acme.put(&format!("/Groups/{crew}"), put).await.check(200);
    assert_eq!(members(&acme, &crew).await, set(&ids));
}

#[tokio::test]
async fn bug_4_more_than_a_hundred_members_are_not_cut_off() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ids = people(&acme, 150).await;
    let (first, rest) = ids.split_at(120);
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let crew = acme.make("/Groups", group("crew", &first)).await;
    assert_eq!(members(&acme, &crew).await.len(), 120);
    let more: Vec<Value> = rest.iter().map(|id| json!({ "value": id })).collect();
    patch(&acme, &crew, json!([{ "op": "add", "path": "members", "value": more }])).await;
    assert_eq!(members(&acme, &crew).await, set(&ids));
    // The same in a list, and by PUT.
    let listed = acme.get("/Groups?filter=displayName%20eq%20%22crew%22").await.check(200).json();
    assert_eq!(listed["Resources"][0]["members"].as_array().unwrap().len(), 150);
    let all: Vec<&str> = ids.iter().skip(10).map(String::as_str).collect();
    acme.put(&format!("/Groups/{crew}"), group("crew", &all)).await.check(200);
    assert_eq!(members(&acme, &crew).await, set(&ids[10..]));
}

#[tokio::test]
async fn bug_4_an_unknown_member_is_named_and_nothing_is_changed() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let ada = acme.make("/Users", user("ada")).await;
    let theirs = globex.make("/Users", user("eve")).await;
    let crew = acme.make("/Groups", group("crew", &[])).await;
    for stranger in ["no-such-user", theirs.as_str()] {
        let push =
            json!([{ "op": "add", "path": "members", "value": [{ "value": ada }, { "value": stranger }] }]);
        let refused = acme.patch(&format!("/Groups/{crew}"), operations(push)).await.check(400).json();
        assert_eq!(refused["scimType"], "invalidValue");
        assert!(refused["detail"].as_str().unwrap().contains(stranger), "{refused}");
        assert!(members(&acme, &crew).await.is_empty());
        let refused = acme.post("/Groups", group("other", &[&ada, stranger])).await.check(400).json();
        assert!(refused["detail"].as_str().unwrap().contains(stranger), "{refused}");
    }
    assert!(acme.find("/Groups", "displayName eq \"other\"").await.is_empty());
}

#[tokio::test]
async fn bug_5_a_path_less_patch_takes_dotted_keys_and_whole_objects() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let mut draft = user("ada");
    draft["name"] = json!({ "givenName": "Ada", "familyName": "King" });
    let ada = acme.make("/Users", draft).await;
    let path = format!("/Users/{ada}");
    let dotted = json!([{ "op": "replace", "value": {
        "name.familyName": "Lovelace", format!("{ENTERPRISE}:department"): "Engines", "unknown.key": 1,
    } }]);
    let after = acme.patch(&path, operations(dotted)).await.check(200).json();
    assert_eq!(after["name"], json!({ "givenName": "Ada", "familyName": "Lovelace" }));
    assert_eq!(after[ENTERPRISE], json!({ "department": "Engines" }));
    // The whole of it, as it was read, with one thing changed.
    let mut whole = after;
    whole["displayName"] = json!("Ada");
    let after =
        acme.patch(&path, operations(json!([{ "op": "replace", "value": whole }]))).await.check(200).json();
    assert_eq!(after["displayName"], "Ada");
    assert_eq!(after["id"], json!(ada));
    assert_eq!(after["name"], json!({ "givenName": "Ada", "familyName": "Lovelace" }));
}

#[tokio::test]
async fn bug_6_external_ids_are_echoed_found_and_each_connections_own() {
    let world = World::new().await;
    let (first, second) = (world.provider("acme").await, world.provider("acme").await);
    let globex = world.provider("globex").await;
    let draft = |name: &str, external: &str| {
        let mut draft = user(name);
        draft["externalId"] = json!(external);
        draft
    };
    let created = first.post("/Users", draft("ada", "7")).await.check(201).json();
    assert_eq!(created["externalId"], "7");
    let ada = created["id"].as_str().unwrap().to_owned();
    let ben = second.make("/Users", draft("ben", "7")).await;
    globex.make("/Users", draft("ada", "7")).await;
    assert_eq!(first.find("/Users", "externalId eq \"7\"").await, std::slice::from_ref(&ada));
    assert_eq!(second.find("/Users", "externalId eq \"7\"").await, [ben]);
    let refused = first.post("/Users", draft("cal", "7")).await.check(409).json();
    assert_eq!(refused["scimType"], "uniqueness");
    // The second connection gives her a name of its own; the first keeps its.
    let body = operations(json!([{ "op": "add", "path": "externalId", "value": "hers" }]));
    second.patch(&format!("/Users/{ada}"), body).await.check(200);
    assert_eq!(second.get(&format!("/Users/{ada}")).await.json()["externalId"], "hers");
    assert_eq!(first.get(&format!("/Users/{ada}")).await.json()["externalId"], "7");
    assert_eq!(second.find("/Users", "externalId eq \"hers\"").await, [ada]);
    assert!(first.find("/Users", "externalId eq \"hers\"").await.is_empty());
}

#[tokio::test]
async fn bug_7_a_deactivated_user_is_provisioned_again_under_the_same_id() {
    let world = World::new().await;
    let (acme, other) = (world.provider("acme").await, world.provider("acme").await);
    let ada = acme.make("/Users", user("ada")).await;
    let crew = acme.make("/Groups", group("crew", &[&ada])).await;
    acme.post("/Users", user("ada")).await.check(409);
    let off = operations(json!([{ "op": "replace", "value": { "active": false } }]));
    acme.patch(&format!("/Users/{ada}"), off.clone()).await.check(200);
    // Not through a connection that never provisioned her.
    other.post("/Users", user("ada")).await.check(409);
    let again = acme.post("/Users", user("ADA")).await.check(201).json();
    assert_eq!((&again["id"], &again["active"]), (&json!(ada), &json!(true)));
    assert_eq!(members(&acme, &crew).await, set(std::slice::from_ref(&ada)));
    // As a setting of the connection: a conflict.
    let settings = Settings { on_inactive: OnInactive::Conflict, ..Settings::default() };
    let careful = world.caller("acme", Draft { settings, ..Draft::new(TokenKind::Scim, "careful") }).await;
    let ben = careful.make("/Users", user("ben")).await;
    careful.patch(&format!("/Users/{ben}"), off).await.check(200);
    careful.post("/Users", user("ben")).await.check(409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bug_7_of_several_who_provision_again_at_once_one_wins() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let off = operations(json!([{ "op": "replace", "value": { "active": false } }]));
    acme.patch(&format!("/Users/{ada}"), off).await.check(200);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let acme = acme.clone();
            tokio::spawn(async move { acme.post("/Users", user("ada")).await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn bug_8_a_failure_says_what_was_wrong_and_where() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let body = operations(json!([
        { "op": "replace", "path": "displayName", "value": "Ada" },
        { "op": "replace", "path": "emails[type eq \"work\"].valeu", "value": "x" },
    ]));
    acme.patch(&format!("/Users/{ada}"), body).await.snapshot(expect![[r#"
        400 Bad Request
        content-type: application/scim+json
        {
          "schemas": [
            "urn:ietf:params:scim:api:messages:2.0:Error"
          ],
          "status": "400",
          "scimType": "invalidPath",
          "detail": "`emails` has no sub-attribute `valeu`"
        }"#]]);
    let wrong = json!({ "userName": "ben", "emails": [{ "value": true, "primary": "perhaps" }] });
    acme.post("/Users", wrong).await.snapshot(expect![[r#"
        400 Bad Request
        content-type: application/scim+json
        {
          "schemas": [
            "urn:ietf:params:scim:api:messages:2.0:Error"
          ],
          "status": "400",
          "scimType": "invalidValue",
          "detail": "`emails.value` must be a string"
        }"#]]);
}

#[tokio::test]
async fn bug_10_an_unbounded_filter_is_refused_and_a_nobody_is_refused_before_it_is_read() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let many = vec!["userName co \"a\""; 201].join(" or ");
    let refused = acme.get(&format!("/Users?filter={}", encoded(&many))).await.check(400).json();
    assert_eq!(refused["scimType"], "invalidFilter");
    let deep = format!("{}userName pr{}", "(".repeat(40), ")".repeat(40));
    let refused = acme.get(&format!("/Users?filter={}", encoded(&deep))).await.check(400).json();
    assert_eq!(refused["scimType"], "invalidFilter");
    world.nobody("acme").get(&format!("/Users?filter={}", encoded(&deep))).await.check(401);
}

#[tokio::test]
async fn bug_11_a_filter_on_an_unknown_attribute_is_refused() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    acme.make("/Users", user("ada")).await;
    for filter in [
        "shoeSize eq 38",
        "userName pr or shoeSize eq 38",
        "not (name.nickname pr)",
        "emails[size eq 1]",
        "urn:ietf:params:scim:schemas:extension:unknown:2.0:User:x pr",
        "members.value eq \"1\"",
    ] {
        let refused = acme.get(&format!("/Users?filter={}", encoded(filter))).await.check(400).json();
        assert_eq!(refused["scimType"], "invalidFilter", "{filter}");
    }
}

#[tokio::test]
async fn bug_12_no_page_by_cursor_skips_anybody_while_others_are_deleted() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ids = people(&acme, 30).await;
    let mut seen = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = acme.get(&format!("/Users?count=5&cursor={}", encoded(&cursor))).await.check(200).json();
        for one in page["Resources"].as_array().unwrap() {
            let id = one["id"].as_str().unwrap().to_owned();
            // Everybody who was seen is deleted at once; nobody behind them may be missed for it.
            acme.delete(&format!("/Users/{id}")).await.check(204);
            seen.insert(id);
        }
        world.pass(Duration::from_secs(1));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, set(&ids));
}

#[tokio::test]
async fn bug_12_cursors_are_announced_and_pages_by_index_are_exact_while_nothing_changes() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ids = people(&acme, 5).await;
    let config = acme.get("/ServiceProviderConfig").await.check(200).json();
    assert_eq!(config["pagination"]["cursor"], true);
    let mut seen = Vec::new();
    for start in [1, 3, 5] {
        let page = acme.get(&format!("/Users?startIndex={start}&count=2")).await.check(200).json();
        assert_eq!(page["totalResults"], 5);
        seen.extend(
            page["Resources"].as_array().unwrap().iter().map(|u| u["id"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(set(&seen), set(&ids));
}

#[tokio::test]
async fn bug_7_an_external_id_alone_makes_nobody_somebody_else() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let draft = |name: &str| json!({ "userName": name, "externalId": "jsmith" });
    let alice = acme.make("/Users", draft("alice.old")).await;
    let off = operations(json!([{ "op": "replace", "value": { "active": false } }]));
    acme.patch(&format!("/Users/{alice}"), off).await.check(200);
    let refused = acme.post("/Users", draft("bob.new")).await.check(409).json();
    assert_eq!(refused["scimType"], "uniqueness");
    let shown = acme.get(&format!("/Users/{alice}")).await.json();
    assert_eq!((&shown["userName"], &shown["active"]), (&json!("alice.old"), &json!(false)));
    assert_eq!(acme.post("/Users", draft("alice.old")).await.check(201).id(), alice);
}
