//! Identity providers of a tenant: what people will sign in through, and what SCIM tokens are made for.
//!
//! Here they are configuration. A client secret is kept beside the document, and never returned.

use std::ops::ControlFlow;

use serde_json::Value;
use store::{Access, Batch, Entry, NewRecord, Query, Record, Update};

use crate::access::{Permit, Providers, Read, Write};
use crate::cx::Cx;
use crate::env::new_id;
use crate::error::{Error, Result};
use crate::resource::refused;
use crate::secret::Secret;
use crate::{Iam, limits};

const KIND: &str = "IdentityProvider";
const SCHEME: &str = "scheme";
const DISPLAY_NAME: &str = "displayName";
const CLIENT_SECRET: &str = "clientSecret";

/// What a provider is, as an administrator describes it; the document is JSON that the caller's types shaped.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its name in URLs and tokens; unique in the tenant without regard to case.
    pub scheme: String,
    /// Its name, as people know it.
    pub display_name: String,
    /// Everything about it but the secret.
    pub document: Value,
    /// The secret with which Durward is known to it; `None` keeps the one there is.
    pub client_secret: Option<Secret<String>>,
}

/// A provider as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Its id.
    pub id: String,
    /// Everything about it but the secret.
    pub document: Value,
    /// Whether it has a secret.
    pub has_secret: bool,
}

impl Provider {
    fn read(record: &Record) -> Result<Self> {
        let document = serde_json::from_str(&record.document).map_err(Error::internal)?;
        Ok(Self { id: record.id.clone(), document, has_secret: record.secret.is_some() })
    }
}

impl Draft {
    fn check(&self) -> Result<()> {
        let scheme = &self.scheme;
        let plain = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if scheme.is_empty() || !plain || scheme.len() > limits::NAME_BYTES_MAX {
            let most = limits::NAME_BYTES_MAX;
            return Err(Error::invalid(format!(
                "`scheme` is from 1 to {most} letters, digits, `-`, `_` and `.`"
            )));
        }
        if self.display_name.trim().is_empty() || self.display_name.len() > limits::NAME_BYTES_MAX {
            return Err(Error::invalid(format!(
                "`displayName` must be from 1 to {} bytes",
                limits::NAME_BYTES_MAX
            )));
        }
        Ok(())
    }

    fn key(&self) -> Vec<u8> {
        key(&self.scheme)
    }

    fn document(&self) -> Result<String> {
        let document = serde_json::to_string(&self.document).map_err(Error::internal)?;
        if document.len() > limits::DOCUMENT_BYTES_MAX {
            let most = limits::DOCUMENT_BYTES_MAX;
            return Err(Error::TooLarge(format!("an identity provider is at most {most} bytes")));
        }
        Ok(document)
    }

    fn secret(&self) -> Option<String> {
        let secret = self.client_secret.as_ref()?;
        Some(serde_json::json!({ CLIENT_SECRET: secret.expose() }).to_string())
    }
}

/// A provider that a token is to be made for.
pub(crate) struct Known {
    /// The scheme as the provider itself writes it.
    pub(crate) scheme: String,
    /// Its name, as people know it.
    pub(crate) display_name: Option<String>,
    id: String,
    version: i64,
}

impl Known {
    /// Has a token made only if the provider is still what it was.
    pub(crate) fn guard(&self, batch: &mut Batch, token: &str) {
        batch.token_for(token, (KIND, &self.id, self.version));
    }
}

fn key(scheme: &str) -> Vec<u8> {
    scheme.to_ascii_lowercase().into_bytes()
}

impl Iam {
    /// Adds a provider.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the scheme is taken; [`Error::Invalid`] naming what does not fit; [`Error::Blocked`]
    /// when there are too many.
    pub async fn create_provider(
        &self,
        cx: &Cx,
        _: Permit<Write, Providers>,
        draft: Draft,
    ) -> Result<Provider> {
        draft.check()?;
        if self.of(cx).total(KIND).await? >= limits::PROVIDERS_MAX {
            let most = limits::PROVIDERS_MAX;
            return Err(Error::Blocked(format!("the tenant has {most} identity providers already")));
        }
        let id = new_id(&*self.env, cx.now);
        let (document, secret) = (draft.document()?, draft.secret());
        let mut batch = Batch::default();
        batch
            .insert(&NewRecord {
                kind: KIND,
                id: &id,
                created: cx.now,
                display: &draft.display_name,
                document: &document,
                connections: None,
                secret: secret.as_deref(),
                mentioned: None,
            })
            .claim(KIND, SCHEME, &draft.key(), &id)
            .count(KIND, 1, false)
            .audit(&audited(cx, "create", &id));
        self.of(cx).commit(batch).await.map_err(refused)?;
        Ok(Provider { id, document: draft.document, has_secret: secret.is_some() })
    }

    /// The providers, oldest first.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn providers(&self, cx: &Cx, _: Permit<Read, Providers>) -> Result<Vec<Provider>> {
        let mut records = Vec::new();
        let take = limits::PROVIDERS_MAX;
        let all = Query { kind: KIND, access: Access::Id, descending: false, after: None, skip: 0, take };
        self.of(cx)
            .search(&all, |_, record| {
                records.push(record.to_owned());
                ControlFlow::Continue(())
            })
            .await?;
        records.iter().map(Provider::read).collect()
    }

    /// One provider.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn provider(&self, cx: &Cx, _: Permit<Read, Providers>, id: &str) -> Result<Provider> {
        Provider::read(&self.provider_record(cx, id).await?)
    }

    /// Replaces a provider's configuration; without a new secret it keeps the one it has.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`], [`Error::Blocked`] or [`Error::Invalid`].
    pub async fn replace_provider(
        &self,
        cx: &Cx,
        _: Permit<Write, Providers>,
        id: &str,
        draft: Draft,
    ) -> Result<Provider> {
        draft.check()?;
        let before = self.provider_record(cx, id).await?;
        let known = Provider::read(&before)?;
        let scheme = known.document.get(SCHEME).and_then(Value::as_str).unwrap_or_default();
        let (document, secret) = (draft.document()?, draft.secret().or(before.secret));
        let mut batch = Batch::default();
        if scheme != draft.scheme {
            // A token names its provider by the scheme as it is written.
            self.refuse_if_used(cx, scheme).await?;
            batch.while_untokened(KIND, id, scheme, cx.now);
        }
        batch.update(&Update {
            kind: KIND,
            id,
            expected: Some(before.version),
            modified: cx.now,
            display: &draft.display_name,
            document: &document,
            connections: None,
            secret: secret.as_deref(),
            mentioned: None,
        });
        if key(scheme) != draft.key() {
            batch.release(KIND, SCHEME, &key(scheme), id).claim(KIND, SCHEME, &draft.key(), id);
        }
        batch.audit(&audited(cx, "replace", id));
        self.of(cx).commit(batch).await.map_err(changed)?;
        Ok(Provider { id: id.to_owned(), document: draft.document, has_secret: secret.is_some() })
    }

    /// Removes a provider, unless a SCIM token is made for it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Blocked`] naming the tokens.
    pub async fn delete_provider(&self, cx: &Cx, _: Permit<Write, Providers>, id: &str) -> Result<()> {
        let before = self.provider_record(cx, id).await?;
        let known = Provider::read(&before)?;
        let scheme = known.document.get(SCHEME).and_then(Value::as_str).unwrap_or_default();
        self.refuse_if_used(cx, scheme).await?;
        let mut batch = Batch::default();
        batch
            .while_untokened(KIND, id, scheme, cx.now)
            .delete(KIND, id, Some(before.version))
            .release(KIND, SCHEME, &key(scheme), id)
            .count(KIND, -1, true)
            .audit(&audited(cx, "delete", id));
        self.of(cx).commit(batch).await.map(|_| ()).map_err(changed)
    }

    async fn refuse_if_used(&self, cx: &Cx, scheme: &str) -> Result<()> {
        let query =
            store::TokenQuery { provider: Some(scheme), take: limits::TOKENS_MAX, ..Default::default() };
        // A token that has ended uses nothing any more.
        let good = |token: &&store::Token| token.expires.is_none_or(|end| end > cx.now);
        match self.of(cx).tokens(&query).await?.iter().find(good) {
            Some(token) => Err(Error::Blocked(format!(
                "the SCIM token `{}` is made for `{scheme}`; revoke it first",
                token.id
            ))),
            None => Ok(()),
        }
    }

    async fn provider_record(&self, cx: &Cx, id: &str) -> Result<Record> {
        let found = self.of(cx).record(KIND, id).await?;
        found.ok_or_else(|| {
            Error::NotFound(format!("there is no identity provider {}", scim::error::quoted(id)))
        })
    }

    /// The provider that is meant by a scheme.
    pub(crate) async fn known_provider(&self, cx: &Cx, scheme: &str) -> Result<Option<Known>> {
        let Some(id) = self.of(cx).id_by_key(KIND, SCHEME, &key(scheme)).await? else { return Ok(None) };
        let Some(record) = self.of(cx).record(KIND, &id).await? else { return Ok(None) };
        let provider = Provider::read(&record)?;
        let text = |name| provider.document.get(name).and_then(Value::as_str).map(str::to_owned);
        let display_name = text(DISPLAY_NAME);
        Ok(text(SCHEME).map(|scheme| Known { scheme, display_name, id, version: record.version }))
    }
}

/// The caller named no version, so there is no precondition that failed.
fn changed(error: store::CommitError) -> Error {
    match error {
        store::CommitError::Changed => Error::Blocked("a SCIM token was made for it meanwhile".to_owned()),
        store::CommitError::Stale => Error::Blocked("the identity provider was changed meanwhile".to_owned()),
        error => refused(error),
    }
}

fn audited<'a>(cx: &'a Cx, verb: &'a str, id: &'a str) -> Entry<'a> {
    Entry {
        at: cx.now,
        actor: &cx.caller.actor,
        verb,
        kind: KIND,
        id,
        before: None,
        after: None,
        trace: &cx.trace,
    }
}
