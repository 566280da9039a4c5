//! Roles, permissions and what they refer to: references, what is shown of them, who has a role.

use serde_json::{Value, json};

use crate::world::{Caller, World, encoded, group, operations, user};

const SCIM: &str = "application/scim+json";

fn role(name: &str) -> Value {
    json!({ "name": name })
}

/// An action, a resource of a type, a permission of that action on it; their ids.
pub(super) async fn access(caller: &Caller, name: &str) -> [String; 4] {
    let action = caller.make("/Actions", json!({ "name": format!("{name}.read") })).await;
    let sort = json!({ "name": format!("{name} sort"), "actions": [action] });
    let sort = caller.make("/Resource-Types", sort).await;
    let thing = caller.make("/Resources", json!({ "name": name, "type": sort })).await;
    let statements = json!([{ "actions": [action], "resource": thing }]);
    let permission = json!({ "name": format!("{name}-reader"), "statements": statements });
    [action, sort, thing, caller.make("/Permissions", permission).await]
}

/// The roles that a resource shows: value and type.
fn roles(resource: &Value) -> Vec<String> {
    let list = resource["roles"].as_array().cloned().unwrap_or_default();
    let text = |role: &Value, name: &str| role[name].as_str().unwrap_or("-").to_owned();
    let mut shown: Vec<_> =
        list.iter().map(|r| format!("{} {}", text(r, "value"), text(r, "type"))).collect();
    shown.sort();
    shown
}

async fn add(caller: &Caller, role: &str, member: &str) {
    let value = json!([{ "value": member }]);
    let path = format!("/Roles/{role}");
    caller
        .patch(&path, operations(json!([{ "op": "add", "path": "members", "value": value }])))
        .await
        .check(204);
}

/// A page of users, and each of them by itself.
async fn users_are_shown_alike(caller: &Caller) {
    let page = caller.get("/Users").await.check(200).json();
    for user in page["Resources"].as_array().unwrap() {
        let alone = caller.get(&format!("/Users/{}", user["id"].as_str().unwrap())).await.check(200).json();
        assert_eq!(*user, alone);
    }
}

#[tokio::test]
async fn a_user_has_roles_directly_and_through_groups_of_groups() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let ada = acme.make("/Users", user("ada")).await;
    let ben = acme.make("/Users", user("ben")).await;
    let crew = acme.make("/Groups", group("crew", &[&ada])).await;
    let ship = acme.make("/Groups", group("ship", &[&crew])).await;
    for (id, member) in [("sailor", &ada), ("rower", &crew), ("captain", &ship), ("Cook", &ben)] {
        acme.post("/Roles", json!({ "id": id, "name": id })).await.check(201);
        add(&acme, id, member).await;
    }
    add(&acme, "rower", &ada).await;
    // The same id is another role elsewhere.
    globex.post("/Roles", json!({ "id": "Cook", "name": "Cook" })).await.check(201);
    globex.post("/Roles", json!({ "name": "thief", "members": [{ "value": ada }] })).await.check(400);
    let get = async |path: String| acme.get(&path).await.check(200).json();
    let shown = get(format!("/Users/{ada}")).await;
    assert_eq!(roles(&shown), ["captain indirect", "rower direct", "sailor direct"]);
    assert_eq!(shown["roles"][0]["$ref"], "https://id.example/acme/scim/Roles/captain");
    assert_eq!(shown["roles"][0]["display"], "captain");
    assert_eq!(roles(&get(format!("/Users/{ben}")).await), ["Cook direct"]);
    assert_eq!(roles(&get(format!("/Groups/{crew}")).await), ["captain indirect", "rower direct"]);
    assert_eq!(roles(&get(format!("/Groups/{ship}")).await), ["captain direct"]);
    users_are_shown_alike(&acme).await;
    // Found from the role, over the groups, and from the user.
    let named = async |filter: &str| acme.find("/Users", filter).await;
    assert_eq!(named(r#"roles.value eq "captain""#).await, [ada.as_str()]);
    assert_eq!(named(r#"roles[value eq "captain" and type eq "indirect"]"#).await, [ada.as_str()]);
    assert_eq!(named(r#"roles eq "Cook""#).await, [ben.as_str()]);
    assert!(named(r#"roles.value eq "nobody""#).await.is_empty());
    assert_eq!(acme.find("/Roles", &format!(r#"members.value eq "{ada}""#)).await.len(), 2);
    // A user who goes leaves the roles; a role that goes leaves the users.
    acme.delete(&format!("/Users/{ben}")).await.check(204);
    let cook = acme.get("/Roles/Cook").await.check(200).json();
    assert_eq!((&cook["member_count"], cook.get("members")), (&json!(0), None));
    acme.delete("/Roles/rower").await.check(204);
    assert_eq!(roles(&get(format!("/Users/{ada}")).await), ["captain indirect", "sailor direct"]);
    globex.get("/Roles/Cook").await.check(200);
}

/// Clients choose the ids of roles, and may choose those of groups.
#[tokio::test]
async fn a_role_is_not_taken_for_the_group_of_its_id() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let (ada, ben) = (acme.make("/Users", user("ada")).await, acme.make("/Users", user("ben")).await);
    let crew = acme.make("/Groups", group("crew", &[&ada])).await;
    for (id, name, member) in [("rower", "rower", &crew), (&*crew, "crew", &ben)] {
        let role = json!({ "id": id, "name": name, "members": [{ "value": member }] });
        acme.post("/Roles", role).await.check(201);
    }
    let get = async |id: &str| roles(&acme.get(&format!("/Users/{id}")).await.check(200).json());
    assert_eq!(get(&ben).await, [format!("{crew} direct")], "ben is not of the crew");
    assert_eq!(get(&ada).await, ["rower indirect"]);
    users_are_shown_alike(&acme).await;
    let before = acme.get("/Roles/rower").await.check(200).json();
    acme.delete(&format!("/Roles/{crew}")).await.check(204);
    assert_eq!(acme.get("/Roles/rower").await.check(200).json(), before);
    assert!(get(&ben).await.is_empty());
    assert_eq!(get(&ada).await, ["rower indirect"]);
}

#[tokio::test]
async fn roles_that_a_client_names_stand_beside_those_of_the_service() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let mut body = user("ada");
    body["roles"] = json!([{ "value": "Accountant", "type": "app", "primary": true }]);
    let ada = acme.make("/Users", body).await;
    let ben = acme.make("/Users", user("ben")).await;
    acme.post(
        "/Roles",
        json!({ "id": "clerk", "name": "Clerk", "members": [{ "value": ada }, { "value": ben }] }),
    )
    .await
    .check(201);
    let path = format!("/Users/{ada}");
    let both = ["Accountant app", "clerk direct"];
    let shown = acme.get(&path).await.check(200).json();
    assert_eq!(roles(&shown), both);
    users_are_shown_alike(&acme).await;
    assert_eq!(acme.find("/Users", r#"roles.value eq "Accountant""#).await, [ada.as_str()]);
    assert_eq!(acme.find("/Users", r#"roles.value eq "clerk""#).await.len(), 2);
    assert_eq!(roles(&acme.get(&format!("{path}?attributes=roles")).await.json()), both);
    assert_eq!(acme.get(&format!("{path}?excludedAttributes=roles")).await.json().get("roles"), None);
    // What was read may be sent back: what this server shows is not kept.
    let again = acme.put(&path, shown.clone()).await.check(200).json();
    assert_eq!(again, shown);
    acme.delete("/Roles/clerk").await.check(204);
    assert_eq!(roles(&acme.get(&path).await.json()), ["Accountant app"]);
    // As Entra ID does it.
    let primary = r#"roles[primary eq "True"].value"#;
    acme.patch(&path, operations(json!([{ "op": "Replace", "path": primary, "value": "Auditor" }])))
        .await
        .check(200);
    assert_eq!(roles(&acme.get(&path).await.json()), ["Auditor app"]);
}

#[tokio::test]
async fn what_a_client_names_as_a_role_of_the_service_gives_nobody_that_role() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let mut body = user("ada");
    body["roles"] = json!([{ "value": "bookkeeper", "display": "Bookkeeper" }, { "value": "Accountant" }]);
    let ada = acme.make("/Users", body).await;
    let ben = acme.make("/Users", user("ben")).await;
    let shown = async || roles(&acme.get(&format!("/Users/{ada}")).await.check(200).json());
    let who = async |filter: &str| acme.find("/Users", filter).await;
    assert_eq!(shown().await, ["Accountant -", "bookkeeper -"]);
    assert_eq!(who(r#"roles.value eq "bookkeeper""#).await, [ada.as_str()]);
    acme.make("/Roles", json!({ "id": "bookkeeper", "name": "b", "members": [{ "value": ben }] })).await;
    assert_eq!(shown().await, ["Accountant -"]);
    users_are_shown_alike(&acme).await;
    for filter in [
        r#"roles.value eq "bookkeeper""#,
        r#"roles.value eq "bookkeeper" and active eq true"#,
        r#"userName sw "" and roles.value sw "book""#,
        r#"roles[value eq "bookkeeper"]"#,
        r#"roles.value eq "bookkeeper" or roles.value eq "nobody""#,
    ] {
        assert_eq!(who(filter).await, [ben.as_str()], "{filter}");
    }
    assert_eq!(who(r#"roles.value eq "Accountant" and roles pr"#).await, [ada.as_str()]);
    let title = operations(json!([{ "op": "add", "path": "title", "value": "x" }]));
    let patched = acme.patch(&format!("/Users/{ada}"), title).await.check(200).json();
    assert_eq!(roles(&patched), ["Accountant -"]);
    let mut body = user("cyd");
    body["roles"] = json!([{ "value": "bookkeeper" }]);
    let made = acme.post("/Users", body).await.check(201);
    assert_eq!(made.json().get("roles"), None);
    acme.delete("/Roles/bookkeeper").await.check(204);
    assert_eq!(shown().await, ["Accountant -", "bookkeeper -"]);
}

#[tokio::test]
async fn a_patch_of_a_role_is_answered_by_what_it_asks_whatever_comes_of_it() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    acme.make("/Roles", json!({ "id": "r", "name": "r" })).await;
    let describe = json!({ "op": "add", "path": "description", "value": "x" });
    let add = json!({ "op": "add", "path": "members", "value": [{ "value": ada }] });
    for (list, status) in [
        (json!([add]), 204),
        (json!([add]), 204),
        (json!([describe]), 200),
        (json!([describe]), 200),
        (json!([add, describe]), 200),
        (json!([]), 200),
    ] {
        acme.patch("/Roles/r", operations(list)).await.check(status);
    }
    acme.patch("/Roles/r?attributes=name", operations(json!([add]))).await.check(200);
}

#[tokio::test]
async fn a_role_shows_what_it_refers_to_down_to_some_depth_unless_it_is_left_out() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let [action, sort, thing, permission] = access(&acme, "press").await;
    let statements = json!([{ "actions": ["press.read"], "resource": "press" }]);
    let body =
        json!({ "id": "printer", "name": "printer", "permissions": [permission], "statements": statements });
    let made = acme.post("/Roles", body).await.check(201).json();
    let reference = |endpoint: &str, id: &str| json!({ "value": id, "$ref": format!("https://id.example/acme/scim/{endpoint}/{id}") });
    let statement = &made["permissions"][0]["statements"][0];
    assert_eq!(statement["actions"][0]["name"], "press.read");
    let shown = &statement["resource"]["type"];
    assert_eq!((&shown["value"], &shown["name"]), (&json!(sort), &json!("press sort")));
    assert_eq!(shown["actions"], json!([reference("Actions", &action)]), "beyond the depth there are ids");
    assert_eq!(made["statements"][0]["resource"]["type"]["actions"][0]["name"], "press.read");
    // A list, a read, and what a PATCH answers show the same.
    let alone = acme.get("/Roles/printer").await.check(200).json();
    let page = acme.get("/Roles?filter=id%20sw%20%22p%22").await.check(200).json();
    assert_eq!((&alone, &page["Resources"][0]), (&made, &made));
    let strict =
        acme.with("Accept", SCIM).get("/Roles/printer?attributes=permissions,statements").await.json();
    assert_eq!(strict["permissions"], json!([reference("Permissions", &permission)]));
    let plain =
        json!({ "actions": [reference("Actions", &action)], "resource": reference("Resources", &thing) });
    assert_eq!(strict["statements"], json!([plain]));
    // Who names JSON gets the one, who takes SCIM's own media type or anything the other.
    for (accept, shows) in [
        ("application/json", true),
        ("text/html, Application/JSON;q=0.9", true),
        ("*/*", false),
        ("application/*", false),
        ("application/json, application/scim+json", false),
    ] {
        let role = acme.with("Accept", accept).get("/Roles/printer").await.check(200).json();
        assert_eq!(role["permissions"][0].get("name").is_some(), shows, "{accept}");
    }
    let less = acme.get("/Roles/printer?excludedAttributes=permissions,statements").await.json();
    assert!(less.get("permissions").is_none() && less.get("statements").is_none(), "{less}");
    // What was read may be sent back, expanded or not.
    for body in [alone.clone(), strict] {
        let body = json!({ "name": "printer", "permissions": body["permissions"], "statements": body["statements"] });
        let put = acme.put("/Roles/printer", body).await.check(200).json();
        assert_eq!(put["permissions"], alone["permissions"]);
        assert_eq!(put["statements"], alone["statements"]);
    }
}

#[tokio::test]
async fn what_is_referred_to_is_there_and_stays_there() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let [action, sort, thing, permission] = access(&acme, "press").await;
    access(&globex, "loom").await;
    let refused = async |caller: &Caller, path: &str, body: Value, said: &str| {
        let answer = caller.post(path, body).await.check(400).json();
        assert_eq!((&answer["scimType"], &answer["detail"]), (&json!("invalidValue"), &json!(said)));
    };
    // What another tenant has is not there; neither is a resource of another kind.
    let foreign = json!({ "name": "x", "permissions": [permission] });
    refused(&globex, "/Roles", foreign, &format!("`permissions`: there is no Permission `{permission}`"))
        .await;
    let other = json!({ "name": "x", "permissions": [thing] });
    refused(&acme, "/Roles", other, &format!("`permissions`: there is no Permission `{thing}`")).await;
    let unknown = json!({ "name": "x", "statements": [{ "actions": ["loom.read"], "resource": thing }] });
    refused(&acme, "/Roles", unknown, "`statements.actions`: there is no Action `loom.read`").await;
    acme.post("/Roles", json!({ "id": "r", "name": "r", "permissions": [permission] })).await.check(201);
    for (path, said) in [
        (format!("/Permissions/{permission}"), "it is in use by the Role `r`"),
        (format!("/Resources/{thing}"), "it is in use by the Permission `press-reader`"),
        (format!("/Resource-Types/{sort}"), "it is in use by the Resource `press`"),
    ] {
        let answer = acme.delete(&path).await.check(409).json();
        assert_eq!(answer["detail"], said);
        acme.get(&path).await.check(200);
    }
    acme.delete(&format!("/Actions/{action}")).await.check(409);
    // A change of the document lets go what it no longer names, in whatever way it changes.
    let none = operations(json!([{ "op": "remove", "path": "permissions" }]));
    acme.patch("/Roles/r", none).await.check(200);
    acme.delete(&format!("/Permissions/{permission}")).await.check(204);
    acme.delete(&format!("/Resources/{thing}")).await.check(204);
    acme.delete(&format!("/Resource-Types/{sort}")).await.check(204);
    acme.delete(&format!("/Actions/{action}")).await.check(204);
}

#[tokio::test]
async fn one_request_creates_roles_with_all_that_they_refer_to() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let post = |path: &str, id: &str, data: Value| json!({ "method": "POST", "path": path, "bulkId": id, "data": data });
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        post("/Roles", "o1", json!({ "id": "keeper", "name": "keeper", "permissions": ["bulkId:p1"],
            "statements": [{ "actions": [{ "value": "bulkId:a1" }], "resource": "bulkId:r1" }],
            "members": [{ "value": "bulkId:u1" }] })),
        post("/Permissions", "p1", json!({ "name": "p", "statements": [{ "action": "bulkId:a1", "resource": "bulkId:r1" }] })),
        post("/Resources", "r1", json!({ "name": "r", "type": "bulkId:t1" })),
        post("/Resource-Types", "t1", json!({ "name": "t", "actions": ["bulkId:a1"] })),
        post("/Actions", "a1", json!({ "name": "a" })),
        post("/Users", "u1", user("ada")),
    ] });
    let answers = acme.post("/Bulk", body).await.check(200).json();
    let statuses: Vec<_> =
        answers["Operations"].as_array().unwrap().iter().map(|a| a["status"].clone()).collect();
    assert_eq!(statuses, ["201"; 6], "{answers}");
    let role = acme.get("/Roles/keeper").await.check(200).json();
    assert_eq!(role["permissions"][0]["statements"][0]["resource"]["type"]["name"], "t");
    assert_eq!(role["statements"][0]["actions"][0]["name"], "a");
    assert_eq!((&role["member_count"], &role["members"][0]["type"]), (&json!(1), &json!("User")));
}

#[tokio::test]
async fn a_chosen_id_that_something_else_has_does_no_harm() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let made = acme.post("/Roles", json!({ "id": ada, "name": "ada" })).await.check(201);
    assert_eq!(made.id(), ada);
    let all =
        acme.get(&format!("/?filter={}", encoded(&format!(r#"id eq "{ada}""#)))).await.check(200).json();
    let kinds: Vec<_> =
        all["Resources"].as_array().unwrap().iter().map(|r| &r["meta"]["resourceType"]).collect();
    assert_eq!(kinds, ["User", "Role"]);
    acme.delete(&format!("/Roles/{ada}")).await.check(204);
    acme.get(&format!("/Users/{ada}")).await.check(200);
    // An id that is chosen says nothing about age.
    for (id, name) in [("z", "first"), ("a", "second")] {
        acme.post("/Roles", json!({ "id": id, "name": name })).await.check(201);
        world.pass(std::time::Duration::from_secs(1));
    }
    for by in ["created_at", "meta.created"] {
        let page = acme.get(&format!("/Roles?sortBy={by}&attributes=name")).await.check(200).json();
        assert_eq!(
            (&page["Resources"][1]["name"], &page["Resources"][2]["name"]),
            (&json!("first"), &json!("second"))
        );
    }
}

#[tokio::test]
async fn a_member_among_many_is_one_row_and_one_version() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let mut members = Vec::new();
    for n in 0..20 {
        members.push(json!({ "value": acme.make("/Users", user(&format!("u{n}"))).await }));
    }
    acme.post("/Roles", json!({ "id": "r", "name": "r", "members": members })).await.check(201);
    let ada = acme.make("/Users", user("ada")).await;
    add(&acme, "r", &ada).await;
    let only = "attributes=member_count,meta";
    let role = acme.get(&format!("/Roles/r?{only}")).await.check(200).json();
    assert_eq!((&role["member_count"], &role["meta"]["version"]), (&json!(21), &json!("W/\"2\"")));
    // Again is no change.
    let value = json!([{ "value": ada }]);
    acme.patch("/Roles/r", operations(json!([{ "op": "add", "path": "members", "value": value }])))
        .await
        .check(204);
    let remove = format!(r#"members[value eq "{ada}"]"#);
    acme.patch("/Roles/r", operations(json!([{ "op": "remove", "path": remove }]))).await.check(204);
    let role = acme.get(&format!("/Roles/r?{only}")).await.check(200).json();
    assert_eq!((&role["member_count"], &role["meta"]["version"]), (&json!(20), &json!("W/\"3\"")));
    acme.put("/Roles/r", role_with(&role)).await.check(200);
    let role = acme.get(&format!("/Roles/r?{only}")).await.json();
    assert_eq!(role["member_count"], 20, "members that are not said stay");
}

fn role_with(shown: &Value) -> Value {
    let mut body = role("renamed");
    body["member_count"] = json!(7);
    body["created_at"] = shown["meta"]["created"].clone();
    body
}

#[tokio::test]
async fn what_a_replacement_is_silent_about_stays_and_what_a_patch_removes_goes() {
    let world = World::new().await;
    let acme = world.provider("acme").await.with("Accept", SCIM);
    access(&acme, "press").await;
    let statements = json!([{ "actions": ["press.read"], "resource": "press" }]);
    let body = json!({ "id": "r", "name": "r", "permissions": ["press-reader"], "statements": statements });
    let made = acme.post("/Roles", body).await.check(201).json();
    let put = acme.put("/Roles/r", json!({ "name": "r" })).await.check(200).json();
    assert_eq!(put["statements"], made["statements"]);
    assert_eq!(put.get("permissions"), None, "what is silent about them has none");
    let remove = operations(json!([{ "op": "remove", "path": "statements" }]));
    assert_eq!(acme.patch("/Roles/r", remove).await.check(200).json().get("statements"), None);
    let again =
        acme.put("/Roles/r", json!({ "name": "r", "statements": statements })).await.check(200).json();
    assert_eq!(again["statements"], made["statements"]);
    for none in [json!([]), json!("")] {
        acme.put("/Roles/r", json!({ "name": "r", "statements": statements })).await.check(200);
        let body = json!({ "name": "r", "statements": none });
        assert_eq!(acme.put("/Roles/r", body).await.check(200).json().get("statements"), None);
    }
    // What is required is there, or the replacement is none.
    let sort = acme.get("/Resource-Types").await.json()["Resources"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/Resource-Types/{sort}");
    acme.put(&path, json!({ "name": "press sort", "actions": [] })).await.check(400);
    acme.put(&path, json!({ "actions": ["press.read"] })).await.check(400);
    let put = acme.put(&path, json!({ "name": "sort" })).await.check(200).json();
    assert_eq!((&put["slug"], put["actions"].as_array().map(Vec::len)), (&json!("press-sort"), Some(1)));
}

#[tokio::test]
async fn what_could_mean_two_things_is_refused() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let action = acme.make("/Actions", json!({ "name": "press.read" })).await;
    let sort = async |name: &str, slug: &str| {
        acme.make("/Resource-Types", json!({ "name": name, "slug": slug, "actions": [action] })).await
    };
    // By name one of them, by slug the other.
    let ids = [sort("Press", "machine").await, sort("Loom", "press").await];
    let thing = |sort: &str| json!({ "name": "x", "type": sort });
    let refused = acme.post("/Resources", thing("press")).await.check(400).json();
    let said = "`type`: more than one Resource-Type is called `press`, by name or otherwise; write the id";
    assert_eq!((&refused["scimType"], &refused["detail"]), (&json!("invalidValue"), &json!(said)));
    for (written, id) in [("machine", &ids[0]), ("loom", &ids[1]), (&ids[0], &ids[0])] {
        let made = acme.post("/Resources", thing(written)).await.check(201).json();
        assert_eq!(made["type"]["value"], **id, "{written}");
    }
    // An id means nothing else, whatever others are called.
    sort(&ids[0], "impostor").await;
    assert_eq!(acme.post("/Resources", thing(&ids[0])).await.check(201).json()["type"]["value"], *ids[0]);
    // One that is both is one.
    sort("Mill", "mill").await;
    acme.post("/Resources", thing("mill")).await.check(201);
}
