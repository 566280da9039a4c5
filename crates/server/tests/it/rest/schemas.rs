//! Schemas and resource types that a tenant defines at run time: they work at once and in full.

use expect_test::expect;
use serde_json::{Value, json};

use super::{Api, schema, string};
use crate::world::{Caller, World, encoded, operations, user};

pub(super) const BADGE: &str = "urn:example:acme:2.0:Badge";
pub(crate) const DEVICE: &str = "urn:example:acme:2.0:Device";

pub(super) fn badge() -> Value {
    let mut number = string("number");
    number["uniqueness"] = "server".into();
    json!({ "id": BADGE, "name": "Badge", "extends": ["User"], "indexed": ["floor"], "attributes": [
        number,
        { "name": "floor", "type": "integer", "multiValued": false },
        { "name": "doors", "type": "string", "multiValued": true },
    ] })
}

fn device() -> (Value, Value) {
    let mut serial = string("serial");
    serial["required"] = true.into();
    serial["uniqueness"] = "server".into();
    let schema = json!({ "id": DEVICE, "name": "Device", "attributes": [
        serial, string("displayName"), string("model"),
        { "name": "ports", "type": "complex", "multiValued": true, "subAttributes": [
            string("value"), { "name": "speed", "type": "integer", "multiValued": false } ] },
    ] });
    let kind = json!({ "name": "Device", "endpoint": "/Devices", "description": "A machine.", "schema": DEVICE,
        "indexed": ["model"] });
    (schema, kind)
}

#[tokio::test]
async fn definitions_that_meet_do_not_contradict_each_other() {
    let world = World::new().await;
    let (api, scim) = (Api::admin(&world, "acme").await, world.provider("acme").await);
    let (schema, kind) = device();
    for _ in 0..10 {
        api.post("/schemas", schema.clone()).await.check(201);
        let path = format!("/schemas/{DEVICE}");
        let (made, removed) = tokio::join!(api.post("/resource-types", kind.clone()), api.delete(&path));
        assert_ne!(made.status == 201, removed.status == 204, "{made:?} {removed:?}");
        scim.get("/Users?count=0").await.check(200);
        if made.status == 201 {
            api.delete("/resource-types/Device").await.check(204);
            api.delete(&path).await.check(204);
        }
    }
}

pub(crate) async fn define_device(api: &Api) {
    let (schema, kind) = device();
    api.post("/schemas", schema).await.check(201);
    api.post("/resource-types", kind).await.check(201);
}

fn holder(name: &str, number: &str, floor: u32) -> Value {
    let mut body = user(name);
    body["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User", BADGE]);
    body[BADGE] = json!({ "number": number, "floor": floor, "doors": ["north"] });
    body
}

async fn names(caller: &Caller, path: &str, member: &str) -> Vec<String> {
    let found = caller.get(path).await.check(200).json();
    let text = |one: &Value| one[member].as_str().unwrap().to_owned();
    found["Resources"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn an_extension_works_at_once() {
    let world = World::new().await;
    let (api, acme) = (Api::admin(&world, "acme").await, world.provider("acme").await);
    api.post("/schemas", badge()).await.check(201);
    let types = acme.get("/ResourceTypes/User").await.check(200).json();
    let extensions = types["schemaExtensions"].as_array().unwrap();
    assert!(extensions.contains(&json!({ "schema": BADGE, "required": false })), "{types}");
    let shown = acme.get(&format!("/Schemas/{BADGE}")).await.check(200).json();
    assert_eq!(shown["attributes"][0]["uniqueness"], "server");

    let ada = acme.make("/Users", holder("ada", "A1", 3)).await;
    acme.make("/Users", holder("bob", "B2", 10)).await;
    acme.make("/Users", user("eve")).await;
    let mut taken = holder("mal", "a1", 1);
    acme.post("/Users", taken.clone()).await.snapshot(expect![[r#"
        409 Conflict
        content-type: application/scim+json
        {
          "schemas": [
            "urn:ietf:params:scim:api:messages:2.0:Error"
          ],
          "status": "409",
          "scimType": "uniqueness",
          "detail": "`urn:example:acme:2.0:Badge:number` is already taken"
        }"#]]);
    taken[BADGE]["floor"] = "three".into();
    acme.post("/Users", taken).await.check(400);
    let filter = |text: &str| format!("/Users?sortBy=userName&filter={}", encoded(text));
    for (text, expected) in [
        (format!("{BADGE}:number eq \"A1\""), vec!["ada"]),
        (format!("{BADGE}:floor gt 3"), vec!["bob"]),
        (format!("{BADGE}:floor le 10"), vec!["ada", "bob"]),
        (format!("{BADGE}:doors eq \"north\" and userName sw \"b\""), vec!["bob"]),
        (format!("not ({BADGE}:number pr)"), vec!["eve"]),
    ] {
        assert_eq!(names(&acme, &filter(&text), "userName").await, expected, "{text}");
    }
    // Numbers sort as numbers.
    let sorted = format!("/Users?filter={}&sortBy={BADGE}:floor", encoded(&format!("{BADGE}:floor pr")));
    assert_eq!(names(&acme, &sorted, "userName").await, ["ada", "bob"]);
    let patch = operations(json!([{ "op": "replace", "path": format!("{BADGE}:floor"), "value": 11 }]));
    let patched = acme.patch(&format!("/Users/{ada}"), patch).await.check(200).json();
    assert_eq!(patched[BADGE]["floor"], 11);
    let by = format!(
        "/Users?filter={}&sortBy={BADGE}:floor&sortOrder=descending",
        encoded(&format!("{BADGE}:floor gt 5"))
    );
    assert_eq!(names(&acme, &by, "userName").await, ["ada", "bob"]);
    let put = acme.put(&format!("/Users/{ada}"), user("ada")).await.check(200).json();
    assert!(put.get(BADGE).is_none_or(|badge| badge == &json!({})), "{put}");
}

#[tokio::test]
async fn a_resource_type_of_ones_own_works_in_full() {
    let world = World::new().await;
    let (api, acme) = (Api::admin(&world, "acme").await, world.provider("acme").await);
    define_device(&api).await;
    let shown = acme.get("/ResourceTypes/Device").await.check(200).json();
    assert_eq!((&shown["endpoint"], &shown["schema"]), (&json!("/Devices"), &json!(DEVICE)));
    let device = |serial: &str, model: &str| {
        json!({ "schemas": [DEVICE], "serial": serial, "displayName": format!("d-{serial}"), "model": model,
            "ports": [{ "value": "eth0", "speed": 100 }] })
    };
    acme.post("/Devices", json!({ "schemas": [DEVICE], "model": "x" })).await.check(400);
    let one = acme.make("/Devices", device("1", "Falcon")).await;
    let two = acme.make("/Devices", device("2", "Eagle")).await;
    acme.post("/Devices", device("1", "x")).await.check(409);
    let answer = acme.get(&format!("/Devices/{one}")).await.check(200);
    assert_eq!(answer.header("etag"), Some("W/\"1\""));
    assert_eq!(answer.json()["meta"]["location"], format!("https://id.example/acme/scim/Devices/{one}"));
    let mut filters = vec![
        ("model eq \"falcon\"", vec!["1"]),
        ("model sw \"E\"", vec!["2"]),
        ("ports[speed ge 100]", vec!["1", "2"]),
        ("serial eq \"2\" or model eq \"Falcon\"", vec!["1", "2"]),
    ];
    for (filter, expected) in filters.drain(..) {
        let path = format!("/Devices?sortBy=serial&filter={}", encoded(filter));
        assert_eq!(names(&acme, &path, "serial").await, expected, "{filter}");
    }
    assert_eq!(names(&acme, "/Devices?sortBy=model", "serial").await, ["2", "1"]);
    let faster =
        operations(json!([{ "op": "replace", "path": "ports[value eq \"eth0\"].speed", "value": 1000 }]));
    let patched = acme.patch(&format!("/Devices/{one}"), faster).await.check(200).json();
    assert_eq!(patched["ports"][0]["speed"], 1000);
    let put = acme.put(&format!("/Devices/{two}"), device("3", "Kite")).await.check(200).json();
    assert_eq!(put["serial"], "3");
    assert_eq!(acme.find("/Devices", "model eq \"eagle\"").await, Vec::<String>::new());
    acme.make("/Devices", device("2", "x")).await;
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        { "method": "POST", "path": "/Devices", "bulkId": "a", "data": device("9", "Owl") },
        { "method": "DELETE", "path": format!("/Devices/{one}") },
    ] });
    let bulk = acme.post("/Bulk", bulk).await.check(200).json();
    assert_eq!(
        (&bulk["Operations"][0]["status"], &bulk["Operations"][1]["status"]),
        (&json!("201"), &json!("204"))
    );
    assert_eq!(acme.find("/Devices", "serial pr").await.len(), 3);
    assert_eq!(acme.find("", "meta.resourceType eq \"Device\"").await.len(), 3);
    acme.delete(&format!("/Devices/{two}")).await.check(204);
}

#[tokio::test]
async fn a_required_extension_is_required_and_comes_before_data() {
    let world = World::new().await;
    let (api, acme) = (Api::admin(&world, "acme").await, world.provider("acme").await);
    let mut required = badge();
    required["required"] = true.into();
    let ada = acme.make("/Users", user("ada")).await;
    let detail = api.refused(409, "/schemas", required.clone()).await;
    assert!(detail.contains("User"), "{detail}");
    acme.delete(&format!("/Users/{ada}")).await.check(204);
    api.post("/schemas", required).await.check(201);
    let refused = acme.post("/Users", user("ada")).await.check(400).json();
    assert!(refused["detail"].as_str().unwrap().contains(BADGE), "{refused}");
    acme.make("/Users", holder("ada", "A1", 3)).await;
}

#[tokio::test]
async fn what_is_in_use_is_not_removed() {
    let world = World::new().await;
    let (api, acme) = (Api::admin(&world, "acme").await, world.provider("acme").await);
    api.post("/schemas", badge()).await.check(201);
    define_device(&api).await;
    let (badge_path, device_path) = (format!("/schemas/{BADGE}"), format!("/schemas/{DEVICE}"));
    let ada = acme.make("/Users", holder("ada", "A1", 3)).await;
    let one = acme.make("/Devices", json!({ "schemas": [DEVICE], "serial": "1" })).await;
    for (path, named) in [(&badge_path, "1 resources of type `User`"), (&device_path, "`Device`")] {
        let answer = api.delete(path).await.check(409).json();
        assert!(answer["detail"].as_str().unwrap().contains(named), "{answer}");
    }
    api.delete("/resource-types/Device").await.check(409);
    let off = operations(json!([{ "op": "remove", "path": BADGE }]));
    acme.patch(&format!("/Users/{ada}"), off).await.check(200);
    acme.delete(&format!("/Devices/{one}")).await.check(204);
    api.delete(&badge_path).await.check(204);
    api.delete(&device_path).await.check(409);
    api.delete("/resource-types/Device").await.check(204);
    api.delete(&device_path).await.check(204);
    acme.get("/Devices").await.check(404);
    acme.get(&format!("/Schemas/{BADGE}")).await.check(404);
    acme.get(&format!("/Users?filter={}", encoded(&format!("{BADGE}:floor pr")))).await.check(400);
    for path in [&badge_path, &device_path, "/resource-types/Device"] {
        api.delete(path).await.check(404);
    }
    // What was removed can be defined again.
    api.post("/schemas", badge()).await.check(201);
    define_device(&api).await;
    acme.make("/Users", holder("eve", "A1", 3)).await;
}

#[tokio::test]
async fn a_bad_schema_is_refused_with_what_is_bad_about_it() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let with = |attribute: Value| json!({ "id": "urn:example:x", "name": "X", "attributes": [attribute] });
    let typed = |kind: &str| json!({ "name": "a", "type": kind, "multiValued": false });
    let sub =
        |sub: Value| json!({ "name": "a", "type": "complex", "multiValued": false, "subAttributes": [sub] });
    let set = |member: &str, value: Value| {
        let mut attribute = string("a");
        attribute[member] = value;
        attribute
    };
    for (body, named) in [
        (json!({}), "id"),
        (json!({ "id": "urn:example:x", "name": "X" }), "attributes"),
        (json!({ "id": "urn:example:x", "name": "X", "attributes": [] }), "attributes"),
        (schema("not-a-urn", "a"), "`id`"),
        (schema("urn:ietf:params:scim:schemas:extension:x:2.0:User", "a"), "urn:ietf:"),
        (with(typed("number")), "number"),
        (with(string("two words")), "`two words`"),
        (with(string("1st")), "`1st`"),
        (with(string("externalId")), "`externalId`"),
        (with(sub(sub(string("b")))), "`a.a`"),
        (with(set("subAttributes", json!([string("b")]))), "subAttributes"),
        (with(set("mutability", json!("sometimes"))), "sometimes"),
        (with(set("mutability", json!("writeOnly"))), "writeOnly"),
        (json!({ "id": "urn:example:x", "name": "X", "attributes": [string("a"), string("A")] }), "twice"),
        (
            json!({ "id": "urn:example:x", "name": "X", "extends": ["Robot"], "attributes": [string("a")] }),
            "`Robot`",
        ),
        (
            json!({ "id": "urn:example:x", "name": "X", "extends": ["User"], "indexed": ["b"],
            "attributes": [string("a")] }),
            "b",
        ),
        (
            json!({ "id": "urn:example:x", "name": "X", "extend": ["User"], "attributes": [string("a")] }),
            "`extend`",
        ),
    ] {
        let detail = api.refused(400, "/schemas", body.clone()).await;
        assert!(detail.contains(named), "{body}: {detail}");
    }
    assert_eq!(api.get("/schemas").await.json()["totalCount"], 0);
    api.post("/schemas", schema("urn:example:x", "a")).await.check(201);
    let detail = api.refused(409, "/schemas", schema("URN:Example:X", "b")).await;
    assert!(detail.contains("URN:Example:X"), "{detail}");
}

#[tokio::test]
async fn a_bad_resource_type_is_refused_with_what_is_bad_about_it() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    api.post("/schemas", device().0).await.check(201);
    let with = |member: &str, value: Value| {
        let mut kind = device().1;
        kind[member] = value;
        kind
    };
    for (status, body, named) in [
        (400, json!({}), "name"),
        (400, with("name", json!("two words")), "`name`"),
        (400, with("endpoint", json!("/a/b")), "`endpoint`"),
        (400, with("endpoint", json!("/Schemas")), "reserved"),
        (400, with("endpoint", json!("/bulk")), "reserved"),
        (400, with("name", json!("ResourceType")), "reserved"),
        (400, with("name", json!("identityprovider")), "reserved"),
        (400, with("schema", json!("x")), "`schema`"),
        (400, with("schema", json!("urn:example:unknown")), "urn:example:unknown"),
        (400, with("indexed", json!(["nothing"])), "nothing"),
        (400, with("schemaExtensions", json!([{ "schema": "urn:example:unknown" }])), "urn:example:unknown"),
        (400, with("schemaExtensions", json!([{ "schema": DEVICE }])), DEVICE),
        (400, with("colour", json!(1)), "colour"),
        (409, with("name", json!("user")), "user"),
        (409, with("endpoint", json!("/groups")), "the endpoint `/groups`"),
    ] {
        let detail = api.refused(status, "/resource-types", body.clone()).await;
        assert!(detail.contains(named), "{body}: {detail}");
    }
    assert_eq!(api.get("/resource-types").await.json()["totalCount"], 0);
    api.post("/resource-types", device().1).await.check(201);
    api.post("/resource-types", device().1).await.check(409);
    assert_eq!(api.get("/resource-types/Device").await.json()["endpoint"], "/Devices");
}

#[tokio::test]
async fn another_tenant_sees_none_of_it() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    api.post("/schemas", badge()).await.check(201);
    define_device(&api).await;
    let (globex, other) = (world.provider("globex").await, Api::admin(&world, "globex").await);
    globex.get("/Devices").await.check(404);
    for path in ["/Schemas", "/ResourceTypes"] {
        assert!(!globex.get(path).await.check(200).text.contains("urn:example"));
    }
    assert_eq!(other.get("/schemas").await.json(), json!({ "items": [], "totalCount": 0 }));
    other.delete(&format!("/schemas/{BADGE}")).await.check(404);
    // The same names are free there, and mean something else.
    other.post("/schemas", schema(DEVICE, "colour")).await.check(201);
    other
        .post("/resource-types", json!({ "name": "Device", "endpoint": "/Things", "schema": DEVICE }))
        .await
        .check(201);
    globex.make("/Things", json!({ "colour": "red" })).await;
}

#[tokio::test]
async fn another_server_over_the_same_database_sees_it_with_the_next_request() {
    let world = World::new().await;
    let second = world.beside().await;
    let (api, there) = (Api::admin(&world, "acme").await, second.provider("acme").await);
    there.get("/Devices").await.check(404);
    define_device(&api).await;
    there.get("/ResourceTypes/Device").await.check(200);
    let one = there.make("/Devices", json!({ "schemas": [DEVICE], "serial": "1" })).await;
    let here = world.provider("acme").await;
    here.get(&format!("/Devices/{one}")).await.check(200);
    here.delete(&format!("/Devices/{one}")).await.check(204);
    Api::admin(&second, "acme").await.delete("/resource-types/Device").await.check(204);
    here.get("/Devices").await.check(404);
}
