//! The administration API under `/v1` (and `/core/iam/v1`): tokens, identity providers, schemas, subjects, roles, actions,
//! policies, event streams; and the decision API under `/access/v1`.
//!
//! Errors are problem documents (RFC 9457). What stands here is described by the OpenAPI document it generates.

pub mod actions;
mod body;
pub mod decisions;
pub mod list;
pub mod members;
pub mod openapi;
pub mod policies;
pub mod providers;
pub mod roles;
pub mod schemas;
pub mod streams;
pub mod subjects;
pub mod tokens;

use std::borrow::Cow;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{delete, get, post, put};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use iam::{Cx, Error, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::extract::{App, parameters};
use crate::problem::Refusal;

/// The bases of this API.
pub const BASES: [&str; 2] = ["/v1", "/core/iam/v1"];
/// The bases of the token API, which are bases of SCIM too.
pub const TOKEN_BASES: [&str; 2] = ["/v1/scim", "/core/iam/v1/scim"];

/// The routes of the token API, relative to one of its bases, with their methods.
pub const TOKEN_ROUTES: [(&str, &[&str]); 2] = [("", &["GET", "POST"]), ("/{id}", &["GET", "DELETE"])];

/// The routes beside those that SCIM shares, relative to a base, with their methods.
pub const ROUTES: [(&str, &[&str]); 32] = [
    ("/scim/{id}/rotate", &["POST"]),
    ("/scim/{id}/settings", &["PUT"]),
    ("/sso", &["GET"]),
    ("/sso/{type}", &["GET", "POST"]),
    ("/sso/{type}/{id}", &["GET", "PUT", "DELETE"]),
    ("/actions", &["GET"]),
    ("/roles", &["GET"]),
    ("/roles/{role}/members", &["GET", "POST", "DELETE"]),
    ("/roles/{role}/members/{subject}", &["PUT", "DELETE"]),
    ("/subjects", &["GET"]),
    ("/subjects/users", &["GET"]),
    ("/subjects/clients", &["GET"]),
    ("/subjects/groups", &["GET", "POST"]),
    ("/subjects/groups/{group}", &["GET", "DELETE"]),
    ("/subjects/groups/{group}/members", &["GET", "POST", "DELETE"]),
    ("/subjects/groups/{group}/members/{subject}", &["DELETE"]),
    ("/subjects/groups/{group}/permissions", &["GET"]),
    ("/subjects/users/{subject}/permissions", &["GET"]),
    ("/subjects/clients/{subject}/permissions", &["GET"]),
    ("/subjects/{subject}", &["GET"]),
    ("/subjects/{subject}/memberships", &["GET"]),
    ("/subjects/{subject}/roles", &["GET"]),
    ("/subjects/{subject}/permissions", &["GET"]),
    ("/policies", &["GET", "POST"]),
    ("/policies/{id}", &["DELETE"]),
    ("/schemas", &["GET", "POST"]),
    ("/schemas/{id}", &["GET", "DELETE"]),
    ("/resource-types", &["GET", "POST"]),
    ("/resource-types/{id}", &["GET", "DELETE"]),
    ("/ssf/streams", &["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ("/ssf/status", &["GET", "POST"]),
    ("/ssf/verification", &["POST"]),
];

/// The routes of this API that are not also SCIM's.
pub fn routes() -> Router<App> {
    let mut router = Router::new()
        .route("/openapi.json", get(openapi::document))
        .merge(decisions::routes())
        .merge(streams::routes());
    for base in BASES {
        let at = |path: &str| format!("{base}{path}");
        router = router
            .route(&at("/scim/{endpoint}/rotate"), post(tokens::rotate))
            .route(&at("/scim/{endpoint}/settings"), put(tokens::settings))
            .route(&at("/sso"), get(providers::list_all))
            .route(&at("/sso/{type}"), get(providers::list).post(providers::create))
            .route(
                &at("/sso/{type}/{id}"),
                get(providers::read_one).put(providers::replace).delete(providers::remove),
            )
            .merge(subject_routes(base))
            .route(&at("/actions"), get(actions::tree))
            .route(&at("/policies"), get(policies::list).post(policies::create))
            .route(&at("/policies/{id}"), delete(policies::remove))
            .route(&at("/schemas"), get(schemas::list_schemas).post(schemas::define_schema))
            .route(&at("/schemas/{id}"), get(schemas::read_schema).merge(delete(schemas::remove_schema)))
            .route(&at("/resource-types"), get(schemas::list_types).post(schemas::define_type))
            .route(&at("/resource-types/{id}"), get(schemas::read_type).merge(delete(schemas::remove_type)))
            .route(
                &at("/ssf/streams"),
                get(streams::show)
                    .post(streams::create)
                    .put(streams::replace)
                    .patch(streams::change)
                    .delete(streams::remove),
            )
            .route(&at("/ssf/status"), get(streams::show_status).post(streams::set_status))
            .route(&at("/ssf/verification"), post(streams::verify));
    }
    router
}

/// The routes of subjects and roles.
fn subject_routes(base: &str) -> Router<App> {
    let at = |path: &str| format!("{base}{path}");
    let in_group = get(members::list_in_group).post(members::add_to_group).delete(members::remove_from_group);
    let in_role = get(members::list_in_role).post(members::add_to_role).delete(members::remove_from_role);
    Router::new()
        .route(&at("/subjects"), get(subjects::list))
        .route(&at("/subjects/users"), get(subjects::list_users))
        .route(&at("/subjects/clients"), get(subjects::list_clients))
        .route(&at("/subjects/groups"), get(subjects::list_groups).post(members::create_group))
        .route(&at("/subjects/groups/{group}"), get(members::read_group).delete(members::delete_group))
        .route(&at("/subjects/groups/{group}/members"), in_group)
        .route(&at("/subjects/groups/{group}/members/{subject}"), delete(members::remove_one_from_group))
        .route(&at("/subjects/groups/{group}/permissions"), get(subjects::groups_permissions))
        .route(&at("/subjects/users/{subject}/permissions"), get(subjects::users_permissions))
        .route(&at("/subjects/clients/{subject}/permissions"), get(subjects::clients_permissions))
        .route(&at("/subjects/{subject}"), get(subjects::read))
        .route(&at("/subjects/{subject}/memberships"), get(subjects::memberships))
        .route(&at("/subjects/{subject}/roles"), get(subjects::roles))
        .route(&at("/subjects/{subject}/permissions"), get(subjects::permissions))
        .route(&at("/roles"), get(roles::list))
        .route(&at("/roles/{role}/members"), in_role)
        .route(
            &at("/roles/{role}/members/{subject}"),
            put(members::add_one_to_role).delete(members::remove_one_from_role),
        )
}

/// What a handler comes to.
type Outcome = Result<Response, Refusal>;

/// Answers with what a handler made.
fn answer(outcome: Outcome) -> Response {
    match outcome {
        Ok(response) => response,
        Err(refusal) => refusal.problem(),
    }
}

async fn authenticated(app: &App, request: Request<Body>) -> Result<(Cx, Parts, Body), Refusal> {
    let (parts, body) = request.into_parts();
    let cx = app.authenticate(&parts).await?;
    Ok((cx, parts, body))
}

async fn read<T: DeserializeOwned>(app: &App, headers: &HeaderMap, body: Body) -> Result<T, Refusal> {
    read_without(app, headers, body, &[]).await
}

/// Reads a body in which members that we answer with and nobody sets may stand.
async fn read_without<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    ours: &[&str],
) -> Result<T, Refusal> {
    let mut object = app.object(headers, body, limits::BODY_BYTES_MAX).await?;
    ours.iter().for_each(|name| drop(object.remove(*name)));
    Ok(body::read(object.into())?)
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, Refusal> {
    let text = serde_json::to_string(body).map_err(Error::internal)?;
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Some answers hold a secret, and none is for anybody else.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Answers with what was made in the collection that was asked, and where it is (RFC 9110 §15.3.2).
fn created(app: &App, parts: &Parts, id: &str, body: &impl Serialize) -> Outcome {
    let mut response = json(StatusCode::CREATED, body)?;
    let location = format!("{}{}/{id}", app.public_url, parts.uri.path());
    let location = HeaderValue::try_from(location).map_err(Error::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// Which part of a list is asked for by `page` and `pageSize`.
struct Paging {
    /// Counted from one.
    page: u64,
    /// How many a page holds.
    size: u64,
}

impl Paging {
    const SIZE: u64 = 50;
    const SIZE_MAX: u64 = 200;

    /// Reads them from a query, and hands on whatever else is there.
    fn read<'q>(query: &'q str, mut other: impl FnMut(&str, Cow<'q, str>)) -> Result<Self, Error> {
        let mut paging = Self { page: 1, size: Self::SIZE };
        for (name, value) in parameters(query) {
            let number = || {
                value
                    .parse::<u64>()
                    .ok()
                    .filter(|number| *number > 0)
                    .ok_or_else(|| Error::invalid(format!("`{name}` must be a whole number above 0")))
            };
            match &*name {
                "page" => paging.page = number()?,
                "pageSize" => paging.size = number()?.min(Self::SIZE_MAX),
                _ => other(&name, value),
            }
        }
        Ok(paging)
    }

    /// How many come before the page.
    fn skip(&self) -> u64 {
        (self.page - 1).saturating_mul(self.size)
    }
}

/// Whether a tenant may have that name.
fn is_tenant_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.bytes().all(is_letter) && name.len() <= limits::TENANT_NAME_BYTES_MAX
}

/// An instant as `date-time` (RFC 3339).
fn instant(millis: i64) -> String {
    ::scim::value::timestamp(millis)
}
