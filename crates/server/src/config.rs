//! The configuration: one struct, filled from flags, the environment, a TOML file and defaults, in that order.
//!
//! The doc comments of [`Config`] are the help text and the reference page. The values of the file become defaults
//! of the command line, so there is one struct, one set of names and one validation. Its one secret, the password in
//! `database`, is not shown.

pub mod effective;
pub mod environment;
pub mod file;
pub mod reference;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use jiff::SpanRelativeTo;
use store::Location;
use tracing_subscriber::EnvFilter;

use crate::client::Reach;

/// Where the data is when nobody says.
pub const DATA_DEFAULT: &str = "./durward-data";

/// Where the data and the configuration are. Every command takes it.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Folder that holds the database
    ///
    /// `serve` and `migrate` make it when it does not exist. Every other command needs it to exist.
    #[arg(long, env = "DURWARD_DATA", value_name = "FOLDER", default_value = DATA_DEFAULT,
        value_parser = path())]
    pub data: PathBuf,

    /// PostgreSQL to keep everything in, instead of the data folder
    ///
    /// `postgres://user:password@host/database`; several hosts, separated by commas, of which the one that takes
    /// writes is used. Parameters: `sslmode` (`disable`, `prefer`, `require`, `verify-full`), `sslrootcert` (PEM file,
    /// or `system`), `connections` (16), `connect_timeout`, `application_name` and others of PostgreSQL's own clients.
    /// The database must be there; `serve` and `migrate` make its tables. A password is better kept in the environment
    /// than on the command line, and is never shown.
    #[arg(
        long,
        env = "DURWARD_DATABASE",
        value_name = "URL",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub database: Option<Location>,

    /// TOML file to read the configuration from
    ///
    /// Its keys are the names on this page. Without this option, `durward.toml` in the data folder is read, else
    /// `durward.toml` in the working directory, else none. Cannot be set in the file itself.
    #[arg(long, env = "DURWARD_CONFIG", value_name = "FILE", value_parser = path())]
    pub config: Option<PathBuf>,
}

/// Everything a server can be told.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,

    /// Address and port to listen on
    ///
    /// Loopback by default: open it to others only behind TLS or a proxy that speaks TLS. Port 0 takes a free port
    /// and prints it.
    #[arg(long, env = "DURWARD_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address under which clients reach the server
    ///
    /// Used in every link and location the server writes. Without it, it is derived from `listen` and TLS; set it
    /// when there is a proxy in front.
    #[arg(long, env = "DURWARD_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// PEM file with the certificate chain, the server's own certificate first
    ///
    /// Turns TLS on; needs `tls_key`. Read again on SIGHUP.
    #[arg(long, env = "DURWARD_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the private key of the certificate
    #[arg(long, env = "DURWARD_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// How log lines are written to standard error
    #[arg(long, env = "DURWARD_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Which log lines are written
    ///
    /// A level for Durward itself (`error`, `warn`, `info`, `debug`, `trace`), or levels by module such as
    /// `info,durward_store=debug,h2=trace`. At `info` a request is logged when it fails; at `debug`, always.
    #[arg(long, env = "DURWARD_LOG_LEVEL", value_name = "FILTER", default_value = "info", value_parser = log_level)]
    pub log_level: String,

    /// OpenTelemetry collector to send traces to, by OTLP over HTTP
    ///
    /// For example `http://localhost:4318`; `/v1/traces` is added when the URL has no path. Without it nothing is
    /// traced. The `OTEL_…` variables for sampling and batching apply.
    #[arg(long, env = "DURWARD_OTLP_ENDPOINT", value_name = "URL", value_parser = otlp_endpoint)]
    pub otlp_endpoint: Option<String>,

    /// Name of this service in traces
    #[arg(long, env = "DURWARD_OTLP_SERVICE_NAME", value_name = "NAME", default_value = "durward")]
    pub otlp_service_name: String,

    /// How long a stopping server waits for requests in flight
    ///
    /// A duration such as `30s`, `2m` or `7d`, or a number of seconds, as for every time here.
    #[arg(long, env = "DURWARD_SHUTDOWN_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub shutdown_timeout: Duration,

    /// How long a client may take to send the body of a request
    ///
    /// A slower one is answered 408.
    #[arg(long, env = "DURWARD_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,

    /// How long a client may take to send the head of a request
    ///
    /// Also how long a connection may stay idle before and between requests, how long a client may take nothing of an
    /// answer, and how long a TLS handshake may take. The connection is closed then.
    #[arg(long, env = "DURWARD_HEADER_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub header_timeout: Duration,

    /// How long a token is kept after it has ended
    ///
    /// It is refused from its end on; until it is deleted, lists show it. Looked after once an hour.
    #[arg(long, env = "DURWARD_TOKEN_RETENTION", value_name = "DURATION", default_value = "30d", value_parser = duration)]
    pub token_retention: Duration,

    /// Where events may be sent to
    ///
    /// `public`: over TLS to addresses of the public internet, so that nobody who may set up an event stream reaches into this
    /// server's own networks through it. `any`: anywhere, also without TLS.
    #[arg(long, env = "DURWARD_EVENT_RECEIVERS", value_name = "WHERE", default_value = "public")]
    pub event_receivers: Reach,

    /// How many connections are served at once
    ///
    /// Further ones wait in the operating system's queue.
    #[arg(long, env = "DURWARD_MAX_CONNECTIONS", value_name = "NUMBER", default_value = "4096", value_parser = at_least_one)]
    pub max_connections: usize,

    /// How many threads serve requests
    ///
    /// Without it, as many as the machine has cores.
    #[arg(long, env = "DURWARD_WORKER_THREADS", value_name = "NUMBER", value_parser = at_least_one)]
    pub worker_threads: Option<usize>,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for a person to read.
    Text,
    /// One JSON object a line.
    Json,
}

/// Files of the certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file with the chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}:{line}: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// An environment variable is wrong.
    #[error("{0}")]
    Variable(String),
    /// The URL of the database cannot be used.
    #[error("`database`: {0}")]
    Database(#[source] store::StoreError),
    /// Two options contradict each other.
    #[error("{0}")]
    Inconsistent(&'static str),
}

impl Config {
    /// What a single option cannot know: whether the options fit together, and whether the database's URL can be used.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Some(database) = &self.place.database {
            database.check().map_err(ConfigError::Database)?;
        }
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => {
                Err(ConfigError::Inconsistent("`tls_cert` is set but `tls_key` is not: TLS needs both"))
            }
            (None, Some(_)) => {
                Err(ConfigError::Inconsistent("`tls_key` is set but `tls_cert` is not: TLS needs both"))
            }
            _ => Ok(()),
        }
    }

    /// The files of the certificate, when TLS is on.
    pub fn tls(&self) -> Option<TlsFiles> {
        let (cert, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { cert, key })
    }

    /// The address under which clients reach the server, without a slash at the end. `bound` is the address the
    /// server listens on.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => derived_url(bound, self.tls().is_some()),
        }
    }
}

/// A server that listens on every address is reached as `localhost` by the person who started it.
fn derived_url(bound: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    if bound.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", bound.port())
    } else {
        format!("{scheme}://{bound}")
    }
}

/// A duration such as `30s`, `1m 30s` or `7d`, or a number of seconds. A day is 24 hours.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let wrong = || "is no duration: write `30s`, `2m`, or a number of seconds".to_owned();
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| wrong())
}

/// A path. Of a URL there would be a folder of its name, with the password in it.
pub fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.to_string_lossy().contains("://") {
        true => Err("is a URL, not a path; that of a database goes into `database`"),
        false => Ok(path),
    })
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("is no number from 1".to_owned()),
    }
}

fn log_level(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("is no log filter: {error}")),
    }
}

fn otlp_endpoint(text: &str) -> Result<String, String> {
    let url = url(text)?;
    match url.path() {
        "/" => Ok(format!("{}/v1/traces", text.trim_end_matches('/'))),
        _ => Ok(text.to_owned()),
    }
}

fn public_url(text: &str) -> Result<String, String> {
    let url = url(text)?;
    if url.query().is_some() {
        return Err("is no address to put paths after: it has a query".to_owned());
    }
    Ok(text.to_owned())
}

fn url(text: &str) -> Result<http::Uri, String> {
    let url: http::Uri = text.parse().map_err(|_| "is no URL".to_owned())?;
    match (url.scheme_str(), url.authority()) {
        (Some("http" | "https"), Some(_)) => Ok(url),
        _ => Err("is no URL that starts with `http://` or `https://`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_or_without_a_unit() {
        for (text, expected) in
            [("30", 30), ("30s", 30), ("2m", 120), ("1m 30s", 90), ("0", 0), ("1d", 86_400)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(expected)), "{text}");
        }
        for text in ["", "soon", "-5s", "5 parsecs", "1 month"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_public_url_is_derived_from_the_address() {
        let address = |text: &str| text.parse().unwrap();
        assert_eq!(derived_url(address("127.0.0.1:8080"), false), "http://127.0.0.1:8080");
        assert_eq!(derived_url(address("0.0.0.0:443"), true), "https://localhost:443");
        assert_eq!(derived_url(address("[::1]:80"), false), "http://[::1]:80");
    }

    #[test]
    fn urls_are_http_and_complete() {
        for text in ["id.example.com", "ftp://example.com", "https://", "/path", "https://example.com/?a=b"] {
            assert!(public_url(text).is_err(), "{text}");
        }
        assert_eq!(otlp_endpoint("http://c:4318").unwrap(), "http://c:4318/v1/traces");
        assert_eq!(otlp_endpoint("http://c:4318/").unwrap(), "http://c:4318/v1/traces");
        assert_eq!(otlp_endpoint("http://c:4318/in").unwrap(), "http://c:4318/in");
    }
}
