//! From the outbox to who listens: one node at a time takes the next events of a stream, pushes them, and notes how far it came.
//!
//! Whose turn it is, and how far the stream has come, is one setting of the tenant, which changes only from what it was
//! when it was read. A node that dies over its turn loses it: to the others the setting then stays as it is for longer than any turn
//! takes, by their own clocks. What it had pushed and not noted is pushed again, as the same tokens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Batch, CommitError, Event, TenantId};

use super::key::SigningKey;
use super::set::{Claims, Content};
use super::{FOR_ALL, KIND, Known, Status, Stream, VERIFICATION};
use crate::error::{Error, Result};
use crate::resource::refused;
use crate::secret::Secret;
use crate::tenant::Operator;
use crate::{Iam, limits};

/// After the first failure in a row so long is waited, after each further one twice as long, at most the other.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Most characters of why a push failed that are kept.
const ERROR_CHARS_MAX: usize = 300;
/// From so many turns of others on those are forgotten that ended without this node.
const SEEN: usize = 4_096;

/// The setting of a stream.
pub(super) fn setting(stream: &str) -> String {
    format!("delivery/{stream}")
}

/// How far the deliveries of a stream are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// The node whose turn it is.
    holder: Option<String>,
    /// How many turns there were, so that no two are alike.
    turns: u64,
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
    /// The version of the stream that failed: another one need not wait.
    version: i64,
}

impl State {
    fn read(text: Option<&str>) -> Result<Self> {
        text.map_or_else(|| Ok(Self::default()), |text| serde_json::from_str(text).map_err(Error::internal))
    }

    fn failed(&mut self, now: i64, version: i64, why: &str) {
        let pause = PAUSE.saturating_mul(1 << self.failures.min(20)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.error = Some(why.chars().take(ERROR_CHARS_MAX).collect());
        self.due = now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        self.version = version;
    }

    fn succeeded(&mut self) {
        (self.failures, self.error, self.due) = (0, None, 0);
    }

    fn is_due(&self, now: i64, version: i64) -> bool {
        // A pause is never so long: another node noted it, whose clock is ahead.
        let is_odd = self.due.saturating_sub(now) > i64::try_from(PAUSE_MAX.as_millis()).unwrap_or(i64::MAX);
        now >= self.due || is_odd || version != self.version
    }

    /// Gives up the oldest events where more wait than are held.
    fn give_up(&mut self, newest: i64) {
        let from = newest.saturating_sub(limits::EVENTS_HELD_MAX);
        if from > self.through {
            self.lost = self.lost.saturating_add(from.abs_diff(self.through));
            self.through = from;
        }
    }

    /// Writes it down in place of what was `known`.
    fn keep(&self, batch: &mut Batch, stream: &str, known: Option<&str>) -> Result<String> {
        let text = serde_json::to_string(self).map_err(Error::internal)?;
        batch.setting_after(known, &setting(stream), &text);
        Ok(text)
    }

    /// Says with a stream how its last attempts went.
    pub(super) fn explain(&self, mut stream: Stream) -> Stream {
        let mut said: Vec<String> = stream.reason.take().into_iter().collect();
        match &self.error {
            Some(error) if self.failures == 1 => said.push(format!("the last attempt failed: {error}")),
            Some(error) => {
                said.push(format!("the last {} attempts failed, the last of them: {error}", self.failures));
            }
            None => {}
        }
        if self.refused > 0 {
            said.push(format!("events that the receiver refused: {}", self.refused));
        }
        if self.lost > 0 {
            said.push(format!("events that were given up, as too many waited: {}", self.lost));
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
    /// By stream, the number of the turn.
    seen: Mutex<HashMap<String, (u64, Instant)>>,
}

impl Turns {
    /// Nothing seen yet, by a node of that name. A turn that lasts `longest` is over.
    pub fn new(node: String, longest: Duration) -> Self {
        Self { node, longest, seen: Mutex::default() }
    }

    /// Nobody has the turn with a stream.
    fn forget(&self, stream: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
    }

    /// Whether the turn that somebody has is over.
    fn is_over(&self, stream: &str, turn: u64) -> bool {
        let now = Instant::now();
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(stream) {
            Some((seen, since)) if *seen == turn => now.duration_since(*since) >= self.longest,
            _ => {
                if all.len() >= SEEN {
                    all.retain(|_, (_, since)| now.duration_since(*since) < 2 * self.longest);
                }
                all.insert(stream.to_owned(), (turn, now));
                false
            }
        }
    }
}

/// What came of looking for something to push.
#[derive(Debug)]
pub enum Turn {
    /// There is nothing to push now, or another node has the turn.
    None,
    /// There is nothing to push, and what was known of the stream has changed: it has come further, or a turn was never ended.
    Passed {
        /// Whether another turn may bring something at once.
        has_more: bool,
    },
    /// It is this node's.
    Taken(Box<Round>),
}

/// A node's turn with a stream.
#[derive(Debug)]
pub struct Round {
    tenant: TenantId,
    stream: Known,
    issuer: String,
    key: SigningKey,
    /// The setting as this turn wrote it.
    known: String,
    state: State,
    /// What the stream is to hear, in that order.
    events: Vec<Told>,
    /// With these it has come so far.
    through: i64,
    has_more: bool,
}

/// An event as a stream hears it.
#[derive(Debug)]
pub struct Told {
    /// Its number in the tenant.
    pub sequence: i64,
    id: String,
    at: i64,
    content: Content,
}

impl Told {
    /// Whether it is what a receiver asked for to see that its stream works.
    pub fn is_verification(&self) -> bool {
        self.content.events.contains_key(VERIFICATION)
    }
}

impl Round {
    /// Whether there are more events than these.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// The id of the stream.
    pub fn stream(&self) -> &str {
        &self.stream.id
    }

    /// Where its events go.
    pub fn endpoint(&self) -> &str {
        &self.stream.kept.endpoint
    }

    /// The `Authorization` header they are sent with.
    pub fn authorization(&self) -> Option<&Secret<String>> {
        self.stream.authorization.as_ref()
    }

    /// The events, oldest first.
    pub fn events(&self) -> &[Told] {
        &self.events
    }

    /// The Security Event Token (RFC 8417) of an event, in its compact form.
    pub fn token(&self, told: &Told) -> String {
        let claims = Claims {
            issuer: &self.issuer,
            audience: &self.stream.kept.audience,
            id: &told.id,
            at: told.at,
            content: &told.content,
        };
        claims.sign(&self.key)
    }
}

/// How a turn went.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many of its events, from the first on, need not be sent again.
    pub done: usize,
    /// So many of these the receiver said are no good.
    pub refused: u64,
    /// Why not more.
    pub failure: Option<String>,
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

    /// The streams of a tenant, by id.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn streams_to_deliver(&self, _: Operator<'_>, tenant: TenantId) -> Result<Vec<String>> {
        let streams = self.clear_outbox(tenant).await?;
        Ok(streams.into_iter().map(|stream| stream.id).collect())
    }

    /// Takes out of the outbox what no stream needs any more. Says which streams there are.
    pub(super) async fn clear_outbox(&self, tenant: TenantId) -> Result<Vec<Known>> {
        let outbox = self.store.tenant(tenant);
        // In this order: a stream that is not among them was made after these events.
        let numbers = outbox.event_numbers().await?;
        let streams = self.known_streams(tenant).await?;
        let mut through = numbers.newest;
        for stream in &streams {
            let state = self.delivery_state(tenant, &stream.id).await?;
            through = through.min(state.through.max(stream.kept.from));
        }
        if through > numbers.delivered {
            let mut batch = Batch::default();
            batch.delivered(through);
            match outbox.commit(batch).await {
                Ok(_) | Err(CommitError::NoTenant) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(streams)
    }

    /// Takes the turn with a stream. `public_url` is where this server is, which issues the tokens.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn take_turn(
        &self,
        _: Operator<'_>,
        tenant: TenantId,
        stream: &str,
        public_url: &str,
        turns: &Turns,
    ) -> Result<Turn> {
        let settings = self.store.tenant(tenant);
        let known = settings.setting(&setting(stream)).await?;
        let mut state = State::read(known.as_deref())?;
        if state.holder.is_none() {
            turns.forget(stream);
        } else if !turns.is_over(stream, state.turns) {
            return Ok(Turn::None);
        }
        let (Some(owner), Some(stream)) =
            (self.store.tenants().get(tenant).await?, self.stream_of(tenant, stream).await?)
        else {
            return Ok(Turn::None);
        };
        let before = state.clone();
        state.holder = None;
        state.through = state.through.max(stream.kept.from);
        let newest = settings.event_numbers().await?.newest;
        let events = self.next_events(tenant, &stream, newest, &mut state).await?;
        let has_more = events.as_ref().is_some_and(|(through, _)| *through < newest);
        let (through, events) = events.unwrap_or((state.through, Vec::new()));
        let mut key = None;
        if events.is_empty() {
            state.through = through;
        } else {
            let missing = || Error::internal("there is no key to sign with");
            key = Some(self.signing_keys(tenant).await?.pop().ok_or_else(missing)?);
            state.holder = Some(turns.node.clone());
            state.turns = state.turns.wrapping_add(1);
        }
        if state == before {
            return Ok(Turn::None);
        }
        let mut batch = Batch::default();
        let known = state.keep(&mut batch, &stream.id, known.as_deref())?;
        // Nothing is kept of a stream that is gone.
        batch.while_held(KIND, &stream.id, stream.version);
        match (settings.commit(batch).await, key) {
            (Ok(_), None) => Ok(Turn::Passed { has_more }),
            (Ok(_), Some(key)) => {
                let issuer = super::issuer(public_url, &owner.name);
                let round = Round { tenant, stream, issuer, key, known, state, events, through, has_more };
                Ok(Turn::Taken(Box::new(round)))
            }
            // Another node was faster, the stream has changed, or the tenant is gone.
            (Err(CommitError::Changed | CommitError::NoTenant), _) => Ok(Turn::None),
            (Err(error), _) => Err(refused(error)),
        }
    }

    /// The next events of a stream and how far they reach; none if it hears nothing now.
    async fn next_events(
        &self,
        tenant: TenantId,
        stream: &Known,
        newest: i64,
        state: &mut State,
    ) -> Result<Option<(i64, Vec<Told>)>> {
        if stream.kept.status == Status::Disabled {
            state.through = state.through.max(newest);
            state.succeeded();
            return Ok(None);
        }
        state.give_up(newest);
        let is_due = state.is_due(self.now(), stream.version);
        if stream.kept.status == Status::Paused || !is_due || state.through >= newest {
            return Ok(None);
        }
        let mut events = self.store.tenant(tenant).outbox(state.through, limits::EVENTS_TAKEN_MAX).await?;
        let is_all = u64::try_from(events.len()).unwrap_or_default() < limits::EVENTS_TAKEN_MAX;
        // What came since may be for streams that have come since.
        events.retain(|event| event.sequence <= newest);
        let last = events.last().map(|last| last.sequence);
        let through = if is_all { newest } else { last.unwrap_or(newest) };
        let told: Result<Vec<Option<Told>>> =
            events.iter().map(|event| told(tenant, stream, event)).collect();
        Ok(Some((through, told?.into_iter().flatten().collect())))
    }

    /// Whether a turn is still this node's, and of the stream as it is: it was neither changed nor removed, nor told to wait.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn is_current(&self, _: Operator<'_>, round: &Round) -> Result<bool> {
        let (tenant, id) = (round.tenant, round.stream.id.as_str());
        let setting = self.store.tenant(tenant).setting(&setting(id)).await?;
        if setting.as_deref() != Some(round.known.as_str()) {
            return Ok(false);
        }
        let now = self.stream_of(tenant, id).await?;
        Ok(now.is_some_and(|now| now.version == round.stream.version))
    }

    /// Notes how a turn went, and ends it. Says whether it was still this node's.
    ///
    /// # Errors
    /// When the store cannot answer; it may be tried again. Else the turn ends by itself, and what was pushed is pushed again.
    pub async fn end_turn(&self, _: Operator<'_>, round: &Round, outcome: &Outcome) -> Result<bool> {
        let mut state = round.state.clone();
        state.holder = None;
        state.refused = state.refused.saturating_add(outcome.refused);
        if outcome.done >= round.events.len() {
            state.through = state.through.max(round.through);
        } else if let Some(last) = outcome.done.checked_sub(1).and_then(|last| round.events.get(last)) {
            state.through = state.through.max(last.sequence);
        }
        match &outcome.failure {
            Some(why) => {
                if outcome.done > 0 {
                    state.succeeded();
                }
                state.failed(self.now(), round.stream.version, why);
            }
            // Where nothing was tried, nothing is known.
            None if outcome.done == 0 => {}
            None => state.succeeded(),
        }
        let mut batch = Batch::default();
        state.keep(&mut batch, &round.stream.id, Some(&round.known))?;
        match self.store.tenant(round.tenant).commit(batch).await {
            Ok(_) => Ok(true),
            Err(CommitError::Changed | CommitError::NoTenant) => Ok(false),
            Err(error) => Err(refused(error)),
        }
    }

    pub(super) async fn delivery_state(&self, tenant: TenantId, stream: &str) -> Result<State> {
        State::read(self.store.tenant(tenant).setting(&setting(stream)).await?.as_deref())
    }

    async fn stream_of(&self, tenant: TenantId, id: &str) -> Result<Option<Known>> {
        self.store.tenant(tenant).record(KIND, id).await?.map(Known::read).transpose()
    }
}

/// An event as a stream hears it; none if it is not for it.
fn told(tenant: TenantId, stream: &Known, event: &Event) -> Result<Option<Told>> {
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
    Ok(Some(Told { sequence: event.sequence, id: token_id(tenant, event), at: event.at, content }))
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
        let mut state = State::default();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            state.failed(1_000, 3, "no");
            pauses.push((state.due - 1_000) / 1_000);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert!(!state.is_due(1_000, 3));
        assert!(state.is_due(1_000, 4), "somebody has changed it");
        assert!(state.is_due(-1_000_000, 3), "it was noted by a clock that is ahead");
        state.failures = u32::MAX;
        state.failed(0, 3, &"é".repeat(1_000));
        assert_eq!(state.error.as_deref().map(|why| why.chars().count()), Some(ERROR_CHARS_MAX));
        state.succeeded();
        assert!(state.is_due(0, 3));
    }

    #[test]
    fn more_than_are_held_are_given_up_and_counted() {
        let mut state = State { through: 5, ..State::default() };
        state.give_up(limits::EVENTS_HELD_MAX + 5);
        assert_eq!((state.through, state.lost), (5, 0));
        state.give_up(limits::EVENTS_HELD_MAX + 8);
        assert_eq!((state.through, state.lost), (8, 3));
    }

    #[test]
    fn a_turn_is_over_when_nothing_has_changed_for_long() {
        let turns = Turns::new("a".to_owned(), Duration::ZERO);
        assert!(!turns.is_over("x", 1), "it is seen for the first time");
        assert!(turns.is_over("x", 1));
        assert!(!turns.is_over("x", 2));
        assert!(!turns.is_over("y", 2));
        turns.forget("x");
        assert!(!turns.is_over("x", 2));
        let patient = Turns { longest: Duration::from_secs(3_600), ..turns };
        assert!(!patient.is_over("x", 2));
    }
}
