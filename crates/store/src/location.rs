//! Where a database is: the path of a file, or the URL of a server. The URL may hold a password, which is never shown.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// An SQLite file.
    File(PathBuf),
    /// A PostgreSQL server, or several of which one takes writes. What is wrong with it is said when it is opened.
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
    type Err = Infallible;

    /// `sqlite:` and a path, a path, or a URL. Never fails, so that nobody repeats a password in a message.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix("sqlite:") {
            Some(path) => Location::File(path.strip_prefix("//").unwrap_or(path).into()),
            None if text.contains("://") => Location::Server(Url(text.to_owned())),
            None => Location::File(text.into()),
        })
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
            ("durward.db", "durward.db"),
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
            ("postgress://durward:hush@db/durward", "postgress://db/durward"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), shown, "{text}");
            assert_eq!(format!("{location:?}"), shown, "{text}");
        }
    }
}
