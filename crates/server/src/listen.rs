//! Connections: accepting them, their limits, TLS, and ending them without cutting a request.
//!
//! Knows no route. HTTP itself (request lines, framing, both versions) is hyper's.

mod activity;
mod closing;
mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::server::TlsStream;

use self::activity::{Activity, GRACE, Noted};
use self::closing::Closing;
use self::tls::Tls;
pub use self::tls::TlsError;
use crate::config::Config;
use crate::health::Health;
use crate::limits::{HEAD_BYTES_MAX, STREAMS_MAX};

/// A stopping server closes a connection with the answer to its next request; one that asks nothing for so long is
/// closed without.
const LINGER: Duration = Duration::from_millis(300);

/// A pause after the system had no socket to give, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The certificate or its key is no good.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(#[source] io::Error),
}

/// Reads what a server needs before it listens, and says what is wrong with it.
///
/// # Errors
/// [`ListenError::Tls`].
pub fn check(config: &Config) -> Result<(), ListenError> {
    config.tls().map(Tls::read).transpose()?;
    Ok(())
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every request was answered.
    Clean,
    /// The shutdown timeout passed before this many requests were answered, which are lost.
    Cut(usize),
}

/// A bound socket, ready to serve.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    header_timeout: Duration,
    shutdown_timeout: Duration,
    places: Arc<Semaphore>,
    max_connections: usize,
}

impl Server {
    /// Takes the address and reads the certificate, so that whatever is wrong shows before anything is promised.
    pub async fn bind(config: &Config) -> Result<Self, ListenError> {
        let tls = config.tls().map(Tls::read).transpose()?.map(Arc::new);
        let failed = |source| ListenError::Bind { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let max_connections = config.max_connections.min(Semaphore::MAX_PERMITS);
        Ok(Self {
            listener,
            address,
            tls,
            header_timeout: config.header_timeout,
            shutdown_timeout: config.shutdown_timeout,
            places: Arc::new(Semaphore::new(max_connections)),
            max_connections,
        })
    }

    /// The address it listens on, with the port the system gave when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then lets the requests in flight finish, up to the shutdown timeout.
    pub async fn run(
        self,
        router: Router,
        health: &Health,
        stop: impl Future<Output = ()>,
    ) -> Result<Ended, ListenError> {
        let reload = tls::reload_on_hangup(self.tls.clone()).map_err(ListenError::Signals)?;
        // Every connection holds a receiver of it until it ends.
        let (stop_all, stopping) = watch::channel(());
        let acceptor = Arc::new(Acceptor {
            http: http(),
            router,
            tls: self.tls,
            patience: self.header_timeout,
            stopping,
            closing: Arc::default(),
            unanswered: Arc::default(),
        });
        tokio::pin!(stop);
        loop {
            let next = accept(&self.listener, &self.places);
            let (stream, place) = tokio::select! {
                biased;
                () = &mut stop => break,
                next = next => next,
            };
            tokio::spawn(Arc::clone(&acceptor).serve(stream, place));
        }
        // Who has been let in by the system waits for an answer; who comes later is refused.
        while let Some((stream, place)) = accept(&self.listener, &self.places).now_or_never() {
            tokio::spawn(Arc::clone(&acceptor).serve(stream, place));
        }
        health.stop();
        drop(self.listener);
        acceptor.closing.store(true, Ordering::Relaxed);
        reload.abort();
        let unanswered = Arc::clone(&acceptor.unanswered);
        drop(acceptor);
        tracing::info!(
            connections = self.max_connections - self.places.available_permits(),
            requests = unanswered.load(Ordering::Relaxed),
            "stopping: letting the requests in flight finish"
        );
        let all = u32::try_from(self.max_connections).unwrap_or(u32::MAX);
        let ending = async {
            let _ = tokio::time::timeout(LINGER, self.places.acquire_many(all)).await;
            let _ = stop_all.send(());
            stop_all.closed().await;
        };
        let is_in_time = tokio::time::timeout(self.shutdown_timeout, ending).await.is_ok();
        match unanswered.load(Ordering::Relaxed) {
            cut if cut > 0 && !is_in_time => Ok(Ended::Cut(cut)),
            _ => Ok(Ended::Clean),
        }
    }
}

/// The next connection and its place among those served at once.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there is always a place in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) if of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // Time is kept by `activity`, for both versions.
    http.http1().header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX as usize);
    http.http2().max_concurrent_streams(STREAMS_MAX).max_header_list_size(HEAD_BYTES_MAX);
    http
}

/// What all connections share.
struct Acceptor {
    http: auto::Builder<TokioExecutor>,
    router: Router,
    tls: Option<Arc<Tls>>,
    /// How long a handshake may take, and a connection without a request in flight stay idle.
    patience: Duration,
    /// Changed when the server stops.
    stopping: watch::Receiver<()>,
    /// Whether answers close their connections.
    closing: Arc<AtomicBool>,
    /// How many answers are owed, on all connections.
    unanswered: Arc<AtomicUsize>,
}

impl Acceptor {
    /// One connection, from the handshake to its end. `_place` is held for as long.
    async fn serve(self: Arc<Self>, stream: TcpStream, _place: Option<OwnedSemaphorePermit>) {
        let mut stopping = self.stopping.clone();
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the connection is gone before it began");
            return;
        }
        let this = &*self;
        match &this.tls {
            None => this.speak(stream, &mut stopping).await,
            Some(tls) => {
                if let Some(stream) = this.shake_hands(tls, stream, &mut stopping).await {
                    this.speak(stream, &mut stopping).await;
                }
            }
        }
    }

    /// Bounded in time, and given up when the server stops: no request has been made yet.
    async fn shake_hands(
        &self,
        tls: &Tls,
        stream: TcpStream,
        stopping: &mut watch::Receiver<()>,
    ) -> Option<TlsStream<TcpStream>> {
        let handshake = tokio::time::timeout(self.patience, tls.acceptor().accept(stream));
        let outcome = tokio::select! {
            _ = stopping.changed() => return None,
            outcome = handshake => outcome,
        };
        match outcome {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => tracing::debug!(%error, "the TLS handshake failed"),
            Err(_) => tracing::debug!("the TLS handshake took too long"),
        }
        None
    }

    /// Closed when the server stops or when nothing moves any more; in either case what is being answered is finished.
    async fn speak<S>(&self, stream: S, stopping: &mut watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let activity = Arc::new(Activity::new(self.patience, Arc::clone(&self.unanswered)));
        let service = Closing {
            inner: TowerToHyperService::new(self.router.clone()),
            closing: Arc::clone(&self.closing),
            activity: Arc::clone(&activity),
        };
        let stream = Noted { inner: stream, activity: Arc::clone(&activity) };
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = activity.ended(self.patience) => None,
            _ = stopping.changed() => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                activity.moved();
                tokio::select! {
                    ended = &mut connection => ended,
                    () = activity.ended(GRACE) => Err("nothing moves on it".into()),
                }
            }
        };
        if let Err(error) = ended {
            // A peer that goes away, is silent or speaks no HTTP: its business, not ours.
            tracing::debug!(error, "the connection ended early");
        }
    }
}

/// Ready when the process is asked to stop: SIGTERM or SIGINT. A second signal ends it at once.
pub fn stop_signal() -> Result<impl Future<Output = ()>, ListenError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ListenError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ListenError::Signals)?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("asked to stop twice: requests in flight are cut");
            std::process::exit(1);
        });
    })
}

async fn either(first: &mut tokio::signal::unix::Signal, second: &mut tokio::signal::unix::Signal) {
    tokio::select! {
        _ = first.recv() => (),
        _ = second.recv() => (),
    }
}

#[cfg(test)]
mod tests;
