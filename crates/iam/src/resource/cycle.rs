//! No resource comes to be in itself over edges of a relation between resources of its kind, whoever writes at the same time:
//! the batch that brings an edge looks up from where it begins, as far as the limit goes. That costs no read before the commit.
//!
//! A circle that one bulk request creates as such (RFC 7644 §3.7.1) is lived with, and every walk ends in it.

use scim::error::quoted;
use store::{Batch, CommitError, Over, Sources};

use super::turn::Turn;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::reserve::EdgeChange;
use crate::kind::{Kind, Relation};
use crate::{Iam, limits};

/// The relations of which an edge comes that might close a cycle.
fn nested<'k>(kind: &'k Kind, edges: &[EdgeChange<'_>]) -> impl Iterator<Item = &'k Relation> {
    let comes =
        |relation: &&Relation| edges.iter().any(|edge| edge.is_link && edge.relation.name == relation.name);
    kind.relations.iter().filter(|relation| relation.nests(kind.name())).filter(comes)
}

impl Turn<'_> {
    /// The batch, refused when an edge that comes by it closes a cycle.
    pub(super) fn without_cycle(&self, mut batch: Batch, edges: &[EdgeChange<'_>]) -> Batch {
        if !self.is_cyclic {
            for relation in nested(self.kind, edges) {
                batch.acyclic(&relation.name, self.kind.name(), self.id, limits::NESTING_EXAMINED_MAX);
            }
        }
        batch
    }
}

impl Iam {
    /// As [`Turn::again`], after a refused commit of a write by which these edges come and go.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what would close a cycle.
    pub(super) async fn again(
        &self,
        cx: &Cx,
        turn: &mut Turn<'_>,
        edges: &[EdgeChange<'_>],
        error: CommitError,
    ) -> Result<()> {
        if error != CommitError::Cycle {
            return turn.again(error).await;
        }
        let (kind, take) = (turn.kind.name(), limits::NESTING_EXAMINED_MAX);
        for relation in nested(turn.kind, edges) {
            let asked = Sources { relation: &relation.name, kind, over: Over::Edges, take };
            let above = self.of(cx).sources(turn.id, &[asked]).await?.pop().unwrap_or_default();
            let closes =
                |edge: &&EdgeChange<'_>| edge.is_link && above.iter().any(|source| source.id == edge.target);
            let mut own = edges.iter().filter(|edge| edge.relation.name == relation.name);
            if let Some(edge) = own.find(closes) {
                return Err(Error::invalid(format!(
                    "`{}`: {} cannot be one of these, as it has this one in it already",
                    relation.attribute,
                    quoted(&edge.target)
                )));
            }
        }
        // It was in a cycle before, which these edges do not close.
        turn.is_cyclic = true;
        Ok(())
    }
}
