//! Bulk requests (RFC 7644 §3.7): reading them, and in which order their operations can run.
//!
//! An operation may name a resource that another one creates, as `bulkId:…`, in any order and even in a circle.
//! The schedule runs whatever is ready in the order given; where only circles are left, one of their members is
//! created without the references it cannot have yet and completed when they exist.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    let said = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    let (method, bulk_id) = (said("method").unwrap_or_default(), said("bulkId").filter(|id| !id.is_empty()));
    read(item).map_err(|error| Unreadable { method, bulk_id, error })
}

fn read(item: Value) -> Result<Operation, Error> {
    let Value::Object(mut item) = item else {
        return Err(Error::syntax("an operation must be an object"));
    };
    let text = |name: &str| match item.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        // Whoever names a version wants it heeded, however it is written.
        Some(_) => Err(Error::syntax(format!("`{name}` must be a string"))),
    };
    let written = text("method")?.unwrap_or_default();
    let (bulk_id, version, path) = (text("bulkId")?, text("version")?, text("path")?);
    let method = Method::parse(&written).ok_or_else(|| {
        Error::syntax(format!("`method` is POST, PUT, PATCH or DELETE, not {}", quoted(&written)))
    })?;
    let path = path.ok_or_else(|| Error::syntax("`path` is required"))?;
    let mut segments = path.split('?').next().unwrap_or_default().trim_matches('/').split('/');
    let endpoint = segments.next().unwrap_or_default().to_owned();
    let id = segments.next().map(str::to_owned);
    if segments.next().is_some() || endpoint.is_empty() || id.is_some() == (method == Method::Post) {
        return Err(Error::path(format!("{} is not a path for {}", quoted(&path), method.as_str())));
    }
    if method == Method::Post && bulk_id.is_none() {
        return Err(Error::syntax("`bulkId` is required for POST"));
    }
    let data = match item.remove("data") {
        Some(Value::Object(data)) => data,
        None | Some(Value::Null) if method == Method::Delete => Object::new(),
        _ => return Err(Error::syntax("`data` must be an object")),
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

/// The order in which the operations can run. Steps that stand together are one, or a circle of resources that refer to each
/// other: of a circle there can be all or nothing, and what refers to it comes after it.
pub fn schedule(operations: &[Result<Operation, Unreadable>]) -> Vec<Vec<Step>> {
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (at, slot) in operations.iter().enumerate() {
        if let Ok(Operation { method: Method::Post, bulk_id: Some(id), .. }) = slot {
            makers.insert(id, at);
        }
    }
    let mut graph = Graph { waits: Vec::with_capacity(operations.len()), waiters: vec![] };
    graph.waiters.resize(operations.len(), BTreeSet::new());
    for (at, slot) in operations.iter().enumerate() {
        let mut on: BTreeSet<usize> = BTreeSet::new();
        if let Ok(operation) = slot {
            references(operation, &mut |id| on.extend(makers.get(id)));
        }
        for maker in &on {
            if let Some(waiters) = graph.waiters.get_mut(*maker) {
                waiters.insert(at);
            }
        }
        graph.waits.push(on);
    }
    graph.schedule()
}

/// Which operation refers to what another creates.
struct Graph {
    /// For each operation, those it waits for.
    waits: Vec<BTreeSet<usize>>,
    /// For each operation, those that wait for it.
    waiters: Vec<BTreeSet<usize>>,
}

impl Graph {
    /// Circle after circle, the earliest that waits for none first.
    fn schedule(&self) -> Vec<Vec<Step>> {
        let circle_of = self.circles();
        let mut circles: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (at, circle) in circle_of.iter().enumerate() {
            circles.entry(*circle).or_default().insert(at);
        }
        let others = |edges: &[BTreeSet<usize>], circle: usize, members: &BTreeSet<usize>| {
            let met = members.iter().filter_map(|at| edges.get(*at)).flatten();
            let met = met.filter_map(|at| circle_of.get(*at).copied());
            met.filter(|other| *other != circle).collect::<BTreeSet<usize>>()
        };
        let mut waits: BTreeMap<usize, BTreeSet<usize>> = circles
            .iter()
            .map(|(circle, members)| (*circle, others(&self.waits, *circle, members)))
            .collect();
        let free = waits.iter().filter(|(_, on)| on.is_empty()).map(|(circle, _)| *circle);
        // A circle is named after its first member, so these are in the order of the request.
        let mut ready: BTreeSet<usize> = free.collect();
        let mut steps = Vec::new();
        while let Some(circle) = ready.pop_first() {
            let Some(members) = circles.get(&circle) else { continue };
            steps.push(self.steps(members));
            for waiter in others(&self.waiters, circle, members) {
                let Some(on) = waits.get_mut(&waiter) else { continue };
                on.remove(&circle);
                if on.is_empty() {
                    ready.insert(waiter);
                }
            }
        }
        steps
    }

    /// For each operation, the first of the circle it is part of: those that wait, over others, for each other
    /// (Kosaraju's strongly connected components).
    fn circles(&self) -> Vec<usize> {
        let mut finished = Vec::with_capacity(self.waits.len());
        let mut seen = BTreeSet::new();
        for at in 0..self.waits.len() {
            walk(&self.waits, at, &mut seen, &mut finished);
        }
        let mut circle_of = vec![0; self.waits.len()];
        seen.clear();
        while let Some(at) = finished.pop() {
            let mut members = Vec::new();
            walk(&self.waiters, at, &mut seen, &mut members);
            let first = members.iter().min().copied().unwrap_or(at);
            for member in members {
                if let Some(circle) = circle_of.get_mut(member) {
                    *circle = first;
                }
            }
        }
        circle_of
    }

    /// The steps of a circle. Whoever waits for none of the others that do not exist yet goes first; where there is
    /// none, one is begun.
    fn steps(&self, members: &BTreeSet<usize>) -> Vec<Step> {
        let inside = |at: &usize| self.waits.get(*at).into_iter().flatten().filter(|on| members.contains(on));
        let mut waits: BTreeMap<usize, BTreeSet<usize>> =
            members.iter().map(|at| (*at, inside(at).copied().collect())).collect();
        let mut begun = BTreeSet::new();
        let mut steps = Vec::new();
        loop {
            let free = waits.iter().find(|(_, on)| on.is_empty()).map(|(at, _)| *at);
            let next = free.or_else(|| waits.keys().find(|at| !begun.contains(*at)).copied());
            let Some(at) = next else { return steps };
            let is_begun = begun.contains(&at);
            steps.push(match (free, is_begun) {
                (Some(_), true) => Step::Complete(at),
                (Some(_), false) => Step::Run(at),
                (None, _) => Step::Begin(at),
            });
            if free.is_some() {
                waits.remove(&at);
            } else {
                begun.insert(at);
            }
            for on in waits.values_mut() {
                on.remove(&at);
            }
        }
    }
}

/// Everything that can be reached from a place and has not been seen, each after whatever it leads to.
fn walk(edges: &[BTreeSet<usize>], from: usize, seen: &mut BTreeSet<usize>, finished: &mut Vec<usize>) {
    let mut open = vec![(from, false)];
    while let Some((at, is_done)) = open.pop() {
        if is_done {
            finished.push(at);
        } else if seen.insert(at) {
            open.push((at, true));
            open.extend(edges.get(at).into_iter().flatten().map(|next| (*next, false)));
        }
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
