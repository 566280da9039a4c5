//! The OpenAPI 3.1 description of everything under `/v1`, generated from the handlers.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::{providers, schemas, tokens};

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
    info(title = "Durward administration API", description = "SCIM tokens, identity providers and schemas of a tenant. The tenant is that of the token. Every path is also served under `/core/iam`."),
    paths(
        tokens::create, tokens::list_or_search, tokens::get_or_list, tokens::revoke, tokens::rotate, tokens::settings,
        providers::list_all, providers::list, providers::create, providers::read_one, providers::replace, providers::remove,
        schemas::list_schemas, schemas::define_schema, schemas::read_schema, schemas::remove_schema,
        schemas::list_types, schemas::define_type, schemas::read_type, schemas::remove_type,
    ),
    security(("bearer" = [])),
    modifiers(&Bearer)
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

/// The description, as JSON.
pub fn text() -> String {
    Api::openapi().to_pretty_json().unwrap_or_default()
}

/// `GET /openapi.json`.
pub async fn document() -> Response {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(text);
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], TEXT.as_str()).into_response()
}
