//! DELETE (RFC 7644 §3.6).

use store::CommitError;

use super::{Condition, write};
use crate::Iam;
use crate::access::{Permit, Write};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;

impl Iam {
    /// Deletes a resource, and what belongs to it, in one commit. It leaves what it is a member of; while a document refers to
    /// it, it stays.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`], or [`Error::Blocked`] saying what refers to it, or that too much belongs to it.
    pub async fn delete(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        id: &str,
        condition: &Condition,
    ) -> Result<()> {
        let kind = permit.kind();
        let mut turn = self.turn(cx, kind, id, condition).await?;
        // The kinds of what belongs to it, as far as there is any.
        let mut along: Vec<&Kind> = Vec::new();
        loop {
            let before = self.stored(cx, kind, id).await?;
            condition.check(before.record.version)?;
            let mut batch = self.begun(cx, kind, &before.changed(None, &[])).await?;
            for kind in &along {
                for belonging in self.belongings(cx, kind, id).await? {
                    batch.while_held(kind.name(), &belonging.record.id, belonging.record.version);
                    batch = write::deletion(batch, cx, kind, &belonging)?;
                }
            }
            turn.is_guarded = !batch.is_empty() || !along.is_empty();
            match self.commit(cx, write::deletion(batch, cx, kind, &before)?, &[]).await {
                Ok(_) => return Ok(()),
                Err(CommitError::InUse { relation, target }) => match cx.kinds.belonging(&relation) {
                    Some(kind) if along.iter().all(|known| known.name() != kind.name()) => along.push(kind),
                    // More came meanwhile.
                    Some(_) => turn.again(CommitError::Changed).await?,
                    None => match self.user_of(cx, &relation, &target).await? {
                        Some(user) => return Err(Error::Blocked(format!("it is in use by {user}"))),
                        // It was let go meanwhile.
                        None => turn.again(CommitError::Stale).await?,
                    },
                },
                Err(error) => turn.again(error).await?,
            }
        }
    }
}
