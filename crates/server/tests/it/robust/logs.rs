//! What the logs never say, however much they are asked to say.

use std::fs::File;

use serde_json::json;
use tempfile::TempDir;

use super::process::{Server, Wire, token};

#[test]
fn logs_hold_no_token_no_password_and_no_body() {
    let folder = TempDir::new().unwrap();
    let data = folder.path();
    let log = data.join("log");
    let server = Server::start(data, "trace", File::create(&log).unwrap().into());
    let token = token(data, "default");
    let wrong = format!("{}x", &token[..token.len() - 1]);
    let mut wire = Wire::open(server.address).unwrap();
    let mut ask = |method: &str, path: &str, token: &str, body: &str| {
        let path = format!("/default/scim{path}");
        let (status, answer) = wire.ask(method, &path, Some(token), Some(body)).unwrap();
        (status, answer)
    };
    let ada = json!({ "userName": "userName-in-a-body", "password": "password-in-a-body" }).to_string();
    let (status, made) = ask("POST", "/Users", &token, &ada);
    assert_eq!(status, 201, "{made}");
    let id = serde_json::from_str::<serde_json::Value>(&made).unwrap()["id"].as_str().unwrap().to_owned();
    let change =
        json!({ "Operations": [{ "op": "replace", "path": "password", "value": "password-in-a-patch" }] });
    assert_eq!(ask("PATCH", &format!("/Users/{id}"), &token, &change.to_string()).0, 200);
    assert_eq!(ask("POST", "/Users", &token, &ada).0, 409);
    assert_eq!(ask("POST", "/Users", &token, r#"{"password":"password-in-bad-json",}"#).0, 400);
    assert_eq!(ask("POST", "/Users", &token, r#"{"userName":"a","active":"word-in-a-body"}"#).0, 400);
    assert_eq!(ask("POST", "/Users", &wrong, &ada).0, 401);
    let made = r#"{"userName":"m","urn:ietf:params:scim:schemas:extension:custom:2.0:User":{"generatePassword":true}}"#;
    let (status, made) = ask("POST", "/Users", &token, made);
    assert_eq!(status, 201, "{made}");
    let generated =
        serde_json::from_str::<serde_json::Value>(&made).unwrap()["password"].as_str().unwrap().to_owned();
    for (path, token) in [("/v1/scim/Nothing", &token), ("/nobody/scim/Users", &wrong)] {
        assert!(wire.ask("GET", path, Some(token), None).unwrap().0 >= 400, "{path}");
    }
    // Who asks is told the same each time; whoever runs the server sees what it was.
    let refused = [
        (Some(wrong.as_str()), "/default/scim/Users", "what was presented is no token of Durward's"),
        (Some(token.as_str()), "/nobody/scim/Users", "the token is of another tenant than the request names"),
        (None, "/default/scim/Users", "no bearer token was presented"),
    ];
    for (token, path, _) in refused {
        let (status, answer) = wire.ask("GET", path, token, None).unwrap();
        assert_eq!(status, 401, "{answer}");
        assert!(answer.contains("a valid bearer token is required"), "{answer}");
    }
    server.terminate();
    server.ended();

    let log = std::fs::read_to_string(&log).unwrap();
    // A refused request is its tenant's too, when that is known: by the token, or by the path.
    for status in ["status=400", "status=401", "status=404", "status=409"] {
        let mut lines = log.lines().filter(|line| line.contains(status) && line.contains("answered"));
        assert!(lines.any(|line| line.contains("tenant=\"default\"")), "{status}:\n{log}");
    }
    for (_, _, why) in refused {
        assert!(log.contains(&format!("why=\"{why}\"")), "{why}:\n{log}");
    }
    assert!(!log.contains("tenant=\"nobody\""), "a path may say anything");
    assert!(log.contains("DEBUG") && log.contains("status=201"), "too little is logged:\n{log}");
    for secret in [
        token.as_str(),
        &wrong,
        &token[8..],
        &generated,
        "userName-in-a-body",
        "password-in-a-body",
        "password-in-a-patch",
        "password-in-bad-json",
        "word-in-a-body",
        "$argon2id$",
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "`{secret}` is in the log");
    }
}
