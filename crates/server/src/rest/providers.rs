//! Identity providers of a tenant: `/v1/sso`. Their secrets go in and never come out.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use iam::access::{Permit, Providers, Read, Write};
use iam::provider::{Draft, Provider};
use iam::{Error, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Outcome, answer, authenticated, created, json, read_without};
use crate::extract::{App, Path};

/// Which identity provider it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderType {
    /// Microsoft Entra ID.
    Azuread,
    /// Any OpenID Connect provider.
    Custom,
    /// Google.
    Google,
    /// Signicat.
    Signicat,
}

/// The protocol of an identity provider.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OpenID Connect.
    #[default]
    Oidc,
}

/// How Durward and the provider talk.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Properties {
    /// Whether people may sign in through it.
    #[serde(default = "yes")]
    login_enabled: bool,
    /// Whether it is offered on the sign-in page.
    #[serde(default = "yes")]
    visible: bool,
    /// Whether its tokens may be exchanged for ours.
    #[serde(default)]
    delegation_enabled: bool,
    /// Whether a person who signs in and is not known is created.
    #[serde(default)]
    auto_provisioning_enabled: bool,
    /// What the provider calls Durward.
    client_id: String,
    /// The secret with which Durward is known to the provider. Never returned; absent in a replacement, it stays.
    #[serde(default, skip_serializing)]
    #[schema(write_only)]
    client_secret: Option<String>,
    /// Whether PKCE (RFC 7636) is used.
    #[serde(default = "yes")]
    use_pkce: bool,
    /// The provider's issuer URL.
    authority: String,
    /// The OAuth response type.
    #[serde(default = "code")]
    response_type: String,
    /// The scopes that are asked for, separated by spaces.
    #[serde(default = "scope")]
    scope: String,
    /// The claim that holds the name (Google and custom).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_claim_type: Option<String>,
    /// The claim that holds the e-mail address (Google and custom).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_claim_type: Option<String>,
    /// The claim that holds the telephone number (Google and custom).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone_number_claim_type: Option<String>,
    /// The claim that names the person (Google and custom).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject_claim_type: Option<String>,
    /// Whether it may be used to step up an authentication (custom).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verify_enabled: Option<bool>,
    /// Whether claims are fetched from its userinfo endpoint (custom).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    get_claims_from_user_info_endpoint: Option<bool>,
}

fn yes() -> bool {
    true
}

fn code() -> String {
    "code".to_owned()
}

fn scope() -> String {
    "openid profile email".to_owned()
}

/// An identity provider, as an administrator describes it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderInput {
    /// Its name in URLs and tokens; unique in the tenant.
    scheme: String,
    /// Its name, for people.
    display_name: String,
    /// Whether it is in use.
    #[serde(default = "yes")]
    enabled: bool,
    /// The protocol.
    #[serde(rename = "type", default)]
    protocol: Protocol,
    /// How Durward and the provider talk.
    properties: Properties,
}

/// What is kept as the document: the description and which provider it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    provider: ProviderType,
    #[serde(flatten)]
    input: ProviderInput,
}

/// An identity provider, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderView {
    /// Its id.
    id: String,
    /// Which identity provider it is.
    provider: ProviderType,
    /// What an administrator said of it.
    #[serde(flatten)]
    input: ProviderInput,
    /// Whether it has a client secret.
    has_client_secret: bool,
}

/// The providers of a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderList {
    /// Oldest first.
    providers: Vec<ProviderView>,
    /// How many there are.
    total_count: usize,
}

fn view(provider: Provider) -> Result<ProviderView, Error> {
    let kept: Kept = serde_json::from_value(provider.document).map_err(Error::internal)?;
    Ok(ProviderView {
        id: provider.id,
        provider: kept.provider,
        input: kept.input,
        has_client_secret: provider.has_secret,
    })
}

fn draft(provider: ProviderType, mut input: ProviderInput) -> Result<Draft, Error> {
    let properties = &mut input.properties;
    if !is_authority(&properties.authority) {
        return Err(Error::invalid(
            "`properties.authority` must be an https URL without user, query and fragment",
        ));
    }
    if properties.client_id.trim().is_empty() {
        return Err(Error::invalid("`properties.clientId` must not be empty"));
    }
    if !is_response_type(&properties.response_type) {
        return Err(Error::invalid("`properties.responseType` is made of `code`, `id_token` and `token`"));
    }
    // OpenID Connect Core 1.0 §3.1.2.1.
    if !properties.scope.split_ascii_whitespace().any(|scope| scope == "openid") {
        return Err(Error::invalid("`properties.scope` must name `openid`"));
    }
    if let Some((name, types)) = misplaced(provider, properties) {
        return Err(Error::invalid(format!("`properties.{name}` belongs to a provider of type {types}")));
    }
    let client_secret = properties.client_secret.take().filter(|secret| !secret.is_empty()).map(Secret::new);
    let (scheme, display_name) = (input.scheme.clone(), input.display_name.clone());
    let document = serde_json::to_value(Kept { provider, input }).map_err(Error::internal)?;
    Ok(Draft { scheme, display_name, document, client_secret })
}

/// An https URL without query and fragment (OpenID Connect Discovery 1.0 §3), and without a user, whose password would
/// be shown; plain http only to the machine itself, for those who develop.
fn is_authority(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let local = ["localhost", "127.0.0.1", "[::1]"];
    let is_local = || {
        let after = local.iter().find_map(|host| authority.strip_prefix(host));
        after.is_some_and(|port| port.is_empty() || port.starts_with(':'))
    };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
    authz::scope::is_authority(authority)
        && path.bytes().all(is_plain)
        && (scheme.eq_ignore_ascii_case("https") || (scheme.eq_ignore_ascii_case("http") && is_local()))
}

/// What an OAuth client may ask for in place of a token or with it (OAuth 2.0 Multiple Response Type Encoding
/// Practices §3, §5), in any order.
fn is_response_type(text: &str) -> bool {
    let values: Vec<&str> = text.split(' ').collect();
    let is_repeated = |at: usize| values.iter().skip(at + 1).any(|other| values.get(at) == Some(other));
    values.iter().all(|value| ["code", "id_token", "token"].contains(value))
        && !(0..values.len()).any(is_repeated)
}

/// A property that was given and that this type of provider does not have, and the types that have it.
fn misplaced(provider: ProviderType, given: &Properties) -> Option<(&'static str, &'static str)> {
    let custom = provider == ProviderType::Custom;
    let claims = custom || provider == ProviderType::Google;
    let rules = [
        ("nameClaimType", given.name_claim_type.is_some(), claims),
        ("emailClaimType", given.email_claim_type.is_some(), claims),
        ("phoneNumberClaimType", given.phone_number_claim_type.is_some(), claims),
        ("subjectClaimType", given.subject_claim_type.is_some(), claims),
        ("verifyEnabled", given.verify_enabled.is_some(), custom),
        ("getClaimsFromUserInfoEndpoint", given.get_claims_from_user_info_endpoint.is_some(), custom),
    ];
    let (name, ..) = rules.into_iter().find(|(_, given, fits)| *given && !fits)?;
    Some((name, if name.ends_with("ClaimType") { "`custom` or `google`" } else { "`custom`" }))
}

/// List all identity providers.
#[utoipa::path(get, path = "/v1/sso", tag = "SSO providers", responses(
    (status = 200, description = "All providers, oldest first", body = ProviderList),
    (status = 401, description = "No good bearer token", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 403, description = "The token does not carry the action, or the user it stands for is not granted it", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn list_all(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_list(&app, None, request).await)
}

/// List the identity providers of a type.
#[utoipa::path(get, path = "/v1/sso/{type}", tag = "SSO providers", params(("type" = ProviderType, Path, description = "Which identity provider")), responses(
    (status = 200, description = "The providers of that type, oldest first", body = ProviderList),
    (status = 404, description = "There is no such type", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn list(State(app): State<App>, Path(kind): Path<String>, request: Request<Body>) -> Response {
    answer(on_list(&app, Some(kind), request).await)
}

async fn on_list(app: &App, kind: Option<String>, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Read, Providers).await?;
    let kind = kind.as_deref().map(type_named).transpose()?;
    let all = app.iam.providers(&cx, permit).await?;
    let mut providers = all.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
    providers.retain(|provider| kind.is_none_or(|kind| provider.provider == kind));
    json(StatusCode::OK, &ProviderList { total_count: providers.len(), providers })
}

fn type_named(name: &str) -> Result<ProviderType, Error> {
    let unknown = |_| Error::NotFound(format!("there is no provider type {}", ::scim::error::quoted(name)));
    serde_json::from_value(name.into()).map_err(unknown)
}

/// What an answer says beyond what an administrator said, so that an answer can be sent back.
const OURS: [&str; 3] = ["id", "provider", "hasClientSecret"];

/// Add an identity provider.
#[utoipa::path(post, path = "/v1/sso/{type}", tag = "SSO providers", request_body = ProviderInput, params(("type" = ProviderType, Path, description = "Which identity provider")), responses(
    (status = 201, description = "The provider, without its secret", body = ProviderView),
    (status = 400, description = "A member is missing or wrong", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "The scheme is taken, or the tenant has too many providers", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn create(State(app): State<App>, Path(kind): Path<String>, request: Request<Body>) -> Response {
    answer(on_create(&app, &kind, request).await)
}

async fn on_create(app: &App, kind: &str, request: Request<Body>) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let (permit, kind) = (app.iam.permit(&cx, Write, Providers).await?, type_named(kind)?);
    let input: ProviderInput = read_without(app, &parts.headers, body, &OURS).await?;
    let made = view(app.iam.create_provider(&cx, permit, draft(kind, input)?).await?)?;
    created(app, &parts, &made.id, &made)
}

/// Show an identity provider.
#[utoipa::path(get, path = "/v1/sso/{type}/{id}", tag = "SSO providers", params(
    ("type" = ProviderType, Path, description = "Which identity provider"), ("id" = String, Path, description = "The provider's id"),
), responses(
    (status = 200, description = "The provider, without its secret", body = ProviderView),
    (status = 404, description = "There is no such provider", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn read_one(
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    answer(on_read(&app, &kind, &id, request).await)
}

async fn on_read(app: &App, kind: &str, id: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Read, Providers).await?;
    let found = known(app, &cx, permit, kind, id).await?;
    json(StatusCode::OK, &found)
}

/// The provider, if it is of that type.
async fn known(
    app: &App,
    cx: &iam::Cx,
    permit: Permit<Read, Providers>,
    kind: &str,
    id: &str,
) -> Result<ProviderView, Error> {
    let kind = type_named(kind)?;
    let found = view(app.iam.provider(cx, permit, id).await?)?;
    if found.provider != kind {
        return Err(Error::NotFound(format!(
            "there is no identity provider {} of that type",
            ::scim::error::quoted(id)
        )));
    }
    Ok(found)
}

/// Replace an identity provider's configuration.
#[utoipa::path(put, path = "/v1/sso/{type}/{id}", tag = "SSO providers", request_body = ProviderInput, params(
    ("type" = ProviderType, Path, description = "Which identity provider"), ("id" = String, Path, description = "The provider's id"),
), responses(
    (status = 200, description = "The provider, without its secret", body = ProviderView),
    (status = 404, description = "There is no such provider", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "The scheme is taken, or a token is made for the old one", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn replace(
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    answer(on_replace(&app, &kind, &id, request).await)
}

async fn on_replace(app: &App, kind: &str, id: &str, request: Request<Body>) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, Providers).await?;
    let before = known(app, &cx, permit.reading(), kind, id).await?;
    let input: ProviderInput = read_without(app, &parts.headers, body, &OURS).await?;
    let made = app.iam.replace_provider(&cx, permit, id, draft(before.provider, input)?).await?;
    json(StatusCode::OK, &view(made)?)
}

/// Remove an identity provider that no token is made for.
#[utoipa::path(delete, path = "/v1/sso/{type}/{id}", tag = "SSO providers", params(
    ("type" = ProviderType, Path, description = "Which identity provider"), ("id" = String, Path, description = "The provider's id"),
), responses(
    (status = 204, description = "The provider is gone"),
    (status = 404, description = "There is no such provider", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "A token is made for it", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn remove(
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    answer(on_remove(&app, &kind, &id, request).await)
}

async fn on_remove(app: &App, kind: &str, id: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, Providers).await?;
    known(app, &cx, permit.reading(), kind, id).await?;
    app.iam.delete_provider(&cx, permit, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
