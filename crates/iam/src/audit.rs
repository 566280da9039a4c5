//! The audit log: a chain of hashes, one per tenant, written in the commit of each change.

use std::ops::ControlFlow;

use store::{AuditEntry, AuditQuery, AuditVerdict, TenantId};

use crate::access::{Inspect, Permit};
use crate::cx::Cx;
use crate::error::Result;
use crate::Iam;

impl Iam {
    /// Entries of the tenant's chain.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn audit(&self, cx: &Cx, _: Permit<Inspect>, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let mut entries = Vec::new();
        self.of(cx)
            .audit(query, |entry| {
                entries.push(entry);
                ControlFlow::Continue(())
            })
            .await?;
        Ok(entries)
    }

    /// Whether each chain holds: that of the installation, then those of the tenants.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn verify_audit(&self, _: crate::tenant::Operator<'_>) -> Result<Vec<(TenantId, AuditVerdict)>> {
        let mut verdicts = Vec::new();
        for tenant in self.store.audited().await? {
            verdicts.push((tenant, self.store.tenant(tenant).verify_audit().await?));
        }
        Ok(verdicts)
    }
}
