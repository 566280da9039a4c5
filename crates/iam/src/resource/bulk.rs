//! Bulk (RFC 7644 §3.7): every operation is a use case of its own, with its own outcome. Only resources that refer to each
//! other in a circle have one fate: an answer never names what was taken back after it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

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
    /// The body that the operation would be answered with alone, where no other answer says what it does: a password
    /// that was made.
    pub response: Option<String>,
    /// What happened: the version of the resource, or none where it was deleted.
    pub outcome: Result<Option<i64>>,
}

/// Why something is left of a circle that could not be closed.
const LEFT: &str = "what it is part of was not created, and it could not be deleted again";

impl Iam {
    /// Runs the operations of a bulk request; the answers are in the order of the request, and end with the error
    /// that was one too many. An operation that the caller may not do is refused for itself.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::TooLarge`] when the request as a whole cannot be read.
    pub async fn bulk(&self, cx: &Cx, _: Permit<Write, Vec<&Kind>>, body: Object) -> Result<Vec<BulkAnswer>> {
        let request = Request::parse(body, !cx.caller.dialect.is_auto())?;
        if request.operations.len() > limits::BULK_OPERATIONS_MAX {
            let most = limits::BULK_OPERATIONS_MAX;
            return Err(Error::TooLarge(format!("a bulk request has at most {most} operations")));
        }
        let mut run =
            Run { iam: self, cx, operations: &request.operations, known: HashMap::new(), is_away: false };
        let mut answers: Vec<Option<BulkAnswer>> = vec![None; request.operations.len()];
        let mut errors = 0;
        for steps in schedule(&request.operations) {
            let done = match steps.as_slice() {
                _ if run.is_away => run.given_up(&steps),
                [Step::Run(at)] => vec![(*at, run.single(*at).await)],
                circle => run.circle(circle).await,
            };
            for (at, answer) in done {
                errors += u64::from(answer.outcome.is_err());
                if let Some(slot) = answers.get_mut(at) {
                    *slot = Some(answer);
                }
            }
            if request.fail_on_errors.is_some_and(|most| errors >= most) {
                break;
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

fn refusal(unreadable: &Unreadable) -> BulkAnswer {
    BulkAnswer {
        method: unreadable.method.clone(),
        bulk_id: unreadable.bulk_id.clone(),
        location: None,
        response: None,
        outcome: Err(Error::Invalid(unreadable.error.clone())),
    }
}

struct Run<'a> {
    iam: &'a Iam,
    cx: &'a Cx,
    operations: &'a [Result<Operation, Unreadable>],
    /// `bulkId` -> the id of what was created.
    known: HashMap<String, String>,
    /// Whether the store has been found away. As many operations as possible are done (RFC 7644 §3.7), but from then on each
    /// would only wait.
    is_away: bool,
}

/// What became of an operation: the URI and the version of the resource, where there are such, and what must be said at once.
#[derive(Default)]
struct Done {
    location: Option<String>,
    version: Option<i64>,
    response: Option<String>,
}

impl From<Rendered> for Done {
    fn from(made: Rendered) -> Self {
        let response = made.password.map(|_| made.body);
        Self { location: Some(made.location), version: Some(made.version), response }
    }
}

/// A member of a circle that exists, perhaps without all its references.
struct Made {
    kind: Arc<Kind>,
    /// Whether it was there before, and was activated again.
    was_there: bool,
    rendered: Rendered,
}

impl Run<'_> {
    /// An operation that stands alone.
    async fn single(&mut self, at: usize) -> BulkAnswer {
        match self.operations.get(at) {
            Some(Ok(operation)) => {
                let done = self.whole(operation).await;
                if let Err(error) = &done {
                    self.heed(error).await;
                }
                self.answer(operation, done)
            }
            Some(Err(unreadable)) => refusal(unreadable),
            None => {
                let outcome = Err(Error::internal("a schedule names no operation"));
                BulkAnswer { method: String::new(), bulk_id: None, location: None, response: None, outcome }
            }
        }
    }

    /// After a refusal: sees whether the store is away.
    async fn heed(&mut self, error: &Error) {
        if !self.is_away && matches!(error, Error::Unavailable | Error::Unconfirmed) {
            self.is_away = self.iam.of(self.cx).sequence().await.is_err();
        }
    }

    /// Operations that are not begun with.
    fn given_up(&self, steps: &[Step]) -> Vec<(usize, BulkAnswer)> {
        let places: BTreeSet<usize> = steps.iter().copied().map(place).collect();
        let answer = |at| match self.operations.get(at)? {
            Ok(operation) => Some((at, self.answer(operation, Err(Error::Unavailable)))),
            Err(unreadable) => Some((at, refusal(unreadable))),
        };
        places.into_iter().filter_map(answer).collect()
    }

    /// A circle of resources to be created: all of them are, or none.
    async fn circle(&mut self, steps: &[Step]) -> Vec<(usize, BulkAnswer)> {
        let mut made: BTreeMap<usize, Made> = BTreeMap::new();
        for step in steps {
            if let Err(error) = self.part(*step, &mut made).await {
                return self.broken(steps, place(*step), &error, &made).await;
            }
        }
        let answer = |(at, Made { rendered, .. }): (usize, Made)| {
            let Some(Ok(operation)) = self.operations.get(at) else { return None };
            Some((at, self.answer(operation, Ok(rendered.into()))))
        };
        made.into_iter().filter_map(answer).collect()
    }

    /// Takes back what there is of a circle that cannot be closed, and answers for each of its members.
    async fn broken(
        &mut self,
        steps: &[Step],
        failed: usize,
        error: &Error,
        made: &BTreeMap<usize, Made>,
    ) -> Vec<(usize, BulkAnswer)> {
        self.heed(error).await;
        let members: BTreeSet<usize> = steps.iter().copied().map(place).collect();
        let mut answers = Vec::new();
        for at in members {
            let Some(Ok(operation)) = self.operations.get(at) else { continue };
            if let Some(name) = &operation.bulk_id {
                self.known.remove(name);
            }
            let left = match made.get(&at) {
                Some(made) => self.take_back(made).await.map(|what| (what, made)),
                None => None,
            };
            let error = match left {
                _ if at == failed => error.clone(),
                None => Error::Blocked("what it is part of was not created".to_owned()),
                Some((what, _)) => Error::Blocked(what.to_owned()),
            };
            let mut answer = self.answer(operation, Err(error));
            answer.location = left.map(|(_, made)| made.rendered.location.clone());
            answers.push((at, answer));
        }
        answers
    }

    /// Deletes what was created; says what remains, if anything does.
    async fn take_back(&mut self, made: &Made) -> Option<&'static str> {
        if made.was_there {
            return Some("it was activated again without what it refers to, which was not created");
        }
        if self.is_away {
            return Some(LEFT);
        }
        match self.delete(made).await {
            Ok(()) | Err(Error::NotFound(_)) => None,
            Err(error) => {
                self.heed(&error).await;
                Some(LEFT)
            }
        }
    }

    async fn delete(&self, made: &Made) -> Result<()> {
        let permit = self.iam.permit(self.cx, Write, &*made.kind).await?;
        self.iam.delete(self.cx, permit, &made.rendered.id, &Condition::default()).await
    }

    /// One step of a circle.
    async fn part(&mut self, step: Step, made: &mut BTreeMap<usize, Made>) -> Result<()> {
        let at = place(step);
        let Some(Ok(operation)) = self.operations.get(at) else { return Ok(()) };
        let kind = self.kind(operation)?;
        let permit = self.iam.permit(self.cx, Write, &*kind).await?;
        let mut data = operation.data.clone();
        if matches!(step, Step::Begin(_)) {
            // Without the references it cannot have yet.
            strip(&mut data, &self.known);
        }
        resolve(&mut data, &self.known).map_err(unresolved)?;
        let (iam, cx, plain) = (self.iam, self.cx, ListQuery::default());
        match made.get_mut(&at) {
            None => {
                let rendered = iam.create(cx, permit, data, &plain).await?;
                self.name(operation, &rendered);
                made.insert(at, Made { kind: Arc::clone(&kind), was_there: rendered.version > 1, rendered });
            }
            Some(known) => {
                let id = known.rendered.id.clone();
                let completed = iam.complete(cx, permit, &id, data).await?;
                known.rendered = completed.with_password(known.rendered.password.take());
            }
        }
        Ok(())
    }

    fn name(&mut self, operation: &Operation, made: &Rendered) {
        if let Some(name) = &operation.bulk_id {
            self.known.insert(name.clone(), made.id.clone());
        }
    }

    fn answer(&self, operation: &Operation, done: Result<Done>) -> BulkAnswer {
        let (location, response, outcome) = match done {
            Ok(done) => (done.location, done.response, Ok(done.version)),
            Err(error) => (self.target(operation), None, Err(error)),
        };
        let method = operation.method.as_str().to_owned();
        BulkAnswer { method, bulk_id: operation.bulk_id.clone(), location, response, outcome }
    }

    /// The URI of what a failed operation was about, which a POST has not.
    fn target(&self, operation: &Operation) -> Option<String> {
        let id = resolve_id(operation.id.as_deref()?, &self.known).ok()?;
        Some(location(&self.cx.base, &operation.endpoint, &id))
    }

    fn kind(&self, operation: &Operation) -> Result<Arc<Kind>> {
        let kind = self.cx.kinds.at(&operation.endpoint).cloned();
        kind.ok_or_else(|| Error::NotFound(format!("there is no endpoint `/{}`", operation.endpoint)))
    }

    async fn whole(&mut self, operation: &Operation) -> Result<Done> {
        let kind = self.kind(operation)?;
        // Asked anew for each: what came before may have taken it away.
        let permit = self.iam.permit(self.cx, Write, &*kind).await?;
        let mut data = operation.data.clone();
        resolve(&mut data, &self.known).map_err(unresolved)?;
        let id = operation.id.as_deref().unwrap_or_default();
        let id = resolve_id(id, &self.known).map_err(unresolved)?;
        let if_match = operation.version.as_deref().map(Etags::parse).transpose()?;
        let condition = Condition { if_match, if_none_match: None };
        let (iam, cx, plain) = (self.iam, self.cx, ListQuery::default());
        match operation.method {
            Method::Post => {
                let made = iam.create(cx, permit, data, &plain).await?;
                self.name(operation, &made);
                Ok(made.into())
            }
            Method::Put => {
                let made = iam.replace(cx, permit, &id, data, &condition, &plain).await?;
                Ok(made.into())
            }
            Method::Patch => {
                let version = match iam.patch(cx, permit, &id, data, &condition, &plain).await? {
                    Written::Resource(made) => made.version,
                    Written::Version(version) => version,
                };
                let location = Some(location(&cx.base, &operation.endpoint, &id));
                Ok(Done { location, version: Some(version), ..Done::default() })
            }
            Method::Delete => {
                iam.delete(cx, permit, &id, &condition).await?;
                let location = Some(location(&cx.base, &operation.endpoint, &id));
                Ok(Done { location, ..Done::default() })
            }
        }
    }
}

/// The place in the request of the operation that a step is of.
fn place(step: Step) -> usize {
    match step {
        Step::Run(at) | Step::Begin(at) | Step::Complete(at) => at,
    }
}

fn unresolved(name: String) -> Error {
    Error::Blocked(format!(
        "{} names nothing that this request created",
        scim::error::quoted(&format!("bulkId:{name}"))
    ))
}
