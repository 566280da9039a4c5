//! Policies: granted once, held at once, listed and refused by what they say.

use std::collections::BTreeSet;

use expect_test::expect;
use serde_json::json;

use super::Firm;
use crate::world::operations;

#[tokio::test]
async fn a_policy_holds_at_once_and_on_what_lies_below() {
    let firm = Firm::new().await;
    let policy = json!({ "subject": format!("group-{}", firm.staff), "scope": "/subscriptions/1", "action": "banking.manage" });
    let may = async |id: &str, action: &str| firm.may(&firm.ada, action, ("subscriptions", id)).await;
    assert!(!may("1", "banking.read").await);
    let made = firm.admin.post("!/v1/policies", policy.clone()).await.check(201);
    assert!(may("1", "banking.read").await);
    assert!(may("1/accounts/7", "banking.ais.read").await);
    assert!(!may("2", "banking.read").await);
    assert!(!may("1", "payments.read").await);
    // Granted twice is granted once.
    let again = firm.admin.post("!/v1/policies", policy.clone()).await.check(200);
    assert_eq!(made.json(), again.json());
    assert_eq!(made.json()["tenant"], "acme");
    let twin = firm.admin.post("/Policies", policy).await.check(409);
    assert!(twin.text.contains("`subject`, `scope`, `action`"), "{}", twin.text);
    // It is a resource like any other.
    let found = firm.admin.find("/Policies", "scope eq \"/subscriptions/1\"").await;
    assert_eq!(found, [made.id()]);
    let operation = json!([{ "op": "replace", "path": "scope", "value": "/subscriptions/2" }]);
    firm.admin.patch(&format!("/Policies/{}", made.id()), operations(operation)).await.check(200);
    assert!(may("2", "banking.read").await && !may("1", "banking.read").await);
    firm.admin.delete(&format!("!/v1/policies/{}", made.id())).await.check(204);
    assert!(!may("2", "banking.read").await);
    firm.admin.delete(&format!("!/v1/policies/{}", made.id())).await.check(404);
}

#[tokio::test]
async fn a_policy_granted_by_many_at_once_is_one() {
    let firm = Firm::new().await;
    let policy =
        json!({ "subject": format!("user-{}", firm.ada), "scope": "/vault", "action": "vault.open" });
    let grant = || firm.admin.post("!/v1/policies", policy.clone());
    let made = tokio::join!(grant(), grant(), grant(), grant());
    let ids = BTreeSet::from([made.0, made.1, made.2, made.3].map(|answer| answer.id()));
    assert_eq!(ids.len(), 1, "{ids:?}");
    for id in ids {
        firm.admin.delete(&format!("!/v1/policies/{id}")).await.check(204);
    }
    assert!(!firm.may(&firm.ada, "vault.open", ("vault", "1")).await);
    // What one policy is changed to may be taken, too.
    let other = |scope: &str| json!({ "subject": policy["subject"], "scope": scope, "action": "vault.open" });
    firm.admin.post("/Policies", other("/vault")).await.check(201);
    let second = firm.admin.post("/Policies", other("/cellar")).await.check(201);
    let operation = json!([{ "op": "replace", "path": "scope", "value": "/vault" }]);
    firm.admin.patch(&format!("/Policies/{}", second.id()), operations(operation)).await.check(409);
    let operation = json!([{ "op": "replace", "path": "description", "value": "below" }]);
    firm.admin.patch(&format!("/Policies/{}", second.id()), operations(operation)).await.check(200);
}

#[tokio::test]
async fn policies_are_listed_by_what_they_say() {
    let firm = Firm::new().await;
    let ada = format!("user-{}", firm.ada);
    for number in 0..3 {
        firm.world.pass(std::time::Duration::from_millis(1));
        let policy = json!({ "subject": ada, "scope": format!("/a/{number}"), "action": "x.read", "description": "why" });
        firm.admin.post("!/v1/policies", policy).await.check(201);
    }
    let list = async |query: &str| firm.admin.get(&format!("!/v1/policies?{query}")).await.check(200).json();
    for (query, total) in [
        ("", 3),
        ("scope=/a/1", 1),
        ("scope=%2Fa%2F1", 1),
        ("action=x.read", 3),
        ("action=x", 0),
        ("subject=nobody", 0),
    ] {
        assert_eq!(list(query).await["totalCount"], total, "{query}");
    }
    let page = list(&format!("subject={ada}&page=2&pageSize=2")).await;
    assert_eq!((&page["page"], &page["pageSize"], &page["totalCount"]), (&json!(2), &json!(2), &json!(3)));
    let [policy] = page["policies"].as_array().unwrap().as_slice() else { panic!("{page}") };
    assert_eq!((&policy["scope"], &policy["description"]), (&json!("/a/2"), &json!("why")));
    assert_eq!(policy["tenant"], "acme");
    assert_eq!(policy["createdAt"], "2026-01-02T03:04:05.681Z");
}

#[tokio::test]
async fn a_policy_that_is_wrong_is_refused_by_name() {
    let firm = Firm::new().await;
    let ada = format!("user-{}", firm.ada);
    for (subject, scope, action, expected) in [
        ("user-nobody", "/a", "a", expect!["`subject`: there is no subject `user-nobody`"]),
        (&ada, "a", "a", expect!["`scope`: the scope `a` is neither a path that begins with `/` nor a URI"]),
        (&ada, "/a/../b", "a", expect!["`scope`: the scope `/a/../b` has a segment `.` or `..`"]),
        (&ada, "/a", "a..b", expect!["`action`: the action `a..b` has an empty segment"]),
        (
            &ada,
            "/a",
            "*",
            expect!["`action`: the action `*` has a wildcard; `x.manage` covers everything below `x`"],
        ),
    ] {
        let policy = json!({ "subject": subject, "scope": scope, "action": action });
        let answer = firm.admin.post("!/v1/policies", policy.clone()).await.check(400);
        expected.assert_eq(answer.json()["detail"].as_str().unwrap());
        let scim = firm.admin.post("/Policies", policy).await.check(400);
        assert_eq!(scim.json()["detail"], answer.json()["detail"]);
    }
}
