//! `durward explain`: whether a subject may do something, and why.

use clap::Args;
use iam::access::{Decisions, Read};
use serde_json::{Value, json};

use super::open::{OPERATOR, with};
use super::{Context, Failure, Output, print, print_json};
use crate::config::Place;

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    durward explain --tenant acme ada@example.com invoices.read invoice/42\n  \
    durward explain --tenant acme group-0198f0c2-5b1e-7c3a-9d55-2f1b6a7c8e90 invoices.read /subscriptions/1 --json\n\n\
    Exits with 0 whether it is allowed or denied.")]
pub struct Explain {
    /// Who: a user name, an id, or an id with its prefix (`user-`, `group-`, `client-`)
    pub subject: String,

    /// What, such as `invoices.read`
    pub action: String,

    /// On what: `type/id`, or a scope that begins with a slash or is a URI
    pub resource: String,

    /// Name of the tenant
    #[arg(long, value_name = "NAME")]
    pub tenant: String,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Explain {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        let subject = subject(&self.subject);
        let resource = resource(&self.resource)?;
        let explanation = with(&self.place, true, async |iam| {
            let cx = iam.operate(OPERATOR, &self.tenant).await?;
            let permit = iam.permit(&cx, Read, Decisions).await?;
            Ok(iam.explain(&cx, permit, subject, &self.action, resource).await?)
        })?;
        if !self.output.json {
            return print(&explanation.text());
        }
        let context = Value::Object(explanation.json());
        print_json(&json!({ "decision": explanation.decision.allowed, "context": context }))
    }
}

/// Type and id of a subject. Without a prefix it is a user.
fn subject(text: &str) -> (&str, &str) {
    let prefixed = authz::graph::Subject::parse(text).is_some_and(|subject| subject.kind.as_str() != "user");
    (if prefixed { "subject" } else { "user" }, text)
}

/// Type and id of a resource.
fn resource(text: &str) -> Result<(&str, &str), Failure> {
    // What stands before the colon of a URI has no slash (RFC 3986 §3.1); an id may have both.
    let is_uri = text.split_once(':').is_some_and(|(scheme, _)| !scheme.contains('/'));
    if text.starts_with('/') || is_uri {
        return Ok(("scope", text));
    }
    text.split_once('/').ok_or_else(|| {
        Failure::Usage(format!(
            "the resource {} is neither `type/id` nor a scope such as `/subscriptions/1`",
            scim::error::quoted(text)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_a_type_and_an_id_or_a_scope() {
        for (text, expected) in [
            ("invoice/42", Some(("invoice", "42"))),
            ("folder/a/b", Some(("folder", "a/b"))),
            ("/subscriptions/1", Some(("scope", "/subscriptions/1"))),
            ("https://api.example/a", Some(("scope", "https://api.example/a"))),
            ("urn:acme:orders", Some(("scope", "urn:acme:orders"))),
            ("invoice/urn:42", Some(("invoice", "urn:42"))),
            ("scope/durward:/users", Some(("scope", "durward:/users"))),
            ("invoice", None),
        ] {
            assert_eq!(resource(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_subject_is_a_user_unless_its_prefix_says_otherwise() {
        for (text, kind) in
            [("ada@acme.com", "user"), ("user-1", "user"), ("group-1", "subject"), ("client-1", "subject")]
        {
            assert_eq!(subject(text), (kind, text));
        }
    }
}
