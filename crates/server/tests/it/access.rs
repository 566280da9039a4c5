//! The access matrix: what everybody may do with every route.
//!
//! The tables are compared with the router's own lists, so a route cannot be added without saying who may use it.

mod cast;

use std::collections::BTreeSet;

use durward_server::rest::{BASES, ROUTES, TOKEN_BASES, TOKEN_ROUTES, decisions};
use durward_server::router::{SCIM_ROUTES, scim_bases};
use http::Method;
use serde_json::json;

use crate::rest::is_problem;
use crate::world::{Answer, World};
use cast::Cast;

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
GET     /ssf/streams                                there   durward.event-streams.read                                                      403     403       200      200
GET     /ssf/streams                                absent  durward.event-streams.read                                                      403     403       404      404
POST    /ssf/streams                                -       durward.event-streams.write                                                     403     403       403      201
PUT     /ssf/streams                                there   durward.event-streams.write                                                     403     403       403      200
PUT     /ssf/streams                                absent  durward.event-streams.write                                                     403     403       403      404
PATCH   /ssf/streams                                there   durward.event-streams.write                                                     403     403       403      200
PATCH   /ssf/streams                                absent  durward.event-streams.write                                                     403     403       403      404
DELETE  /ssf/streams                                there   durward.event-streams.write                                                     403     403       403      204
DELETE  /ssf/streams                                absent  durward.event-streams.write                                                     403     403       403      404
GET     /ssf/status                                 there   durward.event-streams.read                                                      403     403       200      200
GET     /ssf/status                                 absent  durward.event-streams.read                                                      403     403       404      404
POST    /ssf/status                                 there   durward.event-streams.write                                                     403     403       403      200
POST    /ssf/status                                 absent  durward.event-streams.write                                                     403     403       403      404
POST    /ssf/verification                           there   durward.event-streams.write                                                     403     403       403      204
POST    /ssf/verification                           absent  durward.event-streams.write                                                     403     403       403      404
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
const OPEN: [&str; 8] = [
    "/openapi.json",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/.well-known/authzen-configuration",
    "/.well-known/authzen-configuration/acme",
    "/.well-known/ssf-configuration/acme",
    "/acme/.well-known/jwks.json",
];

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
