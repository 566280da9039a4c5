//! `durward migrate`: brings the database to the version of this binary.

use clap::Args;
use serde_json::json;

use super::open::{database, with};
use super::{Context, Failure, Output, print, print_json};
use crate::config::Place;

/// Arguments of `migrate`.
#[derive(Debug, Args)]
#[command(
    after_help = "`durward serve` does this by itself; this is for those who want to see it done first. Every other command \
    takes the database as it is.\n\n\
    Example: durward migrate --data /var/lib/durward"
)]
pub struct Migrate {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Migrate {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        with(&self.place, false, async |_| Ok(()))?;
        let database = database(&self.place).to_string();
        match self.output.json {
            true => print_json(&json!({ "database": database, "migrated": true })),
            false => print(&format!("the database at `{database}` is at the version of this binary\n")),
        }
    }
}
