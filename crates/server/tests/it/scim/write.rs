//! POST and PUT (RFC 7644 §3.3, §3.5.1): what is taken, what is ignored, what is refused.

use http::Method;
use serde_json::{Value, json};

use crate::world::{Answer, Caller, World, user};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[track_caller]
fn refused(answer: Answer, kind: &str, named: &str) {
    let body = answer.clone().check(400).json();
    assert_eq!(body["scimType"], kind, "{} {body}", answer.asked);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(named), "{detail} should name {named}");
}

#[tokio::test]
async fn what_only_the_server_says_is_ignored() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let body = json!({
        "schemas": [CORE], "id": "mine", "userName": "ada",
        "meta": { "resourceType": "Robot", "created": "2001-01-01T00:00:00Z", "version": "W/\"77\"", "location": "x" },
        "groups": [{ "value": "x" }],
    });
    let made = acme.post("/Users", body.clone()).await.check(201).json();
    let id = made["id"].as_str().unwrap().to_owned();
    assert_ne!(id, "mine");
    let put = acme.put(&format!("/Users/{id}"), body).await.check(200).json();
    for shown in [made, put] {
        assert_eq!(shown["id"], id.as_str());
        assert_eq!(shown["meta"]["resourceType"], "User");
        assert_eq!(shown["meta"]["created"], "2026-01-02T03:04:05.678Z");
        assert_eq!(shown["meta"]["version"], "W/\"1\"");
        assert_eq!(shown["meta"]["location"], format!("https://id.example/acme/scim/Users/{id}"));
        assert!(shown.get("groups").is_none());
    }
}

#[tokio::test]
async fn schemas_are_computed_from_what_is_there() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let mut body = user("ada");
    body[ENTERPRISE] = json!({ "department": "Engines" });
    let made = acme.post("/Users", body).await.check(201);
    assert_eq!(made.json()["schemas"], json!([CORE, ENTERPRISE]));
    let path = format!("/Users/{}", made.id());
    let put =
        acme.put(&path, json!({ "schemas": [CORE, ENTERPRISE], "userName": "ada" })).await.check(200).json();
    assert_eq!(put["schemas"], json!([CORE]));
    assert!(put.get(ENTERPRISE).is_none());
    let empty = json!({ "schemas": [CORE, ENTERPRISE], "userName": "ada", ENTERPRISE: {} });
    let put = acme.put(&path, empty).await.check(200).json();
    assert_eq!(put["schemas"], json!([CORE]));
}

#[tokio::test]
async fn null_and_empty_lists_are_no_value() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let made = acme
        .post("/Users", json!({ "userName": "ada", "title": null, "emails": [], "name": {}, ENTERPRISE: null, "roles": [] }))
        .await
        .check(201);
    for name in ["title", "emails", "name", ENTERPRISE, "roles"] {
        assert!(made.json().get(name).is_none(), "{name}");
    }
    let path = format!("/Users/{}", made.id());
    let full = json!({ "userName": "ada", "title": "x", "emails": [{ "value": "a@x" }], "externalId": "7" });
    acme.put(&path, full).await.check(200);
    let put = acme
        .put(&path, json!({ "userName": "ada", "title": null, "emails": null, "externalId": null }))
        .await;
    let put = put.check(200).json();
    for name in ["title", "emails", "externalId"] {
        assert!(put.get(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_put_takes_away_what_it_does_not_mention_and_keeps_what_is_not_its_to_say() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let made = acme
        .post(
            "/Users",
            json!({ "userName": "ada", "title": "x", "nickName": "y", "active": false, "externalId": "7" }),
        )
        .await
        .check(201);
    let path = format!("/Users/{}", made.id());
    let put = acme.put(&path, json!({ "userName": "ADA", "nickName": "z" })).await.check(200).json();
    assert_eq!((put["userName"].as_str(), put["nickName"].as_str()), (Some("ADA"), Some("z")));
    assert!(put.get("title").is_none() && put.get("externalId").is_none(), "{put}");
    acme.put("/Users/nobody", user("x")).await.check(404);
    acme.make("/Users", user("bob")).await;
    let body = acme.put(&path, user("Bob")).await.check(409).json();
    assert_eq!(body["scimType"], "uniqueness");
}

#[tokio::test]
async fn names_are_spelled_as_in_the_schema_whatever_their_case() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let made = acme
        .post("/Users", json!({ "USERNAME": "ada", "Name": { "GIVENNAME": "Ada" }, "eMails": [{ "VALUE": "a@x", "Primary": true }] }))
        .await
        .check(201)
        .json();
    assert_eq!(made["userName"], "ada");
    assert_eq!(made["name"], json!({ "givenName": "Ada" }));
    assert_eq!(made["emails"], json!([{ "value": "a@x", "primary": true }]));
    refused(
        acme.post("/Users", json!({ "userName": "a", "USERNAME": "b" })).await,
        "invalidSyntax",
        "userName",
    );
}

#[tokio::test]
async fn values_must_be_what_the_schema_says() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    for (body, named) in [
        (json!({ "displayName": "x" }), "userName"),
        (json!({ "userName": "" }), "userName"),
        (json!({ "userName": "  " }), "userName"),
        (json!({ "userName": null }), "userName"),
        (json!({ "userName": ["a", "b"] }), "userName"),
        (json!({ "userName": { "value": "a" } }), "userName"),
        (json!({ "userName": "x", "active": "perhaps" }), "active"),
        (json!({ "userName": "x", "active": 7 }), "active"),
        (json!({ "userName": "x", "name": "Ada" }), "name"),
        (json!({ "userName": "x", "name": { "givenName": ["A", "B"] } }), "name.givenName"),
        (json!({ "userName": "x", "emails": [5] }), "emails"),
        (json!({ "userName": "x", "emails": [{ "value": { "is": "x" } }] }), "emails.value"),
        (json!({ "userName": "x", "emails": [{ "value": "a@x", "primary": "perhaps" }] }), "emails.primary"),
        (
            json!({ "userName": "x", "x509Certificates": [{ "value": "not base64!" }] }),
            "x509Certificates.value",
        ),
        (json!({ "userName": "x", ENTERPRISE: "engines" }), ENTERPRISE),
        (json!({ "userName": "x", ENTERPRISE: { "department": [1, 2] } }), "department"),
        (json!({ "userName": "x", "title": "t".repeat(70_000) }), "title"),
        (json!({ "userName": "u".repeat(600) }), "userName"),
        (json!({ "userName": "x", "externalId": "e".repeat(300) }), "externalId"),
        (json!({ "userName": "x", "emails": vec![json!({ "value": "a@x" }); 1_001] }), "emails"),
    ] {
        refused(acme.post("/Users", body).await, "invalidValue", named);
    }
    assert_eq!(acme.find("/Users", "userName pr").await.len(), 0);
    let two = json!({ "userName": "x", "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": true }] });
    refused(acme.post("/Users", two).await, "invalidValue", "primary");
}

#[tokio::test]
async fn a_group_needs_a_name() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    refused(acme.post("/Groups", json!({ "members": [] })).await, "invalidValue", "displayName");
    // Two groups may have the same name (RFC 7643 §4.2 does not make it unique).
    acme.make("/Groups", json!({ "displayName": "crew" })).await;
    acme.make("/Groups", json!({ "displayName": "crew" })).await;
    refused(
        acme.post("/Groups", json!({ "displayName": "x", "members": [{ "display": "y" }] })).await,
        "invalidValue",
        "members",
    );
}

async fn raw(caller: &Caller, body: &[u8], media_type: &str) -> Answer {
    caller.send_bytes(Method::POST, "/Users", Some(body.to_vec()), media_type).await
}

#[tokio::test]
async fn the_content_type_is_scim_or_json() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    for (n, media_type) in [
        "application/scim+json",
        "application/json",
        "application/scim+json; charset=utf-8",
        "application/json;charset=UTF-8",
        "APPLICATION/SCIM+JSON",
        "application/json ; x=y",
    ]
    .iter()
    .enumerate()
    {
        let body = user(&format!("u{n}")).to_string();
        let made = raw(&acme, body.as_bytes(), media_type).await.check(201);
        assert_eq!(made.header("content-type"), Some("application/scim+json"), "{media_type}");
    }
    for media_type in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "json",
        "",
    ] {
        let body = user("nobody").to_string();
        let answer = raw(&acme, body.as_bytes(), media_type).await.check(415);
        assert_eq!(answer.header("content-type"), Some("application/scim+json"));
        assert_eq!(answer.json()["status"], "415", "{media_type}");
    }
    for accept in ["application/scim+json", "application/json", "*/*", "text/html"] {
        acme.with("accept", accept).get("/Users").await.check(200);
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_with_the_place() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let deep = format!("{{\"userName\":\"x\",\"emails\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let bomb = "[".repeat(1_000_000);
    for (body, named) in [
        ("{\"userName\": \"x\",\n  oops}", "line 2 column 3"),
        ("{\"userName\": \"x\"", "line 1 column 16"),
        ("{\"userName\": \"x\",}", "line 1 column 18"),
        ("{\"userName\": \"\u{1}\"}", "line 1"),
        ("{\"userName\": \"\\ud800\"}", "line 1"),
        ("{} {}", "line 1 column 4"),
        ("{\"userName\": \"x\", \"title\": 1e999}", "line 1"),
        ("", "empty"),
        ("   \n", "empty"),
        ("[]", "object"),
        ("\"x\"", "object"),
        ("null", "object"),
        ("5", "object"),
        (deep.as_str(), "deep"),
        (bomb.as_str(), "deep"),
    ] {
        refused(raw(&acme, body.as_bytes(), "application/scim+json").await, "invalidSyntax", named);
    }
    refused(
        raw(&acme, b"{\"userName\": \"\xff\"}", "application/scim+json").await,
        "invalidSyntax",
        "line 1",
    );
    let none = acme.send(Method::POST, "/Users", None).await;
    refused(none, "invalidSyntax", "empty");
    // A byte order mark is no fault (RFC 8259 §8.1).
    raw(&acme, "\u{feff}{\"userName\": \"bom\"}".as_bytes(), "application/scim+json").await.check(201);
    let twice = br#"{"userName": "a", "title": "x", "userName": "b"}"#;
    refused(raw(&acme, twice, "application/scim+json").await, "invalidSyntax", "userName");
    let twice = br#"{"userName": "a", "name": {"givenName": "x", "givenName": "y"}}"#;
    refused(raw(&acme, twice, "application/scim+json").await, "invalidSyntax", "givenName");
}

#[tokio::test]
async fn text_of_every_script_comes_back_as_it_went() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let names = ["Zoë", "عمر", "李小龍", "😀", "a\"b\\c/d\u{7f}\u{2028}", "tab\tnew\nline"];
    for (at, name) in names.into_iter().enumerate() {
        let made = acme.post("/Users", json!({ "userName": format!("u{at}"), "displayName": name })).await;
        let made = made.check(201);
        let shown = acme.get(&format!("/Users/{}", made.id())).await.check(200).json();
        assert_eq!((&shown["displayName"], &made.json()["displayName"]), (&json!(name), &json!(name)));
        let found = acme.find("/Users", &format!("displayName eq {}", Value::from(name))).await;
        assert_eq!(found, [made.id()]);
    }
}

#[tokio::test]
async fn an_external_id_belongs_to_its_connection() {
    let world = World::new().await;
    let (acme, other) = (world.provider("acme").await, world.provider("acme").await);
    let ada = acme.make("/Users", json!({ "userName": "ada", "externalId": "7" })).await;
    let body = acme.post("/Users", json!({ "userName": "bob", "externalId": "7" })).await.check(409).json();
    assert_eq!(body["scimType"], "uniqueness");
    assert!(body["detail"].as_str().unwrap().contains("externalId"), "{body}");
    other.make("/Users", json!({ "userName": "bob", "externalId": "7" })).await;
    let seen = other.get(&format!("/Users/{ada}")).await.check(200).json();
    assert!(seen.get("externalId").is_none());
    let put =
        other.put(&format!("/Users/{ada}"), json!({ "userName": "ada", "externalId": "8" })).await.check(200);
    assert_eq!(put.json()["externalId"], "8");
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.check(200).json()["externalId"], "7");
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_and_so_is_a_name_nobody_can_read() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    for (body, named) in [
        (json!({ "userName": true }), "userName"),
        (json!({ "userName": "ada", "title": {} }), "title"),
        (json!({ "userName": "ada", "active": "perhaps" }), "active"),
        (json!({ "userName": "ada", "name": "Ada" }), "name"),
        (json!({ "userName": "a\u{0}da" }), "userName"),
        (json!({ "userName": "ada\n" }), "userName"),
    ] {
        let answer = acme.post("/Users", body).await.check(400).json();
        assert_eq!(answer["scimType"], "invalidValue");
        assert!(answer["detail"].as_str().unwrap().contains(named), "{answer}");
    }
    assert_eq!(acme.get("/Users").await.check(200).json()["totalResults"], 0);
}

#[tokio::test]
async fn a_list_of_attributes_may_come_in_parts() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let id = acme.make("/Users", json!({ "userName": "ada", "title": "Dr", "nickName": "A" })).await;
    let shown =
        acme.get(&format!("/Users/{id}?attributes=userName&attributes=title")).await.check(200).json();
    assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), ["schemas", "id", "userName", "title"]);
}

#[tokio::test]
async fn a_body_that_is_encoded_is_refused() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    for (encoding, status) in
        [("gzip", 415), ("identity", 201), ("Identity", 409), ("identity, br", 415), ("", 409)]
    {
        let answer = acme.with("content-encoding", encoding).post("/Users", user("ada")).await.check(status);
        // RFC 9110 §15.5.16: the answer says which encodings would do.
        let accepted = answer.header("accept-encoding");
        assert_eq!(accepted, (status == 415).then_some("identity"), "{encoding}");
    }
    // Also where several headers say it, and where nobody speaks SCIM.
    let twice = acme.with("content-encoding", "identity").with("content-encoding", "gzip");
    twice.post("/Users", user("bob")).await.check(415);
    let admin = world.admin("acme").await.with("content-encoding", "deflate");
    admin.send(Method::POST, "!/v1/schemas", Some(json!({}))).await.check(415);
}
