//! Slugs: where resources lie, which nobody takes away and nothing else looks like.

use serde_json::json;

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
    let sort = firm.admin.find("/Resource-Types", "name eq \"Invoice\"").await.concat();
    let draft = json!({ "name": "Invoice", "actions": [READ] });
    let thing = json!({ "name": "Forty-two", "type": "Invoice" });
    let paths = [
        (format!("/Resource-Types/{sort}"), draft, "invoice"),
        (format!("/Resources/{}", firm.invoice), thing, "42"),
    ];
    for (path, draft, slug) in paths {
        for operation in [
            json!({ "op": "remove", "path": "slug" }),
            json!({ "op": "replace", "path": "slug", "value": null }),
            json!({ "op": "replace", "value": { "slug": null, "description": "of its own" } }),
        ] {
            let body = operations(json!([operation]));
            let answer = firm.admin.patch(&path, body).await.check(200).json();
            assert_eq!(answer["slug"], slug, "{path}: {operation}");
        }
        let mut emptied = draft.clone();
        emptied["slug"] = json!(null);
        for body in [draft, emptied] {
            assert_eq!(firm.admin.put(&path, body.clone()).await.check(200).json()["slug"], slug, "{body}");
        }
        for id in ["42", &firm.invoice] {
            assert!(firm.may(&firm.ada, READ, ("invoice", id)).await, "{path}: {id}");
        }
    }
}

#[tokio::test]
async fn a_slug_does_not_look_like_an_id() {
    let firm = Firm::new().await;
    let thing = |slug: &str| json!({ "name": "B", "type": "Invoice", "slug": slug });
    for id in [firm.invoice.clone(), firm.invoice.to_uppercase()] {
        let said = format!("`slug`: `{id}` is reserved");
        invalid(firm.admin.post("/Resources", thing(&id)).await, &said);
    }
    let other = firm.admin.make("/Resources", thing("b")).await;
    let rename = json!([{ "op": "replace", "path": "slug", "value": firm.invoice }]);
    let said = format!("`slug`: `{}` is reserved", firm.invoice);
    invalid(firm.admin.patch(&format!("/Resources/{other}"), operations(rename)).await, &said);
    // Nor does one that is made of a name.
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
