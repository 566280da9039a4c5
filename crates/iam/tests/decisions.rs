//! The one property of the access graphs: after any changes, by this process or another one, a decision is what an evaluator
//! by the letter makes of the records as they are kept.

#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use authz::graph::Subject;
use authz::scope::Limits;
use authz::{Action, Scope};
use durward_iam::access::{Decisions, Read, Write};
use durward_iam::resource::Condition;
use durward_iam::tenant::Operator;
use durward_iam::{Cx, Env, Error, Iam};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use scim::message::ListQuery;
use scratch::Place;
use serde_json::{Value, json};
use store::{Options, Store};

struct Ticking(AtomicU64);

impl Env for Ticking {
    fn now(&self) -> Timestamp {
        let millis = 1_767_323_045_000 + self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_millisecond(i64::try_from(millis).unwrap()).unwrap()
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let n = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&(n ^ (n >> 29)).to_be_bytes()[..chunk.len()]);
        }
    }
}

const OPERATOR: Operator<'static> = Operator { name: "test" };
const LIMITS: Limits = Limits { bytes: 256, segments: 8 };
const ACTIONS: [&str; 4] = ["a", "a.b", "a.manage", "b"];
const SCOPES: [&str; 4] = ["/", "/t0", "/t0/r0", "/x/y"];

/// Two servers over one database, and the ids of what has been made, by kind.
struct World {
    servers: [Iam; 2],
    made: [Vec<String>; 8],
    names: u32,
    _place: Place,
}

/// The kinds, as indexes of what has been made.
const KINDS: [&str; 8] =
    ["User", "Group", "Role", "Permission", "Action", "Resource-Type", "Resource", "Policy"];
const USER: usize = 0;
const GROUP: usize = 1;
const ROLE: usize = 2;
const PERMISSION: usize = 3;
const ACTION: usize = 4;
const TYPE: usize = 5;
const RESOURCE: usize = 6;
const POLICY: usize = 7;

impl World {
    async fn new() -> Self {
        let place = Place::new();
        let env = Arc::new(Ticking(AtomicU64::new(1)));
        let open = async || {
            let store = Store::open(&place.url().parse().unwrap(), Options::default()).await.unwrap();
            Iam::open(store, Arc::clone(&env) as Arc<dyn Env>).await.unwrap()
        };
        let servers = [open().await, open().await];
        for name in ["acme", "globex"] {
            servers[0].create_tenant(OPERATOR, name).await.unwrap();
        }
        Self { servers, made: Default::default(), names: 0, _place: place }
    }

    /// The id of one of those that there are of a kind.
    fn one(&self, kind: usize, which: usize) -> Option<&str> {
        let made = &self.made[kind];
        (!made.is_empty()).then(|| made[which % made.len()].as_str())
    }

    /// A user or group, with its prefix.
    fn subject(&self, which: usize) -> Option<String> {
        let kind = which % 2;
        Some(format!("{}-{}", ["user", "group"][kind], self.one(kind, which / 2)?))
    }

    fn member(&self, which: usize) -> Option<Value> {
        Some(json!({ "value": self.one(which % 2, which / 2)? }))
    }

    fn statement(&self, which: usize) -> Option<Value> {
        Some(
            json!({ "actions": [{ "value": self.one(ACTION, which)? }], "resource": { "value": self.one(RESOURCE, which / 4)? } }),
        )
    }

    /// What a new one of a kind says.
    fn draft(&mut self, kind: usize, which: usize) -> Option<Value> {
        self.names += 1;
        let name = format!("n{}", self.names);
        Some(match kind {
            USER => json!({ "userName": name, "active": !which.is_multiple_of(5) }),
            GROUP => json!({ "displayName": name, "members": Vec::from_iter(self.member(which)) }),
            ROLE => json!({
                "name": name,
                "id": format!("role-{}", which % 3),
                "permissions": Vec::from_iter(self.one(PERMISSION, which).map(|id| json!({ "value": id }))),
                "statements": Vec::from_iter(self.statement(which)),
                "members": Vec::from_iter(self.member(which)),
            }),
            PERMISSION => json!({ "name": name, "statements": [self.statement(which)?] }),
            ACTION => json!({ "name": ACTIONS[which % ACTIONS.len()] }),
            TYPE => {
                json!({ "name": name, "slug": format!("t{}", which % 3), "actions": [{ "value": self.one(ACTION, which)? }] })
            }
            RESOURCE => {
                json!({ "name": name, "slug": format!("r{}", which % 4), "type": { "value": self.one(TYPE, which)? } })
            }
            _ => json!({
                "subject": self.subject(which)?,
                "scope": SCOPES[which % SCOPES.len()],
                "action": ACTIONS[which / 4 % ACTIONS.len()],
            }),
        })
    }

    /// One change of whatever is there.
    fn operation(&self, kind: usize, which: usize) -> Option<Value> {
        let replace = |path: &str, value: Value| json!({ "op": "replace", "path": path, "value": value });
        Some(match (kind, which % 3) {
            (USER, _) => replace("active", json!(which.is_multiple_of(2))),
            (GROUP | ROLE, 0) => json!({ "op": "add", "path": "members", "value": [self.member(which)?] }),
            (GROUP | ROLE, 1) => {
                let member = self.member(which / 3)?;
                let path = format!("members[value eq {}]", member["value"]);
                json!({ "op": "remove", "path": path })
            }
            (GROUP, _) => replace("displayName", json!(format!("g{which}"))),
            (ROLE, _) => replace("permissions", json!([{ "value": self.one(PERMISSION, which / 3)? }])),
            (PERMISSION, _) => replace("statements", json!([self.statement(which)?])),
            (ACTION, 0) => replace("name", json!(ACTIONS[which % ACTIONS.len()])),
            (ACTION, _) => replace("active", json!(which.is_multiple_of(2))),
            (TYPE | RESOURCE, 2) => json!({ "op": "remove", "path": "slug" }),
            (TYPE, _) => replace("slug", json!(format!("t{}", which / 3 % 3))),
            (RESOURCE, 0) => replace("type", json!({ "value": self.one(TYPE, which)? })),
            (RESOURCE, _) => replace("slug", json!(format!("r{}", which / 3 % 4))),
            (_, 0) => replace("subject", json!(self.subject(which / 3)?)),
            (_, 1) => replace("scope", json!(SCOPES[which % SCOPES.len()])),
            (_, _) => replace("action", json!(ACTIONS[which % ACTIONS.len()])),
        })
    }

    /// Creates, changes or deletes something, by one of the two servers. What is refused has changed nothing.
    async fn change(&mut self, (server, verb, kind, which): (usize, usize, usize, usize)) {
        let cx = self.cx(server, "acme").await;
        let of = Arc::clone(cx.kinds.named(KINDS[kind]).unwrap());
        let permit = self.servers[server].permit(&cx, Write, &*of).await.unwrap();
        let query = ListQuery::default();
        if verb < 4 {
            let Some(Value::Object(draft)) = self.draft(kind, which) else { return };
            if let Ok(made) = self.servers[server].create(&cx, permit, draft, &query).await {
                self.made[kind].push(made.id);
            }
            return;
        }
        let Some(id) = self.one(kind, which).map(str::to_owned) else { return };
        let (iam, any) = (&self.servers[server], Condition::default());
        if verb == 4 {
            match iam.delete(&cx, permit, &id, &any).await {
                Ok(()) => self.made[kind].retain(|made| *made != id),
                // It went with its subject.
                Err(Error::NotFound(_)) if kind == POLICY => self.made[kind].retain(|made| *made != id),
                Err(Error::Blocked(_)) => {}
                Err(error) => panic!("{error}"),
            }
            return;
        }
        let Some(operation) = self.operation(kind, which) else { return };
        let Value::Object(body) = json!({ "Operations": [operation] }) else { return };
        match iam.patch(&cx, permit, &id, body, &any, &query).await {
            Ok(_) | Err(Error::Invalid(_) | Error::Conflict { .. }) => {}
            Err(Error::NotFound(_)) if kind == POLICY => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Changes the first of a kind.
    async fn patch(&self, kind: usize, operation: Value) {
        let cx = self.cx(0, "acme").await;
        let of = Arc::clone(cx.kinds.named(KINDS[kind]).unwrap());
        let permit = self.servers[0].permit(&cx, Write, &*of).await.unwrap();
        let Value::Object(body) = json!({ "Operations": [operation] }) else { return };
        let (any, query) = (Condition::default(), ListQuery::default());
        self.servers[0].patch(&cx, permit, &self.made[kind][0], body, &any, &query).await.unwrap();
    }

    /// Replaces the first of a kind by what it says, without one attribute.
    async fn put_without(&self, kind: usize, attribute: &str) {
        let cx = self.cx(0, "acme").await;
        let of = Arc::clone(cx.kinds.named(KINDS[kind]).unwrap());
        let permit = self.servers[0].permit(&cx, Write, &*of).await.unwrap();
        let Value::Object(mut body) = self.all(kind).await.swap_remove(0) else { return };
        body.shift_remove(attribute);
        let (any, query) = (Condition::default(), ListQuery::default());
        self.servers[0].replace(&cx, permit, &self.made[kind][0], body, &any, &query).await.unwrap();
    }

    async fn cx(&self, server: usize, tenant: &str) -> Cx {
        Cx { expands: false, ..self.servers[server].operate(OPERATOR, tenant).await.unwrap() }
    }

    async fn all(&self, kind: usize) -> Vec<Value> {
        let cx = self.cx(0, "acme").await;
        let kind = Arc::clone(cx.kinds.named(KINDS[kind]).unwrap());
        let query = ListQuery { count: Some(1_000), ..ListQuery::default() };
        let permit = self.servers[0].permit(&cx, Read, &*kind).await.unwrap();
        let listed = self.servers[0].list(&cx, permit, &query).await.unwrap();
        serde_json::from_str(&format!("[{}]", listed.resources)).unwrap()
    }

    /// Compares every decision of both servers with the letter.
    async fn check(&self) -> Result<(), TestCaseError> {
        // What one server has changed, the other goes by after this.
        tokio::time::sleep(store::LATELY).await;
        let letter = Letter::read(self).await;
        for (subject, ..) in &letter.policies {
            let mut subjects = letter.users.iter().chain(&letter.groups);
            prop_assert!(subjects.any(|(known, _)| known == subject), "a policy outlived {}", subject);
        }
        for (group, _) in &letter.groups {
            prop_assert!(
                letter.holders(group, false).iter().all(|above| above != group),
                "a circle: {}",
                group
            );
        }
        let mut questions = Vec::new();
        let mut targets: Vec<(&str, &str)> =
            letter.resources.iter().map(|(id, kind, _)| (kind.as_str(), id.as_str())).collect();
        targets.extend([("t0", "r0"), ("t1", "r1"), ("t0", "else"), ("scope", "/x/y/z"), ("scope", "/")]);
        for (subject, _) in letter.users.iter().chain(&letter.groups) {
            for action in ACTIONS.iter().chain(&["a.b.c", "c"]) {
                for target in &targets {
                    questions.push((subject.as_str(), *action, *target));
                }
            }
        }
        for chunk in questions.chunks(1_000) {
            let items: Vec<Value> = chunk
                .iter()
                .map(|(subject, action, (kind, id))| {
                    json!({
                        "subject": { "type": "subject", "id": subject },
                        "action": { "name": action },
                        "resource": { "type": kind, "id": id },
                    })
                })
                .collect();
            let body = json!({ "evaluations": items }).to_string();
            let request = serde_json::from_str(&body).unwrap();
            for server in 0..2 {
                let cx = self.cx(server, "acme").await;
                let permit = self.servers[server].permit(&cx, Read, Decisions).await.unwrap();
                let answer = self.servers[server].evaluate_many(&cx, permit, &request).await;
                let answer = json!(answer.unwrap());
                for (question, answer) in chunk.iter().zip(answer["evaluations"].as_array().unwrap()) {
                    let (subject, action, target) = *question;
                    let expected = letter.allows(subject, action, target);
                    prop_assert_eq!(&answer["decision"], expected, "server {}: {:?}", server, question);
                }
                // Another tenant's graph is another graph.
                let cx = self.cx(server, "globex").await;
                let permit = self.servers[server].permit(&cx, Read, Decisions).await.unwrap();
                let answer = self.servers[server].evaluate_many(&cx, permit, &request).await;
                let answer = json!(answer.unwrap());
                prop_assert!(
                    answer["evaluations"].as_array().unwrap().iter().all(|a| a["decision"] == false)
                );
            }
        }
        Ok(())
    }
}

/// What the records say, and what follows from it by looking at all of them.
struct Letter {
    users: Vec<(String, bool)>,
    groups: Vec<(String, bool)>,
    /// Group or role, and member.
    members: Vec<(String, String)>,
    role_members: Vec<(String, String)>,
    /// Role or permission, action and resource.
    statements: Vec<(String, String, String)>,
    permissions: Vec<(String, String)>,
    actions: Vec<(String, String, bool)>,
    /// Id, slug of the type, scope.
    resources: Vec<(String, String, Scope)>,
    policies: Vec<(String, Scope, String)>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn scope(text: &str) -> Scope {
    Scope::parse(text, &LIMITS).unwrap()
}

impl Letter {
    async fn read(world: &World) -> Self {
        let (users, groups, roles) = (world.all(USER).await, world.all(GROUP).await, world.all(ROLE).await);
        let permissions = world.all(PERMISSION).await;
        let types = world.all(TYPE).await;
        let members = |of: &[Value]| -> Vec<(String, String)> {
            let each = of.iter().flat_map(|one| {
                list(&one["members"]).iter().map(|member| {
                    let prefix = if member["type"] == "User" { "user" } else { "group" };
                    (text(&one["id"]), format!("{prefix}-{}", text(&member["value"])))
                })
            });
            each.collect()
        };
        let statements = roles.iter().chain(&permissions).flat_map(|owner| {
            list(&owner["statements"]).iter().flat_map(move |statement| {
                let target = text(&statement["resource"]["value"]);
                let actions = list(&statement["actions"]).iter();
                actions.map(move |action| (text(&owner["id"]), text(&action["value"]), target.clone()))
            })
        });
        // What was kept without a slug lies where its id says.
        let slug = |one: &Value| text(one.get("slug").unwrap_or(&one["id"]));
        let resource = |one: &Value| {
            let kind = slug(types.iter().find(|kind| kind["id"] == one["type"]["value"]).unwrap());
            let place = scope(&format!("/{kind}/{}", slug(one)));
            (text(&one["id"]), kind, place)
        };
        let is_active = |one: &Value| one["active"] != false;
        Self {
            users: users.iter().map(|one| (format!("user-{}", text(&one["id"])), is_active(one))).collect(),
            groups: groups.iter().map(|one| (format!("group-{}", text(&one["id"])), true)).collect(),
            members: members(&groups),
            role_members: members(&roles),
            statements: statements.collect(),
            permissions: roles
                .iter()
                .flat_map(|role| {
                    list(&role["permissions"]).iter().map(|p| (text(&role["id"]), text(&p["value"])))
                })
                .collect(),
            actions: world
                .all(ACTION)
                .await
                .iter()
                .map(|one| (text(&one["id"]), text(&one["name"]), is_active(one)))
                .collect(),
            resources: world.all(RESOURCE).await.iter().map(resource).collect(),
            policies: world
                .all(POLICY)
                .await
                .iter()
                .map(|one| (text(&one["subject"]), scope(&text(&one["scope"])), text(&one["action"])))
                .collect(),
        }
    }

    /// The groups that a subject is in, directly or through others, and perhaps itself.
    fn holders(&self, subject: &str, itself: bool) -> BTreeSet<String> {
        let mut holders = BTreeSet::from_iter(itself.then(|| subject.to_owned()));
        while let Some((group, _)) = self.members.iter().find(|(group, member)| {
            (member == subject || holders.contains(member)) && !holders.contains(&format!("group-{group}"))
        }) {
            holders.insert(format!("group-{group}"));
        }
        holders
    }

    fn allows(&self, subject: &str, action: &str, (kind, id): (&str, &str)) -> bool {
        assert!(Subject::parse(subject).is_some());
        let active = self.users.iter().chain(&self.groups).any(|(known, active)| known == subject && *active);
        let mut recorded = self.actions.iter().filter(|(_, name, _)| name == action).peekable();
        let doable = recorded.peek().is_none() || recorded.any(|(_, _, active)| *active);
        if !active || !doable {
            return false;
        }
        let place = match self.resources.iter().find(|(known, typed, _)| known == id && typed == kind) {
            Some((_, _, place)) => place.clone(),
            None if kind == "scope" => scope(id),
            None => scope(&format!("/{kind}/{id}")),
        };
        let holders = self.holders(subject, true);
        let covers = |granted: &str| {
            // A record that is not active grants nothing, whoever names it.
            let mut recorded = self.actions.iter().filter(|(_, name, _)| name == granted).peekable();
            let grants = recorded.peek().is_none() || recorded.any(|(_, _, active)| *active);
            grants && Action::parse(granted, 64).unwrap().covers(&Action::parse(action, 64).unwrap())
        };
        let by_policy = self
            .policies
            .iter()
            .any(|(holder, on, granted)| holders.contains(holder) && on.covers(&place) && covers(granted));
        let mut owners: BTreeSet<&str> = BTreeSet::new();
        for (role, member) in &self.role_members {
            if holders.contains(member) {
                owners.insert(role);
                owners.extend(self.permissions.iter().filter(|(of, _)| of == role).map(|(_, p)| p.as_str()));
            }
        }
        let by_role = self.statements.iter().any(|(owner, action, resource)| {
            let granted = self.actions.iter().find(|(id, _, active)| id == action && *active);
            let on = self.resources.iter().find(|(id, _, _)| id == resource);
            owners.contains(owner.as_str())
                && granted.is_some_and(|(_, name, _)| covers(name))
                && on.is_some_and(|(_, _, on)| on.covers(&place))
        });
        by_policy || by_role
    }
}

#[tokio::test]
async fn what_has_no_slug_lies_where_its_id_says() {
    let mut world = World::new().await;
    for kind in [USER, ACTION, TYPE, RESOURCE, ROLE] {
        world.change((0, 0, kind, 0)).await;
    }
    let made: Vec<String> = KINDS.iter().enumerate().map(|(kind, _)| world.made[kind].concat()).collect();
    world.patch(ROLE, json!({ "op": "add", "path": "members", "value": [{ "value": made[USER] }] })).await;
    world.patch(ROLE, json!({ "op": "add", "path": "statements", "value": [world.statement(0)] })).await;
    world.patch(USER, json!({ "op": "replace", "path": "active", "value": true })).await;
    world.check().await.unwrap();
    for kind in [TYPE, RESOURCE] {
        world.patch(kind, json!({ "op": "remove", "path": "slug" })).await;
        world.check().await.unwrap();
        let letter = Letter::read(&world).await;
        let user = format!("user-{}", made[USER]);
        let resource = &letter.resources[0];
        assert!(letter.allows(&user, ACTIONS[0], (&resource.1, &made[RESOURCE])), "{resource:?}");
    }
    // A PUT gives it one, and keeps that.
    for kind in [TYPE, RESOURCE] {
        for _ in 0..2 {
            world.put_without(kind, "slug").await;
            let name = world.all(kind).await[0]["name"].clone();
            assert_eq!(world.all(kind).await[0]["slug"], name);
            world.check().await.unwrap();
        }
    }
}

#[test]
fn a_decision_is_what_the_records_say_whoever_changed_them() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // Members come and go most, and what lies somewhere is moved.
    let change = || {
        let any = (0usize..2, 0usize..8, 0usize..KINDS.len(), 0usize..64);
        let member = (0usize..2, Just(5), GROUP..=ROLE, 0usize..64);
        let place = (0usize..2, Just(5), TYPE..=RESOURCE, 0usize..64);
        prop_oneof![any.boxed(), member.boxed(), place.boxed()]
    };
    // Some of everything, then rounds of changes with questions between.
    let rounds = vec(vec(change(), 0..6), 4..8);
    let mut runner = TestRunner::new(Config { cases: 8, ..Config::default() });
    let outcome = runner.run(&(vec(0usize..64, 8..24), rounds), |(first, rounds)| {
        runtime.block_on(async {
            let mut world = World::new().await;
            for (at, which) in first.into_iter().enumerate() {
                for kind in [USER, GROUP, ACTION, TYPE, RESOURCE, PERMISSION, ROLE, POLICY] {
                    if at.is_multiple_of(4) || which.is_multiple_of(3) {
                        world.change((which % 2, 0, kind, which + at)).await;
                    }
                }
            }
            world.check().await?;
            for round in rounds {
                for change in round {
                    world.change(change).await;
                }
                world.check().await?;
            }
            Ok(())
        })
    });
    outcome.unwrap();
}
