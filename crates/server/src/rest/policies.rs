//! Policies: `/v1/policies`. The same are resources of SCIM at `/Policies`.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use iam::Cx;
use iam::access::{Read, Write};
use iam::policy::{self, Policy, Terms};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Outcome, Paging, answer, authenticated, json, read};
use crate::extract::{App, Path};

/// What is granted, to whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPolicy {
    /// Who: `user-…`, `group-…` or `client-…` and the id; the id alone or a user name, too. A group passes it on to its members.
    #[schema(example = "group-0198f0c2-5b1e-7c3a-9d55-2f1b6a7c8e90")]
    subject: String,
    /// On what: a path or URI. It holds on all that lies below.
    #[schema(example = "/subscriptions/1")]
    scope: String,
    /// What: a dotted name. It holds for all actions below; `x.manage` for all below `x`.
    #[schema(example = "invoices.read")]
    action: String,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
}

/// A policy.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyView {
    /// Its id.
    id: String,
    /// Who: `user-…`, `group-…` or `client-…`, and the id.
    subject: String,
    /// On what, in the one spelling of the scope.
    scope: String,
    /// What.
    action: String,
    /// The tenant it belongs to.
    tenant: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// When it was granted.
    created_at: String,
}

impl PolicyView {
    fn new(cx: &Cx, policy: Policy) -> Self {
        let Policy { id, subject, scope, action, description, created_at } = policy;
        Self { id, subject, scope, action, tenant: cx.tenant_name.to_string(), description, created_at }
    }
}

/// A page of policies.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyPage {
    /// Those of this page.
    policies: Vec<PolicyView>,
    /// How many there are in all.
    total_count: u64,
    /// Which page this is, counted from one.
    page: u64,
    /// How many a page holds.
    page_size: u64,
}

/// Grant an action on a scope to a subject. It holds at once.
#[utoipa::path(post, path = "/v1/policies", tag = "Policies", request_body = NewPolicy, responses(
    (status = 201, description = "The policy", body = PolicyView),
    (status = 200, description = "The policy, which was there", body = PolicyView),
    (status = 400, description = "A member is wrong, or there is no such subject", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn create(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_create(&app, request).await)
}

async fn on_create(app: &App, request: Request<Body>) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, policy::kind(&cx)?).await?;
    let new: NewPolicy = read(app, &parts.headers, body).await?;
    let terms = Terms { subject: Some(new.subject), scope: Some(new.scope), action: Some(new.action) };
    let granted = Box::pin(app.iam.grant(&cx, permit, &terms, new.description.as_deref()));
    let (policy, is_new) = granted.await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    json(status, &PolicyView::new(&cx, policy))
}

/// List policies.
#[utoipa::path(get, path = "/v1/policies", tag = "Policies", params(
    ("subject" = Option<String>, Query, description = "Those of this subject itself"),
    ("scope" = Option<String>, Query, description = "Those on this scope itself"),
    ("action" = Option<String>, Query, description = "Those that grant this action itself"),
    ("page" = Option<u64>, Query, description = "Which page, counted from one"),
    ("pageSize" = Option<u64>, Query, description = "How many a page holds, from 1 to 200; 50 when absent"),
), responses(
    (status = 200, description = "A page of policies, oldest first", body = PolicyPage),
    (status = 400, description = "`page` or `pageSize` is no number, or `scope` is none", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn list(State(app): State<App>, request: Request<Body>) -> Response {
    let (parts, _) = request.into_parts();
    match app.authenticate(&parts).await {
        Ok(cx) => answer(on_list(&app, &cx, parts.uri.query().unwrap_or_default()).await),
        Err(refusal) => refusal.problem(),
    }
}

async fn on_list(app: &App, cx: &Cx, query: &str) -> Outcome {
    let mut terms = Terms::default();
    let paging = Paging::read(query, |name, value| match name {
        "subject" => terms.subject = Some(value.into_owned()),
        "scope" => terms.scope = Some(value.into_owned()),
        "action" => terms.action = Some(value.into_owned()),
        _ => {}
    })?;
    let permit = app.iam.permit(cx, Read, policy::kind(cx)?).await?;
    let start = paging.skip().saturating_add(1);
    let (policies, total_count) = app.iam.policies(cx, permit, &terms, start, paging.size).await?;
    let policies = policies.into_iter().map(|policy| PolicyView::new(cx, policy)).collect();
    json(StatusCode::OK, &PolicyPage { policies, total_count, page: paging.page, page_size: paging.size })
}

/// Take a policy back. It ends at once.
#[utoipa::path(delete, path = "/v1/policies/{id}", tag = "Policies", params(("id" = String, Path, description = "The policy's id")), responses(
    (status = 204, description = "The policy is gone"),
    (status = 404, description = "There is no such policy", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn remove(State(app): State<App>, Path(id): Path<String>, request: Request<Body>) -> Response {
    answer(on_remove(&app, &id, request).await)
}

async fn on_remove(app: &App, id: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, policy::kind(&cx)?).await?;
    app.iam.revoke(&cx, permit, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
