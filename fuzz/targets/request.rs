//! Any request to the real router over a temporary store: it is answered, never by a fault of the server's own, and a
//! refusal has a body that says why.
//!
//! An input is text: a digit that says who asks, then `METHOD target`, lines of headers, an empty line, the body. `ADA` in
//! it stands for the id of a user who is there.
#![no_main]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use durward_server::client::Reach;
use durward_server::extract::App;
use durward_server::router::router;
use http_body_util::BodyExt;
use iam::access::{Tokens, Write};
use iam::cx::TokenKind;
use iam::tenant::Operator;
use iam::token::{Draft, Settings};
use iam::{Env, Iam};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use scim::quirks::Dialect;
use serde_json::Value;
use store::{Location, Options, Store};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

const OPERATOR: Operator<'static> = Operator { name: "fuzz" };
/// So many requests one installation answers; then it begins anew, so that it stays small.
const REQUESTS: usize = 5_000;

/// A clock that stands and an entropy that repeats.
struct Fixed(AtomicU64);

impl Env for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&drawn.rotate_left(17).to_be_bytes()[..chunk.len()]);
        }
    }
}

struct World {
    runtime: Runtime,
    router: Router,
    /// By the digit of the input; the first has none.
    tokens: [Option<String>; 4],
    ada: String,
    answered: usize,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let folder = match Path::new("/dev/shm") {
            memory if memory.is_dir() => TempDir::new_in(memory),
            _ => TempDir::new(),
        };
        let folder = folder.unwrap();
        let (router, tokens) = runtime.block_on(open(folder.path()));
        let mut world = Self { runtime, router, tokens, ada: String::new(), answered: 0, _folder: folder };
        let made = world.ask("1POST /acme/scim/Users\ncontent-type: application/json\n\n{\"userName\":\"grace\"}");
        let made: Value = serde_json::from_slice(&made.unwrap().2).unwrap();
        made["id"].as_str().unwrap().clone_into(&mut world.ada);
        world
    }

    /// The answer to an input that is a request: its method, head and body.
    fn ask(&mut self, text: &str) -> Option<(Method, Response, Vec<u8>)> {
        self.answered += 1;
        let request = self.request(&text.replace("ADA", &self.ada))?;
        let method = request.method().clone();
        let router = self.router.clone();
        Some(self.runtime.block_on(async {
            let (head, body) = router.oneshot(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes().to_vec();
            (method, Response::from_parts(head, Body::empty()), body)
        }))
    }

    fn request(&self, text: &str) -> Option<Request<Body>> {
        let (head, body) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let (method, target) = lines.next()?.split_once(' ')?;
        let who = usize::try_from(method.chars().next()?.to_digit(10)?).ok()?;
        let mut request = Request::builder().method(method.get(1..)?).uri(target);
        if let Some(token) = self.tokens.get(who).and_then(Option::as_ref) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for line in lines {
            let (name, value) = line.split_once(": ")?;
            request = request.header(name, value);
        }
        request.body(Body::from(body.to_owned())).ok()
    }
}

async fn open(folder: &Path) -> (Router, [Option<String>; 4]) {
    let file = Location::File(folder.join("durward.db"));
    let store = Store::open(&file, Options::default()).await.unwrap();
    let iam = Arc::new(Iam::open(store, Arc::new(Fixed(AtomicU64::new(1)))).await.unwrap());
    iam.create_tenant(OPERATOR, "acme").await.unwrap();
    let cx = iam.operate(OPERATOR, "acme").await.unwrap();
    let strict = Settings { dialect: Dialect::Strict, ..Settings::default() };
    let drafts = [
        Draft::new(TokenKind::Scim, "auto"),
        Draft { settings: strict, ..Draft::new(TokenKind::Scim, "strict") },
        Draft::new(TokenKind::Admin, "admin"),
    ];
    let mut tokens = [const { None }; 4];
    for (token, draft) in tokens.iter_mut().skip(1).zip(drafts) {
        let permit = iam.permit(&cx, Write, Tokens).await.unwrap();
        *token = Some(iam.create_token(&cx, permit, draft).await.unwrap().1.expose().clone());
    }
    let (receivers, patience) = (Reach::Any, Duration::from_secs(10));
    let app = App { iam, public_url: "https://id.example".into(), receivers, patience };
    (router(app), tokens)
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| Mutex::new(World::new()));

fuzz_target!(|text: &str| {
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    if world.answered > REQUESTS {
        *world = World::new();
    }
    let Some((method, answer, body)) = world.ask(text) else { return };
    let status = answer.status();
    // 501 is the RFC's answer to `/Me` for a token that stands for nobody (RFC 7644 §3.11).
    let is_fault = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
    assert!(!is_fault, "{status}: {}", String::from_utf8_lossy(&body));
    if status.is_client_error() && method != Method::HEAD {
        let said: Value = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{status}: {error}"));
        let is_scim = said["status"].as_str() == Some(status.as_str()) && said["schemas"].is_array();
        let is_problem = said["status"].as_u64() == Some(u64::from(status.as_u16()));
        assert!((is_scim || is_problem) && (said["detail"].is_string() || said["title"].is_string()), "{said}");
    }
});
