//! The decision API: OpenID AuthZEN Authorization API 1.0 under `/access/v1`, for the tenant of the token.

use authz::authzen;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{Request, StatusCode};
use iam::access::{Decisions, Permit, Read};
use iam::{Cx, Error, limits};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Outcome, authenticated, is_tenant_name, json};
use crate::extract::{App, Path};
use crate::problem::Refusal;

/// The bases of this API; where none is named, the tenant is that of the token.
pub const BASES: [&str; 2] = ["/access/v1", "/{tenant}/access/v1"];

/// The routes of this API, relative to a base, with their methods.
pub const ROUTES: [(&str, &[&str]); 5] = [
    ("/evaluation", &["POST"]),
    ("/evaluations", &["POST"]),
    ("/search/subject", &["POST"]),
    ("/search/resource", &["POST"]),
    ("/search/action", &["POST"]),
];

/// Where the API describes itself, to anybody (§9).
pub const WELL_KNOWN: &str = "/.well-known/authzen-configuration";

/// The routes of this API, and of its description.
pub fn routes() -> Router<App> {
    let mut router = Router::new()
        .route(WELL_KNOWN, get(metadata))
        .route(&format!("{WELL_KNOWN}/{{tenant}}"), get(metadata_of_tenant));
    for base in BASES {
        let at = |path: &str| format!("{base}{path}");
        router = router
            .route(&at("/evaluation"), post(evaluation))
            .route(&at("/evaluations"), post(evaluations))
            .route(&at("/search/subject"), post(search_subject))
            .route(&at("/search/resource"), post(search_resource))
            .route(&at("/search/action"), post(search_action));
    }
    router
}

/// The tenant that a path of this API names.
pub fn tenant_of(path: &str) -> Option<&str> {
    let (tenant, rest) = path.strip_prefix('/')?.split_once('/')?;
    (rest == "access/v1" || rest.starts_with("access/v1/")).then_some(tenant)
}

/// A subject or resource.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuthzenEntity)]
pub struct EntityShape {
    /// Of a subject `user`, `group`, `client`, or `subject` for an id with its prefix; of a resource the slug of its type, or
    /// `scope`.
    #[serde(rename = "type")]
    kind: String,
    /// The id. Of a user the user name too; of a resource its slug too.
    id: String,
}

/// An action.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuthzenAction)]
pub struct ActionShape {
    /// A dotted name, such as `invoices.read`.
    name: String,
}

/// A question (§6.1).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evaluation)]
pub struct EvaluationShape {
    /// Who.
    subject: EntityShape,
    /// What.
    action: ActionShape,
    /// On what.
    resource: EntityShape,
    /// With `explain: true`, the answer says why.
    #[schema(value_type = Option<Object>)]
    context: Option<Value>,
}

/// Many questions (§7.1). What stands at the top stands for all of them that do not say it themselves.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evaluations)]
pub struct EvaluationsShape {
    /// The questions.
    #[schema(value_type = Vec<Object>, max_items = 1000)]
    evaluations: Vec<Value>,
    /// `evaluations_semantic`: `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    #[schema(value_type = Option<Object>)]
    options: Option<Value>,
}

/// An answer (§6.2).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decision)]
pub struct DecisionShape {
    /// Whether the subject may.
    decision: bool,
    /// Why, if that was asked for: `reason`, and `paths`, or `has` and `could`.
    #[schema(value_type = Option<Object>)]
    context: Option<Value>,
}

/// Answers in the order of the questions (§7.2).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decisions)]
pub struct DecisionsShape {
    /// The answers.
    evaluations: Vec<DecisionShape>,
}

/// A search (§8): a question without what is searched for, whose `type` is said. Of an action nothing is said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Search)]
pub struct SearchShape {
    /// Who.
    #[schema(value_type = Option<Object>)]
    subject: Option<Value>,
    /// What.
    #[schema(value_type = Option<Object>)]
    action: Option<Value>,
    /// On what.
    #[schema(value_type = Option<Object>)]
    resource: Option<Value>,
    /// `token` of the page before, `limit`.
    #[schema(value_type = Option<Object>)]
    page: Option<Value>,
}

/// What a search found (§8.3).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Found)]
pub struct FoundShape {
    /// Subjects, resources or actions.
    #[schema(value_type = Vec<Object>)]
    results: Vec<Value>,
    /// `next_token`: empty when there are no more.
    #[schema(value_type = Object)]
    page: Value,
}

/// Reads a request, asks, and answers with what it came to.
async fn decided<T: Serialize>(
    app: App,
    request: Request<Body>,
    ask: impl AsyncFnOnce(&App, &Cx, Permit<Read, Decisions>, &authzen::Request<'_>) -> Result<T, Error>,
) -> Response {
    let decided = async {
        let (cx, parts, body) = authenticated(&app, request).await?;
        let permit = app.iam.permit(&cx, Read, Decisions).await?;
        let body = app.json(&parts.headers, body, limits::BODY_BYTES_MAX).await?;
        let answer = ask(&app, &cx, permit, &scim::message::read(&body)?).await?;
        json(StatusCode::OK, &answer)
    };
    // Where several things are read, the locks of the database are taken once.
    let outcome: Outcome = store::snapshot(decided).await;
    outcome.unwrap_or_else(|refusal: Refusal| refusal.problem())
}

/// May this subject do this on that?
#[utoipa::path(post, path = "/access/v1/evaluation", tag = "Decisions", request_body = EvaluationShape, responses(
    (status = 200, description = "The decision", body = DecisionShape),
))]
pub async fn evaluation(State(app): State<App>, request: Request<Body>) -> Response {
    decided(app, request, async |app, cx, permit, body| app.iam.evaluate(cx, permit, body).await).await
}

/// Many such questions at once.
#[utoipa::path(post, path = "/access/v1/evaluations", tag = "Decisions", request_body = EvaluationsShape, responses(
    (status = 200, description = "The decisions; of a single question, its own", body = DecisionsShape),
))]
pub async fn evaluations(State(app): State<App>, request: Request<Body>) -> Response {
    decided(app, request, async |app, cx, permit, body| app.iam.evaluate_many(cx, permit, body).await).await
}

/// Who may do this on that?
#[utoipa::path(post, path = "/access/v1/search/subject", tag = "Decisions", request_body = SearchShape, responses(
    (status = 200, description = "A page of subjects, by id", body = FoundShape),
))]
pub async fn search_subject(State(app): State<App>, request: Request<Body>) -> Response {
    decided(app, request, async |app, cx, permit, body| app.iam.search_subjects(cx, permit, body).await).await
}

/// On what may this subject do that?
#[utoipa::path(post, path = "/access/v1/search/resource", tag = "Decisions", request_body = SearchShape, responses(
    (status = 200, description = "A page of resources, by id", body = FoundShape),
))]
pub async fn search_resource(State(app): State<App>, request: Request<Body>) -> Response {
    decided(app, request, async |app, cx, permit, body| app.iam.search_resources(cx, permit, body).await)
        .await
}

/// What may this subject do on that?
#[utoipa::path(post, path = "/access/v1/search/action", tag = "Decisions", request_body = SearchShape, responses(
    (status = 200, description = "A page of actions, by name", body = FoundShape),
))]
pub async fn search_action(State(app): State<App>, request: Request<Body>) -> Response {
    decided(app, request, async |app, cx, permit, body| app.iam.search_actions(cx, permit, body).await).await
}

async fn metadata(State(app): State<App>) -> Response {
    described(&app.public_url)
}

/// The same for any name: nobody learns here which tenants there are.
async fn metadata_of_tenant(State(app): State<App>, Path(tenant): Path<String>) -> Response {
    match is_tenant_name(&tenant) {
        true => described(&format!("{}/{tenant}", app.public_url)),
        false => Refusal::NoRoute.problem(),
    }
}

fn described(base: &str) -> Response {
    let described = json(StatusCode::OK, &authzen::metadata(base));
    described.unwrap_or_else(|refusal| refusal.problem())
}

#[cfg(test)]
mod tests {
    use super::tenant_of;

    #[test]
    fn a_path_names_its_tenant() {
        assert_eq!(tenant_of("/acme/access/v1/evaluation"), Some("acme"));
        for path in ["/access/v1/evaluation", "/acme/access/v2/evaluation", "/acme/scim/access/v1", "/"] {
            assert_eq!(tenant_of(path), None, "{path}");
        }
    }
}
