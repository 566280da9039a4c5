//! From a decision to a batch: the record, the rows derived from it, its edges, its count, its audit entry and what is told of it, all
//! committed together or not at all.

use scim::admit::Admitted;
use scim::{Object, event};
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::{Batch, Entry, NewRecord, RecordRef, Update};

use super::connections::Connections;
use super::render::{Rendered, View};
use super::{Stored, missing, reference, tell};
use crate::cx::{Cx, TokenKind};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::kind::keys::Keys;
use crate::kind::reserve::EdgeChange;
use crate::plan::{EXTERNAL_ID, external_key};
use crate::{Iam, limits};

/// In the audit chain: only edges changed.
pub(crate) const RELINK: &str = "relink";
/// In the audit chain: the resource is gone.
pub(crate) const DELETE: &str = "delete";

/// What a resource is to be, decided and not yet committed.
pub(crate) struct Next {
    pub(crate) display: String,
    /// The id of what it mentions.
    pub(crate) mentioned: Option<String>,
    pub(crate) object: Object,
    pub(crate) document: String,
    pub(crate) connections: Connections,
    pub(crate) secret: Option<String>,
}

impl Next {
    /// The next state of a resource from its admitted document.
    pub(crate) fn new(
        kind: &Kind,
        admitted: Admitted,
        connections: Connections,
        secret: Option<String>,
    ) -> Result<Self> {
        let object = admitted.document;
        let display = kind.display_of(&object);
        let mentioned = kind.mention.as_ref().and_then(|mention| mention.id_in(&object)).map(str::to_owned);
        let document = serde_json::to_string(&object).map_err(Error::internal)?;
        if document.len() > limits::DOCUMENT_BYTES_MAX {
            return Err(Error::TooLarge(format!(
                "a resource is at most {} bytes",
                limits::DOCUMENT_BYTES_MAX
            )));
        }
        Ok(Self { display, mentioned, object, document, connections, secret })
    }

    /// Whether keeping it would change nothing.
    pub(crate) fn is_same_as(&self, before: &Stored) -> bool {
        self.object == before.document
            && self.secret == before.record.secret
            && self.connections == Connections::parse(before.record.connections.as_deref())
    }
}

/// The connections of a resource after `cx` gave it (or did not give it) an `externalId`.
pub(crate) fn connected(cx: &Cx, mut known: Connections, external_id: Option<String>) -> Connections {
    // An administrator's token provisions nothing by itself; it is remembered only for an id it gave.
    let provisions = cx.caller.kind == TokenKind::Scim;
    if provisions || external_id.is_some() || known.external_id(&cx.caller.connection).is_some() {
        known.set(&cx.caller.connection, external_id);
    }
    known
}

pub(crate) fn digest(document: &str) -> [u8; 32] {
    Sha256::digest(document.as_bytes()).into()
}

/// The batch that creates a resource. `is_newest` says that its id is later than all others.
pub(crate) fn creation(
    mut batch: Batch,
    cx: &Cx,
    kind: &Kind,
    id: &str,
    next: &Next,
    edges: &[EdgeChange<'_>],
    is_newest: bool,
) -> Result<Batch> {
    let (connections, name) = (next.connections.print(), kind.name());
    batch.insert(&NewRecord {
        kind: name,
        id,
        created: cx.now,
        display: &next.display,
        document: &next.document,
        connections: connections.as_deref(),
        secret: next.secret.as_deref(),
        mentioned: next.mentioned.as_deref(),
    });
    let keys = Keys::of(kind, &next.object)?;
    for (attribute, key) in &keys.unique {
        batch.claim(name, attribute, key, id);
    }
    for (connection, external_id) in next.connections.iter() {
        batch.claim(name, EXTERNAL_ID, &external_key(connection, external_id.as_bytes()), id);
    }
    for (attribute, key) in &keys.index {
        batch.index(name, attribute, key, id);
    }
    link(&mut batch, id, &reference::changed(kind, &Object::new(), &next.object));
    link(&mut batch, id, edges);
    batch.count(name, 1, !is_newest);
    count_extensions(&mut batch, kind, &Object::new(), &next.object);
    guard(&mut batch, cx, kind, id, next);
    batch.audit(&entry(cx, "create", kind, id, None, Some(&digest(&next.document))));
    tell::created(&mut batch, cx, kind, id, next, edges);
    Ok(batch)
}

/// What a resource is changed by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verb {
    Patch,
    Reactivate,
    Replace,
}

impl Verb {
    /// What the audit chain calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Reactivate => "reactivate",
            Self::Replace => "replace",
        }
    }

    /// What those who listen hear.
    fn event(self) -> &'static str {
        match self {
            Self::Patch => event::PATCH,
            Self::Reactivate | Self::Replace => event::PUT,
        }
    }
}

/// The batch that makes `before` what `next` says.
pub(crate) fn change(
    mut batch: Batch,
    cx: &Cx,
    kind: &Kind,
    before: &Stored,
    next: &Next,
    edges: &[EdgeChange<'_>],
    verb: Verb,
) -> Result<Batch> {
    let (connections, name, id) = (next.connections.print(), kind.name(), before.record.id.as_str());
    batch.update(&Update {
        kind: name,
        id,
        expected: Some(before.record.version),
        modified: modified(cx, before),
        display: &next.display,
        document: &next.document,
        connections: connections.as_deref(),
        secret: next.secret.as_deref(),
        mentioned: next.mentioned.as_deref(),
    });
    let (gone, come) = Keys::changed(kind, &before.document, &next.object)?;
    for (attribute, key) in &gone.unique {
        batch.release(name, attribute, key, id);
    }
    for (attribute, key) in &come.unique {
        batch.claim(name, attribute, key, id);
    }
    for (attribute, key) in &gone.index {
        batch.unindex(name, attribute, key, id);
    }
    for (attribute, key) in &come.index {
        batch.index(name, attribute, key, id);
    }
    let known = Connections::parse(before.record.connections.as_deref());
    for (connection, external_id) in known.iter().filter(|(c, e)| next.connections.external_id(c) != Some(e))
    {
        batch.release(name, EXTERNAL_ID, &external_key(connection, external_id.as_bytes()), id);
    }
    for (connection, external_id) in next.connections.iter().filter(|(c, e)| known.external_id(c) != Some(e))
    {
        batch.claim(name, EXTERNAL_ID, &external_key(connection, external_id.as_bytes()), id);
    }
    if next.display != before.record.display {
        for (_, relation) in cx.kinds.relations().filter(|(_, r)| r.targets.iter().any(|t| t == name)) {
            batch.redisplay(&relation.name, id, &next.display);
        }
    }
    link(&mut batch, id, &reference::changed(kind, &before.document, &next.object));
    link(&mut batch, id, edges);
    count_extensions(&mut batch, kind, &before.document, &next.object);
    guard(&mut batch, cx, kind, id, next);
    let digests = (digest(&before.record.document), digest(&next.document));
    batch.audit(&entry(cx, verb.name(), kind, id, Some(&digests.0), Some(&digests.1)));
    tell::changed(&mut batch, cx, kind, before, next, edges, verb.event());
    Ok(batch)
}

/// The batch that changes only the edges of a resource: it conflicts with no other such change, unless the caller
/// (or a decision that read all edges) requires a version.
pub(crate) fn relink(
    mut batch: Batch,
    cx: &Cx,
    kind: &Kind,
    before: &Stored,
    edges: &[EdgeChange<'_>],
    expected: Option<i64>,
) -> Batch {
    let id = before.record.id.as_str();
    batch.touch(kind.name(), id, expected, modified(cx, before));
    link(&mut batch, id, edges);
    // The document stays as it is; what the entry fixes is which edges came and went.
    let mut hash = Sha256::new();
    for edge in edges {
        hash.update([u8::from(edge.is_link)]);
        hash.update(edge.relation.name.as_bytes());
        hash.update([0]);
        hash.update(edge.target.as_bytes());
        hash.update([0]);
    }
    let digests = (digest(&before.record.document), hash.finalize().into());
    batch.audit(&entry(cx, RELINK, kind, id, Some(&digests.0), Some(&digests.1)));
    tell::relinked(&mut batch, cx, kind, id, edges);
    batch
}

/// The batch that deletes a resource and everything derived from it.
pub(crate) fn deletion(mut batch: Batch, cx: &Cx, kind: &Kind, before: &Stored) -> Result<Batch> {
    let (name, id) = (kind.name(), before.record.id.as_str());
    batch.delete(name, id, Some(before.record.version));
    let keys = Keys::of(kind, &before.document)?;
    for (attribute, key) in &keys.unique {
        batch.release(name, attribute, key, id);
    }
    for (attribute, key) in &keys.index {
        batch.unindex(name, attribute, key, id);
    }
    for (connection, external_id) in Connections::parse(before.record.connections.as_deref()).iter() {
        batch.release(name, EXTERNAL_ID, &external_key(connection, external_id.as_bytes()), id);
    }
    for (source_kind, relation) in cx.kinds.relations() {
        // Ids that clients choose may be those of resources of other kinds: of a relation, only the ends of this one are its.
        if relation.targets.iter().any(|target| target == name) {
            batch.forget(&relation.name, source_kind, id, cx.now);
        }
        if source_kind == name {
            batch.unlink_all(&relation.name, id);
        }
    }
    for reference in &kind.references {
        batch.unlink_all(&reference.relation.name, id);
    }
    if let Some(relation) = &kind.subject {
        batch.unlink_all(&relation.name, id);
    }
    batch.count(name, -1, true);
    for reference in cx.kinds.references_to(name) {
        batch.unused(&reference.relation.name, name, id);
    }
    for relation in cx.kinds.subjects_of(name) {
        batch.unused(&relation.name, name, id);
    }
    count_extensions(&mut batch, kind, &before.document, &Object::new());
    batch.audit(&entry(cx, DELETE, kind, id, Some(&digest(&before.record.document)), None));
    tell::deleted(&mut batch, cx, kind, id);
    Ok(batch)
}

impl Iam {
    /// A resource before a write and, if it is to be shown, what is beside its document, read together; none where the
    /// write itself may change that.
    pub(crate) async fn stored_beside(
        &self,
        view: &View<'_>,
        id: &str,
        is_shown: bool,
    ) -> Result<(Stored, Option<String>)> {
        let (cx, kind) = (view.cx, view.kind);
        if !is_shown || !kind.relations.is_empty() {
            return Ok((self.stored(cx, kind, id).await?, None));
        }
        let read = self.with_beside(view, id, |record, beside| (record.to_owned(), beside)).await?;
        let (record, beside) = read.ok_or_else(|| missing(kind, id))?;
        Ok((Stored::new(record)?, Some(beside)))
    }

    /// A resource as a committed change left it, which need not be read again; what is beside it, and what it mentions, as they
    /// were when it was read before. Where only its edges changed, `next` is what it was.
    pub(crate) async fn changed(
        &self,
        view: &View<'_>,
        before: &Stored,
        next: &Next,
        version: i64,
        beside: Option<String>,
    ) -> Result<Rendered> {
        let beside = match beside {
            Some(beside) => beside,
            None => self.beside(view, &before.record.id).await?.0,
        };
        let connections = next.connections.print();
        let record = RecordRef {
            version,
            modified: if version == before.record.version {
                before.record.modified
            } else {
                modified(view.cx, before)
            },
            display: &next.display,
            document: &next.document,
            connections: connections.as_deref(),
            secret: None,
            ..before.record.as_ref()
        };
        let known = self.known(view, &record, &beside).await?;
        view.rendered(&record, &beside, &known)
    }
}

/// Time does not go back for a resource, whatever the clocks of several nodes say.
fn modified(cx: &Cx, before: &Stored) -> i64 {
    cx.now.max(before.record.modified)
}

/// What a tenant defined may be removed while nothing uses it, so whatever uses it is kept only under the same definitions.
fn guard(batch: &mut Batch, cx: &Cx, kind: &Kind, id: &str, next: &Next) {
    if kind.is_custom || kind.counted.iter().any(|urn| next.object.contains_key(urn)) {
        batch.under_kinds(kind.name(), id, cx.kinds.version);
    }
}

fn link(batch: &mut Batch, id: &str, edges: &[EdgeChange<'_>]) {
    for edge in edges {
        if edge.is_link {
            let kinds: Vec<&str> = edge.relation.targets.iter().map(String::as_str).collect();
            batch.link(&edge.relation.name, id, &edge.target, &kinds);
        } else {
            batch.unlink(&edge.relation.name, id, &edge.target);
        }
    }
}

/// How many resources hold data of an extension that a tenant defined: it cannot be removed while there are any.
fn count_extensions(batch: &mut Batch, kind: &Kind, before: &Object, after: &Object) {
    for urn in &kind.counted {
        let has = |object: &Object| i64::from(object.get(urn).is_some_and(Value::is_object));
        let delta = has(after) - has(before);
        if delta != 0 {
            batch.count(&extension_count(kind.name(), urn), delta, false);
        }
    }
}

/// The name of the counter of resources of a kind that hold data of an extension.
pub(crate) fn extension_count(kind: &str, urn: &str) -> String {
    format!("{kind} {urn}")
}

fn entry<'a>(
    cx: &'a Cx,
    verb: &'a str,
    kind: &'a Kind,
    id: &'a str,
    before: Option<&'a [u8; 32]>,
    after: Option<&'a [u8; 32]>,
) -> Entry<'a> {
    Entry {
        at: cx.now,
        actor: &cx.caller.actor,
        verb,
        kind: kind.name(),
        id,
        before,
        after,
        trace: &cx.trace,
    }
}
