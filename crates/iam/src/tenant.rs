//! Tenants: made, listed and deleted by the operator of the installation.

use std::sync::Arc;

use store::{CommitError, Tenant};

use crate::cx::{Caller, Cx, Mode, OnInactive, TokenKind};
use crate::error::{Error, Result};
use crate::{Iam, limits};

/// Names that begin a path which is not a tenant's.
const RESERVED: [&str; 18] = [
    "access",
    "admin",
    "api",
    "assets",
    "connect",
    "console",
    "core",
    "default-tenant",
    "health",
    "login",
    "logout",
    "metrics",
    "oauth",
    "openapi",
    "scim",
    "static",
    "v1",
    "well-known",
];

/// What can be a tenant's name: it is part of a URL.
fn check_name(name: &str) -> Result<()> {
    let inner = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let ends = [name.bytes().next(), name.bytes().last()];
    let ends = ends.into_iter().all(|b| b.is_some_and(|b| b.is_ascii_alphanumeric()));
    if !inner || !ends || name.len() > limits::TENANT_NAME_BYTES_MAX {
        return Err(Error::invalid(format!(
            "a tenant's name is at most {} lower-case letters, digits and inner hyphens, not {}",
            limits::TENANT_NAME_BYTES_MAX,
            scim::error::quoted(name)
        )));
    }
    if RESERVED.contains(&name) {
        return Err(Error::invalid(format!("`{name}` is reserved and cannot name a tenant")));
    }
    Ok(())
}

/// Who operates the installation, at its command line.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    /// What the audit log calls it.
    pub name: &'a str,
}

impl Iam {
    /// Makes a tenant, and the role of its administrators. Where that is cut off between, the role is made at the next start.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad name, [`Error::Conflict`] for one that is taken.
    pub async fn create_tenant(&self, operator: Operator<'_>, name: &str) -> Result<Tenant> {
        check_name(name)?;
        match self.store.tenants().create(name, self.now(), operator.name).await {
            Ok(tenant) => {
                Box::pin(self.make_administrators_of(operator, tenant.clone())).await?;
                Ok(tenant)
            }
            Err(CommitError::Unique { .. }) => {
                Err(Error::Conflict { attribute: format!("the tenant `{name}`") })
            }
            Err(error) => Err(crate::resource::refused(error)),
        }
    }

    /// All tenants, by name.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn tenants(&self, _: Operator<'_>) -> Result<Vec<Tenant>> {
        const CHUNK: u64 = 1_000;
        let mut all: Vec<Tenant> = Vec::new();
        loop {
            let last = all.last().map(|tenant| tenant.name.clone());
            let chunk = self.store.tenants().list(last.as_deref(), CHUNK).await?;
            let is_full = u64::try_from(chunk.len()).unwrap_or_default() == CHUNK;
            all.extend(chunk);
            if !is_full {
                return Ok(all);
            }
        }
    }

    /// Deletes a tenant with everything it has. Its tokens go first, at once.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_tenant(&self, operator: Operator<'_>, name: &str) -> Result<()> {
        let tenant = self.tenant_named(name).await?;
        self.store
            .tenants()
            .delete(tenant.id, self.now(), operator.name)
            .await
            .map_err(crate::resource::refused)
    }

    pub(crate) async fn tenant_named(&self, name: &str) -> Result<Tenant> {
        let found = self.store.tenants().by_name(name).await?;
        found.ok_or_else(|| Error::NotFound(format!("there is no tenant {}", scim::error::quoted(name))))
    }

    /// The circumstances of an operator who acts on a tenant from the command line.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such tenant.
    pub async fn operate(&self, operator: Operator<'_>, tenant: &str) -> Result<Cx> {
        let tenant = self.tenant_named(tenant).await?;
        self.operating(operator, tenant).await
    }

    pub(crate) async fn operating(&self, operator: Operator<'_>, tenant: Tenant) -> Result<Cx> {
        Ok(Cx {
            tenant: tenant.id,
            kinds: self.kinds(tenant.id, tenant.kinds).await?,
            tenant_name: tenant.name.into(),
            caller: Arc::new(Caller {
                actor: operator.name.to_owned(),
                kind: TokenKind::Admin,
                mode: Mode::Write,
                only: None,
                connection: "admin".to_owned(),
                dialect: scim::quirks::Dialect::Auto,
                on_inactive: OnInactive::Reactivate,
                subject: None,
            }),
            now: self.now(),
            trace: String::new(),
            base: String::new(),
            expands: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_part_of_a_url() {
        for (name, good) in [
            ("acme", true),
            ("acme-2", true),
            ("a", true),
            ("", false),
            ("Acme", false),
            ("-acme", false),
            ("acme-", false),
            ("ac/me", false),
            ("v1", false),
            ("é", false),
        ] {
            assert_eq!(check_name(name).is_ok(), good, "{name}");
        }
        assert!(check_name(&"a".repeat(limits::TENANT_NAME_BYTES_MAX + 1)).is_err());
    }
}
