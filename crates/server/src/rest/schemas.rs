//! Schemas and resource types that a tenant defines: `/v1/schemas`, `/v1/resource-types`.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Request, StatusCode};
use iam::access::Permit;
use iam::schemas::{SchemaDefinition, TypeDefinition};
use iam::{Error, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Outcome, answer, authenticated, json};
use crate::extract::{App, Path};
use crate::problem::Refusal;

/// A schema that a tenant defines: the members of RFC 7643 §7, and what the schema is for.
#[derive(Debug, ToSchema)]
#[schema(as = SchemaDefinition, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes `iam::schemas::SchemaDefinition` to those who read the API's description"
)]
pub struct SchemaShape {
    /// The schema's URN; not one of `urn:ietf:`.
    #[schema(example = "urn:example:params:scim:schemas:acme:2.0:Badge")]
    id: String,
    /// For people.
    name: String,
    /// For people.
    description: Option<String>,
    /// Attributes as RFC 7643 §7 describes them: name, type, multiValued, required, caseExact, mutability, returned,
    /// uniqueness, canonicalValues, referenceTypes, subAttributes.
    attributes: Vec<Value>,
    /// The resource types it extends, by name; none for the core schema of a type of one's own.
    extends: Option<Vec<String>>,
    /// Whether every resource must have the extension.
    required: Option<bool>,
    /// Attributes that an index finds, at most 8; each costs a row at every write.
    indexed: Option<Vec<String>>,
}

/// A resource type that a tenant defines (RFC 7643 §6).
#[derive(Debug, ToSchema)]
#[schema(as = TypeDefinition, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes `iam::schemas::TypeDefinition` to those who read the API's description"
)]
pub struct TypeShape {
    /// Its name.
    #[schema(example = "Device")]
    name: String,
    /// Its endpoint.
    #[schema(example = "/Devices")]
    endpoint: String,
    /// For people.
    description: Option<String>,
    /// The URN of its core schema, which the tenant has defined.
    schema: String,
    /// Its extensions: `schema` and `required`.
    schema_extensions: Option<Vec<Value>>,
    /// Attributes that an index finds, at most 8.
    indexed: Option<Vec<String>>,
}

/// A list of definitions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionList {
    /// In the order of their names.
    items: Vec<Value>,
    /// How many there are.
    total_count: usize,
}

fn list<T: Serialize>(all: Vec<T>) -> Result<DefinitionList, Error> {
    let items = all.into_iter().map(|one| serde_json::to_value(one).map_err(Error::internal));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    Ok(DefinitionList { total_count: items.len(), items })
}

/// What a definition may have: what is described here, and what `/Schemas` and `/ResourceTypes` add when they show it.
const SCHEMA_MEMBERS: [&str; 9] =
    ["schemas", "meta", "id", "name", "description", "attributes", "extends", "required", "indexed"];
const TYPE_MEMBERS: [&str; 9] =
    ["schemas", "meta", "id", "name", "endpoint", "description", "schema", "schemaExtensions", "indexed"];

/// A definition without members that nobody knows: one that is misspelt would change what the definition means.
async fn read_definition<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    members: &[&str],
) -> Result<T, Refusal> {
    let object = app.object(headers, body, limits::BODY_BYTES_MAX).await?;
    if let Some(name) = object.keys().find(|name| !members.contains(&name.as_str())) {
        let name = ::scim::error::quoted(name);
        return Err(Error::invalid(format!("{name} is not a member of a definition")).into());
    }
    serde_json::from_value(object.into()).map_err(|e| Error::invalid(e.to_string()).into())
}

/// List the schemas that the tenant defined.
#[utoipa::path(get, path = "/v1/schemas", tag = "Schemas", responses(
    (status = 200, description = "The schemas", body = DefinitionList),
    (status = 403, description = "Not an administrator's token", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn list_schemas(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_list_schemas(&app, request).await)
}

async fn on_list_schemas(app: &App, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let all = app.iam.defined_schemas(&cx, Permit::inspect(&cx)?).await?;
    let response = json(StatusCode::OK, &list(all)?)?;
    Ok((cx, response))
}

/// Define a schema: an extension, or the core of a resource type of one's own. It works at once.
#[utoipa::path(post, path = "/v1/schemas", tag = "Schemas", request_body = SchemaShape, responses(
    (status = 201, description = "The schema", body = SchemaShape),
    (status = 400, description = "The schema is not one; the attribute is named", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "The URN is taken", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn define_schema(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_define_schema(&app, request).await)
}

async fn on_define_schema(app: &App, request: Request<Body>) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = Permit::administer(&cx)?;
    let definition: SchemaDefinition = read_definition(app, &parts.headers, body, &SCHEMA_MEMBERS).await?;
    let made = app.iam.define_schema(&cx, permit, definition).await?;
    let response = json(StatusCode::CREATED, &made)?;
    Ok((cx, response))
}

/// Show a schema that the tenant defined.
#[utoipa::path(get, path = "/v1/schemas/{id}", tag = "Schemas", params(("id" = String, Path, description = "The URN")), responses(
    (status = 200, description = "The schema", body = SchemaShape),
    (status = 404, description = "The tenant defined no such schema", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn read_schema(
    State(app): State<App>,
    Path(urn): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_read_schema(&app, &urn, request).await)
}

async fn on_read_schema(app: &App, urn: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let all = app.iam.defined_schemas(&cx, Permit::inspect(&cx)?).await?;
    let found = all.into_iter().find(|known| known.schema.id.eq_ignore_ascii_case(urn));
    let found =
        found.ok_or_else(|| Error::NotFound(format!("there is no schema {}", ::scim::error::quoted(urn))))?;
    let response = json(StatusCode::OK, &found)?;
    Ok((cx, response))
}

/// Remove a schema that no resource and no resource type uses.
#[utoipa::path(delete, path = "/v1/schemas/{id}", tag = "Schemas", params(("id" = String, Path, description = "The URN")), responses(
    (status = 204, description = "The schema is gone"),
    (status = 404, description = "The tenant defined no such schema", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is in use", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn remove_schema(
    State(app): State<App>,
    Path(urn): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_remove_schema(&app, &urn, request).await)
}

async fn on_remove_schema(app: &App, urn: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    app.iam.remove_schema(&cx, Permit::administer(&cx)?, urn).await?;
    Ok((cx, StatusCode::NO_CONTENT.into_response()))
}

/// List the resource types that the tenant defined.
#[utoipa::path(get, path = "/v1/resource-types", tag = "Schemas", responses(
    (status = 200, description = "The resource types", body = DefinitionList),
    (status = 403, description = "Not an administrator's token", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn list_types(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_list_types(&app, request).await)
}

async fn on_list_types(app: &App, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let all = app.iam.defined_types(&cx, Permit::inspect(&cx)?).await?;
    let response = json(StatusCode::OK, &list(all)?)?;
    Ok((cx, response))
}

/// Define a resource type. It works at once, with everything SCIM does.
#[utoipa::path(post, path = "/v1/resource-types", tag = "Schemas", request_body = TypeShape, responses(
    (status = 201, description = "The resource type", body = TypeShape),
    (status = 400, description = "A member is missing or wrong", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "The name or the endpoint is taken", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn define_type(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_define_type(&app, request).await)
}

async fn on_define_type(app: &App, request: Request<Body>) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = Permit::administer(&cx)?;
    let definition: TypeDefinition = read_definition(app, &parts.headers, body, &TYPE_MEMBERS).await?;
    let made = app.iam.define_type(&cx, permit, definition).await?;
    let response = json(StatusCode::CREATED, &made)?;
    Ok((cx, response))
}

/// Show a resource type that the tenant defined.
#[utoipa::path(get, path = "/v1/resource-types/{id}", tag = "Schemas", params(("id" = String, Path, description = "The name")), responses(
    (status = 200, description = "The resource type", body = TypeShape),
    (status = 404, description = "The tenant defined no such resource type", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn read_type(State(app): State<App>, Path(name): Path<String>, request: Request<Body>) -> Response {
    answer(on_read_type(&app, &name, request).await)
}

async fn on_read_type(app: &App, name: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let all = app.iam.defined_types(&cx, Permit::inspect(&cx)?).await?;
    let found = all.into_iter().find(|known| known.name == name);
    let found = found.ok_or_else(|| {
        Error::NotFound(format!("there is no resource type {}", ::scim::error::quoted(name)))
    })?;
    let response = json(StatusCode::OK, &found)?;
    Ok((cx, response))
}

/// Remove a resource type of which there are no resources.
#[utoipa::path(delete, path = "/v1/resource-types/{id}", tag = "Schemas", params(("id" = String, Path, description = "The name")), responses(
    (status = 204, description = "The resource type is gone"),
    (status = 404, description = "The tenant defined no such resource type", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is in use", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn remove_type(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_remove_type(&app, &name, request).await)
}

async fn on_remove_type(app: &App, name: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    app.iam.remove_type(&cx, Permit::administer(&cx)?, name).await?;
    Ok((cx, StatusCode::NO_CONTENT.into_response()))
}
