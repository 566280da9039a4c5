//! From the token that a request presents to the circumstances of the request.

use sha2::{Digest, Sha256};

use super::settings::{Kept, parsed};
use super::text::parse;
use crate::Iam;
use crate::cx::{Caller, Cx, Mode, TokenKind};
use crate::error::{Error, Result};

/// Who asks, as the request says it.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The bearer token.
    pub token: &'a str,
    /// The request's id.
    pub trace: &'a str,
    /// The URI under which the caller sees its resources.
    pub base: &'a str,
    /// Whether references are to be shown with what they refer to; in the strict dialect they never are.
    pub expands: bool,
}

impl Iam {
    /// The circumstances of a request that presents a token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a token that is none, is revoked, or has ended.
    pub async fn authenticate(&self, presented: Presented<'_>) -> Result<Cx> {
        let tenant = parse(presented.token).ok_or(Error::Unauthenticated)?;
        let hash: [u8; 32] = Sha256::digest(presented.token.as_bytes()).into();
        // The look-up is by hash: what it takes does not depend on how much of a guess is right.
        let found = self.store.authenticate(tenant, &hash).await?;
        let (token, tenant) = found.ok_or(Error::Unauthenticated)?;
        let now = self.now();
        if token.expires.is_some_and(|end| end <= now) {
            return Err(Error::Unauthenticated);
        }
        let (Some(kind), Some(mode)) = (TokenKind::parse(&token.kind), Mode::parse(&token.mode)) else {
            return Err(Error::Unauthenticated);
        };
        self.used.note(tenant.id, &token.id, now);
        let kept: Kept = serde_json::from_str(&token.settings).map_err(Error::internal)?;
        let settings = kept.settings();
        Ok(Cx {
            tenant: tenant.id,
            kinds: self.kinds(tenant.id, tenant.kinds).await?,
            tenant_name: tenant.name,
            caller: Caller {
                actor: format!("token:{}", token.id),
                kind,
                mode,
                only: kept.actions.as_deref().map(parsed),
                connection: token.connection,
                dialect: settings.dialect,
                on_inactive: settings.on_inactive,
                subject: token.subject,
            },
            now,
            trace: presented.trace.to_owned(),
            base: presented.base.to_owned(),
            expands: presented.expands && settings.dialect.is_auto(),
        })
    }
}
