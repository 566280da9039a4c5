//! The audit log: a chain of hashes, one per tenant, written in the commit of each change.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use store::{AuditEntry, AuditQuery, AuditVerdict, TenantId};

use crate::access::{Audit, Permit, Read};
use crate::cx::Cx;
use crate::error::Result;
use crate::tenant::Operator;
use crate::{INSTALLATION, Iam};

impl Iam {
    /// Entries of the tenant's chain.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn audit(
        &self,
        cx: &Cx,
        _: Permit<Read, Audit>,
        query: &AuditQuery,
    ) -> Result<Vec<AuditEntry>> {
        self.entries(cx.tenant, query).await
    }

    /// Entries of the installation's own chain: tenants made and deleted.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn audit_of_installation(
        &self,
        _: Operator<'_>,
        query: &AuditQuery,
    ) -> Result<Vec<AuditEntry>> {
        self.entries(INSTALLATION, query).await
    }

    async fn entries(&self, tenant: TenantId, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let mut entries = Vec::new();
        self.store
            .tenant(tenant)
            .audit(query, |entry| {
                entries.push(entry);
                ControlFlow::Continue(())
            })
            .await?;
        Ok(entries)
    }

    /// Whether each chain holds, or that of one tenant: that of the installation, then those of the tenants.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn verify_audit(
        &self,
        _: Operator<'_>,
        only: Option<TenantId>,
    ) -> Result<Vec<(TenantId, AuditVerdict)>> {
        let chains = match only {
            Some(tenant) => BTreeSet::from([tenant]),
            None => self.store.audited().await?,
        };
        let mut verdicts = Vec::new();
        for tenant in chains {
            verdicts.push((tenant, self.store.tenant(tenant).verify_audit().await?));
        }
        Ok(verdicts)
    }

    /// The hash of one entry, if the chain has it. While the chain holds and the hash is known from before, nothing up to that
    /// entry was changed since.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn entry_hash(
        &self,
        _: Operator<'_>,
        tenant: TenantId,
        sequence: i64,
    ) -> Result<Option<Vec<u8>>> {
        let (after, before) = (sequence.saturating_sub(1), sequence.saturating_add(1));
        let query = AuditQuery { after, before, descending: false, take: 1 };
        Ok(self.entries(tenant, &query).await?.pop().map(|entry| entry.hash))
    }
}
