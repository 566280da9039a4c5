//! Schemas and resource types that a tenant defines: `/v1/schemas`, `/v1/resource-types`.

use ::scim::schema::{Attributes, Schema};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use iam::Error;
use iam::access::{self, Read, Write};
use iam::schemas::{SchemaDefinition, TypeDefinition, TypeExtension};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Outcome, answer, authenticated, created, json, read_without};
use crate::extract::{App, Path};

/// A schema that a tenant defines: the members of RFC 7643 §7, and what the schema is for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SchemaDefinition)]
pub struct SchemaShape {
    /// The schema's URN; not one of `urn:ietf:`.
    #[schema(example = "urn:example:params:scim:schemas:acme:2.0:Badge")]
    id: String,
    /// For people.
    name: String,
    /// For people.
    #[serde(default)]
    description: String,
    /// Attributes as RFC 7643 §7 describes them: name, type, multiValued, required, caseExact, mutability, returned,
    /// uniqueness, canonicalValues, referenceTypes, subAttributes.
    #[schema(value_type = Vec<Value>, max_items = 200)]
    attributes: Attributes,
    /// The resource types it extends, by name; none for the core schema of a type of one's own.
    #[serde(default)]
    extends: Vec<String>,
    /// Whether every resource must have the extension.
    #[serde(default)]
    required: bool,
    /// Attributes that an index finds; each costs a row at every write.
    #[serde(default)]
    #[schema(max_items = 8)]
    indexed: Vec<String>,
}

impl From<SchemaShape> for SchemaDefinition {
    fn from(shape: SchemaShape) -> Self {
        let SchemaShape { id, name, description, attributes, extends, required, indexed } = shape;
        Self { schema: Schema { id, name, description, attributes }, extends, required, indexed }
    }
}

impl From<SchemaDefinition> for SchemaShape {
    fn from(definition: SchemaDefinition) -> Self {
        let SchemaDefinition { schema, extends, required, indexed } = definition;
        let Schema { id, name, description, attributes } = schema;
        Self { id, name, description, attributes, extends, required, indexed }
    }
}

/// A resource type that a tenant defines (RFC 7643 §6).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = TypeDefinition)]
pub struct TypeShape {
    /// Its name.
    #[schema(example = "Device")]
    name: String,
    /// Its endpoint.
    #[schema(example = "/Devices")]
    endpoint: String,
    /// For people.
    #[serde(default)]
    description: String,
    /// The URN of its core schema, which the tenant has defined.
    schema: String,
    /// Its extensions.
    #[serde(default)]
    schema_extensions: Vec<ExtensionShape>,
    /// Attributes that an index finds.
    #[serde(default)]
    #[schema(max_items = 8)]
    indexed: Vec<String>,
}

/// An extension of a resource type.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TypeExtension)]
pub struct ExtensionShape {
    /// The URN of its schema, which the tenant has defined.
    schema: String,
    /// Whether every resource must have it.
    #[serde(default)]
    required: bool,
}

impl From<TypeShape> for TypeDefinition {
    fn from(shape: TypeShape) -> Self {
        let TypeShape { name, endpoint, description, schema, schema_extensions, indexed } = shape;
        let extensions = schema_extensions.into_iter();
        let schema_extensions =
            extensions.map(|e| TypeExtension { schema: e.schema, required: e.required }).collect();
        Self { name, endpoint, description, schema, schema_extensions, indexed }
    }
}

impl From<TypeDefinition> for TypeShape {
    fn from(definition: TypeDefinition) -> Self {
        let TypeDefinition { name, endpoint, description, schema, schema_extensions, indexed } = definition;
        let extensions = schema_extensions.into_iter();
        let schema_extensions = extensions
            .map(|TypeExtension { schema, required }| ExtensionShape { schema, required })
            .collect();
        Self { name, endpoint, description, schema, schema_extensions, indexed }
    }
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

fn list<S: Serialize + From<D>, D>(all: Vec<D>) -> Result<DefinitionList, Error> {
    let items = all.into_iter().map(|one| serde_json::to_value(S::from(one)).map_err(Error::internal));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    Ok(DefinitionList { total_count: items.len(), items })
}

/// What `/Schemas` and `/ResourceTypes` add when they show a definition, so that it can be sent back.
const OURS: [&str; 2] = ["schemas", "meta"];

/// List the schemas that the tenant defined.
#[utoipa::path(get, path = "/v1/schemas", tag = "Schemas", responses(
    (status = 200, description = "The schemas", body = DefinitionList),
    (status = 403, description = "The token does not carry the action, or the user it stands for is not granted it", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn list_schemas(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_list_schemas(&app, request).await)
}

async fn on_list_schemas(app: &App, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Read, access::Schemas).await?;
    let all = app.iam.defined_schemas(&cx, permit).await?;
    json(StatusCode::OK, &list::<SchemaShape, _>(all)?)
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
    let permit = app.iam.permit(&cx, Write, access::Schemas).await?;
    let shape: SchemaShape = read_without(app, &parts.headers, body, &OURS).await?;
    let made = app.iam.define_schema(&cx, permit, shape.into()).await?;
    let made = SchemaShape::from(made);
    created(app, &parts, &made.id, &made)
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
    let permit = app.iam.permit(&cx, Read, access::Schemas).await?;
    let all = app.iam.defined_schemas(&cx, permit).await?;
    let found = all.into_iter().find(|known| known.schema.id.eq_ignore_ascii_case(urn));
    let found =
        found.ok_or_else(|| Error::NotFound(format!("there is no schema {}", ::scim::error::quoted(urn))))?;
    json(StatusCode::OK, &SchemaShape::from(found))
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
    let permit = app.iam.permit(&cx, Write, access::Schemas).await?;
    app.iam.remove_schema(&cx, permit, urn).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// List the resource types that the tenant defined.
#[utoipa::path(get, path = "/v1/resource-types", tag = "Schemas", responses(
    (status = 200, description = "The resource types", body = DefinitionList),
    (status = 403, description = "The token does not carry the action, or the user it stands for is not granted it", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn list_types(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_list_types(&app, request).await)
}

async fn on_list_types(app: &App, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Read, access::Schemas).await?;
    let all = app.iam.defined_types(&cx, permit).await?;
    json(StatusCode::OK, &list::<TypeShape, _>(all)?)
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
    let permit = app.iam.permit(&cx, Write, access::Schemas).await?;
    let shape: TypeShape = read_without(app, &parts.headers, body, &OURS).await?;
    let made = app.iam.define_type(&cx, permit, shape.into()).await?;
    let made = TypeShape::from(made);
    created(app, &parts, &made.name, &made)
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
    let permit = app.iam.permit(&cx, Read, access::Schemas).await?;
    let all = app.iam.defined_types(&cx, permit).await?;
    let found = all.into_iter().find(|known| known.name == name);
    let found = found.ok_or_else(|| {
        Error::NotFound(format!("there is no resource type {}", ::scim::error::quoted(name)))
    })?;
    json(StatusCode::OK, &TypeShape::from(found))
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
    let permit = app.iam.permit(&cx, Write, access::Schemas).await?;
    app.iam.remove_type(&cx, permit, name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
