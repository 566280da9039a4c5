//! The actions that can be granted: `/v1/actions`. Those of the tenant are resources of SCIM at `/Actions`.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{Request, StatusCode};
use iam::access::Read;
use iam::actions::{self, Branch, Origin};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Outcome, answer, authenticated, json};
use crate::extract::{App, parameters};

/// Who says that an action is one.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionOrigin {
    /// The tenant.
    Tenant,
    /// Durward: it stands for something that can be done to Durward itself.
    Durward,
}

/// A name in the tree. Whoever is granted it may do all that lies below it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionView {
    /// The whole name, as a policy grants it.
    #[schema(example = "banking.ais.read")]
    name: String,
    /// Who says that it is an action; absent of what others merely begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<ActionOrigin>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whether it can be done at all.
    active: bool,
    /// What lies below it, by name.
    #[schema(no_recursion)]
    children: Vec<ActionView>,
}

/// The tree of actions.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActionTree {
    /// The widest, by name.
    actions: Vec<ActionView>,
}

impl From<Branch> for ActionView {
    fn from(branch: Branch) -> Self {
        let Branch { name, origin, description, is_active, children } = branch;
        let origin = origin.map(|origin| match origin {
            Origin::Tenant => ActionOrigin::Tenant,
            Origin::Durward => ActionOrigin::Durward,
        });
        let children = children.into_iter().map(Self::from).collect();
        Self { name, origin, description, active: is_active, children }
    }
}

/// The tree of actions that can be granted.
#[utoipa::path(get, path = "/v1/actions", tag = "Actions", params(
    ("under" = Option<String>, Query, description = "Only the action of this name and what lies below it"),
), responses(
    (status = 200, description = "The tree", body = ActionTree),
    (status = 400, description = "There are too many to be shown at once", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn tree(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_tree(&app, request).await)
}

async fn on_tree(app: &App, request: Request<Body>) -> Outcome {
    let (cx, parts, _) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Read, actions::kind(&cx)?).await?;
    let query = parts.uri.query().unwrap_or_default();
    let under = parameters(query).find(|(name, value)| name == "under" && !value.is_empty());
    let under = under.as_ref().map(|(_, value)| &**value);
    let actions = app.iam.actions(&cx, permit, under).await?;
    json(StatusCode::OK, &ActionTree { actions: actions.into_iter().map(ActionView::from).collect() })
}
