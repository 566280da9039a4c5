//! `durward token`: what identity providers and administrators authenticate with.

use clap::{Args, Subcommand, ValueEnum};

use super::{Context, Failure, Output};
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

    /// Scheme of the sign-on provider whose people the token provisions
    #[arg(long, value_name = "SCHEME")]
    pub provider: Option<String>,

    /// What to call it in lists
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,

    /// Days until it expires; without it, it does not
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub expires: Option<u32>,

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
    #[arg(long, value_name = "HOURS", default_value = "24", value_parser = clap::value_parser!(u32).range(0..=8_760))]
    pub overlap: u32,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Token {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        Err(Failure::Failed("`token` is not there yet".to_owned()))
    }
}
