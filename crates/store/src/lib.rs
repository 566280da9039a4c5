//! The store: records and the rows derived from them, tokens, audit, outbox, for many tenants in one database.
//!
//! It promises four things. A [`Batch`] is committed all or nothing, and is on the disk when `commit` answers.
//! A [`TenantStore`] sees and changes the rows of its tenant only: a batch cannot name another one. Every
//! statement is bounded and answered by an index. Every change that carries an audit entry is linked into the
//! tenant's hash chain in the same commit.
//!
//! It refuses to know what a record means: a kind is a name, a document is text, a key is bytes that were made
//! elsewhere and are only compared. It knows no clock and no randomness, so times and ids are arguments.
//!
//! SQL stands once, beside the table it is about, with `$n` placeholders in ascending order of appearance;
//! which database runs it is known to the two drivers alone.

mod about;
mod audit;
mod backup;
mod batch;
mod between;
mod columns;
mod copy;
mod db;
mod edge;
mod epochs;
mod error;
mod guard;
mod index;
mod location;
mod migrate;
mod moment;
mod outbox;
mod position;
mod postgres;
mod readers;
mod record;
mod setting;
mod sources;
mod sqlite;
mod store;
mod table;
mod tenant;
mod token;
mod writer;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod tenancy;

pub use audit::{AuditEntry, AuditQuery, AuditVerdict};
pub use backup::Verified;
pub use batch::{Batch, Committed, Entry, LINK_KINDS_MAX, NewRecord, Update};
pub use between::{Between, Neighbour};
pub use copy::{Copied, CopyError, Phase, Progress, copy};
pub use edge::EdgeRef;
pub use epochs::LATELY;
pub use error::{CommitError, StoreError};
pub use index::{Access, Position, Query};
pub use location::{Location, Url};
pub use moment::Moment;
pub use outbox::{Event, EventNumbers};
pub use postgres::SILENCE_SECONDS_MAX;
pub use readers::snapshot;
pub use record::{Mentioned, MentionedRef, Record, RecordRef};
pub use sources::{Over, Source, Sources};
pub use store::{Fault, FaultPoint, Options, Store, TenantStore};
pub use tenant::{Tenant, TenantId, Tenants};
pub use token::{NewToken, Token, TokenQuery};
pub use writer::{GROUP_MAX, INBOX_MAX};

/// Makes the constants of a file's statements and lists them, so that the tests can see every statement there is.
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$meta])* pub(crate) const $name: &str = $sql;)*
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use statements;
