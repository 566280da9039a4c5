//! The limits of what a tenant has: its name, tokens, identity providers, schemas and resource types.

use iam::cx::TokenKind;
use iam::limits::*;
use iam::token::Draft;
use serde_json::{Value, json};

use super::{acme, refused, rows, text, with};
use crate::rest::{new_token, provider, schema, string};
use crate::world::{OPERATOR, encoded};

#[tokio::test]
async fn names_of_tenants_tokens_and_providers() {
    let (world, caller) = acme().await;
    world.iam.create_tenant(OPERATOR, &text(TENANT_NAME_BYTES_MAX)).await.unwrap();
    let error = world.iam.create_tenant(OPERATOR, &text(TENANT_NAME_BYTES_MAX + 1)).await.unwrap_err();
    assert!(error.to_string().contains("at most 63"), "{error}");
    let post = |path: &str, body: Value| {
        let (caller, path) = (caller.clone(), format!("!/v1{path}"));
        async move { caller.post(&path, body).await }
    };
    let (most, over) = (text(NAME_BYTES_MAX), text(NAME_BYTES_MAX + 1));
    post("/sso/google", with(provider(&most), "displayName", &*most)).await.check(201);
    refused(post("/sso/google", provider(&over)).await, 400, None, "`scheme` is from 1 to 200");
    refused(
        post("/sso/google", with(provider("g"), "displayName", &*over)).await,
        400,
        None,
        "`displayName`",
    );
    let token = with(new_token(&most), "providerDisplayName", "x");
    for (name, body) in [("name", &token), ("providerDisplayName", &token)] {
        post("/scim", with(body.clone(), name, &*most)).await.check(200);
        refused(post("/scim", with(body.clone(), name, &*over)).await, 400, None, name);
    }
    let days = |days: u32| with(token.clone(), "expiresInDays", days);
    let id = post("/scim", days(TOKEN_DAYS_MAX)).await.check(200).id();
    refused(post("/scim", days(TOKEN_DAYS_MAX + 1)).await, 400, None, "from 1 to 3650 days");
    let actions = |many: usize| with(token.clone(), "actions", vec!["durward.users"; many]);
    post("/scim", actions(TOKEN_ACTIONS_MAX)).await.check(200);
    refused(post("/scim", actions(TOKEN_ACTIONS_MAX + 1)).await, 400, None, "at most 100 actions");
    let rotate = format!("/scim/{id}/rotate");
    let overlap = |hours: u32| json!({ "overlapHours": hours });
    refused(post(&rotate, overlap(TOKEN_OVERLAP_HOURS_MAX + 1)).await, 400, None, "at most 720 hours");
    post(&rotate, overlap(TOKEN_OVERLAP_HOURS_MAX)).await.check(200);
}

#[tokio::test]
async fn tokens_of_a_tenant() {
    let (world, caller) = acme().await;
    caller.post("!/v1/sso/google", provider("google")).await.check(201);
    let (info, _) = world.token("acme", Draft::new(TokenKind::Scim, "first")).await;
    let many = usize::try_from(TOKENS_MAX).unwrap() - 3;
    rows(
        &world,
        many,
        "insert into token (tenant, hash, id, connection, kind, mode, name, settings, created, created_by) \
        select {tenant}, {bytes}, 't' || n, 't' || n, 'scim', 'write', 'x', '{}', 1, 'test'",
    );
    caller.post("!/v1/scim", new_token("google")).await.check(200);
    let rotate = format!("!/v1/scim/{}/rotate", info.id);
    for (path, body) in [("!/v1/scim", new_token("google")), (rotate.as_str(), json!({}))] {
        refused(caller.post(path, body).await, 409, None, "the tenant has 10000 tokens already");
    }
    let listed = caller.get("!/v1/scim?pageSize=1").await.check(200).json();
    assert_eq!(listed["totalCount"], TOKENS_MAX - 1, "all but the administrator's");
}

#[tokio::test]
async fn identity_providers_of_a_tenant() {
    let (world, caller) = acme().await;
    let add = async |scheme: &str| caller.post("!/v1/sso/google", provider(scheme)).await;
    add("first").await.check(201);
    // What is counted is what counts: one more row would be no more than that.
    let most = PROVIDERS_MAX - 1;
    let set = format!("update counter set live = {most} where kind = 'IdentityProvider'");
    world.place.execute(&set);
    add("last").await.check(201);
    refused(add("over").await, 409, None, "has 1000 identity providers already");
}

#[tokio::test]
async fn schemas_of_a_tenant() {
    let (world, caller) = acme().await;
    let define = async |path: &str, body: Value| caller.post(&format!("!/v1/{path}"), body).await;
    let attributes = |many: usize| (0..many).map(|n| string(&format!("a{n}"))).collect::<Vec<_>>();
    let sized = |id: &str, many: usize| with(schema(id, "a"), "attributes", attributes(many));
    define("schemas", sized("urn:example:all", SCHEMA_ATTRIBUTES_MAX)).await.check(201);
    let over = sized("urn:example:over", SCHEMA_ATTRIBUTES_MAX + 1);
    refused(define("schemas", over).await, 400, None, "from 1 to 200 attributes");
    let named = |bytes: usize| schema(&format!("urn:example:{}", text(bytes - 12)), &text(bytes));
    define("schemas", named(SCHEMA_NAME_BYTES_MAX)).await.check(201);
    refused(define("schemas", named(SCHEMA_NAME_BYTES_MAX + 1)).await, 400, None, "`id`");
    let long = schema("urn:example:long", &text(SCHEMA_NAME_BYTES_MAX + 1));
    refused(define("schemas", long).await, 400, None, "is not an attribute name");
    let indexed = |many: usize| (0..many).map(|n| format!("a{n}")).collect::<Vec<_>>();
    let extends = with(sized("urn:example:indexed", 9), "extends", json!(["User"]));
    let over = with(extends.clone(), "indexed", indexed(SCHEMA_INDEXED_MAX + 1));
    refused(define("schemas", over).await, 400, None, "`indexed` names at most 8");
    define("schemas", with(extends, "indexed", indexed(SCHEMA_INDEXED_MAX))).await.check(201);
    let kind =
        |name: &str| json!({ "name": name, "endpoint": format!("/{name}"), "schema": "urn:example:all" });
    refused(define("resource-types", kind(&text(SCHEMA_NAME_BYTES_MAX + 1))).await, 400, None, "`name`");
    define("resource-types", kind(&text(SCHEMA_NAME_BYTES_MAX))).await.check(201);
    let described = |attribute: Value| with(attribute, "description", text(STRING_BYTES_MAX));
    let attributes: Vec<_> =
        attributes(DOCUMENT_BYTES_MAX / STRING_BYTES_MAX).into_iter().map(described).collect();
    let large = with(schema("urn:example:large", "a"), "attributes", attributes);
    refused(define("schemas", large).await, 413, None, "at most 1048576 bytes");
    for (name, id, left, members) in [
        (
            "Schema",
            "urn:example:n",
            SCHEMAS_MAX - 4,
            r#""attributes":[{"name":"a","type":"string","multiValued":false}]"#,
        ),
        ("ResourceType", "K", SCHEMAS_MAX - 2, r#""endpoint":"/K' || n || '","schema":"urn:example:n1""#),
    ] {
        rows(
            &world,
            usize::try_from(left).unwrap(),
            &format!(
                "insert into record (tenant, kind, id, version, created, \
            modified, display, document) select {{tenant}}, '{name}', '{id}' || n, 1, 1, 1, 'x', \
            '{{\"id\":\"{id}' || n || '\",\"name\":\"K' || n || '\",{members}}}'"
            ),
        );
        let most = SCHEMAS_MAX - 1;
        world.place.execute(&format!("update counter set live = {most} where kind = '{name}'"));
    }
    define("schemas", schema("urn:example:last-but-none", "a")).await.check(201);
    define("resource-types", kind("LastButNone")).await.check(201);
    refused(define("schemas", schema("urn:example:last", "a")).await, 409, None, "has 100 of these");
    refused(define("resource-types", kind("Last")).await, 409, None, "has 100 of these");
    let listed = caller.get(&format!("/ResourceTypes?x={}", encoded("x"))).await.check(200).json();
    let built_in = iam::kind::Kinds::standard().unwrap().iter().count() as u64;
    assert_eq!(listed["totalResults"], SCHEMAS_MAX + built_in);
}
