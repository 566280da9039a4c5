//! Event streams: the management API of OpenID Shared Signals Framework 1.0 §8, for the tenant of the token. Events are pushed
//! (RFC 8935); they are those of RFC 9967.

use ::scim::{Object, event};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode, header};
use iam::access::{EventStreams, Read, Write};
use iam::stream::issuer;
use iam::stream::{Draft, Status, Stream};
use iam::{Cx, Error, Secret, limits};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Outcome, answer, authenticated, is_tenant_name, json};
use crate::client::Reach;
use crate::extract::{App, Path, parameters};
use crate::problem::Refusal;

/// Where the transmitter describes itself, to anybody (§7.2): between the host and the path of the issuer.
pub const WELL_KNOWN: &str = "/.well-known/ssf-configuration";

/// Where the keys of a tenant are, for anybody (RFC 7517).
pub const KEYS: &str = "/.well-known/jwks.json";

/// By push (RFC 8935 §6).
const PUSH: &str = "urn:ietf:rfc:8935";

/// What an answer says beyond what a receiver said. It may be sent back as it is (§8.1.1.3).
const OURS: [&str; 4] = ["iss", "aud", "events_supported", "events_delivered"];

/// The routes that are open to anybody.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(&format!("{WELL_KNOWN}/{{tenant}}"), get(metadata))
        .route(&format!("/{{tenant}}{KEYS}"), get(keys))
}

/// How events are delivered.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// `urn:ietf:rfc:8935`: by push.
    method: String,
    /// The https URL to which events are sent.
    endpoint_url: String,
    /// The `Authorization` header with which events are sent. Never returned. Absent in a change, it stays while the URL does;
    /// empty, it is removed.
    #[serde(default, skip_serializing)]
    #[schema(write_only)]
    authorization_header: Option<String>,
}

/// A stream, as its receiver describes it.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamInput {
    /// Which stream, in a change.
    #[serde(default)]
    stream_id: Option<String>,
    /// Where events go.
    #[serde(default)]
    delivery: Option<Delivery>,
    /// The URIs of the events that are wanted; all where none are named.
    #[serde(default)]
    events_requested: Option<Vec<String>>,
    /// For people.
    #[serde(default)]
    description: Option<String>,
}

/// A stream.
#[derive(Clone, Serialize, ToSchema)]
pub struct StreamView {
    /// Its id.
    stream_id: String,
    /// Who issues its tokens.
    iss: String,
    /// For whom its tokens are: the URL to which events were sent at first.
    aud: String,
    /// How events are delivered.
    delivery: Delivery,
    /// The events that there are.
    events_supported: Vec<String>,
    /// The events that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    events_requested: Option<Vec<String>>,
    /// The events that are delivered.
    events_delivered: Vec<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// The stream that was asked for, or all.
#[derive(Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Shown {
    /// The one.
    One(Box<StreamView>),
    /// The oldest first.
    All(Vec<StreamView>),
}

/// Whether a stream delivers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = EventStreamState)]
pub enum StatusShape {
    /// It does.
    Enabled,
    /// Events wait for it.
    Paused,
    /// It does not; what waits, and what happens meanwhile, it will not hear.
    Disabled,
}

/// The status of a stream.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamStatus {
    /// Its id.
    stream_id: String,
    /// Whether it delivers.
    status: StatusShape,
    /// Why it does not; of one that does, what went wrong with its last deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A stream that is to be verified.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Its id.
    stream_id: String,
    /// What the receiver knows the event again by.
    #[serde(default)]
    state: Option<String>,
}

/// Which stream.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the description alone")]
pub struct Which {
    /// The id of a stream.
    stream_id: String,
}

fn view(app: &App, cx: &Cx, stream: Stream) -> StreamView {
    let texts = |uris: &[&str]| uris.iter().map(|uri| (*uri).to_owned()).collect();
    StreamView {
        stream_id: stream.id,
        iss: issuer(&app.public_url, &cx.tenant_name),
        aud: stream.audience,
        delivery: Delivery {
            method: PUSH.to_owned(),
            endpoint_url: stream.endpoint,
            authorization_header: None,
        },
        events_supported: texts(&event::ALL),
        events_requested: stream.requested,
        events_delivered: texts(&stream.delivered),
        description: stream.description,
    }
}

fn status_of(stream: Stream) -> StreamStatus {
    let status = match stream.status {
        Status::Enabled => StatusShape::Enabled,
        Status::Paused => StatusShape::Paused,
        Status::Disabled => StatusShape::Disabled,
    };
    StreamStatus { stream_id: stream.id, status, reason: stream.reason }
}

impl Delivery {
    fn check(&self, reach: Reach) -> Result<(), Error> {
        if self.method != PUSH {
            return Err(Error::invalid(format!("`delivery.method` must be `{PUSH}`: events are pushed")));
        }
        let url = receiver(&self.endpoint_url).ok_or_else(|| {
            Error::invalid("`delivery.endpoint_url` must be an https URL without user and fragment")
        })?;
        let refused = |why| Error::invalid(format!("`delivery.endpoint_url` is refused: {why}"));
        reach.check(&url).map_err(refused)
    }
}

impl StreamInput {
    fn draft(self, reach: Reach) -> Result<Draft, Error> {
        let delivery = self.delivery.ok_or_else(|| Error::invalid("`delivery` is required"))?;
        delivery.check(reach)?;
        Ok(Draft {
            endpoint: delivery.endpoint_url,
            authorization: delivery.authorization_header.map(Secret::new),
            requested: self.events_requested,
            description: self.description,
        })
    }

    /// What a change leaves out stays as it is.
    fn over(self, known: &Stream, reach: Reach) -> Result<Draft, Error> {
        self.delivery.as_ref().map_or(Ok(()), |delivery| delivery.check(reach))?;
        let (endpoint, authorization) = match self.delivery {
            Some(delivery) => (delivery.endpoint_url, delivery.authorization_header.map(Secret::new)),
            None => (known.endpoint.clone(), None),
        };
        Ok(Draft {
            endpoint,
            authorization,
            requested: self.events_requested.or_else(|| known.requested.clone()),
            description: self.description.or_else(|| known.description.clone()),
        })
    }

    fn id(&self) -> Result<String, Error> {
        self.stream_id.clone().ok_or_else(|| Error::invalid("`stream_id` is required"))
    }
}

/// A URL of HTTP without a user, whose password would be shown, and without a fragment. Where it may lead is another question.
fn receiver(text: &str) -> Option<http::Uri> {
    let url: http::Uri = text.parse().ok()?;
    let authority = url.authority()?;
    let is_http = matches!(url.scheme_str(), Some("https" | "http"));
    let is_plain = !text.contains('#') && !authority.as_str().contains('@') && !authority.host().is_empty();
    (is_http && is_plain).then_some(url)
}

/// Refuses a change of what is not the receiver's (§8.1.1.3, §8.1.1.4): it must be what it is, or not be said.
fn check_ours(said: &Object, known: &StreamView) -> Result<(), Error> {
    let known = serde_json::to_value(known).map_err(Error::internal)?;
    match OURS.into_iter().find(|name| said.get(*name).is_some_and(|said| known.get(name) != Some(said))) {
        Some(name) => Err(Error::invalid(format!("`{name}` is not the receiver's to change"))),
        None => Ok(()),
    }
}

/// The stream that a query names.
fn named(parts: &Parts) -> Option<String> {
    let mut all = parameters(parts.uri.query().unwrap_or_default());
    all.find(|(name, _)| name == "stream_id").map(|(_, id)| id.into_owned())
}

fn required(parts: &Parts) -> Result<String, Error> {
    named(parts).ok_or_else(|| Error::invalid("the parameter `stream_id` is required"))
}

/// Set up an event stream.
#[utoipa::path(post, path = "/v1/ssf/streams", tag = "Event streams", request_body = StreamInput, responses(
    (status = 201, description = "The stream, without its secret", body = StreamView),
    (status = 409, description = "The tenant has too many streams", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn create(State(app): State<App>, request: Request<Body>) -> Response {
    let made = async {
        let (cx, parts, body) = authenticated(&app, request).await?;
        let permit = app.iam.permit(&cx, Write, EventStreams).await?;
        let input: StreamInput = super::read(&app, &parts.headers, body).await?;
        let made = app.iam.create_event_stream(&cx, permit, input.draft(app.receivers)?).await?;
        let location = format!("{}{}?stream_id={}", app.public_url, parts.uri.path(), made.id);
        let mut response = json(StatusCode::CREATED, &view(&app, &cx, made))?;
        let location = HeaderValue::try_from(location).map_err(Error::internal)?;
        response.headers_mut().insert(header::LOCATION, location);
        Ok(response)
    };
    answer(made.await)
}

/// Show an event stream, or all.
#[utoipa::path(get, path = "/v1/ssf/streams", tag = "Event streams",
    params(("stream_id" = Option<String>, Query, description = "The id of a stream; without it all are shown, the oldest first")), responses(
    (status = 200, description = "The stream, or a list of streams, without their secrets", body = Shown),
    (status = 404, description = "There is no such stream", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn show(State(app): State<App>, request: Request<Body>) -> Response {
    let shown = async {
        let (cx, parts, _) = authenticated(&app, request).await?;
        let permit = app.iam.permit(&cx, Read, EventStreams).await?;
        let shown = match named(&parts) {
            Some(id) => Shown::One(Box::new(view(&app, &cx, app.iam.event_stream(&cx, permit, &id).await?))),
            None => {
                let all = app.iam.event_streams(&cx, permit).await?;
                Shown::All(all.into_iter().map(|stream| view(&app, &cx, stream)).collect())
            }
        };
        json(StatusCode::OK, &shown)
    };
    answer(shown.await)
}

async fn changed(
    app: &App,
    request: Request<Body>,
    change: impl FnOnce(StreamInput, &Stream, Reach) -> Result<Draft, Error>,
) -> Outcome {
    let (cx, parts, body) = authenticated(app, request).await?;
    let permit = app.iam.permit(&cx, Write, EventStreams).await?;
    let mut said = app.object(&parts.headers, body, limits::BODY_BYTES_MAX).await?;
    let ours: Object = OURS.into_iter().filter_map(|name| said.remove_entry(name)).collect();
    let input: StreamInput = super::body::read(said.into())?;
    let id = input.id()?;
    let drafted = |known: &Stream| {
        check_ours(&ours, &view(app, &cx, known.clone()))?;
        change(input, known, app.receivers)
    };
    let made = app.iam.change_event_stream(&cx, permit, &id, drafted).await?;
    json(StatusCode::OK, &view(app, &cx, made))
}

/// Change what is named of an event stream.
#[utoipa::path(patch, path = "/v1/ssf/streams", tag = "Event streams", request_body = StreamInput, responses(
    (status = 200, description = "The stream, without its secret", body = StreamView),
    (status = 404, description = "There is no such stream", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "It was changed meanwhile", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn change(State(app): State<App>, request: Request<Body>) -> Response {
    answer(changed(&app, request, StreamInput::over).await)
}

/// Replace the configuration of an event stream.
#[utoipa::path(put, path = "/v1/ssf/streams", tag = "Event streams", request_body = StreamInput, responses(
    (status = 200, description = "The stream, without its secret", body = StreamView),
    (status = 404, description = "There is no such stream", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "It was changed meanwhile", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn replace(State(app): State<App>, request: Request<Body>) -> Response {
    answer(changed(&app, request, |input, _, reach| input.draft(reach)).await)
}

/// Remove an event stream; it hears nothing more.
#[utoipa::path(delete, path = "/v1/ssf/streams", tag = "Event streams", params(Which), responses(
    (status = 204, description = "The stream is gone"),
    (status = 404, description = "There is no such stream", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn remove(State(app): State<App>, request: Request<Body>) -> Response {
    let removed = async {
        let (cx, parts, _) = authenticated(&app, request).await?;
        let permit = app.iam.permit(&cx, Write, EventStreams).await?;
        app.iam.delete_event_stream(&cx, permit, &required(&parts)?).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    answer(removed.await)
}

/// Show whether an event stream delivers.
#[utoipa::path(get, path = "/v1/ssf/status", tag = "Event streams", params(Which), responses(
    (status = 200, description = "Its status", body = StreamStatus),
    (status = 404, description = "There is no such stream", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn show_status(State(app): State<App>, request: Request<Body>) -> Response {
    let shown = async {
        let (cx, parts, _) = authenticated(&app, request).await?;
        let permit = app.iam.permit(&cx, Read, EventStreams).await?;
        let stream = app.iam.event_stream(&cx, permit, &required(&parts)?).await?;
        json(StatusCode::OK, &status_of(stream))
    };
    answer(shown.await)
}

/// Have an event stream deliver, wait, or be silent.
#[utoipa::path(post, path = "/v1/ssf/status", tag = "Event streams", request_body = StreamStatus, responses(
    (status = 200, description = "Its status", body = StreamStatus),
    (status = 404, description = "There is no such stream", body = super::openapi::Problem, content_type = "application/problem+json"),
    (status = 409, description = "It was changed meanwhile", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn set_status(State(app): State<App>, request: Request<Body>) -> Response {
    let set = async {
        let (cx, parts, body) = authenticated(&app, request).await?;
        let permit = app.iam.permit(&cx, Write, EventStreams).await?;
        let StreamStatus { stream_id, status, reason } = super::read(&app, &parts.headers, body).await?;
        let status = match status {
            StatusShape::Enabled => Status::Enabled,
            StatusShape::Paused => Status::Paused,
            StatusShape::Disabled => Status::Disabled,
        };
        let stream = app.iam.set_event_stream_status(&cx, permit, &stream_id, status, reason).await?;
        json(StatusCode::OK, &status_of(stream))
    };
    answer(set.await)
}

/// Have an event sent that says the stream works.
#[utoipa::path(post, path = "/v1/ssf/verification", tag = "Event streams", request_body = Verification, responses(
    (status = 204, description = "The event is on its way"),
    (status = 404, description = "There is no such stream", body = super::openapi::Problem, content_type = "application/problem+json"),
))]
pub async fn verify(State(app): State<App>, request: Request<Body>) -> Response {
    let verified = async {
        let (cx, parts, body) = authenticated(&app, request).await?;
        let permit = app.iam.permit(&cx, Write, EventStreams).await?;
        let Verification { stream_id, state } = super::read(&app, &parts.headers, body).await?;
        app.iam.verify_event_stream(&cx, permit, &stream_id, state).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    answer(verified.await)
}

/// The same for any name: nobody learns here which tenants there are.
async fn metadata(State(app): State<App>, Path(tenant): Path<String>) -> Response {
    if !is_tenant_name(&tenant) {
        return Refusal::NoRoute.problem();
    }
    let (issuer, at) =
        (issuer(&app.public_url, &tenant), |path: &str| format!("{}/v1/ssf/{path}", app.public_url));
    answer(json(
        StatusCode::OK,
        &serde_json::json!({
            "spec_version": "1_0",
            "issuer": issuer,
            "jwks_uri": format!("{issuer}{KEYS}"),
            "delivery_methods_supported": [PUSH],
            "configuration_endpoint": at("streams"),
            "status_endpoint": at("status"),
            "verification_endpoint": at("verification"),
            "authorization_schemes": [{ "spec_urn": "urn:ietf:rfc:6750" }],
            "default_subjects": "ALL",
        }),
    ))
}

/// The keys of a tenant; of a name that is none's, none.
async fn keys(State(app): State<App>, Path(tenant): Path<String>) -> Response {
    let keys = async {
        if !is_tenant_name(&tenant) {
            return Err(Refusal::NoRoute);
        }
        json(StatusCode::OK, &app.iam.key_set(&tenant).await?)
    };
    answer(keys.await)
}

#[cfg(test)]
mod tests {
    use super::receiver;

    #[test]
    fn a_receiver_is_at_a_url_without_a_user() {
        for (url, good) in [
            ("https://receiver.example/events", true),
            ("https://receiver.example:8443/events?tenant=1", true),
            ("http://receiver.example/events", true),
            ("http://[::1]:80/", true),
            ("https://user:secret@receiver.example/", false),
            ("https://receiver.example/#here", false),
            ("https:///events", false),
            ("ftp://receiver.example/", false),
            ("/events", false),
            ("receiver.example", false),
            ("", false),
        ] {
            assert_eq!(receiver(url).is_some(), good, "{url}");
        }
    }
}
