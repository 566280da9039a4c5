//! Who walks through the matrix: the callers that there are, and what each route needs to be asked well.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use durward_server::rest::TOKEN_BASES;
use iam::access::{Tokens, Write};
use iam::cx::{Mode, TokenKind};
use iam::kind::Kinds;
use iam::token::Draft;
use serde_json::{Value, json};

use super::{REST, Row, SCIM, rows};
use crate::rest::{new_token, provider, schema};
use crate::streams::stream;
use crate::world::{Answer, Caller, OPERATOR, World, operations, user};

/// What tokens carry that are made here: nobody hands on what is not the caller's.
const HANDED: &str = "durward.users.read";

/// A caller who is refused whatever the route, and the tenant it names.
struct Stranger(&'static str, Caller, &'static str);

/// The callers that a world has.
pub(super) struct Cast {
    world: World,
    admin: Caller,
    /// In the order of the columns.
    callers: [Caller; 4],
    strangers: Vec<Stranger>,
    made: Cell<u32>,
    /// Those that were made for a route, by what they carry and what their users are granted.
    known: RefCell<HashMap<(Actions, Actions), Caller>>,
}

type Actions = Option<Vec<String>>;

impl Cast {
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        let admin = world.admin("acme").await;
        let draft = |kind, mode| Draft { mode, ..Draft::new(kind, "caller") };
        let auditor = world.caller("acme", draft(TokenKind::Admin, Mode::Read)).await;
        let callers = [world.reader("acme").await, world.provider("acme").await, auditor, admin.clone()];
        let expired = Draft { days: Some(1), ..Draft::new(TokenKind::Admin, "expired") };
        let expired = world.caller("acme", expired).await;
        world.pass(Duration::from_hours(24));
        let (info, revoked) = world.token("acme", Draft::new(TokenKind::Admin, "revoked")).await;
        let cx = world.iam.operate(OPERATOR, "acme").await.unwrap();
        let permit = world.iam.permit(&cx, Write, Tokens).await.unwrap();
        world.iam.revoke_token(&cx, permit, &info.id).await.unwrap();
        let with = |token: &str| Caller { token: Some(token.to_owned()), ..admin.clone() };
        let secret = admin.token.clone().unwrap();
        let strangers = vec![
            Stranger("nobody", world.nobody("acme"), "acme"),
            Stranger("of another tenant", world.admin("globex").await, "acme"),
            Stranger("at another tenant", admin.clone(), "globex"),
            Stranger("at no tenant", admin.clone(), "nowhere"),
            Stranger("who names another too", admin.with("x-tenant-id", "globex"), "acme"),
            Stranger(
                "who names two",
                admin.with("x-tenant-id", "acme").with("x-tenant-id", "globex"),
                "acme",
            ),
            Stranger("revoked", with(&revoked), "acme"),
            Stranger("expired", expired, "acme"),
            Stranger("malformed", with("nonsense"), "acme"),
            Stranger("changed", with(&secret.replace(&secret[20..24], "aaaa")), "acme"),
            Stranger("basic", world.nobody("acme").with("authorization", "Basic YWNtZTphY21l"), "acme"),
        ];
        Self { world, admin, callers, strangers, made: Cell::new(0), known: RefCell::default() }
    }

    /// A name that nothing has yet.
    fn fresh(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("n{}", self.made.get())
    }

    async fn make(&self, path: &str, body: Value) -> Value {
        let answer = self.admin.post(path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        answer.json()
    }

    /// The path of a row, below its base, with something new behind it where it names something.
    async fn path(&self, table: &'static str, row: &Row) -> String {
        let text = |value: Value, member: &str| value[member].as_str().unwrap().to_owned();
        let name = self.fresh();
        if row.path.starts_with("/ssf/") {
            let by_query = matches!(row.method.as_str(), "GET" | "DELETE");
            let query =
                if by_query { format!("?stream_id={}", self.stream(row).await) } else { String::new() };
            return format!("{}{query}", row.path);
        }
        if row.path.starts_with("/subjects/") || row.path.starts_with("/roles/") {
            return self.subject_path(row, &name).await;
        }
        let absent = || "019b7ca9-0000-7000-8000-000000000000".to_owned();
        let id = match row.path {
            _ if row.absent => absent(),
            "/ResourceTypes/{id}" => "User".to_owned(),
            "/Schemas/{id}" => "urn:ietf:params:scim:schemas:core:2.0:User".to_owned(),
            "/{endpoint}/{id}" => text(self.make("/Users", user(&name)).await, "id"),
            "/{id}" | "/scim/{id}/rotate" | "/scim/{id}/settings" => {
                let draft =
                    Draft { actions: Some(vec![HANDED.to_owned()]), ..Draft::new(TokenKind::Scim, name) };
                let (info, _) = self.world.token("acme", draft).await;
                info.id
            }
            "/sso/{type}/{id}" => text(self.make("!/v1/sso/custom", provider(&name)).await, "id"),
            "/schemas/{id}" => text(self.make("!/v1/schemas", schema(&urn(&name), "a")).await, "id"),
            "/policies/{id}" => text(self.make("!/v1/policies", self.policy().await).await, "id"),
            "/resource-types/{id}" => {
                text(self.make("!/v1/resource-types", self.kind(&name).await).await, "name")
            }
            _ => absent(),
        };
        let endpoint = if row.absent && !row.path.contains("{id}") { "Nothing" } else { "Users" };
        let type_ =
            if row.absent && table == REST && !row.path.contains("{id}") { "nothing" } else { "custom" };
        row.path.replace("{id}", &id).replace("{endpoint}", endpoint).replace("{type}", type_)
    }

    /// As [`Cast::path`], of a subject, or of a group or role with a member.
    async fn subject_path(&self, row: &Row, name: &str) -> String {
        let absent = "019b7ca9-0000-7000-8000-000000000000";
        let id = |made: Value| made["id"].as_str().unwrap().to_owned();
        let kind = if row.path.contains("/clients/") { "/Clients" } else { "/Users" };
        let body = if kind == "/Users" { user(name) } else { json!({ "name": name }) };
        let subject = id(self.make(kind, body).await);
        let members = json!([{ "value": subject }]);
        let holder = match row.path.starts_with("/roles/") {
            true => self.make("/Roles", json!({ "name": name, "members": members })).await,
            false => self.make("/Groups", json!({ "displayName": name, "members": members })).await,
        };
        let holder = if row.absent { absent.to_owned() } else { id(holder) };
        let subject = if row.absent { absent.to_owned() } else { subject };
        // The bare id may be that of a subject of any kind.
        let subject = if kind == "/Users" { format!("user-{subject}") } else { subject };
        let query = match (row.method.as_str(), row.path.ends_with("/members")) {
            ("DELETE", true) => format!("?subjectIds={subject}"),
            _ => String::new(),
        };
        let path = row.path.replace("{group}", &holder).replace("{role}", &holder);
        path.replace("{subject}", &subject) + &query
    }

    /// The id of an event stream that is new, or of none. There is one at a time, as a tenant may have few.
    async fn stream(&self, row: &Row) -> String {
        if row.absent {
            return "019b7ca9-0000-7000-8000-000000000000".to_owned();
        }
        let known = self.admin.get("!/v1/ssf/streams").await.check(200).json();
        for stream in known.as_array().unwrap() {
            let id = stream["stream_id"].as_str().unwrap();
            self.admin.delete(&format!("!/v1/ssf/streams?stream_id={id}")).await.check(204);
        }
        let made = self.make("!/v1/ssf/streams", stream("https://receiver.example/")).await;
        made["stream_id"].as_str().unwrap().to_owned()
    }

    async fn policy(&self) -> Value {
        let name = self.fresh();
        let user = self.make("/Users", user(&name)).await;
        json!({ "subject": format!("user-{}", user["id"].as_str().unwrap()), "scope": "/a", "action": name })
    }

    async fn kind(&self, name: &str) -> Value {
        self.make("!/v1/schemas", schema(&urn(name), "a")).await;
        json!({ "name": name, "endpoint": format!("/{name}s"), "schema": urn(name) })
    }

    /// A body that is good.
    async fn body(&self, row: &Row) -> Option<Value> {
        let name = self.fresh();
        Some(match (row.method.as_str(), row.path) {
            ("GET" | "DELETE", _) => return None,
            ("POST", "/ssf/streams") => stream("https://receiver.example/"),
            (_, "/ssf/status") => json!({ "stream_id": self.stream(row).await, "status": "paused" }),
            (_, "/ssf/verification") => json!({ "stream_id": self.stream(row).await }),
            (_, "/ssf/streams") => {
                let mut body = stream("https://receiver.example/");
                body["stream_id"] = json!(self.stream(row).await);
                body
            }
            ("PATCH", _) => operations(json!([{ "op": "replace", "path": "title", "value": name }])),
            (_, "") => {
                self.make("!/v1/sso/custom", provider(&name)).await;
                let mut token = new_token(&name);
                token["actions"] = json!([HANDED]);
                token
            }
            (_, "/Bulk") => json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "a", "data": user(&name) }],
            }),
            (_, path) if path.ends_with("/.search") => {
                json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 1 })
            }
            (_, path) if path.starts_with("/sso") => provider(&name),
            (_, "/policies") => self.policy().await,
            (_, "/subjects/groups") => json!({ "displayName": name }),
            (_, path) if path.ends_with("/members") => {
                let made = self.make("/Users", user(&name)).await;
                json!({ "subjectIds": [format!("user-{}", made["id"].as_str().unwrap())] })
            }
            (
                _,
                "/evaluation" | "/evaluations" | "/search/subject" | "/search/resource" | "/search/action",
            ) => {
                json!({
                    "subject": { "type": "user", "id": name },
                    "action": { "name": "read" },
                    "resource": { "type": "book", "id": "1" },
                })
            }
            (_, "/schemas") => schema(&urn(&name), "a"),
            (_, "/resource-types") => self.kind(&name).await,
            (_, path) if path.starts_with("/scim/") => json!({}),
            _ => user(&name),
        })
    }

    /// Sees that a route takes its actions and no others: of a token, and of the user that a token stands for.
    async fn check_action(&self, table: &'static str, row: &Row, base: &str, refused: &impl Fn(&Answer)) {
        let Some(action) = row.actions.first() else { return };
        let all = iam::access::actions(&Kinds::standard().unwrap()).unwrap();
        let all: Vec<String> = all.iter().map(|(action, _)| action.to_string()).collect();
        let (has, others): (Vec<String>, Vec<String>) = match action.strip_prefix("some") {
            Some(verb) => (
                vec![format!("durward.users{verb}")],
                all.into_iter().filter(|one| !one.ends_with(verb)).collect(),
            ),
            None => (
                row.actions.iter().map(ToString::to_string).collect(),
                all.into_iter().filter(|one| one != action).collect(),
            ),
        };
        let allowed = row.statuses[3];
        let mut callers = vec![
            ("narrowed to it", self.caller(Some(&has), None).await, allowed),
            ("of all others", self.caller(Some(&others), None).await, if allowed == 501 { 501 } else { 403 }),
        ];
        if row.path != "/Me" {
            callers.push(("of a user without a grant", self.caller(None, Some(&[])).await, 403));
            callers.push(("of a user with all others", self.caller(None, Some(&others)).await, 403));
            callers.push(("of a user with it", self.caller(Some(&has), Some(&has)).await, allowed));
        }
        for (who, caller, status) in callers {
            let target = format!("!{}{}", base.replace("{tenant}", "acme"), self.path(table, row).await);
            let answer = caller.send(row.method.clone(), &target, self.body(row).await).await;
            assert_eq!(answer.status, status, "a token {who}: {}: {}", answer.asked, answer.text);
            if status == 403 {
                refused(&answer);
                let named = action.strip_prefix("some.").unwrap_or(action);
                assert!(answer.json()["detail"].as_str().unwrap().contains(named), "{}", answer.text);
            }
        }
    }

    /// A token of these actions, for a user of those.
    async fn caller(&self, actions: Option<&[String]>, granted: Option<&[String]>) -> Caller {
        let key = (actions.map(<[_]>::to_vec), granted.map(<[_]>::to_vec));
        let known = self.known.borrow().get(&key).cloned();
        if let Some(caller) = known {
            return caller;
        }
        let mut subject = None;
        if let Some(granted) = granted {
            let id = self.make("/Users", user(&self.fresh())).await["id"].as_str().unwrap().to_owned();
            for action in granted {
                let policy =
                    json!({ "subject": format!("user-{id}"), "scope": "durward:/", "action": action });
                self.make("!/v1/policies", policy).await;
            }
            subject = Some(id);
        }
        let draft = Draft { actions: key.0.clone(), subject, ..Draft::new(TokenKind::Admin, "caller") };
        let caller = self.world.caller("acme", draft).await;
        self.known.borrow_mut().insert(key, caller.clone());
        caller
    }

    /// Sends every request of a table at every base, as everybody.
    pub(super) async fn walk(&self, table: &'static str, bases: &[String], refused: impl Fn(&Answer)) {
        for (number, base) in bases.iter().enumerate() {
            for row in rows(table) {
                // At some bases the API of tokens has a part in SCIM's table; it has its own.
                if number == 0 && (table != SCIM || !TOKEN_BASES.contains(&base.as_str())) {
                    self.check_action(table, &row, base, &refused).await;
                }
                let (path, body) = (self.path(table, &row).await, self.body(&row).await);
                for Stranger(name, caller, tenant) in &self.strangers {
                    let target = format!("!{}{path}", base.replace("{tenant}", tenant));
                    let named = caller.with("x-tenant-id", tenant);
                    // Where the path names a tenant, the header need not.
                    let caller = if base.contains("{tenant}") { caller } else { &named };
                    let answer = caller.send(row.method.clone(), &target, body.clone()).await;
                    assert_eq!(answer.status, 401, "{name}: {}: {}", answer.asked, answer.text);
                    refused(&answer);
                    let challenge = answer.header("www-authenticate");
                    // RFC 6750 §3.1: who presents no token is told no error.
                    let error = match *name {
                        "nobody" | "basic" => "",
                        _ => ", error=\"invalid_token\"",
                    };
                    let expected = format!("Bearer realm=\"durward\"{error}");
                    assert_eq!(challenge, Some(expected.as_str()), "{name}: {}", answer.asked);
                }
                for (caller, status) in self.callers.iter().zip(row.statuses) {
                    let path = self.path(table, &row).await;
                    let target = format!("!{}{path}", base.replace("{tenant}", "acme"));
                    let answer = caller.send(row.method.clone(), &target, self.body(&row).await).await;
                    let who = caller.token.as_ref().unwrap().get(..8).unwrap();
                    assert_eq!(answer.status, status, "{who}…: {}: {}", answer.asked, answer.text);
                    if status >= 400 {
                        refused(&answer);
                    }
                }
            }
        }
    }
}

fn urn(name: &str) -> String {
    format!("urn:example:{name}")
}
