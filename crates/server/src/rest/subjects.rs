//! Subjects: `/v1/subjects`. The same are resources of SCIM at `/Users`, `/Clients` and `/Groups`.

use authz::graph::SubjectKind;
use authz::{Permission, Permissions};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{Request, StatusCode};
use iam::access::{Decisions, Permit, Read};
use iam::kind::Kind;
use iam::member::Held;
use iam::member::Holder;
use iam::page::Page;
use iam::subject::{self, Info};
use iam::{Cx, Error};
use serde::Serialize;
use utoipa::ToSchema;

use super::list::{Asked, ListParameters, Listed};
use super::roles::HeldRole;
use super::{Outcome, answer, authenticated, json};
use crate::extract::{App, Path};

/// What a subject is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub enum SubjectType {
    /// A person or a service account.
    User,
    /// An application.
    Client,
    /// A collection of users, clients and groups.
    Group,
}

impl From<SubjectKind> for SubjectType {
    fn from(kind: SubjectKind) -> Self {
        match kind {
            SubjectKind::User => Self::User,
            SubjectKind::Client => Self::Client,
            SubjectKind::Group => Self::Group,
        }
    }
}

/// What is known of a subject beside its name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectProperties {
    /// Of a user, the name to sign in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Of a user, the e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Of a user, the telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    /// Of a client or group, what it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Of a user or client, whether it may do anything at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
}

/// A subject: a user, client or group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectView {
    /// Its id, as SCIM has it.
    id: String,
    /// Its id among all subjects, as policies name it: `user-…`, `client-…`, `group-…`.
    subject_id: String,
    /// What people call it.
    display_name: String,
    /// The tenant it belongs to.
    tenant: String,
    /// What it is.
    #[serde(rename = "type")]
    kind: SubjectType,
    /// What else is known of it.
    properties: SubjectProperties,
}

impl SubjectView {
    /// Its id, as SCIM has it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn new(cx: &Cx, info: Info) -> Self {
        let subject_id = info.subject().to_string();
        let Info { kind, id, display_name, description, user_name, email, phone_number, active } = info;
        let properties = SubjectProperties { username: user_name, email, phone_number, description, active };
        Self {
            id,
            subject_id,
            display_name,
            tenant: cx.tenant_name.to_string(),
            kind: kind.into(),
            properties,
        }
    }
}

/// A group that a subject is in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Membership {
    /// The group.
    #[serde(flatten)]
    group: SubjectView,
    /// Whether the subject is a member itself; else through other groups.
    direct: bool,
}

/// Something that stands on the way to a permission.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionStep {
    /// `user`, `client`, `group`, `role`, `permission`, `policy`, `resource` or `scope`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its id; of a scope, the scope.
    id: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
}

/// Something that a subject may do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionView {
    /// What: it holds for all actions below; `x.manage` for all below `x`.
    action: String,
    /// Where: it holds on all that lies in it.
    scope: String,
    /// The resource or scope that it was granted on.
    on: PermissionStep,
    /// How the subject comes to it: the subject, its groups, then a policy, or a role and a permission of it.
    path: Vec<PermissionStep>,
}

/// A page of what a subject may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct PermissionPage {
    #[serde(flatten)]
    listed: Listed<PermissionView>,
    /// Whether there are more than are listed at all.
    more: bool,
}

impl From<authz::explain::Step> for PermissionStep {
    fn from(step: authz::explain::Step) -> Self {
        Self { kind: step.kind.as_str(), id: step.id, display_name: step.display }
    }
}

impl From<Permission> for PermissionView {
    fn from(Permission { path, scope }: Permission) -> Self {
        let steps = path.steps.into_iter().map(PermissionStep::from).collect();
        Self { action: path.action, scope, on: path.on.into(), path: steps }
    }
}

/// Permission to look at subjects of these kinds.
pub(super) async fn permits<'k>(
    app: &App,
    cx: &'k Cx,
    kinds: &[SubjectKind],
) -> Result<Permit<Read, Vec<&'k Kind>>, Error> {
    let kinds = kinds.iter().map(|kind| subject::kind(cx, *kind)).collect::<Result<_, _>>()?;
    app.iam.permit_all(cx, Read, kinds).await
}

async fn listed(app: &App, request: Request<Body>, kinds: &[SubjectKind]) -> Response {
    let listed = async {
        let (cx, parts, _) = authenticated(app, request).await?;
        let permits = permits(app, &cx, kinds).await?;
        let asked = Asked::read(parts.uri.query().unwrap_or_default())?;
        let found = app.iam.subjects(&cx, &permits, asked.search.as_deref(), asked.part()).await?;
        asked.answer(found, |info| SubjectView::new(&cx, info))
    };
    answer(listed.await)
}

/// List all subjects: users, then clients, then groups.
#[utoipa::path(get, path = "/v1/subjects", tag = "Subjects", params(ListParameters), responses(
    (status = 200, description = "A page, oldest first", body = Listed<SubjectView>),
))]
pub async fn list(State(app): State<App>, request: Request<Body>) -> Response {
    listed(&app, request, &SubjectKind::ALL).await
}

/// List users.
#[utoipa::path(get, path = "/v1/subjects/users", tag = "Subjects", params(ListParameters), responses(
    (status = 200, description = "A page, oldest first", body = Listed<SubjectView>),
))]
pub async fn list_users(State(app): State<App>, request: Request<Body>) -> Response {
    listed(&app, request, &[SubjectKind::User]).await
}

/// List clients.
#[utoipa::path(get, path = "/v1/subjects/clients", tag = "Subjects", params(ListParameters), responses(
    (status = 200, description = "A page, oldest first", body = Listed<SubjectView>),
))]
pub async fn list_clients(State(app): State<App>, request: Request<Body>) -> Response {
    listed(&app, request, &[SubjectKind::Client]).await
}

/// List groups.
#[utoipa::path(get, path = "/v1/subjects/groups", tag = "Subjects", params(ListParameters), responses(
    (status = 200, description = "A page, oldest first", body = Listed<SubjectView>),
))]
pub async fn list_groups(State(app): State<App>, request: Request<Body>) -> Response {
    listed(&app, request, &[SubjectKind::Group]).await
}

/// Look at one subject.
#[utoipa::path(get, path = "/v1/subjects/{subject}", tag = "Subjects", params(("subject" = String, Path, description = "`user-…`, `client-…` or `group-…`, or the bare id")), responses(
    (status = 200, description = "The subject", body = SubjectView),
))]
pub async fn read(State(app): State<App>, Path(subject): Path<String>, request: Request<Body>) -> Response {
    answer(on_read(&app, &subject::kinds_of(&subject), &subject, request).await)
}

pub(super) async fn on_read(
    app: &App,
    kinds: &[SubjectKind],
    subject: &str,
    request: Request<Body>,
) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let info = app.iam.subject(&cx, &permits(app, &cx, kinds).await?, subject).await?;
    json(StatusCode::OK, &SubjectView::new(&cx, info))
}

/// List the groups that a subject is in, itself or through other groups.
#[utoipa::path(get, path = "/v1/subjects/{subject}/memberships", tag = "Subjects", params(("subject" = String, Path, description = "The subject's id"), ListParameters), responses(
    (status = 200, description = "A page, oldest first", body = Listed<Membership>),
))]
pub async fn memberships(
    State(app): State<App>,
    Path(subject): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(on_memberships(&app, &subject, request).await)
}

async fn on_memberships(app: &App, subject: &str, request: Request<Body>) -> Outcome {
    let (cx, parts, _) = authenticated(app, request).await?;
    let permits = permits(app, &cx, &subject::kinds_of(subject)).await?;
    let permit = app.iam.permit(&cx, Read, Holder::Group.kind(&cx)?).await?;
    let asked = Asked::read(parts.uri.query().unwrap_or_default())?;
    let found =
        app.iam.memberships(&cx, &permits, permit, subject, asked.search.as_deref(), asked.part()).await?;
    asked.answer(found, |Held { what, is_direct }| Membership {
        group: SubjectView::new(&cx, what),
        direct: is_direct,
    })
}

/// List the roles that a subject has, itself or through groups.
#[utoipa::path(get, path = "/v1/subjects/{subject}/roles", tag = "Subjects", params(("subject" = String, Path, description = "The subject's id"), ListParameters), responses(
    (status = 200, description = "A page, by id", body = Listed<HeldRole>),
))]
pub async fn roles(State(app): State<App>, Path(subject): Path<String>, request: Request<Body>) -> Response {
    answer(on_roles(&app, &subject, request).await)
}

async fn on_roles(app: &App, subject: &str, request: Request<Body>) -> Outcome {
    let (cx, parts, _) = authenticated(app, request).await?;
    let permits = permits(app, &cx, &subject::kinds_of(subject)).await?;
    let permit = app.iam.permit(&cx, Read, Holder::Role.kind(&cx)?).await?;
    let asked = Asked::read(parts.uri.query().unwrap_or_default())?;
    let found =
        app.iam.roles_of(&cx, &permits, permit, subject, asked.search.as_deref(), asked.part()).await?;
    asked.answer(found, HeldRole::from)
}

/// List what a subject may do, and how it comes to that.
#[utoipa::path(get, path = "/v1/subjects/{subject}/permissions", tag = "Subjects", params(("subject" = String, Path, description = "The subject's id"), ListParameters), responses(
    (status = 200, description = "A page, by action and scope; nothing of a subject that is not active", body = PermissionPage),
))]
pub async fn permissions(
    State(app): State<App>,
    Path(subject): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(permitted(&app, &subject::kinds_of(&subject), &subject, request).await)
}

/// As `/v1/subjects/{subject}/permissions`, of a user.
#[utoipa::path(get, path = "/v1/subjects/users/{subject}/permissions", tag = "Subjects", params(("subject" = String, Path, description = "The user's id"), ListParameters), responses(
    (status = 200, description = "A page, by action and scope; nothing of a user who is not active", body = PermissionPage),
))]
pub async fn users_permissions(
    State(app): State<App>,
    Path(subject): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(permitted(&app, &[SubjectKind::User], &subject, request).await)
}

/// As `/v1/subjects/{subject}/permissions`, of a client.
#[utoipa::path(get, path = "/v1/subjects/clients/{subject}/permissions", tag = "Subjects", params(("subject" = String, Path, description = "The client's id"), ListParameters), responses(
    (status = 200, description = "A page, by action and scope; nothing of a client that is not active", body = PermissionPage),
))]
pub async fn clients_permissions(
    State(app): State<App>,
    Path(subject): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(permitted(&app, &[SubjectKind::Client], &subject, request).await)
}

/// As `/v1/subjects/{subject}/permissions`, of a group.
#[utoipa::path(get, path = "/v1/subjects/groups/{group}/permissions", tag = "Subjects", params(("group" = String, Path, description = "The group's id"), ListParameters), responses(
    (status = 200, description = "A page, by action and scope", body = PermissionPage),
))]
pub async fn groups_permissions(
    State(app): State<App>,
    Path(group): Path<String>,
    request: Request<Body>,
) -> Response {
    answer(permitted(&app, &[SubjectKind::Group], &group, request).await)
}

async fn permitted(app: &App, kinds: &[SubjectKind], subject: &str, request: Request<Body>) -> Outcome {
    let (cx, parts, _) = authenticated(app, request).await?;
    let permits = permits(app, &cx, kinds).await?;
    let permit = app.iam.permit(&cx, Read, Decisions).await?;
    let asked = Asked::read(parts.uri.query().unwrap_or_default())?;
    let Permissions { part, total, more } =
        app.iam.permissions(&cx, &permits, permit, subject, asked.part()).await?;
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    let listed = asked.page(Page { items: part, total }, PermissionView::from);
    json(StatusCode::OK, &PermissionPage { listed, more })
}
