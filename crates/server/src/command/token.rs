//! `durward token`: what identity providers and administrators authenticate with.

use clap::{Args, Subcommand, ValueEnum};
use iam::access::{Read, Tokens, Write};
use iam::cx;
use iam::token::{Draft, Info, Settings};
use scim::quirks::Dialect;
use serde_json::json;

use super::open::{OPERATOR, with};
use super::{Context, Failure, Output, print, print_json, visible};
use crate::config::Place;

/// What can be asked about tokens.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Create a token and print it; it cannot be shown again
    Create(Create),
    /// List the tokens of a tenant, without their secrets
    List(List),
    /// Make a token useless from the next request on
    Revoke(Revoke),
    /// Create a token that replaces another, and give the old one an end
    ///
    /// The new token keeps the connection of the old one, and with it the externalIds it has given.
    Rotate(Rotate),
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TokenKind {
    /// An identity provider that provisions over SCIM.
    Scim,
    /// An administrator of the tenant.
    Admin,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TokenMode {
    /// Read only.
    Read,
    /// Read and write.
    Write,
}

/// How literally the requests of a connection are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TokenDialect {
    /// The habits of known clients are understood.
    Auto,
    /// The RFCs to the letter.
    Strict,
}

/// What happens when a connection creates a user who exists and is inactive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TokenOnInactive {
    /// The user is activated again, keeping the id.
    Reactivate,
    /// The request is refused.
    Conflict,
}

/// Arguments of `token create`.
#[derive(Debug, Args)]
#[command(after_help = "Example, for an identity provider:\n  \
    durward token create --tenant acme --kind scim --name 'Entra ID' --expires 365\n\n\
    Example, kept in a variable:\n  TOKEN=$(durward token create --tenant acme --kind admin)")]
pub struct Create {
    /// Name of the tenant
    #[arg(long, value_name = "NAME")]
    pub tenant: String,

    /// What the token is for
    #[arg(long)]
    pub kind: TokenKind,

    /// What the token may do
    #[arg(long, default_value = "write")]
    pub mode: TokenMode,

    /// An action it is narrowed to, such as `durward.users.read`; may be given several times
    ///
    /// Without any it carries all that its kind and mode do.
    #[arg(long = "action", value_name = "ACTION")]
    pub actions: Vec<String>,

    /// Scheme of the sign-on provider whose people the token provisions
    #[arg(long, value_name = "SCHEME")]
    pub provider: Option<String>,

    /// What to call it in lists
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,

    /// Days until it expires; without it, it does not
    #[arg(long, value_name = "DAYS")]
    pub expires: Option<u32>,

    /// How literally its requests are taken
    #[arg(long, default_value = "auto")]
    pub dialect: TokenDialect,

    /// What happens when it creates a user who exists and is inactive
    #[arg(long, default_value = "reactivate")]
    pub on_inactive: TokenOnInactive,

    /// Id of the user it stands for, at `/Me`
    #[arg(long, value_name = "USER")]
    pub subject: Option<String>,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `token list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward token list --tenant acme --json")]
pub struct List {
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

/// Arguments of `token revoke`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward token revoke --tenant acme 0198f0c2-5b1e-7c3a-9d55-2f1b6a7c8e90")]
pub struct Revoke {
    /// Id of the token, as `token list` shows it
    pub id: String,

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

/// Arguments of `token rotate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: durward token rotate --tenant acme --overlap 48 0198f0c2-5b1e-7c3a-9d55-2f1b6a7c8e90"
)]
pub struct Rotate {
    /// Id of the token to replace
    pub id: String,

    /// Name of the tenant
    #[arg(long, value_name = "NAME")]
    pub tenant: String,

    /// Hours for which the old token still works
    #[arg(long, value_name = "HOURS", default_value = "24")]
    pub overlap: u32,

    /// Days until the new token expires; without it, it does not
    #[arg(long, value_name = "DAYS")]
    pub expires: Option<u32>,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Token {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(),
            Self::List(list) => list.run(),
            Self::Revoke(revoke) => revoke.run(),
            Self::Rotate(rotate) => rotate.run(),
        }
    }
}

impl Create {
    fn run(self) -> Result<(), Failure> {
        let kind = match self.kind {
            TokenKind::Scim => cx::TokenKind::Scim,
            TokenKind::Admin => cx::TokenKind::Admin,
        };
        let mode = match self.mode {
            TokenMode::Read => cx::Mode::Read,
            TokenMode::Write => cx::Mode::Write,
        };
        let settings = Settings { dialect: self.dialect.into(), on_inactive: self.on_inactive.into() };
        let name = self.name.or_else(|| self.provider.clone()).unwrap_or_else(|| kind.as_str().to_owned());
        let draft = Draft {
            mode,
            actions: (!self.actions.is_empty()).then_some(self.actions),
            provider: self.provider,
            settings,
            subject: self.subject,
            days: self.expires,
            ..Draft::new(kind, name)
        };
        let (info, secret) = with(&self.place, true, async |iam| {
            let cx = iam.operate(OPERATOR, &self.tenant).await?;
            let permit = iam.permit(&cx, Write, Tokens).await?;
            Ok(iam.create_token(&cx, permit, draft).await?)
        })?;
        made(&info, secret.expose(), self.output)
    }
}

/// The secret, and nothing else, unless a script wants it all.
fn made(info: &Info, secret: &str, output: Output) -> Result<(), Failure> {
    if !output.json {
        return print(&format!("{secret}\n"));
    }
    let mut shown = shown(info);
    if let Some(object) = shown.as_object_mut() {
        object.insert("token".to_owned(), secret.into());
    }
    print_json(&shown)
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let all = with(&self.place, true, async |iam| {
            let cx = iam.operate(OPERATOR, &self.tenant).await?;
            let permit = iam.permit(&cx, Read, Tokens).await?;
            Ok(iam.tokens(&cx, permit, None, None, 0, u64::MAX).await?.tokens)
        })?;
        if self.output.json {
            return print_json(&all.iter().map(shown).collect::<Vec<_>>());
        }
        let mut text = format!(
            "{:36}  {:5}  {:5}  {:24}  {:24}  name, actions, user\n",
            "id", "kind", "mode", "expires", "last used"
        );
        for token in &all {
            let [expires, used] = [token.expires, token.last_used]
                .map(|at| at.map_or_else(|| "never".to_owned(), scim::value::timestamp));
            text += &format!(
                "{:36}  {:5}  {:5}  {expires:24}  {used:24}  {}",
                token.id,
                token.kind,
                token.mode,
                visible(&token.name)
            );
            if let Some(actions) = &token.actions {
                text += &format!(" ({})", actions.join(", "));
            }
            if let Some(user) = &token.subject {
                text += &format!(", for the user {}", visible(user));
            }
            text.push('\n');
        }
        print(&text)
    }
}

impl Revoke {
    fn run(self) -> Result<(), Failure> {
        with(&self.place, true, async |iam| {
            let cx = iam.operate(OPERATOR, &self.tenant).await?;
            let permit = iam.permit(&cx, Write, Tokens).await?;
            Ok(iam.revoke_token(&cx, permit, &self.id).await?)
        })?;
        match self.output.json {
            true => print_json(&json!({ "revoked": self.id })),
            false => print(&format!("revoked the token {}\n", self.id)),
        }
    }
}

impl Rotate {
    fn run(self) -> Result<(), Failure> {
        let (info, secret) = with(&self.place, true, async |iam| {
            let cx = iam.operate(OPERATOR, &self.tenant).await?;
            let permit = iam.permit(&cx, Write, Tokens).await?;
            Ok(iam.rotate_token(&cx, permit, &self.id, self.overlap, self.expires).await?)
        })?;
        made(&info, secret.expose(), self.output)
    }
}

fn shown(info: &Info) -> serde_json::Value {
    json!({
        "id": info.id,
        "kind": info.kind,
        "mode": info.mode,
        "actions": info.actions,
        "name": info.name,
        "provider": info.provider,
        "dialect": info.settings.dialect.as_str(),
        "onInactive": info.settings.on_inactive.as_str(),
        "connection": info.connection,
        "subject": info.subject,
        "createdAt": scim::value::timestamp(info.created),
        "createdBy": info.created_by,
        "expiresAt": info.expires.map(scim::value::timestamp),
        "lastUsedAt": info.last_used.map(scim::value::timestamp),
    })
}

impl From<TokenDialect> for Dialect {
    fn from(dialect: TokenDialect) -> Self {
        match dialect {
            TokenDialect::Auto => Self::Auto,
            TokenDialect::Strict => Self::Strict,
        }
    }
}

impl From<TokenOnInactive> for cx::OnInactive {
    fn from(setting: TokenOnInactive) -> Self {
        match setting {
            TokenOnInactive::Reactivate => Self::Reactivate,
            TokenOnInactive::Conflict => Self::Conflict,
        }
    }
}
