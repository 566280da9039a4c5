//! Whether the process lives and whether it can take requests, and the routes for those who operate it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use http::{StatusCode, header};
use serde_json::json;

use crate::metrics::Metrics;

type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Says whether the server can take requests.
#[derive(Default)]
pub struct Health {
    stopping: AtomicBool,
    checks: Vec<(&'static str, Check)>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("stopping", &self.stopping).finish_non_exhaustive()
    }
}

impl Health {
    /// Adds something that must work for the server to be ready. The reason of a failure is logged, not shown.
    pub fn check<F>(mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Box::new(move || Box::pin(check()))));
        self
    }

    /// From now on the server is not ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// The names of what keeps the server from being ready.
    pub async fn failing(&self) -> Vec<&'static str> {
        let mut failing = Vec::new();
        if self.stopping.load(Ordering::Relaxed) {
            failing.push("stopping");
        }
        for (name, check) in &self.checks {
            if let Err(reason) = check().await {
                tracing::warn!(check = name, reason, "not ready");
                failing.push(name);
            }
        }
        failing
    }

    async fn ready(&self) -> Response {
        let failing = self.failing().await;
        let (status, body) = if failing.is_empty() {
            (StatusCode::OK, json!({ "status": "ready" }))
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "not ready", "failing": failing }))
        };
        (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}

/// `/health/live`, `/health/ready` and `/metrics`.
pub fn routes<S>(health: Arc<Health>, metrics: Arc<Metrics>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let live = || async { Json(json!({ "status": "live" })) };
    let ready = move || async move { health.ready().await };
    let metrics = move || async move { metrics.response() };
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use expect_test::{Expect, expect};
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn check(health: Arc<Health>, path: &str, expected: Expect) {
        let routes: Router = routes(health, Arc::default());
        let response = routes.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        expected.assert_eq(&format!("{status} {}", String::from_utf8_lossy(&body)));
    }

    #[tokio::test]
    async fn readiness_names_what_fails() {
        let health = Health::default().check("store", || async { Err("the disk is full".to_owned()) });
        let health = Arc::new(health.check("other", || async { Ok(()) }));
        check(
            Arc::clone(&health),
            "/health/ready",
            expect![[r#"503 {"status":"not ready","failing":["store"]}"#]],
        )
        .await;
        check(health, "/health/live", expect![[r#"200 {"status":"live"}"#]]).await;
    }

    #[tokio::test]
    async fn a_stopping_server_lives_but_is_not_ready() {
        let health = Arc::new(Health::default().check("store", || async { Ok(()) }));
        check(Arc::clone(&health), "/health/ready", expect![[r#"200 {"status":"ready"}"#]]).await;
        health.stop();
        check(
            Arc::clone(&health),
            "/health/ready",
            expect![[r#"503 {"status":"not ready","failing":["stopping"]}"#]],
        )
        .await;
        check(health, "/health/live", expect![[r#"200 {"status":"live"}"#]]).await;
    }
}
