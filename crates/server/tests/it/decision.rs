//! The decision API over HTTP: what is granted by either model is decided, explained and searched, at once.

mod policies;
mod slugs;
mod subjects;

use expect_test::{Expect, expect};
use http::Method;
use iam::Error;
use iam::access::{Decisions, Read};
use serde_json::{Value, json};

use crate::world::{Answer, Caller, OPERATOR, World, everywhere, group, operations, user};

/// A tenant with a small access model: Ada is in the staff, who may read invoices; Grace has a role of her own.
struct Firm {
    world: World,
    admin: Caller,
    ada: String,
    grace: String,
    staff: String,
    read: String,
    invoice: String,
    reading: String,
    reader: String,
}

impl Firm {
    async fn new() -> Self {
        let world = World::new().await;
        let admin = world.admin("acme").await;
        let ada = admin.make("/Users", user("ada@acme.com")).await;
        let grace = admin.make("/Users", user("grace@acme.com")).await;
        let staff = admin.make("/Groups", group("Staff", &[&ada])).await;
        let read = admin.make("/Actions", json!({ "name": "invoices.read" })).await;
        admin.make("/Actions", json!({ "name": "invoices.pay" })).await;
        admin.make("/Resource-Types", json!({ "name": "Invoice", "actions": ["invoices.read"] })).await;
        let resource = json!({ "name": "42", "type": "Invoice" });
        let invoice = admin.make("/Resources", resource).await;
        let statements = json!([{ "actions": ["invoices.read"], "resource": invoice }]);
        let reading = json!({ "name": "Reading", "statements": statements });
        let reading = admin.make("/Permissions", reading).await;
        let role = json!({ "name": "Reader", "id": "reader", "permissions": [&reading], "members": [{ "value": staff }] });
        let reader = admin.make("/Roles", role).await;
        Self { world, admin, ada, grace, staff, read, invoice, reading, reader }
    }

    async fn ask(&self, path: &str, body: Value) -> Answer {
        let bytes = body.to_string().into_bytes();
        let path = format!("!/acme/access/v1{path}");
        self.admin.send_bytes(Method::POST, &path, Some(bytes), "application/json").await
    }

    #[track_caller]
    fn may(&self, subject: &str, action: &str, resource: (&str, &str)) -> impl Future<Output = bool> {
        let body = question(subject, action, resource);
        async move { self.ask("/evaluation", body).await.check(200).json()["decision"] == true }
    }

    /// Members of the group of the staff.
    async fn staff(&self, operation: Value) {
        self.admin.patch(&format!("/Groups/{}", self.staff), operations(json!([operation]))).await.check(204);
    }
}

pub(crate) fn question(subject: &str, action: &str, (kind, id): (&str, &str)) -> Value {
    json!({
        "subject": { "type": "user", "id": subject },
        "action": { "name": action },
        "resource": { "type": kind, "id": id },
    })
}

#[tokio::test]
async fn a_role_of_a_group_is_decided_and_explained() {
    let firm = Firm::new().await;
    for (subject, resource, expected) in [
        (firm.ada.as_str(), ("invoice", firm.invoice.as_str()), true),
        // By the user name, in any case, and by the prefixed id.
        ("ADA@acme.com", ("invoice", &firm.invoice), true),
        (&format!("user-{}", firm.ada), ("invoice", &firm.invoice), true),
        // By the slug of the resource, and what lies in it.
        (&firm.ada, ("invoice", "42"), true),
        (&firm.ada, ("invoice", "42/lines"), true),
        (&firm.ada, ("invoice", "43"), false),
        (&firm.ada, ("scope", "/invoice/42"), true),
        (&firm.grace, ("invoice", "42"), false),
        ("nobody", ("invoice", "42"), false),
    ] {
        assert_eq!(firm.may(subject, "invoices.read", resource).await, expected, "{subject} {resource:?}");
    }
    let mut body = question("ada@acme.com", "invoices.read", ("invoice", "42"));
    body["context"] = json!({ "explain": true });
    let shown = |answer: &Answer, expected: Expect| {
        let mut text = serde_json::to_string_pretty(&answer.json()).unwrap();
        for (id, name) in [
            (&firm.ada, "ada"),
            (&firm.grace, "grace"),
            (&firm.staff, "staff"),
            (&firm.invoice, "invoice"),
            (&firm.reading, "reading"),
        ] {
            text = text.replace(id.as_str(), &format!("<{name}>"));
        }
        expected.assert_eq(&text);
    };
    shown(
        &firm.ask("/evaluation", body.clone()).await.check(200),
        expect![[r#"
            {
              "decision": true,
              "context": {
                "reason": "granted",
                "paths": [
                  {
                    "steps": [
                      {
                        "type": "user",
                        "id": "<ada>",
                        "display": "ada@acme.com"
                      },
                      {
                        "type": "group",
                        "id": "<staff>",
                        "display": "Staff"
                      },
                      {
                        "type": "role",
                        "id": "reader",
                        "display": "Reader"
                      },
                      {
                        "type": "permission",
                        "id": "<reading>",
                        "display": "Reading"
                      }
                    ],
                    "action": "invoices.read",
                    "on": {
                      "type": "resource",
                      "id": "<invoice>",
                      "display": "42"
                    }
                  }
                ]
              }
            }"#]],
    );
    body["subject"]["id"] = firm.grace.as_str().into();
    shown(
        &firm.ask("/evaluation", body).await.check(200),
        expect![[r#"
        {
          "decision": false,
          "context": {
            "reason": "nothing grants it",
            "has": [],
            "could": [
              {
                "type": "user",
                "id": "<ada>",
                "display": "ada@acme.com"
              }
            ]
          }
        }"#]],
    );
}

#[tokio::test]
async fn a_decision_after_a_change_sees_it_whoever_made_it() {
    let firm = Firm::new().await;
    let beside = firm.world.beside().await;
    let other = Caller { router: beside.router.clone(), ..firm.admin.clone() };
    // Whoever made the change is asked at once, and the other as soon as it must know.
    let told = async |by: &Caller, subject: &str, expected: bool| {
        let body = question(subject, "invoices.read", ("invoice", "42"));
        let may = async |caller: &Caller| {
            caller.post("!/access/v1/evaluation", body.clone()).await.check(200).json()["decision"] == true
        };
        assert_eq!(may(by).await, expected, "{subject}");
        everywhere().await;
        for caller in [&firm.admin, &other] {
            assert_eq!(may(caller).await, expected, "{subject}");
        }
    };
    told(&firm.admin, &firm.ada, true).await;
    told(&firm.admin, &firm.grace, false).await;
    // A member comes and goes, by this server and by the other one.
    for caller in [&firm.admin, &other] {
        let path = format!("/Groups/{}", firm.staff);
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": firm.grace }] }]);
        caller.patch(&path, operations(add)).await.check(204);
        told(caller, &firm.grace, true).await;
        let gone = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", firm.grace) }]);
        caller.patch(&path, operations(gone)).await.check(204);
        told(caller, &firm.grace, false).await;
        told(caller, &firm.ada, true).await;
    }
    // A user who is deactivated, blocked, or gone may do nothing.
    let ada = format!("/Users/{}", firm.ada);
    const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
    for (path, off, on) in [("active".to_owned(), false, true), (format!("{CUSTOM}:blocked"), true, false)] {
        for (value, expected) in [(off, false), (on, true)] {
            let operation = json!([{ "op": "replace", "path": path, "value": value }]);
            other.patch(&ada, operations(operation)).await.check(200);
            told(&other, &firm.ada, expected).await;
        }
    }
    // An action that is not active is done by nobody.
    let action = format!("/Actions/{}", firm.read);
    for value in [false, true] {
        let operation = json!([{ "op": "replace", "path": "active", "value": value }]);
        other.patch(&action, operations(operation)).await;
        told(&other, &firm.ada, value).await;
    }
    // A role that is deleted and made again under its id has the members it has now.
    other.delete(&format!("/Roles/{}", firm.reader)).await.check(204);
    let statements = json!([{ "actions": [firm.read], "resource": firm.invoice }]);
    let role = json!({ "name": "Reader", "id": "reader", "statements": statements, "members": [{ "value": firm.grace }] });
    other.make("/Roles", role).await;
    told(&other, &firm.ada, false).await;
    told(&other, &firm.grace, true).await;
    other.delete(&format!("/Users/{}", firm.grace)).await.check(204);
    told(&other, &firm.grace, false).await;
}

#[tokio::test]
async fn resources_lie_where_the_slug_of_their_type_says() {
    let firm = Firm::new().await;
    assert!(firm.may(&firm.ada, "invoices.read", ("invoice", &firm.invoice)).await);
    let types = firm.admin.find("/Resource-Types", "name eq \"Invoice\"").await;
    let operation = json!([{ "op": "replace", "path": "slug", "value": "bill" }]);
    let renamed = firm.admin.patch(&format!("/Resource-Types/{}", types[0]), operations(operation)).await;
    assert!(renamed.status.is_success(), "{}", renamed.text);
    for (kind, id, expected) in [
        ("bill", firm.invoice.as_str(), true),
        ("bill", "42", true),
        ("invoice", "42", false),
        ("invoice", &firm.invoice, false),
    ] {
        assert_eq!(firm.may(&firm.ada, "invoices.read", (kind, id)).await, expected, "{kind} {id}");
    }
}

#[tokio::test]
async fn many_questions_are_answered_in_order_and_as_far_as_is_wanted() {
    let firm = Firm::new().await;
    let resources = ["42", "43", "42"].map(|id| json!({ "resource": { "type": "invoice", "id": id } }));
    let mut body = json!({
        "subject": { "type": "user", "id": "ada@acme.com" },
        "action": { "name": "invoices.read" },
        "evaluations": resources,
    });
    let decisions = |answer: Answer| -> Vec<Value> {
        let answer = answer.check(200).json();
        answer["evaluations"].as_array().unwrap().iter().map(|one| one["decision"].clone()).collect()
    };
    for (semantic, expected) in [
        ("execute_all", json!([true, false, true])),
        ("deny_on_first_deny", json!([true, false])),
        ("permit_on_first_permit", json!([true])),
    ] {
        body["options"] = json!({ "evaluations_semantic": semantic });
        let answer = firm.ask("/evaluations", body.clone()).await;
        assert_eq!(Value::from(decisions(answer)), expected, "{semantic}");
    }
    // What is wrong with one is its answer alone.
    body["options"] = json!({});
    body["evaluations"][1] = json!({ "resource": { "type": "invoice", "id": "a/../b" } });
    let answer = firm.ask("/evaluations", body).await.check(200).json();
    expect![[r#"{"evaluations":[{"decision":true},{"decision":false,"context":{"error":{"status":400,"message":"`resource`: the resource `a/../b` has a segment `.` or `..`"}}},{"decision":true}]}"#]].assert_eq(&answer.to_string());
    // Without a list it is one question.
    let one = question(&firm.ada, "invoices.read", ("invoice", "42"));
    assert_eq!(firm.ask("/evaluations", one).await.check(200).json(), json!({ "decision": true }));
}

#[tokio::test]
async fn searches_find_what_is_allowed_page_by_page() {
    let firm = Firm::new().await;
    for number in 0..5 {
        let id = firm.admin.make("/Users", user(&format!("u{number}@acme.com"))).await;
        firm.staff(json!({ "op": "add", "path": "members", "value": [{ "value": id }] })).await;
    }
    let mut body = question("", "invoices.read", ("invoice", "42"));
    body["subject"] = json!({ "type": "user" });
    let (mut found, mut pages) = (Vec::new(), 0);
    body["page"] = json!({ "limit": 2 });
    loop {
        let page = firm.ask("/search/subject", body.clone()).await.check(200).json();
        pages += 1;
        found.extend(
            page["results"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let next = page["page"]["next_token"].as_str().unwrap();
        if next.is_empty() {
            break;
        }
        // The size of a page stays, whether it is said again or not.
        body["page"] = json!({ "limit": 3, "token": next });
        let refused = firm.ask("/search/subject", body.clone()).await.check(400).json();
        assert_eq!(refused["detail"], "`page.limit`: must stay 2 from page to page");
        body["page"] =
            if pages == 1 { json!({ "token": next }) } else { json!({ "limit": 2, "token": next }) };
    }
    assert!(found.is_sorted() && found.contains(&firm.ada) && !found.contains(&firm.grace), "{found:?}");
    assert_eq!((found.len(), pages), (6, 3));
    // A token is good for its own search, as long as it is not changed.
    let mut other = body.clone();
    other["action"]["name"] = "invoices.pay".into();
    assert_eq!(firm.ask("/search/subject", other).await.check(400).json()["title"], "Bad Request");
    body["page"]["token"] = "bm9uc2Vuc2U".into();
    let refused = firm.ask("/search/subject", body.clone()).await.check(400).json();
    assert!(refused["detail"].as_str().unwrap().starts_with("`page.token`: "), "{refused}");
    body["page"] = json!({ "limit": 0 });
    let none = firm.ask("/search/subject", body).await.check(200).json();
    assert!(none["results"] == json!([]) && none["page"]["next_token"] != "", "{none}");

    let mut body = question("ada@acme.com", "invoices.read", ("invoice", ""));
    body["resource"] = json!({ "type": "invoice" });
    let found = firm.ask("/search/resource", body).await.check(200).json();
    assert_eq!(found["results"], json!([{ "type": "invoice", "id": firm.invoice }]));
    let mut body = question("ada@acme.com", "", ("invoice", "42"));
    body.as_object_mut().unwrap().remove("action");
    let found = firm.ask("/search/action", body.clone()).await.check(200).json();
    assert_eq!(found["results"], json!([{ "name": "invoices.read" }]));
    body["subject"]["id"] = "nobody".into();
    assert_eq!(firm.ask("/search/action", body).await.check(200).json()["results"], json!([]));
}

#[tokio::test]
async fn a_message_that_is_wrong_is_refused_by_member() {
    let firm = Firm::new().await;
    let good = question(&firm.ada, "invoices.read", ("invoice", "42"));
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, expected) in [
        (json!({}), expect!["`subject`: is missing"]),
        (with("/subject", json!("ada")), expect!["`subject`: must be an object, not a string"]),
        (with("/subject/id", json!(7)), expect!["`subject.id`: must be a string, not a number"]),
        (
            with("/action/name", json!("a..b")),
            expect!["`action.name`: the action `a..b` has an empty segment"],
        ),
        (
            with("/resource/id", json!("a/../b")),
            expect!["`resource`: the resource `a/../b` has a segment `.` or `..`"],
        ),
        (
            with("/resource/type", json!("..")),
            expect!["`resource`: the resource `42` has a segment `.` or `..`"],
        ),
        (
            with("/resource", json!({ "type": "scope", "id": "no scope" })),
            expect!["`resource`: the scope `no scope` is neither a path that begins with `/` nor a URI"],
        ),
    ] {
        let answer = firm.ask("/evaluation", body).await.check(400).json();
        expected.assert_eq(answer["detail"].as_str().unwrap());
    }
    for bytes in ["", "[]", "{", "\"a\""] {
        let sent =
            firm.admin.send_bytes(Method::POST, "!/access/v1/evaluation", Some(bytes), "application/json");
        sent.await.check(400);
    }
    let sent = firm.admin.send_bytes(Method::POST, "!/access/v1/evaluation", Some("{}"), "text/plain");
    sent.await.check(415);
}

#[tokio::test]
async fn the_api_describes_itself() {
    let world = World::new().await;
    let nobody = world.nobody("acme");
    let described = nobody.get("!/.well-known/authzen-configuration").await.check(200).json();
    assert_eq!(described["policy_decision_point"], "https://id.example");
    let described = nobody.get("!/.well-known/authzen-configuration/acme").await.check(200).json();
    assert_eq!(described["policy_decision_point"], "https://id.example/acme");
    assert_eq!(described["search_action_endpoint"], "https://id.example/acme/access/v1/search/action");
    nobody.get("!/.well-known/authzen-configuration/No%20Tenant").await.check(404);
}

#[tokio::test]
async fn tenants_decide_for_themselves() {
    let firm = Firm::new().await;
    let stranger = firm.world.admin("globex").await;
    let everything =
        json!({ "subject": format!("user-{}", firm.grace), "scope": "/", "action": "invoices.manage" });
    // A subject of another tenant is none.
    stranger.post("!/v1/policies", everything.clone()).await.check(400);
    stranger.post("/Policies", everything).await.check(400);
    assert!(!firm.may(&firm.grace, "invoices.read", ("invoice", "42")).await);
    let body = question(&firm.ada, "invoices.read", ("invoice", "42"));
    let answer = stranger.post("!/access/v1/evaluation", body.clone()).await.check(200).json();
    assert_eq!(answer, json!({ "decision": false }));
    stranger.post("!/acme/access/v1/evaluation", body.clone()).await.check(401);
    let mut search = body;
    search["subject"] = json!({ "type": "user" });
    let found = stranger.post("!/access/v1/search/subject", search).await.check(200).json();
    assert_eq!(found["results"], json!([]));
}

/// What `durward explain` prints.
#[tokio::test]
async fn an_explanation_reads_as_a_tree() {
    let firm = Firm::new().await;
    let cx = firm.world.iam.operate(OPERATOR, "acme").await.unwrap();
    let permit = firm.world.iam.permit(&cx, Read, Decisions).await.unwrap();
    let invoice = ("invoice", "42");
    let explained =
        firm.world.iam.explain(&cx, permit, ("user", "ada@acme.com"), "invoices.read", invoice).await;
    let tree = explained.unwrap().text().replace(&firm.ada, "1").replace(&firm.staff, "2");
    let tree = tree.replace(&firm.reading, "3").replace(&firm.invoice, "4");
    expect![[r#"
        allowed: user ada@acme.com (1) may invoices.read on /invoice/42
        └─ group Staff (2)
           └─ role Reader (reader)
              └─ permission Reading (3)
                 └─ invoices.read on resource 42 (4)
    "#]]
    .assert_eq(&tree);
    let nobody = firm.world.iam.explain(&cx, permit, ("user", "nobody"), "invoices.read", invoice).await;
    assert_eq!(nobody.unwrap_err(), Error::NotFound("there is no user `nobody`".to_owned()));
}

#[tokio::test]
async fn a_client_is_a_subject_like_a_user() {
    let firm = Firm::new().await;
    let robot = firm.admin.make("/Clients", json!({ "name": "Robot" })).await;
    let may = async |action: &str| {
        let mut body = question(&robot, action, ("invoice", "42"));
        body["subject"]["type"] = "client".into();
        body["context"] = json!({ "explain": true });
        firm.ask("/evaluation", body).await.check(200).json()
    };
    assert_eq!(may("invoices.read").await["decision"], false);
    firm.staff(json!({ "op": "add", "path": "members", "value": [{ "value": robot }] })).await;
    let answer = may("invoices.read").await;
    let steps = answer["context"]["paths"][0]["steps"].as_array().unwrap();
    let shown: Vec<_> = steps.iter().map(|step| step["display"].as_str().unwrap()).collect();
    assert_eq!((&answer["decision"], shown), (&json!(true), vec!["Robot", "Staff", "Reader", "Reading"]));
    let policy =
        json!({ "subject": format!("client-{robot}"), "scope": "/invoice", "action": "invoices.pay" });
    firm.admin.post("!/v1/policies", policy).await.check(201);
    assert_eq!(may("invoices.pay").await["decision"], true);
    let who = json!({
        "subject": { "type": "client" }, "action": { "name": "invoices.pay" },
        "resource": { "type": "invoice", "id": "42" },
    });
    let found = async || firm.ask("/search/subject", who.clone()).await.check(200).json()["results"].clone();
    assert_eq!(found().await, json!([{ "type": "client", "id": robot }]));
    // Who else could is named as people know it.
    let body = explained(question(&firm.grace, "invoices.pay", ("invoice", "42")));
    let denied = firm.ask("/evaluation", body).await.check(200).json();
    assert_eq!(denied["context"]["could"], json!([{ "type": "client", "id": robot, "display": "Robot" }]));
    let set = async |active: bool| {
        let operation = json!([{ "op": "replace", "path": "active", "value": active }]);
        firm.admin.patch(&format!("/Clients/{robot}"), operations(operation)).await.check(200);
    };
    set(false).await;
    let answer = may("invoices.pay").await;
    assert_eq!(
        (&answer["decision"], &answer["context"]["reason"]),
        (&json!(false), &json!("the subject is not active"))
    );
    assert_eq!(found().await, json!([]));
    set(true).await;
    assert_eq!(may("invoices.read").await["decision"], true);
    firm.admin.delete(&format!("/Clients/{robot}")).await.check(204);
    assert_eq!(may("invoices.read").await["context"]["reason"], "there is no such subject");
    let policy =
        json!({ "subject": format!("client-{robot}"), "scope": "/invoice", "action": "invoices.read" });
    firm.admin.post("!/v1/policies", policy).await.check(400);
}

fn explained(mut body: Value) -> Value {
    body["context"] = json!({ "explain": true });
    body
}
