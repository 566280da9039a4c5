//! Bulk (RFC 7644 §3.7).

use serde_json::{Value, json};

use crate::world::{Caller, World, group, user};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn bulk(operations: Value) -> Value {
    json!({ "schemas": [REQUEST], "Operations": operations })
}

async fn run(caller: &Caller, operations: Value) -> Vec<Value> {
    let answer = caller.post("/Bulk", bulk(operations)).await.check(200).json();
    assert_eq!(answer["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    answer["Operations"].as_array().unwrap().clone()
}

/// Method, `bulkId`, status and `scimType` of each answer.
fn told(answers: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let one = |a: &Value| {
        let kind = &a["response"]["scimType"];
        [text(&a["method"]), text(&a["bulkId"]), text(&a["status"]), text(kind)].join(" ")
    };
    answers.iter().map(one).collect()
}

fn id_of(answer: &Value) -> String {
    answer["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_group_may_name_a_user_that_the_same_request_creates_in_any_order() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    // RFC 7644 §3.7.2, figures; the second time the group comes first.
    for (name, group_first) in [("alice", false), ("bob", true)] {
        let user = json!({ "method": "POST", "path": "/Users", "bulkId": "qwerty", "data": user(name) });
        let members = json!([{ "type": "User", "value": "bulkId:qwerty" }]);
        let group = json!({ "method": "POST", "path": "/Groups", "bulkId": "ytrewq", "data": {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members } });
        let operations = if group_first { json!([group, user]) } else { json!([user, group]) };
        let answers = run(&acme, operations).await;
        let (user, group) = if group_first { (&answers[1], &answers[0]) } else { (&answers[0], &answers[1]) };
        assert_eq!(told(&[user.clone(), group.clone()]), ["POST qwerty 201 -", "POST ytrewq 201 -"]);
        let shown = acme.get(&format!("/Groups/{}", id_of(group))).await.check(200).json();
        assert_eq!(shown["members"][0]["value"], id_of(user));
        assert_eq!(shown["meta"]["version"], group["version"]);
        assert_eq!(shown["meta"]["location"], group["location"]);
        assert!(group.get("response").is_none(), "{group}");
    }
}

#[tokio::test]
async fn circular_references_are_resolved() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let group = |name: &str, of: &str| {
        json!({ "method": "POST", "path": "/Groups", "bulkId": name, "data": {
            "displayName": name, "members": [{ "type": "Group", "value": format!("bulkId:{of}") }] } })
    };
    // RFC 7644 §3.7.1; then a circle of three with somebody waiting outside.
    let answers = run(&acme, json!([group("a", "b"), group("b", "a")])).await;
    assert_eq!(told(&answers), ["POST a 201 -", "POST b 201 -"]);
    for (at, of) in [(0, 1), (1, 0)] {
        let shown = acme.get(&format!("/Groups/{}", id_of(&answers[at]))).await.check(200).json();
        assert_eq!(shown["members"][0]["value"], id_of(&answers[of]));
        assert_eq!(shown["meta"]["version"], answers[at]["version"]);
    }
    let operations = json!([group("w", "x"), group("x", "y"), group("y", "z"), group("z", "x")]);
    let answers = run(&acme, operations).await;
    assert_eq!(told(&answers), ["POST w 201 -", "POST x 201 -", "POST y 201 -", "POST z 201 -"]);
    for (at, of) in [(0, 1), (1, 2), (2, 3), (3, 1)] {
        let shown = acme.get(&format!("/Groups/{}", id_of(&answers[at]))).await.check(200).json();
        assert_eq!(shown["members"][0]["value"], id_of(&answers[of]), "{at}");
    }
}

#[tokio::test]
async fn a_circle_that_cannot_be_closed_leaves_nothing_new_and_takes_nothing_old() {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let world = World::new().await;
    let acme = world.provider("acme").await;
    acme.make("/Users", user("taken")).await;
    let mut away = user("away");
    away["active"] = false.into();
    let away = acme.make("/Users", away).await;
    let one = |bulk_id: &str, name: &str, manager: &str| {
        json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {
            "userName": name, ENTERPRISE: { "manager": { "value": format!("bulkId:{manager}") } } } })
    };
    let answers = run(&acme, json!([one("a", "away", "b"), one("b", "taken", "a")])).await;
    assert_eq!(told(&answers), ["POST a 409 -", "POST b 409 uniqueness"]);
    acme.get(&format!("/Users/{away}")).await.check(200);
    // What was there before stays, and the answer says where.
    let shown = acme.get(&format!("/Users/{away}")).await.json();
    assert_eq!((&shown["active"], &answers[0]["location"]), (&json!(true), &shown["meta"]["location"]));
    assert!(answers[0].to_string().contains("activated again"), "{}", answers[0]);
    let answers = run(&acme, json!([one("a", "new", "b"), one("b", "taken", "a")])).await;
    assert_eq!(told(&answers), ["POST a 409 -", "POST b 409 uniqueness"]);
    assert_eq!(acme.get("/Users?count=0").await.check(200).json()["totalResults"], 2, "`new` is not there");
}

#[tokio::test]
async fn what_refers_to_a_circle_comes_after_it_and_is_refused_when_there_is_none() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let crew = acme.make("/Groups", group("crew", &[])).await;
    let one = |bulk_id: &str, of: &[&str]| {
        let members: Vec<_> = of.iter().map(|of| json!({ "value": format!("bulkId:{of}") })).collect();
        json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": { "displayName": bulk_id, "members": members } })
    };
    let join = json!({ "method": "PATCH", "path": format!("/Groups/{crew}"), "data": { "Operations": [
        { "op": "add", "path": "members", "value": [{ "value": "bulkId:a" }] }] } });
    // `c` is well until `a`, of which it waits, gets what it lacks: a member that is nobody.
    let mut broken = one("a", &["c"]);
    broken["data"]["members"].as_array_mut().unwrap().push(json!({ "value": "nobody" }));
    let answers = run(&acme, json!([join.clone(), one("top", &["a"]), broken, one("c", &["a"])])).await;
    assert_eq!(
        told(&answers),
        ["PATCH - 409 -", "POST top 409 -", "POST a 400 invalidValue", "POST c 409 -"]
    );
    assert_eq!(answers.iter().filter(|answer| answer.get("location").is_some()).count(), 1, "{answers:?}");
    assert_eq!(acme.find("/Groups", "displayName pr").await, [crew.as_str()], "only what was there");
    assert_eq!(acme.get(&format!("/Groups/{crew}")).await.json()["meta"]["version"], "W/\"1\"");
    let answers = run(&acme, json!([join, one("top", &["a"]), one("a", &["c"]), one("c", &["a"])])).await;
    assert_eq!(told(&answers), ["PATCH - 200 -", "POST top 201 -", "POST a 201 -", "POST c 201 -"]);
    for (at, of) in [(1, 2), (2, 3), (3, 2)] {
        let shown = acme.get(&format!("/Groups/{}", id_of(&answers[at]))).await.check(200).json();
        assert_eq!(shown["members"][0]["value"], id_of(&answers[of]), "{at}");
        assert_eq!(shown["meta"]["version"], answers[at]["version"], "{at}: as it was answered");
    }
}

#[tokio::test]
async fn every_verb_and_its_answer() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let mut ids = Vec::new();
    for name in ["put", "patch", "delete", "stale"] {
        ids.push(acme.make("/Users", user(name)).await);
    }
    let path = |at: usize| format!("/Users/{}", ids[at]);
    let answers = run(
        &acme,
        json!([
            { "method": "POST", "path": "/Users", "bulkId": "one", "data": user("post") },
            { "method": "PUT", "path": path(0), "version": "W/\"1\"", "data": { "userName": "put", "title": "x" } },
            { "method": "PATCH", "path": path(1), "data": { "Operations": [{ "op": "add", "path": "title", "value": "y" }] } },
            { "method": "DELETE", "path": path(2), "version": "W/\"1\"" },
            { "method": "PUT", "path": path(3), "version": "W/\"7\"", "data": user("stale") },
            { "method": "PATCH", "path": "/Users/bulkId:one",
              "data": { "Operations": [{ "op": "add", "path": "nickName", "value": "z" }] } },
            { "method": "delete", "path": "/Users/nobody" },
        ]),
    )
    .await;
    assert_eq!(
        told(&answers),
        [
            "POST one 201 -",
            "PUT - 200 -",
            "PATCH - 200 -",
            "DELETE - 204 -",
            "PUT - 412 -",
            "PATCH - 200 -",
            "DELETE - 404 -",
        ]
    );
    for answer in &answers[..6] {
        assert!(
            answer["location"].as_str().unwrap().starts_with("https://id.example/acme/scim/Users/"),
            "{answer}"
        );
    }
    for (at, version) in [(0, "W/\"1\""), (1, "W/\"2\""), (2, "W/\"2\""), (5, "W/\"2\"")] {
        assert_eq!(answers[at]["version"], version, "{at}");
    }
    assert_eq!(answers[4]["response"]["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(answers[4]["response"]["status"], "412");
    assert_eq!(answers[5]["location"], answers[0]["location"]);
    let made = acme.get(&format!("/Users/{}", id_of(&answers[0]))).await.check(200).json();
    assert_eq!(made["nickName"], "z");
    acme.get(&path(2)).await.check(404);
}

#[tokio::test]
async fn one_that_fails_does_not_stop_the_others_unless_asked() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    acme.make("/Users", user("taken")).await;
    let post = |id: &str, name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": id, "data": user(name) });
    let mixed = |tail: &str| {
        json!([
            post("1", &format!("first-{tail}")),
            post("2", "taken"),
            { "method": "POST", "path": "/Users", "bulkId": "3", "data": { "title": "nameless" } },
            { "method": "POST", "path": "/Nonsense", "bulkId": "4", "data": {} },
            { "method": "GET", "path": "/Users" },
            post("5", &format!("last-{tail}")),
        ])
    };
    let all = [
        "POST 1 201 -",
        "POST 2 409 uniqueness",
        "POST 3 400 invalidValue",
        "POST 4 404 -",
        "GET - 400 invalidSyntax",
        "POST 5 201 -",
    ];
    assert_eq!(told(&run(&acme, mixed("a")).await), all);
    for (most, expected) in [(1, &all[..2]), (2, &all[..3]), (4, &all[..5]), (5, &all[..])] {
        let mut body = bulk(mixed(&format!("b{most}")));
        body["failOnErrors"] = json!(most);
        let answer = acme.post("/Bulk", body).await.check(200).json();
        assert_eq!(told(answer["Operations"].as_array().unwrap()), expected, "{most}");
        let last = acme.find("/Users", &format!("userName eq \"last-b{most}\"")).await;
        assert_eq!(last.len(), usize::from(expected.len() == all.len()), "{most}");
    }
}

#[tokio::test]
async fn references_to_nothing_are_refused_and_leave_nothing_half_made() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let post = |id: &str, of: &str| {
        json!({ "method": "POST", "path": "/Groups", "bulkId": id, "data": { "displayName": id,
            "members": [{ "value": format!("bulkId:{of}") }] } })
    };
    let answers = run(&acme, json!([post("a", "nobody")])).await;
    assert_eq!(told(&answers), ["POST a 409 -"]);
    // A circle with a failure in it is undone, whichever of its members fails.
    let nameless = json!({ "method": "POST", "path": "/Groups", "bulkId": "c", "data": { "members": [{ "value": "bulkId:b" }] } });
    let answers = run(&acme, json!([post("b", "c"), nameless.clone()])).await;
    assert_eq!(told(&answers), ["POST b 409 -", "POST c 400 invalidValue"]);
    let answers = run(&acme, json!([nameless, post("b", "c")])).await;
    assert_eq!(told(&answers), ["POST c 400 invalidValue", "POST b 409 -"]);
    assert_eq!(acme.find("/Groups", "displayName pr").await, [""; 0]);
    let path = json!({ "method": "DELETE", "path": "/Users/bulkId:nobody" });
    assert_eq!(told(&run(&acme, json!([path])).await), ["DELETE - 409 -"]);
}

#[tokio::test]
async fn what_is_no_bulk_request_is_refused_as_a_whole() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let post = json!({ "method": "POST", "path": "/Users", "bulkId": "1", "data": user("ada") });
    for (body, kind) in [
        (json!({ "schemas": [REQUEST] }), "invalidSyntax"),
        (json!({ "schemas": [REQUEST], "Operations": {} }), "invalidSyntax"),
        (json!({ "schemas": [REQUEST], "Operations": [post.clone()], "failOnErrors": 0 }), "invalidValue"),
        (
            json!({ "schemas": [REQUEST], "Operations": [post.clone()], "failOnErrors": "many" }),
            "invalidValue",
        ),
    ] {
        assert_eq!(acme.post("/Bulk", body).await.check(400).json()["scimType"], kind);
    }
    assert_eq!(told(&run(&acme, json!([])).await), [""; 0]);
    let single = [
        (json!({ "method": "POST", "path": "/Users", "data": user("x") }), "POST - 400 invalidSyntax"),
        (
            json!({ "method": "POST", "path": "/Users/1", "bulkId": "1", "data": user("x") }),
            "POST 1 400 invalidPath",
        ),
        (json!({ "method": "PUT", "path": "/Users", "data": user("x") }), "PUT - 400 invalidPath"),
        (json!({ "method": "POST", "bulkId": "1", "data": user("x") }), "POST 1 400 invalidSyntax"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": "1" }), "POST 1 400 invalidSyntax"),
        (json!({ "path": "/Users" }), " - 400 invalidSyntax"),
        (json!(5), " - 400 invalidSyntax"),
    ];
    for (operation, expected) in single {
        let answers = run(&acme, json!([operation])).await;
        assert_eq!(told(&answers), [expected], "{operation}");
    }
    let twice =
        json!([post.clone(), { "method": "POST", "path": "/Users", "bulkId": "1", "data": user("bob") }]);
    assert_eq!(told(&run(&acme, twice).await), ["POST 1 201 -", "POST 1 400 invalidValue"]);
}

#[tokio::test]
async fn the_limits_announced_are_the_limits_enforced() {
    let world = World::new().await;
    let (acme, reader, nobody) =
        (world.provider("acme").await, world.reader("acme").await, world.nobody("acme"));
    let limits = acme.get("/ServiceProviderConfig").await.check(200).json()["bulk"].clone();
    let most = usize::try_from(limits["maxOperations"].as_u64().unwrap()).unwrap();
    let gone = json!({ "method": "DELETE", "path": "/Users/nobody" });
    assert_eq!(run(&acme, Value::Array(vec![gone.clone(); most])).await.len(), most);
    let body = acme.post("/Bulk", bulk(Value::Array(vec![gone.clone(); most + 1]))).await.check(413).json();
    assert_eq!(body["status"], "413");
    assert!(body["detail"].as_str().unwrap().contains(&most.to_string()), "{body}");
    let bytes = usize::try_from(limits["maxPayloadSize"].as_u64().unwrap()).unwrap();
    let mut large = bulk(json!([gone.clone()])).to_string().into_bytes();
    large.resize(bytes, b' ');
    acme.send_bytes(http::Method::POST, "/Bulk", Some(large.clone()), "application/scim+json")
        .await
        .check(200);
    large.push(b' ');
    let body = acme
        .send_bytes(http::Method::POST, "/Bulk", Some(large), "application/scim+json")
        .await
        .check(413)
        .json();
    assert!(body["detail"].as_str().unwrap().contains(&bytes.to_string()), "{body}");
    reader.post("/Bulk", bulk(json!([gone.clone()]))).await.check(403);
    nobody.post("/Bulk", bulk(json!([gone]))).await.check(401);
}

#[tokio::test]
async fn a_bulk_request_reaches_its_own_tenant_only() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    let ada = acme.make("/Users", user("ada")).await;
    let crew = acme.make("/Groups", group("crew", &[])).await;
    let answers = run(
        &globex,
        json!([
            { "method": "DELETE", "path": format!("/Users/{ada}") },
            { "method": "PATCH", "path": format!("/Groups/{crew}"), "data": { "Operations": [] } },
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": group("mine", &[&ada]) },
            { "method": "POST", "path": "/Users", "bulkId": "u", "data": user("ada") },
        ]),
    )
    .await;
    assert_eq!(
        told(&answers),
        ["DELETE - 404 -", "PATCH - 404 -", "POST g 400 invalidValue", "POST u 201 -"]
    );
    acme.get(&format!("/Users/{ada}")).await.check(200);
}

#[tokio::test]
async fn a_made_password_is_returned_with_the_operation_that_made_it() {
    const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let one = |bulk_id: &str, manager: Option<&str>| {
        let mut data = json!({ "userName": bulk_id, CUSTOM: { "generatePassword": true } });
        if let Some(manager) = manager {
            data[ENTERPRISE] = json!({ "manager": { "value": format!("bulkId:{manager}") } });
        }
        json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data })
    };
    let plain = json!({ "method": "POST", "path": "/Users", "bulkId": "eve", "data": user("eve") });
    let operations = json!([one("ada", None), plain, one("bob", Some("cyd")), one("cyd", Some("bob"))]);
    let answer = acme.post("/Bulk", bulk(operations)).await.check(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answers = answer.json()["Operations"].clone();
    for at in [0, 2, 3] {
        // RFC 7644 §3.7: the body that the operation would have been answered with alone.
        let mut body = answers[at]["response"].clone();
        let password = body.as_object_mut().and_then(|body| body.remove("password"));
        assert!(password.is_some_and(|text| text.as_str().unwrap().len() >= 16), "{at}: {answers:#}");
        let shown = acme.get(&format!("/Users/{}", id_of(&answers[at]))).await.check(200).json();
        assert_eq!(body, shown, "{at}");
    }
    assert!(answers[1].get("response").is_none(), "{answers}");
}
