//! Slugs: where resources lie, which nobody takes away and nothing else looks like.

use serde_json::{Value, json};

use super::Firm;
use crate::world::{Answer, operations};

const READ: &str = "invoices.read";

#[track_caller]
fn invalid(answer: Answer, said: &str) {
    let body = answer.check(400).json();
    assert_eq!((&body["scimType"], &body["detail"]), (&json!("invalidValue"), &json!(said)));
}

#[tokio::test]
async fn what_is_granted_on_a_resource_outlives_whoever_takes_its_slug_away() {
    let firm = Firm::new().await;
    let thing = json!({ "name": "Forty-two", "type": "Invoice" });
    let path = format!("/Resources/{}", firm.invoice);
    let by_id = async || firm.may(&firm.ada, READ, ("invoice", &firm.invoice)).await;
    // A PUT that does not say it leaves it.
    assert_eq!(firm.admin.put(&path, thing.clone()).await.check(200).json()["slug"], "42");
    for operation in [
        json!({ "op": "remove", "path": "slug" }),
        json!({ "op": "replace", "path": "slug", "value": null }),
        json!({ "op": "replace", "value": { "slug": null, "description": "of its own" } }),
    ] {
        let answer = firm.admin.patch(&path, operations(json!([operation]))).await.check(200).json();
        assert_eq!(answer["slug"], Value::Null, "{operation}");
        assert!(by_id().await, "{operation}");
        // The next PUT makes one.
        assert_eq!(firm.admin.put(&path, thing.clone()).await.check(200).json()["slug"], "forty-two");
        assert!(by_id().await && firm.may(&firm.ada, READ, ("invoice", "forty-two")).await);
    }
}

#[tokio::test]
async fn no_slug_is_made_that_looks_like_an_id() {
    let firm = Firm::new().await;
    let named = json!({ "name": firm.invoice, "type": "Invoice" });
    let made = firm.admin.post("/Resources", named).await.check(201).json();
    assert_eq!(made["slug"], format!("{}-2", firm.invoice));
}

#[tokio::test]
async fn a_resource_type_is_not_taken_for_a_scope() {
    let firm = Firm::new().await;
    let sort = |name: &str, slug: Option<&str>| json!({ "name": name, "slug": slug, "actions": [READ] });
    let refused = firm.admin.post("/Resource-Types", sort("Lens", Some("scope"))).await;
    invalid(refused, "`slug`: `scope` is reserved");
    let made = firm.admin.post("/Resource-Types", sort("Scope", None)).await.check(201).json();
    assert_eq!(made["slug"], "scope-2");
    // Of a resource it is a name like any other.
    let thing = json!({ "name": "Scope", "type": "scope-2" });
    assert_eq!(firm.admin.post("/Resources", thing).await.check(201).json()["slug"], "scope");
    assert!(!firm.may(&firm.ada, READ, ("scope-2", "scope")).await);
}

#[tokio::test]
async fn a_role_follows_a_resource_that_gets_another_slug_and_a_policy_stays_on_its_path() {
    let firm = Firm::new().await;
    let policy = json!({ "subject": format!("user-{}", firm.grace), "scope": "/invoice/42", "action": "invoices.pay" });
    firm.admin.post("!/v1/policies", policy).await.check(201);
    let moved = json!([{ "op": "replace", "path": "slug", "value": "43" }]);
    firm.admin.patch(&format!("/Resources/{}", firm.invoice), operations(moved)).await.check(200);
    for (subject, action, id, expected) in [
        (&firm.ada, READ, "43", true),
        (&firm.ada, READ, "42", false),
        (&firm.grace, "invoices.pay", "43", false),
        (&firm.grace, "invoices.pay", "42", true),
    ] {
        assert_eq!(firm.may(subject, action, ("invoice", id)).await, expected, "{action} {id}");
    }
    assert_eq!(firm.admin.find("/Policies", "scope sw \"/invoice/42\"").await.len(), 1);
}
