//! DELETE (RFC 7644 §3.6).

use store::CommitError;

use super::{Condition, write};
use crate::Iam;
use crate::access::{Permit, Write};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;

impl Iam {
    /// Deletes a resource. It leaves what it is a member of; while a document refers to it, it stays.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Stale`], or [`Error::Blocked`] saying what refers to it.
    pub async fn delete(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        id: &str,
        condition: &Condition,
    ) -> Result<()> {
        let kind = permit.kind();
        let mut turn = self.turn(cx, kind, id, condition).await?;
        loop {
            let before = self.stored(cx, kind, id).await?;
            condition.check(before.record.version)?;
            let batch = self.begun(cx, kind, &before.changed(None, &[])).await?;
            turn.is_guarded = !batch.is_empty();
            match self.commit(cx, write::deletion(batch, cx, kind, &before)?, &[]).await {
                Ok(_) => return Ok(()),
                Err(CommitError::InUse { relation, target }) => {
                    match self.user_of(cx, &relation, &target).await? {
                        Some(user) => return Err(Error::Blocked(format!("it is in use by {user}"))),
                        // It was let go meanwhile.
                        None => turn.again(CommitError::Stale).await?,
                    }
                }
                Err(error) => turn.again(error).await?,
            }
        }
    }
}
