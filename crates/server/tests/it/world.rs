//! One world for every test: an installation with tenants, and callers who ask it things.

#![allow(dead_code)] // what one module of tests does not use another does

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use durward_server::client::Reach;
use durward_server::extract::App;
use durward_server::router::router;
use expect_test::Expect;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use iam::access::{Tokens, Write};
use iam::cx::{Mode, TokenKind};
use iam::limits::LATELY_MILLISECONDS;
use iam::tenant::Operator;
use iam::token::{Draft, Info};
use iam::{Env, Iam};
use jiff::Timestamp;
use scratch::Place;
use serde_json::Value;
use store::{Options, Store};
use tower::ServiceExt;

/// Who acts at the command line, in tests.
pub(crate) const OPERATOR: Operator<'static> = Operator { name: "test" };
/// When a world begins: 2026-01-02T03:04:05.678Z.
pub(crate) const BEGINNING: i64 = 1_767_323_045_678;

/// A clock that stands until it is moved, and an entropy that can be told in advance.
pub(crate) struct Fixed {
    now: AtomicI64,
    drawn: AtomicU64,
}

impl Env for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now.load(Ordering::Relaxed)).unwrap()
    }

    fn fill(&self, bytes: &mut [u8]) {
        // SplitMix64: no two draws are alike, and every world draws the same.
        for chunk in bytes.chunks_mut(8) {
            let n = self.drawn.fetch_add(1, Ordering::Relaxed);
            let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// An installation.
pub(crate) struct World {
    pub(crate) iam: Arc<Iam>,
    pub(crate) env: Arc<Fixed>,
    pub(crate) router: Router,
    pub(crate) place: Arc<Place>,
}

impl World {
    /// An installation with the tenants `acme` and `globex`.
    pub(crate) async fn new() -> Self {
        let env = Arc::new(Fixed { now: AtomicI64::new(BEGINNING), drawn: AtomicU64::new(1) });
        let world = Self::over(Arc::new(Place::new()), env).await;
        for name in ["acme", "globex"] {
            world.iam.create_tenant(OPERATOR, name).await.unwrap();
        }
        world
    }

    /// Another server over the same database, as another process would be.
    pub(crate) async fn beside(&self) -> Self {
        let env = Fixed {
            now: AtomicI64::new(self.env.now.load(Ordering::Relaxed)),
            drawn: AtomicU64::new(1 << 32),
        };
        Self::over(Arc::clone(&self.place), Arc::new(env)).await
    }

    /// Two servers that start at once over an empty database.
    pub(crate) async fn two_at_once() -> [Self; 2] {
        let place = Arc::new(Place::new());
        let env = |drawn| Arc::new(Fixed { now: AtomicI64::new(BEGINNING), drawn: AtomicU64::new(drawn) });
        let (one, two) = tokio::join!(
            tokio::spawn(Self::over(Arc::clone(&place), env(1))),
            tokio::spawn(Self::over(Arc::clone(&place), env(1 << 32)))
        );
        [one.unwrap(), two.unwrap()]
    }

    async fn over(place: Arc<Place>, env: Arc<Fixed>) -> Self {
        let store = Store::open(&place.url().parse().unwrap(), Options::default()).await.unwrap();
        let iam = Arc::new(Iam::open(store, Arc::clone(&env) as Arc<dyn Env>).await.unwrap());
        let app = App {
            iam: Arc::clone(&iam),
            public_url: "https://id.example".into(),
            receivers: Reach::Any,
            patience: Duration::from_secs(10),
        };
        // Whoever can still ask still has the database.
        let router = router(app).layer(axum::Extension(Arc::clone(&place)));
        Self { router, iam, env, place }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.env.now.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Sets the clock back.
    pub(crate) fn set_back(&self, time: Duration) {
        self.env.now.fetch_sub(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// A new token.
    pub(crate) async fn token(&self, tenant: &str, draft: Draft) -> (Info, String) {
        let cx = self.iam.operate(OPERATOR, tenant).await.unwrap();
        let permit = self.iam.permit(&cx, Write, Tokens).await.unwrap();
        let (info, secret) = self.iam.create_token(&cx, permit, draft).await.unwrap();
        (info, secret.expose().clone())
    }

    /// A caller with a new token, at `/{tenant}/scim`.
    pub(crate) async fn caller(&self, tenant: &str, draft: Draft) -> Caller {
        let (_, token) = self.token(tenant, draft).await;
        Caller {
            router: self.router.clone(),
            base: format!("/{tenant}/scim"),
            token: Some(token),
            headers: Vec::new(),
        }
    }

    /// An identity provider of that tenant.
    pub(crate) async fn provider(&self, tenant: &str) -> Caller {
        self.caller(tenant, Draft::new(TokenKind::Scim, "provider")).await
    }

    /// An administrator of that tenant.
    pub(crate) async fn admin(&self, tenant: &str) -> Caller {
        self.caller(tenant, Draft::new(TokenKind::Admin, "admin")).await
    }

    /// Somebody who may only read.
    pub(crate) async fn reader(&self, tenant: &str) -> Caller {
        let draft = Draft { mode: Mode::Read, ..Draft::new(TokenKind::Scim, "reader") };
        self.caller(tenant, draft).await
    }

    /// Somebody without a token.
    pub(crate) fn nobody(&self, tenant: &str) -> Caller {
        Caller {
            router: self.router.clone(),
            base: format!("/{tenant}/scim"),
            token: None,
            headers: Vec::new(),
        }
    }
}

/// Somebody who sends requests.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) router: Router,
    /// What relative paths are relative to.
    pub(crate) base: String,
    pub(crate) token: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Caller {
    /// The same caller, at another base.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The same caller, asking other routes.
    pub(crate) fn through(&self, router: Router) -> Self {
        Self { router, ..self.clone() }
    }

    /// The same caller, with a header more.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.push((name.to_owned(), value.to_owned()));
        caller
    }

    /// Sends a request; a path that begins with `!` is absolute. A JSON value is sent as SCIM.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let bytes = body.map(|body| body.to_string().into_bytes());
        self.send_bytes(method, path, bytes, "application/scim+json").await
    }

    /// Sends a request with a body that may be anything.
    pub(crate) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<impl Into<Body>>,
        media_type: &str,
    ) -> Answer {
        let target = match path.strip_prefix('!') {
            Some(absolute) => absolute.to_owned(),
            None => format!("{}{path}", self.base),
        };
        let mut request = Request::builder().method(method.clone()).uri(&target);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if body.is_some() {
            request = request.header("content-type", media_type);
        }
        let request = request.body(body.map_or_else(Body::empty, Into::into)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { asked: format!("{method} {target}"), status: parts.status, headers: parts.headers, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Creates a resource and says its id.
    pub(crate) async fn make(&self, path: &str, body: Value) -> String {
        self.post(path, body).await.check(201).id()
    }

    /// How many resources a filter finds, and their ids.
    pub(crate) async fn find(&self, path: &str, filter: &str) -> Vec<String> {
        let found = self.get(&format!("{path}?filter={}", encoded(filter))).await.check(200).json();
        let ids = found["Resources"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned());
        ids.collect()
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) asked: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Sees that the status is that.
    #[track_caller]
    pub(crate) fn check(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} answered {}", self.asked, self.text);
        self
    }

    /// Compares the whole answer: status, the headers that matter, body.
    #[track_caller]
    pub(crate) fn snapshot(&self, expected: Expect) {
        let mut text = format!("{}\n", self.status);
        for name in ["content-type", "location", "etag", "www-authenticate", "allow", "retry-after"] {
            if let Some(value) = self.headers.get(name) {
                text += &format!("{name}: {}\n", value.to_str().unwrap());
            }
        }
        text += &match serde_json::from_str::<Value>(&self.text) {
            Ok(json) => serde_json::to_string_pretty(&json).unwrap(),
            Err(_) => self.text.clone(),
        };
        expected.assert_eq(&text);
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{}: {e}: {}", self.asked, self.text))
    }

    #[track_caller]
    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// After this, what one server has changed holds for the decisions of every other.
pub(crate) async fn everywhere() {
    tokio::time::sleep(Duration::from_millis(LATELY_MILLISECONDS)).await;
}

/// Text as it stands in a URL.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A small user.
pub(crate) fn user(name: &str) -> Value {
    serde_json::json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name })
}

/// A group of these members.
pub(crate) fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| serde_json::json!({ "value": id })).collect();
    serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members,
    })
}

/// A PATCH of these operations.
pub(crate) fn operations(operations: Value) -> Value {
    serde_json::json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}
