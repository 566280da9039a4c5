//! Connections over real loopback sockets. Nothing here sleeps: channels say when something has happened.

use std::path::Path;

use axum::routing::get;
use clap::{Args, Command, FromArgMatches};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::*;
use crate::limits::HEADERS_MAX;

const REQUEST: &[u8] = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";

fn config(args: &[&str]) -> Config {
    let args = ["durward", "--listen=127.0.0.1:0"].iter().chain(args);
    let matches = Config::augment_args(Command::new("durward")).get_matches_from(args);
    Config::from_arg_matches(&matches).unwrap()
}

/// A server whose `/slow` says when it was entered and answers when it is told to.
struct Running {
    address: SocketAddr,
    health: Arc<Health>,
    entered: mpsc::UnboundedReceiver<()>,
    release: Arc<Semaphore>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<Ended, ListenError>>,
}

async fn start(args: &[&str]) -> Running {
    let server = Server::bind(&config(args)).await.unwrap();
    let (enter, entered) = mpsc::unbounded_channel();
    let release = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&release);
    let slow = move || async move {
        enter.send(()).unwrap();
        gate.acquire().await.unwrap().forget();
        "done"
    };
    let router = Router::new().route("/slow", get(slow));
    let health = Arc::new(Health::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let address = server.address();
    let shared = Arc::clone(&health);
    let ended = tokio::spawn(async move { server.run(router, &shared, async { drop(stopped.await) }).await });
    Running { address, health, entered, release, stop, ended }
}

async fn send(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    client
}

async fn answer(mut client: impl AsyncRead + Unpin) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_request_in_flight_is_answered_after_the_server_was_asked_to_stop() {
    let mut running = start(&[]).await;
    let client = send(running.address).await;
    let idle = TcpStream::connect(running.address).await.unwrap();
    running.entered.recv().await.unwrap();
    running.stop.send(()).unwrap();

    // The idle connection ends at once: by then the server has stopped listening.
    assert_eq!(answer(idle).await, "");
    assert_eq!(running.health.failing().await, ["stopping"]);
    assert!(TcpStream::connect(running.address).await.is_err());
    assert!(!running.ended.is_finished());

    running.release.add_permits(1);
    let answer = answer(client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\ndone"), "{answer}");
    assert_eq!(running.ended.await.unwrap().unwrap(), Ended::Clean);
}

#[tokio::test]
async fn requests_that_outlast_the_shutdown_timeout_are_counted() {
    let mut running = start(&["--shutdown-timeout=0"]).await;
    let _client = send(running.address).await;
    running.entered.recv().await.unwrap();
    running.stop.send(()).unwrap();
    assert_eq!(running.ended.await.unwrap().unwrap(), Ended::Cut(1));
}

/// The preface of HTTP/2 and empty SETTINGS (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// HEADERS of stream 1 that do not end: `:method: GET`, without END_HEADERS.
const HALF_HEADERS: &[u8] = b"\0\0\x01\x01\x01\0\0\0\x01\x82";

/// What begins a request and ends none, by either version of HTTP.
fn halves() -> [Vec<u8>; 4] {
    let half_headers = [PREFACE, HALF_HEADERS].concat();
    [Vec::new(), b"GET /slow HT".to_vec(), PREFACE.to_vec(), half_headers]
}

/// Reads to the end of a connection, however it ends.
async fn closed(mut client: TcpStream) {
    let mut piece = [0; 1024];
    while matches!(client.read(&mut piece).await, Ok(bytes) if bytes > 0) {}
}

#[tokio::test]
async fn who_does_not_ask_in_time_is_disconnected() {
    let running = start(&["--max-connections=1", "--header-timeout=50ms"]).await;
    for half in halves() {
        // One after the other takes the only place.
        let mut client = TcpStream::connect(running.address).await.unwrap();
        client.write_all(&half).await.unwrap();
        closed(client).await;
    }
    let mut client = send(running.address).await;
    running.release.add_permits(1);
    let mut start = [0; 15];
    client.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    closed(client).await;
}

#[tokio::test]
async fn a_request_that_is_being_answered_is_not_idle() {
    let mut running = start(&["--header-timeout=20ms"]).await;
    let client = send(running.address).await;
    running.entered.recv().await.unwrap();
    // Another connection lives and ends meanwhile.
    closed(TcpStream::connect(running.address).await.unwrap()).await;
    running.release.add_permits(1);
    assert!(answer(client).await.ends_with("\r\n\r\ndone"));
}

/// Says that it was dropped.
struct Dropped(mpsc::UnboundedSender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn who_does_not_take_an_answer_is_disconnected() {
    let server = Server::bind(&config(&["--header-timeout=50ms"])).await.unwrap();
    let address = server.address();
    let (tell, mut gone) = mpsc::unbounded_channel();
    let endless = move || async move {
        let dropped = Dropped(tell);
        let pieces = futures_util::stream::repeat_with(move || {
            let _ = &dropped;
            Ok::<_, io::Error>(vec![0_u8; 1 << 20])
        });
        axum::body::Body::from_stream(pieces)
    };
    let router = Router::new().route("/endless", get(endless));
    let health = Health::default();
    let serving = server.run(router, &health, std::future::pending());
    let client = async {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        gone.recv().await
    };
    tokio::select! {
        _ = serving => panic!("the server ended"),
        told = client => assert_eq!(told, Some(())),
    }
}

#[tokio::test]
async fn a_stopping_server_does_not_wait_for_the_rest_of_a_head() {
    let running = start(&["--header-timeout=1h", "--shutdown-timeout=1h"]).await;
    let mut clients = Vec::new();
    for half in halves() {
        let mut client = TcpStream::connect(running.address).await.unwrap();
        client.write_all(&half).await.unwrap();
        clients.push(client);
    }
    running.stop.send(()).unwrap();
    assert_eq!(running.ended.await.unwrap().unwrap(), Ended::Clean);
}

#[tokio::test]
async fn connections_without_a_request_are_not_counted_as_cut() {
    let running = start(&["--shutdown-timeout=0"]).await;
    let mut client = TcpStream::connect(running.address).await.unwrap();
    client.write_all(b"GET /slow HT").await.unwrap();
    running.stop.send(()).unwrap();
    assert_eq!(running.ended.await.unwrap().unwrap(), Ended::Clean);
}

#[tokio::test]
async fn connections_past_the_limit_wait_for_a_place() {
    let mut running = start(&["--max-connections=1"]).await;
    let first = send(running.address).await;
    running.entered.recv().await.unwrap();
    let second = send(running.address).await;
    running.release.add_permits(2);
    assert!(running.entered.try_recv().is_err());
    drop(first);
    running.entered.recv().await.unwrap();
    drop(second);
}

#[tokio::test]
async fn a_head_past_the_limit_is_refused() {
    let running = start(&[]).await;
    let mut client = TcpStream::connect(running.address).await.unwrap();
    let head =
        format!("GET /slow HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(HEAD_BYTES_MAX as usize));
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

#[tokio::test]
async fn headers_past_the_limit_are_refused() {
    let running = start(&[]).await;
    running.release.add_permits(1);
    for (headers, status) in [(HEADERS_MAX, b"HTTP/1.1 200"), (HEADERS_MAX + 1, b"HTTP/1.1 431")] {
        let mut client = TcpStream::connect(running.address).await.unwrap();
        let head = format!("GET /slow HTTP/1.1\r\n{}\r\n", "host: x\r\n".repeat(headers));
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, status, "{headers}");
    }
}

fn certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap()
}

fn files(folder: &Path) -> crate::config::TlsFiles {
    crate::config::TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") }
}

/// A client that trusts one certificate and offers these protocols.
fn connector(trusted: &CertificateDer<'static>, protocols: &[&[u8]]) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn tls_negotiates_the_protocol_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = certificate(folder.path());
    let files = files(folder.path());
    let (cert, key) =
        (format!("--tls-cert={}", files.cert.display()), format!("--tls-key={}", files.key.display()));
    let running = start(&[&cert, &key]).await;
    running.release.add_permits(1);
    let name = || ServerName::try_from("localhost").unwrap();

    let socket = TcpStream::connect(running.address).await.unwrap();
    let stream = connector(&trusted, &[b"h2", b"http/1.1"]).connect(name(), socket).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    let socket = TcpStream::connect(running.address).await.unwrap();
    let mut stream = connector(&trusted, &[b"http/1.1"]).connect(name(), socket).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
}

/// A handshake over a pipe, without a socket.
async fn trusts(tls: &Tls, trusted: &CertificateDer<'static>) -> bool {
    let (client, server) = tokio::io::duplex(16 * 1024);
    let name = ServerName::try_from("localhost").unwrap();
    let connector = connector(trusted, &[]);
    let (client, _) = tokio::join!(connector.connect(name, client), tls.acceptor().accept(server));
    client.is_ok()
}

#[tokio::test]
async fn the_certificate_is_read_again_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = certificate(folder.path());
    let tls = Tls::read(files(folder.path())).unwrap();
    assert!(trusts(&tls, &first).await);

    let second = certificate(folder.path());
    tls.reload().unwrap();
    assert!(trusts(&tls, &second).await);
    assert!(!trusts(&tls, &first).await);

    std::fs::write(folder.path().join("cert.pem"), "").unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Empty { .. })));
    assert!(trusts(&tls, &second).await);
}

#[tokio::test]
async fn a_hangup_without_tls_cuts_no_request() {
    let mut running = start(&[]).await;
    let client = send(running.address).await;
    running.entered.recv().await.unwrap();
    // Of a process that is not ready for it the signal leaves nothing to go on here.
    let hangup = std::process::Command::new("kill").args(["-HUP", &std::process::id().to_string()]).status();
    assert!(hangup.unwrap().success());
    running.release.add_permits(1);
    running.stop.send(()).unwrap();
    assert!(answer(client).await.ends_with("done"));
}

#[tokio::test]
async fn a_hangup_makes_a_running_server_read_its_certificate_again() {
    const TRIES_MAX: usize = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let first = certificate(folder.path());
    let files = files(folder.path());
    let (cert, key) =
        (format!("--tls-cert={}", files.cert.display()), format!("--tls-key={}", files.key.display()));
    let running = start(&[&cert, &key]).await;
    let shakes_hands = async |trusted: &CertificateDer<'static>| {
        let socket = TcpStream::connect(running.address).await.unwrap();
        connector(trusted, &[]).connect(ServerName::try_from("localhost").unwrap(), socket).await.is_ok()
    };
    // Whoever was served once, was served by a server that receives signals.
    assert!(shakes_hands(&first).await);
    let second = certificate(folder.path());
    assert!(!shakes_hands(&second).await, "not before it is told");
    let hangup = std::process::Command::new("kill").args(["-HUP", &std::process::id().to_string()]).status();
    assert!(hangup.unwrap().success());
    let mut tries = 0;
    while !shakes_hands(&second).await {
        tries += 1;
        assert!(tries < TRIES_MAX, "the old certificate is still in use");
    }
    assert!(!shakes_hands(&first).await);
}
