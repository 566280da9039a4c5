//! `durward audit`: who changed what, and the proof that the log is whole.

use clap::{Args, Subcommand};

use super::{Context, Failure, Output};
use crate::config::Place;

/// What can be asked about the audit log.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Prove that no record was altered, left out or put in; name the first that was
    Verify(Verify),
    /// Print the records, oldest first
    List(List),
}

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 1 when the chain is broken.\n\nExample: durward audit verify")]
pub struct Verify {
    /// Name of the tenant; without it, all tenants and the installation itself
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `audit list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: durward audit list --tenant acme --after 1000 --take 50 --json")]
pub struct List {
    /// Name of the tenant; without it, the installation itself (tenants made and deleted)
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,

    /// Only records after this sequence number
    #[arg(long, value_name = "SEQUENCE", default_value = "0")]
    pub after: i64,

    /// How many records at most
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub take: u32,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Audit {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        Err(Failure::Failed("`audit` is not there yet".to_owned()))
    }
}
