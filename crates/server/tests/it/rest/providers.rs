//! Identity providers: four types, every verb, and no secret that comes out again.

use expect_test::expect;
use serde_json::{Value, json};

use super::{Api, new_token, provider};
use crate::world::World;

const TYPES: [&str; 4] = ["azuread", "custom", "google", "signicat"];

fn changed(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Value::Null => drop(parent.shift_remove(name)),
        value => drop(parent.insert(name.to_owned(), value)),
    }
    body
}

#[tokio::test]
async fn a_provider_of_each_type_is_made_shown_replaced_and_removed() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    for (at, kind) in TYPES.into_iter().enumerate() {
        let made = api.post(&format!("/sso/{kind}"), provider(kind)).await.check(201).json();
        let mut expected = changed(provider(kind), "/properties/clientSecret", Value::Null);
        for (name, value) in
            [("provider", json!(kind)), ("hasClientSecret", json!(true)), ("id", made["id"].clone())]
        {
            expected[name] = value;
        }
        assert_eq!(made, expected);
        let path = format!("/sso/{kind}/{}", made["id"].as_str().unwrap());
        assert_eq!(api.get(&path).await.check(200).json(), made);
        assert_eq!(api.get("/sso").await.check(200).json()["totalCount"], at + 1);
        let list = api.get(&format!("/sso/{kind}")).await.check(200).json();
        assert_eq!(list, json!({ "providers": [made], "totalCount": 1 }));
        // Without a secret in it, a replacement keeps the one there is.
        let renamed = changed(provider(kind), "/displayName", json!("Another"));
        let renamed = changed(renamed, "/properties/clientSecret", Value::Null);
        let replaced = api.put(&path, renamed).await.check(200).json();
        assert_eq!(
            (&replaced["displayName"], &replaced["hasClientSecret"]),
            (&json!("Another"), &json!(true))
        );
        assert_eq!(api.get(&path).await.json(), replaced);
        let elsewhere = path.replace(kind, TYPES[(at + 1) % TYPES.len()]);
        api.get(&elsewhere).await.check(404);
        api.put(&elsewhere, provider(kind)).await.check(404);
        api.delete(&elsewhere).await.check(404);
    }
    for kind in TYPES {
        let list = api.get(&format!("/sso/{kind}")).await.json();
        let path = format!("/sso/{kind}/{}", list["providers"][0]["id"].as_str().unwrap());
        api.delete(&path).await.check(204);
        api.get(&path).await.check(404);
        api.delete(&path).await.check(404);
    }
    assert_eq!(api.get("/sso").await.json(), json!({ "providers": [], "totalCount": 0 }));
}

#[tokio::test]
async fn what_is_not_said_is_what_is_safe() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let least = json!({ "scheme": "okta", "displayName": "Okta",
        "properties": { "clientId": "durward", "authority": "https://okta.example" } });
    let made = api.post("/sso/custom", least).await.check(201).json();
    expect![[r#"
        {
          "loginEnabled": true,
          "visible": true,
          "delegationEnabled": false,
          "autoProvisioningEnabled": false,
          "clientId": "durward",
          "usePkce": true,
          "authority": "https://okta.example",
          "responseType": "code",
          "scope": "openid profile email"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&made["properties"]).unwrap());
    assert_eq!(
        (&made["enabled"], &made["type"], &made["hasClientSecret"]),
        (&json!(true), &json!("oidc"), &json!(false))
    );
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let made = api.post("/sso/google", provider("google")).await.check(201);
    let path = format!("/sso/google/{}", made.id());
    let replaced = api.put(&path, provider("google")).await.check(200);
    let refused = api.post("/sso/google", changed(provider("g"), "/type", json!("saml"))).await.check(400);
    let shown =
        [made, replaced, refused, api.get(&path).await, api.get("/sso").await, api.get("/sso/google").await];
    for answer in shown {
        assert!(!answer.text.contains("hush-hush"), "{}: {}", answer.asked, answer.text);
        assert!(!answer.text.contains("clientSecret"), "{}: {}", answer.asked, answer.text);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    for (kind, pointer, value, named) in [
        ("google", "/scheme", Value::Null, "scheme"),
        ("google", "/scheme", json!("two words"), "scheme"),
        ("google", "/scheme", json!(""), "scheme"),
        ("google", "/displayName", json!(" "), "displayName"),
        ("google", "/type", json!("saml"), "type"),
        ("google", "/enabled", json!("yes"), "`enabled` must be `true` or `false`"),
        ("google", "/colour", json!(1), "colour"),
        (
            "google",
            "/properties/usePkc",
            json!(1),
            "`properties.usePkc` is not known here; did you mean `usePkce`?",
        ),
        ("google", "/properties/clientId", json!(""), "properties.clientId"),
        ("google", "/properties/clientId", Value::Null, "`properties.clientId` is required"),
        ("google", "/properties/authority", json!("http://login.example"), "properties.authority"),
        ("google", "/properties/authority", json!("http://localhost.evil.example"), "properties.authority"),
        ("google", "/properties/authority", json!("https://"), "properties.authority"),
        ("google", "/properties/verifyEnabled", json!(true), "properties.verifyEnabled"),
        (
            "azuread",
            "/properties/getClaimsFromUserInfoEndpoint",
            json!(true),
            "getClaimsFromUserInfoEndpoint",
        ),
        ("azuread", "/properties/nameClaimType", json!("name"), "properties.nameClaimType"),
        ("signicat", "/properties/subjectClaimType", json!("sub"), "properties.subjectClaimType"),
    ] {
        let body = changed(provider("g"), pointer, value.clone());
        let detail = api.refused(400, &format!("/sso/{kind}"), body).await;
        assert!(detail.contains(named), "{pointer} {value}: {detail}");
    }
    api.post("/sso/saml", provider("g")).await.check(404);
    api.get("/sso/saml").await.check(404);
    assert_eq!(api.get("/sso").await.json()["totalCount"], 0);
    for claim in ["nameClaimType", "emailClaimType", "phoneNumberClaimType", "subjectClaimType"] {
        for kind in ["google", "custom"] {
            let body = changed(
                provider(&format!("{kind}-{claim}")),
                &format!("/properties/{claim}"),
                json!("claim"),
            );
            let made = api.post(&format!("/sso/{kind}"), body).await.check(201).json();
            assert_eq!(made["properties"][claim], "claim");
        }
    }
    for authority in [
        "https://user:pw@h/",
        "https://user@h",
        "https://h/?x=1",
        "https://h?x=1",
        "https://h/#f",
        "https://h:99999",
        "https://.",
        "https://a..b/",
        "https:///path",
        "https://h/a b",
        "http://user@localhost/",
        "http://localhost:x",
        "login.example",
    ] {
        let body = changed(provider("a"), "/properties/authority", json!(authority));
        let detail = api.refused(400, "/sso/custom", body).await;
        assert!(detail.contains("`properties.authority`"), "{authority}: {detail}");
    }
    for (name, wrong) in [
        ("responseType", ["", "foo", "code code", "code  token"]),
        ("scope", ["", " ", "profile", "openid2"]),
    ] {
        for value in wrong {
            let body = changed(provider("a"), &format!("/properties/{name}"), json!(value));
            let detail = api.refused(400, "/sso/custom", body).await;
            assert!(detail.contains(&format!("`properties.{name}`")), "{value}: {detail}");
        }
    }
    for (name, value) in [
        ("authority", "HTTPS://[2001:db8::1]:8443/realms/x"),
        ("responseType", "code id_token"),
        ("scope", "email openid"),
    ] {
        let body = changed(provider(name), &format!("/properties/{name}"), json!(value));
        api.post("/sso/custom", body).await.check(201);
    }
    let local = changed(provider("local"), "/properties/authority", json!("http://localhost:8080/realms/x"));
    api.post("/sso/custom", local).await.check(201);
}

#[tokio::test]
async fn a_string_of_a_provider_has_a_limit() {
    use iam::limits::STRING_BYTES_MAX;
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    for name in ["clientSecret", "clientId", "scope", "authority", "nameClaimType"] {
        let filled = |bytes: usize| {
            let begun = match name {
                "scope" => "openid ",
                "authority" => "https://h/",
                _ => "",
            };
            let text = format!("{begun}{}", "a".repeat(bytes - begun.len()));
            changed(provider(name), &format!("/properties/{name}"), json!(text))
        };
        let detail = api.refused(400, "/sso/custom", filled(STRING_BYTES_MAX + 1)).await;
        assert_eq!(detail, format!("`properties.{name}` is longer than {STRING_BYTES_MAX} bytes"));
        api.post("/sso/custom", filled(STRING_BYTES_MAX)).await.check(201);
    }
}

#[tokio::test]
async fn a_scheme_is_unique_in_its_tenant_whatever_its_case_and_type() {
    let world = World::new().await;
    let (api, other) = (Api::admin(&world, "acme").await, Api::admin(&world, "globex").await);
    let id = api.post("/sso/google", provider("login")).await.check(201).id();
    api.post("/sso/azuread", provider("LOGIN")).await.snapshot(expect![[r#"
        409 Conflict
        content-type: application/problem+json
        {
          "type": "about:blank",
          "title": "Conflict",
          "status": 409,
          "detail": "`scheme` is already taken"
        }"#]]);
    other.post("/sso/azuread", provider("login")).await.check(201);
    let second = api.post("/sso/google", provider("second")).await.check(201).id();
    api.put(&format!("/sso/google/{second}"), provider("login")).await.check(409);
    api.put(&format!("/sso/google/{id}"), provider("third")).await.check(200);
    api.put(&format!("/sso/google/{second}"), provider("login")).await.check(200);
}

#[tokio::test]
async fn a_provider_with_a_token_is_neither_removed_nor_renamed() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let path = format!("/sso/google/{}", api.post("/sso/google", provider("login")).await.check(201).id());
    let token = api.post("/scim", new_token("Login")).await.check(200).id();
    let answer = api.delete(&path).await.check(409).json();
    let detail = answer["detail"].as_str().unwrap();
    assert!(detail.contains(&token) && detail.contains("revoke it first"), "{detail}");
    api.put(&path, provider("other")).await.check(409);
    api.put(&path, provider("LOGIN")).await.check(409);
    api.put(&path, changed(provider("login"), "/displayName", json!("Renamed"))).await.check(200);
    api.delete(&format!("/scim/{token}")).await.check(204);
    api.put(&path, provider("other")).await.check(200);
    api.delete(&path).await.check(204);
}

#[tokio::test]
async fn an_answer_can_be_sent_back() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let made = api.post("/sso/custom", provider("login")).await.check(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let path = format!("/sso/custom/{}", made.id());
    assert_eq!(api.put(&path, made.json()).await.check(200).json(), made.json());
}

#[tokio::test]
async fn a_token_that_has_ended_holds_no_provider() {
    let world = World::new().await;
    let api = Api::admin(&world, "acme").await;
    let path = format!("/sso/google/{}", api.post("/sso/google", provider("login")).await.check(201).id());
    let mut token = new_token("login");
    token["expiresInDays"] = json!(1);
    api.post("/scim", token).await.check(200);
    api.delete(&path).await.check(409);
    world.pass(std::time::Duration::from_secs(86_401));
    api.delete(&path).await.check(204);
}
