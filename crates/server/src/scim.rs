//! SCIM over HTTP: parse, call, render. One handler per verb, for all kinds.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode, header};
use iam::access::{Permit, Read, Verb, Write};
use iam::kind::Kind;
use iam::resource::condition::etag;
use iam::resource::{BulkAnswer, Listing, Rendered, Seen, Written};
use iam::{Cx, Error, limits};
use scim::discovery::{self, Abilities};
use scim::message::{BULK_RESPONSE, ListQuery, MEDIA_TYPE, PageHead, around_list, error_body};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::extract::{App, Path, condition, list_query};
use crate::parts;
use crate::problem::{Refusal, scim_type, status};

/// What the path of a resource names.
#[derive(Debug, Deserialize)]
pub struct Target {
    /// The endpoint, such as `Users`.
    pub endpoint: Option<String>,
    /// The resource.
    pub id: Option<String>,
}

/// A request that has been authenticated.
struct Asked {
    cx: Cx,
    parts: Parts,
    body: Body,
}

impl Asked {
    async fn new(app: &App, request: Request<Body>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let cx = app.authenticate(&parts).await?;
        Ok(Self { cx, parts, body })
    }

    fn kind(&self, target: &Target) -> Result<std::sync::Arc<Kind>, Error> {
        let endpoint = target.endpoint.as_deref().unwrap_or_default();
        let kind = self.cx.kinds.at(endpoint).cloned();
        kind.ok_or_else(|| Error::NotFound(format!("there is no endpoint {}", scim::error::quoted(endpoint))))
    }
}

/// Answers with what a handler made.
async fn answer(outcome: impl Future<Output = Result<Response, Refusal>>) -> Response {
    // What one step of a request reads is of one moment, and cheaper than moment by moment.
    match store::snapshot(outcome).await {
        Ok(response) => response,
        Err(refusal) => refusal.scim(),
    }
}

/// `GET`, `POST` of an endpoint.
pub async fn collection(
    State(app): State<App>,
    Path(target): Path<Target>,
    request: Request<Body>,
) -> Response {
    answer(on_collection(&app, &target, request)).await
}

async fn on_collection(app: &App, target: &Target, request: Request<Body>) -> Result<Response, Refusal> {
    let asked = Asked::new(app, request).await?;
    let kind = asked.kind(target)?;
    let query = list_query(&asked.parts)?;
    let cx = &asked.cx;
    let response = if asked.parts.method == Method::POST {
        let permit = app.iam.permit(cx, Write, &*kind).await?;
        let draft = app.object(&asked.parts.headers, asked.body, limits::BODY_BYTES_MAX).await?;
        created(Box::pin(app.iam.create(cx, permit, draft, &query)).await?)
    } else {
        let permit = app.iam.permit(cx, Read, &*kind).await?;
        page(Box::pin(app.iam.list(cx, permit, &query)).await?)
    };
    Ok(response)
}

/// `GET`, `PUT`, `PATCH`, `DELETE` of a resource.
pub async fn resource(
    State(app): State<App>,
    Path(target): Path<Target>,
    request: Request<Body>,
) -> Response {
    answer(on_resource(&app, &target, request)).await
}

async fn on_resource(app: &App, target: &Target, request: Request<Body>) -> Result<Response, Refusal> {
    let asked = Asked::new(app, request).await?;
    let kind = asked.kind(target)?;
    let id = target.id.clone().unwrap_or_default();
    one(app, asked, &kind, &id, Whose::Anybodys).await
}

/// `/Me` (RFC 7644 §3.11): the resource the token stands for, under its own URI.
pub async fn me(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_me(&app, request)).await
}

async fn on_me(app: &App, request: Request<Body>) -> Result<Response, Refusal> {
    let asked = Asked::new(app, request).await?;
    let (kind, id) = asked.cx.me()?;
    one(app, asked, &kind, &id, Whose::Own).await
}

/// Whose a resource is, to whoever asks for it.
#[derive(Clone, Copy)]
enum Whose {
    Anybodys,
    Own,
}

impl Whose {
    async fn permit<'k, V: Verb>(
        self,
        app: &App,
        cx: &Cx,
        verb: V,
        kind: &'k Kind,
    ) -> Result<Permit<V, &'k Kind>, Error> {
        match self {
            Self::Anybodys => app.iam.permit(cx, verb, kind).await,
            Self::Own => app.iam.permit_me(cx, verb, kind).await,
        }
    }
}

/// Writes are boxed: their futures are large, and a read would be moved about with them.
async fn one(app: &App, asked: Asked, kind: &Kind, id: &str, whose: Whose) -> Result<Response, Refusal> {
    let Asked { cx, parts, body } = asked;
    let (query, condition) = (list_query(&parts)?, condition(&parts.headers)?);
    let body = async || app.object(&parts.headers, body, limits::BODY_BYTES_MAX).await;
    let response = match parts.method {
        Method::PUT => {
            let permit = whose.permit(app, &cx, Write, kind).await?;
            shown(
                StatusCode::OK,
                Box::pin(app.iam.replace(&cx, permit, id, body().await?, &condition, &query)).await?,
            )
        }
        Method::PATCH => {
            let permit = whose.permit(app, &cx, Write, kind).await?;
            match Box::pin(app.iam.patch(&cx, permit, id, body().await?, &condition, &query)).await? {
                Written::Resource(rendered) => shown(StatusCode::OK, rendered),
                Written::Version(version) => with_etag(StatusCode::NO_CONTENT.into_response(), version),
            }
        }
        Method::DELETE => {
            let permit = whose.permit(app, &cx, Write, kind).await?;
            Box::pin(app.iam.delete(&cx, permit, id, &condition)).await?;
            StatusCode::NO_CONTENT.into_response()
        }
        _ => {
            let permit = whose.permit(app, &cx, Read, kind).await?;
            match app.iam.read(&cx, permit, id, &condition, &query).await? {
                Seen::Resource(rendered) => shown(StatusCode::OK, rendered),
                // RFC 9110 §15.4.5: the ETag that a 200 would have had.
                Seen::Unchanged(version) => with_etag(StatusCode::NOT_MODIFIED.into_response(), version),
            }
        }
    };
    Ok(response)
}

/// `POST …/.search` of an endpoint (RFC 7644 §3.4.3).
pub async fn search(State(app): State<App>, Path(target): Path<Target>, request: Request<Body>) -> Response {
    answer(on_search(&app, &target, request)).await
}

async fn on_search(app: &App, target: &Target, request: Request<Body>) -> Result<Response, Refusal> {
    let asked = Asked::new(app, request).await?;
    let kind = target.endpoint.is_some().then(|| asked.kind(target)).transpose()?;
    let body = app.object(&asked.parts.headers, asked.body, limits::BODY_BYTES_MAX).await?;
    let query = ListQuery::from_body(&body, !asked.cx.caller.dialect.is_auto())?;
    let cx = asked.cx;
    let listing = match kind {
        Some(kind) => app.iam.list(&cx, app.iam.permit(&cx, Read, &*kind).await?, &query).await?,
        None => app.iam.list_all(&cx, app.iam.permit_any(&cx, Read).await?, &query).await?,
    };
    Ok(page(listing))
}

/// `GET` of the base: a search over all kinds (RFC 7644 §3.4.2.1).
pub async fn root(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_root(&app, request)).await
}

async fn on_root(app: &App, request: Request<Body>) -> Result<Response, Refusal> {
    let Asked { cx, parts, .. } = Asked::new(app, request).await?;
    let permit = app.iam.permit_any(&cx, Read).await?;
    let listing = app.iam.list_all(&cx, permit, &list_query(&parts)?).await?;
    Ok(page(listing))
}

/// `POST /Bulk` (RFC 7644 §3.7).
pub async fn bulk(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_bulk(&app, request)).await
}

async fn on_bulk(app: &App, request: Request<Body>) -> Result<Response, Refusal> {
    let Asked { cx, parts, body } = Asked::new(app, request).await?;
    let permit = app.iam.permit_any(&cx, Write).await?;
    let body = app.object(&parts.headers, body, limits::BULK_BYTES_MAX).await?;
    let answers = Box::pin(app.iam.bulk(&cx, permit, body)).await?;
    let operations: Vec<Value> = answers.iter().map(bulk_answer).collect();
    let body = json!({ "schemas": [BULK_RESPONSE], "Operations": operations });
    Ok(uncached(json(StatusCode::OK, body.to_string())))
}

fn bulk_answer(answer: &BulkAnswer) -> Value {
    let mut out = json!({ "method": answer.method });
    let Some(object) = out.as_object_mut() else { return out };
    if let Some(bulk_id) = &answer.bulk_id {
        object.insert("bulkId".to_owned(), json!(bulk_id));
    }
    if let Some(location) = &answer.location {
        object.insert("location".to_owned(), json!(location));
    }
    let code = match &answer.outcome {
        Ok(version) => {
            if let Some(version) = version {
                object.insert("version".to_owned(), json!(etag(*version)));
            }
            if let Some(response) = &answer.response {
                // RFC 7644 §3.7: as HTTP would have answered this operation.
                object.insert("response".to_owned(), serde_json::from_str(response).unwrap_or_default());
            }
            match (answer.method.to_ascii_uppercase().as_str(), version) {
                ("POST", _) => StatusCode::CREATED,
                (_, None) => StatusCode::NO_CONTENT,
                _ => StatusCode::OK,
            }
        }
        Err(error) => {
            let code = status(error);
            let body = error_body(code.as_u16(), scim_type(error), &error.to_string());
            object.insert("response".to_owned(), serde_json::from_str(&body).unwrap_or_default());
            code
        }
    };
    object.insert("status".to_owned(), json!(code.as_u16().to_string()));
    out
}

/// `GET` of `/ServiceProviderConfig`, `/ResourceTypes` and `/Schemas` (RFC 7644 §4).
pub async fn discover(State(app): State<App>, request: Request<Body>) -> Response {
    answer(on_discover(&app, request)).await
}

async fn on_discover(app: &App, request: Request<Body>) -> Result<Response, Refusal> {
    let Asked { cx, parts, .. } = Asked::new(app, request).await?;
    if list_query(&parts)?.filter.is_some() {
        return Err(Refusal::NoFilter);
    }
    let base = crate::extract::ScimPath::of(parts.uri.path()).map_or(0, |path| path.base.len());
    let rest = parts.uri.path().get(base..).unwrap_or_default().trim_matches('/');
    let (endpoint, id) = rest.split_once('/').map_or((rest, None), |(endpoint, id)| (endpoint, Some(id)));
    let body = match endpoint {
        "ServiceProviderConfig" => discovery::service_provider_config(&cx.base, &ABILITIES),
        "ResourceTypes" => {
            let all = cx.kinds.iter().map(|kind| discovery::resource_type(&cx.base, &kind.schema));
            listed(all.collect(), id)?
        }
        _ => {
            let schemas = cx.kinds.schemas();
            listed(schemas.iter().map(|schema| discovery::schema(&cx.base, schema)).collect(), id)?
        }
    };
    Ok(json(StatusCode::OK, body.to_string()))
}

/// What this server announces.
const ABILITIES: Abilities = Abilities {
    bulk_operations: limits::BULK_OPERATIONS_MAX,
    bulk_bytes: limits::BULK_BYTES_MAX,
    page_max: limits::PAGE_MAX,
    page_default: limits::PAGE_DEFAULT,
    cursor_seconds: limits::CURSOR_SECONDS,
};

fn listed(all: Vec<Value>, id: Option<&str>) -> Result<Value, Error> {
    let Some(id) = id else {
        let items = u64::try_from(all.len()).unwrap_or_default();
        let head =
            PageHead { total_results: Some(items), items, start_index: Some(1), ..PageHead::default() };
        let (before, after) = around_list(&head);
        let resources: Vec<String> = all.iter().map(Value::to_string).collect();
        let text = [&before, &resources.join(","), after].concat();
        return serde_json::from_str(&text).map_err(Error::internal);
    };
    let id = crate::extract::decoded(id);
    let found = all.into_iter().find(|one| {
        one.get("id").and_then(Value::as_str).is_some_and(|known| known.eq_ignore_ascii_case(&id))
    });
    found.ok_or_else(|| Error::NotFound(format!("there is no {}", scim::error::quoted(&id))))
}

fn json(status: StatusCode, body: impl IntoResponse) -> Response {
    // References are shown otherwise to those who ask for this media type alone.
    let head = [(header::CONTENT_TYPE, MEDIA_TYPE), (header::VARY, "accept")];
    (status, head.map(|(name, value)| (name, HeaderValue::from_static(value))), body).into_response()
}

fn page(listing: Listing) -> Response {
    let (before, after) = around_list(&listing.head);
    let parts = [before.into(), listing.resources.into(), Bytes::from_static(after.as_bytes())];
    json(StatusCode::OK, parts::body(parts))
}

fn shown(status: StatusCode, rendered: Rendered) -> Response {
    let mut response = with_etag(json(status, rendered.body), rendered.version);
    if let Ok(location) = HeaderValue::try_from(rendered.location) {
        // RFC 7644 §3.3 requires it of what was created, §3.11 of what `/Me` stands for.
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn created(rendered: Rendered) -> Response {
    uncached(shown(StatusCode::CREATED, rendered))
}

/// An answer that may show a password that was made, this once.
fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn with_etag(mut response: Response, version: i64) -> Response {
    if let Ok(value) = HeaderValue::try_from(etag(version)) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}
