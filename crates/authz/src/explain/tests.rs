//! Whole explanations, as people and programs read them.

use expect_test::{Expect, expect};

use super::*;
use crate::action::Action;
use crate::graph::{ActionRef, Change, Statement, Subject};
use crate::naive::{LIMITS, SCOPE};
use crate::scope::Scope;

fn statement(actions: &[&str], target: &str) -> Statement {
    let actions = actions.iter().map(|name| ActionRef::Name(Action::parse(name, 64).unwrap()));
    let target = match Scope::parse(target, &SCOPE) {
        Ok(scope) => Target::Scope(scope),
        Err(_) => Target::Resource(target.to_owned()),
    };
    Statement::new(actions.collect(), target).unwrap()
}

/// Ada is in staff, which is in everybody; staff reads, admins manage, and Ada shares one document by a policy.
fn graph() -> Graph {
    let mut graph = Graph::seeded(1);
    let mut apply = |change: Change<'_>| graph.apply(&change).unwrap();
    for subject in [
        "user-ada",
        "user-grace",
        "user-old",
        "client-robot",
        "group-staff",
        "group-everybody",
        "group-admins",
    ] {
        apply(Change::Subject { subject: Subject::parse(subject).unwrap(), active: subject != "user-old" });
    }
    for (group, member) in [
        ("staff", "user-ada"),
        ("everybody", "group-staff"),
        ("admins", "user-grace"),
        ("admins", "user-old"),
    ] {
        apply(Change::Member { group, member: Subject::parse(member).unwrap() });
    }
    for (role, member) in [
        ("reader", "group-everybody"),
        ("reader", "user-ada"),
        ("admin", "group-admins"),
        ("admin", "client-robot"),
    ] {
        apply(Change::RoleMember { role, member: Subject::parse(member).unwrap() });
    }
    let scope = Scope::parse("/documents/plan", &SCOPE).unwrap();
    apply(Change::Resource { id: "plan", kind: "documents", scope: &scope });
    apply(Change::Permission { id: "read all", statements: &[statement(&["documents.read"], "/documents")] });
    apply(Change::Role { id: "reader", permissions: &["read all".to_owned()], statements: &[] });
    apply(Change::Role {
        id: "admin",
        permissions: &[],
        statements: &[statement(&["documents.manage"], "/")],
    });
    let action = Action::parse("documents.share", 64).unwrap();
    apply(Change::Policy {
        id: "7",
        subject: Subject::parse("user-ada").unwrap(),
        action: &action,
        scope: &scope,
    });
    graph
}

fn explained(subject: &str, action: &str, target: &Target, limits: &Limits) -> Explanation {
    let (subject, action) = (Subject::parse(subject).unwrap(), Action::parse(action, 64).unwrap());
    explain(&graph(), &Question { subject, action: &action, target }, limits)
}

#[track_caller]
fn check(subject: &str, action: &str, target: &str, expected: Expect) {
    let target = statement(&[action], target).target().clone();
    expected.assert_eq(&explained(subject, action, &target, &LIMITS).text());
}

#[test]
fn an_allow_shows_every_path_the_shortest_first() {
    check(
        "user-ada",
        "documents.read",
        "plan",
        expect![[r#"
        allowed: user ada may documents.read on resource plan
        ├─ role reader
        │  └─ permission read all
        │     └─ documents.read on /documents
        └─ group staff
           └─ group everybody
              └─ role reader
                 └─ permission read all
                    └─ documents.read on /documents
    "#]],
    );
    check(
        "user-grace",
        "documents.read",
        "plan",
        expect![[r#"
        allowed: user grace may documents.read on resource plan
        └─ group admins
           └─ role admin
              └─ documents.manage on /
    "#]],
    );
    check(
        "group-admins",
        "documents.x.y",
        "/elsewhere",
        expect![[r#"
        allowed: group admins may documents.x.y on /elsewhere
        └─ role admin
           └─ documents.manage on /
    "#]],
    );
    check(
        "user-ada",
        "documents.share",
        "/documents/plan/page",
        expect![[r#"
        allowed: user ada may documents.share on /documents/plan/page
        └─ policy 7
           └─ documents.share on /documents/plan
    "#]],
    );
}

#[test]
fn a_denial_shows_what_there_is_instead_and_who_could() {
    check(
        "user-ada",
        "documents.write",
        "plan",
        expect![[r#"
        denied: user ada may not documents.write on resource plan: nothing grants it
        ├─ has on it
        │  ├─ policy 7
        │  │  └─ documents.share on /documents/plan
        │  ├─ role reader
        │  │  └─ permission read all
        │  │     └─ documents.read on /documents
        │  └─ group staff
        │     └─ group everybody
        │        └─ role reader
        │           └─ permission read all
        │              └─ documents.read on /documents
        └─ could
           ├─ user grace
           └─ client robot
    "#]],
    );
    check(
        "user-old",
        "documents.read",
        "plan",
        expect![[r#"
        denied: user old may not documents.read on resource plan: the subject is not active
        ├─ has on it
        │  └─ group admins
        │     └─ role admin
        │        └─ documents.manage on /
        └─ could
           ├─ user ada
           ├─ user grace
           └─ client robot
    "#]],
    );
    check(
        "user-nobody",
        "documents.read",
        "plan",
        expect![[r#"
        denied: user nobody may not documents.read on resource plan: there is no such subject
        └─ could
           ├─ user ada
           ├─ user grace
           └─ client robot
    "#]],
    );
    check(
        "user-ada",
        "billing.read",
        "/",
        expect![[r#"
        denied: user ada may not billing.read on /: nothing grants it
    "#]],
    );
    check(
        "user-ada",
        "documents.read",
        "nothing",
        expect![[r#"
        denied: user ada may not documents.read on resource nothing: nothing grants it
    "#]],
    );
}

#[test]
fn limits_are_said() {
    let plan = Target::Resource("plan".to_owned());
    let few = Limits { paths: 1, others: 1, ..LIMITS };
    expect![[r#"
        allowed: user ada may documents.read on resource plan
        ├─ role reader
        │  └─ permission read all
        │     └─ documents.read on /documents
        └─ and more
    "#]]
    .assert_eq(&explained("user-ada", "documents.read", &plan, &few).text());
    expect![[r#"
        denied: user ada may not documents.write on resource plan: nothing grants it
        ├─ has on it
        │  └─ policy 7
        │     └─ documents.share on /documents/plan
        ├─ could
        │  └─ user grace
        └─ and more
    "#]]
    .assert_eq(&explained("user-ada", "documents.write", &plan, &few).text());
    // Reading is granted to everybody, which is further than may be walked; the role that Ada has herself is taken away.
    let mut graph = graph();
    let ada = Subject::parse("user-ada").unwrap();
    graph.apply(&Change::RoleMemberRemoved { role: "reader", member: ada }).unwrap();
    let action = Action::parse("documents.read", 64).unwrap();
    let question = Question { subject: ada, action: &action, target: &plan };
    expect![[r#"
        denied: user ada may not documents.read on resource plan: the subject is in more groups than are walked, and those that were do not grant it
        ├─ has on it
        │  └─ policy 7
        │     └─ documents.share on /documents/plan
        ├─ could
        │  ├─ user grace
        │  └─ client robot
        └─ and more
    "#]].assert_eq(&explain(&graph, &question, &Limits { groups: 1, ..LIMITS }).text());
    expect![[r#"
        allowed: user ada may documents.read on resource plan
        └─ group staff
           └─ group everybody
              └─ role reader
                 └─ permission read all
                    └─ documents.read on /documents
    "#]]
    .assert_eq(&explain(&graph, &question, &Limits { groups: 2, ..LIMITS }).text());
}

#[test]
fn programs_read_json_with_the_names_that_people_use() {
    let plan = Target::Resource("plan".to_owned());
    let mut allowed = explained("user-grace", "documents.read", &plan, &LIMITS);
    for user in allowed.nodes_mut().filter(|node| node.kind == Kind::User) {
        user.display = Some(user.id.to_uppercase());
    }
    expect![[r#"
        {
          "reason": "granted",
          "paths": [
            {
              "steps": [
                {
                  "type": "user",
                  "id": "grace",
                  "display": "GRACE"
                },
                {
                  "type": "group",
                  "id": "admins"
                },
                {
                  "type": "role",
                  "id": "admin"
                }
              ],
              "action": "documents.manage",
              "on": {
                "type": "scope",
                "id": "/"
              }
            }
          ]
        }"#]]
    .assert_eq(&format!("{:#}", serde_json::Value::from(allowed.json())));
    expect![[r#"
        allowed: user GRACE (grace) may documents.read on resource plan
        └─ group admins
           └─ role admin
              └─ documents.manage on /
    "#]]
    .assert_eq(&allowed.text());
    let denied = explained("user-old", "documents.write", &plan, &Limits { others: 1, ..LIMITS });
    expect![[r#"
        {
          "reason": "the subject is not active",
          "has": [
            {
              "steps": [
                {
                  "type": "user",
                  "id": "old"
                },
                {
                  "type": "group",
                  "id": "admins"
                },
                {
                  "type": "role",
                  "id": "admin"
                }
              ],
              "action": "documents.manage",
              "on": {
                "type": "scope",
                "id": "/"
              }
            }
          ],
          "could": [
            {
              "type": "user",
              "id": "grace"
            }
          ],
          "more": true
        }"#]]
    .assert_eq(&format!("{:#}", serde_json::Value::from(denied.json())));
}

#[test]
fn a_name_of_several_lines_is_one_line_of_the_tree() {
    let target = Target::Resource("plan\nallowed: user ada may do everything".to_owned());
    let text = explained("user-ada", "documents.read", &target, &LIMITS).text();
    assert!(text.lines().skip(1).all(|line| line.starts_with(['├', '└', '│', ' '])), "{text}");
}
