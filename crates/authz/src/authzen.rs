//! The messages of the OpenID AuthZEN Authorization API 1.0, read and written. Who asks and over which transport is not known here.
//!
//! Members that are not known are left alone, as the specification wants; what is known must have its type. `properties` are taken
//! and not looked at: nothing that is granted depends on them. An explanation is asked for by `"explain": true` in the `context`.

mod batch;
mod request;
mod search;

pub use batch::{Answer, Answers, Evaluations, Semantic, evaluations};
pub use request::Request;
pub use search::{
    ActionSearch, Page, ResourceSearch, SubjectSearch, action_search, found, resource_search, subject_search,
};

use std::borrow::Cow;

use serde_json::{Value, json};

use self::request::{Context, Item, Member, Members};
use crate::action::Action;
use crate::error::Error;

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
pub struct Entity<'r> {
    /// Its type.
    pub kind: Cow<'r, str>,
    /// Its id within the type.
    pub id: Cow<'r, str>,
}

impl Entity<'_> {
    /// The same, whatever becomes of the request.
    pub fn into_owned(self) -> Entity<'static> {
        Entity { kind: self.kind.into_owned().into(), id: self.id.into_owned().into() }
    }
}

/// One question (§6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation<'r> {
    /// Who.
    pub subject: Entity<'r>,
    /// What.
    pub action: Action,
    /// On what.
    pub resource: Entity<'r>,
    /// Whether an explanation is asked for.
    pub explain: bool,
}

/// Reads an access evaluation request (§6.1).
///
/// # Errors
/// When a member is missing, of the wrong type or too long; the error names it.
pub fn evaluation<'r>(request: &'r Request<'_>, limits: &Limits) -> Result<Evaluation<'r>, Error> {
    Asked::of(request.members()?).evaluation(limits)
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

impl<'a> Request<'a> {
    fn members(&self) -> Result<&Members<'a>, Error> {
        match &self.0 {
            Member::Is(members) => Ok(members),
            Member::Missing | Member::Not(_) => Err(Error::new("the body must be a JSON object")),
        }
    }
}

impl<T> Member<T> {
    /// What it is, if it is there. `what` and `name` are said of one that is something else.
    fn get(&self, name: &str, what: &str) -> Result<Option<&T>, Error> {
        match self {
            Self::Missing => Ok(None),
            Self::Is(value) => Ok(Some(value)),
            Self::Not(kind) => Err(Error::at(name, format!("must be {what}, not {kind}"))),
        }
    }

    /// As [`Member::get`], of an object.
    fn object(&self, name: &str) -> Result<Option<&T>, Error> {
        self.get(name, "an object")
    }
}

/// What is asked: by a request, or by one evaluation among many. What that does not say itself stands at the top for all of them; what
/// it says stands instead of that as a whole, and nothing is put together from both (§7.1.1).
#[derive(Clone, Copy)]
struct Asked<'r> {
    subject: Said<'r>,
    action: Said<'r>,
    resource: Said<'r>,
    context: &'r Member<Context>,
}

/// What is said of an entity.
#[derive(Clone, Copy)]
struct Said<'r> {
    name: &'static str,
    entity: &'r Member<request::Entity<'r>>,
}

impl<'r> Asked<'r> {
    fn of(members: &'r Members<'_>) -> Self {
        Self {
            subject: Said { name: "subject", entity: &members.subject },
            action: Said { name: "action", entity: &members.action },
            resource: Said { name: "resource", entity: &members.resource },
            context: &members.context,
        }
    }

    /// What an item asks where this stands for all of them.
    fn by(self, item: &'r Item<'_>) -> Self {
        let said = |all: Said<'r>, own| Said { entity: own_or(own, all.entity), ..all };
        Self {
            subject: said(self.subject, &item.subject),
            action: said(self.action, &item.action),
            resource: said(self.resource, &item.resource),
            context: own_or(&item.context, self.context),
        }
    }

    fn evaluation(self, limits: &Limits) -> Result<Evaluation<'r>, Error> {
        Ok(Evaluation {
            subject: self.subject.entity(limits)?,
            action: self.action(limits)?,
            resource: self.resource.entity(limits)?,
            explain: self.explain()?,
        })
    }

    fn action(self, limits: &Limits) -> Result<Action, Error> {
        let name = self.action.text("name", |entity| &entity.name, usize::MAX)?;
        Action::parse(name, limits.action_bytes).map_err(|error| error.within("action.name"))
    }

    fn explain(self) -> Result<bool, Error> {
        let context = self.context.object("context")?;
        Ok(context.is_some_and(|context| matches!(context.explain, Member::Is(true))))
    }
}

fn own_or<'r, T>(own: &'r Member<T>, default: &'r Member<T>) -> &'r Member<T> {
    if let Member::Missing = own { default } else { own }
}

impl<'r> Said<'r> {
    fn entity(self, limits: &Limits) -> Result<Entity<'r>, Error> {
        let kind = self.kind(limits)?;
        let id = self.text("id", |entity| &entity.id, limits.id_bytes)?;
        Ok(Entity { kind: kind.into(), id: id.into() })
    }

    /// The type alone, where the rest is what is searched for.
    fn kind(self, limits: &Limits) -> Result<&'r str, Error> {
        self.text("type", |entity| &entity.kind, limits.id_bytes)
    }

    fn text(
        self,
        name: &str,
        of: impl FnOnce(&'r request::Entity<'r>) -> &'r Member<Cow<'r, str>>,
        bytes_max: usize,
    ) -> Result<&'r str, Error> {
        let Some(entity) = self.entity.object(self.name)? else {
            return Err(Error::at(self.name, "is missing"));
        };
        let within = |error: Error| error.within(self.name);
        entity.properties.object("properties").map_err(within)?;
        let why = match of(entity).get(name, "a string").map_err(within)? {
            None => "is missing".to_owned(),
            Some(text) if text.is_empty() => "must not be empty".to_owned(),
            Some(text) if text.len() > bytes_max => format!("is longer than {bytes_max} bytes"),
            Some(text) => return Ok(text),
        };
        Err(within(Error::at(name, why)))
    }
}

#[cfg(test)]
mod tests;
