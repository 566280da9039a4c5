//! When tokens were last used: kept in memory, and written down from time to time, so that no request waits for it.

use std::collections::HashMap;
use std::sync::Mutex;

use store::{Batch, CommitError, TenantId};

use crate::Iam;
use crate::error::Result;
use crate::resource::refused;

/// When tokens were last used, until it is written down.
#[derive(Default)]
pub(crate) struct Used(Mutex<HashMap<TenantId, HashMap<String, i64>>>);

impl Used {
    pub(super) fn note(&self, tenant: TenantId, id: &str, at: i64) {
        let Ok(mut all) = self.0.lock() else { return };
        let of = all.entry(tenant).or_default();
        match of.get_mut(id) {
            Some(known) => *known = at.max(*known),
            None => {
                of.insert(id.to_owned(), at);
            }
        }
    }

    fn take(&self) -> HashMap<TenantId, HashMap<String, i64>> {
        self.0.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default()
    }
}

impl Iam {
    /// Writes down which tokens were used since the last time.
    ///
    /// # Errors
    /// When the store cannot answer; what was not written is kept for the next time.
    pub async fn flush_used(&self) -> Result<()> {
        let mut failure = None;
        for (tenant, used) in self.used.take() {
            if failure.is_none() {
                let mut batch = Batch::default();
                for (id, at) in &used {
                    batch.token_used(id, *at);
                }
                match self.store.tenant(tenant).commit(batch).await {
                    // The tokens of a tenant that was deleted have gone with it.
                    Ok(_) | Err(CommitError::NoTenant) => continue,
                    Err(error) => failure = Some(refused(error)),
                }
            }
            used.iter().for_each(|(id, at)| self.used.note(tenant, id, *at));
        }
        failure.map_or(Ok(()), Err)
    }
}
