//! Roles: `/v1/roles`. The same are resources of SCIM at `/Roles`, where they are made.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::Request;
use iam::access::Read;
use iam::member::{Held, Holder, Named};
use serde::Serialize;
use utoipa::ToSchema;

use super::list::{Asked, ListParameters, Listed};
use super::{Outcome, answer, authenticated};
use crate::extract::App;

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleView {
    /// Its id.
    id: String,
    /// Its name, as it stands in tokens.
    name: String,
}

impl From<Named> for RoleView {
    fn from(Named { id, name }: Named) -> Self {
        Self { id, name }
    }
}

/// A role that a subject has.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldRole {
    /// The role.
    #[serde(flatten)]
    role: RoleView,
    /// Whether the subject has it itself; else through groups.
    direct: bool,
}

impl From<Held<Named>> for HeldRole {
    fn from(Held { what, is_direct }: Held<Named>) -> Self {
        Self { role: what.into(), direct: is_direct }
    }
}

/// List roles.
#[utoipa::path(get, path = "/v1/roles", tag = "Roles", params(ListParameters), responses(
    (status = 200, description = "A page, by name", body = Listed<RoleView>),
))]
pub async fn list(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_list(&app, request).await)
}

async fn on_list(app: &App, request: Request<Body>) -> Outcome {
    let (cx, parts, _) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Read, Holder::Role.kind(&cx)?).await?;
    let asked = Asked::read(parts.uri.query().unwrap_or_default())?;
    let found = app.iam.roles(&cx, permit, asked.search.as_deref(), asked.part()).await?;
    asked.answer(found, RoleView::from)
}
