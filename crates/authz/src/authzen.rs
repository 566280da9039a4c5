//! The messages of the OpenID AuthZEN Authorization API 1.0, read and written. Who asks and over which transport is not known here.
//!
//! Members that are not known are left alone, as the specification wants; what is known must have its type. `properties` are taken
//! and not looked at: nothing that is granted depends on them. An explanation is asked for by `"explain": true` in the `context`.

mod batch;
mod search;

pub use batch::{Answer, Answers, Evaluations, Semantic, evaluations};
pub use search::{
    ActionSearch, Page, ResourceSearch, SubjectSearch, action_search, found, resource_search, subject_search,
};

use serde_json::{Map, Value, json};

use crate::action::Action;
use crate::error::Error;

/// A JSON object.
pub type Object = Map<String, Value>;

/// What bounds a message.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest name of an action, in bytes.
    pub action_bytes: usize,
    /// Longest type or id of a subject or resource, in bytes.
    pub id_bytes: usize,
    /// Most evaluations of one message.
    pub evaluations: usize,
    /// Most results of one page.
    pub page: usize,
    /// Longest token of a page, in bytes.
    pub token_bytes: usize,
}

/// A subject or resource (§5.1, §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its type.
    pub kind: String,
    /// Its id within the type.
    pub id: String,
}

/// One question (§6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Who.
    pub subject: Entity,
    /// What.
    pub action: Action,
    /// On what.
    pub resource: Entity,
    /// Whether an explanation is asked for.
    pub explain: bool,
}

/// Reads an access evaluation request (§6.1).
///
/// # Errors
/// When a member is missing, of the wrong type or too long; the error names it.
pub fn evaluation(body: &Object, limits: &Limits) -> Result<Evaluation, Error> {
    let members = Members { own: body, default: None };
    Ok(Evaluation {
        subject: members.entity("subject", limits)?,
        action: members.action(limits)?,
        resource: members.entity("resource", limits)?,
        explain: members.explain()?,
    })
}

/// Metadata of a decision point at this address, an `https` URL without a slash at its end (§9.1).
pub fn metadata(base: &str) -> Value {
    json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
        "search_subject_endpoint": format!("{base}/access/v1/search/subject"),
        "search_resource_endpoint": format!("{base}/access/v1/search/resource"),
        "search_action_endpoint": format!("{base}/access/v1/search/action"),
    })
}

/// The members of a request, or of one evaluation among many, with what stands at the top for all of them (§7.1.1).
#[derive(Clone, Copy)]
struct Members<'a> {
    own: &'a Object,
    default: Option<&'a Object>,
}

impl<'a> Members<'a> {
    fn entity(self, name: &'a str, limits: &Limits) -> Result<Entity, Error> {
        let said = self.said(name)?;
        let (kind, id) = (said.text("type", limits.id_bytes)?, said.text("id", limits.id_bytes)?);
        Ok(Entity { kind: kind.to_owned(), id: id.to_owned() })
    }

    /// The type alone, where the rest is what is searched for.
    fn kind(self, name: &'a str, limits: &Limits) -> Result<String, Error> {
        self.said(name)?.text("type", limits.id_bytes).map(str::to_owned)
    }

    fn action(self, limits: &Limits) -> Result<Action, Error> {
        let name = self.said("action")?.text("name", usize::MAX)?;
        Action::parse(name, limits.action_bytes).map_err(|error| error.within("action.name"))
    }

    fn explain(self) -> Result<bool, Error> {
        let context = match object(self.own, "context")? {
            None => self.default.map(|default| object(default, "context")).transpose()?.flatten(),
            own => own,
        };
        Ok(context.and_then(|context| context.get("explain")) == Some(&Value::Bool(true)))
    }

    /// What is said of an entity: its own members, then those of the entity that stands for all.
    fn said(self, entity: &'a str) -> Result<Said<'a>, Error> {
        let own = object(self.own, entity)?;
        let default = self.default.map(|default| object(default, entity)).transpose()?.flatten();
        if own.is_none() && default.is_none() {
            return Err(Error::at(entity, "is missing"));
        }
        for members in [own, default].into_iter().flatten() {
            object(members, "properties").map_err(|error| error.within(entity))?;
        }
        Ok(Said { entity, own, default })
    }
}

/// What is said of an entity.
#[derive(Clone, Copy)]
struct Said<'a> {
    entity: &'a str,
    own: Option<&'a Object>,
    default: Option<&'a Object>,
}

impl<'a> Said<'a> {
    fn text(self, name: &str, bytes_max: usize) -> Result<&'a str, Error> {
        let wrong = |why: String| Err(Error::at(format!("{}.{name}", self.entity), why));
        match [self.own, self.default].into_iter().flatten().find_map(|members| members.get(name)) {
            None => wrong("is missing".to_owned()),
            Some(Value::String(text)) if text.is_empty() => wrong("must not be empty".to_owned()),
            Some(Value::String(text)) if text.len() > bytes_max => {
                wrong(format!("is longer than {bytes_max} bytes"))
            }
            Some(Value::String(text)) => Ok(text),
            Some(other) => wrong(format!("must be a string, not {}", type_of(other))),
        }
    }
}

/// An optional member that is an object.
fn object<'a>(members: &'a Object, name: &str) -> Result<Option<&'a Object>, Error> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => Err(Error::at(name, format!("must be an object, not {}", type_of(other)))),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
