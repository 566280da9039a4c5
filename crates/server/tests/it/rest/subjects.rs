//! Subjects: the users, clients and groups that SCIM knows, as this API lists them; what they are in and what they may do.

use std::time::Duration;

use expect_test::expect;
use serde_json::{Value, json};

use super::Api;
use crate::world::{Answer, Caller, World, group, operations, user};

/// A tenant with Ada, who is in the staff, which is in everybody; a robot, which is in everybody too; and Grace.
pub(super) struct Firm {
    pub(super) world: World,
    pub(super) scim: Caller,
    pub(super) api: Api,
    names: Vec<(String, &'static str)>,
}

impl Firm {
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        let scim = world.admin("acme").await;
        let api = Api::of(&scim);
        let mut firm = Self { world, scim, api, names: Vec::new() };
        let ada = json!({
            "userName": "ada@acme.com", "displayName": "Ada Lovelace",
            "name": { "givenName": "Augusta", "familyName": "King" },
            "emails": [{ "value": "old@acme.com" }, { "value": "ada@home.example", "primary": true }],
            "phoneNumbers": [{ "value": "+441234" }],
        });
        let ada = firm.make("ada", "/Users", ada).await;
        firm.make("grace", "/Users", user("grace@acme.com")).await;
        let robot = json!({ "name": "Billing robot", "description": "Sends bills" });
        let robot = firm.make("robot", "/Clients", robot).await;
        let staff = firm.make("staff", "/Groups", group("Staff", &[&ada])).await;
        firm.make("everybody", "/Groups", group("Everybody", &[&staff, &robot])).await;
        firm
    }

    pub(super) async fn make(&mut self, name: &'static str, path: &str, body: Value) -> String {
        let id = self.scim.make(path, body).await;
        // Ids of one millisecond are in no order.
        self.world.pass(Duration::from_millis(1));
        self.names.push((id.clone(), name));
        id
    }

    /// The id of what is called so here.
    pub(super) fn id(&self, name: &str) -> &str {
        &self.names.iter().find(|(_, known)| *known == name).unwrap().0
    }

    /// An answer with names in place of ids.
    pub(super) fn shown(&self, answer: &Answer) -> String {
        let text = serde_json::to_string_pretty(&answer.clone().check(200).json()).unwrap();
        self.names.iter().fold(text, |text, (id, name)| text.replace(id, &format!("<{name}>")))
    }

    /// What a list holds, by display name, and how many there are in all.
    pub(super) async fn listed(&self, path: &str) -> (Vec<String>, u64) {
        let page = self.api.get(path).await.check(200).json();
        let name = |item: &Value| item["displayName"].as_str().or(item["name"].as_str()).unwrap().to_owned();
        let names: Vec<_> = page["data"].as_array().unwrap().iter().map(name).collect();
        assert_eq!(page["count"], names.len(), "{path}");
        (names, page["total"].as_u64().unwrap())
    }
}

#[tokio::test]
async fn all_subjects_are_listed_and_those_of_another_tenant_are_not() {
    let firm = Firm::new().await;
    Api::admin(&firm.world, "globex").await.0.at("/globex/scim").make("/Users", user("eve")).await;
    expect![[r#"
        {
          "page": 1,
          "pageSize": 50,
          "count": 5,
          "total": 5,
          "totalPages": 1,
          "data": [
            {
              "id": "<ada>",
              "subjectId": "user-<ada>",
              "displayName": "Ada Lovelace",
              "tenant": "acme",
              "type": "User",
              "properties": {
                "username": "ada@acme.com",
                "email": "ada@home.example",
                "phoneNumber": "+441234",
                "active": true
              }
            },
            {
              "id": "<grace>",
              "subjectId": "user-<grace>",
              "displayName": "grace@acme.com",
              "tenant": "acme",
              "type": "User",
              "properties": {
                "username": "grace@acme.com",
                "active": true
              }
            },
            {
              "id": "<robot>",
              "subjectId": "client-<robot>",
              "displayName": "Billing robot",
              "tenant": "acme",
              "type": "Client",
              "properties": {
                "description": "Sends bills",
                "active": true
              }
            },
            {
              "id": "<staff>",
              "subjectId": "group-<staff>",
              "displayName": "Staff",
              "tenant": "acme",
              "type": "Group",
              "properties": {}
            },
            {
              "id": "<everybody>",
              "subjectId": "group-<everybody>",
              "displayName": "Everybody",
              "tenant": "acme",
              "type": "Group",
              "properties": {}
            }
          ]
        }"#]]
    .assert_eq(&firm.shown(&firm.api.get("/subjects").await));
    for (path, total) in [("users", 2), ("clients", 1), ("groups", 2)] {
        assert_eq!(firm.listed(&format!("/subjects/{path}")).await.1, total, "{path}");
    }
}

#[tokio::test]
async fn a_page_goes_on_from_one_kind_to_the_next_and_its_size_is_clamped() {
    let world = World::new().await;
    let scim = world.admin("acme").await;
    let api = Api::of(&scim);
    for number in 0..12 {
        scim.make("/Users", user(&format!("u{number}"))).await;
    }
    for number in 0..3 {
        scim.make("/Clients", json!({ "name": format!("c{number}") })).await;
    }
    scim.make("/Groups", group("g", &[])).await;
    for (query, expected) in [
        ("", json!([1, 50, 16, 16, 1])),
        ("?pageSize=1", json!([1, 10, 10, 16, 2])),
        ("?pageSize=1&page=2", json!([2, 10, 6, 16, 2])),
        ("?pageSize=1&page=3", json!([3, 10, 0, 16, 2])),
        ("?pageSize=1000&page=1", json!([1, 200, 16, 16, 1])),
    ] {
        let page = api.get(&format!("/subjects{query}")).await.check(200).json();
        let head = ["page", "pageSize", "count", "total", "totalPages"].map(|name| page[name].clone());
        assert_eq!(json!(head), expected, "{query}");
    }
    let second = api.get("/subjects?pageSize=10&page=2").await.json();
    let kinds: Vec<_> =
        second["data"].as_array().unwrap().iter().map(|s| s["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["User", "User", "Client", "Client", "Client", "Group"]);
    api.get("/subjects?page=last").await.check(400);
    api.get("/subjects/users?pageSize=-1").await.check(400);
}

#[tokio::test]
async fn a_search_looks_through_names_whatever_the_case() {
    let firm = Firm::new().await;
    for (path, search, expected) in [
        ("", "LOVE", vec!["Ada Lovelace"]),
        ("", "aug", vec!["Ada Lovelace"]),
        ("", "home.example", vec!["Ada Lovelace"]),
        ("", "acme.com", vec!["Ada Lovelace", "grace@acme.com"]),
        ("", "b", vec!["Billing robot", "Everybody"]),
        ("/groups", "b", vec!["Everybody"]),
        ("/clients", "robot", vec!["Billing robot"]),
        ("/clients", "\" or name pr or name eq \"", vec![]),
        ("/users", "%20%20", vec!["Ada Lovelace", "grace@acme.com"]),
    ] {
        let search = if search.contains('%') { search.to_owned() } else { crate::world::encoded(search) };
        let (found, total) = firm.listed(&format!("/subjects{path}?searchQuery={search}")).await;
        assert_eq!(
            (found, total),
            (expected.iter().map(|e| (*e).to_owned()).collect(), expected.len() as u64),
            "{search}"
        );
    }
}

#[tokio::test]
async fn a_subject_is_found_by_its_id_with_or_without_what_stands_before_it() {
    let firm = Firm::new().await;
    let (ada, staff) = (firm.id("ada"), firm.id("staff"));
    for (path, name) in [
        (format!("/subjects/user-{ada}"), "Ada Lovelace"),
        (format!("/subjects/{ada}"), "Ada Lovelace"),
        (format!("/subjects/client-{}", firm.id("robot")), "Billing robot"),
        (format!("/subjects/group-{staff}"), "Staff"),
        (format!("/subjects/groups/group-{staff}"), "Staff"),
        (format!("/subjects/groups/{staff}"), "Staff"),
    ] {
        assert_eq!(firm.api.get(&path).await.check(200).json()["displayName"], name, "{path}");
    }
    let globex = Api::admin(&firm.world, "globex").await;
    globex.get(&format!("/subjects/user-{ada}")).await.check(404);
    for path in
        [format!("client-{ada}"), format!("groups/{ada}"), format!("groups/user-{ada}"), "user-".to_owned()]
    {
        firm.api.get(&format!("/subjects/{path}")).await.check(404);
    }
}

#[tokio::test]
async fn memberships_are_direct_and_through_groups_and_circles_end() {
    let firm = Firm::new().await;
    let path = |name: &str, kind: &str| format!("/subjects/{kind}-{}/memberships", firm.id(name));
    expect![[r#"
        {
          "page": 1,
          "pageSize": 50,
          "count": 2,
          "total": 2,
          "totalPages": 1,
          "data": [
            {
              "id": "<staff>",
              "subjectId": "group-<staff>",
              "displayName": "Staff",
              "tenant": "acme",
              "type": "Group",
              "properties": {},
              "direct": true
            },
            {
              "id": "<everybody>",
              "subjectId": "group-<everybody>",
              "displayName": "Everybody",
              "tenant": "acme",
              "type": "Group",
              "properties": {},
              "direct": false
            }
          ]
        }"#]]
    .assert_eq(&firm.shown(&firm.api.get(&path("ada", "user")).await));
    assert_eq!(firm.listed(&format!("{}?searchQuery=EVERY", path("ada", "user"))).await.0, ["Everybody"]);
    assert_eq!(firm.listed(&path("robot", "client")).await.0, ["Everybody"]);
    assert_eq!(firm.listed(&path("everybody", "group")).await.1, 0);
    // Nobody comes to be in themselves; a circle that was created as one ends all the same.
    let body = json!({ "subjectIds": [format!("group-{}", firm.id("everybody"))] });
    firm.api.post(&format!("/subjects/groups/{}/members", firm.id("staff")), body).await.check(400);
    let one = |name: &str, of: &str| {
        json!({ "method": "POST", "path": "/Groups", "bulkId": name, "data": {
            "displayName": name, "members": [{ "value": format!("bulkId:{of}") }] } })
    };
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [one("Here", "There"), one("There", "Here")],
    });
    let made = firm.scim.post("/Bulk", bulk).await.check(200).json();
    for (at, other) in [(0, "There"), (1, "Here")] {
        let id = made["Operations"][at]["location"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!(firm.listed(&format!("/subjects/group-{id}/memberships")).await.0, [other]);
    }
    firm.api.get("/subjects/user-nobody/memberships").await.check(404);
}

#[tokio::test]
async fn permissions_are_what_is_granted_now_with_the_way_to_it() {
    let mut firm = Firm::new().await;
    firm.make("action", "/Actions", json!({ "name": "invoices.read" })).await;
    firm.make("type", "/Resource-Types", json!({ "name": "Invoice", "actions": ["invoices.read"] })).await;
    firm.make("invoice", "/Resources", json!({ "name": "No. 42", "type": "Invoice" })).await;
    let statements = json!([{ "actions": ["invoices.read"], "resource": firm.id("invoice") }]);
    firm.make("reading", "/Permissions", json!({ "name": "Reading", "statements": statements })).await;
    let members = json!([{ "value": firm.id("everybody") }]);
    let role = json!({ "name": "Reader", "permissions": [firm.id("reading")], "members": members });
    firm.make("reader", "/Roles", role).await;
    let policy =
        json!({ "subject": format!("user-{}", firm.id("ada")), "scope": "/a", "action": "x.manage" });
    firm.make("policy", "/Policies", policy).await;
    let ada = format!("/subjects/user-{}/permissions", firm.id("ada"));
    expect![[r#"
        {
          "page": 1,
          "pageSize": 50,
          "count": 2,
          "total": 2,
          "totalPages": 1,
          "data": [
            {
              "action": "invoices.read",
              "scope": "/invoice/no-42",
              "on": {
                "type": "resource",
                "id": "<invoice>",
                "displayName": "No. 42"
              },
              "path": [
                {
                  "type": "user",
                  "id": "<ada>",
                  "displayName": "Ada Lovelace"
                },
                {
                  "type": "group",
                  "id": "<staff>",
                  "displayName": "Staff"
                },
                {
                  "type": "group",
                  "id": "<everybody>",
                  "displayName": "Everybody"
                },
                {
                  "type": "role",
                  "id": "<reader>",
                  "displayName": "Reader"
                },
                {
                  "type": "permission",
                  "id": "<reading>",
                  "displayName": "Reading"
                }
              ]
            },
            {
              "action": "x.manage",
              "scope": "/a",
              "on": {
                "type": "scope",
                "id": "/a"
              },
              "path": [
                {
                  "type": "user",
                  "id": "<ada>",
                  "displayName": "Ada Lovelace"
                },
                {
                  "type": "policy",
                  "id": "<policy>"
                }
              ]
            }
          ],
          "more": false
        }"#]]
    .assert_eq(&firm.shown(&firm.api.get(&ada).await));
    let total = async |path: &str| firm.api.get(path).await.check(200).json()["total"].clone();
    let robot = format!("/subjects/client-{}/permissions", firm.id("robot"));
    assert_eq!(total(&robot).await, 1);
    assert_eq!(total(&format!("/subjects/clients/{}/permissions", firm.id("robot"))).await, 1);
    assert_eq!(total(&format!("/subjects/users/{}/permissions", firm.id("ada"))).await, 2);
    assert_eq!(total(&format!("/subjects/groups/{}/permissions", firm.id("staff"))).await, 1);
    assert_eq!(total(&format!("/subjects/users/{}/permissions", firm.id("grace"))).await, 0);
    firm.api.get(&format!("/subjects/users/{}/permissions", firm.id("robot"))).await.check(404);
    // At once: who is inactive has nothing, and what is taken back is gone.
    let off = operations(json!([{ "op": "replace", "path": "active", "value": false }]));
    firm.scim.patch(&format!("/Clients/{}", firm.id("robot")), off).await.check(200);
    assert_eq!(total(&robot).await, 0);
    firm.api.delete(&format!("/policies/{}", firm.id("policy"))).await.check(204);
    assert_eq!(total(&ada).await, 1);
}
