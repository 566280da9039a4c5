//! What is counted and measured, for Prometheus.
//!
//! A request costs a look-up of its route and a few atomic additions: the handles are resolved once for each
//! route, method and status, and no label is formatted while a request is served.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::response::IntoResponse;
use http::{Method, StatusCode, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The content type of OpenMetrics, which Prometheus asks for first.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Methods with a label of their own; any other counts as `other`, so that a client cannot make up series.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other"];

/// Statuses whose counters are kept at hand; others are looked up in the family. Ascending.
const STATUSES: [u16; 23] = [
    200, 201, 202, 204, 301, 302, 303, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429, 500,
    501, 503,
];

/// Upper bounds in seconds: from a point read to a slow bulk.
const BUCKETS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: Arc<str>,
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PushLabels {
    outcome: &'static str,
}

/// How an event that was pushed fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// Its receiver has it.
    Taken,
    /// Its receiver says it is no good.
    Refused,
    /// It is sent again.
    Failed,
}

type Durations = Family<ClassLabels, Histogram, fn() -> Histogram>;

/// Everything that is measured. Shared by all requests.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Durations,
    in_flight: Gauge,
    pushes: Family<PushLabels, Counter>,
    routes: RwLock<HashMap<Arc<str>, Arc<Route>>>,
}

/// The handles of one route.
#[derive(Debug)]
struct Route {
    template: Arc<str>,
    durations: [Histogram; METHODS.len()],
    requests: [[OnceLock<Counter>; STATUSES.len()]; METHODS.len()],
}

/// Counts one request as in flight for as long as it lives.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("durward");
        let requests = Family::default();
        let durations = Durations::new_with_constructor(|| Histogram::new(BUCKETS));
        let in_flight = Gauge::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from the head of a request to the head of its answer, by class of route",
            durations.clone(),
        );
        registry.register("http_requests_in_flight", "Requests being answered", in_flight.clone());
        let pushes = Family::default();
        registry.register("events_pushed", "Events pushed to receivers, by outcome", pushes.clone());
        registry.register("build", "What is running", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register_collector(Box::new(Process));
        Self { registry, requests, durations, in_flight, pushes, routes: RwLock::default() }
    }
}

impl Metrics {
    /// Where further metrics are registered, before the server starts.
    pub fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// A request has begun.
    pub fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request has been answered. `route` is the template of the route, never the path.
    pub fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let route = self.route(route);
        let method = index(method);
        if let Some(histogram) = route.durations.get(method) {
            histogram.observe(took.as_secs_f64());
        }
        let slot = STATUSES.binary_search(&status.as_u16()).ok();
        let handle = slot.and_then(|status| route.requests.get(method)?.get(status));
        let family = || self.requests.get_or_create_owned(&route.labels(method, status));
        match handle {
            Some(handle) => handle.get_or_init(family).inc(),
            None => family().inc(),
        };
    }

    /// An event was pushed to a receiver.
    pub fn pushed(&self, pushed: Pushed) {
        let outcome = match pushed {
            Pushed::Taken => "taken",
            Pushed::Refused => "refused",
            Pushed::Failed => "failed",
        };
        self.pushes.get_or_create_owned(&PushLabels { outcome }).inc();
    }

    fn route(&self, template: &str) -> Arc<Route> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.get(template) {
            return Arc::clone(route);
        }
        drop(routes);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let template: Arc<str> = template.into();
        Arc::clone(
            routes
                .entry(Arc::clone(&template))
                .or_insert_with(|| Arc::new(Route::new(template, &self.durations))),
        )
    }

    /// All metrics in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut page = String::new();
        if text::encode(&mut page, &self.registry).is_err() {
            tracing::warn!("the metrics could not be written");
        }
        page
    }

    /// The answer to `GET /metrics`.
    pub fn response(&self) -> impl IntoResponse + use<> {
        ([(header::CONTENT_TYPE, OPEN_METRICS)], self.text())
    }
}

impl Route {
    fn new(template: Arc<str>, durations: &Durations) -> Self {
        let of = |class| durations.get_or_create_owned(&ClassLabels { class });
        let durations = METHODS.map(|method| of(class(method, &template)));
        Self { template, durations, requests: Default::default() }
    }

    fn labels(&self, method: usize, status: StatusCode) -> RequestLabels {
        let method = METHODS.get(method).copied().unwrap_or("other");
        RequestLabels { method, route: Arc::clone(&self.template), status: status.as_u16().into() }
    }
}

fn index(method: &Method) -> usize {
    METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHODS.len() - 1)
}

/// Requests of one class take a comparable time; a histogram for each route would be thousands of series.
fn class(method: &str, template: &str) -> &'static str {
    let last = template.rsplit('/').next().unwrap_or_default();
    let read = matches!(method, "GET" | "HEAD");
    match last {
        _ if template.starts_with("/health") || template == "/metrics" => "operations",
        "Bulk" => "scim_bulk",
        ".search" => "scim_search",
        "{endpoint}" if read => "scim_search",
        _ if !template.contains("{endpoint}") => "api",
        _ if read => "scim_read",
        _ => "scim_write",
    }
}

/// What the operating system knows of this process, read when somebody asks.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name, help, value: Option<i64>| match value {
            Some(value) => {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
            }
            None => Ok(()),
        };
        gauge("process_resident_memory_bytes", "Memory the process holds.", resident())?;
        gauge("process_open_files", "Files and sockets the process holds open.", open_files())
    }
}

/// Bytes of memory the process holds; none where the system has no `/proc`.
pub fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn open_files() -> Option<i64> {
    i64::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_method_route_and_status() {
        let metrics = Metrics::default();
        let took = Duration::from_millis(2);
        for _ in 0..3 {
            metrics.answered(&Method::GET, "/{tenant}/scim/{endpoint}/{id}", StatusCode::OK, took);
        }
        metrics.answered(&Method::from_bytes(b"BREW").unwrap(), "/x", StatusCode::IM_A_TEAPOT, took);
        let text = metrics.text();
        for line in [
            r#"durward_http_requests_total{method="GET",route="/{tenant}/scim/{endpoint}/{id}",status="200"} 3"#,
            r#"durward_http_requests_total{method="other",route="/x",status="418"} 1"#,
            r#"durward_http_request_duration_seconds_bucket{le="0.001",class="scim_read"} 0"#,
            r#"durward_http_request_duration_seconds_bucket{le="0.0025",class="scim_read"} 3"#,
            r#"durward_build_info{version="#,
            "durward_process_resident_memory_bytes ",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_request_is_in_flight_until_it_is_dropped() {
        let metrics = Metrics::default();
        let one = metrics.begin();
        let two = metrics.begin();
        assert_eq!(metrics.in_flight.get(), 2);
        drop((one, two));
        assert_eq!(metrics.in_flight.get(), 0);
    }

    #[test]
    fn routes_have_classes() {
        for (method, template, expected) in [
            ("GET", "/{tenant}/api/scim/v2/{endpoint}", "scim_search"),
            ("GET", "/{tenant}/api/scim/v2/{endpoint}/{id}", "scim_read"),
            ("PATCH", "/scim/{endpoint}/{id}", "scim_write"),
            ("POST", "/scim/Bulk", "scim_bulk"),
            ("POST", "/scim/{endpoint}/.search", "scim_search"),
            ("GET", "/v1/scim/{id}", "api"),
            ("GET", "/health/ready", "operations"),
        ] {
            assert_eq!(class(method, template), expected, "{method} {template}");
        }
    }

    #[test]
    fn the_statuses_ascend() {
        assert!(STATUSES.is_sorted());
    }
}
