//! Policies as the administration API has them: granted, listed, revoked. They are resources of their kind like any other.

use authz::Scope;
use scim::Object;
use scim::message::ListQuery;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::{Permit, Read, Write};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::resource::Condition;
use crate::{Iam, limits};

/// The kind of policies.
const KIND: &str = "Policy";

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// Who: `user-…`, `group-…` or `client-…`, and the id.
    pub subject: String,
    /// On what, and what lies in it.
    pub scope: String,
    /// What, and what lies below it.
    pub action: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made (RFC 3339).
    pub created_at: String,
}

/// Which policies are wanted, or what a new one says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Who: as in a policy, or by id or user name alone.
    pub subject: Option<String>,
    /// On what.
    pub scope: Option<String>,
    /// What.
    pub action: Option<String>,
}

impl Terms {
    /// As a filter (RFC 7644 §3.4.2.2).
    fn filter(&self) -> Result<Option<String>> {
        let scope = self.scope.as_deref().map(|scope| Scope::parse(scope, &limits::SCOPE)).transpose();
        let scope = scope.map_err(|error| Error::invalid(format!("`scope`: {error}")))?;
        let scope = scope.map(|scope| scope.as_str().to_owned());
        let terms = [("subject", &self.subject), ("scope", &scope), ("action", &self.action)];
        let terms = terms
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} eq {}", Value::from(value.as_deref()?))));
        Ok(Some(terms.collect::<Vec<_>>().join(" and ")).filter(|filter| !filter.is_empty()))
    }
}

impl Iam {
    /// Grants an action on a scope to a subject. What was granted before is the same policy; says whether it is new.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the member that is wrong; the subject must exist.
    pub async fn grant(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        terms: &Terms,
        description: Option<&str>,
    ) -> Result<(Policy, bool)> {
        for (name, value) in [("subject", &terms.subject), ("scope", &terms.scope), ("action", &terms.action)]
        {
            if value.is_none() {
                return Err(Error::invalid(format!("`{name}` is required")));
            }
        }
        if let (Some(relation), Some(subject)) = (&permit.kind().subject, &terms.subject) {
            self.check_subject(cx, relation, subject).await?;
        }
        let draft = json!({
            "subject": terms.subject, "scope": terms.scope, "action": terms.action, "description": description,
        });
        let Value::Object(draft) = draft else { return Err(Error::Internal) };
        let draft: Object = draft.into_iter().filter(|(_, value)| !value.is_null()).collect();
        match self.create(cx, permit, draft, &ListQuery::default()).await {
            Ok(made) => Ok((serde_json::from_str(&made.body).map_err(Error::internal)?, true)),
            Err(error @ Error::Conflict { .. }) => {
                let known = self.policies(cx, permit.reading(), terms, 1, 1).await?.0.into_iter().next();
                // Revoked meanwhile, it is there no more.
                known.map(|known| (known, false)).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Policies by age, from the `start`th on, counted from one; and how many there are.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a scope that is none.
    pub async fn policies(
        &self,
        cx: &Cx,
        permit: Permit<Read, &Kind>,
        terms: &Terms,
        start: u64,
        count: u64,
    ) -> Result<(Vec<Policy>, u64)> {
        let mut terms = terms.clone();
        if let (Some(subject), Some(relation)) = (&mut terms.subject, &permit.kind().subject)
            && let Some(named) = self.subject_named(cx, relation, subject).await?
        {
            *subject = named;
        }
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let query = ListQuery {
            filter: terms.filter()?,
            start_index: Some(number(start)),
            count: Some(number(count)),
            ..ListQuery::default()
        };
        let listing = self.list(cx, permit, &query).await?;
        let policies = serde_json::from_str(&format!("[{}]", listing.resources)).map_err(Error::internal)?;
        Ok((policies, listing.head.total_results.unwrap_or_default()))
    }

    /// Takes a policy back.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke(&self, cx: &Cx, permit: Permit<Write, &Kind>, id: &str) -> Result<()> {
        self.delete(cx, permit, id, &Condition::default()).await
    }
}

/// The kind of policies, for which the permits here are.
///
/// # Errors
/// [`Error::Internal`] if there is none, which a test excludes.
pub fn kind(cx: &Cx) -> Result<&Kind> {
    cx.kinds.named(KIND).map(std::convert::AsRef::as_ref).ok_or(Error::Internal)
}
