//! Roles: those of SCIM, given to users, clients and groups and taken away.

use expect_test::expect;
use http::Method;
use serde_json::json;

use super::Api;
use super::subjects::Firm;
use crate::world::{Answer, operations};

async fn firm() -> Firm {
    let mut firm = Firm::new().await;
    firm.make("reader", "/Roles", json!({ "name": "Reader" })).await;
    firm.make("admin", "/Roles", json!({ "id": "admin", "name": "TenantOwner" })).await;
    firm
}

/// Gives a role to the subject that the path names.
async fn give(api: &Api, path: &str) -> Answer {
    api.send(Method::PUT, path, None).await
}

#[tokio::test]
async fn roles_are_listed_by_name_and_searched() {
    let firm = firm().await;
    expect![[r#"
        {
          "page": 1,
          "pageSize": 10,
          "count": 3,
          "total": 3,
          "totalPages": 1,
          "data": [
            {
              "id": "<reader>",
              "name": "Reader"
            },
            {
              "id": "TenantAdmin",
              "name": "TenantAdmin"
            },
            {
              "id": "<admin>",
              "name": "TenantOwner"
            }
          ]
        }"#]]
    .assert_eq(&firm.shown(&firm.api.get("/roles?pageSize=10").await));
    for (search, expected) in
        [("READ", vec!["Reader"]), ("e", vec!["Reader", "TenantAdmin", "TenantOwner"]), ("x", vec![])]
    {
        assert_eq!(firm.listed(&format!("/roles?searchQuery={search}")).await.0, expected, "{search}");
    }
    assert_eq!(
        Api::admin(&firm.world, "globex").await.get("/roles").await.json()["total"],
        1,
        "that of its administrators"
    );
}

#[tokio::test]
async fn a_role_is_given_to_any_subject_and_is_the_role_of_scim() {
    let firm = firm().await;
    let count = async || {
        let role = firm.scim.get(&format!("/Roles/{}", firm.id("reader"))).await.check(200).json();
        (role["member_count"].as_u64().unwrap(), role["meta"]["version"].clone())
    };
    // By id and by name, whatever its case.
    let by_id = format!("/roles/{}/members", firm.id("reader"));
    for (path, subject) in [
        (&*by_id, format!("user-{}", firm.id("ada"))),
        ("/roles/READER/members", format!("client-{}", firm.id("robot"))),
        ("/roles/Reader/members", format!("group-{}", firm.id("staff"))),
    ] {
        give(&firm.api, &format!("{path}/{subject}")).await.check(204);
    }
    let given = count().await;
    assert_eq!(given, (3, json!("W/\"4\"")));
    let again = format!("{by_id}/user-{}", firm.id("ada"));
    give(&firm.api, &again).await.check(204);
    assert_eq!(count().await, given, "given twice, it is written once");
    assert_eq!(firm.listed(&by_id).await.0, ["Ada Lovelace", "Billing robot", "Staff"]);
    firm.api.delete(&again).await.check(204);
    firm.api.delete(&again).await.check(404);
    assert_eq!(count().await.0, 2);
    let several =
        json!({ "subjectIds": [format!("user-{}", firm.id("ada")), format!("user-{}", firm.id("grace"))] });
    firm.api.post(&by_id, several.clone()).await.check(204);
    assert_eq!(count().await.0, 4);
    firm.api.send(Method::DELETE, &by_id, Some(several)).await.check(204);
    assert_eq!(count().await.0, 2);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let firm = firm().await;
    let ada = format!("user-{}", firm.id("ada"));
    for (path, named) in [
        (format!("/roles/writer/members/{ada}"), "there is no Role `writer`"),
        ("/roles/reader/members/user-nobody".to_owned(), "there is no subject `user-nobody`"),
    ] {
        let answer = give(&firm.api, &path).await.check(404).json();
        assert_eq!(answer["detail"], named);
    }
    let body = json!({ "subjectIds": ["user-nobody"] });
    let detail = firm.api.refused(400, "/roles/reader/members", body).await;
    assert_eq!(detail, "`subjectIds[0]`: there is no subject `user-nobody`");
    let globex = Api::admin(&firm.world, "globex").await;
    give(&globex, &format!("/roles/admin/members/{ada}")).await.check(404);
}

#[tokio::test]
async fn the_roles_of_a_subject_are_its_own_and_those_of_its_groups() {
    let firm = firm().await;
    let (ada, everybody) = (format!("user-{}", firm.id("ada")), firm.id("everybody"));
    give(&firm.api, &format!("/roles/reader/members/group-{everybody}")).await.check(204);
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": firm.id("ada") }] }]);
    firm.scim.patch("/Roles/admin", operations(add)).await.check(204);
    expect![[r#"
        {
          "page": 1,
          "pageSize": 50,
          "count": 2,
          "total": 2,
          "totalPages": 1,
          "data": [
            {
              "id": "<reader>",
              "name": "Reader",
              "direct": false
            },
            {
              "id": "<admin>",
              "name": "TenantOwner",
              "direct": true
            }
          ]
        }"#]]
    .assert_eq(&firm.shown(&firm.api.get(&format!("/subjects/{ada}/roles")).await));
    assert_eq!(firm.listed(&format!("/subjects/{ada}/roles?searchQuery=read")).await.0, ["Reader"]);
    assert_eq!(firm.listed(&format!("/subjects/client-{}/roles", firm.id("robot"))).await.0, ["Reader"]);
    assert_eq!(firm.listed(&format!("/subjects/user-{}/roles", firm.id("grace"))).await.1, 0);
    let robot = firm.scim.get(&format!("/Clients/{}?attributes=groups,roles", firm.id("robot"))).await;
    expect![[r#"
        {
          "schemas": [
            "urn:durward:params:scim:schemas:1.0:Client"
          ],
          "id": "<robot>",
          "groups": [
            {
              "value": "<everybody>",
              "$ref": "https://id.example/acme/scim/Groups/<everybody>",
              "type": "direct",
              "display": "Everybody"
            }
          ],
          "roles": [
            {
              "value": "<reader>",
              "$ref": "https://id.example/acme/scim/Roles/<reader>",
              "type": "indirect",
              "display": "Reader"
            }
          ]
        }"#]]
    .assert_eq(&firm.shown(&robot));
}

#[tokio::test]
async fn the_role_of_administrators_is_given_by_administrators_and_keeps_one() {
    let firm = firm().await;
    let path = |name: &str| format!("/roles/TenantAdmin/members/user-{}", firm.id(name));
    let provider = Api::of(&firm.world.provider("acme").await);
    give(&provider, &format!("/roles/reader/members/user-{}", firm.id("ada"))).await.check(204);
    give(&provider, &path("ada")).await.check(403);
    give(&firm.api, &path("ada")).await.check(204);
    provider.delete(&path("ada")).await.check(403);
    firm.api.delete(&path("ada")).await.check(409);
    give(&firm.api, &path("grace")).await.check(204);
    firm.api.delete(&path("ada")).await.check(204);
}
