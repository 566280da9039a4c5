//! Event streams: who is told of what changes in a tenant, and where (OpenID Shared Signals Framework 1.0 §8).
//!
//! A write leaves an event in the tenant's outbox if there is a stream, in the same commit; one node at a time takes the events of a
//! stream from there and hands them out signed (`delivery`). A receiver's secret is kept beside the document, and never returned.

mod delivery;
mod key;
mod set;
mod state;

pub use delivery::{Outcome, Round, Told, Turn};
pub use state::Turns;

use std::ops::ControlFlow;

use scim::event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Access, Batch, Entry, NewRecord, Query, Record, Update};

use crate::access::{EventStreams, Permit, Read, Write};
use crate::cx::Cx;
use crate::env::new_id;
use crate::error::{Error, Result};
use crate::resource::refused;
use crate::secret::Secret;
use crate::{Iam, limits};

/// The event that a receiver asks for to see that its stream works (SSF 1.0 §8.1.4).
pub const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

const KIND: &str = "EventStream";
/// The member of the secret.
const AUTHORIZATION: &str = "authorization";
/// The topic of what everybody hears who asked for it; any other is the id of the one stream that hears it.
const FOR_ALL: &str = "";

/// Whether a stream delivers (SSF 1.0 §8.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    #[default]
    Enabled,
    /// Events are kept for it, up to [`limits::EVENTS_HELD_MAX`].
    Paused,
    /// It does not; what waits, and what happens meanwhile, it will not hear.
    Disabled,
}

/// What a receiver says of its stream.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Where events are sent to.
    pub endpoint: String,
    /// The `Authorization` header they are sent with; `None` keeps the one there is while the endpoint stays, an empty one removes it.
    pub authorization: Option<Secret<String>>,
    /// The events it wants to hear; all where it does not say.
    pub requested: Option<Vec<String>>,
    /// For people.
    pub description: Option<String>,
}

/// What is kept of a stream, beside its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    endpoint: String,
    /// For whom its tokens are: where events went at first, as that may not change (SSF 1.0 §8.1.1).
    audience: String,
    requested: Option<Vec<String>>,
    description: Option<String>,
    #[serde(default)]
    status: Status,
    reason: Option<String>,
    /// The newest event when it was made, or was disabled last: what came before is not for it.
    from: i64,
}

/// A stream as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its id.
    pub id: String,
    /// Where events are sent to.
    pub endpoint: String,
    /// For whom its tokens are.
    pub audience: String,
    /// The events it asked for, if it said.
    pub requested: Option<Vec<String>>,
    /// The events it hears.
    pub delivered: Vec<&'static str>,
    /// For people.
    pub description: Option<String>,
    /// Whether it delivers.
    pub status: Status,
    /// Why it does not, or how the last attempt failed.
    pub reason: Option<String>,
}

/// A stream with its secret and its version.
#[derive(Debug)]
struct Known {
    id: String,
    version: i64,
    kept: Kept,
    authorization: Option<Secret<String>>,
}

impl Known {
    fn read(record: Record) -> Result<Self> {
        let kept = serde_json::from_str(&record.document).map_err(Error::internal)?;
        let secret: Option<Value> =
            record.secret.map(|text| serde_json::from_str(&text)).transpose().map_err(Error::internal)?;
        let authorization = secret.and_then(|secret| Some(secret.get(AUTHORIZATION)?.as_str()?.to_owned()));
        let authorization = authorization.map(Secret::new);
        Ok(Self { id: record.id, version: record.version, kept, authorization })
    }

    fn secret(&self) -> Option<String> {
        self.authorization.as_ref().map(|secret| json!({ AUTHORIZATION: secret.expose() }).to_string())
    }

    /// The events it hears.
    fn hears(&self) -> impl Iterator<Item = &'static str> {
        let requested = self.kept.requested.as_deref().filter(|all| !all.is_empty());
        let asked = move |uri: &&str| requested.is_none_or(|all| all.iter().any(|one| one == uri));
        event::ALL.into_iter().filter(asked)
    }

    fn shown(self) -> Stream {
        let delivered = self.hears().collect();
        let Kept { endpoint, audience, requested, description, status, reason, .. } = self.kept;
        Stream { id: self.id, endpoint, audience, requested, delivered, description, status, reason }
    }
}

impl Draft {
    fn check(&self) -> Result<()> {
        if self.endpoint.len() > limits::URL_BYTES_MAX {
            let most = limits::URL_BYTES_MAX;
            return Err(Error::invalid(format!("`delivery.endpoint_url` is at most {most} bytes")));
        }
        let authorization = self.authorization.as_ref().map_or("", |secret| secret.expose());
        if authorization.len() > limits::AUTHORIZATION_BYTES_MAX
            || !authorization.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        {
            let most = limits::AUTHORIZATION_BYTES_MAX;
            return Err(Error::invalid(format!(
                "`delivery.authorization_header` is at most {most} printable ASCII characters"
            )));
        }
        let requested = self.requested.as_deref().unwrap_or_default();
        if requested.len() > limits::EVENTS_REQUESTED_MAX
            || requested.iter().any(|uri| uri.len() > limits::URL_BYTES_MAX)
        {
            let (most, bytes) = (limits::EVENTS_REQUESTED_MAX, limits::URL_BYTES_MAX);
            return Err(Error::invalid(format!(
                "`events_requested` is at most {most} URIs of at most {bytes} bytes"
            )));
        }
        check_text("description", self.description.as_deref())
    }
}

fn check_text(name: &str, text: Option<&str>) -> Result<()> {
    let most = limits::REASON_BYTES_MAX;
    match text {
        Some(text) if text.len() > most => Err(Error::invalid(format!("`{name}` is at most {most} bytes"))),
        _ => Ok(()),
    }
}

/// Who issues the tokens of a tenant, of a server at that URL.
pub fn issuer(public_url: &str, tenant: &str) -> String {
    format!("{public_url}/{tenant}")
}

/// Leaves an event for everybody who listens: about whom, and what.
pub(crate) fn tell(batch: &mut Batch, cx: &Cx, subject: Value, events: scim::Object) {
    let content = set::Content { subject, events, transaction: cx.trace.clone() };
    batch.event(FOR_ALL, &content.print(), cx.now);
}

impl Iam {
    /// Sets up a stream of events, from now on. The first one of a tenant makes the key that tokens are signed with.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what does not fit; [`Error::Blocked`] when there are too many.
    pub async fn create_event_stream(
        &self,
        cx: &Cx,
        _: Permit<Write, EventStreams>,
        draft: Draft,
    ) -> Result<Stream> {
        draft.check()?;
        if self.of(cx).total(KIND).await? >= limits::STREAMS_MAX {
            let most = limits::STREAMS_MAX;
            return Err(Error::Blocked(format!("the tenant has {most} event streams already")));
        }
        let mut batch = Batch::default();
        if self.signing_keys(cx.tenant).await?.is_empty() {
            key::make(&mut batch, cx, &*self.env)?;
        }
        let id = new_id(&*self.env, cx.now);
        let from = self.of(cx).event_numbers().await?.newest;
        let Draft { endpoint, authorization, requested, description } = draft;
        let (audience, status, reason) = (endpoint.clone(), Status::Enabled, None);
        let kept = Kept { endpoint, audience, requested, description, status, reason, from };
        let authorization = authorization.filter(|secret| !secret.expose().is_empty());
        let made = Known { id, version: 1, kept, authorization };
        let (document, secret) = (print(&made.kept)?, made.secret());
        batch
            .insert(&NewRecord {
                kind: KIND,
                id: &made.id,
                created: cx.now,
                display: &made.kept.endpoint,
                document: &document,
                connections: None,
                secret: secret.as_deref(),
                mentioned: None,
            })
            .count(KIND, 1, false)
            .listen(1)
            .audit(&audited(cx, "create", KIND, &made.id));
        self.of(cx).commit(batch).await.map_err(refused)?;
        Ok(made.shown())
    }

    /// The streams, oldest first.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn event_streams(&self, cx: &Cx, _: Permit<Read, EventStreams>) -> Result<Vec<Stream>> {
        let mut all = Vec::new();
        for known in self.known_streams(cx.tenant).await? {
            all.push(self.explained(cx, known).await?);
        }
        Ok(all)
    }

    /// One stream.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn event_stream(&self, cx: &Cx, _: Permit<Read, EventStreams>, id: &str) -> Result<Stream> {
        let known = self.known_stream(cx, id).await?;
        self.explained(cx, known).await
    }

    async fn explained(&self, cx: &Cx, known: Known) -> Result<Stream> {
        Ok(self.delivery_state(cx.tenant, &known.id).await?.explain(known.shown()))
    }

    /// Changes what `change` makes of what is known of a stream.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] naming what does not fit, or [`Error::Blocked`] when it was changed meanwhile.
    pub async fn change_event_stream(
        &self,
        cx: &Cx,
        _: Permit<Write, EventStreams>,
        id: &str,
        change: impl FnOnce(&Stream) -> Result<Draft>,
    ) -> Result<Stream> {
        let before = self.known_stream(cx, id).await?;
        let (version, status) = (before.version, before.kept.status);
        let (kept, known) = (before.kept.clone(), before.authorization.clone());
        let draft = change(&before.shown())?;
        draft.check()?;
        let stays = draft.endpoint == kept.endpoint;
        let authorization = match draft.authorization {
            // A secret is for whom it was given.
            None => known.filter(|_| stays),
            given => given.filter(|secret| !secret.expose().is_empty()),
        };
        let Draft { endpoint, requested, description, .. } = draft;
        let kept = Kept { endpoint, requested, description, status, ..kept };
        self.keep_stream(cx, Known { id: id.to_owned(), version, kept, authorization }, "replace").await
    }

    /// Has a stream deliver, wait, or be silent (SSF 1.0 §8.1.2.2).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] naming what does not fit, or [`Error::Blocked`] when it was changed meanwhile.
    pub async fn set_event_stream_status(
        &self,
        cx: &Cx,
        _: Permit<Write, EventStreams>,
        id: &str,
        status: Status,
        reason: Option<String>,
    ) -> Result<Stream> {
        check_text("reason", reason.as_deref())?;
        let mut known = self.known_stream(cx, id).await?;
        if known.kept.status == Status::Disabled {
            known.kept.from = self.of(cx).event_numbers().await?.newest;
        }
        (known.kept.status, known.kept.reason) = (status, reason);
        self.keep_stream(cx, known, "status").await
    }

    /// Sends a stream an event that says it works (SSF 1.0 §8.1.4). Whoever receives it knows `state` again.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Invalid`] for too long a `state`.
    pub async fn verify_event_stream(
        &self,
        cx: &Cx,
        _: Permit<Write, EventStreams>,
        id: &str,
        state: Option<String>,
    ) -> Result<()> {
        check_text("state", state.as_deref())?;
        let known = self.known_stream(cx, id).await?;
        let content = state.map_or_else(|| json!({}), |state| json!({ "state": state }));
        let events = [(VERIFICATION.to_owned(), content)].into_iter().collect();
        let subject = json!({ "format": "opaque", "id": known.id });
        let content = set::Content { subject, events, transaction: cx.trace.clone() };
        let mut batch = Batch::default();
        batch
            .while_held(KIND, id, known.version)
            .event(&known.id, &content.print(), cx.now)
            .audit(&audited(cx, "verify", KIND, id));
        self.of(cx).commit(batch).await.map(drop).map_err(changed)
    }

    /// Removes a stream; it hears nothing more.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Blocked`] when it was changed meanwhile.
    pub async fn delete_event_stream(&self, cx: &Cx, _: Permit<Write, EventStreams>, id: &str) -> Result<()> {
        let known = self.known_stream(cx, id).await?;
        let mut batch = Batch::default();
        batch
            .delete(KIND, id, Some(known.version))
            .count(KIND, -1, true)
            .listen(-1)
            .unset(&state::setting(id))
            .audit(&audited(cx, "delete", KIND, id));
        self.of(cx).commit(batch).await.map_err(changed)?;
        // What waited for it alone goes too, else when the next stream is there.
        if let Err(error) = self.clear_outbox(cx.tenant).await {
            tracing::warn!(%error, "events that nobody hears are still kept");
        }
        Ok(())
    }

    async fn keep_stream(&self, cx: &Cx, known: Known, verb: &str) -> Result<Stream> {
        let (document, secret) = (print(&known.kept)?, known.secret());
        let mut batch = Batch::default();
        batch
            .update(&Update {
                kind: KIND,
                id: &known.id,
                expected: Some(known.version),
                modified: cx.now,
                display: &known.kept.endpoint,
                document: &document,
                connections: None,
                secret: secret.as_deref(),
                mentioned: None,
            })
            .audit(&audited(cx, verb, KIND, &known.id));
        self.of(cx).commit(batch).await.map_err(changed)?;
        Ok(known.shown())
    }

    async fn known_stream(&self, cx: &Cx, id: &str) -> Result<Known> {
        let found = self.of(cx).record(KIND, id).await?;
        let missing = || Error::NotFound(format!("there is no event stream {}", scim::error::quoted(id)));
        Known::read(found.ok_or_else(missing)?)
    }

    /// All of them, also those that came at once when one more could come.
    async fn known_streams(&self, tenant: store::TenantId) -> Result<Vec<Known>> {
        self.all_of(tenant, KIND, 2 * limits::STREAMS_MAX).await?.into_iter().map(Known::read).collect()
    }

    /// The records of a kind that has few, by id.
    async fn all_of(&self, tenant: store::TenantId, kind: &str, take: u64) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        let all = Query { kind, access: Access::Id, descending: false, after: None, skip: 0, take };
        self.store
            .tenant(tenant)
            .search(&all, |_, record| {
                records.push(record.to_owned());
                ControlFlow::Continue(())
            })
            .await?;
        Ok(records)
    }
}

fn print(kept: &Kept) -> Result<String> {
    serde_json::to_string(kept).map_err(Error::internal)
}

/// The caller named no version, so there is no precondition that failed.
fn changed(error: store::CommitError) -> Error {
    match error {
        store::CommitError::Stale | store::CommitError::Changed => {
            Error::Blocked("the event stream was changed meanwhile".to_owned())
        }
        error => refused(error),
    }
}

fn audited<'a>(cx: &'a Cx, verb: &'a str, kind: &'a str, id: &'a str) -> Entry<'a> {
    let (actor, trace) = (&*cx.caller.actor, &*cx.trace);
    Entry { at: cx.now, actor, verb, kind, id, before: None, after: None, trace }
}
