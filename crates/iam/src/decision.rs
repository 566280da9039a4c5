//! The decision API: may this subject do this on that, who may, on what, what, and why.
//!
//! The messages are those of AuthZEN 1.0, read and written by `authz`. A subject is named by its id, by its id with a prefix
//! (`user-…`), and a user by the user name too.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, VecDeque};

use authz::authzen::{self, Answer, Answers, Entity, Evaluation, Evaluations, Request};
use authz::explain::Explanation;
use authz::graph::{Subject, SubjectKind, Target};
use authz::search::{Found, Page};
use authz::{Action, Decision, Graph, Question, Reason, Standing, explain, search, subject};
use serde_json::{Value, json};

use crate::access::{Decisions, Permit, Read};
use crate::cursor::{self, Place};
use crate::cx::{Cx, SUBJECT_KIND};
use crate::error::{Error, Result};
use crate::{Iam, limits};

/// The attribute by which people call themselves.
const USER_NAME: &str = "userName";

/// User names that a message may mean, and the ids of those that there are.
type Named = HashMap<String, Option<String>>;

/// A part of the result of a search.
struct Part {
    query: cursor::Query,
    /// Where the page before it ended.
    after: Option<String>,
    /// Most that a page holds.
    limit: usize,
}

/// One question, answered.
struct Outcome {
    decision: Decision,
    explanation: Option<Explanation>,
}

impl Iam {
    /// Answers an access evaluation request (AuthZEN §6).
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the member that is wrong.
    pub async fn evaluate(
        &self,
        cx: &Cx,
        _: Permit<Read, Decisions>,
        request: &Request<'_>,
    ) -> Result<Answers> {
        let evaluation = authzen::evaluation(request, &limits::AUTHZEN).map_err(|error| wrong(&error))?;
        self.answer(cx, Evaluations::One(evaluation)).await
    }

    /// Answers an access evaluations request (AuthZEN §7), or a single one in its place.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is wrong with the message as a whole; an evaluation that is wrong is answered in its place.
    pub async fn evaluate_many(
        &self,
        cx: &Cx,
        _: Permit<Read, Decisions>,
        request: &Request<'_>,
    ) -> Result<Answers> {
        let evaluations = authzen::evaluations(request, &limits::AUTHZEN).map_err(|error| wrong(&error))?;
        self.answer(cx, evaluations).await
    }

    /// Decides one question and says why: subject, action, and type and id of the resource.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an action or scope that is none, [`Error::NotFound`] when there is no such subject.
    pub async fn explain(
        &self,
        cx: &Cx,
        _: Permit<Read, Decisions>,
        subject: (&str, &str),
        action: &str,
        resource: (&str, &str),
    ) -> Result<Explanation> {
        let entity = |(kind, id): (_, _)| Entity { kind: Cow::Borrowed(kind), id: Cow::Borrowed(id) };
        let evaluations = Evaluations::One(Evaluation {
            subject: entity(subject),
            action: Action::parse(action, limits::AUTHZEN.action_bytes).map_err(|error| wrong(&error))?,
            resource: entity(resource),
            explain: true,
        });
        let mut outcomes = self.outcomes(cx, &evaluations).await?;
        let explanation = match outcomes.pop_front() {
            Some(Ok(Outcome { explanation: Some(mut explanation), .. })) => {
                self.show_names(cx, explanation.nodes_mut()).await?;
                explanation
            }
            Some(Err(error)) => return Err(wrong(&error)),
            _ => {
                let id = scim::error::quoted(subject.1);
                return Err(Error::NotFound(format!("there is no {} {id}", subject.0)));
            }
        };
        Ok(explanation)
    }

    async fn answer(&self, cx: &Cx, evaluations: Evaluations<'_>) -> Result<Answers> {
        let mut outcomes = self.outcomes(cx, &evaluations).await?;
        if let (Evaluations::One(_), Some(Err(error))) = (&evaluations, outcomes.front()) {
            return Err(wrong(error));
        }
        let explained = outcomes.iter_mut().flatten().filter_map(|outcome| outcome.explanation.as_mut());
        self.show_names(cx, explained.flat_map(Explanation::nodes_mut)).await?;
        Ok(evaluations.answer(|evaluation| match outcomes.pop_front() {
            Some(Ok(outcome)) => outcome.answer(evaluation.explain),
            Some(Err(error)) => Answer::refused(&error),
            None => Answer::bare(false),
        }))
    }

    /// The answers to the questions that are to be answered, in order.
    async fn outcomes(
        &self,
        cx: &Cx,
        evaluations: &Evaluations<'_>,
    ) -> Result<VecDeque<Result<Outcome, authz::Error>>> {
        let explained = match evaluations {
            Evaluations::One(_) => 0,
            Evaluations::Many { items, .. } => items.iter().flatten().filter(|item| item.explain).count(),
        };
        if explained > limits::EXPLANATIONS_MAX {
            let most = limits::EXPLANATIONS_MAX;
            return Err(Error::invalid(format!("`evaluations`: at most {most} of them are explained")));
        }
        let mut named = Named::new();
        loop {
            let decided = self.with_recent_graph(cx.tenant, |graph| {
                let (mut outcomes, unknown) = (VecDeque::new(), RefCell::new(BTreeSet::new()));
                let mut last = None;
                evaluations.decide(|evaluation| {
                    let named = |name: &str| user(&named, &unknown, name);
                    let outcome = outcome(graph, evaluation, named, &mut last);
                    let allowed = outcome.as_ref().is_ok_and(|outcome| outcome.decision.allowed);
                    outcomes.push_back(outcome);
                    allowed
                });
                (outcomes, unknown.into_inner())
            });
            let (outcomes, unknown) = decided.await?;
            if unknown.is_empty() {
                return Ok(outcomes);
            }
            Box::pin(self.look_up(cx, unknown, &mut named)).await?;
        }
    }

    /// Finds out which users have these names.
    async fn look_up(&self, cx: &Cx, names: BTreeSet<String>, named: &mut Named) -> Result<()> {
        let kind = cx.kinds.named(SUBJECT_KIND);
        let probe = kind.and_then(|kind| kind.unique.iter().find(|probe| probe.name == USER_NAME));
        for name in names {
            let key = probe.and_then(|probe| scim::value::key(probe.leaf(), &Value::from(name.as_str())));
            let id = match key.filter(|key| key.len() <= limits::UNIQUE_BYTES_MAX) {
                Some(key) => self.of(cx).id_by_key(SUBJECT_KIND, USER_NAME, &key).await?,
                None => None,
            };
            named.insert(name, id);
        }
        Ok(())
    }
}

/// Searches.
impl Iam {
    /// Answers a subject search request (AuthZEN §8.4): who may do this on that.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the member that is wrong, or for a token that is none.
    pub async fn search_subjects(
        &self,
        cx: &Cx,
        _: Permit<Read, Decisions>,
        request: &Request<'_>,
    ) -> Result<Value> {
        let asked = authzen::subject_search(request, &limits::AUTHZEN).map_err(|error| wrong(&error))?;
        let parts =
            ["subjects", &asked.kind, asked.action.as_str(), &asked.resource.kind, &asked.resource.id];
        let part = self.part(cx, &parts, &asked.page)?;
        let kind = asked.kind.clone();
        let (after, limit) = (part.after.clone(), part.limit);
        let found = self.search_graph(cx.tenant, move |graph| {
            let Some(kind) = SubjectKind::ALL.into_iter().find(|kind| kind.as_str() == asked.kind) else {
                return Ok(Found::default());
            };
            let target = target(graph, &asked.resource.kind, &asked.resource.id)?;
            let page = Page { after: after.as_deref(), limit };
            Ok(search::subjects(graph, kind, &asked.action, &target, page, &limits::DECISION))
        });
        self.found(cx, &part, found.await?, |id| json!({ "type": kind, "id": id }))
    }

    /// Answers a resource search request (AuthZEN §8.5): on what somebody may do this.
    ///
    /// # Errors
    /// As [`Iam::search_subjects`].
    pub async fn search_resources(
        &self,
        cx: &Cx,
        _: Permit<Read, Decisions>,
        request: &Request<'_>,
    ) -> Result<Value> {
        let asked = authzen::resource_search(request, &limits::AUTHZEN).map_err(|error| wrong(&error))?;
        let parts = ["resources", &asked.subject.kind, &asked.subject.id, asked.action.as_str(), &asked.kind];
        let part = self.part(cx, &parts, &asked.page)?;
        let named = self.named_subject(cx, &asked.subject).await?;
        let kind = asked.kind.clone();
        let (after, limit) = (part.after.clone(), part.limit);
        let found = self.search_graph(cx.tenant, move |graph| {
            let Some((subject, id)) = resolved(graph, &asked.subject, &named) else {
                return Ok(Found::default());
            };
            let standing = Standing::of(graph, Subject { kind: subject, id: &id }, &limits::DECISION);
            let page = Page { after: after.as_deref(), limit };
            let (action, kind) = (&asked.action, &asked.kind);
            Ok(search::resources(&standing, action, kind, page, &limits::DECISION, &limits::SCOPE))
        });
        self.found(cx, &part, found.await?, |id| json!({ "type": kind, "id": id }))
    }

    /// Answers an action search request (AuthZEN §8.6): what somebody may do on that.
    ///
    /// # Errors
    /// As [`Iam::search_subjects`].
    pub async fn search_actions(
        &self,
        cx: &Cx,
        _: Permit<Read, Decisions>,
        request: &Request<'_>,
    ) -> Result<Value> {
        let asked = authzen::action_search(request, &limits::AUTHZEN).map_err(|error| wrong(&error))?;
        let parts =
            ["actions", &asked.subject.kind, &asked.subject.id, &asked.resource.kind, &asked.resource.id];
        let part = self.part(cx, &parts, &asked.page)?;
        let named = self.named_subject(cx, &asked.subject).await?;
        let (after, limit) = (part.after.clone(), part.limit);
        let found = self.search_graph(cx.tenant, move |graph| {
            let Some((subject, id)) = resolved(graph, &asked.subject, &named) else {
                return Ok(Found::default());
            };
            let target = target(graph, &asked.resource.kind, &asked.resource.id)?;
            let standing = Standing::of(graph, Subject { kind: subject, id: &id }, &limits::DECISION);
            let page = Page { after: after.as_deref(), limit };
            Ok(search::actions(&standing, &target, page, &limits::DECISION))
        });
        self.found(cx, &part, found.await?, |name| json!({ "name": name }))
    }

    /// Which part of which result a page is. Who goes on with a token goes on with the page's size, said again or not (AuthZEN §8.2.1).
    fn part(&self, cx: &Cx, parts: &[&str], page: &authzen::Page) -> Result<Part> {
        let tenant = cx.tenant.0.to_string();
        let query = cursor::query(&[&[tenant.as_str(), "search"], parts].concat());
        let place = match page.token.as_deref() {
            Some(token) => Some(self.cursors.open_cursor(&query, token, cx.now).map_err(of_token)?),
            None => None,
        };
        let before = place.as_ref().and_then(|place| place.key.as_slice().try_into().ok());
        let before = before.and_then(|size| usize::try_from(u64::from_be_bytes(size)).ok());
        if let (Some(limit), Some(before)) = (page.limit, before)
            && limit != before
        {
            return Err(Error::invalid(format!("`page.limit`: must stay {before} from page to page")));
        }
        let limit = page.limit.or(before).unwrap_or(limits::AUTHZEN.page);
        Ok(Part { query, after: place.map(|place| place.id), limit })
    }

    fn found(
        &self,
        cx: &Cx,
        part: &Part,
        found: Result<Found, authz::Error>,
        shown: impl Fn(String) -> Value,
    ) -> Result<Value> {
        let found = found.map_err(|error| wrong(&error))?;
        let key = u64::try_from(part.limit).unwrap_or(u64::MAX).to_be_bytes().to_vec();
        let place = |id| Place { backwards: false, key, id };
        let next = found.next.map(|id| self.cursors.seal(&part.query, &place(id), cx.now));
        Ok(authzen::found(found.ids.into_iter().map(shown).collect(), next.as_deref()))
    }

    async fn named_subject(&self, cx: &Cx, subject: &Entity<'_>) -> Result<Named> {
        let mut named = Named::new();
        if subject.kind == SubjectKind::User.as_str() {
            self.look_up(cx, BTreeSet::from([subject.id.clone().into_owned()]), &mut named).await?;
        }
        Ok(named)
    }
}

/// The user of a name, as far as names have been looked up.
fn user(named: &Named, unknown: &RefCell<BTreeSet<String>>, name: &str) -> Option<String> {
    let known = named.get(name);
    if known.is_none() {
        unknown.borrow_mut().insert(name.to_owned());
    }
    known.cloned().flatten()
}

fn resolved<'r>(graph: &Graph, entity: &'r Entity<'_>, named: &Named) -> Option<(SubjectKind, Cow<'r, str>)> {
    subject::resolve(graph, &entity.kind, &entity.id, |name| named.get(name).cloned().flatten())
}

/// Decides one question. Mostly the next one is about the same subject, so what that has is kept in `last`.
fn outcome<'g, 'r>(
    graph: &'g Graph,
    evaluation: &'r Evaluation<'_>,
    user_named: impl FnOnce(&str) -> Option<String>,
    last: &mut Option<(SubjectKind, Cow<'r, str>, Standing<'g>)>,
) -> Result<Outcome, authz::Error> {
    let Entity { kind, id } = &evaluation.resource;
    let target = target(graph, kind, id)?;
    let Some((kind, id)) =
        subject::resolve(graph, &evaluation.subject.kind, &evaluation.subject.id, user_named)
    else {
        let decision = Decision { allowed: false, reason: Reason::UnknownSubject };
        return Ok(Outcome { decision, explanation: None });
    };
    if evaluation.explain {
        let subject = Subject { kind, id: &id };
        let question = Question { subject, action: &evaluation.action, target: &target };
        let explanation = explain(graph, &question, &limits::EXPLANATION);
        return Ok(Outcome { decision: explanation.decision, explanation: Some(explanation) });
    }
    let kept = last.take().filter(|(of, named, _)| (*of, named) == (kind, &id));
    let (.., standing) = last.insert(kept.unwrap_or_else(|| {
        let standing = Standing::of(graph, Subject { kind, id: &id }, &limits::DECISION);
        (kind, id, standing)
    }));
    Ok(Outcome { decision: standing.decide(&evaluation.action, &target), explanation: None })
}

fn target(graph: &Graph, kind: &str, id: &str) -> Result<Target, authz::Error> {
    graph.target(kind, id, &limits::SCOPE).map_err(|error| authz::Error::at("resource", error.detail))
}

impl Outcome {
    fn answer(&self, explains: bool) -> Answer {
        let mut answer = Answer::bare(self.decision.allowed);
        match &self.explanation {
            Some(explanation) => answer.context = explanation.json(),
            None if explains => {
                answer.context.insert("reason".to_owned(), self.decision.reason.as_str().into());
            }
            None => {}
        }
        answer
    }
}

/// What is wrong with a token, said of the member that it stands in.
fn of_token(error: Error) -> Error {
    match error {
        Error::Invalid(error) => {
            Error::Invalid(scim::Error::new(error.kind, format!("`page.token`: {}", error.detail)))
        }
        other => other,
    }
}

fn wrong(error: &authz::Error) -> Error {
    Error::invalid(error.to_string())
}
