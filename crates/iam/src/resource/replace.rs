//! PUT (RFC 7644 §3.5.1).

use scim::Object;
use scim::admit::{Admitted, Names, admit_replacement, remain, succeed};
use scim::message::ListQuery;

use super::connections::Connections;
use super::render::{Rendered, View};
use super::write::{self, Next, Verb, connected};
use super::{Condition, Stored};
use crate::access::{Permit, Write};
use crate::cx::Cx;
use crate::error::Result;
use crate::kind::{Before, Kind};
use crate::{Iam, password};

impl Iam {
    /// Replaces a resource by what a client sent.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Stale`], [`crate::Error::Conflict`], or
    /// [`crate::Error::Invalid`] naming the attribute.
    pub async fn replace(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        id: &str,
        draft: Object,
        condition: &Condition,
        query: &ListQuery,
    ) -> Result<Rendered> {
        self.put(cx, permit, (id, draft), condition, query, false).await
    }

    /// Gives a resource of a circle, which was created without them, its references to the others (RFC 7644 §3.7.1).
    ///
    /// # Errors
    /// As [`Iam::replace`].
    pub(super) async fn complete(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        id: &str,
        draft: Object,
    ) -> Result<Rendered> {
        self.put(cx, permit, (id, draft), &Condition::default(), &ListQuery::default(), true).await
    }

    async fn put(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        (id, draft): (&str, Object),
        condition: &Condition,
        query: &ListQuery,
        is_cyclic: bool,
    ) -> Result<Rendered> {
        let kind = permit.kind();
        let projection = self.projection(cx, kind, query)?;
        let mut admitted = admit_replacement(&kind.schema, draft, cx.rules())?;
        self.resolve(cx, kind, &Names::default(), None, &mut admitted.document).await?;
        let secrets = std::mem::take(&mut admitted.secrets);
        let hashed = self.passwords.settle(secrets, false, &*self.env).await?.kept;
        let view = View::new(cx, kind, &projection);
        let mut turn = self.turn(cx, kind, id, condition).await?;
        turn.is_cyclic = is_cyclic;
        loop {
            let (before, beside) = self.stored_beside(&view, id, true).await?;
            condition.check(before.record.version)?;
            let plan = self.replaced_edges(cx, kind, id, &admitted.relations).await?;
            let next = self.replaced(cx, kind, &before, admitted.clone(), hashed.clone()).await?;
            if plan.changes.is_empty() && next.is_same_as(&before) {
                return self.changed(&view, &before, &next, before.record.version, beside).await;
            }
            let batch = self.begun(cx, kind, &before.changed(Some(&next.object), &plan.changes)).await?;
            turn.is_guarded = !batch.is_empty();
            let batch = write::change(batch, cx, kind, &before, &next, &plan.changes, Verb::Replace)?;
            match self.commit(cx, turn.without_cycle(batch, &plan.changes), &plan.changes).await {
                Ok(done) => return self.changed(&view, &before, &next, done.version(), beside).await,
                Err(error) => self.again(cx, &mut turn, &plan.changes, error).await?,
            }
        }
    }

    /// What a resource becomes when an admitted document takes its place.
    pub(super) async fn replaced(
        &self,
        cx: &Cx,
        kind: &Kind,
        before: &Stored,
        mut admitted: Admitted,
        hashed: Option<Object>,
    ) -> Result<Next> {
        remain(&kind.schema, &before.document, &mut admitted.document);
        succeed(&kind.schema, &before.document, &mut admitted.document)?;
        (kind.rules)(Before::Replaced(&before.document), &mut admitted)?;
        self.complete_slug(cx, kind, Some(&before.document), &mut admitted.document).await?;
        let known = Connections::parse(before.record.connections.as_deref());
        let connections = connected(cx, known, admitted.external_id.take().flatten());
        let secret = password::merge(before.record.secret.as_deref(), hashed);
        Next::new(kind, admitted, connections, secret)
    }
}
