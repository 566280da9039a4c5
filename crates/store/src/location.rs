//! Where a database is: the path of a file, or the URL of a server. The URL may hold a password, which is never shown.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::{StoreError, postgres};

/// What is said of a text that is no location.
const NEITHER: &str = "is neither a URL that begins with `postgres://` nor `sqlite:` and a path";

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// An SQLite file.
    File(PathBuf),
    /// A PostgreSQL server, or several of which one takes writes.
    Server(Url),
}

/// The URL of a server. Shown, it is without user, password and parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Location {
    type Err = StoreError;

    /// `sqlite:` and a path, or the URL of a server. Whatever else it is, a path is not meant by it: it may be a URL written
    /// amiss, and then hold a password, so it is not repeated.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text.strip_prefix("sqlite:") {
            Some(path) => Ok(Location::File(path.strip_prefix("//").unwrap_or(path).into())),
            None if postgres::SCHEMES.iter().any(|scheme| text.starts_with(scheme)) => {
                Ok(Location::Server(Url(text.to_owned())))
            }
            None => Err(StoreError::Location(NEITHER.to_owned())),
        }
    }
}

impl Location {
    /// Whether a URL says what can be done, as far as that can be known without asking its server.
    ///
    /// # Errors
    /// [`StoreError::Location`], without any value of the URL.
    pub fn check(&self) -> Result<(), StoreError> {
        match self {
            Location::File(_) => Ok(()),
            Location::Server(url) => postgres::check(url),
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Location::File(path.to_owned())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::File(path) => path.display().fmt(f),
            Location::Server(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Url {
    /// A password may hold any character, written as it should be or not: all up to the last `@` is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let hosts = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
        let hosts = hosts.split_once('?').map_or(hosts, |(hosts, _)| hosts);
        write!(f, "{scheme}://{hosts}")
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Location;

    #[test]
    fn a_location_is_shown_without_its_password() {
        for (text, shown) in [
            ("sqlite:/var/lib/durward.db", "/var/lib/durward.db"),
            ("sqlite:///var/lib/durward.db", "/var/lib/durward.db"),
            ("postgres://durward@db/durward", "postgres://db/durward"),
            (
                "postgres://durward:hush@db1,db2:5433/durward?sslmode=require",
                "postgres://db1,db2:5433/durward",
            ),
            ("postgres://durward:hu/s?h@db/durward", "postgres://db/durward"),
            ("postgres://durward:hu@sh@db/durward", "postgres://db/durward"),
            ("postgres:///durward?host=/run&password=hush", "postgres:///durward"),
            ("postgresql://durward:hush@db/durward", "postgresql://db/durward"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), shown, "{text}");
            assert_eq!(format!("{location:?}"), shown, "{text}");
        }
    }
    #[test]
    fn what_is_neither_a_url_nor_called_a_file_is_refused_and_not_repeated() {
        for text in [
            "durward:hush@127.0.0.1/durward",
            "host=127.0.0.1 password=hush",
            "postgresql:/durward:hush@127.0.0.1/durward",
            "postgress://durward:hush@db/durward",
            "mysql://durward:hush@db/durward",
            "/var/lib/hush",
            "5",
            "",
        ] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert_eq!(error, "is neither a URL that begins with `postgres://` nor `sqlite:` and a path");
        }
    }
}
