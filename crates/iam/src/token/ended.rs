//! Tokens that ended long ago: kept for a while, so that an administrator sees what became of a connection, then deleted.

use std::time::Duration;

use store::{Batch, CommitError, Entry, TenantId};

use crate::Iam;
use crate::error::Result;
use crate::resource::refused;
use crate::tenant::Operator;

/// So many go in one commit, so that other commits pass between.
const CHUNK: u64 = 100;

impl Iam {
    /// Does [`Iam::sweep_tokens`] if it is this node's turn in a period; nothing if it is not.
    ///
    /// # Errors
    /// As that.
    pub async fn sweep_tokens_in_turn(
        &self,
        operator: Operator<'_>,
        period: Duration,
        retention: Duration,
    ) -> Result<Option<u64>> {
        match self.takes_turn(operator, "sweep-tokens", period).await? {
            true => self.sweep_tokens(operator, retention).await.map(Some),
            false => Ok(None),
        }
    }

    /// Deletes the tokens of every tenant that ended longer than `retention` ago, and says how many there were. Each is
    /// an entry of the audit log.
    ///
    /// # Errors
    /// When the store cannot answer; what was deleted until then stays so.
    pub async fn sweep_tokens(&self, operator: Operator<'_>, retention: Duration) -> Result<u64> {
        let retention = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let before = self.now().saturating_sub(retention);
        let mut swept = 0;
        for tenant in self.tenants(operator).await? {
            loop {
                let gone = self.sweep_chunk(operator, tenant.id, before).await?;
                swept += gone;
                if gone < CHUNK {
                    break;
                }
            }
        }
        Ok(swept)
    }

    async fn sweep_chunk(&self, operator: Operator<'_>, tenant: TenantId, before: i64) -> Result<u64> {
        let ended = self.store.tenant(tenant).tokens_ended(before, CHUNK).await?;
        if ended.is_empty() {
            return Ok(0);
        }
        let mut batch = Batch::default();
        for id in &ended {
            batch.token_delete(id).audit(&Entry {
                at: self.now(),
                actor: operator.name,
                verb: "delete",
                kind: "Token",
                id,
                before: None,
                after: None,
                trace: "",
            });
        }
        match self.store.tenant(tenant).commit(batch).await {
            Ok(_) => Ok(u64::try_from(ended.len()).unwrap_or_default()),
            // Somebody revoked one of them, or deleted the tenant; the next sweep sees what is left.
            Err(CommitError::Missing | CommitError::NoTenant) => Ok(0),
            Err(error) => Err(refused(error)),
        }
    }
}
