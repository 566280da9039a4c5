//! From the outbox to who listens: one node at a time takes the next events of a tenant, pushes them, and notes how far it came.
//!
//! Whose turn it is, and how far each stream has come, is one setting of the tenant, which changes only from what it was
//! when it was read. A node that dies over its turn loses it: to the others the setting then stays as it is for longer than any turn
//! takes, by their own clocks. What it had pushed and not noted is pushed again, as the same tokens.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Batch, CommitError, Event, TenantId};

use super::key::SigningKey;
use super::set::{Claims, Content};
use super::{FOR_ALL, Known, Status, Stream};
use crate::error::{Error, Result};
use crate::resource::refused;
use crate::secret::Secret;
use crate::tenant::Operator;
use crate::{Iam, limits};

/// The setting.
const STATE: &str = "delivery";
/// After the first failure in a row so long is waited, after each further one twice as long, at most the other.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Most characters of why a push failed that are kept.
const ERROR_CHARS_MAX: usize = 300;

/// How far the deliveries of a tenant are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// The node whose turn it is.
    holder: Option<String>,
    /// How many turns there were, so that no two are alike.
    turns: u64,
    /// All streams have come so far.
    through: i64,
    streams: BTreeMap<String, Progress>,
}

/// How far a stream is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Progress {
    /// The last event that was delivered, or need not be.
    through: i64,
    /// Events that the receiver said are no good (RFC 8935 §2.3).
    refused: u64,
    /// Events that were given up, as more waited than are held.
    lost: u64,
    /// Attempts that failed since one succeeded, the last of them why, and when the next is due.
    failures: u32,
    error: Option<String>,
    due: i64,
}

impl Progress {
    fn failed(&mut self, now: i64, why: &str) {
        let pause = PAUSE.saturating_mul(1 << self.failures.min(20)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.error = Some(why.chars().take(ERROR_CHARS_MAX).collect());
        self.due = now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
    }

    fn succeeded(&mut self) {
        (self.failures, self.error, self.due) = (0, None, 0);
    }

    /// Moves past events that nobody will hear; says how many.
    fn give_up(&mut self, newest: i64) {
        let from = newest.saturating_sub(limits::EVENTS_HELD_MAX);
        if from > self.through {
            self.lost = self.lost.saturating_add(from.abs_diff(self.through));
            self.through = from;
        }
    }
}

impl State {
    fn read(text: Option<&str>) -> Result<Self> {
        text.map_or_else(|| Ok(Self::default()), |text| serde_json::from_str(text).map_err(Error::internal))
    }

    fn print(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }

    /// Keeps what is known of the streams that there are, and no others.
    fn settle_on(&mut self, streams: &[Known]) {
        self.streams.retain(|id, _| streams.iter().any(|stream| stream.id == *id));
        for stream in streams {
            let new = || Progress { through: stream.kept.from, ..Progress::default() };
            self.streams.entry(stream.id.clone()).or_insert_with(new);
        }
    }

    /// Writes it down in place of what was `known`, and takes out what all streams have.
    fn commit(&mut self, known: Option<&str>) -> Result<Batch> {
        let mut batch = Batch::default();
        let through = self.streams.values().map(|progress| progress.through).min();
        if let Some(through) = through.filter(|through| *through > self.through) {
            self.through = through;
            batch.delivered(through);
        }
        batch.setting_after(known, STATE, &self.print()?);
        Ok(batch)
    }

    /// Says with a stream how its last attempts went.
    pub(super) fn explain(&self, mut stream: Stream) -> Stream {
        let Some(progress) = self.streams.get(&stream.id) else { return stream };
        let mut said: Vec<String> = stream.reason.take().into_iter().collect();
        if let Some(error) = &progress.error {
            said.push(format!("{} attempts in a row failed, the last: {error}", progress.failures));
        }
        if progress.refused > 0 {
            said.push(format!("the receiver refused {} events", progress.refused));
        }
        if progress.lost > 0 {
            said.push(format!("{} events were given up, as too many waited", progress.lost));
        }
        stream.reason = (!said.is_empty()).then(|| said.join("; "));
        stream
    }
}

/// What a node saw of the turns of others, and when.
#[derive(Debug)]
pub struct Turns {
    /// Who this node is among those that share the database.
    node: String,
    /// Longer than any turn takes.
    longest: Duration,
    seen: Mutex<HashMap<TenantId, (String, Instant)>>,
}

impl Turns {
    /// Nothing seen yet, by a node of that name. A turn that lasts `longest` is over.
    pub fn new(node: String, longest: Duration) -> Self {
        Self { node, longest, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<TenantId, (String, Instant)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the turn that this setting says somebody has is over.
    fn is_over(&self, tenant: TenantId, setting: &str) -> bool {
        let now = Instant::now();
        let mut all = self.seen();
        match all.get(&tenant) {
            Some((seen, since)) if seen == setting => now.duration_since(*since) >= self.longest,
            _ => {
                all.insert(tenant, (setting.to_owned(), now));
                false
            }
        }
    }
}

/// A signed event.
#[derive(Clone, Debug)]
pub struct Set {
    /// Its number in the tenant.
    pub sequence: i64,
    /// The Security Event Token (RFC 8417), in its compact form.
    pub token: String,
}

/// What one stream is to hear, in that order.
#[derive(Clone, Debug)]
pub struct Push {
    /// The stream.
    pub stream: String,
    /// Where to.
    pub endpoint: String,
    /// The `Authorization` header.
    pub authorization: Option<Secret<String>>,
    /// The events.
    pub sets: Vec<Set>,
    /// With these it has come so far.
    pub through: i64,
}

/// How a push went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The stream.
    pub stream: String,
    /// So far it has come.
    pub through: i64,
    /// So many of these events the receiver said are no good.
    pub refused: u64,
    /// Why it has not come further.
    pub failure: Option<String>,
}

/// A node's turn with a tenant.
#[derive(Debug)]
pub struct Round {
    tenant: TenantId,
    known: String,
    state: State,
    /// What is to be pushed.
    pub pushes: Vec<Push>,
}

impl Iam {
    /// The tenants past `after` that have events to deliver, at most so many.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn tenants_to_deliver(
        &self,
        _: Operator<'_>,
        after: Option<TenantId>,
        take: u64,
    ) -> Result<Vec<TenantId>> {
        let after = after.unwrap_or(TenantId::INSTALLATION);
        Ok(self.store.tenants().waiting(after, take).await?)
    }

    /// Takes the turn with a tenant's events, unless there is nothing to push now, or another node has it.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn take_round(
        &self,
        _: Operator<'_>,
        tenant: TenantId,
        turns: &Turns,
    ) -> Result<Option<Round>> {
        let settings = self.store.tenant(tenant);
        let known = settings.setting(STATE).await?;
        let mut state = State::read(known.as_deref())?;
        if state.holder.is_some() && !turns.is_over(tenant, known.as_deref().unwrap_or_default()) {
            return Ok(None);
        }
        turns.seen().remove(&tenant);
        // In this order: a stream that is not among them was made after these events.
        let newest = settings.newest_event().await?;
        let streams = self.known_streams(tenant).await?;
        let before = state.clone();
        state.holder = None;
        state.settle_on(&streams);
        let pushes = self.pushes(tenant, &streams, newest, &mut state).await?;
        if !pushes.is_empty() {
            state.holder = Some(turns.node.clone());
            state.turns = state.turns.wrapping_add(1);
        }
        if state == before {
            return Ok(None);
        }
        let batch = state.commit(known.as_deref())?;
        match settings.commit(batch).await {
            Ok(_) if pushes.is_empty() => Ok(None),
            Ok(_) => Ok(Some(Round { tenant, known: state.print()?, state, pushes })),
            // Another node was faster, or the tenant is gone.
            Err(CommitError::Changed | CommitError::NoTenant) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    async fn pushes(
        &self,
        tenant: TenantId,
        streams: &[Known],
        newest: i64,
        state: &mut State,
    ) -> Result<Vec<Push>> {
        let now = self.now();
        let mut key = None;
        let mut pushes = Vec::new();
        for stream in streams {
            let Some(progress) = state.streams.get_mut(&stream.id) else { continue };
            if stream.kept.status == Status::Disabled {
                progress.through = progress.through.max(newest);
                progress.succeeded();
                continue;
            }
            progress.give_up(newest);
            if stream.kept.status == Status::Paused || now < progress.due || progress.through >= newest {
                continue;
            }
            let take = limits::EVENTS_TAKEN_MAX;
            let events = self.store.tenant(tenant).outbox(progress.through, take).await?;
            let through = events.last().map_or(newest, |last| last.sequence);
            if key.is_none() {
                key = self.signing_keys(tenant).await?.pop();
            }
            let signing = key.as_ref().ok_or_else(|| Error::internal("there is no key to sign with"))?;
            let sets: Result<Vec<Option<Set>>> =
                events.iter().map(|event| set(tenant, stream, event, signing)).collect();
            let sets: Vec<Set> = sets?.into_iter().flatten().collect();
            if sets.is_empty() {
                progress.through = through;
                continue;
            }
            let (endpoint, authorization) = (stream.kept.endpoint.clone(), stream.authorization.clone());
            pushes.push(Push { stream: stream.id.clone(), endpoint, authorization, sets, through });
        }
        Ok(pushes)
    }

    /// Notes how the pushes of a round went, and ends the turn. Says whether it was still this node's.
    ///
    /// # Errors
    /// When the store cannot answer; then the turn ends by itself, and what was pushed is pushed again.
    pub async fn settle_round(&self, _: Operator<'_>, round: Round, outcomes: &[Outcome]) -> Result<bool> {
        let Round { tenant, known, mut state, .. } = round;
        let now = self.now();
        for outcome in outcomes {
            let Some(progress) = state.streams.get_mut(&outcome.stream) else { continue };
            progress.through = progress.through.max(outcome.through);
            progress.refused = progress.refused.saturating_add(outcome.refused);
            match &outcome.failure {
                Some(why) => progress.failed(now, why),
                None => progress.succeeded(),
            }
        }
        // Who began to listen meanwhile keeps what it is to hear.
        state.settle_on(&self.known_streams(tenant).await?);
        state.holder = None;
        match self.store.tenant(tenant).commit(state.commit(Some(&known))?).await {
            Ok(_) => Ok(true),
            Err(CommitError::Changed | CommitError::NoTenant) => Ok(false),
            Err(error) => Err(refused(error)),
        }
    }

    pub(super) async fn delivery_state(&self, tenant: TenantId) -> Result<State> {
        State::read(self.store.tenant(tenant).setting(STATE).await?.as_deref())
    }
}

/// An event as a stream hears it; none if it is not for it.
fn set(tenant: TenantId, stream: &Known, event: &Event, key: &SigningKey) -> Result<Option<Set>> {
    let mut content = Content::read(&event.payload)?;
    if event.topic == FOR_ALL {
        let heard: Vec<&str> = stream.hears().collect();
        content.events.retain(|uri, _| heard.contains(&uri.as_str()));
        if content.events.is_empty() {
            return Ok(None);
        }
    } else if event.topic != stream.id {
        return Ok(None);
    }
    let id = token_id(tenant, event);
    let claims = Claims {
        issuer: &stream.kept.issuer,
        audience: &stream.kept.endpoint,
        id: &id,
        at: event.at,
        content: &content,
    };
    Ok(Some(Set { sequence: event.sequence, token: claims.sign(key) }))
}

/// The `jti` of an event (RFC 8417 §2.2): the same whenever it is sent, and that of no other event, also after the tenant was put back
/// to a backup and numbers are given again.
fn token_id(tenant: TenantId, event: &Event) -> String {
    let mut hash = Sha256::new();
    hash.update(event.at.to_be_bytes());
    hash.update(event.payload.as_bytes());
    let [a, b, c, d, e, f, ..]: [u8; 32] = hash.finalize().into();
    format!("{}-{}-{}", tenant.0, event.sequence, HEXLOWER.encode(&[a, b, c, d, e, f]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_each_failure_the_pause_is_longer_and_ends_somewhere() {
        let mut progress = Progress::default();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            progress.failed(1_000, "no");
            pauses.push((progress.due - 1_000) / 1_000);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        progress.failures = u32::MAX;
        progress.failed(0, &"é".repeat(1_000));
        assert_eq!(progress.error.as_deref().map(|why| why.chars().count()), Some(ERROR_CHARS_MAX));
        progress.succeeded();
        assert_eq!(progress, Progress::default());
    }

    #[test]
    fn more_than_are_held_are_given_up_and_counted() {
        let mut progress = Progress { through: 5, ..Progress::default() };
        progress.give_up(limits::EVENTS_HELD_MAX + 5);
        assert_eq!((progress.through, progress.lost), (5, 0));
        progress.give_up(limits::EVENTS_HELD_MAX + 8);
        assert_eq!((progress.through, progress.lost), (8, 3));
    }

    #[test]
    fn a_turn_is_over_when_nothing_has_changed_for_long() {
        let turns = Turns::new("a".to_owned(), Duration::ZERO);
        let tenant = TenantId(1);
        assert!(!turns.is_over(tenant, "x"), "it is seen for the first time");
        assert!(turns.is_over(tenant, "x"));
        assert!(!turns.is_over(tenant, "y"));
        assert!(!turns.is_over(TenantId(2), "y"));
        let patient = Turns { longest: Duration::from_secs(3_600), ..turns };
        assert!(!patient.is_over(tenant, "y"));
    }
}
