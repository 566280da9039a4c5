//! `durward tenant`: the organisations this server keeps.

use clap::{Args, Subcommand};

use super::{Context, Failure, Output};
use crate::config::Place;

/// What can be asked about tenants.
#[derive(Debug, Subcommand)]
pub enum Tenant {
    /// Create a tenant
    Create(Create),
    /// List the tenants
    List(List),
    /// Delete a tenant with everything in it
    ///
    /// Its tokens stop working first. The name can be used again; the data cannot be brought back. Asks when standard
    /// input is a terminal.
    Delete(Delete),
}

/// Arguments of `tenant create`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward tenant create acme")]
pub struct Create {
    /// Name of the tenant, as it stands in paths: lower-case letters, digits and hyphens
    pub name: String,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `tenant list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward tenant list --json")]
pub struct List {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `tenant delete`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward tenant delete acme --yes")]
pub struct Delete {
    /// Name of the tenant
    pub name: String,

    /// Do not ask
    #[arg(long)]
    pub yes: bool,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Tenant {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        Err(Failure::Failed("`tenant` is not there yet".to_owned()))
    }
}
