//! Every limit of `crates/iam/src/limits.rs` by name: at it all is well, one over is refused with the right status, what is
//! limited is named, and nothing changed.

mod decisions;
mod references;
mod streams;
mod subjects;
mod tenants;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::Method;
use iam::limits::*;
use serde_json::{Value, json};

use crate::rest::schema;
use crate::world::{Answer, Caller, World, operations, user};

/// What one answer must be: a status, and what its detail names.
#[track_caller]
fn refused(answer: Answer, status: u16, scim_type: Option<&str>, named: &str) {
    let body = answer.clone().check(status).json();
    assert_eq!(body["scimType"].as_str(), scim_type, "{}: {body}", answer.asked);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(named), "{}: {detail}", answer.asked);
}

async fn acme() -> (World, Caller) {
    let world = World::new().await;
    let caller = world.admin("acme").await;
    (world, caller)
}

async fn users(caller: &Caller) -> usize {
    let listed = caller.get("/Users?count=0").await.check(200).json();
    usize::try_from(listed["totalResults"].as_u64().unwrap()).unwrap()
}

/// Puts rows into the database faster than a client could: `n` counts from 1 to `many`.
fn rows(world: &World, many: usize, insert: &str) {
    let count = format!("with recursive c (n) as (select 1 union all select n + 1 from c where n < {many}) ");
    let bytes =
        if scratch::on_postgres() { "convert_to('h' || n, 'UTF8')" } else { "cast('h' || n as blob)" };
    let insert = insert.replace("{bytes}", bytes);
    let sql = insert.replace("{tenant}", "(select tenant from tenant where name = 'acme')");
    let (head, select) = sql.split_once("select").unwrap();
    world.place.execute(&format!("{head} {count} select {select} from c"));
}

const RECORD: &str = "insert into record (tenant, kind, id, version, created, modified, display, document) \
    select {tenant}, '{kind}', '{id}' || (1000000 + n), 1, 1, 1, 'x', \
    '{\"schemas\":[\"{urn}{kind}\"],\"{name}\":\"x' || n || '\"}'";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:";

fn records(world: &World, many: usize, kind: &str, id: &str, name: &str) {
    let insert = RECORD.replace("{kind}", kind).replace("{id}", id).replace("{name}", name);
    rows(world, many, &insert.replace("{urn}", CORE));
}

fn text(bytes: usize) -> String {
    "a".repeat(bytes)
}

fn with(mut body: Value, name: &str, value: impl Into<Value>) -> Value {
    body[name] = value.into();
    body
}

#[tokio::test]
async fn a_body_that_is_too_large_is_read_on_for_a_while() {
    let (_world, caller) = acme().await;
    const CHUNK: usize = 1024 * 1024;
    for (sent, read) in [
        (BODY_BYTES_MAX + CHUNK, BODY_BYTES_MAX + CHUNK),
        (usize::MAX, BODY_BYTES_MAX + CHUNK + BODY_DISCARD_BYTES_MAX + CHUNK),
    ] {
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&seen);
        let chunks = std::iter::repeat_n(Bytes::from(vec![b' '; CHUNK]), sent / CHUNK).map(move |chunk| {
            counter.fetch_add(chunk.len(), Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(chunk)
        });
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let answer = caller.send_bytes(Method::POST, "/Users", Some(body), "application/json").await;
        refused(answer, 413, None, &format!("larger than {BODY_BYTES_MAX} bytes"));
        assert_eq!(seen.load(Ordering::Relaxed), read);
    }
}

#[tokio::test]
async fn bodies_and_targets() {
    let (_world, caller) = acme().await;
    for (path, most, body) in [
        ("/Users", BODY_BYTES_MAX, user("big")),
        ("/Bulk", BULK_BYTES_MAX, json!({ "schemas": [], "Operations": [] })),
        ("!/v1/schemas", BODY_BYTES_MAX, schema("urn:example:x", "a")),
    ] {
        let sized = |bytes: usize| {
            let body = body.to_string();
            let body = body.clone() + &" ".repeat(bytes - body.len());
            caller.send_bytes(Method::POST, path, Some(body.into_bytes()), "application/json")
        };
        refused(sized(most + 1).await, 413, None, &format!("larger than {most} bytes"));
        assert_ne!(sized(most).await.status, 413, "{path}");
    }
    let nested = async |depth: usize| {
        let body =
            format!("{{\"userName\":\"deep\",\"x\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        caller.send_bytes(Method::POST, "/Users", Some(body.into_bytes()), "application/scim+json").await
    };
    refused(nested(BODY_DEPTH_MAX + 1).await, 400, Some("invalidSyntax"), "deeper than 32 levels");
    assert!(!nested(BODY_DEPTH_MAX).await.text.contains("deeper"));
    for path in ["/acme/scim/Users?x=", "/acme/scim?x=", "/v1/scim?x=", "/v1/scim/Users?x=", "/v1/sso?x="] {
        let sized = |bytes: usize| format!("!{path}{}", text(bytes - path.len()));
        caller.get(&sized(TARGET_BYTES_MAX)).await.check(200);
        refused(caller.get(&sized(TARGET_BYTES_MAX + 1)).await, 414, None, "longer than 16384 bytes");
    }
}

#[tokio::test]
async fn values_and_resources() {
    let (_world, caller) = acme().await;
    let emails =
        |many: usize| (0..many).map(|n| json!({ "value": format!("{n}@x.example") })).collect::<Vec<_>>();
    let sized = |name: &str, emails: usize, bytes: usize| {
        let email = |n: usize| json!({ "value": format!("{n}@x.example"), "display": text(bytes) });
        with(user(name), "emails", (0..emails).map(email).collect::<Vec<_>>())
    };
    let before = users(&caller).await;
    for (body, status, scim_type, named) in [
        (with(user("a"), "title", text(STRING_BYTES_MAX + 1)), 400, Some("invalidValue"), "`title`"),
        (
            with(user("a"), "emails", emails(VALUES_MAX + 1)),
            400,
            Some("invalidValue"),
            "`emails` has more than 1000",
        ),
        (with(user("a"), "externalId", text(ID_BYTES_MAX + 1)), 400, Some("invalidValue"), "`externalId`"),
        (user(&text(UNIQUE_BYTES_MAX + 1)), 400, Some("invalidValue"), "`userName`"),
        (with(user("a"), "password", text(PASSWORD_BYTES_MAX + 1)), 400, Some("invalidValue"), "`password`"),
        (sized("a", 16, STRING_BYTES_MAX), 413, None, &*format!("at most {DOCUMENT_BYTES_MAX} bytes")),
    ] {
        refused(caller.post("/Users", body).await, status, scim_type, named);
    }
    assert_eq!(users(&caller).await, before);
    caller.make("/Users", with(user("b"), "title", text(STRING_BYTES_MAX))).await;
    caller.make("/Users", with(user("c"), "emails", emails(VALUES_MAX))).await;
    caller.make("/Users", with(user("d"), "externalId", text(ID_BYTES_MAX))).await;
    caller.make("/Users", user(&text(UNIQUE_BYTES_MAX))).await;
    caller.make("/Users", with(user("e"), "password", text(PASSWORD_BYTES_MAX))).await;
    // A PATCH cannot outgrow what a POST may not, and leaves what there was.
    let path = format!("/Users/{}", caller.make("/Users", sized("f", 15, STRING_BYTES_MAX)).await);
    let add = operations(json!([
        { "op": "add", "path": "title", "value": text(STRING_BYTES_MAX) },
        { "op": "add", "path": "nickName", "value": text(STRING_BYTES_MAX) },
    ]));
    let before = caller.get(&path).await.text;
    refused(caller.patch(&path, add).await, 413, None, "at most 1048576 bytes");
    assert_eq!(caller.get(&path).await.text, before);
}

#[tokio::test]
async fn what_is_longer_than_a_key_is_compared_whole() {
    let (_world, caller) = acme().await;
    let name = |end: &str| text(KEY_BYTES_MAX) + end;
    let named =
        |user_name: &str, end: &str| with(user(user_name), "name", json!({ "familyName": name(end) }));
    let (a, b) = (caller.make("/Users", named("a", "a")).await, caller.make("/Users", named("b", "B")).await);
    let exact = caller.make("/Users", named("c", "")).await;
    for (filter, expected) in [
        (format!("name.familyName eq \"{}\"", name("b")), vec![&b]),
        (format!("name.familyName eq \"{}\"", name("")), vec![&exact]),
        (format!("name.familyName gt \"{}\"", name("a")), vec![&b]),
        (format!("name.familyName sw \"{}\"", name("")), vec![&a, &b, &exact]),
    ] {
        assert_eq!(caller.find("/Users", &filter).await.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
}

#[tokio::test]
async fn filters() {
    let (_world, caller) = acme().await;
    let search = async |filter: String| {
        caller
            .post(
                "/Users/.search",
                json!({ "schemas":
        ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter }),
            )
            .await
    };
    let long = |bytes: usize| format!("title eq \"{}\"", text(bytes - 11));
    let deep = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
    let terms = |many: usize| vec!["title pr"; many].join(" or ");
    for (good, bad, named) in [
        (long(FILTER_BYTES_MAX), long(FILTER_BYTES_MAX + 1), "longer than 8192 bytes"),
        (deep(FILTER_DEPTH_MAX), deep(FILTER_DEPTH_MAX + 1), "deeper than 16 levels"),
        (terms(FILTER_TERMS_MAX), terms(FILTER_TERMS_MAX + 1), "more than 200 comparisons"),
    ] {
        search(good).await.check(200);
        refused(search(bad).await, 400, Some("invalidFilter"), named);
    }
}

#[tokio::test]
async fn what_a_query_looks_at_and_a_page_holds() {
    let (world, caller) = acme().await;
    records(&world, SCAN_MAX, "User", "u", "userName");
    let scan = "/Users?filter=nickName%20pr";
    assert_eq!(caller.get(scan).await.check(200).json()["totalResults"], 0);
    let page = async |query: &str| {
        caller.get(&format!("/Users?attributes=id{query}")).await.check(200).json()["itemsPerPage"].clone()
    };
    assert_eq!(page("").await, PAGE_DEFAULT);
    assert_eq!(page(&format!("&count={}", PAGE_MAX + 1)).await, PAGE_MAX);
    records(&world, 1, "User", "v", "userName");
    refused(caller.get(scan).await, 400, Some("tooMany"), "more than 50000 resources");
    // By cursor there is no end to it.
    caller.get(&format!("{scan}&cursor")).await.check(200);
}

#[tokio::test]
async fn groups_of_a_user_and_members_of_a_page() {
    let (world, caller) = acme().await;
    let ada = caller.make("/Users", user("ada")).await;
    let edges = |many: usize, source: &str, target: &str| {
        rows(
            &world,
            many,
            &format!(
                "insert into edge (tenant, relation, source, target, target_kind, display) \
            select {{tenant}}, 'Group.members', {source}, {target}, 'User', 'x'"
            ),
        );
    };
    let many = usize::try_from(GROUPS_MAX).unwrap() + 1;
    records(&world, many, "Group", "g", "displayName");
    edges(many, "'g' || (1000000 + n)", &format!("'{ada}'"));
    let shown = caller.get(&format!("/Users/{ada}")).await.check(200).json();
    assert_eq!(shown["groups"].as_array().unwrap().len(), many - 1);
    // One group has as many members as a page may carry, all but one: with the next the page is over, not before.
    edges(PAGE_MEMBERS_MAX - 2, "'g1000001'", "'m' || n");
    let page = caller.get("/Groups?count=4&attributes=members.value").await.check(200).json();
    assert_eq!(page["itemsPerPage"], 3, "the page ends early");
    let page = caller.get("/Groups?count=4&excludedAttributes=members").await.check(200).json();
    assert_eq!(page["itemsPerPage"], 4);
}

#[tokio::test]
async fn edges_that_a_query_looks_at() {
    let (world, caller) = acme().await;
    records(&world, 2, "Group", "g", "displayName");

    let members = |group: &str, many: usize| {
        rows(
            &world,
            many,
            &format!(
                "insert into edge (tenant, relation, source, target, target_kind, display) \
            select {{tenant}}, 'Group.members', '{group}', '{group}m' || n, 'User', 'x'"
            ),
        );
    };
    let scan = "/Groups?attributes=id&filter=members.display%20eq%20%22y%22";
    members("g1000001", SCAN_EDGES_MAX - 1);
    members("g1000002", 1);
    assert_eq!(caller.get(scan).await.check(200).json()["totalResults"], 0);
    records(&world, 1, "Group", "h", "displayName");
    members("h1000001", 1);
    refused(caller.get(scan).await, 400, Some("tooMany"), "more than 200000 members and groups");
}

#[tokio::test]
async fn cursors() {
    let (world, caller) = acme().await;
    for name in ["a", "b"] {
        caller.make("/Users", user(name)).await;
    }
    let page = caller.get("/Users?cursor&count=1").await.check(200).json();
    let next = format!("/Users?count=1&cursor={}", page["nextCursor"].as_str().unwrap());
    world.pass(Duration::from_secs(CURSOR_SECONDS));
    caller.get(&next).await.check(200);
    world.pass(Duration::from_secs(1));
    refused(caller.get(&next).await, 400, Some("expiredCursor"), "3600 seconds");
    for bytes in [CURSOR_BYTES_MAX, CURSOR_BYTES_MAX + 1] {
        let forged = caller.get(&format!("/Users?cursor={}", text(bytes))).await;
        refused(forged, 400, Some("invalidCursor"), "not made by this server");
    }
}

#[tokio::test]
async fn operations_of_one_request() {
    let (_world, caller) = acme().await;
    let path = format!("/Users/{}", caller.make("/Users", user("ada")).await);
    let title = |n: usize| json!({ "op": "replace", "path": "title", "value": format!("{n}") });
    let patch = |many: usize| operations((1..=many).map(title).collect());
    refused(
        caller.patch(&path, patch(PATCH_OPERATIONS_MAX + 1)).await,
        400,
        Some("invalidValue"),
        "more than 1000",
    );
    assert_eq!(caller.get(&path).await.json()["meta"]["version"], "W/\"1\"");
    assert_eq!(caller.patch(&path, patch(PATCH_OPERATIONS_MAX)).await.check(200).json()["title"], "1000");
    // A thousand roles beside 999 values, four times: all the comparisons there may be.
    let roles: Vec<Value> = (0..VALUES_MAX).map(|n| json!({ "value": n.to_string() })).collect();
    let path = format!("/Users/{}", caller.make("/Users", with(user("eve"), "roles", roles)).await);
    let idle = |values: usize| json!({ "op": "remove", "path": "roles", "value": vec![Value::Null; values] });
    let per_value = PATCH_COMPARISONS_MAX / VALUES_MAX / 4 - 1;
    let compare = |last: Value| operations([vec![idle(per_value); 3], vec![last]].concat().into());
    caller.patch(&path, compare(idle(per_value))).await.check(200);
    let over = caller.patch(&path, compare(idle(per_value + 1))).await;
    refused(over, 400, Some("invalidValue"), "more than 4000000 comparisons");
    let create =
        |n: usize| json!({ "method": "POST", "path": "/Nothing", "bulkId": format!("b{n}"), "data": {} });
    let bulk = |many: usize| {
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": (1..=many).map(create).collect::<Vec<_>>() })
    };
    refused(caller.post("/Bulk", bulk(BULK_OPERATIONS_MAX + 1)).await, 413, None, "at most 1000 operations");
    caller.post("/Bulk", bulk(BULK_OPERATIONS_MAX)).await.check(200);
    let tags = |many: usize| (1..=many).map(|n| format!("W/\"{}\"", n + 9)).collect::<Vec<_>>().join(", ");
    for (name, status) in [("if-match", 412), ("if-none-match", 200)] {
        caller.with(name, &tags(ETAGS_MAX)).get(&path).await.check(status);
        let answer = caller.with(name, &tags(ETAGS_MAX + 1)).get(&path).await;
        refused(answer, 400, Some("invalidValue"), "more than 64 entity tags");
    }
}

/// What groups these limits for the crate that enforces them holds no other figures.
#[test]
fn the_limits_that_are_handed_on() {
    assert_eq!(
        (ADMIT.values, ADMIT.string_bytes, ADMIT.id_bytes),
        (VALUES_MAX, STRING_BYTES_MAX, ID_BYTES_MAX)
    );
    assert_eq!(
        (FILTER.bytes, FILTER.depth, FILTER.terms),
        (FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_TERMS_MAX)
    );
    assert_eq!(
        (PATCH.filter.bytes, PATCH.filter.depth, PATCH.filter.terms, PATCH.comparisons),
        (FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_TERMS_MAX, PATCH_COMPARISONS_MAX)
    );
    assert_eq!((SCHEMA.attributes, SCHEMA.name_bytes), (SCHEMA_ATTRIBUTES_MAX, SCHEMA_NAME_BYTES_MAX));
}
