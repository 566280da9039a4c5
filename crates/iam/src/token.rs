//! Tokens: made once, shown once, kept as a hash, refused from the moment they are revoked.
//!
//! A token reads `dw_<kind>_<payload><checksum>`: the payload is the tenant's number and 256 random bits in
//! base32, the checksum a CRC-32 of all before it, so that a scanner can tell a token from a lookalike without asking.

mod authenticate;
mod ended;
mod settings;
mod text;
mod used;

use sha2::{Digest, Sha256};
use store::{Batch, CommitError, Entry, NewToken, Token, TokenQuery};

use crate::access::{self, Permit, Read, Write, narrowed};
use crate::cx::{Cx, Mode, TokenKind};
use crate::env::{new_id, random};
use crate::error::{Error, Result};
use crate::provider::Known;
use crate::resource::refused;
use crate::secret::Secret;
use crate::subject::search_text;
use crate::{Iam, limits};
pub(crate) use authenticate::Authentic;
pub use authenticate::Presented;
pub use settings::Settings;
use settings::{Kept, parsed};
use text::print;
pub(crate) use used::Used;

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;
/// The connection of every administrator's token: they are one.
const ADMIN_CONNECTION: &str = "admin";

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

impl Iam {
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
        // Those that were made before keep the name they have when they are rotated.
        if draft.name.contains(char::is_control) {
            return Err(Error::invalid("`name` must be one line, without control characters"));
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
                if draft.provider_display_name.is_none() {
                    draft.provider_display_name.clone_from(&known.display_name);
                }
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
    /// [`Error::Invalid`] for a search that is too long.
    pub async fn tokens(
        &self,
        cx: &Cx,
        _: Permit<Read, access::Tokens>,
        kind: Option<TokenKind>,
        text: Option<&str>,
        skip: u64,
        take: u64,
    ) -> Result<Tokens> {
        let wanted = search_text(text)?.unwrap_or_default().to_lowercase();
        let query = TokenQuery {
            kind: kind.map(TokenKind::as_str),
            take: limits::TOKENS_MAX,
            ..TokenQuery::default()
        };
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
