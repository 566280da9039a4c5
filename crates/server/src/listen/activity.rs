//! What happens on a connection, and when nothing does: one clock for both versions of HTTP.
//!
//! A connection without a request in flight is closed when nothing moves on it for as long as the configuration says,
//! whether its peer is silent, sends a head piece by piece, or does not take its answers. What the peer sends does not
//! keep it open: requests do, and what is taken of their answers. Knows nothing of what is sent.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A connection that is being closed, without a request in flight, has so long to take leave (RFC 9113 §6.8); a stopping
/// server waits no longer for the rest of a head.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// Most bytes of what is no answer: the acknowledgement of a PING or of SETTINGS (RFC 9113 §6.5, §6.7).
const CONTROL_BYTES_MAX: usize = 17;

/// The activity of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    begun: Instant,
    /// When a request was answered last, or something of an answer was taken: in milliseconds since it began.
    moved: AtomicU64,
    /// How many requests are being answered.
    running: AtomicUsize,
    /// Whether the peer does not take what it is sent.
    stalled: AtomicBool,
    /// How long nothing may move.
    patience: Duration,
    /// The answers of all connections that would be lost if the process ended now.
    unanswered: Arc<AtomicUsize>,
}

impl Activity {
    pub(super) fn new(patience: Duration, unanswered: Arc<AtomicUsize>) -> Self {
        let (moved, running, stalled) = (AtomicU64::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        Self { begun: Instant::now(), moved, running, stalled, patience, unanswered }
    }

    /// Notes that something moved.
    pub(super) fn moved(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }

    fn stalled(&self, stalls: bool) {
        match (self.stalled.swap(stalls, Ordering::Relaxed), stalls) {
            (false, true) => self.unanswered.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.unanswered.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// Ready when no request is in flight and nothing has moved for `most`; who stalls an answer has our patience.
    pub(super) async fn ended(&self, most: Duration) {
        loop {
            let since = self.begun + Duration::from_millis(self.moved.load(Ordering::Relaxed));
            let most = if self.stalled.load(Ordering::Relaxed) { self.patience.max(most) } else { most };
            let left = match self.running.load(Ordering::Relaxed) {
                0 => most.saturating_sub(since.elapsed()),
                _ => most.max(GRACE),
            };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.stalled(false);
    }
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Running {
    pub(super) fn on(activity: &Arc<Activity>) -> Self {
        activity.running.fetch_add(1, Ordering::Relaxed);
        activity.unanswered.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.moved();
        self.0.running.fetch_sub(1, Ordering::Relaxed);
        self.0.unanswered.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// A stream whose activity is noted.
    pub(super) struct Noted<S> {
        #[pin]
        pub(super) inner: S,
        pub(super) activity: Arc<Activity>,
    }
}

impl<S> Noted<S> {
    fn wrote(activity: &Activity, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        activity.stalled(outcome.is_pending());
        if matches!(outcome, Poll::Ready(Ok(bytes)) if bytes > CONTROL_BYTES_MAX) {
            activity.moved();
        }
        outcome
    }
}

impl<S: AsyncRead> AsyncRead for Noted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().inner.poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite> AsyncWrite for Noted<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        Self::wrote(this.activity, this.inner.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        Self::wrote(this.activity, this.inner.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let outcome = this.inner.poll_flush(cx);
        if outcome.is_pending() {
            this.activity.stalled(true);
        }
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }
}
