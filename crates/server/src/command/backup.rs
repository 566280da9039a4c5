//! `durward backup` and `durward restore`.

use std::path::PathBuf;

use clap::Args;

use super::{Context, Failure, Output};
use crate::config::Place;

/// Arguments of `backup`.
#[derive(Debug, Args)]
#[command(
    after_help = "The copy is of one moment, and is verified (integrity and audit chains) before it is said to be there.\n\n\
    Example: durward backup /var/backups/durward-$(date +%F).db"
)]
pub struct Backup {
    /// File to write; it must not exist
    pub file: PathBuf,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "The backup is verified first. A database in the data folder is replaced only with --force.\n\n\
    Example: durward restore /var/backups/durward-2026-11-21.db --data /var/lib/durward"
)]
pub struct Restore {
    /// File that `durward backup` has written
    pub file: PathBuf,

    /// Replace a database that is already there
    #[arg(long)]
    pub force: bool,

    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Backup {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        Err(Failure::Failed("`backup` is not there yet".to_owned()))
    }
}

impl Restore {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        Err(Failure::Failed("`restore` is not there yet".to_owned()))
    }
}
