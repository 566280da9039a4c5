//! SCIM tokens: `/v1/scim`. SCIM itself is spoken under the same path; whatever is not for tokens goes there.

use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use iam::access::{Permit, Read, Tokens, Write};
use iam::cx::{Mode, OnInactive, TokenKind};
use iam::token::{Draft, Info, Settings};
use iam::{Cx, Error};
use scim::quirks::Dialect;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Outcome, Paging, answer, authenticated, instant, json, read};
use crate::extract::{App, Path};
use crate::scim::{self as scim_routes, Target};

/// What a token may do.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenMode {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

impl From<TokenMode> for Mode {
    fn from(mode: TokenMode) -> Self {
        match mode {
            TokenMode::Read => Self::Read,
            TokenMode::Write => Self::Write,
        }
    }
}

/// Whether the habits of known clients are understood.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionDialect {
    /// They are.
    Auto,
    /// SCIM to the letter.
    Strict,
}

impl From<ConnectionDialect> for Dialect {
    fn from(dialect: ConnectionDialect) -> Self {
        match dialect {
            ConnectionDialect::Auto => Self::Auto,
            ConnectionDialect::Strict => Self::Strict,
        }
    }
}

/// What happens when a connection creates a user who exists and is inactive.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionOnInactive {
    /// The user is activated again, keeping its id.
    Reactivate,
    /// The request is refused.
    Conflict,
}

impl From<ConnectionOnInactive> for OnInactive {
    fn from(on_inactive: ConnectionOnInactive) -> Self {
        match on_inactive {
            ConnectionOnInactive::Reactivate => Self::Reactivate,
            ConnectionOnInactive::Conflict => Self::Conflict,
        }
    }
}

/// What is wanted of a new SCIM token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewToken {
    /// The scheme of an identity provider of the tenant.
    provider: String,
    /// The name of that provider, for people.
    provider_display_name: String,
    /// What to call the token; the provider's name when absent.
    #[serde(default)]
    name: Option<String>,
    /// What it may do; `write` when absent.
    #[serde(default)]
    mode: Option<TokenMode>,
    /// The actions it is narrowed to, such as `durward.users.read`; all that a SCIM token of that mode carries when absent.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    actions: Option<Vec<String>>,
    /// After how many days it ends; never when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
    /// `auto` (the default) or `strict`.
    #[serde(default)]
    dialect: Option<ConnectionDialect>,
    /// What happens when the connection creates a user who exists and is inactive: `reactivate` (the default) or `conflict`.
    #[serde(default)]
    on_inactive: Option<ConnectionOnInactive>,
    /// The id of the user the token stands for, at `/Me`.
    #[serde(default)]
    subject: Option<String>,
}

/// A new token, with its secret: the only time it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedToken {
    /// The token's id.
    id: String,
    /// The token itself. It is not shown again.
    token: String,
    /// The scheme of its identity provider.
    provider: String,
    /// The name of that provider.
    provider_display_name: String,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// The token's id.
    id: String,
    /// The scheme of its identity provider; empty for a token that was made without one.
    provider: String,
    /// The name of that provider.
    provider_display_name: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// Who made it.
    created_by: String,
    /// What it is called.
    name: String,
    /// `read` or `write`.
    #[schema(value_type = TokenMode)]
    mode: String,
    /// The actions it is narrowed to, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<String>>,
    /// `auto` or `strict`.
    #[schema(value_type = ConnectionDialect)]
    dialect: String,
    /// `reactivate` or `conflict`.
    #[schema(value_type = ConnectionOnInactive)]
    on_inactive: String,
    /// The connection whose `externalId`s it sees.
    connection: String,
    /// The id of the user it stands for, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it was last used, noted within a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

impl From<Info> for TokenView {
    fn from(info: Info) -> Self {
        Self {
            id: info.id,
            provider: info.provider.unwrap_or_default(),
            provider_display_name: info.provider_display_name.unwrap_or_default(),
            created_at: instant(info.created),
            created_by: info.created_by,
            name: info.name,
            mode: info.mode,
            actions: info.actions,
            dialect: info.settings.dialect.as_str().to_owned(),
            on_inactive: info.settings.on_inactive.as_str().to_owned(),
            connection: info.connection,
            subject: info.subject,
            expires_at: info.expires.map(instant),
            last_used_at: info.last_used.map(instant),
        }
    }
}

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenPage {
    /// Those of this page.
    tokens: Vec<TokenView>,
    /// How many there are in all.
    total_count: u64,
    /// Which page this is, counted from one.
    page: u64,
    /// How many a page holds.
    page_size: u64,
}

/// How a token is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// For how many hours the old token stays good; 24 when absent.
    #[serde(default)]
    #[schema(maximum = 720)]
    overlap_hours: Option<u32>,
    /// After how many days the new one ends; never when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// The settings of a token's connection. They take the place of those it had: one that is not given has its default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionSettings {
    /// `auto` (the default) or `strict`.
    #[serde(default)]
    dialect: Option<ConnectionDialect>,
    /// `reactivate` (the default) or `conflict`.
    #[serde(default)]
    on_inactive: Option<ConnectionOnInactive>,
}

fn settings_of(dialect: Option<ConnectionDialect>, on_inactive: Option<ConnectionOnInactive>) -> Settings {
    Settings {
        dialect: dialect.map(Dialect::from).unwrap_or_default(),
        on_inactive: on_inactive.map(OnInactive::from).unwrap_or_default(),
    }
}

/// Create a SCIM token for an identity provider.
#[utoipa::path(post, path = "/v1/scim", tag = "SCIM tokens", request_body = NewToken, responses(
    (status = 200, description = "The token, shown this once", body = CreatedToken),
    (status = 400, description = "A member is missing or wrong, or there is no such provider", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "The tenant has too many tokens, or the provider was changed meanwhile", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn create(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_create(&app, request).await)
}

async fn on_create(app: &App, request: Request<Body>) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, Tokens).await?;
    let new: NewToken = read(app, &parts.headers, body).await?;
    let draft = Draft {
        kind: TokenKind::Scim,
        mode: new.mode.map_or(Mode::Write, Mode::from),
        actions: new.actions,
        name: new.name.unwrap_or_else(|| new.provider_display_name.clone()),
        provider: Some(new.provider),
        provider_display_name: Some(new.provider_display_name),
        settings: settings_of(new.dialect, new.on_inactive),
        subject: new.subject,
        days: new.expires_in_days,
    };
    let (info, secret) = app.iam.create_token(&cx, permit, draft).await?;
    json(StatusCode::OK, &made(info, secret.expose()))
}

fn made(info: Info, secret: &str) -> CreatedToken {
    CreatedToken {
        id: info.id,
        token: secret.to_owned(),
        provider: info.provider.unwrap_or_default(),
        provider_display_name: info.provider_display_name.unwrap_or_default(),
        expires_at: info.expires.map(instant),
    }
}

/// List SCIM tokens.
#[utoipa::path(get, path = "/v1/scim", tag = "SCIM tokens", params(
    ("query" = Option<String>, Query, description = "Part of a provider's or a token's name"),
    ("page" = Option<u64>, Query, minimum = 1, description = "Which page, counted from one"),
    ("pageSize" = Option<u64>, Query, minimum = 1, description = "How many a page holds, from 1 to 200; 50 when absent"),
), responses(
    (status = 200, description = "A page of tokens, oldest first", body = TokenPage),
    (status = 400, description = "`page` or `pageSize` is no number", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn list_or_search(State(app): State<App>, request: Request<Body>) -> Response {
    // A SCIM token asks SCIM's root; only an administrator's token asks for tokens.
    let (parts, body) = request.into_parts();
    match app.authenticate(&parts).await {
        Ok(cx) if cx.caller.kind == TokenKind::Scim => {
            scim_routes::root(State(app), Request::from_parts(parts, body)).await
        }
        Ok(cx) => answer(on_list(&app, cx, parts.uri.query().unwrap_or_default()).await),
        Err(refusal) => refusal.problem(),
    }
}

async fn on_list(app: &App, cx: Cx, query: &str) -> Outcome {
    let mut text = None;
    let paging = Paging::read(query, |name, value| {
        if name == "query" {
            text = Some(value.into_owned());
        }
    })?;
    let permit = app.iam.permit(&cx, Read, Tokens).await?;
    let (skip, take) = (paging.skip(), paging.size);
    let found = app.iam.tokens(&cx, permit, Some(TokenKind::Scim), text.as_deref(), skip, take).await?;
    let tokens = found.tokens.into_iter().map(TokenView::from).collect();
    json(
        StatusCode::OK,
        &TokenPage { tokens, total_count: found.total, page: paging.page, page_size: paging.size },
    )
}

/// Show a SCIM token, without its secret.
#[utoipa::path(get, path = "/v1/scim/{id}", tag = "SCIM tokens", params(("id" = String, Path, description = "The token's id")), responses(
    (status = 200, description = "The token", body = TokenView),
    (status = 404, description = "There is no such token", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn get_or_list(state: State<App>, Path(target): Path<Target>, request: Request<Body>) -> Response {
    // Ids of tokens are UUIDs, which no endpoint is called.
    match target.endpoint.as_deref().filter(|name| is_uuid(name)) {
        Some(id) => {
            let id = id.to_owned();
            answer(on_get(&state.0, &id, request).await)
        }
        None => scim_routes::collection(state, Path(target), request).await,
    }
}

async fn on_get(app: &App, id: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Read, Tokens).await?;
    let info = known(app, &cx, permit, id).await?;
    json(StatusCode::OK, &TokenView::from(info))
}

/// The token, if it is one for SCIM: an administrator's token is not managed with another one here.
async fn known(app: &App, cx: &Cx, permit: Permit<Read, Tokens>, id: &str) -> Result<Info, Error> {
    let info = app.iam.token(cx, permit, id).await?;
    if info.kind != TokenKind::Scim.as_str() {
        return Err(Error::NotFound(format!("there is no SCIM token {}", ::scim::error::quoted(id))));
    }
    Ok(info)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Revoke a SCIM token: the next request that presents it is refused. What it provisioned stays.
#[utoipa::path(delete, path = "/v1/scim/{id}", tag = "SCIM tokens", params(("id" = String, Path, description = "The token's id")), responses(
    (status = 204, description = "The token is revoked"),
    (status = 404, description = "There is no such token", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn revoke(State(app): State<App>, Path(target): Path<Target>, request: Request<Body>) -> Response {
    answer(on_revoke(&app, &target.endpoint.unwrap_or_default(), request).await)
}

async fn on_revoke(app: &App, id: &str, request: Request<Body>) -> Outcome {
    let (cx, ..) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, Tokens).await?;
    known(app, &cx, permit.reading(), id).await?;
    app.iam.revoke_token(&cx, permit, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Replace a SCIM token: a new one for the same connection, the old one given an end.
#[utoipa::path(post, path = "/v1/scim/{id}/rotate", tag = "SCIM tokens", request_body = Rotation, params(("id" = String, Path, description = "The token's id")), responses(
    (status = 200, description = "The new token, shown this once", body = CreatedToken),
    (status = 404, description = "There is no such token", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "The tenant has too many tokens, or the provider was changed meanwhile", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn rotate(State(app): State<App>, Path(target): Path<Target>, request: Request<Body>) -> Response {
    answer(on_rotate(&app, &target.endpoint.unwrap_or_default(), request).await)
}

async fn on_rotate(app: &App, id: &str, request: Request<Body>) -> Outcome {
    const OVERLAP_HOURS: u32 = 24;
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, Tokens).await?;
    // Nothing has to be said, so nothing need be sent.
    let rotation: Rotation =
        if body.is_end_stream() { Rotation::default() } else { read(app, &parts.headers, body).await? };
    known(app, &cx, permit.reading(), id).await?;
    let overlap = rotation.overlap_hours.unwrap_or(OVERLAP_HOURS);
    let (info, secret) = app.iam.rotate_token(&cx, permit, id, overlap, rotation.expires_in_days).await?;
    json(StatusCode::OK, &made(info, secret.expose()))
}

/// Replace the settings of a token's connection: one that is not given gets its default.
#[utoipa::path(put, path = "/v1/scim/{id}/settings", tag = "SCIM tokens", request_body = ConnectionSettings, params(("id" = String, Path, description = "The token's id")), responses(
    (status = 200, description = "The token", body = TokenView),
    (status = 404, description = "There is no such token", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn settings(
    State(app): State<App>,
    Path(target): Path<Target>,
    request: Request<Body>,
) -> Response {
    answer(on_settings(&app, &target.endpoint.unwrap_or_default(), request).await)
}

async fn on_settings(app: &App, id: &str, request: Request<Body>) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, Tokens).await?;
    let given: ConnectionSettings = read(app, &parts.headers, body).await?;
    let settings = settings_of(given.dialect, given.on_inactive);
    known(app, &cx, permit.reading(), id).await?;
    let info = app.iam.change_token(&cx, permit, id, settings).await?;
    json(StatusCode::OK, &TokenView::from(info))
}
