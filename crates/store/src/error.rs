//! What can go wrong, in two closed lists: the store itself failed, or a batch was refused.
//!
//! Neither carries a value of a row: a message may be logged.

/// The store could not do its work. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database is busy, full, closed or unreachable: worth another try later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The database does not let us: another try does not help, until somebody grants it, or gives us another password.
    #[error("the database refuses it: {0}")]
    Denied(String),
    /// The database answered something that it must not: damaged, or not ours.
    #[error("the store is broken: {0}")]
    Broken(String),
    /// The database was migrated by another binary, or a migration was edited after it was applied.
    #[error("{0}")]
    Migration(String),
    /// What was said of the database's location makes no sense.
    #[error("{0}")]
    Location(String),
    /// This database cannot do it, and what can is named.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The database holds part of a copy.
    #[error("it holds part of a copy; run `durward copy` again to finish it")]
    Unfinished,
    /// The file to write is there already.
    #[error("`{0}` exists already")]
    Exists(String),
}

impl StoreError {
    pub(crate) fn stopped() -> Self {
        StoreError::Unavailable("its writer has stopped".to_owned())
    }
}

/// A batch was not committed; nothing of it is in the database, unless it is [`CommitError::Unconfirmed`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The value of this attribute belongs to another record.
    #[error("`{attribute}` is already taken")]
    Unique {
        /// The attribute as the batch named it; `id` for the id itself.
        attribute: String,
    },
    /// A reference names nothing.
    #[error("`{attribute}` refers to `{value}`, which does not exist")]
    Guard {
        /// The relation as the batch named it.
        attribute: String,
        /// The target that is not there.
        value: String,
    },
    /// Something refers to what was to go.
    #[error("`{target}` is in use by `{relation}`")]
    InUse {
        /// The relation as the batch named it.
        relation: String,
        /// The target that stays.
        target: String,
    },
    /// An edge would close a cycle, or is in one.
    #[error("it would lead to itself")]
    Cycle,
    /// The record has another version than the one expected.
    #[error("the record changed since it was read")]
    Stale,
    /// What the batch was decided upon, beside what it writes, is no longer so.
    #[error("what it depends on changed since it was read")]
    Changed,
    /// There is no such record.
    #[error("there is no such record")]
    Missing,
    /// There is no such tenant (any more).
    #[error("there is no such tenant")]
    NoTenant,
    /// The database was told to commit and has not said whether it did: all of the batch is in it, or nothing.
    #[error("it is not known whether it was committed")]
    Unconfirmed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
