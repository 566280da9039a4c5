//! `durward backup` and `durward restore`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use store::{Location, Store, Verified};

use super::open::{database, make_folder, with};
use super::{Context, Failure, Output, print, print_json};
use crate::config::{Place, path};

/// Arguments of `backup`.
#[derive(Debug, Args)]
#[command(
    after_help = "Of a database on PostgreSQL its own tools make backups.\n\nThe copy is of one moment, and is verified (integrity and audit chains) before it is said to be there.\n\n\
    Example: durward backup /var/backups/durward-$(date +%F).db"
)]
pub struct Backup {
    /// File to write; it must not exist
    #[arg(value_parser = path())]
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
    after_help = "The copy is verified before it gets its name. A database in the data folder is replaced only with --force.\n\n\
    Example: durward restore /var/backups/durward-2026-11-21.db --data /var/lib/durward"
)]
pub struct Restore {
    /// File that `durward backup` has written
    #[arg(value_parser = path())]
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
        let progress = std::io::stderr().is_terminal();
        let verified = with(&self.place, true, async |iam| {
            let copied = iam.store().backup(&self.file, |done, total| {
                if progress {
                    let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
                    let _ = write!(std::io::stderr(), "\rcopying: {percent} %");
                }
            });
            Ok(copied.await?)
        })?;
        if progress {
            let _ = writeln!(std::io::stderr());
        }
        match self.output.json {
            true => print_json(&described(&self.file, verified)),
            false => print(&format!(
                "wrote `{}`: intact, {} audit records in {} chains\n",
                self.file.display(),
                verified.entries,
                verified.chains
            )),
        }
    }
}

impl Restore {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        let Location::File(target) = database(&self.place) else {
            return Err(Failure::Failed(
                "a PostgreSQL database is restored by PostgreSQL's own tools: `pg_restore`, or continuous archiving"
                    .to_owned(),
            ));
        };
        if target.exists() && !self.force {
            let target = target.display();
            return Err(Failure::Failed(format!(
                "there is a database at `{target}`; say `--force` to replace it"
            )));
        }
        // A server would go on with the file that was there, and lose what it writes.
        if target.exists() && Store::is_in_use(&target) {
            let target = target.display();
            return Err(Failure::Failed(format!("a server uses `{target}`; stop it first")));
        }
        make_folder(&self.place.data)?;
        let verified = Store::restore(&self.file, &target)?;
        match self.output.json {
            true => print_json(&described(&target, verified)),
            false => print(&format!(
                "restored `{}`: intact, {} audit records in {} chains\n",
                target.display(),
                verified.entries,
                verified.chains
            )),
        }
    }
}

fn described(file: &Path, verified: Verified) -> serde_json::Value {
    json!({ "file": file, "intact": true, "auditChains": verified.chains, "auditRecords": verified.entries })
}
