//! The actions that can be granted, as a tree: those of the tenant and Durward's own. The dots of their names make it.

use std::collections::BTreeMap;

use scim::message::ListQuery;
use scim::{Error as ScimError, ErrorKind};
use serde::Deserialize;
use serde_json::Value;

use crate::access::{self, Permit, Read, SERVICES};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::subject::named;
use crate::{Iam, limits};

/// The kind of the tenant's actions.
const KIND: &str = "Action";

/// Who says that an action is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The tenant.
    Tenant,
    /// Durward: it stands for something that can be done to Durward itself.
    Durward,
}

/// A name in the tree, and what lies below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The whole name, as a policy grants it.
    pub name: String,
    /// Who says that it is an action; nobody, where it is merely what others begin with.
    pub origin: Option<Origin>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it can be done at all.
    pub is_active: bool,
    /// What it covers, by name.
    pub children: Vec<Branch>,
}

/// The kind of the tenant's actions, for which the permit here is.
///
/// # Errors
/// [`Error::Internal`] if there is none, which a test excludes.
pub fn kind(cx: &Cx) -> Result<&Kind> {
    named(cx, KIND)
}

/// An action, as the tenant keeps it.
#[derive(Debug, Deserialize)]
struct Known {
    name: String,
    description: Option<String>,
    active: Option<bool>,
    #[serde(skip)]
    is_built_in: bool,
}

impl Known {
    fn built_in(name: &str, description: &str) -> Self {
        let (name, description) = (name.to_owned(), Some(description.to_owned()));
        Self { name, description, active: None, is_built_in: true }
    }
}

impl Iam {
    /// The tree of all actions, or that part of it which lies at a name.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are too many.
    pub async fn actions(
        &self,
        cx: &Cx,
        permit: Permit<Read, &Kind>,
        under: Option<&str>,
    ) -> Result<Vec<Branch>> {
        let mut actions = self.tenants_actions(cx, permit, under).await?;
        let own = access::actions(&cx.kinds)?;
        actions.extend(own.iter().map(|(action, description)| Known::built_in(action.as_str(), description)));
        actions.push(Known::built_in(SERVICES, "Do everything that Durward lets be done in the tenant"));
        actions.retain(|action| under.is_none_or(|under| lies_at(&action.name, under)));
        if actions.len() > limits::ACTIONS_SHOWN_MAX {
            let most = limits::ACTIONS_SHOWN_MAX;
            let detail = format!("there are more than {most} actions; ask for those `under` one of them");
            return Err(Error::Invalid(ScimError::new(ErrorKind::TooMany, detail)));
        }
        let mut tree = Tree::default();
        actions.into_iter().for_each(|action| tree.add(action));
        Ok(tree.branches(""))
    }

    async fn tenants_actions(
        &self,
        cx: &Cx,
        permit: Permit<Read, &Kind>,
        under: Option<&str>,
    ) -> Result<Vec<Known>> {
        let filter = under.map(|under| {
            let (name, below) = (Value::from(under), Value::from(format!("{under}.")));
            format!("name eq {name} or name sw {below}")
        });
        let mut actions: Vec<Known> = Vec::new();
        let mut start = 1;
        loop {
            let query = ListQuery {
                filter: filter.clone(),
                start_index: Some(start),
                count: i64::try_from(limits::PAGE_MAX).ok(),
                attributes: Some(["name", "description", "active"].map(str::to_owned).to_vec()),
                ..ListQuery::default()
            };
            let listing = self.list(cx, permit, &query).await?;
            let page: Vec<Known> =
                serde_json::from_str(&format!("[{}]", listing.resources)).map_err(Error::internal)?;
            let seen = page.len();
            actions.extend(page);
            if seen < limits::PAGE_MAX || actions.len() > limits::ACTIONS_SHOWN_MAX {
                return Ok(actions);
            }
            start = start.saturating_add(i64::try_from(seen).unwrap_or(i64::MAX));
        }
    }
}

/// Whether an action is that of a name, or lies below it. Case counts.
fn lies_at(action: &str, name: &str) -> bool {
    action.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A tree under construction, by the words between dots.
#[derive(Default)]
struct Tree {
    known: Option<Known>,
    below: BTreeMap<String, Tree>,
}

impl Tree {
    /// Adds an action; what Durward says of it goes before what the tenant says, but for whether it can be done.
    fn add(&mut self, action: Known) {
        let mut at = self;
        for word in action.name.split('.') {
            at = at.below.entry(word.to_owned()).or_default();
        }
        let active = at.known.take().and_then(|known| known.active).or(action.active);
        at.known = Some(Known { active, ..action });
    }

    fn branches(self, prefix: &str) -> Vec<Branch> {
        let branch = |(word, tree): (String, Self)| {
            let name = if prefix.is_empty() { word } else { format!("{prefix}.{word}") };
            let Self { known, below } = tree;
            let origin = known.as_ref().map(|known| match known.is_built_in {
                true => Origin::Durward,
                false => Origin::Tenant,
            });
            let is_active = known.as_ref().is_none_or(|known| known.active != Some(false));
            let children = Self { known: None, below }.branches(&name);
            Branch {
                name,
                origin,
                description: known.and_then(|known| known.description),
                is_active,
                children,
            }
        };
        self.below.into_iter().map(branch).collect()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn known(name: &str, active: Option<bool>, is_built_in: bool) -> Known {
        Known { name: name.to_owned(), description: Some(format!("To {name}")), active, is_built_in }
    }

    fn shown(branches: &[Branch], depth: usize, text: &mut String) {
        for Branch { name, origin, description, is_active, children } in branches {
            let said = description.as_deref().unwrap_or("-");
            let indent = "  ".repeat(depth);
            *text += &format!("{indent}{name}: {origin:?} {said} {is_active}\n");
            shown(children, depth + 1, text);
        }
    }

    #[test]
    fn dots_make_the_tree() {
        let mut tree = Tree::default();
        for action in [
            known("banking.pis.write", None, false),
            known("banking.ais.read", Some(false), false),
            known("banking.pis", None, false),
            known("Banking.pis", None, false),
            known("services.iam", Some(false), false),
            known("services.iam", None, true),
        ] {
            tree.add(action);
        }
        let mut text = String::new();
        shown(&tree.branches(""), 0, &mut text);
        expect![[r#"
            Banking: None - true
              Banking.pis: Some(Tenant) To Banking.pis true
            banking: None - true
              banking.ais: None - true
                banking.ais.read: Some(Tenant) To banking.ais.read false
              banking.pis: Some(Tenant) To banking.pis true
                banking.pis.write: Some(Tenant) To banking.pis.write true
            services: None - true
              services.iam: Some(Durward) To services.iam false
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn what_lies_at_a_name_ends_at_a_dot() {
        for (action, lies) in [("a", true), ("a.b", true), ("ab", false), ("A.b", false)] {
            assert_eq!(lies_at(action, "a"), lies, "{action}");
        }
    }
}
