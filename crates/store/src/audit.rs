//! The audit chain: every entry of a tenant carries the hash of the one before it.
//!
//! `hash = SHA-256(previous ‖ tenant ‖ sequence ‖ fields)`, each number as 8 bytes, each text after its length. Entries
//! are numbered from 1 without a gap, and the `head` row knows the last, so an entry that was changed, left out, put in,
//! moved, or cut off the end shows. The installation's chain says which tenants there are, so that a tenant that is gone
//! with its whole chain shows there. Who could rewrite a chain from an entry to its end, and the head, is found only by who knows a
//! hash from before.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use crate::about::About;
use crate::columns::{Columns, ENOUGH, Flow, MORE, Param, bounded};
use crate::sqlite::Session;
use crate::{StoreError, TenantId, TenantStore, statements, tenant};

statements! {
    INSERT = "insert into audit (tenant, sequence, at, actor, verb, kind, id, before, after, trace, previous, hash) \
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    LIST_UP = "select sequence, at, actor, verb, kind, id, before, after, trace, hash from audit \
               where tenant = $1 and sequence > $2 and sequence < $3 order by sequence limit $4";
    LIST_DOWN = "select sequence, at, actor, verb, kind, id, before, after, trace, hash from audit \
                 where tenant = $1 and sequence > $2 and sequence < $3 order by sequence desc limit $4";
    CHAIN = "select sequence, at, actor, verb, kind, id, before, after, trace, previous, hash from audit \
             where tenant = $1 order by sequence";
    HEAD = "select audit, hash, outbox, listeners from head where tenant = $1";
    SEQUENCE = "select audit from head where tenant = $1";
    TENANTS = "select tenant from tenant where tenant > $1 order by tenant";
    HEADS = "select tenant from head where tenant > $1 order by tenant";
    NEXT = "select tenant from audit where tenant > $1 order by tenant limit 1";
    SAVE_HEAD = "insert into head (tenant, audit, hash, outbox, listeners) values ($1, $2, $3, $4, $5) \
                 on conflict (tenant) do update set audit = excluded.audit, hash = excluded.hash, \
                 outbox = excluded.outbox, listeners = excluded.listeners";
}

const NEWEST: About = About { sql: SEQUENCE, key: 0, several: None };

/// What the first entry follows.
const ZERO: [u8; 32] = [0; 32];

/// Where a tenant's chain and outbox end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) audit: i64,
    pub(crate) hash: [u8; 32],
    pub(crate) outbox: i64,
    /// How many listen to what goes into the outbox.
    pub(crate) listeners: i64,
}

impl Head {
    pub(crate) const START: Head = Head { audit: 0, hash: ZERO, outbox: 0, listeners: 0 };

    pub(crate) fn read(row: &dyn Columns) -> Result<Self, StoreError> {
        let hash = row.bytes(1)?.try_into();
        let hash =
            hash.map_err(|_| StoreError::Broken("the head of an audit chain is not a hash".to_owned()))?;
        Ok(Head { audit: row.int(0)?, hash, outbox: row.int(2)?, listeners: row.int(3)? })
    }

    /// Links an entry with these fields (see [`link`]) after the last, which it then is.
    pub(crate) fn link<'a>(&mut self, tenant: i64, fields: impl Iterator<Item = Param<'a>>) -> Link {
        let previous = self.hash;
        self.audit += 1;
        self.hash = link(&previous, tenant, self.audit, fields);
        Link { previous, hash: self.hash }
    }

    /// The number of an event, if anybody listens.
    pub(crate) fn event(&mut self) -> Option<i64> {
        (self.listeners > 0).then(|| {
            self.outbox += 1;
            self.outbox
        })
    }

    /// The values of [`SAVE_HEAD`].
    pub(crate) fn params(&self, tenant: i64) -> [Param<'_>; 5] {
        [
            Param::Int(tenant),
            Param::Int(self.audit),
            Param::Bytes(&self.hash),
            Param::Int(self.outbox),
            Param::Int(self.listeners),
        ]
    }

    /// The head of a tenant, in the transaction of a session.
    pub(crate) fn of(session: &Session, tenant: i64) -> Result<Self, StoreError> {
        let mut head = Head::START;
        session.query(HEAD, [Param::Int(tenant)], &mut |row| {
            head = Head::read(row)?;
            ENOUGH
        })?;
        Ok(head)
    }
}

/// What ties an entry to the one before it: the last two columns of [`INSERT`].
#[derive(Debug)]
pub(crate) struct Link {
    previous: [u8; 32],
    hash: [u8; 32],
}

impl Link {
    pub(crate) fn params(&self) -> [Param<'_>; 2] {
        [Param::Bytes(&self.previous), Param::Bytes(&self.hash)]
    }
}

/// The hash of an entry: its fields in the order of the table's columns, from `at` to `trace`.
pub(crate) fn link<'a>(
    previous: &[u8],
    tenant: i64,
    sequence: i64,
    fields: impl Iterator<Item = Param<'a>>,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(tenant.to_be_bytes());
    hash.update(sequence.to_be_bytes());
    for field in fields {
        match field {
            Param::Null => hash.update([0; 8]),
            Param::Int(value) => hash.update(value.to_be_bytes()),
            Param::Text(text) => hash_bytes(&mut hash, text.as_bytes()),
            Param::Bytes(bytes) => hash_bytes(&mut hash, bytes),
        }
    }
    hash.finalize().into()
}

fn hash_bytes(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// An entry of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, from 1.
    pub sequence: i64,
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub verb: String,
    /// The kind of what it was done to.
    pub kind: String,
    /// The id of what it was done to.
    pub id: String,
    /// SHA-256 of it before; empty when it was created.
    pub before: Vec<u8>,
    /// SHA-256 of it after; empty when it was deleted.
    pub after: Vec<u8>,
    /// The request that did it.
    pub trace: String,
    /// The hash of this entry.
    pub hash: Vec<u8>,
}

impl AuditEntry {
    fn read(row: &dyn Columns) -> Result<Self, StoreError> {
        let text = |column| row.text(column).map(str::to_owned);
        Ok(AuditEntry {
            sequence: row.int(0)?,
            at: row.int(1)?,
            actor: text(2)?,
            verb: text(3)?,
            kind: text(4)?,
            id: text(5)?,
            before: row.bytes(6)?.to_owned(),
            after: row.bytes(7)?.to_owned(),
            trace: text(8)?,
            hash: row.bytes(9)?.to_owned(),
        })
    }
}

/// Which entries to list; the ends are left out.
#[derive(Debug, Clone, Copy)]
pub struct AuditQuery {
    /// Past this number; 0 for all.
    pub after: i64,
    /// Before this number; `i64::MAX` for all.
    pub before: i64,
    /// Whether the newest come first.
    pub descending: bool,
    /// At most so many.
    pub take: u64,
}

/// Whether a chain holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditVerdict {
    /// It does.
    Intact {
        /// How many entries it has: the number of the newest.
        entries: i64,
        /// The hash of the newest. Whoever has noted both elsewhere can tell whether the chain was rewritten since.
        hash: [u8; 32],
    },
    /// It does not.
    Broken {
        /// The number of the first entry that breaks it.
        sequence: i64,
        /// In what way.
        reason: &'static str,
    },
}

/// Verifies a chain entry by entry, in memory that is bounded by the number of tenants.
pub(crate) struct Chain {
    tenant: TenantId,
    head: Head,
    sequence: i64,
    hash: [u8; 32],
    broken: Option<(i64, &'static str)>,
    /// In the installation's chain: the tenants that it says are there, with the entries that made them.
    made: BTreeMap<String, i64>,
}

impl Chain {
    pub(crate) fn new(tenant: TenantId, head: Head) -> Self {
        Chain { tenant, head, sequence: 0, hash: ZERO, broken: None, made: BTreeMap::new() }
    }

    /// Looks at the next row of [`CHAIN`]; breaks off at the first that is wrong.
    pub(crate) fn entry(&mut self, row: &dyn Columns) -> ControlFlow<()> {
        let expected = self.sequence + 1;
        // A row whose values are of other types than were written was altered as much as one with other values.
        let wrong = match self.follow(expected, row) {
            Ok(wrong) => wrong,
            Err(_) => Some("it holds a value of another type"),
        };
        self.broken = wrong.map(|reason| (expected, reason));
        if wrong.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn follow(&mut self, expected: i64, row: &dyn Columns) -> Result<Option<&'static str>, StoreError> {
        let sequence = row.int(0)?;
        let hash = link(&self.hash, self.tenant.0, sequence, fields(row)?.into_iter());
        let wrong = if sequence != expected {
            Some("it is missing")
        } else if row.bytes(9)? != self.hash {
            Some("it does not follow the entry before it")
        } else if row.bytes(10)? != hash {
            Some("its content does not match its hash")
        } else if sequence == self.head.audit && hash != self.head.hash {
            Some("it is not the entry that was last")
        } else {
            None
        };
        (self.sequence, self.hash) = (sequence, hash);
        if self.tenant == TenantId::INSTALLATION {
            match tenant::told(row.text(3)?, row.text(4)?) {
                Some(tenant::Told::Made) => drop(self.made.insert(row.text(5)?.to_owned(), sequence)),
                Some(tenant::Told::Deleted) => drop(self.made.remove(row.text(5)?)),
                None => {}
            }
        }
        Ok(wrong)
    }

    /// A tenant of this name is there.
    pub(crate) fn there(&mut self, name: &str) {
        self.made.remove(name);
    }

    /// What is to be said after the last entry, and in the installation's chain after all tenants that are [`there`].
    ///
    /// [`there`]: Chain::there
    pub(crate) fn verdict(self) -> AuditVerdict {
        let last = self.head.audit;
        let (sequence, reason) = if let Some(broken) = self.broken {
            broken
        } else if self.sequence < last {
            (self.sequence + 1, "it is missing at the end")
        } else if self.sequence > last {
            (last + 1, "it is past the end")
        } else if let Some(made) = self.made.into_values().min() {
            (made, "the tenant that it made is gone, and no entry says so")
        } else {
            return AuditVerdict::Intact { entries: self.sequence, hash: self.hash };
        };
        AuditVerdict::Broken { sequence, reason }
    }
}

/// The fields of a [`CHAIN`] row that are hashed.
fn fields(row: &dyn Columns) -> Result<[Param<'_>; 8], StoreError> {
    Ok([
        Param::Int(row.int(1)?),
        Param::Text(row.text(2)?),
        Param::Text(row.text(3)?),
        Param::Text(row.text(4)?),
        Param::Text(row.text(5)?),
        Param::Bytes(row.bytes(6)?),
        Param::Bytes(row.bytes(7)?),
        Param::Text(row.text(8)?),
    ])
}

impl TenantStore<'_> {
    /// Entries of the audit chain, until `f` breaks off.
    pub async fn audit(
        &self,
        query: &AuditQuery,
        mut f: impl FnMut(AuditEntry) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let sql = if query.descending { LIST_DOWN } else { LIST_UP };
        let (after, before) = (Param::Int(query.after), Param::Int(query.before));
        let params = [self.param(), after, before, Param::Int(bounded(query.take))];
        self.read(sql, &params, |row| Ok(f(AuditEntry::read(row)?))).await
    }

    /// The number of the newest entry: it grows with every audited change, in the commit of the change. 0 when there is none.
    pub async fn sequence(&self) -> Result<i64, StoreError> {
        let mut sequence = 0;
        self.refresh();
        self.read_about(&[(NEWEST, vec![self.param()])], |_, row| {
            sequence = row.int(0)?;
            ENOUGH
        })
        .await?;
        Ok(sequence)
    }

    /// Reads the whole chain, as it is at one moment, and says whether it holds.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        let moment = self.moment().await?;
        let verdict = moment.tenant().verify().await;
        moment.end().await;
        verdict
    }

    async fn verify(&self) -> Result<AuditVerdict, StoreError> {
        let mut chain = Chain::new(self.id(), self.head().await?);
        self.read(CHAIN, &[self.param()], |row| Ok(chain.entry(row))).await?;
        if self.id() == TenantId::INSTALLATION {
            self.read(tenant::LIST, &tenant::EVERY, |row| {
                chain.there(row.text(1)?);
                MORE
            })
            .await?;
        }
        Ok(chain.verdict())
    }

    async fn head(&self) -> Result<Head, StoreError> {
        let mut head = Head::START;
        self.read(HEAD, &[self.param()], |row| {
            head = Head::read(row)?;
            ENOUGH
        })
        .await?;
        Ok(head)
    }
}

/// Which chains are to hold: those of the tenants that are there, and those that something is left of. Of a tenant that is
/// being deleted the chain is partly gone, and is left out.
#[derive(Default)]
pub(crate) struct Chains {
    there: BTreeSet<i64>,
    left: BTreeSet<i64>,
    deleting: BTreeSet<i64>,
}

impl Chains {
    /// A row of [`TENANTS`].
    pub(crate) fn there(&mut self, row: &dyn Columns) -> Flow {
        self.there.insert(row.int(0)?);
        MORE
    }

    /// A row of [`HEADS`] or [`NEXT`].
    pub(crate) fn left(&mut self, row: &dyn Columns) -> Flow {
        self.left.insert(row.int(0)?);
        MORE
    }

    /// The name of a setting of the installation.
    pub(crate) fn setting(&mut self, name: &str) {
        self.deleting.extend(tenant::deleting(name).map(|id| id.0));
    }

    /// The installation first.
    pub(crate) fn tenants(self) -> BTreeSet<TenantId> {
        let left = self.left.difference(&self.deleting);
        let chains = left.chain(&self.there).map(|&id| TenantId(id));
        chains.chain([TenantId::INSTALLATION]).collect()
    }
}

impl crate::Store {
    /// The tenants whose chains are to hold, the installation first: those that are there, and those that something is
    /// left of and that are not being deleted. On PostgreSQL, where rows show to their tenant alone, entries beside
    /// neither a tenant nor the end of a chain are nobody's and stay unseen.
    pub async fn audited(&self) -> Result<BTreeSet<TenantId>, StoreError> {
        let installation = self.tenant(TenantId::INSTALLATION);
        let mut chains = Chains::default();
        let first = [installation.param()];
        installation.read(TENANTS, &first, |row| chains.there(row)).await?;
        installation.read(HEADS, &first, |row| chains.left(row)).await?;
        let mut after = Some(TenantId::INSTALLATION.0);
        while let Some(last) = after.take() {
            let next = |row: &dyn Columns| {
                after = Some(row.int(0)?);
                chains.left(row)
            };
            installation.read(NEXT, &[Param::Int(last)], next).await?;
        }
        for (name, _) in installation.settings().await? {
            chains.setting(&name);
        }
        Ok(chains.tenants())
    }
}
