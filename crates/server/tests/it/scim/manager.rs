//! A user's manager (RFC 7643 §4.3): who that is, is shown as it is when it is read.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Caller, World, encoded, group, operations, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";

fn managed(name: &str, manager: Value) -> Value {
    json!({ "userName": name, ENTERPRISE: { "department": "Engines", "manager": manager } })
}

/// The manager of a user as it is read.
async fn manager(caller: &Caller, id: &str) -> Value {
    caller.get(&format!("/Users/{id}")).await.check(200).json()[ENTERPRISE]["manager"].clone()
}

fn uri(id: &str) -> String {
    format!("https://id.example/acme/scim/Users/{id}")
}

/// Ada, her tenant, and somebody of the same name elsewhere.
async fn people() -> (World, Caller, String, String) {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let stranger = globex.make("/Users", json!({ "userName": "ada", "displayName": "Stranger" })).await;
    let ada = acme.make("/Users", json!({ "userName": "ada", "displayName": "Ada \"Countess\" L." })).await;
    (world, acme, ada, stranger)
}

#[tokio::test]
async fn a_manager_is_shown_with_name_and_uri_whatever_is_asked() {
    let (world, acme, ada, _) = people().await;
    let shown = json!({ "value": ada, "$ref": uri(&ada), "displayName": "Ada \"Countess\" L." });
    let body = managed("bob", json!({ "value": ada, "displayName": "Somebody" }));
    world.pass(Duration::from_secs(1));
    let made = acme.post("/Users", body.clone()).await.check(201);
    let bob = made.id();
    assert_eq!(made.json()[ENTERPRISE], json!({ "department": "Engines", "manager": shown }));
    let path = format!("/Users/{bob}");
    assert_eq!(acme.get(&path).await.check(200).json(), made.json());
    let replaced = acme.put(&path, body).await.check(200).json();
    assert_eq!(replaced[ENTERPRISE]["manager"], shown);
    let patch = operations(json!([{ "op": "replace", "path": "title", "value": "Analyst" }]));
    assert_eq!(acme.patch(&path, patch).await.check(200).json()[ENTERPRISE]["manager"], shown);
    // With something beside the document, with a list that is mixed with what is there, and with what looks alike.
    acme.make("/Groups", group("crew", &[&bob])).await;
    let mut other = managed("cyd", json!({ "$ref": null, "value": ada }));
    other["roles"] = json!([{ "value": "r" }]);
    other["nickName"] = json!(format!(r#""manager":{{"value":"{ada}"}}"#));
    other[CUSTOM] =
        json!({ "properties": { "a": { "manager": { "value": ada } }, "manager": { "value": [] } } });
    world.pass(Duration::from_secs(1));
    let cyd = acme.make("/Users", other.clone()).await;
    assert_eq!(manager(&acme, &cyd).await, shown);
    assert_eq!(acme.get(&format!("/Users/{cyd}")).await.json()[CUSTOM], other[CUSTOM]);
    for list in ["/Users?", "/Users?sortBy=title&", "/Users?cursor&", "?"] {
        let found =
            acme.get(&format!("{list}filter={}", encoded("userName ne \"ada\""))).await.check(200).json();
        let users = found["Resources"].as_array().unwrap().iter().filter(|one| one.get("userName").is_some());
        let managers: Vec<_> = users.map(|one| one[ENTERPRISE]["manager"].clone()).collect();
        assert_eq!(managers, [shown.clone(), shown.clone()], "{list}");
    }
    let all = acme.get("/Users").await.check(200).json();
    assert_eq!(all["Resources"][1], acme.get(&path).await.json());
    assert_eq!(all["Resources"][2], acme.get(&format!("/Users/{cyd}")).await.json());
}

#[tokio::test]
async fn a_manager_is_shown_as_it_is_now_if_it_is_there() {
    let (_world, acme, ada, stranger) = people().await;
    for nobody in ["nobody", &stranger, "\"}", ""] {
        let given = json!({ "value": nobody, "$ref": "../Users/x" });
        let id = acme.make("/Users", managed(&format!("of-{}", nobody.len()), given.clone())).await;
        assert_eq!(manager(&acme, &id).await, given, "there is no such user in the tenant");
    }
    let bob = acme.make("/Users", managed("bob", json!({ "value": ada }))).await;
    let path = format!("/Users/{ada}");
    let rename = operations(json!([{ "op": "replace", "path": "displayName", "value": "A. King" }]));
    acme.patch(&path, rename).await.check(200);
    assert_eq!(manager(&acme, &bob).await["displayName"], "A. King");
    let unname = operations(json!([{ "op": "remove", "path": "displayName" }]));
    acme.patch(&path, unname).await.check(200);
    assert_eq!(manager(&acme, &bob).await, json!({ "value": ada, "$ref": uri(&ada) }));
    acme.delete(&path).await.check(204);
    assert_eq!(manager(&acme, &bob).await, json!({ "value": ada }));
    let own = acme.make("/Users", user("eve")).await;
    let patch = operations(json!([{ "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": own }]));
    acme.patch(&format!("/Users/{own}"), patch).await.check(200);
    assert_eq!(manager(&acme, &own).await, json!({ "value": own, "$ref": uri(&own) }), "everybody's own");
    let rename = operations(json!([{ "op": "replace", "path": "displayName", "value": "Eve" }]));
    let renamed = acme.patch(&format!("/Users/{own}"), rename).await.check(200).json();
    assert_eq!(renamed[ENTERPRISE]["manager"]["displayName"], "Eve", "as it is after the change");
}

/// What a user mentions is kept beside the document, so that both are read together. What the document says counts.
#[tokio::test]
async fn a_manager_is_shown_of_users_that_an_earlier_durward_wrote() {
    let (world, acme, ada, _) = people().await;
    let other = acme.make("/Users", user("other")).await;
    let bob = acme.make("/Users", managed("bob", json!({ "value": ada }))).await;
    // One group directly and one through it.
    let crew = acme.make("/Groups", group("crew", &[&bob])).await;
    acme.make("/Groups", group("all", &[&crew])).await;
    let kept = || world.place.rows(&format!("select mentioned from record where id = '{bob}'"));
    assert_eq!(kept(), [ada.as_str()]);
    let path = format!("/Users/{bob}");
    let before = acme.get(&path).await.check(200).json();
    assert_eq!(before[ENTERPRISE]["manager"]["displayName"], "Ada \"Countess\" L.");
    assert_eq!(before["groups"].as_array().unwrap().len(), 2);
    for wrong in ["null".to_owned(), "'nobody'".to_owned(), format!("'{other}'")] {
        world.place.execute(&format!("update record set mentioned = {wrong} where id = '{bob}'"));
        assert_eq!(acme.get(&path).await.check(200).json(), before, "{wrong}");
    }
    let patch = |value| operations(json!([{ "op": "replace", "path": "title", "value": value }]));
    let shown = acme.patch(&path, patch("Analyst")).await.check(200).json();
    assert_eq!(shown[ENTERPRISE]["manager"], before[ENTERPRISE]["manager"]);
    assert_eq!(kept(), [ada.as_str()], "every write keeps what is mentioned then");
    let gone = operations(json!([{ "op": "remove", "path": format!("{ENTERPRISE}:manager") }]));
    acme.patch(&path, gone).await.check(200);
    assert_eq!(kept(), [""]);
    assert_eq!(manager(&acme, &bob).await, Value::Null);
}

#[tokio::test]
async fn what_is_read_can_be_sent_back_and_read_at_another_address() {
    let (_world, acme, ada, _) = people().await;
    let cyd = acme.make("/Users", managed("cyd", json!({ "value": ada }))).await;
    let path = format!("/Users/{cyd}");
    let read = acme.get(&path).await.check(200);
    // Sent back as it was read nothing changes, and at another address it is the URI there.
    let sent = acme.put(&path, read.json()).await.check(200);
    assert_eq!(sent.json(), read.json());
    let elsewhere = manager(&acme.at("/acme/api/scim/v2"), &cyd).await;
    assert_eq!(elsewhere["$ref"], format!("https://id.example/acme/api/scim/v2/Users/{ada}"));
}

#[tokio::test]
async fn a_projection_decides_what_of_a_manager_is_shown() {
    let (world, acme, ada, _) = people().await;
    world.pass(Duration::from_secs(1));
    let bob = acme.make("/Users", managed("bob", json!({ "value": ada }))).await;
    for (query, parts) in [
        (format!("attributes={ENTERPRISE}:manager"), "$ref displayName value"),
        (format!("attributes={ENTERPRISE}"), "$ref displayName value"),
        (format!("attributes={ENTERPRISE}:manager.displayName"), "displayName"),
        (format!("attributes={ENTERPRISE}:manager.value"), "value"),
        (format!("excludedAttributes={ENTERPRISE}:manager.displayName"), "$ref value"),
        (format!("excludedAttributes={ENTERPRISE}:manager.$ref,{ENTERPRISE}:manager.value"), "displayName"),
        ("excludedAttributes=groups".to_owned(), "$ref displayName value"),
        (format!("excludedAttributes={ENTERPRISE}:manager"), ""),
        ("attributes=userName".to_owned(), ""),
    ] {
        let one = acme.get(&format!("/Users/{bob}?{query}")).await.check(200).json();
        let list = acme.get(&format!("/Users?{query}")).await.check(200).json();
        for user in [&one, &list["Resources"][1]] {
            let mut shown: Vec<_> =
                user[ENTERPRISE]["manager"].as_object().into_iter().flat_map(|m| m.keys()).cloned().collect();
            shown.sort();
            assert_eq!(shown.join(" "), parts, "{query}");
        }
    }
}

#[tokio::test]
async fn filters_and_orders_see_what_is_shown_of_a_manager() {
    let (world, acme, ada, _) = people().await;
    let zoe = acme.make("/Users", json!({ "userName": "zoe", "displayName": "zoe" })).await;
    let plain = acme.make("/Users", user("plain")).await;
    for (name, manager) in [("b", &zoe), ("c", &ada), ("d", &plain)] {
        world.pass(Duration::from_secs(1));
        acme.make("/Users", managed(name, json!({ "value": manager }))).await;
    }
    let names = async |query: &str| {
        let found = acme.get(&format!("/Users?{query}")).await.check(200).json();
        let users = found["Resources"].as_array().unwrap().iter();
        users.map(|user| user["userName"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let place = format!("{ENTERPRISE}:manager");
    for (filter, expected) in [
        (format!(r#"{place}.displayName eq "ZOE""#), "b"),
        (format!("{place}.displayName pr"), "b c"),
        (format!(r#"{place}[displayName co "countess"]"#), "c"),
        (format!(r#"{place}.displayName ne "zoe" and {place} pr"#), "c d"),
        (format!(r#"{place}.$ref eq "{}""#, uri(&plain)), "d"),
        (format!(r#"manager.displayName sw "z" or {place}.value eq "{ada}""#), "b c"),
    ] {
        let filter = encoded(&filter);
        assert_eq!(names(&format!("filter={filter}")).await, expected, "{filter}");
        assert_eq!(names(&format!("cursor&filter={filter}")).await, expected, "{filter}");
    }
    let only = format!("filter={}", encoded(&format!("{place} pr")));
    assert_eq!(names(&format!("{only}&sortBy={place}.displayName")).await, "c b d");
    assert_eq!(names(&format!("{only}&sortBy={place}.displayName&sortOrder=descending")).await, "d b c");
}

#[tokio::test]
async fn an_order_by_what_is_beside_the_document_holds() {
    let (_world, acme, ada, _) = people().await;
    let bob = acme.make("/Users", user("bob")).await;
    let cyd = acme.make("/Users", user("cyd")).await;
    for (name, members) in [("one", vec![&cyd]), ("three", vec![&ada, &bob, &cyd]), ("two", vec![&bob, &cyd])]
    {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        acme.make("/Roles", json!({ "id": name, "name": name, "members": members })).await;
    }
    let ids = async |query: &str| {
        let found = acme.get(query).await.check(200).json();
        let all = found["Resources"].as_array().unwrap().iter();
        all.map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("/Roles?sortBy=member_count&filter=member_count%20gt%200").await, ["one", "two", "three"]);
    acme.make("/Groups", group("zeta", &[&ada])).await;
    acme.make("/Groups", group("eta", &[&cyd])).await;
    assert_eq!(ids("/Users?sortBy=groups.display").await, [&*cyd, &ada, &bob]);
}

#[tokio::test]
async fn the_uri_of_a_manager_who_is_there_is_the_services_own() {
    let (_world, acme, ada, stranger) = people().await;
    let evil = "https://evil.example/Users/1";
    let bob = acme.make("/Users", managed("bob", json!({ "value": ada, "$ref": evil }))).await;
    assert_eq!(manager(&acme, &bob).await["$ref"], uri(&ada));
    let path = format!("{ENTERPRISE}:manager");
    let patch = |value: Value| operations(json!([{ "op": "replace", "path": path, "value": value }]));
    acme.patch(&format!("/Users/{bob}"), patch(json!({ "value": ada, "$ref": evil }))).await.check(200);
    assert_eq!(manager(&acme, &bob).await["$ref"], uri(&ada));
    let found = acme.find("/Users", &format!("{ENTERPRISE}:manager.$ref eq \"{}\"", uri(&ada))).await;
    assert_eq!(found, std::slice::from_ref(&bob));
    // Of somebody who is not there, nobody knows better.
    acme.patch(&format!("/Users/{bob}"), patch(json!({ "value": stranger, "$ref": evil }))).await.check(200);
    assert_eq!(manager(&acme, &bob).await["$ref"], evil);
}
