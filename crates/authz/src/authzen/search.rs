//! Searches (§8): everything of a question but what is searched for.

use serde_json::{Value, json};

use super::request::Members;
use super::{Asked, Entity, Limits, Request};
use crate::action::Action;
use crate::error::Error;

/// Which part of a result is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The token of the page before.
    pub token: Option<String>,
    /// Most results, not above what is allowed, if the request says how many.
    pub limit: Option<usize>,
}

/// Who may do this on that (§8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectSearch {
    /// The type of the subjects.
    pub kind: String,
    /// What.
    pub action: Action,
    /// On what.
    pub resource: Entity<'static>,
    /// Which part.
    pub page: Page,
}

/// On what this subject may do that (§8.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceSearch {
    /// Who.
    pub subject: Entity<'static>,
    /// What.
    pub action: Action,
    /// The type of the resources.
    pub kind: String,
    /// Which part.
    pub page: Page,
}

/// What this subject may do on that (§8.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionSearch {
    /// Who.
    pub subject: Entity<'static>,
    /// On what.
    pub resource: Entity<'static>,
    /// Which part.
    pub page: Page,
}

/// Reads a subject search request; an id of the subject is passed over.
///
/// # Errors
/// When a member is missing, of the wrong type or too long; the error names it.
pub fn subject_search(request: &Request<'_>, limits: &Limits) -> Result<SubjectSearch, Error> {
    let (asked, page) = asked(request, limits)?;
    Ok(SubjectSearch {
        kind: asked.subject.kind(limits)?.to_owned(),
        action: asked.action(limits)?,
        resource: asked.resource.entity(limits)?.into_owned(),
        page: page?,
    })
}

/// Reads a resource search request; an id of the resource is passed over.
///
/// # Errors
/// When a member is missing, of the wrong type or too long; the error names it.
pub fn resource_search(request: &Request<'_>, limits: &Limits) -> Result<ResourceSearch, Error> {
    let (asked, page) = asked(request, limits)?;
    Ok(ResourceSearch {
        subject: asked.subject.entity(limits)?.into_owned(),
        action: asked.action(limits)?,
        kind: asked.resource.kind(limits)?.to_owned(),
        page: page?,
    })
}

/// Reads an action search request; an action is passed over.
///
/// # Errors
/// When a member is missing, of the wrong type or too long; the error names it.
pub fn action_search(request: &Request<'_>, limits: &Limits) -> Result<ActionSearch, Error> {
    let (asked, page) = asked(request, limits)?;
    Ok(ActionSearch {
        subject: asked.subject.entity(limits)?.into_owned(),
        resource: asked.resource.entity(limits)?.into_owned(),
        page: page?,
    })
}

/// A page of results on the wire; an empty token says that there are no more.
pub fn found(results: Vec<Value>, next: Option<&str>) -> Value {
    json!({ "results": results, "page": { "next_token": next.unwrap_or_default() } })
}

/// What is asked, and for which part of the answer.
fn asked<'r>(request: &'r Request<'_>, limits: &Limits) -> Result<(Asked<'r>, Result<Page, Error>), Error> {
    let members = request.members()?;
    members.context.object("context")?;
    Ok((Asked::of(members), page(members, limits)))
}

/// The token is called `token`; drafts before the last called it `next_token`, as answers do.
fn page(members: &Members<'_>, limits: &Limits) -> Result<Page, Error> {
    let Some(page) = members.page.object("page")? else {
        return Ok(Page::default());
    };
    let within = |error: Error| error.within("page");
    let mut token = None;
    for (name, said) in [("next_token", &page.next_token), ("token", &page.token)] {
        match said.get(name, "a string").map_err(within)? {
            Some(text) if text.len() > limits.token_bytes => {
                return Err(within(Error::at(name, format!("is longer than {} bytes", limits.token_bytes))));
            }
            Some(text) => token = Some(text.clone().into_owned()).filter(|text| !text.is_empty()),
            None => {}
        }
    }
    let limit = match page.limit.get("limit", "a number").map_err(within)? {
        None => None,
        Some(number) => match number.as_u64() {
            Some(limit) => Some(usize::try_from(limit).unwrap_or(usize::MAX).min(limits.page)),
            None => {
                let why = format!("must be a whole number from 0, not `{number}`");
                return Err(within(Error::at("limit", why)));
            }
        },
    };
    Ok(Page { token, limit })
}
