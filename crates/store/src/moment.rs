//! One moment of a tenant: reads that all see the same, however much is committed between them.

use tokio::sync::Mutex;

use crate::{Store, StoreError, TenantId, TenantStore, db};

/// A moment: that of its first read. It keeps a connection to itself until it ends.
pub struct Moment<'s> {
    store: &'s Store,
    tenant: TenantId,
    reader: Mutex<db::Moment>,
}

impl std::fmt::Debug for Moment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moment").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl<'s> Moment<'s> {
    pub(crate) async fn of(store: &'s Store, tenant: TenantId) -> Result<Self, StoreError> {
        let reader = Mutex::new(store.db().moment(tenant).await?);
        Ok(Moment { store, tenant, reader })
    }

    /// The tenant, as its reads see it at this moment.
    pub fn tenant(&self) -> TenantStore<'_> {
        self.store.tenant(self.tenant).seen_at(&self.reader)
    }

    /// Gives the connection back. One that is not given back is lost, and another one is made in its place.
    pub async fn end(self) {
        self.reader.into_inner().end().await;
    }
}
