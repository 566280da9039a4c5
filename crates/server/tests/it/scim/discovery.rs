//! What the server says of itself (RFC 7644 §4), and that it is true.

use std::collections::BTreeMap;

use expect_test::expect;
use serde_json::{Value, json};

use crate::world::{Caller, World, encoded, group};

const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";

#[tokio::test]
async fn the_configuration_announces_everything_with_the_block_of_rfc_9865() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    acme.get("/ServiceProviderConfig").await.snapshot(expect![[r#"
        200 OK
        content-type: application/scim+json
        {
          "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
          ],
          "patch": {
            "supported": true
          },
          "bulk": {
            "supported": true,
            "maxOperations": 1000,
            "maxPayloadSize": 8388608
          },
          "filter": {
            "supported": true,
            "maxResults": 1000
          },
          "changePassword": {
            "supported": true
          },
          "sort": {
            "supported": true
          },
          "etag": {
            "supported": true
          },
          "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": 100,
            "maxPageSize": 1000,
            "cursorTimeout": 3600
          },
          "authenticationSchemes": [
            {
              "type": "oauthbearertoken",
              "name": "Bearer token",
              "description": "An opaque token sent as `Authorization: Bearer …`, made for one connection and revocable at once",
              "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
              "primary": true
            }
          ],
          "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": "https://id.example/acme/scim/ServiceProviderConfig"
          }
        }"#]]);
}

#[tokio::test]
async fn resource_types_and_schemas_are_found_one_by_one_and_together() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    acme.get("/ResourceTypes/User").await.snapshot(expect![[r#"
        200 OK
        content-type: application/scim+json
        {
          "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
          ],
          "id": "User",
          "name": "User",
          "endpoint": "/Users",
          "description": "People and services that can sign in",
          "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
          "schemaExtensions": [
            {
              "schema": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
              "required": false
            },
            {
              "schema": "urn:ietf:params:scim:schemas:extension:custom:2.0:User",
              "required": false
            }
          ],
          "meta": {
            "resourceType": "ResourceType",
            "location": "https://id.example/acme/scim/ResourceTypes/User"
          }
        }"#]]);
    for endpoint in ["/ResourceTypes", "/Schemas"] {
        let all = acme.get(endpoint).await.check(200).json();
        let resources = all["Resources"].as_array().unwrap();
        assert_eq!(all["totalResults"], resources.len());
        assert_eq!(all["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
        for one in resources {
            let id = one["id"].as_str().unwrap();
            let path = format!("{endpoint}/{id}");
            assert_eq!(acme.get(&path).await.check(200).json(), *one);
            assert_eq!(acme.get(&format!("{endpoint}/{}", encoded(id))).await.check(200).json(), *one);
            assert_eq!(one["meta"]["location"], format!("https://id.example/acme/scim{path}"));
            assert!(one["schemas"].is_array(), "{one}");
        }
        acme.get(&format!("{endpoint}/nonsense")).await.check(404);
    }
    // What a resource type names is there.
    for kind in acme.get("/ResourceTypes").await.json()["Resources"].as_array().unwrap() {
        acme.get(kind["endpoint"].as_str().unwrap()).await.check(200);
        let extensions = kind["schemaExtensions"].as_array().cloned().unwrap_or_default();
        let named = extensions.iter().map(|e| &e["schema"]).chain([&kind["schema"]]);
        for schema in named {
            acme.get(&format!("/Schemas/{}", schema.as_str().unwrap())).await.check(200);
        }
    }
}

#[tokio::test]
async fn discovery_cannot_be_filtered_changed_or_had_without_a_token() {
    let world = World::new().await;
    let (acme, globex) = (world.provider("acme").await, world.provider("globex").await);
    for endpoint in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        let filtered = acme.get(&format!("{endpoint}?filter=id%20pr")).await.check(403);
        assert_eq!(filtered.json()["status"], "403");
        assert_eq!(filtered.header("www-authenticate"), None, "another token would not help");
        for answer in [
            acme.post(endpoint, json!({})).await,
            acme.put(endpoint, json!({})).await,
            acme.patch(endpoint, json!({})).await,
            acme.delete(endpoint).await,
        ] {
            assert_eq!(answer.clone().check(405).header("allow"), Some("GET,HEAD"), "{answer:?}");
        }
        world.nobody("acme").get(endpoint).await.check(401);
        globex.at("/acme/scim").get(endpoint).await.check(401);
        assert_eq!(acme.get(&format!("{endpoint}?startIndex=1&count=1")).await.check(200).status, 200);
    }
}

/// Something that each kind may refer to, by its name.
async fn targets(acme: &Caller) -> BTreeMap<&'static str, String> {
    let action = acme.make("/Actions", json!({ "name": "a" })).await;
    let sort = acme.make("/Resource-Types", json!({ "name": "t", "actions": [action] })).await;
    let thing = acme.make("/Resources", json!({ "name": "r", "type": sort })).await;
    let statements = json!([{ "actions": [action], "resource": thing }]);
    let permission = acme.make("/Permissions", json!({ "name": "p", "statements": statements })).await;
    BTreeMap::from([
        ("Action", action),
        ("Resource-Type", sort),
        ("Resource", thing),
        ("Permission", permission),
    ])
}

/// A value for every attribute that a client may set.
fn filled(attributes: &Value, targets: &BTreeMap<&str, String>) -> Value {
    let mut out = json!({});
    for attribute in attributes.as_array().unwrap() {
        if attribute["mutability"] == "readOnly" || attribute["name"] == "members" {
            continue;
        }
        let value = match attribute["type"].as_str().unwrap() {
            "boolean" => json!(true),
            "binary" => json!("TUlJQg=="),
            "reference" => json!("https://example.org/x"),
            "integer" => json!(7),
            "decimal" => json!(7.5),
            "dateTime" => json!("2026-01-02T03:04:05Z"),
            "complex" => match attribute["subAttributes"].as_array().map(Vec::len) {
                None | Some(0) => json!({ "key": "value" }),
                Some(_) => {
                    match attribute.pointer("/subAttributes/1/referenceTypes/0").and_then(Value::as_str) {
                        Some(kind) if targets.contains_key(kind) => json!({ "value": targets[kind] }),
                        _ => filled(&attribute["subAttributes"], targets),
                    }
                }
            },
            _ => attribute["canonicalValues"].get(0).cloned().unwrap_or_else(|| json!("text")),
        };
        let name = attribute["name"].as_str().unwrap();
        out[name] = if attribute["multiValued"] == true { json!([value]) } else { value };
    }
    out
}

/// Sees that a value has the shape that its description says, and nothing else.
fn described(value: &Value, attribute: &Value, at: &str) {
    let single = match (attribute["multiValued"] == true, value) {
        (true, Value::Array(items)) => items.first().unwrap(),
        (false, value) => value,
        (true, _) => panic!("{at} is not a list: {value}"),
    };
    match attribute["type"].as_str().unwrap() {
        "boolean" => assert!(single.is_boolean(), "{at}"),
        "integer" | "decimal" => assert!(single.is_number(), "{at}"),
        "complex" => {
            let parts = attribute["subAttributes"].as_array().cloned().unwrap_or_default();
            if parts.is_empty() {
                return;
            }
            for (name, value) in single.as_object().unwrap() {
                let part = parts.iter().find(|p| p["name"] == name.as_str());
                described(
                    value,
                    part.unwrap_or_else(|| panic!("{at}.{name} is not described")),
                    &format!("{at}.{name}"),
                );
            }
        }
        _ => assert!(single.is_string(), "{at}"),
    }
}

#[tokio::test]
async fn every_attribute_of_a_full_resource_is_described_and_every_description_is_true() {
    let world = World::new().await;
    let acme = world.provider("acme").await.with("Accept", "application/scim+json");
    let targets = targets(&acme).await;
    let all = acme.get("/Schemas").await.check(200).json();
    let schemas: BTreeMap<&str, &Value> = all["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["id"].as_str().unwrap(), &s["attributes"]))
        .collect();
    for kind in acme.get("/ResourceTypes").await.check(200).json()["Resources"].as_array().unwrap() {
        let core = schemas[kind["schema"].as_str().unwrap()];
        let extensions: Vec<&str> = kind["schemaExtensions"]
            .as_array()
            .map(|list| list.iter().map(|e| e["schema"].as_str().unwrap()).collect())
            .unwrap_or_default();
        let mut body = filled(core, &targets);
        for urn in &extensions {
            body[*urn] = filled(schemas[urn], &targets);
        }
        if extensions.contains(&CUSTOM) {
            body[CUSTOM]["generatePassword"] = json!(false);
        }
        let endpoint = kind["endpoint"].as_str().unwrap();
        let made = acme.make(endpoint, body.clone()).await;
        if ["/Users", "/Groups"].contains(&endpoint) {
            acme.make("/Groups", group("all", &[&made])).await;
            acme.make("/Roles", json!({ "name": endpoint, "members": [{ "value": made }] })).await;
        }
        let shown = acme.get(&format!("{endpoint}/{made}")).await.check(200).json();
        // Everything that is shown is described …
        for (name, value) in shown.as_object().unwrap() {
            if ["schemas", "id", "externalId", "meta"].contains(&name.as_str()) {
                continue;
            }
            let (list, values) = match schemas.get(name.as_str()) {
                Some(schema) => (*schema, value.clone()),
                None => (core, json!({ name: value })),
            };
            for (name, value) in values.as_object().unwrap() {
                let attribute = list.as_array().unwrap().iter().find(|a| a["name"] == name.as_str());
                described(value, attribute.unwrap_or_else(|| panic!("{name} is not described")), name);
            }
        }
        // … and everything that is described is shown, unless it is never returned.
        for (schema, object) in
            std::iter::once((core, &shown)).chain(extensions.iter().map(|e| (schemas[e], &shown[*e])))
        {
            for attribute in schema.as_array().unwrap() {
                let name = attribute["name"].as_str().unwrap();
                let expected = attribute["returned"] != "never" && name != "members";
                assert!(
                    !expected || object.get(name).is_some() || body.get(name).is_none(),
                    "{endpoint} lacks {name}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_the_descriptions_say_of_single_attributes() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let all = acme.get("/Schemas").await.check(200).json();
    let mut told = String::new();
    for schema in all["Resources"].as_array().unwrap() {
        for attribute in schema["attributes"].as_array().unwrap() {
            let subs = attribute["subAttributes"].as_array().cloned().unwrap_or_default();
            for (prefix, one) in std::iter::once((String::new(), attribute.clone()))
                .chain(subs.into_iter().map(|s| (format!("{}.", attribute["name"].as_str().unwrap()), s)))
            {
                for member in [
                    "name",
                    "type",
                    "multiValued",
                    "required",
                    "mutability",
                    "returned",
                    "uniqueness",
                    "description",
                ] {
                    assert!(one.get(member).is_some(), "{member} of {one}");
                }
                let unusual = [("mutability", "readWrite"), ("returned", "default"), ("uniqueness", "none")];
                let mut words: Vec<String> = unusual
                    .iter()
                    .filter(|(member, usual)| one[*member] != **usual)
                    .map(|(member, _)| one[*member].as_str().unwrap().to_owned())
                    .collect();
                if one["required"] == true {
                    words.push("required".to_owned());
                }
                if !words.is_empty() {
                    told += &format!("{prefix}{} {}\n", one["name"].as_str().unwrap(), words.join(" "));
                }
            }
        }
    }
    expect![[r#"
        userName server required
        password writeOnly never
        groups readOnly
        groups.value readOnly
        groups.$ref readOnly
        groups.display readOnly
        groups.type readOnly
        roles.$ref readOnly
        manager.displayName readOnly
        displayName required
        members.value immutable
        members.$ref immutable
        members.type immutable
        members.display readOnly request
        roles readOnly
        roles.value readOnly
        roles.$ref readOnly
        roles.type readOnly
        roles.display readOnly
        name required
        created_at readOnly
        groups readOnly
        groups.value readOnly
        groups.$ref readOnly
        groups.display readOnly
        groups.type readOnly
        roles readOnly
        roles.value readOnly
        roles.$ref readOnly
        roles.type readOnly
        roles.display readOnly
        name server required
        created_at readOnly
        name server required
        slug server
        actions required
        actions.value required
        actions.$ref required
        resources readOnly
        resources.value readOnly
        resources.$ref readOnly
        resources.display readOnly
        created_at readOnly
        name required
        slug server
        type required
        type.value required
        type.$ref required
        created_at readOnly
        name server required
        statements required
        statements.actions required
        statements.resource required
        created_at readOnly
        name server required
        permissions.value required
        permissions.$ref required
        statements.actions required
        statements.resource required
        members.value immutable
        members.$ref immutable
        members.type immutable
        members.display readOnly request
        member_count readOnly
        created_at readOnly
        subject required
        scope required
        action required
        created_at readOnly
    "#]]
    .assert_eq(&told);
}
