//! PATCH (RFC 7644 §3.5.2).

use scim::Object;
use scim::admit::{Admitted, Names, Rules};
use scim::message::ListQuery;
use scim::patch;

use super::connections::Connections;
use super::relation::EdgePlan;
use super::render::View;
use super::write::{self, Next, Verb, connected};
use super::{Condition, Stored, Written};
use crate::access::{Permit, Write};
use crate::cx::Cx;
use crate::error::Result;
use crate::kind::reserve::EdgeChange;
use crate::kind::{Before, Kind};
use crate::{Iam, limits, password};

impl Iam {
    /// Changes a resource as a PATCH body says. A kind that keeps edges, of which there may be very many, answers
    /// with its version alone (or where just edges were to change, if its facts say so) unless the client asks for attributes.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Stale`], [`crate::Error::Conflict`], or
    /// [`crate::Error::Invalid`] naming what is wrong; then nothing is changed.
    pub async fn patch(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        id: &str,
        body: Object,
        condition: &Condition,
        query: &ListQuery,
    ) -> Result<Written> {
        let kind = permit.kind();
        let projection = self.projection(cx, kind, query)?;
        let operations = patch::parse(body, cx.caller.dialect, limits::PATCH_OPERATIONS_MAX)?;
        let must = kind.relations.is_empty() || projection.is_asked() || !cx.caller.dialect.is_auto();
        let answers = must || kind.answers_patch;
        let view = View::new(cx, kind, &projection);
        let mut turn = self.turn(cx, kind, id, condition).await?;
        let (before, beside, next, version, is_of_edges) = loop {
            let (before, beside) = self.stored_beside(&view, id, answers).await?;
            condition.check(before.record.version)?;
            let (patched, names) = self.patched(cx, kind, &before, &operations).await?;
            let is_of_edges = patched.is_of_relations;
            let made = (patched, &names);
            let planned = self.patch_batch(cx, kind, &before, made, condition, &mut turn.is_guarded).await?;
            let (next, edges, batch) = planned;
            let Some(batch) = batch else {
                let version = before.record.version;
                break (before, beside, next, version, is_of_edges);
            };
            match self.commit(cx, turn.without_cycle(batch, &edges), &edges).await {
                Ok(done) => break (before, beside, next, done.version(), is_of_edges),
                Err(error) => self.again(cx, &mut turn, &edges, error).await?,
            }
        };
        if !answers || (!must && is_of_edges) {
            return Ok(Written::Version(version));
        }
        Ok(Written::Resource(self.changed(&view, &before, &next, version, beside).await?))
    }

    /// What the operations make of a document, and what they call other resources: to find and to compare what they name,
    /// ids must stand in place of names before they are applied.
    async fn patched<'k>(
        &self,
        cx: &Cx,
        kind: &'k Kind,
        before: &Stored,
        operations: &[patch::Operation],
    ) -> Result<(patch::Patched<'k>, Names)> {
        let mut names = kind.names_in(&before.document);
        loop {
            let rules = Rules { names: Some(&names), ..cx.rules() };
            let patched =
                patch::apply(&kind.schema, &before.document, operations.to_vec(), rules, &limits::PATCH);
            let unknown = names.unknown();
            if unknown.is_empty() {
                return Ok((patched?, names));
            }
            self.learn(cx, kind, unknown, &mut names).await?;
        }
    }

    /// What a patched resource becomes, the edges that come and go, and the batch that makes it so; none when nothing changes.
    async fn patch_batch<'k>(
        &self,
        cx: &Cx,
        kind: &'k Kind,
        before: &Stored,
        (patched, names): (patch::Patched<'_>, &Names),
        condition: &Condition,
        is_guarded: &mut bool,
    ) -> Result<(Next, Vec<EdgeChange<'k>>, Option<store::Batch>)> {
        let id = before.record.id.as_str();
        let plan: EdgePlan<'k> = self.patched_edges(cx, kind, id, patched.relations).await?;
        let mut admitted = Admitted { document: patched.document, ..Admitted::default() };
        self.resolve(cx, kind, names, Some(&before.document), &mut admitted.document).await?;
        (kind.rules)(Before::Patched(&before.document), &mut admitted)?;
        let hashed = self.passwords.settle(patched.secrets, false, &*self.env).await?.kept;
        let secret = password::merge(before.record.secret.as_deref(), hashed);
        let known = Connections::parse(before.record.connections.as_deref());
        let connections = match patched.external_id {
            Some(external_id) => connected(cx, known, external_id),
            None => known,
        };
        let next = Next::new(kind, admitted, connections, secret)?;
        let is_same = next.is_same_as(before);
        if is_same && plan.changes.is_empty() {
            return Ok((next, plan.changes, None));
        }
        let batch = self.begun(cx, kind, &before.changed(Some(&next.object), &plan.changes)).await?;
        *is_guarded = !batch.is_empty();
        if !is_same {
            let batch = write::change(batch, cx, kind, before, &next, &plan.changes, Verb::Patch)?;
            return Ok((next, plan.changes, Some(batch)));
        }
        let expected = (plan.read_all || !condition.is_open()).then_some(before.record.version);
        let batch = write::relink(batch, cx, kind, before, &plan.changes, expected);
        Ok((next, plan.changes, Some(batch)))
    }
}
