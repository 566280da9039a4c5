//! POST (RFC 7644 §3.3). Before the commit nothing is read but what a document names: uniqueness is a primary key, the
//! existence of what is referred to is a guard in the batch.

use scim::Object;
use scim::admit::{Admitted, Names, admit};
use scim::message::ListQuery;
use scim::project::Projection;
use serde_json::Value;
use store::{CommitError, RecordRef};

use super::connections::Connections;
use super::render::{Rendered, View};
use super::write::{self, Next, Verb, connected};
use super::{Stored, refused};
use crate::access::{Permit, Write};
use crate::cx::{Cx, OnInactive};
use crate::env::new_id;
use crate::error::{Error, Result};
use crate::kind::reserve::Change;
use crate::kind::slug::is_unreserved;
use crate::kind::{Before, Kind};
use crate::{Iam, limits, password};

impl Iam {
    /// Creates a resource from what a client sent.
    ///
    /// A resource that exists, is inactive and was provisioned by the same connection is activated again instead,
    /// unless the connection's setting says otherwise.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] when a unique value is taken; [`crate::Error::Invalid`] naming the attribute.
    pub async fn create(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        draft: Object,
        query: &ListQuery,
    ) -> Result<Rendered> {
        let kind = permit.kind();
        let projection = self.projection(cx, kind, query)?;
        let mut admitted = admit(&kind.schema, draft, cx.rules())?;
        (kind.rules)(Before::Nothing, &mut admitted)?;
        self.resolve(cx, kind, &Names::default(), None, &mut admitted.document).await?;
        let chosen = chosen_id(cx, kind, admitted.id.as_ref())?;
        let hashed = self.passwords.settle(std::mem::take(&mut admitted.secrets), true, &*self.env).await?;
        let is_newest = chosen.is_none();
        let id = chosen.unwrap_or_else(|| new_id(&*self.env, cx.now));
        let edges = Self::first_edges(kind, &id, &admitted.relations)?;
        let external_id = admitted.external_id.clone().flatten();
        let secret = password::merge(None, hashed.kept.clone());
        let connections = connected(cx, Connections::default(), external_id.clone());
        let mut attempt = 0;
        let (next, outcome) = loop {
            let made = self.complete_slug(cx, kind, None, &mut admitted.document).await?;
            let document = std::mem::take(&mut admitted.document);
            let document = Admitted { document, ..Admitted::default() };
            let next = Next::new(kind, document, connections.clone(), secret.clone())?;
            let change = Change { id: &id, before: None, after: Some(&next.object), edges: &edges };
            let batch = self.begun(cx, kind, &change).await?;
            let batch = write::creation(batch, cx, kind, &id, &next, &edges, is_newest)?;
            match self.commit(cx, batch, &edges).await {
                // Another one was given the slug that was free a moment ago.
                Err(CommitError::Unique { attribute })
                    if made == Some(attribute.as_str()) && attempt < limits::RETRIES_MAX =>
                {
                    admitted.document = next.object;
                    admitted.document.shift_remove(&attribute);
                    attempt += 1;
                }
                outcome => break (next, outcome),
            }
        };
        let rendered = match outcome {
            Ok(_) => self.created(cx, kind, &id, &next, &projection).await?,
            Err(error @ CommitError::Unique { .. }) => {
                admitted.document = next.object.clone();
                let mut attempt = 0;
                loop {
                    let Some(before) = self.inactive(cx, kind, &next).await? else {
                        return Err(refused(error));
                    };
                    let (admitted, hashed) = (admitted.clone(), hashed.kept.clone());
                    match self.reactivate(cx, permit, before, admitted, hashed, &projection).await {
                        // Somebody else was first; perhaps it is no longer inactive, perhaps it is gone.
                        Err(Error::Stale | Error::NotFound(_)) if attempt < limits::RETRIES_MAX => {
                            attempt += 1
                        }
                        Err(Error::Stale) => return Err(Error::Unavailable),
                        outcome => break outcome?,
                    }
                }
            }
            Err(error) => return Err(refused(error)),
        };
        Ok(rendered.with_password(hashed.made))
    }

    async fn created(
        &self,
        cx: &Cx,
        kind: &Kind,
        id: &str,
        next: &Next,
        projection: &Projection,
    ) -> Result<Rendered> {
        let view = View::new(cx, kind, projection);
        // What is new is nobody's member yet; only its own edges can be there.
        let (beside, _) =
            if kind.relations.is_empty() { Default::default() } else { self.beside(&view, id).await? };
        let connections = next.connections.print();
        let record = RecordRef {
            kind: kind.name(),
            id,
            version: 1,
            created: cx.now,
            modified: cx.now,
            display: &next.display,
            document: &next.document,
            connections: connections.as_deref(),
            secret: None,
            mentioned: None,
        };
        let known = self.known(&view, &record, &beside).await?;
        view.rendered(&record, &beside, &known)
    }

    /// The inactive resource of this connection that stands in the way of a new one.
    async fn inactive(&self, cx: &Cx, kind: &Kind, next: &Next) -> Result<Option<Stored>> {
        let Some(activity) = kind.activity.filter(|_| cx.caller.on_inactive == OnInactive::Reactivate) else {
            return Ok(None);
        };
        let keys = crate::kind::keys::Keys::of(kind, &next.object)?;
        let connection = &cx.caller.connection;
        // By what it is called, not by an `externalId` alone: that may be somebody else's who came after.
        for (attribute, key) in keys.unique {
            let Some(id) = self.of(cx).id_by_key(kind.name(), attribute, &key).await? else { continue };
            let before = self.stored(cx, kind, &id).await?;
            let is_inactive = before.document.get(activity) == Some(&Value::Bool(false));
            let known = Connections::parse(before.record.connections.as_deref());
            if is_inactive && known.admits(connection) {
                return Ok(Some(before));
            }
        }
        Ok(None)
    }

    async fn reactivate(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        before: Stored,
        admitted: Admitted,
        hashed: Option<Object>,
        projection: &Projection,
    ) -> Result<Rendered> {
        let kind = permit.kind();
        let plan = self.replaced_edges(cx, kind, &before.record.id, &admitted.relations).await?;
        let next = self.replaced(cx, kind, &before, admitted, hashed).await?;
        let change = before.changed(Some(&next.object), &plan.changes);
        let batch = self.begun(cx, kind, &change).await?;
        let batch = write::change(batch, cx, kind, &before, &next, &plan.changes, Verb::Reactivate)?;
        self.commit(cx, batch, &plan.changes).await.map_err(refused)?;
        self.shown(cx, kind, &before.record.id, projection).await
    }
}

/// The id that a client chose, where it may. It stands in addresses as it is. Several clients leave an empty one to say that
/// they choose none.
fn chosen_id(cx: &Cx, kind: &Kind, id: Option<&Value>) -> Result<Option<String>> {
    let most = limits::CHOSEN_ID_BYTES_MAX;
    match id.filter(|_| kind.chooses_id) {
        None => Ok(None),
        Some(Value::String(id)) if id.is_empty() && cx.caller.dialect.is_auto() => Ok(None),
        Some(Value::String(id)) if id.len() <= most && is_unreserved(id) => Ok(Some(id.clone())),
        Some(_) => Err(Error::invalid(format!(
            "`id` is at most {most} letters, digits, hyphens, dots, underscores and tildes, a letter or digit first"
        ))),
    }
}
