//! What the independent clients of `tests/black-box` taught, so that it is told without them.

use serde_json::json;

use crate::world::{World, group, operations, user};
use iam::cx::TokenKind;
use iam::token::{Draft, Settings};
use scim::quirks::Dialect;

const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";

fn strict() -> Draft {
    let settings = Settings { dialect: Dialect::Strict, ..Settings::default() };
    Draft { settings, ..Draft::new(TokenKind::Scim, "strict") }
}

#[tokio::test]
async fn a_members_name_is_returned_on_request() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let crew = acme.make("/Groups", group("crew", &[&ada])).await;
    let member =
        json!({ "value": ada, "$ref": format!("https://id.example/acme/scim/Users/{ada}"), "type": "User" });

    let plain = acme.get(&format!("/Groups/{crew}")).await.check(200).json();
    assert_eq!(plain["members"], json!([member]), "as the RFC's schema of a Group");
    for names in ["members", "members.display"] {
        let asked = acme.get(&format!("/Groups/{crew}?attributes={names}")).await.check(200).json();
        assert_eq!(asked["members"][0]["display"], "ada", "{names}");
    }
    assert_eq!(acme.find("/Groups", r#"members.display eq "ADA""#).await, [crew.as_str()]);
    let ada = acme.get(&format!("/Users/{ada}")).await.check(200).json();
    assert_eq!(ada["groups"][0]["display"], "crew");
}

#[tokio::test]
async fn a_removed_attribute_is_not_put_back_by_a_default() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.post("/Users", user("ada")).await.check(201).json();
    assert_eq!(ada["active"], true);
    let path = format!("/Users/{}", ada["id"].as_str().unwrap());
    let remove = operations(json!([{ "op": "remove", "path": "active" }]));
    let answer = acme.patch(&path, remove).await.check(200).json();
    assert_eq!(answer.get("active"), None);
    assert_eq!(acme.get(&path).await.json().get("active"), None);
    let off = operations(json!([{ "op": "replace", "path": "active", "value": false }]));
    acme.patch(&path, off).await.check(200);
    let answer = acme.put(&path, user("ada")).await.check(200).json();
    assert_eq!(answer["active"], false, "a PUT that does not say it does not let anyone in again");
}

#[tokio::test]
async fn properties_may_be_any_object_even_an_empty_one() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ada = acme.make("/Users", user("ada")).await;
    let path = format!("/Users/{ada}");
    for value in [json!({}), json!({ "a": { "b": [1, null] } })] {
        let set = json!([{ "op": "replace", "path": format!("{CUSTOM}:properties"), "value": value }]);
        let answer = acme.patch(&path, operations(set)).await.check(200).json();
        assert_eq!(answer[CUSTOM]["properties"], value);
    }
    let whole = json!([{ "op": "remove", "path": CUSTOM }]);
    let answer = acme.patch(&path, operations(whole)).await.check(200).json();
    assert_eq!(answer.get(CUSTOM), None);
}

#[tokio::test]
async fn a_password_is_made_once_and_the_wish_for_it_stays_as_it_was_sent() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let mut ada = user("ada");
    ada[CUSTOM] = json!({ "generatePassword": true });
    let made = acme.post("/Users", ada.clone()).await.check(201).json();
    assert!(made["password"].as_str().is_some_and(|password| password.len() == 20), "{made}");
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    for answer in [acme.get(&path).await, acme.put(&path, ada).await] {
        let answer = answer.check(200).json();
        assert_eq!((answer.get("password"), &answer[CUSTOM]["generatePassword"]), (None, &json!(true)));
    }
}

#[tokio::test]
async fn strict_leaves_out_members_that_do_not_exist_and_shows_it() {
    let world = World::new().await;
    let (auto, strict) = (world.provider("acme").await, world.caller("acme", strict()).await);
    let stranger = world.provider("globex").await.make("/Users", user("eve")).await;
    let ada = auto.make("/Users", user("ada")).await;
    let crew = format!("/Groups/{}", auto.make("/Groups", group("crew", &[])).await);
    let members = json!([{ "value": ada }, { "value": "nobody" }, { "value": stranger }]);
    let add = operations(json!([{ "op": "add", "path": "members", "value": members }]));

    let refused = auto.patch(&crew, add.clone()).await.check(400).json();
    assert!(refused["detail"].as_str().unwrap().contains("there is no resource"), "{refused}");
    let answer = strict.patch(&crew, add).await.check(200).json();
    let ids: Vec<_> = answer["members"].as_array().unwrap().iter().map(|m| m["value"].clone()).collect();
    assert_eq!(ids, [json!(ada)]);
}
