//! The tree of actions that can be granted.

use expect_test::expect;
use serde_json::{Value, json};

use super::Api;
use crate::world::World;

#[tokio::test]
async fn actions_form_a_tree_of_the_tenants_and_durwards_own() {
    let world = World::new().await;
    let admin = world.admin("acme").await;
    let api = Api::of(&admin);
    for (name, description, active) in [
        ("banking.ais.read", "Read accounts", true),
        ("banking.manage", "Do anything with accounts", true),
        ("banking.pis.write", "Pay", false),
    ] {
        let action = json!({ "name": name, "description": description, "active": active });
        admin.make("/Actions", action).await;
    }
    world.admin("globex").await.make("/Actions", json!({ "name": "theirs" })).await;
    api.get("/actions?under=banking").await.snapshot(expect![[r#"
        200 OK
        content-type: application/json
        {
          "actions": [
            {
              "name": "banking",
              "active": true,
              "children": [
                {
                  "name": "banking.ais",
                  "active": true,
                  "children": [
                    {
                      "name": "banking.ais.read",
                      "origin": "tenant",
                      "description": "Read accounts",
                      "active": true,
                      "children": []
                    }
                  ]
                },
                {
                  "name": "banking.manage",
                  "origin": "tenant",
                  "description": "Do anything with accounts",
                  "active": true,
                  "children": []
                },
                {
                  "name": "banking.pis",
                  "active": true,
                  "children": [
                    {
                      "name": "banking.pis.write",
                      "origin": "tenant",
                      "description": "Pay",
                      "active": false,
                      "children": []
                    }
                  ]
                }
              ]
            }
          ]
        }"#]]);
    let all = api.get("/actions").await.check(200).json();
    let widest: Vec<_> =
        all["actions"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
    assert_eq!(widest, ["banking", "durward", "services"]);
    let own = api.get("/actions?under=durward.clients.read").await.check(200).json();
    let own = &own["actions"][0]["children"][0]["children"][0];
    assert_eq!((&own["name"], &own["origin"]), (&json!("durward.clients.read"), &json!("durward")));
    let description = json!("Create, change and delete clients");
    let write = api.get("/actions?under=durward.clients.write").await.check(200).json();
    assert_eq!(write["actions"][0]["children"][0]["children"][0]["description"], description);
    for branch in all["actions"].as_array().unwrap() {
        said(branch);
    }
    let names = async |query: &str| {
        api.get(&format!("/actions{query}")).await.check(200).text.matches("name").count()
    };
    assert_eq!(names("?under=banking.ais").await, 3, "what leads there, and what lies there");
    assert_eq!(names("?under=bank").await, 0);
    assert_eq!(names("?under=Banking").await, 0);
    assert_eq!(names("?under=%22%20or%20name%20pr").await, 0);
}

/// Every action of Durward's own says what it lets do.
fn said(branch: &Value) {
    assert!(branch["origin"] != "durward" || branch["description"].is_string(), "{branch}");
    branch["children"].as_array().unwrap().iter().for_each(said);
}
