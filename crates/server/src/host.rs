//! One `Host`, as RFC 9112 §3.2 demands: who reads another one than a proxy before us did may be led astray.
//!
//! Laid over the routes, inside of what observes them. Knows no host by name.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use futures_util::future::{Either, Ready, ready};
use http::uri::Authority;
use http::{HeaderValue, Request, Version, header};
use tower::{Layer, Service};

use crate::problem::Refusal;

/// The layer.
#[derive(Clone, Copy, Debug)]
pub struct OneHost;

impl<S> Layer<S> for OneHost {
    type Service = WithOneHost<S>;

    fn layer(&self, inner: S) -> WithOneHost<S> {
        WithOneHost { inner }
    }
}

/// A service that only sees requests to one host.
#[derive(Clone, Debug)]
pub struct WithOneHost<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for WithOneHost<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if has_one(&request) {
            Either::Left(self.inner.call(request))
        } else {
            Either::Right(ready(Ok(Refusal::NotOne("Host").at(request.uri().path()))))
        }
    }
}

/// Only HTTP/1.1 demands one: HTTP/2 has `:authority` (RFC 9113 §8.3.1), and HTTP/1.0 knew none.
fn has_one(request: &Request<Body>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() != Version::HTTP_11,
        (Some(host), None) => is_host(host),
        (Some(_), Some(_)) => false,
    }
}

/// A host with or without a port, or nothing, where the target has no host either (RFC 9110 §7.2).
fn is_host(host: &HeaderValue) -> bool {
    let bytes = host.as_bytes();
    bytes.is_empty() || (!bytes.contains(&b'@') && Authority::try_from(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_request_has_one_host() {
        let router = Router::new().route("/v1/x", get(async || "")).layer(OneHost);
        for (version, hosts, status) in [
            (Version::HTTP_11, &["id.example"][..], 200),
            (Version::HTTP_11, &["[::1]:8080"], 200),
            (Version::HTTP_11, &[""], 200),
            (Version::HTTP_11, &[], 400),
            (Version::HTTP_11, &["a", "b"], 400),
            (Version::HTTP_11, &["a", "a"], 400),
            (Version::HTTP_11, &["a b"], 400),
            (Version::HTTP_11, &["a/b"], 400),
            (Version::HTTP_11, &["user@a"], 400),
            (Version::HTTP_10, &[], 200),
            (Version::HTTP_10, &["a", "b"], 400),
            (Version::HTTP_2, &[], 200),
            (Version::HTTP_2, &["a", "b"], 400),
        ] {
            let mut request = Request::get("/v1/x").version(version);
            for host in hosts {
                request = request.header("host", *host);
            }
            let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), status, "{version:?} {hosts:?}");
        }
    }
}
