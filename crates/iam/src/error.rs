//! What can go wrong in a use case: all that `server` sees.

use scim::ErrorKind;

/// A refused or failed use case. `server/src/problem.rs` renders it for each protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody is known to ask: no token, or none that is good. Why is for the log; whoever asks is told no more than this.
    #[error("a valid bearer token is required")]
    Unauthenticated(&'static str),
    /// The caller is known and may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or none that the caller may know of.
    #[error("{0}")]
    NotFound(String),
    /// What was sent cannot be accepted.
    #[error("{}", .0.detail)]
    Invalid(#[from] scim::Error),
    /// A value that must be unique is taken.
    #[error("{attribute} is already taken")]
    Conflict {
        /// Which attribute, in backticks where it is a name.
        attribute: String,
    },
    /// The state of other things does not allow it: it is in use, or what it needs is not there.
    #[error("{0}")]
    Blocked(String),
    /// The resource is not in the version that the caller requires.
    #[error("the resource changed since it was read")]
    Stale,
    /// The resource is in a version that the caller excludes.
    #[error("the resource is in a version that `If-None-Match` excludes")]
    Excluded,
    /// More was sent than is accepted.
    #[error("{0}")]
    TooLarge(String),
    /// It is not built, or not for this caller.
    #[error("{0}")]
    NotImplemented(String),
    /// The server is too busy or cannot reach its data; trying again helps.
    #[error("the server cannot answer now; try again")]
    Unavailable,
    /// The server was cut off from its data while a change was made, and cannot say whether it was.
    #[error(
        "the server lost its data's answer: the change may have been made, or not; look before trying again"
    )]
    Unconfirmed,
    /// The server is at fault. The cause has been logged where it was seen.
    #[error("the server failed")]
    Internal,
}

impl Error {
    /// A value that is missing, of the wrong type, or not acceptable.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::Invalid(scim::Error::new(ErrorKind::InvalidValue, detail))
    }

    /// An error that is ours, logged here because its cause goes no further.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::Internal
    }
}

impl From<store::StoreError> for Error {
    fn from(error: store::StoreError) -> Self {
        match error {
            store::StoreError::Unavailable(cause) | store::StoreError::Denied(cause) => {
                tracing::warn!(%cause, "the store cannot answer");
                Self::Unavailable
            }
            error => Self::internal(error),
        }
    }
}

/// The outcome of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;
