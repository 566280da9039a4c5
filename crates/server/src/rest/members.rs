//! Members of groups and roles: `/v1/subjects/groups` and `/v1/roles`. The same are resources of SCIM at `/Groups` and `/Roles`.

use authz::graph::SubjectKind;
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use iam::Error;
use iam::access::{Read, Write};
use iam::member::Holder;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{Asked, ListParameters, Listed};
use super::subjects::{SubjectView, on_read, permits};
use super::{Outcome, answer, authenticated, created, read};
use crate::extract::{App, Path, parameters};

/// What a new group is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewGroup {
    /// What people call it.
    #[schema(example = "Finance team")]
    display_name: String,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
}

/// Who becomes a member, or is one no more.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Members {
    /// `user-…`, `client-…`, `group-…`.
    #[schema(max_items = 1000)]
    subject_ids: Vec<String>,
}

/// Make a group, without members.
#[utoipa::path(post, path = "/v1/subjects/groups", tag = "Groups", request_body = NewGroup, responses(
    (status = 201, description = "The group", body = SubjectView),
))]
pub async fn create_group(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_create(&app, request).await)
}

async fn on_create(app: &App, request: Request<Body>) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, Holder::Group.kind(&cx)?).await?;
    let new: NewGroup = read(app, &parts.headers, body).await?;
    let made = Box::pin(app.iam.create_group(&cx, permit, &new.display_name, new.description.as_deref()));
    let group = SubjectView::new(&cx, made.await?);
    created(app, &parts, group.id(), &group)
}

/// Look at one group.
#[utoipa::path(get, path = "/v1/subjects/groups/{group}", tag = "Groups", params(("group" = String, Path, description = "The group's id, bare or `group-…`")), responses(
    (status = 200, description = "The group", body = SubjectView),
))]
pub async fn read_group(
    State(app): State<App>,
    Path(group): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_read(&app, &[SubjectKind::Group], &group, request).await)
}

/// Delete a group. Its members stay; what they had through it ends at once.
#[utoipa::path(delete, path = "/v1/subjects/groups/{group}", tag = "Groups", params(("group" = String, Path, description = "The group's id, bare or `group-…`")), responses(
    (status = 204, description = "The group is gone"),
    (status = 409, description = "The tenant would be left without an administrator", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn delete_group(
    State(app): State<App>,
    Path(group): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_delete(&app, &group, request).await)
}

async fn on_delete(app: &App, group: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, Holder::Group.kind(&cx)?).await?;
    app.iam.delete_group(&cx, permit, group).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// List the members of a group: users, clients and groups.
#[utoipa::path(get, path = "/v1/subjects/groups/{group}/members", tag = "Groups", params(("group" = String, Path, description = "The group's id"), ListParameters), responses(
    (status = 200, description = "A page, by id", body = Listed<SubjectView>),
))]
pub async fn list_in_group(
    State(app): State<App>,
    Path(group): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_list(&app, Holder::Group, &group, request).await)
}

/// Add members to a group: all of them or none.
#[utoipa::path(post, path = "/v1/subjects/groups/{group}/members", tag = "Groups", params(("group" = String, Path, description = "The group's id")), request_body = Members, responses(
    (status = 204, description = "They are members"),
    (status = 400, description = "One of them is no subject, which is named", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn add_to_group(
    State(app): State<App>,
    Path(group): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_change(&app, Holder::Group, &group, true, request).await)
}

/// Take members out of a group, named in the body or by `subjectIds`.
#[utoipa::path(delete, path = "/v1/subjects/groups/{group}/members", tag = "Groups", params(
    ("group" = String, Path, description = "The group's id"),
    ("subjectIds" = Option<Vec<String>>, Query, description = "Who; it stands in place of a body"),
), request_body = Option<Members>, responses(
    (status = 204, description = "They are no members"),
    (status = 409, description = "The tenant would be left without an administrator", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn remove_from_group(
    State(app): State<App>,
    Path(group): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_change(&app, Holder::Group, &group, false, request).await)
}

/// Take one member out of a group.
#[utoipa::path(delete, path = "/v1/subjects/groups/{group}/members/{subject}", tag = "Groups", params(
    ("group" = String, Path, description = "The group's id"),
    ("subject" = String, Path, description = "The member's id"),
), responses(
    (status = 204, description = "It is no member any more"),
    (status = 409, description = "The tenant would be left without an administrator", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn remove_one_from_group(
    State(app): State<App>,
    Path((group, subject)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    answer(on_change_one(&app, Holder::Group, &group, &subject, false, request).await)
}

/// List those who have a role themselves: users, clients and groups.
#[utoipa::path(get, path = "/v1/roles/{role}/members", tag = "Roles", params(("role" = String, Path, description = "The role's id or name"), ListParameters), responses(
    (status = 200, description = "A page, by id", body = Listed<SubjectView>),
))]
pub async fn list_in_role(
    State(app): State<App>,
    Path(role): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_list(&app, Holder::Role, &role, request).await)
}

/// Give a role to subjects: to all of them or to none.
#[utoipa::path(post, path = "/v1/roles/{role}/members", tag = "Roles", params(("role" = String, Path, description = "The role's id or name")), request_body = Members, responses(
    (status = 204, description = "They have the role"),
    (status = 400, description = "One of them is no subject, which is named", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn add_to_role(
    State(app): State<App>,
    Path(role): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_change(&app, Holder::Role, &role, true, request).await)
}

/// Take a role from subjects, named in the body or by `subjectIds`.
#[utoipa::path(delete, path = "/v1/roles/{role}/members", tag = "Roles", params(
    ("role" = String, Path, description = "The role's id or name"),
    ("subjectIds" = Option<Vec<String>>, Query, description = "Who; it stands in place of a body"),
), request_body = Option<Members>, responses(
    (status = 204, description = "They do not have the role themselves"),
    (status = 409, description = "The tenant would be left without an administrator", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn remove_from_role(
    State(app): State<App>,
    Path(role): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_change(&app, Holder::Role, &role, false, request).await)
}

/// Give a role to one subject. Who has it already keeps it.
#[utoipa::path(put, path = "/v1/roles/{role}/members/{subject}", tag = "Roles", params(
    ("role" = String, Path, description = "The role's id or name"),
    ("subject" = String, Path, description = "The subject's id"),
), responses(
    (status = 204, description = "The subject has the role"),
))]
pub async fn add_one_to_role(
    State(app): State<App>,
    Path((role, subject)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    answer(on_change_one(&app, Holder::Role, &role, &subject, true, request).await)
}

/// Take a role from one subject.
#[utoipa::path(delete, path = "/v1/roles/{role}/members/{subject}", tag = "Roles", params(
    ("role" = String, Path, description = "The role's id or name"),
    ("subject" = String, Path, description = "The subject's id"),
), responses(
    (status = 204, description = "The subject does not have the role itself any more"),
    (status = 409, description = "The tenant would be left without an administrator", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn remove_one_from_role(
    State(app): State<App>,
    Path((role, subject)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    answer(on_change_one(&app, Holder::Role, &role, &subject, false, request).await)
}

async fn on_list(app: &App, holder: Holder, id: &str, request: Request<Body>) -> Outcome {
    let (cx, parts, _) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Read, holder.kind(&cx)?).await?;
    let permits = permits(app, &cx, &SubjectKind::ALL).await?;
    let asked = Asked::read(parts.uri.query().unwrap_or_default())?;
    let found = app.iam.members(&cx, &permits, permit, id, asked.search.as_deref(), asked.part()).await?;
    asked.answer(found, |info| SubjectView::new(&cx, info))
}

async fn on_change(app: &App, holder: Holder, id: &str, is_link: bool, request: Request<Body>) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, holder.kind(&cx)?).await?;
    let named = if is_link { None } else { named(parts.uri.query().unwrap_or_default()) };
    let subject_ids = match named {
        None => read::<Members>(app, &parts.headers, body).await?.subject_ids,
        Some(named) if body.is_end_stream() => named,
        Some(_) => return Err(Error::invalid("`subjectIds` stands in the query, and there is a body").into()),
    };
    if subject_ids.is_empty() {
        return Err(Error::invalid("`subjectIds` names nobody").into());
    }
    app.iam.change_members(&cx, permit, id, &subject_ids, is_link).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Who is named in the query: not everything that a request passes through lets the body of a DELETE through.
fn named(query: &str) -> Option<Vec<String>> {
    let mut given = parameters(query).filter(|(name, _)| name == "subjectIds").peekable();
    given.peek()?;
    // Several may stand in one parameter: no id has a comma.
    let ids = given.flat_map(|(_, ids)| ids.split(',').map(str::to_owned).collect::<Vec<_>>());
    Some(ids.filter(|id| !id.is_empty()).collect())
}

async fn on_change_one(
    app: &App,
    holder: Holder,
    id: &str,
    subject: &str,
    is_link: bool,
    request: Request<Body>,
) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, holder.kind(&cx)?).await?;
    app.iam.change_member(&cx, permit, id, subject, is_link).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
