//! Migrations: the steps from an empty database to the schema this binary knows, in order, forward only.
//!
//! Each is one text for every database, with macros for what they spell differently. A migration that was applied must
//! not be edited, and a database that is ahead of this binary is not touched: both are said in a sentence that names
//! the migration. Running them is the driver's part.

use sha2::{Digest, Sha256};

use crate::{StoreError, statements};

statements! {
    LIST = "select number, name, checksum from migration where number > 0 order by number";
    NOTE = "insert into migration (number, name, checksum, applied) values ($1, $2, $3, $4)";
}

/// What has been applied. It is there before the first migration, so it is not one itself.
pub(crate) const TABLE: &str = "create table if not exists migration \
    (number bigint not null primary key, name text not null, checksum text not null, applied bigint not null)";

/// One step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    /// What PostgreSQL alone needs after that.
    pub(crate) postgres: Option<&'static str>,
}

/// All steps, in order.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "directory",
        text: include_str!("migrations/0001_directory.sql"),
        postgres: Some(include_str!("migrations/0001_directory.postgres.sql")),
    },
    Migration {
        number: 2,
        name: "mentioned",
        text: include_str!("migrations/0002_mentioned.sql"),
        postgres: None,
    },
    Migration {
        number: 3,
        name: "listeners",
        text: include_str!("migrations/0003_listeners.sql"),
        postgres: None,
    },
];

/// A step as the database remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) checksum: String,
}

/// What a macro of a migration's text stands for, in one database.
pub(crate) type Macros = &'static [(&'static str, &'static str)];

impl Migration {
    /// The text for one database.
    pub(crate) fn expand(&self, macros: Macros) -> String {
        macros.iter().fold(self.text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// SHA-256 of the text as it is written, in hexadecimal: the same for every database.
    pub(crate) fn checksum(&self) -> String {
        Sha256::digest(self.text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// That a database needs no step.
pub(crate) fn complete(known: &[Migration], applied: &[Applied]) -> Result<(), StoreError> {
    let said = match pending(known, applied)? {
        [] => return Ok(()),
        _ if applied.is_empty() => "it holds no installation; `durward serve` makes one",
        _ => "an older durward has made it; `durward migrate` brings it to the version of this one",
    };
    Err(StoreError::Migration(said.to_owned()))
}

/// Somebody else keeps this table in a database that is to be filled.
pub(crate) fn shared(table: &str) -> StoreError {
    StoreError::Location(format!("it holds something else, `{table}`; name an empty database"))
}

/// The steps that a database still needs.
pub(crate) fn pending<'m>(
    known: &'m [Migration],
    applied: &[Applied],
) -> Result<&'m [Migration], StoreError> {
    for (step, applied) in known.iter().zip(applied) {
        if (step.number, step.checksum()) != (applied.number, applied.checksum.clone()) {
            let Applied { number, name, .. } = applied;
            return Err(StoreError::Migration(format!(
                "migration {number} `{name}` of the database is not the one this binary knows; use the binary that made it"
            )));
        }
    }
    let newest = known.last().map_or(0, |step| step.number);
    match applied.last() {
        Some(last) if last.number > newest => Err(StoreError::Migration(format!(
            "the database is at migration {} `{}`, this binary knows {newest}; start a newer durward",
            last.number, last.name
        ))),
        _ => Ok(known.get(applied.len()..).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_complete_is_told_how_it_becomes_so() {
        let known = [(1, "one"), (2, "two")].map(|(number, name)| Migration {
            number,
            name,
            text: name,
            postgres: None,
        });
        let applied = known.map(|step| Applied {
            number: step.number,
            name: step.name.to_owned(),
            checksum: step.checksum(),
        });
        let said = |applied: &[Applied]| complete(&known, applied).map_err(|error| error.to_string());
        assert_eq!(said(&applied), Ok(()));
        assert!(said(&applied[..1]).unwrap_err().contains("`durward migrate`"));
        assert!(said(&[]).unwrap_err().contains("`durward serve` makes one"));
    }
}
