//! Every limit of `crates/iam/src/limits.rs` by name: at it all is well, one over is refused with the right status, what is
//! limited is named, and nothing changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
mod decisions;
mod references;
mod subjects;

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::Method;
use iam::cx::TokenKind;
use iam::limits::*;
use iam::token::Draft;
use serde_json::{Value, json};

use crate::rest::{new_token, provider, schema, string};
use crate::world::{Answer, Caller, OPERATOR, World, encoded, operations, user};

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

#[tokio::test]
async fn passwords_that_wait() {
    let (_world, caller) = acme().await;
    let create = async |n: usize| {
        let body = with(user(&format!("u{n}")), "password", "Correct-Horse-7");
        (n, caller.post("/Users", body).await)
    };
    // All at once, on one thread: all but a few wait. The first to be turned away is enough.
    let mut all: FuturesUnordered<_> = (0..PASSWORD_QUEUE_MAX + 64).map(create).collect();
    let (n, turned_away) = loop {
        let (n, answer) = all.next().await.expect("somebody is turned away");
        if answer.status != 201 {
            break (n, answer);
        }
    };
    drop(all);
    assert_eq!(turned_away.header("retry-after"), Some("1"));
    refused(turned_away, 503, None, "try again");
    assert!(caller.find("/Users", &format!("userName eq \"u{n}\"")).await.is_empty());
    // Whoever went away left the queue.
    create(1_000).await.1.check(201);
}

/// A write without a condition that meets others waits for its turn and is planned anew. When too many wait it is asked to
/// come again; it never fails as if it had required a version.
#[tokio::test]
async fn writes_that_meet() {
    let (_world, caller) = acme().await;
    let path = format!("/Users/{}", caller.make("/Users", user("ada")).await);
    let change = async |title: String| {
        let body = operations(json!([{ "op": "replace", "path": "title", "value": title }]));
        caller.patch(&path, body).await
    };
    // All at once, on one thread: each looks at the same version, one wins, and the others meet.
    let all = async |round: &str, many: usize| {
        let all: FuturesUnordered<_> = (0..many).map(|n| change(format!("{round} {n}"))).collect();
        all.collect::<Vec<Answer>>().await
    };
    let answers = all("first", QUEUE_MAX).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "all have their turn");
    let answers = all("second", QUEUE_MAX * 2).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((QUEUE_MAX..QUEUE_MAX * 2).contains(&done), "{done}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            (answer.status.as_u16(), answer.header("retry-after")),
            (503, Some("1")),
            "{}",
            answer.text
        );
    }
    let version = caller.get(&path).await.json()["meta"]["version"].clone();
    assert_eq!(
        version,
        format!("W/\"{}\"", QUEUE_MAX + done + 1),
        "each that was acknowledged happened once"
    );
}

/// Another process over the same database knows nothing of turns: what meets its writes is planned anew, so many times.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_that_meet_those_of_another_process() {
    let (world, here) = acme().await;
    let there = here.through(world.beside().await.router);
    let path = format!("/Users/{}", here.make("/Users", user("ada")).await);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..usize::try_from(RETRIES_MAX).unwrap() * 4 {
        let (caller, path) = ([&here, &there][n % 2].clone(), path.clone());
        let title = json!([{ "op": "replace", "path": "title", "value": format!("t{n}") }]);
        tasks.spawn(async move { caller.patch(&path, operations(title)).await });
    }
    let answers = tasks.join_all().await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    let late = answers.iter().filter(|answer| answer.status == 503).count();
    assert_eq!(done + late, answers.len());
    assert!(done > answers.len() / 2, "{done}");
    let version = here.get(&path).await.json()["meta"]["version"].clone();
    assert_eq!(version, format!("W/\"{}\"", done + 1), "each that was acknowledged happened once");
}

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
    let large = with(schema("urn:example:large", "a"), "description", text(DOCUMENT_BYTES_MAX));
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
