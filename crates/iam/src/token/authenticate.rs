//! From the token that a request presents to the circumstances of the request.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use store::TenantId;

use super::settings::{Kept, parsed};
use super::text::parse;
use crate::Iam;
use crate::cx::{Caller, Cx, Mode, TokenKind};
use crate::error::{Error, Result};
use crate::lately::Since;

/// Who asks, as the request says it.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    /// The bearer token.
    pub token: &'a str,
    /// The request's id.
    pub trace: &'a str,
    /// The URI under which the caller sees its resources.
    pub base: String,
    /// Whether references are to be shown with what they refer to; in the strict dialect they never are.
    pub expands: bool,
}

/// Whom a token stands for.
#[derive(Clone)]
pub(crate) struct Authentic {
    tenant: TenantId,
    tenant_name: Arc<str>,
    /// The version of its own kinds.
    kinds: i64,
    caller: Arc<Caller>,
    /// Its end.
    expires: Option<i64>,
}

impl Iam {
    /// The circumstances of a request that presents a token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a token that is none, is revoked, or has ended.
    pub async fn authenticate(&self, presented: Presented<'_>) -> Result<Cx> {
        let hash: [u8; 32] = Sha256::digest(presented.token.as_bytes()).into();
        let since = Since::now(self.store.revocations());
        let known = match self.authentic.get(&hash, since) {
            Some(known) => known,
            None => {
                let tenant = parse(presented.token)
                    .ok_or(Error::Unauthenticated("what was presented is no token of Durward's"))?;
                // Its future is large, and few requests need it.
                let known = Box::pin(self.find_authentic(tenant, &hash)).await?;
                self.authentic.put(hash, since, known.clone());
                known
            }
        };
        let now = self.now();
        if known.expires.is_some_and(|end| end <= now) {
            return Err(Error::Unauthenticated("the token has ended"));
        }
        Ok(Cx {
            tenant: known.tenant,
            kinds: self.kinds(known.tenant, known.kinds).await?,
            tenant_name: known.tenant_name,
            expands: presented.expands && known.caller.dialect.is_auto(),
            caller: known.caller,
            now,
            trace: presented.trace.to_owned(),
            base: presented.base,
        })
    }

    async fn find_authentic(&self, tenant: TenantId, hash: &[u8; 32]) -> Result<Authentic> {
        // The look-up is by hash: what it takes does not depend on how much of a guess is right.
        let found = self.store.authenticate(tenant, hash).await?;
        let (token, tenant) =
            found.ok_or(Error::Unauthenticated("there is no such token; it may have been revoked"))?;
        let (Some(kind), Some(mode)) = (TokenKind::parse(&token.kind), Mode::parse(&token.mode)) else {
            return Err(Error::Unauthenticated("the token is of a kind that this release does not know"));
        };
        let now = self.now();
        if token.expires.is_none_or(|end| end > now) {
            self.used.note(tenant.id, &token.id, now);
        }
        let kept: Kept = serde_json::from_str(&token.settings).map_err(Error::internal)?;
        let settings = kept.settings();
        Ok(Authentic {
            tenant: tenant.id,
            kinds: tenant.kinds,
            tenant_name: tenant.name.into(),
            caller: Arc::new(Caller {
                actor: format!("token:{}", token.id),
                kind,
                mode,
                only: kept.actions.as_deref().map(parsed),
                connection: token.connection,
                dialect: settings.dialect,
                on_inactive: settings.on_inactive,
                subject: token.subject,
            }),
            expires: token.expires,
        })
    }
}
