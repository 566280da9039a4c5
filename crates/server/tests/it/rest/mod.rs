//! The administration API: tokens, identity providers, schemas, and the document that describes them.

mod actions;
mod groups;
mod openapi;
mod providers;
mod races;
mod roles;
pub(crate) mod schemas;
mod subjects;
mod tokens;

use http::Method;
use serde_json::{Value, json};

use crate::world::{Answer, Caller, World};

/// Somebody who asks `/v1` things. Every answer must be one that the OpenAPI document announces, and every refusal a
/// problem document.
pub(crate) struct Api(Caller);

impl Api {
    /// An administrator of that tenant.
    pub(crate) async fn admin(world: &World, tenant: &str) -> Self {
        Self::of(&world.admin(tenant).await)
    }

    pub(crate) fn of(caller: &Caller) -> Self {
        Self(caller.at("/v1"))
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let bytes = body.map(|body| body.to_string().into_bytes());
        let answer = self.0.send_bytes(method.clone(), path, bytes, "application/json").await;
        openapi::expect_announced(method.as_str(), &format!("/v1{path}"), &answer);
        if answer.status.is_client_error() || answer.status.is_server_error() {
            is_problem(&answer);
        }
        // A policy is not shown alone.
        if answer.status == http::StatusCode::CREATED && path != "/policies" {
            let location = answer.header("location").unwrap_or_default();
            let made = location.strip_prefix("https://id.example").unwrap_or_default();
            let found = self.0.get(&format!("!{made}")).await.check(200);
            assert_eq!(found.json(), answer.json(), "{}: {location}", answer.asked);
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// What is wrong with a request that must be refused with that status.
    pub(crate) async fn refused(&self, status: u16, path: &str, body: Value) -> String {
        let answer = self.post(path, body).await.check(status);
        answer.json()["detail"].as_str().unwrap().to_owned()
    }

    /// A caller with a token that this API makes for a provider.
    pub(crate) async fn connect(&self, scheme: &str) -> (String, Caller) {
        let made = self.post("/scim", new_token(scheme)).await.check(200).json();
        let caller = Caller { token: Some(made["token"].as_str().unwrap().to_owned()), ..self.0.clone() };
        (made["id"].as_str().unwrap().to_owned(), caller.at("/scim"))
    }
}

/// Sees that an answer is a problem document (RFC 9457) that says its own status.
#[track_caller]
pub(crate) fn is_problem(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.asked);
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16(), "{}", answer.asked);
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{}: {problem}", answer.asked);
    }
}

/// What asks for a token for that provider.
pub(crate) fn new_token(scheme: &str) -> Value {
    json!({ "provider": scheme, "providerDisplayName": format!("The {scheme}") })
}

/// What describes an identity provider.
pub(crate) fn provider(scheme: &str) -> Value {
    json!({
        "scheme": scheme,
        "displayName": format!("The {scheme}"),
        "enabled": true,
        "type": "oidc",
        "properties": {
            "loginEnabled": true, "visible": true, "delegationEnabled": false, "autoProvisioningEnabled": true,
            "clientId": "durward", "clientSecret": "hush-hush", "usePkce": true,
            "authority": "https://login.example/v2.0", "responseType": "code", "scope": "openid profile email",
        },
    })
}

/// A schema of one string attribute.
pub(crate) fn schema(urn: &str, attribute: &str) -> Value {
    json!({ "id": urn, "name": "Badge", "attributes": [string(attribute)] })
}

/// An attribute that is a string.
pub(crate) fn string(name: &str) -> Value {
    json!({ "name": name, "type": "string", "multiValued": false })
}
