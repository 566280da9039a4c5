//! The limits of decisions, searches and the graphs they come from.

use std::time::Duration;

use iam::limits::*;
use serde_json::{Value, json};

use super::{CORE, RECORD, acme, records, refused, rows, text};
use crate::decision::question;
use crate::world::{Answer, Caller, World, everywhere, group, operations, user};

/// Asks the decision API.
async fn asked(caller: &Caller, path: &str, body: Value) -> Answer {
    caller.post(&format!("!/access/v1{path}"), body).await
}

fn explained(mut body: Value) -> Value {
    body["context"] = json!({ "explain": true });
    body
}

fn on_scope(scope: String) -> Value {
    question("ada", "read", ("scope", &scope))
}

#[tokio::test]
async fn a_message_that_asks_for_decisions_is_limited() {
    let (_world, caller) = acme().await;
    let many = |count: usize, one: Value| json!({ "evaluations": vec![one; count] });
    let one = || question("ada", "read", ("invoice", "42"));
    let named = |bytes: usize| question("ada", &text(bytes), ("invoice", "42"));
    let long = |bytes: usize| on_scope(format!("/{}", text(bytes - 1)));
    let deep = |segments: usize| on_scope("/a".repeat(segments));
    for (path, fits, over, member) in [
        ("/evaluations", many(EVALUATIONS_MAX, one()), many(EVALUATIONS_MAX + 1, one()), "`evaluations`"),
        (
            "/evaluations",
            many(EXPLANATIONS_MAX, explained(one())),
            many(EXPLANATIONS_MAX + 1, explained(one())),
            "`evaluations`",
        ),
        ("/evaluation", named(ACTION_BYTES_MAX), named(ACTION_BYTES_MAX + 1), "`action.name`"),
        ("/evaluation", long(SCOPE_BYTES_MAX), long(SCOPE_BYTES_MAX + 1), "`resource.id`"),
        ("/evaluation", deep(SCOPE_SEGMENTS_MAX), deep(SCOPE_SEGMENTS_MAX + 1), "`resource`"),
    ] {
        asked(&caller, path, fits).await.check(200);
        refused(asked(&caller, path, over).await, 400, None, member);
    }
}

#[tokio::test]
async fn a_policy_is_limited() {
    let (world, caller) = acme().await;
    let policy = |id: usize, scope: usize, action: usize| json!({ "subject": format!("user-{}", text(id)), "scope": format!("/{}", text(scope - 1)), "action": text(action) });
    let (id, scope, action) = (ID_BYTES_MAX - "user-".len(), SCOPE_BYTES_MAX, ACTION_BYTES_MAX);
    for bytes in [id, id + 1] {
        let insert = RECORD.replace("{id}' || (1000000 + n)", &format!("{}'", text(bytes)));
        let insert = insert.replace("{kind}", "User").replace("{name}", "userName").replace("{urn}", CORE);
        rows(&world, 1, &insert);
    }
    caller.post("/Policies", policy(id, scope, action)).await.check(201);
    for (over, member) in [
        (policy(id + 1, scope, action), "`subject`"),
        (policy(id, scope + 1, action), "`scope`"),
        (policy(id, scope, action + 1), "`action`"),
    ] {
        refused(caller.post("/Policies", over).await, 400, Some("invalidValue"), member);
    }
}

#[tokio::test]
async fn policies_that_go_with_their_subject_are_limited() {
    let (world, caller) = acme().await;
    let path = format!("/Users/{}", caller.make("/Users", user("ada")).await);
    let ada = path.trim_start_matches("/Users/");
    let policies = [
        "insert into record (tenant, kind, id, version, created, modified, display, document) \
         select {tenant}, 'Policy', 'p' || n, 1, 1, 1, '', \
         '{\"subject\":\"user-{ada}\",\"scope\":\"/' || n || '\",\"action\":\"read\"}'",
        "insert into edge (tenant, relation, source, target, target_kind, display) \
         select {tenant}, 'Policy.subject', 'p' || n, '{ada}', 'User', ''",
    ];
    policies.iter().for_each(|insert| rows(&world, BELONGINGS_MAX + 1, &insert.replace("{ada}", ada)));
    refused(caller.delete(&path).await, 409, None, "more than 1000 of `/Policies` belong to it");
    caller.get(&path).await.check(200);
    caller.delete("/Policies/p1").await.check(204);
    caller.delete(&path).await.check(204);
    caller.get("/Policies/p2").await.check(404);
}

#[tokio::test]
async fn groups_above_a_group_that_are_looked_at_are_limited() {
    let (world, caller) = acme().await;
    let above = usize::try_from(NESTING_EXAMINED_MAX).unwrap();
    records(&world, above + 2, "Group", "g", "displayName");
    members(&world, above + 1, "'g' || (1000000 + n + 1)", "'g' || (1000000 + n)", "Group");
    caller.make("/Groups", group("counted", &[])).await;
    let add = |above: usize| {
        let id = format!("g{}", 1_000_000 + 1 + above);
        operations(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]))
    };
    let named = format!("g{}", 1_000_000 + above);
    refused(caller.patch("/Groups/g1000001", add(above - 1)).await, 400, Some("invalidValue"), &named);
    // What is further up is not seen; decisions end all the same.
    caller.patch("/Groups/g1000001", add(above + 1)).await.check(204);
}

const MEMBER: &str = "insert into edge (tenant, relation, source, target, target_kind, display) \
    select {tenant}, 'Group.members', {source}, {target}, '{kind}', ''";

/// Edges of groups, whose ends are SQL over `n`.
fn members(world: &World, many: usize, source: &str, target: &str, kind: &str) {
    let insert = MEMBER.replace("{source}", source).replace("{target}", target).replace("{kind}", kind);
    rows(world, many, &insert);
}

async fn granted(caller: &Caller, subject: &str) {
    let policy = json!({ "subject": subject, "scope": "/", "action": "read" });
    caller.post("/Policies", policy).await.check(201);
}

#[tokio::test]
async fn a_decision_walks_so_many_groups() {
    let (world, caller) = acme().await;
    let ada = caller.make("/Users", user("ada")).await;
    let over = DECISION_GROUPS_MAX + 1;
    records(&world, over, "Group", "g", "displayName");
    members(&world, 1, "'g1000001'", &format!("'{ada}'"), "User");
    members(&world, over - 1, "'g' || (1000000 + n + 1)", "'g' || (1000000 + n)", "Group");
    let ask =
        async || asked(&caller, "/evaluation", explained(on_scope("/a".to_owned()))).await.check(200).json();
    granted(&caller, &format!("group-g{}", 1_000_000 + over)).await;
    let answer = ask().await;
    assert_eq!(answer["decision"], false);
    assert!(
        answer["context"]["reason"].as_str().unwrap().contains("more groups than are walked"),
        "{answer}"
    );
    granted(&caller, &format!("group-g{}", 1_000_000 + DECISION_GROUPS_MAX)).await;
    // The way is longer than is searched for ways: [`EXPLANATION_STEPS_MAX`].
    assert_eq!(ask().await["decision"], true);
}

#[tokio::test]
async fn an_explanation_shows_so_much_and_says_when_there_is_more() {
    for over in [0, 1] {
        let (world, caller) = acme().await;
        let ada = caller.make("/Users", user("ada")).await;
        let ways = EXPLANATION_PATHS_MAX + over;
        records(&world, ways, "Group", "g", "displayName");
        members(&world, ways, "'g' || (1000000 + n)", &format!("'{ada}'"), "User");
        for number in 1..=ways {
            granted(&caller, &format!("group-g{}", 1_000_000 + number)).await;
        }
        let answer =
            asked(&caller, "/evaluation", explained(on_scope("/a".to_owned()))).await.check(200).json();
        let context = &answer["context"];
        assert_eq!(context["paths"].as_array().unwrap().len(), EXPLANATION_PATHS_MAX);
        assert_eq!(context["more"] == true, over == 1, "{ways}");
    }
    // Of those who could, the first few; they are looked for among so many.
    for (could, others, more) in [
        (EXPLANATION_OTHERS_MAX - 1, EXPLANATION_OTHERS_MAX - 1, false),
        (EXPLANATION_OTHERS_MAX + 1, EXPLANATION_OTHERS_MAX, true),
        (EXPLANATION_EXAMINED_MAX + 1, EXPLANATION_OTHERS_MAX, true),
    ] {
        let (world, caller) = acme().await;
        caller.make("/Users", user("ada")).await;
        records(&world, could, "User", "u", "userName");
        records(&world, 1, "Group", "g", "displayName");
        members(&world, could, "'g1000001'", "'u' || (1000000 + n)", "User");
        granted(&caller, "group-g1000001").await;
        let answer =
            asked(&caller, "/evaluation", explained(on_scope("/a".to_owned()))).await.check(200).json();
        assert_eq!(answer["context"]["could"].as_array().unwrap().len(), others, "{could}");
        assert_eq!(answer["context"]["more"] == true, more, "{could}");
    }
}

#[tokio::test]
async fn a_page_of_a_search_is_limited() {
    let (world, caller) = acme().await;
    let many = RESULTS_MAX + 1;
    records(&world, many, "User", "u", "userName");
    records(&world, 1, "Group", "g", "displayName");
    members(&world, many, "'g1000001'", "'u' || (1000000 + n)", "User");
    granted(&caller, "group-g1000001").await;
    let mut body = on_scope("/a".to_owned());
    body["subject"] = json!({ "type": "user" });
    body["page"] = json!({ "limit": many });
    let page = asked(&caller, "/search/subject", body.clone()).await.check(200).json();
    assert_eq!(page["results"].as_array().unwrap().len(), RESULTS_MAX);
    body["page"] = json!({ "token": page["page"]["next_token"] });
    let page = asked(&caller, "/search/subject", body.clone()).await.check(200).json();
    assert_eq!((page["results"].as_array().unwrap().len(), &page["page"]["next_token"]), (1, &json!("")));
    body["page"] = json!({ "token": text(CURSOR_BYTES_MAX + 1) });
    refused(asked(&caller, "/search/subject", body).await, 400, None, "`page.");
}

#[tokio::test]
async fn a_page_of_a_search_examines_so_many() {
    let (world, caller) = acme().await;
    let inactive = RECORD.replace("|| '\"}'", "|| '\",\"active\":false}'").replace("{kind}", "User");
    let inactive = inactive.replace("{id}", "u").replace("{name}", "userName").replace("{urn}", CORE);
    rows(&world, RESULTS_EXAMINED_MAX, &inactive);
    records(&world, 1, "User", "v", "displayName");
    granted(&caller, "user-v1000001").await;
    let policies = "insert into record (tenant, kind, id, version, created, modified, display, document) \
        select {tenant}, 'Policy', 'p' || n, 1, 1, 1, '', \
        '{\"subject\":\"user-u' || (1000000 + n) || '\",\"scope\":\"/\",\"action\":\"read\"}'";
    rows(&world, RESULTS_EXAMINED_MAX, policies);
    let mut body = on_scope("/a".to_owned());
    body["subject"] = json!({ "type": "user" });
    let page = asked(&caller, "/search/subject", body.clone()).await.check(200).json();
    assert_eq!(page["results"], json!([]));
    body["page"] = json!({ "token": page["page"]["next_token"] });
    let page = asked(&caller, "/search/subject", body).await.check(200).json();
    assert_eq!(page["results"][0]["id"], "v1000001");
}

/// [`GRAPHS_BYTES_MAX`] and [`GRAPH_WAITING_MAX`] bound what no client sees; `iam` tests them with other numbers.
#[tokio::test]
async fn a_graph_is_kept_for_a_while_and_follows_so_many_changes() {
    let (world, caller) = acme().await;
    let beside = world.beside().await;
    let other = caller.through(beside.router.clone());
    let ada = caller.make("/Users", user("ada")).await;
    let team = caller.make("/Groups", crate::world::group("Team", &[])).await;
    granted(&caller, &format!("group-{team}")).await;
    let decided = async |caller: &Caller| {
        asked(caller, "/evaluation", on_scope("/a".to_owned())).await.check(200).json()
    };
    assert_eq!(decided(&caller).await["decision"], false);
    // More entries than are followed one by one, and the last of them is of the group.
    let entries = "insert into audit (tenant, sequence, at, actor, verb, kind, id, before, after, trace, previous, hash) \
        select {tenant}, n + (select audit from head where tenant = {tenant}), 1, '', 'create', 'Thing', '', {bytes}, {bytes}, '', {bytes}, {bytes}";
    rows(&world, GRAPH_CHANGES_MAX, entries);
    let acme = "(select tenant from tenant where name = 'acme')";
    world
        .place
        .execute(&format!("update head set audit = audit + {GRAPH_CHANGES_MAX} where tenant = {acme}"));
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);
    other.patch(&format!("/Groups/{team}"), operations(add)).await.check(204);
    everywhere().await;
    assert_eq!(decided(&caller).await["decision"], true);
    // Forgotten and built anew.
    world.pass(Duration::from_secs(GRAPH_IDLE_SECONDS + 1));
    world.iam.forget_idle_graphs();
    assert_eq!(decided(&caller).await["decision"], true);
}

/// A server that has just decided may do so once more by what another one has changed since: for [`LATELY_MILLISECONDS`].
#[tokio::test]
async fn a_decision_may_go_by_what_was_so_a_moment_ago() {
    let (world, caller) = acme().await;
    let beside = world.beside().await;
    let other = caller.through(beside.router.clone());
    let ada = caller.make("/Users", user("ada")).await;
    let decided = async |caller: &Caller| {
        asked(caller, "/evaluation", on_scope("/a".to_owned())).await.check(200).json()["decision"] == true
    };
    for _ in 0..10 {
        assert!(!decided(&other).await);
        let policy = json!({ "subject": format!("user-{ada}"), "scope": "/a", "action": "read" });
        let made = caller.post("!/v1/policies", policy).await.check(201).id();
        assert!(decided(&caller).await);
        tokio::time::sleep(Duration::from_millis(LATELY_MILLISECONDS)).await;
        assert!(decided(&other).await);
        caller.delete(&format!("!/v1/policies/{made}")).await.check(204);
        assert!(!decided(&caller).await);
        tokio::time::sleep(Duration::from_millis(LATELY_MILLISECONDS)).await;
    }
}

/// What groups these limits for the crate that enforces them holds no other figures.
#[test]
fn the_groups_of_limits_are_the_limits() {
    assert_eq!((SCOPE.bytes, SCOPE.segments), (SCOPE_BYTES_MAX, SCOPE_SEGMENTS_MAX));
    let message = [AUTHZEN.action_bytes, AUTHZEN.evaluations, AUTHZEN.page, AUTHZEN.token_bytes];
    assert_eq!(message, [ACTION_BYTES_MAX, EVALUATIONS_MAX, RESULTS_MAX, CURSOR_BYTES_MAX]);
    for (group, examined) in [(DECISION, RESULTS_EXAMINED_MAX), (EXPLANATION, EXPLANATION_EXAMINED_MAX)] {
        let figures = [group.groups, group.paths, group.steps, group.others, group.examined];
        let (paths, steps, others) = (EXPLANATION_PATHS_MAX, EXPLANATION_STEPS_MAX, EXPLANATION_OTHERS_MAX);
        assert_eq!(figures, [DECISION_GROUPS_MAX, paths, steps, others, examined]);
    }
}

#[tokio::test]
async fn members_who_are_looked_at_for_an_administrator() {
    let (world, caller) = acme().await;
    let inactive = |many: usize, from: &str| {
        let record = "insert into record (tenant, kind, id, version, created, modified, display, document) \
            select {tenant}, 'User', '{from}' || n, 1, 1, 1, 'x', '{\"userName\":\"x\",\"active\":false}'";
        let edge = "insert into edge (tenant, relation, source, target, target_kind, display) \
            select {tenant}, 'Role.members', 'TenantAdmin', '{from}' || n, 'User', 'x'";
        [record, edge].iter().for_each(|sql| rows(&world, many, &sql.replace("{from}", from)));
    };
    let ada = caller.make("/Users", user("ada")).await;
    let ada = format!("/Users/{ada}");
    let active = |value: bool| operations(json!([{ "op": "replace", "path": "active", "value": value }]));
    // The role itself is looked at, too.
    inactive(ADMINISTRATORS_EXAMINED_MAX - 1, "a");
    caller.patch(&ada, active(false)).await.check(200);
    caller.patch(&ada, active(true)).await.check(200);
    inactive(1, "b");
    refused(caller.patch(&ada, active(false)).await, 409, None, "none of the first 1000 who have the role");
}
