//! The subjects of policies: each is there, is named in one spelling whichever way a policy comes, and takes its policies along.

use serde_json::{Value, json};
use store::AuditQuery;

use super::Firm;
use crate::world::{Answer, Caller, group, operations, user};

fn policy(subject: &str) -> Value {
    json!({ "subject": subject, "scope": "/vault", "action": "vault.open" })
}

/// A policy for somebody else.
fn for_subject(subject: &str) -> Value {
    operations(json!([{ "op": "replace", "path": "subject", "value": subject }]))
}

#[track_caller]
fn refused(answer: Answer, subject: &str) {
    let body = answer.check(400).json();
    assert_eq!(body["detail"], format!("`subject`: there is no subject `{subject}`"));
}

async fn policies(caller: &Caller, subject: &str) -> Value {
    caller.get(&format!("!/v1/policies?subject={subject}")).await.check(200).json()["totalCount"].clone()
}

#[tokio::test]
async fn a_policy_is_for_a_subject_that_is_there() {
    let firm = Firm::new().await;
    let stranger = firm.world.admin("globex").await.make("/Users", user("eve")).await;
    let made = format!("/Policies/{}", firm.admin.make("/Policies", policy(&firm.ada)).await);
    let before = firm.admin.get(&made).await.check(200).json();
    let wrong = [
        "user-nobody".to_owned(),
        // Of another tenant, and of another kind.
        format!("user-{stranger}"),
        format!("group-{}", firm.ada),
        // A prefix is followed by an id.
        "user-ada@acme.com".to_owned(),
    ];
    // What has no prefix, and nobody is called by, may stand in a policy that comes by SCIM, and grants nothing.
    for subject in ["nonsense", &stranger, &firm.reader] {
        refused(firm.admin.post("!/v1/policies", policy(subject)).await, subject);
        let made = firm.admin.make("/Policies", policy(subject)).await;
        assert_eq!(firm.admin.get(&format!("/Policies/{made}")).await.check(200).json()["subject"], subject);
        firm.admin.delete(&format!("/Policies/{made}")).await.check(204);
    }
    for subject in &wrong {
        refused(firm.admin.post("/Policies", policy(subject)).await, subject);
        refused(firm.admin.post("!/v1/policies", policy(subject)).await, subject);
        refused(firm.admin.put(&made, policy(subject)).await, subject);
        refused(firm.admin.patch(&made, for_subject(subject)).await, subject);
        assert_eq!(policies(&firm.admin, subject).await, 0);
    }
    assert_eq!(firm.admin.get(&made).await.check(200).json(), before);
}

#[tokio::test]
async fn a_policy_names_its_subject_in_one_spelling() {
    let firm = Firm::new().await;
    let robot = firm.admin.make("/Clients", json!({ "name": "Robot" })).await;
    let (ada, staff, robot) =
        (format!("user-{}", firm.ada), format!("group-{}", firm.staff), format!("client-{robot}"));
    let bare = |subject: &str| subject.split_once('-').unwrap().1.to_owned();
    for (written, kept) in [
        (ada.clone(), &ada),
        (bare(&ada), &ada),
        ("ADA@acme.com".to_owned(), &ada),
        (bare(&staff), &staff),
        (bare(&robot), &robot),
    ] {
        // By SCIM, and from one subject to another.
        let made = firm.admin.post("/Policies", policy(&written)).await.check(201);
        assert_eq!(made.json()["subject"], *kept, "{written}");
        let path = format!("/Policies/{}", made.id());
        assert_eq!(firm.admin.find("/Policies", &format!("subject eq \"{kept}\"")).await, [made.id()]);
        assert!(firm.admin.post("/Policies", policy(kept)).await.check(409).text.contains("`subject`"));
        let other = format!("user-{}", firm.grace);
        firm.admin.patch(&path, for_subject(&other)).await.check(200);
        let back = firm.admin.patch(&path, for_subject(&written)).await.check(200);
        assert_eq!(back.json()["subject"], *kept, "{written}");
        firm.admin.patch(&path, for_subject(&other)).await.check(200);
        assert_eq!(firm.admin.put(&path, policy(&written)).await.check(200).json()["subject"], *kept);
        // By `/v1` it is the same.
        let same = firm.admin.post("!/v1/policies", policy(&written)).await.check(200);
        assert_eq!((same.id(), &same.json()["subject"]), (made.id(), &json!(kept)));
        assert_eq!(policies(&firm.admin, &crate::world::encoded(&written)).await, 1, "{written}");
        firm.admin.delete(&path).await.check(204);
        let made = firm.admin.post("!/v1/policies", policy(&written)).await.check(201);
        assert_eq!(made.json()["subject"], *kept, "{written}");
        firm.admin.delete(&format!("!/v1/policies/{}", made.id())).await.check(204);
    }
    firm.admin.post("/Policies", policy(&firm.ada)).await.check(201);
    assert!(firm.may(&firm.ada, "vault.open", ("vault", "1")).await);
    // Whom the same request creates, too.
    let answer = firm.admin.post(
        "/Bulk",
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [
                { "method": "POST", "path": "/Policies", "bulkId": "p", "data": policy("bulkId:u") },
                { "method": "POST", "path": "/Users", "bulkId": "u", "data": user("kay") },
            ],
        }),
    );
    let done = answer.await.check(200).json();
    assert_eq!(
        (&done["Operations"][0]["status"], &done["Operations"][1]["status"]),
        (&json!("201"), &json!("201")),
        "{done}"
    );
    assert_eq!(policies(&firm.admin, "kay").await, 1);
}

#[tokio::test]
async fn whoever_is_deleted_takes_their_policies_along() {
    let firm = Firm::new().await;
    let robot = firm.admin.make("/Clients", json!({ "name": "Robot" })).await;
    let inner = firm.admin.make("/Groups", group("inner", &[])).await;
    let kept = firm.admin.make("/Policies", policy(&firm.grace)).await;
    let tenant = firm.world.iam.operate(crate::world::OPERATOR, "acme").await.unwrap().tenant;
    let deletions = async || {
        let (mut ids, store) = (Vec::new(), firm.world.iam.store().tenant(tenant));
        let all = AuditQuery { after: 0, before: i64::MAX, descending: false, take: u64::MAX };
        store
            .audit(&all, |entry| {
                ids.extend((entry.verb == "delete").then(|| format!("{} {}", entry.kind, entry.id)));
                std::ops::ControlFlow::Continue(())
            })
            .await
            .unwrap();
        ids
    };
    for (kind, endpoint, id) in
        [("User", "/Users", &firm.ada), ("Client", "/Clients", &robot), ("Group", "/Groups", &inner)]
    {
        let first = firm.admin.make("/Policies", policy(id)).await;
        let mut second = policy(id);
        second["scope"] = "durward:/users".into();
        let second = firm.admin.make("/Policies", second).await;
        let subject = format!("{}-{id}", kind.to_lowercase());
        assert_eq!(policies(&firm.admin, &subject).await, 2);
        let path = format!("{endpoint}/{id}");
        // Whoever may delete the subject need not be able to take its policies back.
        let provider = firm.world.provider("acme").await;
        let stale = provider.with("if-match", "W/\"7\"").delete(&path).await;
        stale.check(412);
        assert_eq!(policies(&firm.admin, &subject).await, 2);
        provider.delete(&path).await.check(204);
        assert_eq!(policies(&firm.admin, &subject).await, 0);
        for policy in [&first, &second] {
            firm.admin.get(&format!("/Policies/{policy}")).await.check(404);
        }
        let audited = deletions().await;
        let audited = &audited[audited.len() - 3..];
        let mut expected = [format!("Policy {first}"), format!("Policy {second}")];
        expected.sort();
        assert_eq!(audited, [expected[0].clone(), expected[1].clone(), format!("{kind} {id}")]);
        refused(firm.admin.post("/Policies", policy(&subject)).await, &subject);
    }
    assert_eq!(firm.admin.find("/Policies", "scope pr").await, [kept]);
    assert_eq!(firm.admin.get("/Policies?count=0").await.json()["totalResults"], 1);
    // Whose it is no more it does not go with.
    let policy = format!("/Policies/{}", firm.admin.make("/Policies", policy(&firm.staff)).await);
    firm.admin.patch(&policy, for_subject(&firm.grace)).await.check(409);
    firm.admin.delete(&format!("/Users/{}", firm.grace)).await.check(204);
    let hal = firm.admin.make("/Users", user("hal")).await;
    firm.admin.patch(&policy, for_subject(&hal)).await.check(200);
    firm.admin.delete(&format!("/Groups/{}", firm.staff)).await.check(204);
    firm.admin.get(&policy).await.check(200);
    assert!(firm.may("hal", "vault.open", ("vault", "1")).await);
    firm.admin.delete(&policy).await.check(204);
    firm.admin.delete(&format!("/Users/{hal}")).await.check(204);
}

#[tokio::test]
async fn a_policy_that_is_made_while_its_subject_goes_is_refused_or_goes_along() {
    let firm = Firm::new().await;
    let there = Caller { router: firm.world.beside().await.router, ..firm.admin.clone() };
    for round in 0..12 {
        let name = format!("u{round}");
        let id = firm.admin.make("/Users", user(&name)).await;
        let kept = firm.admin.make("/Policies", policy(&id)).await;
        let mut more = policy(&format!("user-{id}"));
        more["action"] = "vault.close".into();
        let (path, kept) = (format!("/Users/{id}"), format!("/Policies/{kept}"));
        let moved = operations(json!([{ "op": "replace", "path": "scope", "value": "/cellar" }]));
        let (gone, made, changed) =
            tokio::join!(firm.admin.delete(&path), there.post("/Policies", more), there.patch(&kept, moved));
        gone.check(204);
        assert!([201, 400].contains(&made.status.as_u16()), "{}", made.text);
        assert!([200, 404].contains(&changed.status.as_u16()), "{}", changed.text);
        assert_eq!(firm.admin.get("/Policies?count=0").await.json()["totalResults"], 0, "{round}");
        assert_eq!(policies(&there, &format!("user-{id}")).await, 0);
    }
}
