//! What happens around every request: its id, its log line, its place in the metrics and, when traced, its span.
//!
//! Stands on the path of every request, so it allocates the id and a place for the tenant's name and nothing else. Laid over the routes
//! (`Router::layer`), where the template of the matched route is known. Never looks at a body.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use iam::Env;
use opentelemetry::global;
use opentelemetry_http::HeaderExtractor;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::instrument::{Instrument, Instrumented};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::limits::REQUEST_ID_BYTES_MAX;
use crate::metrics::{InFlight, Metrics};
use crate::problem::Why;

/// The header that carries the id of a request, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a path that matches no route is counted under.
const UNMATCHED: &str = "unmatched";

/// The id of a request: a request extension. ASCII without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// The tenant a request was for: a request extension that whoever finds it out fills in, so that the log line has it
/// whatever becomes of the request.
#[derive(Debug, Clone, Default)]
pub struct RequestTenant(Arc<OnceLock<Box<str>>>);

impl RequestTenant {
    /// Says which tenant it is. The first to say so is right.
    pub fn is(&self, name: &str) {
        self.0.get_or_init(|| name.into());
    }

    fn name(&self) -> Option<&str> {
        self.0.get().map(|name| &**name)
    }
}

/// The layer.
#[derive(Debug, Clone)]
pub struct Observe {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    metrics: Arc<Metrics>,
    traces: bool,
    prefix: String,
    next: AtomicU64,
}

impl Observe {
    /// `traces`: whether to make a span for each request, which costs more than all the rest here.
    pub fn new(metrics: Arc<Metrics>, traces: bool, env: &dyn Env) -> Self {
        let mut prefix = [0; 5];
        env.fill(&mut prefix);
        let [a, b, c, d, e] = prefix;
        let prefix = format!("{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}-");
        Self { shared: Arc::new(Shared { metrics, traces, prefix, next: AtomicU64::new(1) }) }
    }
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, shared: Arc::clone(&self.shared) }
    }
}

/// A service with what is described above around it.
#[derive(Debug, Clone)]
pub struct Observed<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Observing<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let started = Instant::now();
        let id = self.shared.request_id(request.headers());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let template = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
        let span = if self.shared.traces { span(&request, template, &id) } else { Span::none() };
        let tenant = RequestTenant::default();
        request.extensions_mut().insert(id.clone());
        request.extensions_mut().insert(tenant.clone());
        let entry = Entry {
            shared: Arc::clone(&self.shared),
            _in_flight: self.shared.metrics.begin(),
            started,
            id,
            method: request.method().clone(),
            route,
            tenant,
        };
        Observing { inner: self.inner.call(request).instrument(span), entry }
    }
}

impl Shared {
    /// The client's own id when it is one, else the next of this process.
    fn request_id(&self, headers: &HeaderMap) -> RequestId {
        match headers.get(REQUEST_ID) {
            Some(id) if acceptable(id) => RequestId(id.clone()),
            _ => self.next_id(),
        }
    }

    fn next_id(&self) -> RequestId {
        let id = format!("{}{:x}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed));
        let id = HeaderValue::from_maybe_shared(Bytes::from(id));
        RequestId(id.unwrap_or(HeaderValue::from_static("-")))
    }
}

/// Any text in ASCII: to some it is no id but a name with spaces (AuthZEN §10.1.3).
fn acceptable(id: &HeaderValue) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// Named as the OpenTelemetry conventions for HTTP servers want it; a child of the caller's span, if it sent one.
fn span(request: &Request<Body>, route: &str, id: &RequestId) -> Span {
    let span = tracing::info_span!(
        target: "durward",
        "request",
        otel.name = format_args!("{} {route}", request.method()),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = request.method().as_str(),
        http.route = route,
        http.response.status_code = field::Empty,
        request_id = id.as_str(),
        tenant = field::Empty,
    );
    let parent =
        global::get_text_map_propagator(|propagator| propagator.extract(&HeaderExtractor(request.headers())));
    // Fails only for a span that is not sampled, which needs no parent.
    let _ = span.set_parent(parent);
    span
}

pin_project! {
    /// The answer in the making.
    #[derive(Debug)]
    pub struct Observing<F> {
        #[pin]
        inner: Instrumented<F>,
        entry: Entry,
    }
}

impl<F> Future for Observing<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Ok(mut response) = ready!(this.inner.as_mut().poll(cx));
        this.entry.answered(&mut response, this.inner.span());
        Poll::Ready(Ok(response))
    }
}

/// What is remembered of a request until it is answered.
#[derive(Debug)]
struct Entry {
    shared: Arc<Shared>,
    _in_flight: InFlight,
    started: Instant,
    id: RequestId,
    method: Method,
    route: Option<MatchedPath>,
    tenant: RequestTenant,
}

impl Entry {
    fn answered(&self, response: &mut Response, span: &Span) {
        let took = self.started.elapsed();
        let status = response.status();
        let route = self.route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
        response.headers_mut().insert(REQUEST_ID, self.id.0.clone());
        self.shared.metrics.answered(&self.method, route, status, took);
        let tenant = self.tenant.name();
        if !span.is_disabled() {
            record(span, status, tenant);
        }
        let why = response.extensions().get::<Why>().map(|why| &*why.0);
        self.log(route, status, tenant, why, took);
    }

    fn log(&self, route: &str, status: StatusCode, tenant: Option<&str>, why: Option<&str>, took: Duration) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "durward::request",
                    method = %self.method,
                    route,
                    status = status.as_u16(),
                    ms = milliseconds(took),
                    request_id = self.id.as_str(),
                    tenant,
                    why,
                    "answered"
                )
            };
        }
        match status.as_u16() {
            500.. => line!(warn),
            400.. => line!(info),
            _ => line!(debug),
        }
    }
}

fn record(span: &Span, status: StatusCode, tenant: Option<&str>) {
    span.record("http.response.status_code", status.as_u16());
    if let Some(tenant) = tenant {
        span.record("tenant", tenant);
    }
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// To a hundredth of a millisecond.
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::Extension;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::env::System;

    fn routes(metrics: &Arc<Metrics>) -> Router {
        let echo = |Extension(id): Extension<RequestId>| async move { id.as_str().to_owned() };
        Router::new().route("/things/{id}", get(echo)).layer(Observe::new(
            Arc::clone(metrics),
            false,
            &System,
        ))
    }

    async fn id_of(routes: &Router, sent: Option<&str>) -> String {
        let request = Request::get("/things/1");
        let request = sent.into_iter().fold(request, |request, id| request.header(REQUEST_ID, id));
        let response = routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        response.headers()[REQUEST_ID].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_good_request_id_is_kept_and_a_bad_one_replaced() {
        let routes = routes(&Arc::default());
        assert_eq!(id_of(&routes, Some("a-1")).await, "a-1");
        assert_eq!(id_of(&routes, Some("order 42/retry 1")).await, "order 42/retry 1");
        let longest = "x".repeat(REQUEST_ID_BYTES_MAX);
        assert_eq!(id_of(&routes, Some(&longest)).await, longest);
        for bad in ["", "a\tb", "é", &"x".repeat(REQUEST_ID_BYTES_MAX + 1)] {
            assert_ne!(id_of(&routes, Some(bad)).await, bad);
        }
    }

    #[tokio::test]
    async fn request_ids_differ() {
        let routes = routes(&Arc::default());
        assert_ne!(id_of(&routes, None).await, id_of(&routes, None).await);
    }

    /// Where a test's log goes.
    #[derive(Clone, Default)]
    struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_log_says_why_a_request_was_refused() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let refuse =
            || async { crate::problem::Refusal::from(scim::Error::value("`userName` is required")).scim() };
        let layer = Observe::new(Arc::default(), false, &System);
        let routes = Router::new().route("/Users", axum::routing::post(refuse)).layer(layer);
        routes.oneshot(Request::post("/Users").body(Body::empty()).unwrap()).await.unwrap();
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("status=400") && text.contains("why=\"`userName` is required\""), "{text}");
    }

    #[tokio::test]
    async fn requests_are_counted_by_template() {
        let metrics = Arc::default();
        let routes = routes(&metrics);
        id_of(&routes, None).await;
        let unknown = Request::get("/nothing").body(Body::empty()).unwrap();
        let response = routes.oneshot(unknown).await.unwrap();
        assert!(response.headers().contains_key(REQUEST_ID));
        let text = metrics.text();
        assert!(text.contains(r#"{method="GET",route="/things/{id}",status="200"} 1"#), "{text}");
        assert!(text.contains(r#"{method="GET",route="unmatched",status="404"} 1"#), "{text}");
        assert!(text.contains("durward_http_requests_in_flight 0"), "{text}");
    }
}
