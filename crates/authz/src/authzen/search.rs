//! Searches (§8): everything of a question but what is searched for.

use serde_json::{Value, json};

use super::{Entity, Limits, Members, Object, object, type_of};
use crate::action::Action;
use crate::error::Error;

/// Which part of a result is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The token of the page before.
    pub token: Option<String>,
    /// Most results.
    pub limit: usize,
}

/// Who may do this on that (§8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectSearch {
    /// The type of the subjects.
    pub kind: String,
    /// What.
    pub action: Action,
    /// On what.
    pub resource: Entity,
    /// Which part.
    pub page: Page,
}

/// On what this subject may do that (§8.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceSearch {
    /// Who.
    pub subject: Entity,
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
    pub subject: Entity,
    /// On what.
    pub resource: Entity,
    /// Which part.
    pub page: Page,
}

/// Reads a subject search request; an id of the subject is passed over.
///
/// # Errors
/// When a member is missing, of the wrong type or too long; the error names it.
pub fn subject_search(body: &Object, limits: &Limits) -> Result<SubjectSearch, Error> {
    let members = members(body)?;
    Ok(SubjectSearch {
        kind: members.kind("subject", limits)?,
        action: members.action(limits)?,
        resource: members.entity("resource", limits)?,
        page: page(body, limits)?,
    })
}

/// Reads a resource search request; an id of the resource is passed over.
///
/// # Errors
/// When a member is missing, of the wrong type or too long; the error names it.
pub fn resource_search(body: &Object, limits: &Limits) -> Result<ResourceSearch, Error> {
    let members = members(body)?;
    Ok(ResourceSearch {
        subject: members.entity("subject", limits)?,
        action: members.action(limits)?,
        kind: members.kind("resource", limits)?,
        page: page(body, limits)?,
    })
}

/// Reads an action search request; an action is passed over.
///
/// # Errors
/// When a member is missing, of the wrong type or too long; the error names it.
pub fn action_search(body: &Object, limits: &Limits) -> Result<ActionSearch, Error> {
    let members = members(body)?;
    Ok(ActionSearch {
        subject: members.entity("subject", limits)?,
        resource: members.entity("resource", limits)?,
        page: page(body, limits)?,
    })
}

/// A page of results on the wire; an empty token says that there are no more.
pub fn found(results: Vec<Value>, next: Option<&str>) -> Value {
    json!({ "results": results, "page": { "next_token": next.unwrap_or_default() } })
}

fn members(body: &Object) -> Result<Members<'_>, Error> {
    object(body, "context")?;
    Ok(Members { own: body, default: None })
}

/// The token is called `token`; drafts before the last called it `next_token`, as answers do.
fn page(body: &Object, limits: &Limits) -> Result<Page, Error> {
    let Some(page) = object(body, "page")? else { return Ok(Page { token: None, limit: limits.page }) };
    let mut token = None;
    for name in ["next_token", "token"] {
        let wrong = |why: String| Err(Error::at(format!("page.{name}"), why));
        match page.get(name) {
            None => {}
            Some(Value::String(text)) if text.len() > limits.token_bytes => {
                return wrong(format!("is longer than {} bytes", limits.token_bytes));
            }
            Some(Value::String(text)) => token = Some(text.clone()).filter(|text| !text.is_empty()),
            Some(other) => return wrong(format!("must be a string, not {}", type_of(other))),
        }
    }
    let limit = match page.get("limit") {
        None => limits.page,
        Some(Value::Number(number)) => match number.as_u64() {
            Some(limit @ 1..) => usize::try_from(limit).unwrap_or(usize::MAX).min(limits.page),
            _ => {
                return Err(Error::at(
                    "page.limit",
                    format!("must be a whole number from 1, not `{number}`"),
                ));
            }
        },
        Some(other) => {
            return Err(Error::at("page.limit", format!("must be a number, not {}", type_of(other))));
        }
    };
    Ok(Page { token, limit })
}
