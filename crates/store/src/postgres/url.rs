//! The URL of a database, read as PostgreSQL's own clients read it (libpq, "Connection URIs"), so far as what it asks for can
//! be kept. What cannot be kept is refused by the parameter's name, and never with a value, which may be part of a password.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Config, Error};

use super::chain;
use crate::StoreError;

/// PostgreSQL's own.
const PORT: u16 = 5432;
/// Connections to the server when the URL does not say `connections`.
const CONNECTIONS: usize = 16;
/// Most commits in one transaction when the URL does not say `group`. Past 64 PostgreSQL keeps a transaction's
/// savepoints where every reader has to look them up.
const GROUP: usize = 32;
/// How long one server may take until a connection to it can be used, when the URL does not say `connect_timeout`.
const CONNECT: Duration = Duration::from_secs(5);
/// So long data may stay unacknowledged before a connection counts as dead.
const SILENCE: Duration = Duration::from_secs(10);
/// So long a connection may lie idle before it is asked whether it lives.
const IDLE: Duration = Duration::from_secs(30);

/// What a URL says.
pub(super) struct Said {
    pub(super) hosts: Vec<Host>,
    pub(super) trust: Trust,
    /// How long each host may take until a connection to it can be used.
    pub(super) each: Duration,
    /// Most connections at once.
    pub(super) connections: usize,
    /// Most commits in one transaction.
    pub(super) group: usize,
}

/// One of the servers.
#[derive(Clone)]
pub(super) struct Host {
    /// Its address, to be named by.
    pub(super) name: String,
    /// How it is reached.
    pub(super) config: Config,
}

/// Whose word is taken for who a server is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its own: a connection is encrypted and that is all.
    Anybody,
    /// That of the authorities the system knows.
    System,
    /// That of the authorities in a PEM file.
    File(PathBuf),
}

impl Said {
    /// Reads `postgres://user:password@host1,host2/database?parameters`.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let parameters = Parameters::take(url)?;
        let (mode, trust) = parameters.encryption()?;
        let hosts = parameters.hosts()?.into_iter().map(|(host, port)| parameters.host(host, port, mode));
        let hosts = hosts.collect::<Result<Vec<_>, _>>()?;
        if hosts.len() > 1 && hosts.iter().any(|host| !host.config.get_hostaddrs().is_empty()) {
            return Err(wrong("`hostaddr` can be said of one host only"));
        }
        let each = hosts.first().and_then(|host| host.config.get_connect_timeout()).copied();
        let Parameters { connections, group, .. } = parameters;
        Ok(Said { hosts, trust, each: each.unwrap_or(CONNECT), connections, group })
    }
}

/// The parameters that are ours to understand, and the URL without them and without its hosts.
struct Parameters {
    url: String,
    /// One or several, parted by commas; so are the ports.
    host: String,
    port: String,
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    connections: usize,
    group: usize,
    names_keepalive: bool,
}

impl Parameters {
    fn take(url: &str) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if query.contains('@') && !base.contains('@') {
            // Else a part of a password would be taken for a parameter, and be named as one.
            return Err(wrong(
                "a `?` before its `@` has to be written `%3F`, and an `@` in a parameter `%40`",
            ));
        }
        let (scheme, rest) = base.split_once("://").unwrap_or_default();
        let (user, rest) = rest.split_once('@').map_or(("", rest), |(user, rest)| (user, rest));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = authority.split(',').map(host_and_port).collect::<(Vec<_>, Vec<_>)>();
        let (mut host, mut port) = (decoded(&host.join(",")), decoded(&port.join(",")));
        let (mut sslmode, mut sslrootcert) = (None, None);
        let (mut connections, mut group) = (CONNECTIONS, GROUP);
        let mut names_keepalive = false;
        let mut others = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                // Whichever the authority names, as libpq does.
                "host" => host = decoded(value),
                "port" => port = decoded(value),
                "sslmode" => sslmode = Some(decoded(value)),
                "sslrootcert" => sslrootcert = Some(decoded(value)),
                "connections" => connections = number(name, &decoded(value))?,
                "group" => group = number(name, &decoded(value))?,
                "target_session_attrs" => takes_writes(&decoded(value))?,
                _ => {
                    names_keepalive |= name == "keepalives_idle";
                    others.push(parameter);
                }
            }
        }
        let at = if user.is_empty() { "" } else { "@" };
        let query = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
        let url = format!("{scheme}://{user}{at}{path}{query}");
        Ok(Parameters { url, host, port, sslmode, sslrootcert, connections, group, names_keepalive })
    }

    /// Each host with its port. One port is that of all.
    fn hosts(&self) -> Result<Vec<(&str, u16)>, StoreError> {
        let (hosts, ports): (Vec<_>, Vec<_>) =
            (self.host.split(',').collect(), self.port.split(',').collect());
        if hosts.iter().any(|host| host.is_empty()) {
            return Err(wrong("it names no host"));
        }
        if ports.len() != 1 && ports.len() != hosts.len() {
            return Err(wrong("it does not name one port, or one for each host"));
        }
        let port = |text: &str| match text {
            "" => Ok(PORT),
            text => text
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| wrong("a port is no number from 1 to 65535")),
        };
        hosts.into_iter().zip(ports.into_iter().cycle()).map(|(host, text)| Ok((host, port(text)?))).collect()
    }

    /// Whether connections are encrypted, and whose word is taken for who is at the other end.
    fn encryption(&self) -> Result<(SslMode, Trust), StoreError> {
        let named = self.sslrootcert.as_deref().map(|roots| match roots {
            "system" => Trust::System,
            file => Trust::File(file.into()),
        });
        match (self.sslmode.as_deref(), named) {
            // libpq's `prefer` would go on unencrypted where the server offers no TLS, and so would whoever stands in its place.
            (None | Some("prefer" | "require" | "verify-full"), Some(trust)) => Ok((SslMode::Require, trust)),
            (None | Some("prefer"), None) => Ok((SslMode::Prefer, Trust::Anybody)),
            (Some("require"), None) => Ok((SslMode::Require, Trust::Anybody)),
            (Some("verify-full"), None) => Ok((SslMode::Require, Trust::System)),
            (Some("disable"), None) => Ok((SslMode::Disable, Trust::Anybody)),
            (Some("disable"), Some(_)) => Err(wrong("`sslrootcert` verifies nothing with `sslmode=disable`")),
            (Some(_), _) => Err(wrong("`sslmode` is none of disable, prefer, require, verify-full")),
        }
    }

    /// How a host is reached, with what is to be said when the URL does not say it.
    fn host(&self, host: &str, port: u16, mode: SslMode) -> Result<Host, StoreError> {
        let mut config: Config = self.url.parse().map_err(|error: Error| wrong(&chain(&error)))?;
        config.host(host).port(port).ssl_mode(mode).target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if !self.names_keepalive {
            config.keepalives_idle(IDLE);
        }
        if config.get_application_name().is_none() {
            config.application_name("durward");
        }
        Ok(Host { name: format!("{host}:{port}"), config })
    }
}

/// `host`, `host:port`, `[address]`, `[address]:port`.
fn host_and_port(text: &str) -> (&str, &str) {
    match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':').unwrap_or(rest)),
        None => text.split_once(':').unwrap_or((text, "")),
    }
}

/// A standby may not have heard yet that a token was revoked, and nobody could say for how long.
fn takes_writes(attributes: &str) -> Result<(), StoreError> {
    match attributes {
        "read-write" | "primary" => Ok(()),
        _ => Err(wrong(
            "`target_session_attrs` cannot be but `read-write`: what a standby answers may be out of date",
        )),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn number(name: &str, value: &str) -> Result<usize, StoreError> {
    match value.parse() {
        Ok(number @ 1..=1_000) => Ok(number),
        _ => Err(wrong(&format!("`{name}` is no number from 1 to 1000"))),
    }
}

pub(super) fn wrong(why: &str) -> StoreError {
    StoreError::Location(format!("the URL of the database cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_postgres::config::{SslMode, TargetSessionAttrs};

    use super::{Said, Trust};

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for (url, why) in [
            ("postgres://durward:hush@/durward", "it names no host"),
            ("postgres://durward:hush@a,/durward", "it names no host"),
            ("postgres://durward:hush@db:port/durward", "a port is no number"),
            ("postgres://durward:hush@db/durward?port=0", "a port is no number"),
            ("postgres://durward:hush@a,b,c/durward?port=1,2", "one port, or one for each host"),
            ("postgres://durward:hush@db/durward?connections=many", "`connections` is no number"),
            ("postgres://durward:hush@db/durward?colour=green", "unknown option `colour`"),
            ("postgres://durward:hush@db/durward?sslmode=perhaps", "`sslmode` is none of"),
            ("postgres://durward:hush@db/durward?sslmode=allow", "`sslmode` is none of"),
            ("postgres://durward:hush@db/durward?sslmode=disable&sslrootcert=system", "verifies nothing"),
            ("postgres://durward:hush@db/durward?target_session_attrs=any", "cannot be but `read-write`"),
            ("postgres://durward:hush@db/durward?target_session_attrs=standby", "cannot be but `read-write`"),
            ("postgres://durward:hush@a,b/durward?hostaddr=127.0.0.1", "`hostaddr`"),
            ("postgres://durward:hush@db/durward?connect_timeout=hush", "`connect_timeout`"),
            ("postgres://durward:a?hush@db/durward", "`%3F`"),
            ("postgres://durward:a?hush=b@db/durward", "`%3F`"),
            ("postgres://durward:a@hush:b@db/durward", "a port is no number"),
        ] {
            let error = Said::parse(url).err().unwrap_or_else(|| panic!("{url}")).to_string();
            let said = error.strip_prefix("the URL of the database cannot be used: ");
            assert!(said.is_some_and(|said| said.contains(why)), "{url}: {error}");
            assert!(!error.contains("hush"), "{url}: {error}");
        }
    }

    #[test]
    fn hosts_and_ports_are_found_wherever_psql_finds_them() {
        for (url, hosts) in [
            ("postgres://db/durward", "db:5432"),
            ("postgres://durward:p%40ss@a,b:5433/durward", "a:5432 b:5433"),
            ("postgres://db/durward?port=5433", "db:5433"),
            ("postgres://db:1/durward?port=5433", "db:5433"),
            ("postgres:///durward?host=a,b&port=1,2", "a:1 b:2"),
            ("postgres:///durward?host=a,b&port=5433", "a:5433 b:5433"),
            ("postgres://c:7/durward?host=a", "a:7"),
            ("postgres://durward@%2Frun%2Fpostgresql:6432/durward", "/run/postgresql:6432"),
            ("postgres:///durward?host=/run/postgresql", "/run/postgresql:5432"),
            ("postgresql://[::1]:5433,[::2]/durward", "::1:5433 ::2:5432"),
            ("postgres://durward@a", "a:5432"),
        ] {
            let said = Said::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            let names: Vec<_> = said.hosts.iter().map(|host| host.name.as_str()).collect();
            assert_eq!(names.join(" "), hosts, "{url}");
            for host in &said.hosts {
                assert_eq!((host.config.get_hosts().len(), host.config.get_ports().len()), (1, 1), "{url}");
                assert_eq!(host.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite, "{url}");
                assert_eq!(host.config.get_dbname(), (!url.ends_with("@a")).then_some("durward"), "{url}");
            }
        }
        let said = Said::parse("postgres://durward:p%40ss@db/durward?target_session_attrs=primary").unwrap();
        let config = &said.hosts[0].config;
        assert_eq!((config.get_user(), config.get_password()), (Some("durward"), Some(&b"p@ss"[..])));
    }

    #[test]
    fn who_names_certificates_gets_no_connection_without_them() {
        let file = || Trust::File("root.pem".into());
        for (parameters, mode, trust) in [
            ("", SslMode::Prefer, Trust::Anybody),
            ("sslmode=require", SslMode::Require, Trust::Anybody),
            ("sslmode=verify-full", SslMode::Require, Trust::System),
            ("sslrootcert=system", SslMode::Require, Trust::System),
            ("sslrootcert=root.pem", SslMode::Require, file()),
            ("sslmode=prefer&sslrootcert=root.pem", SslMode::Require, file()),
            ("sslmode=require&sslrootcert=root.pem", SslMode::Require, file()),
        ] {
            let said = Said::parse(&format!("postgres://db/durward?{parameters}")).unwrap();
            assert_eq!((said.hosts[0].config.get_ssl_mode(), said.trust), (mode, trust), "{parameters}");
        }
    }

    #[test]
    fn there_is_time_for_every_server() {
        for (url, seconds) in
            [("postgres://durward@a/durward", 5), ("postgres://durward@a,b/durward?connect_timeout=20", 20)]
        {
            assert_eq!(Said::parse(url).unwrap().each, Duration::from_secs(seconds), "{url}");
        }
    }
}
