//! DELETE (RFC 7644 §3.6).

use super::{Condition, write};
use crate::Iam;
use crate::access::{Permit, Write};
use crate::cx::Cx;
use crate::error::Result;
use crate::kind::Kind;

impl Iam {
    /// Deletes a resource; it leaves whatever refers to it by edges.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] or [`crate::Error::Stale`].
    pub async fn delete(
        &self,
        cx: &Cx,
        _: Permit<Write>,
        kind: &Kind,
        id: &str,
        condition: &Condition,
    ) -> Result<()> {
        let mut turn = self.turn(cx, kind, id, condition).await?;
        loop {
            let before = self.stored(cx, kind, id).await?;
            condition.check(before.record.version)?;
            match self.of(cx).commit(write::deletion(cx, kind, &before)?).await {
                Ok(_) => return Ok(()),
                Err(error) => turn.again(error).await?,
            }
        }
    }
}
