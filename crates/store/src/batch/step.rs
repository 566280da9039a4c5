//! A batch as a driver sees it: steps, their values, and what must be true after each.

use super::Batch;
use crate::CommitError;
use crate::columns::Param;

/// A value of a batch: where it lies in the arenas.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg {
    /// The tenant of the handle that commits.
    Tenant,
    Null,
    Int(i64),
    Text(Span),
    Bytes(Span),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What must be true after a statement, or the whole batch is undone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect {
    Any,
    /// One row, else there is no such thing.
    Row,
    /// One row, else the record has another version, or is not there at all: kind and id.
    Version(Arg, Arg),
    /// One row, else this attribute refers to this value, which does not exist.
    Guard(Arg, Arg),
    /// One row, else edges of this relation lead to this target.
    Unused(Arg, Arg),
    /// No row, else a record leads to itself.
    Acyclic,
    /// One row, else the value of this attribute is taken.
    Unique(Arg),
    /// One row, else what the batch was decided upon is no longer so.
    Same,
    /// That there is the tenant.
    Tenant,
}

impl Expect {
    /// Whether so many changed rows are what was expected.
    pub(crate) fn holds(self, rows: u64) -> bool {
        match self {
            Expect::Any => true,
            Expect::Acyclic => rows == 0,
            _ => rows == 1,
        }
    }
}

/// One step of a batch. Entries and events get their numbers, and entries their link, from the driver.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Statement {
        sql: &'static str,
        args: Span,
        expect: Expect,
    },
    Entry {
        args: Span,
    },
    Event {
        args: Span,
    },
    /// So many more, or fewer, listen to the events from here on.
    Listen {
        more: i64,
    },
}

/// Reading.
impl Batch {
    pub(crate) fn clears(&self) -> bool {
        self.clears
    }

    pub(crate) fn revokes(&self) -> bool {
        self.revokes
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The values of a step, in the order of its placeholders.
    pub(crate) fn params(&self, args: Span, tenant: i64) -> impl Iterator<Item = Param<'_>> {
        let args = self.args.get(args.start..args.end).unwrap_or_default();
        args.iter().map(move |&arg| self.param(arg, tenant))
    }

    /// The record (kind and id) on whose existence it depends why a batch is refused.
    pub(crate) fn doubt(&self, expect: Expect) -> Option<[Param<'_>; 2]> {
        match expect {
            Expect::Version(kind, id) => Some([self.param(kind, 0), self.param(id, 0)]),
            Expect::Any | Expect::Row | Expect::Same | Expect::Tenant => None,
            Expect::Guard(..) | Expect::Unused(..) | Expect::Acyclic | Expect::Unique(_) => None,
        }
    }

    /// Why the batch is refused when a statement did not do what was expected; `exists` says whether the record in
    /// doubt is there.
    pub(crate) fn refusal(&self, expect: Expect, exists: bool) -> CommitError {
        match expect {
            Expect::Any | Expect::Row => CommitError::Missing,
            Expect::Version(..) if exists => CommitError::Stale,
            Expect::Version(..) => CommitError::Missing,
            Expect::Guard(attribute, value) => {
                CommitError::Guard { attribute: self.string(attribute), value: self.string(value) }
            }
            Expect::Unused(relation, target) => {
                CommitError::InUse { relation: self.string(relation), target: self.string(target) }
            }
            Expect::Acyclic => CommitError::Cycle,
            Expect::Unique(attribute) => CommitError::Unique { attribute: self.string(attribute) },
            Expect::Same => CommitError::Changed,
            Expect::Tenant => CommitError::NoTenant,
        }
    }

    fn param(&self, arg: Arg, tenant: i64) -> Param<'_> {
        match arg {
            Arg::Tenant => Param::Int(tenant),
            Arg::Null => Param::Null,
            Arg::Int(value) => Param::Int(value),
            Arg::Text(span) => Param::Text(self.text.get(span.start..span.end).unwrap_or_default()),
            Arg::Bytes(span) => Param::Bytes(self.bytes.get(span.start..span.end).unwrap_or_default()),
        }
    }

    fn string(&self, arg: Arg) -> String {
        match self.param(arg, 0) {
            Param::Text(text) => text.to_owned(),
            _ => String::new(),
        }
    }
}
