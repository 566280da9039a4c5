//! Answers that tell the client to send nothing more on its connection, once the server stops.
//!
//! A connection that is closed while the client sends its next request cuts that request. So a stopping server closes a
//! connection of HTTP/1 together with an answer, as RFC 9112 §9.6 has it. HTTP/2 has GOAWAY for this.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Request, Response, Version, header};
use hyper::service::Service;
use pin_project_lite::pin_project;

use super::activity::{Activity, Running};

/// A service that notes its requests, and whose answers close their connections from when `closing` is set.
#[derive(Clone, Debug)]
pub(super) struct Closing<S> {
    pub(super) inner: S,
    pub(super) closing: Arc<AtomicBool>,
    pub(super) activity: Arc<Activity>,
}

impl<S, I, O> Service<Request<I>> for Closing<S>
where
    S: Service<Request<I>, Response = Response<O>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn call(&self, request: Request<I>) -> Self::Future {
        let closing = (request.version() < Version::HTTP_2).then(|| Arc::clone(&self.closing));
        Answer { inner: self.inner.call(request), closing, _running: Running::on(&self.activity) }
    }
}

pin_project! {
    /// The answer that is being made.
    pub(super) struct Answer<F> {
        #[pin]
        inner: F,
        closing: Option<Arc<AtomicBool>>,
        _running: Running,
    }
}

impl<F, O, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<O>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.inner.poll(cx));
        if let Ok(response) = &mut answer
            && this.closing.as_ref().is_some_and(|closing| closing.load(Ordering::Relaxed))
        {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(answer)
    }
}
