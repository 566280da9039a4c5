//! PUT (RFC 7644 §3.5.1).

use scim::Object;
use scim::admit::{Admitted, Names, admit_replacement, remain, succeed};
use scim::message::ListQuery;

use super::connections::Connections;
use super::render::{Rendered, View};
use super::write::{self, Next, connected};
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
        let kind = permit.kind();
        let projection = self.projection(cx, kind, query)?;
        let mut admitted = admit_replacement(&kind.schema, draft, cx.rules())?;
        self.resolve(cx, kind, &Names::default(), &mut admitted.document).await?;
        let secrets = std::mem::take(&mut admitted.secrets);
        let hashed = self.passwords.settle(secrets, false, &*self.env).await?.kept;
        let view = View::new(cx, kind, &projection);
        let mut turn = self.turn(cx, kind, id, condition).await?;
        loop {
            let (before, beside) = self.stored_beside(&view, id, true).await?;
            condition.check(before.record.version)?;
            let plan = self.replaced_edges(cx, kind, id, &admitted.relations).await?;
            let next = next(cx, kind, &before, admitted.clone(), hashed.clone())?;
            if plan.changes.is_empty() && next.is_same_as(&before) {
                return self.changed(&view, &before, &next, before.record.version, beside).await;
            }
            let batch = self.begun(cx, kind, &before.changed(Some(&next.object), &plan.changes)).await?;
            turn.is_guarded = !batch.is_empty();
            let batch = write::change(batch, cx, kind, &before, &next, &plan.changes, "replace")?;
            match self.commit(cx, batch, &plan.changes).await {
                Ok(done) => return self.changed(&view, &before, &next, done.version(), beside).await,
                Err(error) => turn.again(error).await?,
            }
        }
    }
}

/// What a resource becomes when an admitted document takes its place.
pub(super) fn next(
    cx: &Cx,
    kind: &Kind,
    before: &Stored,
    mut admitted: Admitted,
    hashed: Option<Object>,
) -> Result<Next> {
    remain(&kind.schema, &before.document, &mut admitted.document);
    succeed(&kind.schema, &before.document, &mut admitted.document)?;
    (kind.rules)(Before::Replaced(&before.document), &mut admitted)?;
    let known = Connections::parse(before.record.connections.as_deref());
    let connections = connected(cx, known, admitted.external_id.take().flatten());
    let secret = password::merge(before.record.secret.as_deref(), hashed);
    Next::new(kind, admitted, connections, secret)
}
