//! From the outbox to who listens: one node at a time takes the next events of a stream, pushes them, and notes how far it came.
//!
//! Whose turn it is, and how far the stream has come, is one setting of the tenant, which changes only from what it was
//! when it was read. A node that dies over its turn loses it: to the others the setting then stays as it is for longer than any turn
//! takes, by their own clocks. What it had pushed and not noted is pushed again, as the same tokens.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use store::{Batch, CommitError, Event, TenantId};

use super::key::SigningKey;
use super::set::{Claims, Content};
use super::state::{State, Turns, setting};
use super::{FOR_ALL, KIND, Known, Status, VERIFICATION};
use crate::error::{Error, Result};
use crate::resource::refused;
use crate::secret::Secret;
use crate::tenant::Operator;
use crate::{Iam, limits};

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
