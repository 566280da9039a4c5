//! `durward copy`: moves an installation from one database to another.

use std::io::{IsTerminal, Write};
use std::path::Path;

use clap::Args;
use iam::Env;
use serde_json::json;
use store::{Location, Phase, Progress, Store};
use tokio::runtime::Builder;

use super::open::{DATABASE, make_folder};
use super::{Context, Failure, Output, print, print_json};
use crate::env::System;

/// Milliseconds from one line of progress to the next: on a terminal, where each takes the place of the one before, and
/// in a file.
const OFTEN: i64 = 200;
const RARELY: i64 = 5_000;

/// Arguments of `copy`.
#[derive(Debug, Args)]
#[command(
    after_help = "The copy is of one moment: what a server writes to the source after that is not in it, so stop the server first; \
    while one uses a file, a warning says so. Started twice, the later one goes on and the other ends.\n\
    Every table of every tenant is compared in the end, by count and digest; the first that differs is named, and the exit \
    code is 1. Interrupted, and started again with the same arguments, it goes on where it stopped. Until it is finished no \
    server starts on the target. A password is better kept in DURWARD_COPY_FROM or DURWARD_COPY_TO than on the command line.\n\n\
    Example: durward copy --from sqlite:/var/lib/durward --to postgres://durward@db.example.com/durward"
)]
pub struct Copy {
    /// Where the installation is: `sqlite:` and a data folder or a file, or `postgres://…`
    #[arg(long, value_name = "DATABASE", env = "DURWARD_COPY_FROM", hide_env_values = true)]
    pub from: Location,

    /// Where it goes: an empty database, or one that an interrupted copy has begun to fill
    #[arg(long, value_name = "DATABASE", env = "DURWARD_COPY_TO", hide_env_values = true)]
    pub to: Location,

    /// How to answer.
    #[command(flatten)]
    pub output: Output,
}

impl Copy {
    pub(super) fn run(self, _context: &Context) -> Result<(), Failure> {
        let (from, to) = (file_in(self.from), file_in(self.to));
        match &from {
            Location::File(path) if !path.is_file() => {
                return Err(Failure::Failed(format!("there is no database at `{}`", path.display())));
            }
            Location::File(path) if Store::is_in_use(path) => {
                let warning =
                    "warning: a server uses the source; what it writes from now on is not in the copy";
                let _ = writeln!(std::io::stderr(), "{warning}");
            }
            _ => {}
        }
        if let Location::File(path) = &to
            && let Some(folder) = path.parent().filter(|folder| *folder != Path::new(""))
        {
            make_folder(folder)?;
        }
        let now = || System.now().as_millisecond();
        let mut shown = Shown::new(now());
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
        let copied = runtime.block_on(store::copy(&from, &to, now(), |progress| shown.hear(progress, now())));
        shown.end();
        let copied = copied.map_err(Failure::failed)?;
        match self.output.json {
            true => print_json(&json!({
                "from": from.to_string(),
                "to": to.to_string(),
                "tenants": copied.tenants,
                "rows": copied.rows,
                "copiedBefore": copied.before,
                "verified": true,
            })),
            false => print(&format!(
                "copied `{from}` to `{to}`: {} rows of {} tenants, and both sides are the same\n",
                copied.rows, copied.tenants
            )),
        }
    }
}

/// A folder stands for the database in it. What is not there yet is a file when it is called like one.
fn file_in(location: Location) -> Location {
    match location {
        Location::File(path) if !path.is_file() && path.extension().is_none_or(|end| end != "db") => {
            Location::File(path.join(DATABASE))
        }
        location => location,
    }
}

/// Progress on standard error: rows, of about how many, and how fast.
struct Shown {
    is_terminal: bool,
    /// When this phase began, and with how many rows.
    since: Option<(Phase, i64, u64)>,
    last: i64,
}

impl Shown {
    fn new(now: i64) -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), since: None, last: now }
    }

    fn hear(&mut self, progress: Progress, now: i64) {
        let Progress { phase, table, rows, of } = progress;
        let (_, began, first) = match self.since {
            Some(since) if since.0 == phase => since,
            _ => *self.since.insert((phase, now, rows)),
        };
        let pause = if self.is_terminal { OFTEN } else { RARELY };
        if now - self.last < pause && rows < of {
            return;
        }
        self.last = now;
        let passed = u64::try_from(now - began).unwrap_or(0).max(1);
        let rate = (rows - first).saturating_mul(1_000) / passed;
        let line = format!("{phase}: {rows} of about {of} rows, {rate} a second, at `{table}`");
        let mut err = std::io::stderr().lock();
        // Nobody may be reading.
        let _ = match self.is_terminal {
            true => write!(err, "\r\x1b[K{line}"),
            false => writeln!(err, "{line}"),
        };
    }

    fn end(&self) {
        if self.is_terminal && self.since.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_the_database_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other");
        std::fs::write(&file, "").unwrap();
        let shown = |path: &Path| file_in(Location::File(path.to_owned())).to_string();
        let folder = folder.path();
        assert_eq!(shown(folder), folder.join("durward.db").display().to_string());
        assert_eq!(shown(&file), file.display().to_string());
        assert_eq!(shown(&folder.join("new")), folder.join("new/durward.db").display().to_string());
        assert_eq!(shown(&folder.join("new.db")), folder.join("new.db").display().to_string());
    }
}
