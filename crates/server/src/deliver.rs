//! Hands out events: takes them from the outboxes of the tenants, in turns with the other nodes, and pushes each to its receiver
//! (RFC 8935).
//!
//! What waits is looked for once a second. A stream's events go one at a time in their order, and no stream waits for another: one
//! turn each, as far as there is room, and then those that had none. An event is pushed until it was taken: a receiver may hear one again,
//! with the same `jti`, when a node died or was stopped between the push and its note.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use iam::Iam;
use iam::env::random;
use iam::stream::{Outcome, Round, Told, Turn, Turns};
use iam::tenant::Operator;
use serde::Deserialize;
use store::TenantId;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::env::System;
use crate::metrics::{Metrics, Pushed};

/// Between two times that what waits is looked for.
const LOOK: Duration = Duration::from_secs(1);
/// One push, from connecting to the whole answer.
const PUSH: Duration = Duration::from_secs(10);
/// After this no further push of a turn begins.
const TURN: Duration = Duration::from_secs(15);
/// So long it is tried to note how a turn went.
const NOTE: Duration = Duration::from_secs(45);
/// Between two such attempts.
const NOTE_PAUSE: Duration = Duration::from_millis(500);
/// A turn of another node that has lasted so long is over: that node is gone. Longer than any takes.
const TURN_MAX: Duration = Duration::from_secs(60);
/// When so many streams are served, no further tenant's are begun with.
const AT_ONCE: usize = 64;
/// Tenants that are looked up at a time.
const TENANTS: u64 = 64;
/// Longest part of an answer that is told of a refusal, in characters.
const SAID_CHARS_MAX: usize = 200;
/// What the application calls who does it.
const DELIVERER: Operator<'static> = Operator { name: "deliverer" };

const _: () =
    assert!(TURN.as_secs() + PUSH.as_secs() < NOTE.as_secs() && NOTE.as_secs() < TURN_MAX.as_secs());

/// What hands out events.
#[derive(Debug)]
pub struct Deliverer {
    node: Arc<Node>,
    stop: watch::Sender<bool>,
    under_way: JoinSet<Served>,
    /// The streams that are under way.
    busy: HashSet<String>,
    /// Behind whom there was no more room: those come next, before anybody has another turn.
    after: Option<TenantId>,
    at_once: usize,
    /// Whether what waits could not be looked for the last time.
    is_away: bool,
}

/// A stream that had its turn.
#[derive(Debug)]
struct Served {
    tenant: TenantId,
    stream: String,
    /// Whether another turn may bring more.
    has_more: bool,
}

/// What a turn needs.
struct Node {
    iam: Arc<Iam>,
    client: Client,
    metrics: Arc<Metrics>,
    turns: Turns,
    public_url: Arc<str>,
    stopping: watch::Receiver<bool>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("turns", &self.turns).finish_non_exhaustive()
    }
}

impl Deliverer {
    /// For one node: its use cases, where it is, and how it asks others.
    pub fn new(iam: Arc<Iam>, public_url: &str, client: Client, metrics: Arc<Metrics>) -> Self {
        let name = u64::from_be_bytes(random(&System));
        Self::with_turns(iam, public_url, client, metrics, Turns::new(format!("{name:016x}"), TURN_MAX))
    }

    /// The same, by a name of its own and with turns of another length.
    pub fn with_turns(
        iam: Arc<Iam>,
        public_url: &str,
        client: Client,
        metrics: Arc<Metrics>,
        turns: Turns,
    ) -> Self {
        let (stop, stopping) = watch::channel(false);
        let node = Arc::new(Node { iam, client, metrics, turns, public_url: public_url.into(), stopping });
        let (under_way, busy) = (JoinSet::new(), HashSet::new());
        Self { node, stop, under_way, busy, after: None, at_once: AT_ONCE, is_away: false }
    }

    /// The same, with room for so many streams.
    pub fn with_room(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// Hands out events until `stop` is over; then no push is waited for any more, and what was taken is noted.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = look.tick() => self.look().await,
                Some(done) = self.under_way.join_next() => {
                    self.done(done);
                    // There is room again for some.
                    if self.after.is_some() && self.under_way.len() <= self.at_once / 2 {
                        self.look().await;
                    }
                }
            }
        }
        self.stop.send_replace(true);
        self.finish().await;
    }

    /// Hands out what waits, as far as it can go now.
    pub async fn once(&mut self) {
        loop {
            self.look().await;
            self.finish().await;
            if self.after.is_none() || self.is_away {
                break;
            }
        }
        // What all have is taken out.
        self.look().await;
        self.finish().await;
    }

    async fn finish(&mut self) {
        while let Some(done) = self.under_way.join_next().await {
            self.done(done);
        }
    }

    /// After a turn: the next one of the same stream, unless others have waited for room.
    fn done(&mut self, done: Result<Served, tokio::task::JoinError>) {
        match done {
            Ok(Served { tenant, stream, has_more }) => {
                self.busy.remove(&stream);
                if has_more && self.after.is_none() && !*self.stop.borrow() {
                    self.serve(tenant, stream);
                }
            }
            // Which one it was is not known. Those that are under way have their turns, which no second task gets.
            Err(error) => {
                tracing::error!(%error, "events of a stream are not delivered");
                self.busy.clear();
            }
        }
    }

    fn serve(&mut self, tenant: TenantId, stream: String) {
        if self.busy.insert(stream.clone()) {
            let node = Arc::clone(&self.node);
            self.under_way.spawn(async move {
                let has_more = node.turn(tenant, &stream).await;
                Served { tenant, stream, has_more }
            });
        }
    }

    /// Begins with the streams that have something waiting, as far as there is room.
    async fn look(&mut self) {
        match self.begin().await {
            Ok(()) => self.is_away = false,
            Err(error) => {
                if !std::mem::replace(&mut self.is_away, true) {
                    tracing::warn!(%error, "events are not delivered until the database is back");
                }
            }
        }
    }

    async fn begin(&mut self) -> iam::Result<()> {
        loop {
            let found = self.node.iam.tenants_to_deliver(DELIVERER, self.after, TENANTS).await?;
            if found.is_empty() {
                self.after = None;
                return Ok(());
            }
            for tenant in found {
                if self.under_way.len() >= self.at_once {
                    self.after.get_or_insert(TenantId::INSTALLATION);
                    return Ok(());
                }
                self.after = Some(tenant);
                match self.node.iam.streams_to_deliver(DELIVERER, tenant).await {
                    Ok(streams) => streams.into_iter().for_each(|stream| self.serve(tenant, stream)),
                    Err(error @ iam::Error::Unavailable) => return Err(error),
                    Err(error) => tracing::error!(%error, tenant = tenant.0, "events are not delivered"),
                }
            }
        }
    }
}

impl Node {
    /// One turn of a stream, if it is this node's. Says whether another may bring more.
    async fn turn(&self, tenant: TenantId, stream: &str) -> bool {
        let since = Instant::now();
        let turn = self.iam.take_turn(DELIVERER, tenant, stream, &self.public_url, &self.turns);
        match turn.await {
            Ok(Turn::None) => false,
            Ok(Turn::Passed { has_more }) => has_more,
            Ok(Turn::Taken(round)) => {
                let outcome = self.push(&round, since).await;
                let has_more = round.has_more() || outcome.done < round.events().len();
                self.note(&round, &outcome, since).await && outcome.failure.is_none() && has_more
            }
            Err(error) => {
                tracing::warn!(%error, stream, "events are not delivered now");
                false
            }
        }
    }

    /// Notes how a turn went. Says whether it is noted.
    async fn note(&self, round: &Round, outcome: &Outcome, since: Instant) -> bool {
        let stream = round.stream();
        if let Some(failure) = &outcome.failure {
            tracing::warn!(stream, failure, "an event is not taken; it is sent again");
        }
        loop {
            match self.iam.end_turn(DELIVERER, round, outcome).await {
                Ok(true) => return true,
                Ok(false) => {
                    tracing::debug!(stream, "the stream is gone, or another node has its turn");
                    return false;
                }
                Err(error) if since.elapsed() < NOTE => {
                    tracing::debug!(%error, stream, "what was delivered is not noted yet");
                    tokio::time::sleep(NOTE_PAUSE).await;
                }
                Err(error) => {
                    tracing::warn!(%error, stream, "what was delivered is not noted; it is sent again");
                    return false;
                }
            }
        }
    }

    /// Pushes the events of a turn in their order, until one is not taken, the stream is changed, or time is up. The time counts from
    /// before the turn was taken, so that nobody else has it yet.
    async fn push(&self, round: &Round, since: Instant) -> Outcome {
        let mut outcome = Outcome::default();
        let mut stopping = self.stopping.clone();
        for told in round.events() {
            let is_current = self.iam.is_current(DELIVERER, round).await.unwrap_or(false);
            if !is_current || since.elapsed() > TURN {
                break;
            }
            let answer = tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => break,
                answer = self.send(round, told) => answer,
            };
            self.metrics.pushed(match &answer {
                Ok(Answer::Taken) => Pushed::Taken,
                Ok(Answer::Refused(_)) => Pushed::Refused,
                Err(_) => Pushed::Failed,
            });
            match answer {
                Ok(Answer::Taken) => {}
                Ok(Answer::Refused(why)) => {
                    tracing::warn!(
                        stream = round.stream(),
                        event = told.sequence,
                        why,
                        "an event is refused"
                    );
                    outcome.refused += 1;
                }
                Err(why) => {
                    outcome.failure = Some(why);
                    break;
                }
            }
            outcome.done += 1;
        }
        outcome
    }

    async fn send(&self, round: &Round, told: &Told) -> Result<Answer, String> {
        let mut request = Request::post(round.endpoint())
            .header(header::CONTENT_TYPE, "application/secevent+jwt")
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("durward/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = round.authorization() {
            let mut value = HeaderValue::from_str(authorization.expose())
                .map_err(|_| "the Authorization header cannot be sent")?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let body = Bytes::from(round.token(told));
        let request = request.body(body).map_err(|_| "the endpoint is no URL")?;
        let response = self.client.send(request, PUSH).await?;
        read(response.status(), response.body(), told.is_verification())
    }
}

/// What a receiver says of an event.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Taken,
    /// It is no good, and would be none another time: why.
    Refused(String),
}

/// An error as receivers say it (RFC 8935 §2.3).
#[derive(Deserialize)]
struct Said {
    err: String,
    #[serde(default)]
    description: String,
}

/// A receiver that says in RFC 8935's words that an event is no good hears it no more: `invalid_request`, or `invalid_state` of a
/// verification that it did not wait for (SSF 1.0 §8.1.4). Everything else is about the stream, and somebody will put it right.
fn read(status: StatusCode, body: &[u8], is_verification: bool) -> Result<Answer, String> {
    if status.is_success() {
        return Ok(Answer::Taken);
    }
    let said = serde_json::from_slice::<Said>(body).ok();
    let why = said.as_ref().map_or_else(String::new, |said| {
        let text = format!(": {} {}", said.err, said.description);
        text.trim_end().chars().take(SAID_CHARS_MAX).collect()
    });
    let why = format!("the receiver answered {}{why}", status.as_u16());
    match said {
        Some(Said { err, .. }) if status == StatusCode::BAD_REQUEST => match err.as_str() {
            "invalid_request" => Ok(Answer::Refused(why)),
            "invalid_state" if is_verification => Ok(Answer::Refused(why)),
            _ => Err(why),
        },
        _ => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_sent_again_unless_it_is_no_good_itself() {
        let read = |status: u16, body: &str| read(status.try_into().unwrap(), body.as_bytes(), false);
        let refused = |why: &str| Ok(Answer::Refused(why.to_owned()));
        let failed = |why: &str| Err(why.to_owned());
        for status in [200, 202, 204] {
            assert_eq!(read(status, ""), Ok(Answer::Taken));
        }
        assert_eq!(
            read(400, r#"{"err":"invalid_request","description":"no such subject"}"#),
            refused("the receiver answered 400: invalid_request no such subject")
        );
        assert_eq!(read(400, r#"{"err":"invalid_key"}"#), failed("the receiver answered 400: invalid_key"));
        let stale = "the receiver answered 400: invalid_state";
        let (body, bad) = (r#"{"err":"invalid_state"}"#, StatusCode::BAD_REQUEST);
        assert_eq!(read(400, body), failed(stale));
        assert_eq!(super::read(bad, body.as_bytes(), true), refused(stale));
        assert_eq!(read(400, r#"{"err":"try later"}"#), failed("the receiver answered 400: try later"));
        assert_eq!(read(400, "{}"), failed("the receiver answered 400"));
        assert_eq!(
            read(500, r#"{"err":"invalid_request"}"#),
            failed("the receiver answered 500: invalid_request")
        );
        assert_eq!(read(302, "<html>"), failed("the receiver answered 302"));
        let long = read(401, &format!(r#"{{"err":"{}"}}"#, "é".repeat(9_999))).unwrap_err();
        assert!(long.chars().count() < 300, "{long}");
    }
}
