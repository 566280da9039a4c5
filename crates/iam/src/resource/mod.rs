//! The engine: create, read, query, replace, patch and delete resources of any kind.
//!
//! There is no verb of a particular kind here. A write reads what it must, decides by pure functions, and commits
//! once; when another write came between, it is planned anew from the read, in its turn (`turn`), a few times.

mod beside;
mod bulk;
pub mod condition;
mod connections;
mod create;
mod cycle;
mod delete;
mod expand;
mod mention;
mod neighbours;
mod patch;
mod query;
mod read;
mod reference;
mod relation;
mod render;
mod replace;
mod slug;
mod subject;
mod tell;
mod turn;
mod write;

pub use bulk::BulkAnswer;
pub use condition::{Condition, Etags};
pub use query::Listing;
pub use render::Rendered;
pub(crate) use turn::Turns;
pub(crate) use write::{DELETE, RELINK, extension_count};

use scim::project::Projection;
use store::{Batch, CommitError, Committed, Record, TenantStore};

use crate::Iam;
use crate::access::Whole;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::kind::keys::BETWEEN;
use crate::kind::reserve::{Change, EdgeChange, Reserve};

/// A resource that exists: as it is kept, and its document parsed.
pub(crate) struct Stored {
    pub(crate) record: Record,
    pub(crate) document: scim::Object,
}

impl Stored {
    fn new(record: Record) -> Result<Self> {
        let document = serde_json::from_str(&record.document).map_err(Error::internal)?;
        Ok(Self { record, document })
    }
}

impl Stored {
    fn changed<'a>(&'a self, after: Option<&'a scim::Object>, edges: &'a [EdgeChange<'a>]) -> Change<'a> {
        Change { id: &self.record.id, before: Some(&self.document), after, edges }
    }
}

/// What a read came to.
#[derive(Debug)]
pub enum Seen {
    /// The resource as it is now.
    Resource(Rendered),
    /// The caller has it as it is now; its version.
    Unchanged(i64),
}

/// What a write came to.
#[derive(Debug)]
pub enum Written {
    /// The resource as it is now.
    Resource(Rendered),
    /// The resource as it is now was not asked for; its version.
    Version(i64),
}

impl Iam {
    pub(crate) fn of<'a>(&'a self, cx: &Cx) -> TenantStore<'a> {
        self.store.tenant(cx.tenant)
    }

    /// Commits the write of a resource; these are the edges that come and go by it.
    async fn commit(
        &self,
        cx: &Cx,
        batch: Batch,
        edges: &[EdgeChange<'_>],
    ) -> Result<Committed, CommitError> {
        let done = self.of(cx).commit(batch).await?;
        self.graphs.note(cx.tenant, done.sequence, edges);
        Ok(done)
    }

    /// Sees that a write is the caller's to make, and begins its batch with what must be so that it may be made.
    async fn begun(&self, cx: &Cx, kind: &Kind, change: &Change<'_>) -> Result<Batch> {
        match (kind.reserved)(change) {
            Reserve::Anybody => {}
            Reserve::Administrators => _ = self.permit(cx, crate::access::Write, Whole).await?,
            Reserve::Nobody(why) => return Err(Error::Blocked(why.to_owned())),
        }
        self.keep_administrator(cx, kind, change).await
    }

    pub(crate) async fn stored(&self, cx: &Cx, kind: &Kind, id: &str) -> Result<Stored> {
        let record = self.of(cx).record(kind.name(), id).await?.ok_or_else(|| missing(kind, id))?;
        Stored::new(record)
    }

    /// The projection of a request that writes.
    fn projection(&self, cx: &Cx, kind: &Kind, query: &scim::message::ListQuery) -> Result<Projection> {
        let only = query.attributes.as_ref().map(|names| names.iter().map(String::as_str));
        let except = query.excluded_attributes.as_ref().map(|names| names.iter().map(String::as_str));
        Ok(Projection::new(&kind.schema, only, except, cx.caller.dialect)?)
    }
}

pub(crate) fn missing(kind: &Kind, id: &str) -> Error {
    Error::NotFound(format!("there is no {} {}", kind.name(), scim::error::quoted(id)))
}

/// What a refused commit means to whoever asked for it.
pub(crate) fn refused(error: CommitError) -> Error {
    match error {
        CommitError::Unique { attribute } => {
            Error::Conflict { attribute: format!("`{}`", attribute.replace(BETWEEN, "`, `")) }
        }
        CommitError::Guard { attribute, value } => {
            // A relation is named after the kind and the attribute.
            let attribute = attribute.split_once('.').map_or(attribute.as_str(), |(_, rest)| rest);
            let value = scim::error::quoted(&value);
            Error::invalid(format!("`{attribute}`: there is no resource {value} that could be one of them"))
        }
        CommitError::InUse { .. } => Error::Blocked("something refers to it".to_owned()),
        CommitError::Cycle => Error::invalid("a resource cannot be one of its own"),
        CommitError::Stale => Error::Stale,
        // Asked again, it is decided by what is so then.
        CommitError::Changed => Error::Unavailable,
        CommitError::Missing => Error::NotFound("the resource was deleted meanwhile".to_owned()),
        // Its tokens have gone with it.
        CommitError::NoTenant => Error::Unauthenticated("the tenant was deleted"),
        CommitError::Unconfirmed => Error::Unconfirmed,
        CommitError::Store(error) => error.into(),
    }
}

/// What a refused commit means to a caller who said (or did not say) which version it means: where none was said
/// no precondition failed (RFC 9110 §15.5.13), there were merely too many others at once.
pub(crate) fn lost(error: CommitError, condition: &Condition) -> Error {
    match error {
        CommitError::Stale if condition.is_open() => Error::Unavailable,
        error => refused(error),
    }
}
