//! Bulk requests (RFC 7644 §3.7): reading them, and in which order their operations can run.
//!
//! An operation may name a resource that another one creates, as `bulkId:…`, in any order and even in a circle.
//! The schedule runs whatever is ready in the order given; where only circles are left, one of their members is
//! created without the references it cannot have yet and completed when they exist.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::Object;
use crate::error::{Error, quoted};
use crate::message::{BULK_REQUEST, expect_schema, member};

const PREFIX: &str = "bulkId:";

/// The verb of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Create.
    Post,
    /// Replace.
    Put,
    /// Modify.
    Patch,
    /// Delete.
    Delete,
}

impl Method {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Post, Self::Put, Self::Patch, Self::Delete]
            .into_iter()
            .find(|m| m.as_str().eq_ignore_ascii_case(text))
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its verb.
    pub method: Method,
    /// The name by which other operations mean what it creates.
    pub bulk_id: Option<String>,
    /// The version the resource must have.
    pub version: Option<String>,
    /// The endpoint, such as `Users`.
    pub endpoint: String,
    /// The resource; may be a `bulkId:…`.
    pub id: Option<String>,
    /// What is sent.
    pub data: Object,
}

/// An operation that could not be read: what it said of itself, for the answer, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// The method, as written.
    pub method: String,
    /// The `bulkId`, if any.
    pub bulk_id: Option<String>,
    /// What is wrong.
    pub error: Error,
}

/// A bulk request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// After how many errors to stop.
    pub fail_on_errors: Option<u64>,
    /// In the order given.
    pub operations: Vec<Result<Operation, Unreadable>>,
}

impl Request {
    /// Reads a request. What is wrong with one operation is kept with that operation.
    ///
    /// # Errors
    /// `invalidSyntax` or `invalidValue` when the request as a whole cannot be read.
    pub fn parse(mut body: Object, strict: bool) -> Result<Self, Error> {
        expect_schema(&body, BULK_REQUEST, strict)?;
        let fail_on_errors = match member(&mut body, "failOnErrors", strict)? {
            None | Some(Value::Null) => None,
            Some(value) => {
                let most = value.as_u64().filter(|n| *n > 0);
                Some(most.ok_or_else(|| Error::value("`failOnErrors` must be a whole number above 0"))?)
            }
        };
        let Some(Value::Array(items)) = member(&mut body, "Operations", strict)? else {
            return Err(Error::syntax("`Operations` must be an array"));
        };
        let mut operations: Vec<_> = items.into_iter().map(operation).collect();
        refuse_repeated_ids(&mut operations);
        Ok(Self { fail_on_errors, operations })
    }
}

fn operation(item: Value) -> Result<Operation, Unreadable> {
    let Value::Object(mut item) = item else {
        let error = Error::syntax("an operation must be an object");
        return Err(Unreadable { method: String::new(), bulk_id: None, error });
    };
    let text =
        |name: &str| item.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
    let (written, bulk_id, version, path) =
        (text("method").unwrap_or_default(), text("bulkId"), text("version"), text("path"));
    let fail = |error| Err(Unreadable { method: written.clone(), bulk_id: bulk_id.clone(), error });
    let Some(method) = Method::parse(&written) else {
        return fail(Error::syntax(format!(
            "`method` is POST, PUT, PATCH or DELETE, not {}",
            quoted(&written)
        )));
    };
    let Some(path) = path else { return fail(Error::syntax("`path` is required")) };
    let mut segments = path.split('?').next().unwrap_or_default().trim_matches('/').split('/');
    let endpoint = segments.next().unwrap_or_default().to_owned();
    let id = segments.next().map(str::to_owned);
    if segments.next().is_some() || endpoint.is_empty() || id.is_some() == (method == Method::Post) {
        return fail(Error::new(
            crate::ErrorKind::InvalidPath,
            format!("{} is not a path for {}", quoted(&path), method.as_str()),
        ));
    }
    if method == Method::Post && bulk_id.is_none() {
        return fail(Error::syntax("`bulkId` is required for POST"));
    }
    let data = match item.remove("data") {
        Some(Value::Object(data)) => data,
        None | Some(Value::Null) if method == Method::Delete => Object::new(),
        _ => return fail(Error::syntax("`data` must be an object")),
    };
    Ok(Operation { method, bulk_id, version, endpoint, id, data })
}

fn refuse_repeated_ids(operations: &mut [Result<Operation, Unreadable>]) {
    let mut seen = BTreeSet::new();
    for slot in operations {
        let Ok(Operation { method: Method::Post, bulk_id: Some(id), .. }) = &*slot else { continue };
        if !seen.insert(id.clone()) {
            let error = Error::value(format!("`bulkId` {} stands twice", quoted(id)));
            *slot = Err(Unreadable { method: "POST".to_owned(), bulk_id: Some(id.clone()), error });
        }
    }
}

/// One step of a schedule, naming an operation by its place in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Everything it refers to exists (or never will): run it.
    Run(usize),
    /// Create it without the references that cannot be resolved yet.
    Begin(usize),
    /// Everything it refers to exists now: give it what `Begin` left out.
    Complete(usize),
}

/// The order in which the operations can run.
pub fn schedule(operations: &[Result<Operation, Unreadable>]) -> Vec<Step> {
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (at, slot) in operations.iter().enumerate() {
        if let Ok(Operation { method: Method::Post, bulk_id: Some(id), .. }) = slot {
            makers.insert(id, at);
        }
    }
    let mut waits: Vec<BTreeSet<usize>> = Vec::with_capacity(operations.len());
    let mut waiters: Vec<Vec<usize>> = vec![Vec::new(); operations.len()];
    for (at, slot) in operations.iter().enumerate() {
        let mut on: BTreeSet<usize> = BTreeSet::new();
        if let Ok(operation) = slot {
            references(operation, &mut |id| on.extend(makers.get(id)));
        }
        // A resource that names itself is a circle of one; `begun` takes care of it.
        for maker in &on {
            if let Some(list) = waiters.get_mut(*maker) {
                list.push(at);
            }
        }
        waits.push(on);
    }
    Scheduler { operations, waits, waiters, steps: Vec::new() }.run()
}

struct Scheduler<'a> {
    operations: &'a [Result<Operation, Unreadable>],
    /// For each operation, those it still waits for.
    waits: Vec<BTreeSet<usize>>,
    /// For each operation, those that wait for it.
    waiters: Vec<Vec<usize>>,
    steps: Vec<Step>,
}

impl Scheduler<'_> {
    fn run(mut self) -> Vec<Step> {
        let mut left: BTreeSet<usize> = (0..self.operations.len()).collect();
        let mut ready: BTreeSet<usize> = left.iter().copied().filter(|at| self.is_free(*at)).collect();
        let mut begun: BTreeSet<usize> = BTreeSet::new();
        while let Some(at) = ready.pop_first().or_else(|| self.pick(&left)) {
            if begun.remove(&at) {
                self.steps.push(Step::Complete(at));
                continue;
            }
            left.remove(&at);
            let step = if self.is_free(at) { Step::Run(at) } else { Step::Begin(at) };
            self.steps.push(step);
            if matches!(step, Step::Begin(_)) {
                begun.insert(at);
            }
            for waiter in self.waiters.get(at).cloned().unwrap_or_default() {
                if let Some(on) = self.waits.get_mut(waiter) {
                    on.remove(&at);
                }
                if self.is_free(waiter) && (left.contains(&waiter) || begun.contains(&waiter)) {
                    ready.insert(waiter);
                }
            }
        }
        self.steps
    }

    fn is_free(&self, at: usize) -> bool {
        self.waits.get(at).is_none_or(BTreeSet::is_empty)
    }

    /// Where only circles, and what waits for them, are left: the first member of a circle. Others wait for each of
    /// its members, so all of them create something.
    fn pick(&self, left: &BTreeSet<usize>) -> Option<usize> {
        let next = |at: usize| self.waits.get(at).and_then(BTreeSet::first).copied();
        // Whoever follows what each waits for goes round a circle before long.
        let mut inside = left.first().copied()?;
        for _ in 0..left.len() {
            inside = next(inside).unwrap_or(inside);
        }
        let (mut first, mut at) = (inside, inside);
        for _ in 0..left.len() {
            at = next(at).unwrap_or(inside);
            if at == inside {
                break;
            }
            first = first.min(at);
        }
        Some(first)
    }
}

/// Calls `f` with every `bulkId` that an operation refers to.
fn references(operation: &Operation, f: &mut impl FnMut(&str)) {
    if let Some(id) = operation.id.as_deref().and_then(|id| id.strip_prefix(PREFIX)) {
        f(id);
    }
    operation.data.values().for_each(|value| visit(value, f));
}

fn visit(value: &Value, f: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => {
            if let Some(id) = text.strip_prefix(PREFIX) {
                f(id);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, f)),
        Value::Object(object) => object.values().for_each(|item| visit(item, f)),
        _ => {}
    }
}

/// What a `bulkId:…` stands for; text that is none stands for itself.
///
/// # Errors
/// The `bulkId` that is not known.
pub fn resolve_id(text: &str, known: &HashMap<String, String>) -> Result<String, String> {
    match text.strip_prefix(PREFIX) {
        Some(id) => known.get(id).cloned().ok_or_else(|| id.to_owned()),
        None => Ok(text.to_owned()),
    }
}

/// Puts ids in place of every `bulkId:…`.
///
/// # Errors
/// The first `bulkId` that is not known.
pub fn resolve(data: &mut Object, known: &HashMap<String, String>) -> Result<(), String> {
    data.values_mut().try_for_each(|value| resolve_value(value, known))
}

fn resolve_value(value: &mut Value, known: &HashMap<String, String>) -> Result<(), String> {
    match value {
        Value::String(text) => {
            if text.starts_with(PREFIX) {
                *text = resolve_id(text, known)?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve_value(item, known)),
        Value::Object(object) => resolve(object, known),
        _ => Ok(()),
    }
}

/// Takes out every value that holds a `bulkId:…` which is not known yet: an element of a list as a whole, else the
/// attribute; of an extension, just the attribute in it.
pub fn strip(data: &mut Object, known: &HashMap<String, String>) {
    data.retain(|name, value| match value {
        Value::Array(items) => {
            items.retain(|item| is_resolvable(item, known));
            true
        }
        // Only the name of an extension, a URN, has a colon in it.
        Value::Object(extension) if name.contains(':') => {
            strip(extension, known);
            true
        }
        value => is_resolvable(value, known),
    });
}

fn is_resolvable(value: &Value, known: &HashMap<String, String>) -> bool {
    let mut all = true;
    visit(value, &mut |id| all &= known.contains_key(id));
    all
}
