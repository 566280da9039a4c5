//! Somebody to whom events are pushed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::post;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, StatusCode, Uri};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What was pushed once.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) token: String,
}

impl Pushed {
    pub(crate) fn part(&self, number: usize) -> Value {
        let part = self.token.split('.').nth(number).unwrap();
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
    }

    pub(crate) fn claims(&self) -> Value {
        self.part(1)
    }

    /// The tenant and the number of the event, of its id.
    pub(crate) fn number(&self) -> String {
        let id = self.claims()["jti"].as_str().unwrap().to_owned();
        id.rsplit_once('-').unwrap().0.to_owned()
    }

    /// The events, without what they say.
    pub(crate) fn events(&self) -> Vec<String> {
        self.claims()["events"].as_object().unwrap().keys().cloned().collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Sees that one of these keys signed it.
    #[track_caller]
    pub(crate) fn check(&self, keys: &Value) -> Value {
        let header = self.part(0);
        assert_eq!((&header["alg"], &header["typ"]), (&"ES256".into(), &"secevent+jwt".into()));
        let keys = keys["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["kid"] == header["kid"]).expect("its key is among them");
        let mut point = vec![4];
        for name in ["x", "y"] {
            point.extend(BASE64URL_NOPAD.decode(key[name].as_str().unwrap().as_bytes()).unwrap());
        }
        let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
        let (input, signature) = self.token.rsplit_once('.').unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        key.verify(input.as_bytes(), &Signature::from_slice(&signature).unwrap()).unwrap();
        self.claims()
    }
}

#[derive(Debug, Default)]
struct Seen {
    pushed: Vec<Pushed>,
    answers: VecDeque<(u16, &'static str)>,
    held: Option<oneshot::Receiver<()>>,
}

/// It takes what comes, unless it was told what to answer.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    seen: Arc<Mutex<Seen>>,
    pub(crate) address: std::net::SocketAddr,
}

impl Receiver {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Self { seen: Arc::default(), address };
        let router = Router::new().fallback(post(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// What it answers next, before it takes again what comes.
    pub(crate) fn answer(&self, answers: &[(u16, &'static str)]) {
        self.seen.lock().unwrap().answers.extend(answers);
    }

    /// The next push is not answered before what this gives is dropped or sent.
    pub(crate) fn hold_next(&self) -> oneshot::Sender<()> {
        let (release, held) = oneshot::channel();
        self.seen.lock().unwrap().held = Some(held);
        release
    }

    /// Waits for so many pushes, and says which they were.
    pub(crate) async fn wait_for(&self, many: usize) -> Vec<Pushed> {
        loop {
            {
                let mut seen = self.seen.lock().unwrap();
                if seen.pushed.len() >= many {
                    return std::mem::take(&mut seen.pushed);
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// What was pushed since this was asked last.
    pub(crate) fn pushed(&self) -> Vec<Pushed> {
        std::mem::take(&mut self.seen.lock().unwrap().pushed)
    }

    async fn receive(&self, path: String, headers: HeaderMap, body: &[u8]) -> (StatusCode, &'static str) {
        let token = String::from_utf8(body.to_vec()).unwrap();
        let (held, (status, body)) = {
            let mut seen = self.seen.lock().unwrap();
            seen.pushed.push(Pushed { path, headers, token });
            (seen.held.take(), seen.answers.pop_front().unwrap_or((202, "")))
        };
        if let Some(held) = held {
            drop(held.await);
        }
        (status.try_into().unwrap(), body)
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    receiver.receive(uri.path().trim_start_matches('/').to_owned(), headers, &body).await
}
