//! The OpenAPI 3.1 description of everything under `/v1`, generated from the handlers.

use axum::response::IntoResponse;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi, ToSchema};

use super::{actions, decisions, members, policies, providers, roles, schemas, streams, subjects, tokens};
use crate::problem::PROBLEM_TYPE;

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem; `about:blank` where the status says it all.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong, naming what was sent.
    detail: String,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Durward administration API", description = "SCIM tokens, identity providers, schemas, subjects, roles, policies and event streams of a tenant, and the decisions that follow from them. The tenant is that of the token. Every path under `/v1` is also served under `/core/iam`, every path under `/access` also under `/{tenant}`."),
    paths(
        tokens::create, tokens::list_or_search, tokens::get_or_list, tokens::revoke, tokens::rotate, tokens::settings,
        providers::list_all, providers::list, providers::create, providers::read_one, providers::replace, providers::remove,
        schemas::list_schemas, schemas::define_schema, schemas::read_schema, schemas::remove_schema,
        actions::tree,
        subjects::list, subjects::list_users, subjects::list_clients, subjects::list_groups, subjects::read,
        subjects::memberships, subjects::roles, subjects::permissions,
        subjects::users_permissions, subjects::clients_permissions, subjects::groups_permissions,
        members::create_group, members::read_group, members::delete_group,
        members::list_in_group, members::add_to_group, members::remove_from_group, members::remove_one_from_group,
        roles::list, members::list_in_role, members::add_to_role, members::remove_from_role,
        members::add_one_to_role, members::remove_one_from_role,
        policies::create, policies::list, policies::remove,
        decisions::evaluation, decisions::evaluations,
        decisions::search_subject, decisions::search_resource, decisions::search_action,
        schemas::list_types, schemas::define_type, schemas::read_type, schemas::remove_type,
        streams::show, streams::create, streams::change, streams::replace, streams::remove,
        streams::show_status, streams::set_status, streams::verify,
    ),
    security(("bearer" = [])),
    modifiers(&Bearer, &Refusals)
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some("An administrator's token (`dw_admin_…`)".to_owned());
        components.add_security_scheme("bearer", SecurityScheme::Http(http));
    }
}

/// What any request may come to beside what its handler says itself, and a name for every operation.
struct Refusals;

impl Modify for Refusals {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        const ALWAYS: [(&str, &str); 5] = [
            ("401", "No good bearer token, or one of another tenant"),
            (
                "403",
                "The action that this takes is not carried by the token, or not granted to the user it stands for",
            ),
            ("414", "The request target is too long"),
            ("500", "The server failed"),
            ("503", "The server cannot answer now; try again"),
        ];
        const WITH_BODY: [(&str, &str); 4] = [
            ("400", "The body is not what is described"),
            ("408", "The body did not arrive in time"),
            ("413", "The body is too large"),
            ("415", "The body is not JSON by its own account"),
        ];
        const WITH_QUERY: [(&str, &str); 1] = [("400", "A parameter is not what it must be")];
        const WITH_PATH: [(&str, &str); 1] = [("404", "There is no such thing in this tenant")];
        for (path, item) in &mut api.paths.paths {
            let operations = [
                ("get", &mut item.get),
                ("post", &mut item.post),
                ("put", &mut item.put),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                operation.operation_id = Some(operation_id(method, path));
                let mut refusals = ALWAYS.to_vec();
                if operation.request_body.is_some() {
                    refusals.extend(WITH_BODY);
                }
                let in_query = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(it) if it.parameter_in == ParameterIn::Query);
                if operation.parameters.iter().flatten().any(in_query) {
                    refusals.extend(WITH_QUERY);
                }
                if path.contains('{') {
                    refusals.extend(WITH_PATH);
                }
                for (status, description) in refusals {
                    let known = &mut operation.responses.responses;
                    known.entry(status.to_owned()).or_insert_with(|| problem(description).into());
                }
            }
        }
    }
}

/// A name that no other operation has: that of a function is known to its module alone.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.skip(1).fold(method.to_owned(), |mut name, word| {
        let (first, rest) = word.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
        name
    })
}

fn problem(description: &str) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(PROBLEM_TYPE, body).build()
}

/// The description, as JSON.
pub fn text() -> String {
    Api::openapi().to_pretty_json().unwrap_or_default()
}

/// `GET /openapi.json`.
pub async fn document() -> axum::response::Response {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(text);
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], TEXT.as_str()).into_response()
}
