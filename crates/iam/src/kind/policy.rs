//! What is special about a Policy: it grants one action on one scope to one subject, once, and says so in the spelling of
//! decisions. It goes with its subject.

use authz::{Action, Scope};
use scim::Error;
use scim::admit::Admitted;
use serde_json::Value;

use super::Before;
use super::facts::{Facts, PLAIN};
use super::reserve::{Change, Reserve, holds_durwards};
use crate::limits;

pub(super) static POLICY: Facts = Facts {
    name: "Policy",
    endpoint: "Policies",
    description: "What a subject may do on a scope and all that lies in it",
    schema: include_str!("policy.json"),
    together: &["subject", "scope", "action"],
    indexed: &["subject", "scope", "action"],
    subject: Some("subject"),
    created: Some("created_at"),
    rules,
    reserved,
    ..PLAIN
};

/// Who may grant what concerns Durward itself could grant it to anybody.
fn reserved(change: &Change<'_>) -> Reserve {
    match [change.before, change.after].into_iter().any(|document| holds_durwards(document, "scope")) {
        true => Reserve::Administrators,
        false => Reserve::Anybody,
    }
}

fn rules(_: Before<'_>, after: &mut Admitted) -> Result<(), Error> {
    let text = |name: &str| after.document.get(name).and_then(Value::as_str).unwrap_or_default();
    let wrong = |name: &str, why: &dyn std::fmt::Display| Err(Error::value(format!("`{name}`: {why}")));
    let subject = text("subject");
    if subject.len() > limits::ID_BYTES_MAX {
        return wrong("subject", &format!("is at most {} bytes", limits::ID_BYTES_MAX));
    }
    if let Err(error) = Action::parse(text("action"), limits::ACTION_BYTES_MAX) {
        return wrong("action", &error);
    }
    match Scope::parse(text("scope"), &limits::SCOPE) {
        Err(error) => wrong("scope", &error),
        Ok(scope) => {
            // In its one spelling, so that a filter finds it.
            after.document.insert("scope".to_owned(), scope.as_str().into());
            Ok(())
        }
    }
}
