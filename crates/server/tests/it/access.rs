//! The access matrix: what everybody may do with every route.
//!
//! The tables are compared with the router's own lists, so a route cannot be added without saying who may use it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use durward_server::rest::{BASES, ROUTES, TOKEN_BASES, TOKEN_ROUTES, decisions};
use durward_server::router::{SCIM_ROUTES, scim_bases};
use http::Method;
use iam::access::{Tokens, Write};
use iam::cx::{Mode, TokenKind};
use iam::kind::Kinds;
use iam::token::Draft;
use serde_json::{Value, json};

use crate::rest::{is_problem, new_token, provider, schema};
use crate::world::{Answer, Caller, World, operations, user};

/// Below each base of SCIM. `absent` is what is not there.
const SCIM: &str = "
method  route                   which   action               reader  provider  auditor  admin
GET     -                       -       some.read            200     200       200      200
POST    /.search                -       some.read            200     200       200      200
POST    /Bulk                   -       some.write           403     200       403      200
GET     /Me                     -       durward.me.read      501     501       501      501
PUT     /Me                     -       durward.me.write     501     501       501      501
PATCH   /Me                     -       durward.me.write     501     501       501      501
DELETE  /Me                     -       durward.me.write     501     501       501      501
GET     /ServiceProviderConfig  -       -                    200     200       200      200
GET     /ResourceTypes          -       -                    200     200       200      200
GET     /ResourceTypes/{id}     there   -                    200     200       200      200
GET     /ResourceTypes/{id}     absent  -                    404     404       404      404
GET     /Schemas                -       -                    200     200       200      200
GET     /Schemas/{id}           there   -                    200     200       200      200
GET     /Schemas/{id}           absent  -                    404     404       404      404
GET     /{endpoint}             there   durward.users.read   200     200       200      200
GET     /{endpoint}             absent  -                    404     404       404      404
POST    /{endpoint}             there   durward.users.write  403     201       403      201
POST    /{endpoint}             absent  -                    404     404       404      404
POST    /{endpoint}/.search     there   durward.users.read   200     200       200      200
POST    /{endpoint}/.search     absent  -                    404     404       404      404
GET     /{endpoint}/{id}        there   durward.users.read   200     200       200      200
GET     /{endpoint}/{id}        absent  durward.users.read   404     404       404      404
PUT     /{endpoint}/{id}        there   durward.users.write  403     200       403      200
PUT     /{endpoint}/{id}        absent  durward.users.write  403     404       403      404
PATCH   /{endpoint}/{id}        there   durward.users.write  403     200       403      200
PATCH   /{endpoint}/{id}        absent  durward.users.write  403     404       403      404
DELETE  /{endpoint}/{id}        there   durward.users.write  403     204       403      204
DELETE  /{endpoint}/{id}        absent  durward.users.write  403     404       403      404
";

/// Below each base of the token API.
const TOKENS: &str = "
method  route  which   action                                   reader  provider  auditor  admin
GET     -      -       durward.tokens.read                      200     200       200      200
POST    -      -       durward.tokens.write,durward.users.read  403     403       403      200
GET     /{id}  there   durward.tokens.read                      403     403       200      200
GET     /{id}  absent  durward.tokens.read                      403     403       404      404
DELETE  /{id}  there   durward.tokens.write                     403     403       403      204
DELETE  /{id}  absent  durward.tokens.write                     403     403       403      404
";

/// Below each base of the administration API.
const REST: &str = "
method  route                                       which   action                                                                          reader  provider  auditor  admin
POST    /scim/{id}/rotate                           there   durward.tokens.write,durward.users.read                                         403     403       403      200
POST    /scim/{id}/rotate                           absent  durward.tokens.write,durward.users.read                                         403     403       403      404
PUT     /scim/{id}/settings                         there   durward.tokens.write                                                            403     403       403      200
PUT     /scim/{id}/settings                         absent  durward.tokens.write                                                            403     403       403      404
GET     /sso                                        -       durward.providers.read                                                          403     403       200      200
GET     /sso/{type}                                 there   durward.providers.read                                                          403     403       200      200
GET     /sso/{type}                                 absent  durward.providers.read                                                          403     403       404      404
POST    /sso/{type}                                 there   durward.providers.write                                                         403     403       403      201
POST    /sso/{type}                                 absent  durward.providers.write                                                         403     403       403      404
GET     /sso/{type}/{id}                            there   durward.providers.read                                                          403     403       200      200
GET     /sso/{type}/{id}                            absent  durward.providers.read                                                          403     403       404      404
PUT     /sso/{type}/{id}                            there   durward.providers.write                                                         403     403       403      200
PUT     /sso/{type}/{id}                            absent  durward.providers.write                                                         403     403       403      404
DELETE  /sso/{type}/{id}                            there   durward.providers.write                                                         403     403       403      204
DELETE  /sso/{type}/{id}                            absent  durward.providers.write                                                         403     403       403      404
GET     /actions                                    -       durward.actions.read                                                            200     200       200      200
GET     /roles                                      -       durward.roles.read                                                              200     200       200      200
GET     /roles/{role}/members                       there   durward.roles.read,durward.users.read,durward.clients.read,durward.groups.read  200     200       200      200
GET     /roles/{role}/members                       absent  durward.roles.read,durward.users.read,durward.clients.read,durward.groups.read  404     404       404      404
POST    /roles/{role}/members                       there   durward.roles.write                                                             403     204       403      204
POST    /roles/{role}/members                       absent  durward.roles.write                                                             403     404       403      404
DELETE  /roles/{role}/members                       there   durward.roles.write                                                             403     204       403      204
DELETE  /roles/{role}/members                       absent  durward.roles.write                                                             403     404       403      404
PUT     /roles/{role}/members/{subject}             there   durward.roles.write                                                             403     204       403      204
PUT     /roles/{role}/members/{subject}             absent  durward.roles.write                                                             403     404       403      404
DELETE  /roles/{role}/members/{subject}             there   durward.roles.write                                                             403     204       403      204
DELETE  /roles/{role}/members/{subject}             absent  durward.roles.write                                                             403     404       403      404
GET     /subjects                                   -       durward.users.read,durward.clients.read,durward.groups.read                     200     200       200      200
GET     /subjects/users                             -       durward.users.read                                                              200     200       200      200
GET     /subjects/clients                           -       durward.clients.read                                                            200     200       200      200
GET     /subjects/groups                            -       durward.groups.read                                                             200     200       200      200
POST    /subjects/groups                            -       durward.groups.write                                                            403     201       403      201
GET     /subjects/groups/{group}                    there   durward.groups.read                                                             200     200       200      200
GET     /subjects/groups/{group}                    absent  durward.groups.read                                                             404     404       404      404
DELETE  /subjects/groups/{group}                    there   durward.groups.write                                                            403     204       403      204
DELETE  /subjects/groups/{group}                    absent  durward.groups.write                                                            403     404       403      404
GET     /subjects/groups/{group}/members            there   durward.groups.read,durward.users.read,durward.clients.read                     200     200       200      200
GET     /subjects/groups/{group}/members            absent  durward.groups.read,durward.users.read,durward.clients.read                     404     404       404      404
POST    /subjects/groups/{group}/members            there   durward.groups.write                                                            403     204       403      204
POST    /subjects/groups/{group}/members            absent  durward.groups.write                                                            403     404       403      404
DELETE  /subjects/groups/{group}/members            there   durward.groups.write                                                            403     204       403      204
DELETE  /subjects/groups/{group}/members            absent  durward.groups.write                                                            403     404       403      404
DELETE  /subjects/groups/{group}/members/{subject}  there   durward.groups.write                                                            403     204       403      204
DELETE  /subjects/groups/{group}/members/{subject}  absent  durward.groups.write                                                            403     404       403      404
GET     /subjects/groups/{group}/permissions        there   durward.groups.read,durward.decisions.read                                      200     200       200      200
GET     /subjects/groups/{group}/permissions        absent  durward.groups.read,durward.decisions.read                                      404     404       404      404
GET     /subjects/users/{subject}/permissions       there   durward.users.read,durward.decisions.read                                       200     200       200      200
GET     /subjects/users/{subject}/permissions       absent  durward.users.read,durward.decisions.read                                       404     404       404      404
GET     /subjects/clients/{subject}/permissions     there   durward.clients.read,durward.decisions.read                                     200     200       200      200
GET     /subjects/clients/{subject}/permissions     absent  durward.clients.read,durward.decisions.read                                     404     404       404      404
GET     /subjects/{subject}                         there   durward.users.read                                                              200     200       200      200
GET     /subjects/{subject}                         absent  durward.users.read                                                              404     404       404      404
GET     /subjects/{subject}/memberships             there   durward.users.read,durward.groups.read                                          200     200       200      200
GET     /subjects/{subject}/memberships             absent  durward.users.read,durward.groups.read                                          404     404       404      404
GET     /subjects/{subject}/roles                   there   durward.users.read,durward.roles.read                                           200     200       200      200
GET     /subjects/{subject}/roles                   absent  durward.users.read,durward.roles.read                                           404     404       404      404
GET     /subjects/{subject}/permissions             there   durward.users.read,durward.decisions.read                                       200     200       200      200
GET     /subjects/{subject}/permissions             absent  durward.users.read,durward.decisions.read                                       404     404       404      404
GET     /policies                                   -       durward.policies.read                                                           200     200       200      200
POST    /policies                                   -       durward.policies.write                                                          403     201       403      201
DELETE  /policies/{id}                              there   durward.policies.write                                                          403     204       403      204
DELETE  /policies/{id}                              absent  durward.policies.write                                                          403     404       403      404
GET     /schemas                                    -       durward.schemas.read                                                            403     403       200      200
POST    /schemas                                    -       durward.schemas.write                                                           403     403       403      201
GET     /schemas/{id}                               there   durward.schemas.read                                                            403     403       200      200
GET     /schemas/{id}                               absent  durward.schemas.read                                                            403     403       404      404
DELETE  /schemas/{id}                               there   durward.schemas.write                                                           403     403       403      204
DELETE  /schemas/{id}                               absent  durward.schemas.write                                                           403     403       403      404
GET     /resource-types                             -       durward.schemas.read                                                            403     403       200      200
POST    /resource-types                             -       durward.schemas.write                                                           403     403       403      201
GET     /resource-types/{id}                        there   durward.schemas.read                                                            403     403       200      200
GET     /resource-types/{id}                        absent  durward.schemas.read                                                            403     403       404      404
DELETE  /resource-types/{id}                        there   durward.schemas.write                                                           403     403       403      204
DELETE  /resource-types/{id}                        absent  durward.schemas.write                                                           403     403       403      404
";

/// Below each base of the decision API.
const DECISIONS: &str = "
method  route             which  action                  reader  provider  auditor  admin
POST    /evaluation       -      durward.decisions.read  200     200       200      200
POST    /evaluations      -      durward.decisions.read  200     200       200      200
POST    /search/subject   -      durward.decisions.read  200     200       200      200
POST    /search/resource  -      durward.decisions.read  200     200       200      200
POST    /search/action    -      durward.decisions.read  200     200       200      200
";

/// What anybody may see.
const OPEN: [&str; 6] = [
    "/openapi.json",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/.well-known/authzen-configuration",
    "/.well-known/authzen-configuration/acme",
];

/// What tokens carry that are made here: nobody hands on what is not the caller's.
const HANDED: &str = "durward.users.read";

struct Row {
    method: Method,
    path: &'static str,
    absent: bool,
    /// The actions it takes; the first is that of the route itself.
    actions: Vec<&'static str>,
    statuses: [u16; 4],
}

fn rows(table: &'static str) -> Vec<Row> {
    let lines = table.trim().lines().skip(1);
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [method, path, which, actions, ref statuses @ ..] = cells[..] else { panic!("{line}") };
        let statuses: Vec<u16> = statuses.iter().map(|s| s.parse().unwrap()).collect();
        Row {
            method: method.parse().unwrap(),
            path: path.trim_start_matches('-'),
            absent: which == "absent",
            actions: actions.split(',').filter(|action| *action != "-").collect(),
            statuses: statuses.try_into().unwrap(),
        }
    };
    lines.map(row).collect()
}

#[test]
fn every_route_and_method_is_in_the_matrix() {
    let listed = |routes: &[(&'static str, &[&str])]| -> BTreeSet<(&str, String)> {
        let each =
            routes.iter().flat_map(|(path, all)| all.iter().map(|method| (*path, (*method).to_owned())));
        each.collect()
    };
    let shown = |table| -> BTreeSet<(&str, String)> {
        rows(table).iter().map(|row| (row.path, row.method.to_string())).collect()
    };
    assert_eq!(listed(&SCIM_ROUTES), shown(SCIM));
    assert_eq!(listed(&TOKEN_ROUTES), shown(TOKENS));
    assert_eq!(listed(&ROUTES), shown(REST));
    assert_eq!(listed(&decisions::ROUTES), shown(DECISIONS));
}

/// A caller who is refused whatever the route, and the tenant it names.
struct Stranger(&'static str, Caller, &'static str);

/// The callers that a world has.
struct Cast {
    world: World,
    admin: Caller,
    /// In the order of the columns.
    callers: [Caller; 4],
    strangers: Vec<Stranger>,
    made: std::cell::Cell<u32>,
    /// Those that were made for a route, by what they carry and what their users are granted.
    known: RefCell<HashMap<(Actions, Actions), Caller>>,
}

type Actions = Option<Vec<String>>;

impl Cast {
    async fn new() -> Self {
        let world = World::new().await;
        let admin = world.admin("acme").await;
        let draft = |kind, mode| Draft { mode, ..Draft::new(kind, "caller") };
        let auditor = world.caller("acme", draft(TokenKind::Admin, Mode::Read)).await;
        let callers = [world.reader("acme").await, world.provider("acme").await, auditor, admin.clone()];
        let expired = Draft { days: Some(1), ..Draft::new(TokenKind::Admin, "expired") };
        let expired = world.caller("acme", expired).await;
        world.pass(Duration::from_hours(24));
        let (info, revoked) = world.token("acme", Draft::new(TokenKind::Admin, "revoked")).await;
        let cx = world.iam.operate(crate::world::OPERATOR, "acme").await.unwrap();
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
        Self { world, admin, callers, strangers, made: std::cell::Cell::new(0), known: RefCell::default() }
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
                let named = action.strip_prefix("some").unwrap_or(action);
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

    async fn walk(&self, table: &'static str, bases: &[String], refused: impl Fn(&Answer)) {
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
                    assert_eq!(challenge, Some("Bearer realm=\"durward\""), "{name}: {}", answer.asked);
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

fn is_scim_error(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{}", answer.asked);
    let body = answer.json();
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(body["status"], answer.status.as_str());
    if answer.status == 401 {
        // Nothing that depends on who asked for what: one answer for all.
        assert_eq!(body["detail"], "a valid bearer token is required", "{}", answer.asked);
    }
}

fn is_the_problem(answer: &Answer) {
    is_problem(answer);
    if answer.status == 401 {
        assert_eq!(answer.json()["detail"], "a valid bearer token is required", "{}", answer.asked);
    }
}

#[tokio::test]
async fn who_may_do_what_in_scim() {
    let cast = Cast::new().await;
    // At two bases the root answers tokens too, and its refusal is the other API's.
    let (shared, plain): (Vec<_>, Vec<_>) =
        scim_bases().into_iter().partition(|base| TOKEN_BASES.contains(&base.as_str()));
    cast.walk(SCIM, &plain, is_scim_error).await;
    cast.walk(SCIM, &shared, |answer| {
        let is_base = TOKEN_BASES.iter().any(|base| answer.asked == format!("GET {base}"));
        if is_base { is_the_problem(answer) } else { is_scim_error(answer) }
    })
    .await;
}

#[tokio::test]
async fn who_may_do_what_with_tokens() {
    Cast::new().await.walk(TOKENS, &TOKEN_BASES.map(str::to_owned), is_the_problem).await;
}

#[tokio::test]
async fn who_may_do_what_in_the_administration() {
    Cast::new().await.walk(REST, &BASES.map(str::to_owned), is_the_problem).await;
}

#[tokio::test]
async fn who_may_ask_for_decisions() {
    Cast::new().await.walk(DECISIONS, &decisions::BASES.map(str::to_owned), is_the_problem).await;
}

#[tokio::test]
async fn what_is_open_is_open_to_anybody() {
    let world = World::new().await;
    let health = durward_server::health::routes(std::sync::Arc::default(), std::sync::Arc::default());
    let nobody = world.nobody("acme").through(world.router.clone().merge(health));
    for path in OPEN {
        nobody.get(&format!("!{path}")).await.check(200);
    }
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_405_and_says_which_are() {
    let world = World::new().await;
    let nobody = world.nobody("acme");
    let scim = scim_bases()
        .into_iter()
        .flat_map(|base| SCIM_ROUTES.map(|(path, all)| (format!("{base}{path}"), all)));
    let tokens = TOKEN_BASES.iter().flat_map(|base| {
        TOKEN_ROUTES.map(|(path, all)| (format!("{base}{}", path.replace("{id}", "{endpoint}")), all))
    });
    let rest = BASES.iter().flat_map(|base| ROUTES.map(|(path, all)| (format!("{base}{path}"), all)));
    let decided = decisions::BASES
        .iter()
        .flat_map(|base| decisions::ROUTES.map(|(path, all)| (format!("{base}{path}"), all)));
    let mut listed = std::collections::BTreeMap::<String, BTreeSet<&str>>::new();
    for (path, methods) in scim.chain(tokens).chain(rest).chain(decided) {
        listed.entry(path).or_default().extend(methods);
    }
    for (path, methods) in listed {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let target = format!("!{}", path.replace(['{', '}'], ""));
            let answer = nobody.send(method.parse().unwrap(), &target, None).await;
            if methods.contains(method) {
                assert_eq!(answer.status, 401, "{}", answer.asked);
                continue;
            }
            assert_eq!(answer.status, 405, "{}", answer.asked);
            let mut allowed: BTreeSet<&str> =
                answer.header("allow").unwrap().split(',').map(str::trim).collect();
            allowed.remove("HEAD");
            assert_eq!(allowed, methods, "{}", answer.asked);
        }
    }
}
