//! Hands out events: takes them from the outboxes of the tenants, in turns with the other nodes, and pushes each to its receiver
//! (RFC 8935).
//!
//! What waits is looked for once a second. A tenant's events go in their order, and those of different tenants and streams at once; a
//! receiver that does not take them holds nobody else up. An event is pushed until it was taken: a receiver may hear one again, with
//! the same `jti`, when a node died between the push and its note.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderValue, Request, StatusCode, header};
use iam::Iam;
use iam::env::random;
use iam::stream::{Outcome, Push, Round, Set, Turns};
use iam::tenant::Operator;
use serde::Deserialize;
use store::TenantId;
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
/// A turn of another node that has lasted so long is over: that node is gone. Longer than any takes.
const TURN_MAX: Duration = Duration::from_secs(60);
/// Most tenants whose events are handed out at once.
const AT_ONCE: usize = 64;
/// Tenants that are looked up at a time.
const TENANTS: u64 = 1_000;
/// Longest part of an answer that is told of a refusal, in characters.
const SAID_CHARS_MAX: usize = 200;
/// What the application calls who does it.
const DELIVERER: Operator<'static> = Operator { name: "deliverer" };

const _: () = assert!(TURN.as_secs() + PUSH.as_secs() < TURN_MAX.as_secs());

/// What hands out events.
#[derive(Debug)]
pub struct Deliverer {
    inner: Arc<Inner>,
    /// The tenants that are being served, and by which task.
    under_way: JoinSet<TenantId>,
    busy: HashSet<TenantId>,
    /// Whether what waits could not be looked for last time.
    is_away: bool,
}

struct Inner {
    iam: Arc<Iam>,
    client: Client,
    metrics: Arc<Metrics>,
    turns: Turns,
    stopping: AtomicBool,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("turns", &self.turns).finish_non_exhaustive()
    }
}

impl Deliverer {
    /// For one node: its use cases, and how it asks others.
    pub fn new(iam: Arc<Iam>, client: Client, metrics: Arc<Metrics>) -> Self {
        let node = u64::from_be_bytes(random(&System));
        Self::with_turns(iam, client, metrics, Turns::new(format!("{node:016x}"), TURN_MAX))
    }

    /// The same, by a name of its own and with turns of another length.
    pub fn with_turns(iam: Arc<Iam>, client: Client, metrics: Arc<Metrics>, turns: Turns) -> Self {
        let inner = Inner { iam, client, metrics, turns, stopping: AtomicBool::new(false) };
        Self { inner: Arc::new(inner), under_way: JoinSet::new(), busy: HashSet::new(), is_away: false }
    }

    /// Hands out events until `stop` is over, and then finishes what it is at.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = look.tick() => self.look().await,
                Some(done) = self.under_way.join_next() => self.done(done),
            }
        }
        self.inner.stopping.store(true, Ordering::Relaxed);
        self.finish().await;
    }

    /// Looks once for what waits, and hands it out.
    pub async fn once(&mut self) {
        self.look().await;
        self.finish().await;
    }

    async fn finish(&mut self) {
        while let Some(done) = self.under_way.join_next().await {
            self.done(done);
        }
    }

    fn done(&mut self, done: Result<TenantId, tokio::task::JoinError>) {
        match done {
            Ok(tenant) => drop(self.busy.remove(&tenant)),
            // Which one it was is not known: all but those still under way may be looked at again.
            Err(error) => {
                tracing::error!(%error, "events of a tenant are not delivered");
                self.busy.clear();
            }
        }
    }

    /// Begins with the tenants that have something waiting, as far as there is room.
    async fn look(&mut self) {
        let mut after = None;
        loop {
            let found = match self.inner.iam.tenants_to_deliver(DELIVERER, after, TENANTS).await {
                Ok(found) => found,
                Err(error) => {
                    if !std::mem::replace(&mut self.is_away, true) {
                        tracing::warn!(%error, "events are not delivered until the database is back");
                    }
                    return;
                }
            };
            self.is_away = false;
            after = found.last().copied();
            for tenant in found {
                if self.under_way.len() >= AT_ONCE
                    && let Some(done) = self.under_way.join_next().await
                {
                    self.done(done);
                }
                if self.busy.insert(tenant) {
                    let inner = Arc::clone(&self.inner);
                    self.under_way.spawn(async move { inner.serve(tenant).await });
                }
            }
            if after.is_none() {
                return;
            }
        }
    }
}

impl Inner {
    /// Hands out the events of a tenant until none are left, or none can go now.
    async fn serve(&self, tenant: TenantId) -> TenantId {
        while !self.stopping.load(Ordering::Relaxed) {
            match self.turn(tenant).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, tenant = tenant.0, "events are not delivered now");
                    break;
                }
            }
        }
        tenant
    }

    /// One turn. Says whether another may bring more.
    async fn turn(&self, tenant: TenantId) -> iam::Result<bool> {
        let Some(round) = self.iam.take_round(DELIVERER, tenant, &self.turns).await? else {
            return Ok(false);
        };
        let since = Instant::now();
        let outcomes = join_all(round.pushes.iter().map(|push| self.push(push, since))).await;
        let brings_more = outcomes.iter().any(|outcome| outcome.failure.is_none());
        self.settle(round, &outcomes).await?;
        Ok(brings_more)
    }

    async fn settle(&self, round: Round, outcomes: &[Outcome]) -> iam::Result<()> {
        for outcome in outcomes {
            if let Some(failure) = &outcome.failure {
                tracing::warn!(stream = outcome.stream, failure, "an event is not taken; it is sent again");
            }
        }
        if !self.iam.settle_round(DELIVERER, round, outcomes).await? {
            tracing::warn!(
                "a turn lasted too long, and another node has it: receivers may hear events again"
            );
        }
        Ok(())
    }

    /// Pushes the events of a stream in their order, until one is not taken or time is up.
    async fn push(&self, push: &Push, since: Instant) -> Outcome {
        let before = push.sets.first().map_or(push.through, |first| first.sequence - 1);
        let mut outcome = Outcome { stream: push.stream.clone(), through: before, refused: 0, failure: None };
        for set in &push.sets {
            if since.elapsed() > TURN || self.stopping.load(Ordering::Relaxed) {
                return outcome;
            }
            let answer = self.send(push, set).await;
            self.metrics.pushed(match &answer {
                Ok(Answer::Taken) => Pushed::Taken,
                Ok(Answer::Refused(_)) => Pushed::Refused,
                Err(_) => Pushed::Failed,
            });
            match answer {
                Ok(Answer::Taken) => {}
                Ok(Answer::Refused(why)) => {
                    tracing::warn!(stream = push.stream, event = set.sequence, why, "an event is refused");
                    outcome.refused += 1;
                }
                Err(why) => {
                    outcome.failure = Some(why);
                    return outcome;
                }
            }
            outcome.through = set.sequence;
        }
        outcome.through = push.through;
        outcome
    }

    async fn send(&self, push: &Push, set: &Set) -> Result<Answer, String> {
        let mut request = Request::post(&push.endpoint)
            .header(header::CONTENT_TYPE, "application/secevent+jwt")
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("durward/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &push.authorization {
            let mut value = HeaderValue::from_str(authorization.expose())
                .map_err(|_| "the Authorization header cannot be sent")?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let body = Bytes::copy_from_slice(set.token.as_bytes());
        let request = request.body(body).map_err(|_| "the endpoint is no URL")?;
        let response = self.client.send(request, PUSH).await?;
        read(response.status(), response.body())
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

/// Of the errors of RFC 8935 §2.4 one is about the event; the others are about the stream, and somebody will put that right.
fn read(status: StatusCode, body: &[u8]) -> Result<Answer, String> {
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
        Some(said) if status == StatusCode::BAD_REQUEST && said.err == "invalid_request" => {
            Ok(Answer::Refused(why))
        }
        _ => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_sent_again_unless_it_is_no_good_itself() {
        let read = |status: u16, body: &str| read(status.try_into().unwrap(), body.as_bytes());
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
