//! Tokens: made once, shown once, kept as a hash, refused from the moment they are revoked.
//!
//! A token reads `dw_<kind>_<payload><checksum>`: the payload is the tenant's number and 256 random bits in
//! base32, the checksum a CRC-32 of all before it, so that a scanner can tell a token from a lookalike without asking.

mod ended;
mod text;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use authz::Action;
use scim::quirks::Dialect;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Batch, CommitError, Entry, NewToken, TenantId, Token, TokenQuery};

use crate::access::{self, Permit, Read, Write, narrowed};
use crate::cx::{Caller, Cx, Mode, OnInactive, TokenKind};
use crate::env::{new_id, random};
use crate::error::{Error, Result};
use crate::provider::Known;
use crate::resource::refused;
use crate::secret::Secret;
use crate::{Iam, limits};
use text::{parse, print};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;
/// The connection of every administrator's token: they are one.
const ADMIN_CONNECTION: &str = "admin";

/// The settings of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How literally its requests are taken.
    pub dialect: Dialect,
    /// What happens when it creates what exists and is inactive.
    pub on_inactive: OnInactive,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dialect: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_inactive: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<String>>,
}

impl Kept {
    fn new(settings: Settings, provider_display_name: Option<String>, actions: Option<Vec<String>>) -> Self {
        Self {
            dialect: Some(settings.dialect.as_str().to_owned()),
            on_inactive: Some(settings.on_inactive.as_str().to_owned()),
            provider_display_name,
            actions,
        }
    }

    fn print(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }

    fn settings(&self) -> Settings {
        Settings {
            dialect: self.dialect.as_deref().and_then(Dialect::parse).unwrap_or_default(),
            on_inactive: match self.on_inactive.as_deref() {
                Some("conflict") => OnInactive::Conflict,
                _ => OnInactive::Reactivate,
            },
        }
    }
}

impl TokenKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Admin => "admin",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Scim, Self::Admin].into_iter().find(|kind| kind.as_str() == name)
    }
}

impl Mode {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Read, Self::Write].into_iter().find(|mode| mode.as_str() == name)
    }
}

impl OnInactive {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reactivate => "reactivate",
            Self::Conflict => "conflict",
        }
    }

    /// The setting of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Reactivate, Self::Conflict].into_iter().find(|setting| setting.as_str() == name)
    }
}

/// The actions of that name; one that is none is carried by nobody.
fn parsed(names: &[String]) -> Arc<[Action]> {
    names.iter().filter_map(|name| Action::parse(name, limits::ACTION_BYTES_MAX).ok()).collect()
}

/// What is wanted of a new token.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is for.
    pub kind: TokenKind,
    /// What it may do.
    pub mode: Mode,
    /// The actions it is narrowed to; all that its kind and mode carry when absent.
    pub actions: Option<Vec<String>>,
    /// What people call it.
    pub name: String,
    /// The scheme of the identity provider it is for.
    pub provider: Option<String>,
    /// That provider's name, as people know it.
    pub provider_display_name: Option<String>,
    /// The settings of its connection.
    pub settings: Settings,
    /// The user it stands for.
    pub subject: Option<String>,
    /// After how many days it ends; never without.
    pub days: Option<u32>,
}

impl Draft {
    /// A token of that kind that may do everything, for ever.
    pub fn new(kind: TokenKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            mode: Mode::Write,
            actions: None,
            name: name.into(),
            provider: None,
            provider_display_name: None,
            settings: Settings::default(),
            subject: None,
            days: None,
        }
    }
}

/// A token as it may be shown: everything but itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its id.
    pub id: String,
    /// Whose `externalId`s it sees.
    pub connection: String,
    /// What it is for: `scim` or `admin`.
    pub kind: String,
    /// What it may do: `read` or `write`.
    pub mode: String,
    /// The actions it is narrowed to.
    pub actions: Option<Vec<String>>,
    /// What people call it.
    pub name: String,
    /// The scheme of the identity provider it is for.
    pub provider: Option<String>,
    /// That provider's name.
    pub provider_display_name: Option<String>,
    /// The settings of its connection.
    pub settings: Settings,
    /// The user it stands for.
    pub subject: Option<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created: i64,
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    pub expires: Option<i64>,
    /// When it was last used, noted within a minute.
    pub last_used: Option<i64>,
}

impl From<Token> for Info {
    fn from(token: Token) -> Self {
        let kept: Kept = serde_json::from_str(&token.settings).unwrap_or_default();
        Self {
            settings: kept.settings(),
            provider_display_name: kept.provider_display_name,
            actions: kept.actions,
            id: token.id,
            connection: token.connection,
            kind: token.kind,
            mode: token.mode,
            name: token.name,
            provider: token.provider,
            subject: token.subject,
            created: token.created,
            created_by: token.created_by,
            expires: token.expires,
            last_used: token.last_used,
        }
    }
}

/// A page of tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Those of this page.
    pub tokens: Vec<Info>,
    /// How many there are in all.
    pub total: u64,
}

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

    /// Makes a token. This is the only time it is seen.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what does not fit; a provider and a user must exist. [`Error::Forbidden`] when it would carry
    /// more than the caller.
    pub async fn create_token(
        &self,
        cx: &Cx,
        permit: Permit<Write, access::Tokens>,
        mut draft: Draft,
    ) -> Result<(Info, Secret<String>)> {
        if let Some(actions) = &draft.actions {
            narrowed(&cx.kinds, draft.kind, draft.mode, actions)?;
        }
        let provider = self.check_draft(cx, &mut draft).await?;
        let id = new_id(&*self.env, cx.now);
        let connection = match draft.kind {
            TokenKind::Scim => id.clone(),
            TokenKind::Admin => ADMIN_CONNECTION.to_owned(),
        };
        let expires = draft.days.map(|days| cx.now.saturating_add(i64::from(days) * DAY));
        self.insert_token(cx, permit, &id, &connection, &draft, expires, provider, Batch::default()).await
    }

    /// Sees that a draft can be a token of the caller's, and finds its provider.
    async fn check_draft(&self, cx: &Cx, draft: &mut Draft) -> Result<Option<Known>> {
        let only = draft.actions.as_deref().map(parsed);
        self.check_handed_on(cx, only.as_deref(), draft.subject.as_deref()).await?;
        for (name, text) in [
            ("provider", draft.provider.as_ref()),
            ("providerDisplayName", draft.provider_display_name.as_ref()),
            ("name", Some(&draft.name)),
        ] {
            let fits =
                text.is_none_or(|text| !text.trim().is_empty() && text.len() <= limits::NAME_BYTES_MAX);
            if !fits {
                return Err(Error::invalid(format!(
                    "`{name}` must be from 1 to {} bytes",
                    limits::NAME_BYTES_MAX
                )));
            }
        }
        if draft.days.is_some_and(|days| days == 0 || days > limits::TOKEN_DAYS_MAX) {
            return Err(Error::invalid(format!("a token lasts from 1 to {} days", limits::TOKEN_DAYS_MAX)));
        }
        let provider = match &mut draft.provider {
            None => None,
            Some(scheme) => {
                let known = self.known_provider(cx, scheme).await?.ok_or_else(|| no_provider(scheme))?;
                scheme.clone_from(&known.scheme);
                Some(known)
            }
        };
        if let Some(subject) = &draft.subject
            && self.of(cx).record(crate::cx::SUBJECT_KIND, subject).await?.is_none()
        {
            return Err(Error::invalid(format!("there is no user {}", scim::error::quoted(subject))));
        }
        if self.of(cx).token_count(&TokenQuery { take: limits::TOKENS_MAX, ..TokenQuery::default() }).await?
            >= limits::TOKENS_MAX
        {
            return Err(Error::Blocked(format!("the tenant has {} tokens already", limits::TOKENS_MAX)));
        }
        Ok(provider)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one token, each used once")]
    async fn insert_token(
        &self,
        cx: &Cx,
        permit: Permit<Write, access::Tokens>,
        id: &str,
        connection: &str,
        draft: &Draft,
        expires: Option<i64>,
        provider: Option<Known>,
        mut batch: Batch,
    ) -> Result<(Info, Secret<String>)> {
        let secret = print(draft.kind, cx.tenant, &random(&*self.env));
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let kept =
            Kept::new(draft.settings, draft.provider_display_name.clone(), draft.actions.clone()).print()?;
        batch
            .token_insert(&NewToken {
                hash: &hash,
                id,
                connection,
                kind: draft.kind.as_str(),
                mode: draft.mode.as_str(),
                name: &draft.name,
                provider: draft.provider.as_deref(),
                settings: &kept,
                subject: draft.subject.as_deref(),
                created: cx.now,
                created_by: &cx.caller.actor,
                expires,
            })
            .audit(&audited(cx, "create", id));
        if let Some(provider) = &provider {
            provider.guard(&mut batch, id);
        }
        self.of(cx).commit(batch).await.map_err(|error| match error {
            CommitError::Changed => {
                Error::Blocked("the identity provider was changed meanwhile; try again".to_owned())
            }
            error => refused(error),
        })?;
        let info = self.token(cx, permit.reading(), id).await?;
        Ok((info, Secret::new(secret)))
    }

    /// Makes a token that takes the place of another: it has the same connection, so that it sees the same
    /// `externalId`s. The old one stays good for `overlap` hours.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Invalid`] for too long an overlap.
    pub async fn rotate_token(
        &self,
        cx: &Cx,
        permit: Permit<Write, access::Tokens>,
        id: &str,
        overlap: u32,
        days: Option<u32>,
    ) -> Result<(Info, Secret<String>)> {
        if overlap > limits::TOKEN_OVERLAP_HOURS_MAX {
            let most = limits::TOKEN_OVERLAP_HOURS_MAX;
            return Err(Error::invalid(format!("the overlap is at most {most} hours")));
        }
        let old = self.token(cx, permit.reading(), id).await?;
        let (Some(kind), Some(mode)) = (TokenKind::parse(&old.kind), Mode::parse(&old.mode)) else {
            return Err(Error::internal("a token of an unknown kind"));
        };
        let mut draft = Draft {
            kind,
            mode,
            actions: old.actions,
            name: old.name,
            provider: old.provider,
            provider_display_name: old.provider_display_name,
            settings: old.settings,
            subject: old.subject,
            days,
        };
        let provider = self.check_draft(cx, &mut draft).await?;
        let end = cx.now.saturating_add(i64::from(overlap) * HOUR);
        let mut batch = Batch::default();
        batch.token_expires(id, Some(old.expires.map_or(end, |known| known.min(end))));
        batch.audit(&audited(cx, "rotate", id));
        let expires = days.map(|days| cx.now.saturating_add(i64::from(days) * DAY));
        let id = new_id(&*self.env, cx.now);
        self.insert_token(cx, permit, &id, &old.connection, &draft, expires, provider, batch).await
    }

    /// Changes the settings of a token's connection.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn change_token(
        &self,
        cx: &Cx,
        permit: Permit<Write, access::Tokens>,
        id: &str,
        settings: Settings,
    ) -> Result<Info> {
        let old = self.token(cx, permit.reading(), id).await?;
        let kept = Kept::new(settings, old.provider_display_name, old.actions).print()?;
        let mut batch = Batch::default();
        batch.token_settings(id, &kept);
        batch.audit(&audited(cx, "replace", id));
        self.of(cx).commit(batch).await.map_err(refused)?;
        self.token(cx, permit.reading(), id).await
    }

    /// Revokes a token: the next request that presents it is refused.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_token(&self, cx: &Cx, _: Permit<Write, access::Tokens>, id: &str) -> Result<()> {
        let mut batch = Batch::default();
        batch.token_delete(id).audit(&audited(cx, "delete", id));
        match self.of(cx).commit(batch).await {
            Err(CommitError::Missing) => Err(no_token(id)),
            other => other.map(|_| ()).map_err(refused),
        }
    }

    /// One token.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn token(&self, cx: &Cx, _: Permit<Read, access::Tokens>, id: &str) -> Result<Info> {
        self.of(cx).token(id).await?.map(Info::from).ok_or_else(|| no_token(id))
    }

    /// The tokens of a kind (or all) whose provider or name holds `text`, oldest first.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn tokens(
        &self,
        cx: &Cx,
        _: Permit<Read, access::Tokens>,
        kind: Option<TokenKind>,
        text: Option<&str>,
        skip: u64,
        take: u64,
    ) -> Result<Tokens> {
        let query = TokenQuery {
            kind: kind.map(TokenKind::as_str),
            take: limits::TOKENS_MAX,
            ..TokenQuery::default()
        };
        let wanted = text.unwrap_or_default().to_lowercase();
        let holds = |text: &Option<String>| text.as_ref().is_some_and(|t| t.to_lowercase().contains(&wanted));
        let mut all: Vec<Info> = self.of(cx).tokens(&query).await?.into_iter().map(Info::from).collect();
        if !wanted.is_empty() {
            all.retain(|t| {
                holds(&t.provider) || holds(&t.provider_display_name) || holds(&Some(t.name.clone()))
            });
        }
        let total = u64::try_from(all.len()).unwrap_or_default();
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(Tokens { tokens: all.into_iter().skip(count(skip)).take(count(take)).collect(), total })
    }

    /// Writes down which tokens were used since the last time.
    ///
    /// # Errors
    /// When the store cannot answer; what was not written is kept for the next time.
    pub async fn flush_used(&self) -> Result<()> {
        let mut failure = None;
        for (tenant, used) in self.used.take() {
            if failure.is_none() {
                let mut batch = Batch::default();
                for (id, at) in &used {
                    batch.token_used(id, *at);
                }
                match self.store.tenant(tenant).commit(batch).await {
                    // The tokens of a tenant that was deleted have gone with it.
                    Ok(_) | Err(CommitError::NoTenant) => continue,
                    Err(error) => failure = Some(refused(error)),
                }
            }
            used.iter().for_each(|(id, at)| self.used.note(tenant, id, *at));
        }
        failure.map_or(Ok(()), Err)
    }
}

fn no_provider(scheme: &str) -> Error {
    let scheme = scim::error::quoted(scheme);
    Error::invalid(format!("`provider`: there is no identity provider with the scheme {scheme}"))
}

fn no_token(id: &str) -> Error {
    Error::NotFound(format!("there is no token {}", scim::error::quoted(id)))
}

fn audited<'a>(cx: &'a Cx, verb: &'a str, id: &'a str) -> Entry<'a> {
    Entry {
        at: cx.now,
        actor: &cx.caller.actor,
        verb,
        kind: "Token",
        id,
        before: None,
        after: None,
        trace: &cx.trace,
    }
}

/// When tokens were last used, until it is written down.
#[derive(Default)]
pub(crate) struct Used(Mutex<HashMap<TenantId, HashMap<String, i64>>>);

impl Used {
    fn note(&self, tenant: TenantId, id: &str, at: i64) {
        let Ok(mut all) = self.0.lock() else { return };
        let of = all.entry(tenant).or_default();
        match of.get_mut(id) {
            Some(known) => *known = at.max(*known),
            None => {
                of.insert(id.to_owned(), at);
            }
        }
    }

    fn take(&self) -> HashMap<TenantId, HashMap<String, i64>> {
        self.0.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default()
    }
}
