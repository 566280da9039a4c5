//! Bulk (RFC 7644 §3.7): every operation is a use case of its own, with its own outcome.

use std::collections::HashMap;

use scim::Object;
use scim::bulk::{Method, Operation, Request, Step, Unreadable, resolve, resolve_id, schedule, strip};
use scim::message::ListQuery;

use super::render::{Rendered, location};
use super::{Condition, Etags, Written};
use crate::access::{Permit, Write};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::{Iam, limits};

/// What became of one operation.
#[derive(Clone, Debug)]
pub struct BulkAnswer {
    /// The verb, as written.
    pub method: String,
    /// The name the client gave it.
    pub bulk_id: Option<String>,
    /// The URI of the resource, where there is one.
    pub location: Option<String>,
    /// What happened: the version of the resource, or none where it was deleted.
    pub outcome: Result<Option<i64>>,
}

impl Iam {
    /// Runs the operations of a bulk request; the answers are in the order of the request, and end with the error
    /// that was one too many.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::TooLarge`] when the request as a whole cannot be read.
    pub async fn bulk(&self, cx: &Cx, permit: Permit<Write>, body: Object) -> Result<Vec<BulkAnswer>> {
        let request = Request::parse(body, !cx.caller.dialect.is_auto())?;
        if request.operations.len() > limits::BULK_OPERATIONS_MAX {
            let most = limits::BULK_OPERATIONS_MAX;
            return Err(Error::TooLarge(format!("a bulk request has at most {most} operations")));
        }
        let steps = schedule(&request.operations);
        let mut run = Run { iam: self, cx, permit, known: HashMap::new(), begun: HashMap::new() };
        let mut answers: Vec<Option<BulkAnswer>> = vec![None; request.operations.len()];
        let mut errors = 0;
        for step in steps {
            let (Step::Run(at) | Step::Begin(at) | Step::Complete(at)) = step;
            let Some(slot) = request.operations.get(at) else { continue };
            // What could not be begun has its answer already.
            if answers.get(at).is_some_and(Option::is_some) {
                continue;
            }
            let answer = match slot {
                Ok(operation) => run.step(step, at, operation).await,
                Err(unreadable) => Some(refusal(unreadable)),
            };
            let Some(answer) = answer else { continue };
            errors += u64::from(answer.outcome.is_err());
            if let Some(slot) = answers.get_mut(at) {
                *slot = Some(answer);
            }
            if request.fail_on_errors.is_some_and(|most| errors >= most) {
                break;
            }
        }
        run.abandon().await;
        Ok(answers.into_iter().flatten().collect())
    }
}

fn refusal(unreadable: &Unreadable) -> BulkAnswer {
    BulkAnswer {
        method: unreadable.method.clone(),
        bulk_id: unreadable.bulk_id.clone(),
        location: None,
        outcome: Err(Error::Invalid(unreadable.error.clone())),
    }
}

struct Run<'a> {
    iam: &'a Iam,
    cx: &'a Cx,
    permit: Permit<Write>,
    /// `bulkId` -> the id of what was created.
    known: HashMap<String, String>,
    /// What was created, or activated again, without all its references.
    begun: HashMap<usize, Rendered>,
}

impl Run<'_> {
    async fn step(&mut self, step: Step, at: usize, operation: &Operation) -> Option<BulkAnswer> {
        let done = match step {
            Step::Run(_) => self.whole(operation).await,
            Step::Begin(_) => match self.begin(at, operation).await {
                Ok(()) => return None,
                Err(error) => Err(error),
            },
            Step::Complete(_) => self.complete(at, operation).await,
        };
        let (location, outcome) = match done {
            Ok((location, version)) => (location, Ok(version)),
            Err(error) => (self.target(operation), Err(error)),
        };
        let method = operation.method.as_str().to_owned();
        Some(BulkAnswer { method, bulk_id: operation.bulk_id.clone(), location, outcome })
    }

    /// The URI of what a failed operation was about, which a POST has not.
    fn target(&self, operation: &Operation) -> Option<String> {
        let id = resolve_id(operation.id.as_deref()?, &self.known).ok()?;
        Some(location(&self.cx.base, &operation.endpoint, &id))
    }

    fn kind(&self, operation: &Operation) -> Result<std::sync::Arc<Kind>> {
        let kind = self.cx.kinds.at(&operation.endpoint).cloned();
        kind.ok_or_else(|| Error::NotFound(format!("there is no endpoint `/{}`", operation.endpoint)))
    }

    async fn whole(&mut self, operation: &Operation) -> Result<(Option<String>, Option<i64>)> {
        let kind = self.kind(operation)?;
        let mut data = operation.data.clone();
        resolve(&mut data, &self.known).map_err(unresolved)?;
        let id = operation.id.as_deref().unwrap_or_default();
        let id = resolve_id(id, &self.known).map_err(unresolved)?;
        let if_match = operation.version.as_deref().map(Etags::parse).transpose()?;
        let condition = Condition { if_match, if_none_match: None };
        let (iam, cx, permit, plain) = (self.iam, self.cx, self.permit, ListQuery::default());
        match operation.method {
            Method::Post => {
                let made = iam.create(cx, permit, &kind, data, &plain).await?;
                if let Some(name) = &operation.bulk_id {
                    self.known.insert(name.clone(), made.id);
                }
                Ok((Some(made.location), Some(made.version)))
            }
            Method::Put => {
                let made = iam.replace(cx, permit, &kind, &id, data, &condition, &plain).await?;
                Ok((Some(made.location), Some(made.version)))
            }
            Method::Patch => {
                let version = match iam.patch(cx, permit, &kind, &id, data, &condition, &plain).await? {
                    Written::Resource(made) => made.version,
                    Written::Version(version) => version,
                };
                Ok((Some(location(&cx.base, &operation.endpoint, &id)), Some(version)))
            }
            Method::Delete => {
                iam.delete(cx, permit, &kind, &id, &condition).await?;
                Ok((Some(location(&cx.base, &operation.endpoint, &id)), None))
            }
        }
    }

    /// Creates a member of a circle without the references it cannot have yet.
    async fn begin(&mut self, at: usize, operation: &Operation) -> Result<()> {
        let kind = self.kind(operation)?;
        let mut data = operation.data.clone();
        strip(&mut data, &self.known);
        resolve(&mut data, &self.known).map_err(unresolved)?;
        let made = self.iam.create(self.cx, self.permit, &kind, data, &ListQuery::default()).await?;
        if let Some(name) = &operation.bulk_id {
            self.known.insert(name.clone(), made.id.clone());
        }
        self.begun.insert(at, made);
        Ok(())
    }

    /// Gives a member of a circle the references that exist now.
    async fn complete(&mut self, at: usize, operation: &Operation) -> Result<(Option<String>, Option<i64>)> {
        let kind = self.kind(operation)?;
        let Some(id) = self.begun.get(&at).map(|made| made.id.clone()) else {
            return Err(Error::Blocked("what it is part of was not created".to_owned()));
        };
        let mut data = operation.data.clone();
        resolve(&mut data, &self.known).map_err(unresolved)?;
        let (condition, plain) = (Condition::default(), ListQuery::default());
        let made = self.iam.replace(self.cx, self.permit, &kind, &id, data, &condition, &plain).await?;
        self.begun.remove(&at);
        Ok((Some(made.location), Some(made.version)))
    }

    /// Takes back what was begun and could not be completed, so that nothing is left half made.
    async fn abandon(&mut self) {
        for made in std::mem::take(&mut self.begun).into_values() {
            // What was activated again was there before, and stays.
            if made.version > 1 {
                continue;
            }
            for kind in self.cx.kinds.iter() {
                let _ = self.iam.delete(self.cx, self.permit, kind, &made.id, &Condition::default()).await;
            }
        }
    }
}

fn unresolved(name: String) -> Error {
    Error::Blocked(format!(
        "{} names nothing that this request created",
        scim::error::quoted(&format!("bulkId:{name}"))
    ))
}
