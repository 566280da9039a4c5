//! The tenants themselves: made, found, listed, deleted. What is done to them is audited in the installation's chain.
//!
//! A deleted tenant's name may be given again, its id never is.

use crate::batch::{Arg, Expect};
use crate::columns::{Columns, ENOUGH, MORE, Param, bounded};
use crate::{Batch, CommitError, Entry, Store, StoreError, statements};

statements! {
    BUMP_KINDS = "update tenant set kinds = kinds + 1 where tenant = $1 and kinds = $2";
    THERE = "select 1 from tenant where tenant = $1";
    BY_ID = "select tenant, name, created, kinds from tenant where tenant = $1";
    BY_NAME = "select tenant, name, created, kinds from tenant where name = $1";
    LIST = "select tenant, name, created, kinds from tenant where name > $1 order by name limit $2";
    // The counter of tenants has just been raised; what it calls shifts is how many there ever were.
    CREATE = "insert into tenant (tenant, name, created, kinds) \
              select shifts, $1, $2, 0 from counter where tenant = 0 and kind = 'tenant' \
              on conflict (name) do nothing returning tenant";
    DELETE = "delete from tenant where tenant = $1";
    CLEAR_TOKENS = "delete from token where tenant = $1 and hash in \
                    (select hash from token where tenant = $1 limit $2)";
    CLEAR_RECORDS = "delete from record where tenant = $1 and (kind, id) in \
                     (select kind, id from record where tenant = $1 limit $2)";
    CLEAR_KEYS = "delete from unique_key where tenant = $1 and (kind, attribute, key) in \
                  (select kind, attribute, key from unique_key where tenant = $1 limit $2)";
    CLEAR_INDEX = "delete from attr_index where tenant = $1 and (kind, attribute, key, id) in \
                   (select kind, attribute, key, id from attr_index where tenant = $1 limit $2)";
    CLEAR_EDGES = "delete from edge where tenant = $1 and (relation, source, target) in \
                   (select relation, source, target from edge where tenant = $1 limit $2)";
    CLEAR_AUDIT = "delete from audit where tenant = $1 and sequence in \
                   (select sequence from audit where tenant = $1 limit $2)";
    CLEAR_OUTBOX = "delete from outbox where tenant = $1 and sequence in \
                    (select sequence from outbox where tenant = $1 limit $2)";
    CLEAR_SETTINGS = "delete from setting where tenant = $1 and name in \
                      (select name from setting where tenant = $1 limit $2)";
    CLEAR_COUNTERS = "delete from counter where tenant = $1 and kind in \
                      (select kind from counter where tenant = $1 limit $2)";
    CLEAR_HEAD = "delete from head where tenant = $1 and tenant in (select tenant from head where tenant = $1 limit $2)";
}

/// What remains of a tenant after access to it has ended. No other commit of its own comes after that.
const CLEAR: [&str; 10] = [
    CLEAR_TOKENS,
    CLEAR_KEYS,
    CLEAR_INDEX,
    CLEAR_EDGES,
    CLEAR_RECORDS,
    CLEAR_AUDIT,
    CLEAR_OUTBOX,
    CLEAR_SETTINGS,
    CLEAR_COUNTERS,
    CLEAR_HEAD,
];

/// So many rows go in one commit, so that other commits pass between.
const CHUNK: u64 = 1_000;

/// What the audit log calls a tenant, and what is done to it.
const KIND: &str = "tenant";
const CREATED: &str = "create";
const DELETED: &str = "delete";

/// The parameters of [`LIST`] for all tenants.
pub(crate) const EVERY: [Param<'static>; 2] = [Param::Text(""), Param::Int(i64::MAX)];

/// The installation's setting that names a tenant whose rows are still being deleted.
const DELETING: &str = "deleting/";

/// The tenant that a setting of the installation says is being deleted.
pub(crate) fn deleting(setting: &str) -> Option<TenantId> {
    setting.strip_prefix(DELETING)?.parse().ok().map(TenantId)
}

/// A tenant's number: never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub i64);

impl TenantId {
    /// The installation itself: its own settings and audit chain, and no records.
    pub const INSTALLATION: TenantId = TenantId(0);
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its number.
    pub id: TenantId,
    /// Its name, unique in the installation.
    pub name: String,
    /// When, in milliseconds since the Unix epoch.
    pub created: i64,
    /// Grows whenever its own kinds change, see [`Batch::bump_kinds`].
    pub kinds: i64,
}

impl Tenant {
    pub(crate) fn read(row: &dyn Columns, first: usize) -> Result<Self, StoreError> {
        Ok(Tenant {
            id: TenantId(row.int(first)?),
            name: row.text(first + 1)?.to_owned(),
            created: row.int(first + 2)?,
            kinds: row.int(first + 3)?,
        })
    }
}

/// Tenant administration.
#[derive(Debug, Clone, Copy)]
pub struct Tenants<'s> {
    store: &'s Store,
}

impl<'s> Tenants<'s> {
    pub(crate) fn new(store: &'s Store) -> Self {
        Tenants { store }
    }

    /// Makes a tenant. A name that is taken is `Unique` on `name`.
    pub async fn create(&self, name: &str, now: i64, by: &str) -> Result<Tenant, CommitError> {
        let mut batch = Batch::default();
        batch.count("tenant", 1, true);
        let (kept, attribute) = (batch.keep(name), batch.keep("name"));
        batch.push(CREATE, &[kept, Arg::Int(now)], Expect::Unique(attribute));
        batch.audit(&entry(CREATED, name, now, by));
        let made = self.installation().commit(batch).await?;
        let id = made.versions.first().map_or(TenantId::INSTALLATION, |&id| TenantId(id));
        Ok(Tenant { id, name: name.to_owned(), created: now, kinds: 0 })
    }

    /// The tenant with this number.
    pub async fn get(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.one(BY_ID, Param::Int(id.0)).await
    }

    /// The tenant with this name.
    pub async fn by_name(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.one(BY_NAME, Param::Text(name)).await
    }

    /// Tenants by name, past `after`.
    pub async fn list(&self, after: Option<&str>, take: u64) -> Result<Vec<Tenant>, StoreError> {
        let mut tenants = Vec::new();
        let params = [Param::Text(after.unwrap_or_default()), Param::Int(bounded(take))];
        self.installation()
            .read(LIST, &params, |row| {
                tenants.push(Tenant::read(row, 0)?);
                MORE
            })
            .await?;
        Ok(tenants)
    }

    /// Deletes a tenant and all that is its. Access ends, and the name is free, with the first commit; the rows follow
    /// in bounded commits. When that is cut short, [`Tenants::sweep`] goes on. `Missing` when there is no such tenant.
    pub async fn delete(&self, id: TenantId, now: i64, by: &str) -> Result<(), CommitError> {
        let tenant = self.get(id).await?.ok_or(CommitError::Missing)?;
        let mut batch = Batch::default();
        // A token opens a tenant that is there.
        batch.revoking().push(DELETE, &[Arg::Int(id.0)], Expect::Row);
        batch.count("tenant", -1, false);
        batch.setting(&format!("{DELETING}{}", id.0), &tenant.name);
        batch.audit(&entry(DELETED, &tenant.name, now, by));
        self.installation().commit(batch).await?;
        self.clear(id).await
    }

    /// Goes on deleting the rows of tenants whose deletion was cut short. Cheap when there are none.
    pub async fn sweep(&self) -> Result<(), CommitError> {
        for (name, _) in self.installation().settings().await? {
            if let Some(id) = deleting(&name) {
                self.clear(id).await?;
            }
        }
        Ok(())
    }

    async fn clear(&self, id: TenantId) -> Result<(), CommitError> {
        let tenant = self.store.tenant(id);
        let chunk = [Arg::Tenant, Arg::Int(bounded(CHUNK))];
        for sql in CLEAR {
            let mut more = true;
            while more {
                let mut batch = Batch::default();
                batch.clearing().push(sql, &chunk, Expect::Any);
                more = tenant.commit(batch).await?.rows == CHUNK;
            }
        }
        let mut batch = Batch::default();
        batch.unset(&format!("{DELETING}{}", id.0));
        self.installation().commit(batch).await.map(drop)
    }

    async fn one(&self, sql: &'static str, param: Param<'_>) -> Result<Option<Tenant>, StoreError> {
        let mut tenant = None;
        self.installation()
            .read(sql, &[param], |row| {
                tenant = Some(Tenant::read(row, 0)?);
                ENOUGH
            })
            .await?;
        Ok(tenant)
    }

    pub(crate) fn installation(&self) -> crate::TenantStore<'s> {
        self.store.tenant(TenantId::INSTALLATION)
    }
}

/// What an entry of the installation's chain tells of the tenant that it names.
pub(crate) enum Told {
    Made,
    Deleted,
}

pub(crate) fn told(verb: &str, kind: &str) -> Option<Told> {
    match (kind, verb) {
        (KIND, CREATED) => Some(Told::Made),
        (KIND, DELETED) => Some(Told::Deleted),
        _ => None,
    }
}

fn entry<'a>(verb: &'a str, name: &'a str, now: i64, by: &'a str) -> Entry<'a> {
    Entry { at: now, actor: by, verb, kind: KIND, id: name, before: None, after: None, trace: "" }
}
