//! The limits of what the administration API lists of subjects, roles and actions.

use super::*;
use crate::world::group;

/// A page of the administration API, which holds the list that the path names.
async fn page(caller: &Caller, path: &str) -> Answer {
    caller.get(&format!("!/v1{path}")).await
}

#[tokio::test]
async fn a_search_is_so_long() {
    let (_world, caller) = acme().await;
    for list in ["/subjects", "/subjects/users", "/roles"] {
        let search = |bytes: usize| format!("{list}?searchQuery={}", text(bytes));
        page(&caller, &search(SEARCH_BYTES_MAX)).await.check(200);
        refused(page(&caller, &search(SEARCH_BYTES_MAX + 1)).await, 400, None, "at most 256 bytes");
    }
    let tokens = |bytes: usize| format!("/scim?query={}", text(bytes));
    page(&caller, &tokens(SEARCH_BYTES_MAX)).await.check(200);
    refused(page(&caller, &tokens(SEARCH_BYTES_MAX + 1)).await, 400, None, "at most 256 bytes");
}

#[tokio::test]
async fn where_there_are_too_many_to_look_through_a_search_is_for_the_beginning() {
    let (world, caller) = acme().await;
    caller.make("/Groups", group("Staff", &[])).await;
    caller.make("/Groups", group("Night staff", &[])).await;
    let found = async || page(&caller, "/subjects/groups?searchQuery=staff").await.check(200).json();
    assert_eq!(found().await["total"], 2);
    let set = |live: usize| {
        world.place.execute(&format!("update counter set live = {live} where kind = 'Group'"));
    };
    set(SCAN_MAX);
    assert_eq!(found().await["total"], 2);
    set(SCAN_MAX + 1);
    assert_eq!(found().await["data"][0]["displayName"], "Staff");
    assert_eq!(found().await["total"], 1);
}

#[tokio::test]
async fn members_that_one_request_adds_and_that_are_searched() {
    let (world, caller) = acme().await;
    records(&world, MEMBERS_CHANGED_MAX + 1, "User", "u", "userName");
    let staff = caller.make("/Groups", group("Staff", &[])).await;
    let members = format!("!/v1/subjects/groups/{staff}/members");
    let body = |many: usize| {
        let ids: Vec<_> = (1..=many).map(|n| format!("user-u{}", 1_000_000 + n)).collect();
        json!({ "subjectIds": ids })
    };
    refused(
        caller.post(&members, body(MEMBERS_CHANGED_MAX + 1)).await,
        400,
        None,
        "`subjectIds`: at most 1000",
    );
    assert_eq!(caller.get(&members).await.check(200).json()["total"], 0);
    caller.post(&members, body(MEMBERS_CHANGED_MAX)).await.check(204);
    let last = caller.get(&format!("{members}?pageSize=200&page=5")).await.check(200).json();
    assert_eq!(last["data"][199]["id"], "u1001000");
    // Of a group with more than can be looked through, its members are listed all the same.
    let edges = |many: usize, id: &str| {
        let insert = format!(
            "insert into edge (tenant, relation, source, target, target_kind, display) \
             select {{tenant}}, 'Group.members', '{staff}', '{id}' || n, 'User', 'x'"
        );
        rows(&world, many, &insert);
    };
    edges(SCAN_EDGES_MAX - MEMBERS_CHANGED_MAX, "v");
    let search = format!("{members}?searchQuery=X");
    assert_eq!(caller.get(&search).await.check(200).json()["total"], SCAN_EDGES_MAX);
    edges(1, "w");
    refused(caller.get(&search).await, 400, None, "more than 200000 members");
    assert_eq!(caller.get(&members).await.check(200).json()["total"], SCAN_EDGES_MAX + 1);
}

#[tokio::test]
async fn permissions_of_one_subject() {
    let (world, caller) = acme().await;
    let ada = caller.make("/Users", user("ada")).await;
    let policies = |many: usize, id: &str| {
        let insert = format!(
            "insert into record (tenant, kind, id, version, created, modified, display, document) \
             select {{tenant}}, 'Policy', '{id}' || n, 1, 1, 1, '', \
             '{{\"subject\":\"user-{ada}\",\"action\":\"read\",\"scope\":\"/{id}' || n || '\"}}'"
        );
        rows(&world, many, &insert);
    };
    let path = format!("/subjects/user-{ada}/permissions");
    policies(PERMISSIONS_MAX, "p");
    let all = page(&caller, &path).await.check(200).json();
    assert_eq!((&all["total"], &all["more"]), (&json!(PERMISSIONS_MAX), &json!(false)));
    // What is written past the server it does not see; what it writes itself it does.
    let policy = json!({ "subject": format!("user-{ada}"), "scope": "/", "action": "write" });
    caller.post("/Policies", policy).await.check(201);
    let all = page(&caller, &path).await.check(200).json();
    assert_eq!((&all["total"], &all["more"]), (&json!(PERMISSIONS_MAX), &json!(true)));
}

#[tokio::test]
async fn actions_of_one_tree() {
    let (world, caller) = acme().await;
    let shown = async || page(&caller, "/actions").await.check(200).text.matches("\"origin\"").count();
    records(&world, ACTIONS_SHOWN_MAX - shown().await, "Action", "a", "name");
    assert_eq!(shown().await, ACTIONS_SHOWN_MAX);
    caller.make("/Actions", json!({ "name": "banking.read" })).await;
    refused(page(&caller, "/actions").await, 400, None, "more than 10000 actions");
    let part = page(&caller, "/actions?under=banking").await.check(200).json();
    assert_eq!(part["actions"][0]["children"][0]["name"], "banking.read");
}
