//! Groups and their members: the groups of SCIM, changed by deltas.

use expect_test::expect;
use http::Method;
use serde_json::{Value, json};

use super::Api;
use super::subjects::Firm;
use crate::world::{operations, user};

/// The version of a group: it counts the commits that changed it.
async fn version(firm: &Firm, id: &str) -> Value {
    firm.scim.get(&format!("/Groups/{id}?attributes=meta")).await.check(200).json()["meta"]["version"].clone()
}

#[tokio::test]
async fn a_group_made_here_is_a_group_of_scim() {
    let firm = Firm::new().await;
    let body = json!({ "displayName": "Finance team", "description": "Pays" });
    let made = firm.api.post("/subjects/groups", body).await.check(201).json();
    let id = made["id"].as_str().unwrap();
    let text = serde_json::to_string_pretty(&made).unwrap().replace(id, "<finance>");
    expect![[r#"
        {
          "id": "<finance>",
          "subjectId": "group-<finance>",
          "displayName": "Finance team",
          "tenant": "acme",
          "type": "Group",
          "properties": {
            "description": "Pays"
          }
        }"#]]
    .assert_eq(&text);
    let shown = firm.scim.get(&format!("/Groups/{id}")).await.check(200).json();
    assert_eq!((&shown["displayName"], &shown["description"]), (&json!("Finance team"), &json!("Pays")));
    let refused = async |body: Value| firm.api.refused(400, "/subjects/groups", body).await;
    assert_eq!(refused(json!({})).await, "`displayName` is required");
    assert_eq!(refused(json!({ "displayName": "x", "members": [] })).await, "`members` is not known here");
    assert!(refused(json!({ "displayName": "" })).await.contains("`displayName`"));
}

#[tokio::test]
async fn members_are_users_clients_and_groups_and_are_added_once() {
    let firm = Firm::new().await;
    let group =
        firm.api.post("/subjects/groups", json!({ "displayName": "All sorts" })).await.check(201).id();
    let path = format!("/subjects/groups/{group}/members");
    let (ada, robot, staff) = (firm.id("ada"), firm.id("robot"), firm.id("staff"));
    let body =
        json!({ "subjectIds": [format!("user-{ada}"), format!("client-{robot}"), format!("group-{staff}")] });
    firm.api.post(&path, body.clone()).await.check(204);
    let (names, total) = firm.listed(&path).await;
    assert_eq!((names, total), (["Ada Lovelace", "Billing robot", "Staff"].map(str::to_owned).to_vec(), 3));
    assert_eq!(firm.listed(&format!("{path}?searchQuery=ROB")).await, (vec!["Billing robot".to_owned()], 1));
    let members = firm.scim.get(&format!("/Groups/{group}?attributes=members.type")).await.json();
    assert_eq!(members["members"], json!([{ "type": "User" }, { "type": "Client" }, { "type": "Group" }]));
    // Those who are members already stay so, and nothing is written for them.
    let before = version(&firm, &group).await;
    firm.api.post(&path, body).await.check(204);
    assert_eq!(version(&firm, &group).await, before);
    let path = format!("/subjects/groups/group-{group}/members");
    firm.api.post(&path, json!({ "subjectIds": [firm.id("grace"), ada] })).await.check(204);
    assert_eq!(firm.listed(&path).await.1, 4);
    assert_eq!(version(&firm, &group).await, "W/\"3\"");
}

#[tokio::test]
async fn either_all_become_members_or_none_and_the_answer_names_who_cannot() {
    let firm = Firm::new().await;
    let (ada, staff) = (firm.id("ada"), firm.id("staff"));
    let eve = firm.world.admin("globex").await.make("/Users", user("eve")).await;
    let path = format!("/subjects/groups/{}/members", firm.id("everybody"));
    for (wrong, named) in [
        (format!("user-{eve}"), format!("`subjectIds[1]`: there is no subject `user-{eve}`")),
        (format!("client-{ada}"), format!("`subjectIds[1]`: there is no subject `client-{ada}`")),
        (String::new(), "`subjectIds[1]`: there is no subject ``".to_owned()),
        (
            format!("group-{}", firm.id("everybody")),
            "`members`: a resource cannot be one of its own".to_owned(),
        ),
    ] {
        let body = json!({ "subjectIds": [format!("user-{ada}"), wrong] });
        assert_eq!(firm.api.refused(400, &path, body).await, named);
    }
    assert_eq!(firm.listed(&path).await.1, 2);
    let refused = async |body: Value| firm.api.refused(400, &path, body).await;
    assert_eq!(refused(json!({ "subjectIds": [] })).await, "`subjectIds` names nobody");
    assert_eq!(refused(json!({ "subjectIds": [7] })).await, "`subjectIds[0]` must be a string, not a number");
    assert_eq!(refused(json!({})).await, "`subjectIds` is required");
    let body = json!({ "subjectIds": [format!("user-{ada}")] });
    firm.api.refused(404, "/subjects/groups/nobody/members", body.clone()).await;
    let globex = Api::admin(&firm.world, "globex").await;
    globex.refused(404, &format!("/subjects/groups/{staff}/members"), body).await;
}

#[tokio::test]
async fn who_is_taken_out_is_named_in_one_place() {
    let firm = Firm::new().await;
    let path = format!("/subjects/groups/{}/members", firm.id("everybody"));
    let before = firm.listed(&path).await.0;
    let all = json!({ "subjectIds": [format!("user-{}", firm.id("ada"))] });
    for (query, body, why) in [
        ("?subjectIds=nope", Some(all.clone()), "`subjectIds` stands in the query, and there is a body"),
        ("?subjectIds=", Some(all), "`subjectIds` stands in the query, and there is a body"),
        ("?subjectIds=", None, "`subjectIds` names nobody"),
        ("?subjectIds=,&subjectIds", None, "`subjectIds` names nobody"),
    ] {
        let answer = firm.api.send(Method::DELETE, &format!("{path}{query}"), body).await.check(400);
        assert_eq!(answer.json()["detail"], why, "{query}");
    }
    assert_eq!(firm.listed(&path).await.0, before);
}

#[tokio::test]
async fn members_are_taken_out_one_by_one_or_several_at_once() {
    let firm = Firm::new().await;
    let (ada, grace) = (format!("user-{}", firm.id("ada")), format!("user-{}", firm.id("grace")));
    let robot = format!("client-{}", firm.id("robot"));
    let path = format!("/subjects/groups/{}/members", firm.id("staff"));
    let add = async || {
        let all = json!({ "subjectIds": [&ada, &grace, &robot] });
        firm.api.post(&path, all).await.check(204);
    };
    let left = async || firm.listed(&path).await.0;
    add().await;
    firm.api.delete(&format!("{path}/{robot}")).await.check(204);
    assert_eq!(left().await, ["Ada Lovelace", "grace@acme.com"]);
    // It is none any more, or never was.
    firm.api.delete(&format!("{path}/{robot}")).await.check(404);
    firm.api.delete(&format!("{path}/user-nobody")).await.check(404);
    add().await;
    let body = json!({ "subjectIds": [&ada, &robot] });
    firm.api.send(Method::DELETE, &path, Some(body.clone())).await.check(204);
    assert_eq!(left().await, ["grace@acme.com"]);
    firm.api.send(Method::DELETE, &path, Some(body)).await.check(204);
    add().await;
    firm.api.delete(&format!("{path}?subjectIds={ada},{robot}&subjectIds={grace}")).await.check(204);
    assert!(left().await.is_empty());
}

#[tokio::test]
async fn a_group_that_goes_leaves_its_members_and_grants_nothing() {
    let firm = Firm::new().await;
    let (ada, staff) = (firm.id("ada"), firm.id("staff"));
    let policy = json!({ "subject": format!("group-{staff}"), "scope": "/", "action": "read" });
    firm.api.post("/policies", policy).await.check(201);
    let permissions = format!("/subjects/user-{ada}/permissions");
    assert_eq!(firm.api.get(&permissions).await.json()["total"], 1);
    firm.api.delete(&format!("/subjects/groups/group-{staff}")).await.check(204);
    firm.api.delete(&format!("/subjects/groups/{staff}")).await.check(404);
    firm.scim.get(&format!("/Groups/{staff}")).await.check(404);
    assert_eq!(firm.listed(&format!("/subjects/user-{ada}/memberships")).await.1, 0);
    assert_eq!(firm.api.get(&permissions).await.json()["total"], 0);
    // A user is no group.
    firm.api.delete(&format!("/subjects/groups/{ada}")).await.check(404);
    firm.scim.get(&format!("/Users/{ada}")).await.check(200);
}

#[tokio::test]
async fn two_who_add_members_at_once_do_not_lose_any() {
    let firm = Firm::new().await;
    let path = format!("/subjects/groups/{}/members", firm.id("staff"));
    let mut users = Vec::new();
    for number in 0..16 {
        users.push(firm.scim.make("/Users", user(&format!("u{number}"))).await);
    }
    let (one, two) = users.split_at(8);
    let add = async |users: &[String]| {
        for id in users {
            firm.api.post(&path, json!({ "subjectIds": [format!("user-{id}")] })).await.check(204);
        }
    };
    let scim = async || {
        for id in two {
            let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
            firm.scim.patch(&format!("/Groups/{}", firm.id("staff")), operations(add)).await.check(204);
        }
    };
    tokio::join!(add(one), scim());
    assert_eq!(firm.listed(&path).await.1, 17);
}
