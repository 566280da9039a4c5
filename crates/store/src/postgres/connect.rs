//! Connecting: from the URL to an open connection, over TLS, to the one of several servers that takes writes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PATIENCE, chain, failed, unavailable};
use crate::StoreError;

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

/// One statement has one plan, and that plan searches an index, whatever the statistics say today: of several indexes
/// the one that reads the fewest entries; joins are in the order they are written. A lock is waited for so long, and a
/// node that is cut off in a transaction holds its locks no longer than that. What is answered is durable, also where
/// the server's own default is otherwise; and there is no `statement_timeout`, which would end a commit's wait for its
/// standby and call it done (`SyncRepWaitForLSN` warns, and goes on).
pub(crate) const SESSION: &str = "set jit = off; set plan_cache_mode = force_generic_plan; set join_collapse_limit = 1; \
    set enable_seqscan = off; set enable_bitmapscan = off; set enable_hashjoin = off; set enable_mergejoin = off; \
    set enable_memoize = off; set enable_material = off; set cpu_index_tuple_cost = 1; set random_page_cost = 1; \
    set row_security = on; set default_transaction_isolation = 'read committed'; \
    set lock_timeout = '5s'; set statement_timeout = 0; set idle_in_transaction_session_timeout = '10s'; \
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";

/// Says of a connection whether somebody has set it up before, and that somebody has now. A pooler that hands a
/// connection of the server's from one client to another shows by that: prepared statements would be mistaken for one another.
const MINE: &str = "select coalesce(current_setting('durward.mine', true), ''); set durward.mine = 'yes';";

/// What a URL says.
#[derive(Clone)]
pub(super) struct Server {
    /// How to reach each of its hosts.
    hosts: Vec<Config>,
    /// The one that took the last connection. It is tried first, so that a host that is silent is waited for once.
    last: Arc<AtomicUsize>,
    /// How long each may take.
    each: Duration,
    tls: MakeRustlsConnect,
    /// Most connections at once.
    pub(super) connections: usize,
    /// Most commits in one transaction.
    pub(super) group: usize,
}

/// The parameters that are ours to understand, and the URL without them.
struct Parameters {
    url: String,
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    connections: usize,
    group: usize,
    names_target: bool,
    names_keepalive: bool,
}

impl Server {
    /// Reads a URL: `postgres://user:password@host1,host2/database?parameters`, as PostgreSQL's own clients do.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(wrong("it begins neither with `postgres://` nor with `sqlite:`"));
        }
        let parameters = Parameters::take(url)?;
        let root = parameters.sslrootcert.as_deref().map(Path::new);
        let (mode, is_verified) = match parameters.sslmode.as_deref() {
            Some("disable") => (SslMode::Disable, false),
            None | Some("prefer") => (SslMode::Prefer, root.is_some()),
            Some("require") => (SslMode::Require, root.is_some()),
            Some("verify-full") => (SslMode::Require, true),
            Some(_) => return Err(wrong("`sslmode` is none of disable, prefer, require, verify-full")),
        };
        let hosts =
            parameters.hosts().map(|url| parameters.config(&url, mode)).collect::<Result<Vec<_>, _>>()?;
        let each = hosts.first().and_then(Config::get_connect_timeout).copied().unwrap_or(CONNECT);
        let tls = MakeRustlsConnect::new(tls(is_verified, root)?);
        let Parameters { connections, group, .. } = parameters;
        Ok(Server { hosts, last: Arc::default(), each, tls, connections, group })
    }

    /// How long it takes at most until every host was tried.
    pub(super) fn patience(&self) -> Duration {
        PATIENCE.max(self.each.saturating_mul(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX)))
    }

    /// Connects to the first host that takes connections, and drives the connection by a task of its own. A host that is
    /// silent is given up in time, whatever it was to say.
    pub(super) async fn connect(self) -> Result<(Client, JoinHandle<()>), StoreError> {
        let last = self.last.load(Ordering::Relaxed);
        let mut failure = wrong("it names no host");
        for (number, host) in self.hosts.iter().enumerate().cycle().skip(last).take(self.hosts.len()) {
            match timeout(self.each, Self::connect_to(host, self.tls.clone())).await {
                Ok(Ok(connected)) => {
                    self.last.store(number, Ordering::Relaxed);
                    return Ok(connected);
                }
                // Of every host.
                Ok(Err(error @ StoreError::Unsupported(_))) => return Err(error),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = unavailable("a connection to the database was not made in time"),
            }
        }
        Err(failure)
    }

    async fn connect_to(
        host: &Config,
        tls: MakeRustlsConnect,
    ) -> Result<(Client, JoinHandle<()>), StoreError> {
        let (client, connection) = host.connect(tls).await.map_err(|error| failed(&error))?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database ended");
            }
        });
        let answers =
            client.simple_query(&format!("{MINE} {SESSION}")).await.map_err(|error| failed(&error))?;
        let is_mine = answers.iter().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(row.get(0) == Some("")),
            _ => None,
        });
        match is_mine {
            Some(true) => Ok((client, task)),
            _ => Err(StoreError::Unsupported(
                "a connection pooler gives connections of the database from one client to another; \
                let it pool sessions (pgbouncer: pool_mode = session)",
            )),
        }
    }
}

impl Parameters {
    /// The URL of each host alone.
    fn hosts(&self) -> impl Iterator<Item = String> {
        let (before, rest) = self.url.split_once("://").unwrap_or_default();
        let (user, rest) = rest.split_once('@').map_or(("", rest), |(user, rest)| (user, rest));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (hosts, rest) = rest.split_at(end);
        let at = if user.is_empty() { "" } else { "@" };
        hosts.split(',').map(move |host| format!("{before}://{user}{at}{host}{rest}"))
    }

    /// How a host is reached, with what is to be said when the URL does not say it.
    fn config(&self, url: &str, mode: SslMode) -> Result<Config, StoreError> {
        let mut config: Config = url.parse().map_err(|error: Error| wrong(&chain(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host"));
        }
        if !self.names_target {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
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
        config.ssl_mode(mode);
        Ok(config)
    }

    fn take(url: &str) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if query.contains('@') && !base.contains('@') {
            // Else a part of a password would be taken for a parameter, and be named as one.
            return Err(wrong(
                "a `?` before its `@` has to be written `%3F`, and an `@` in a parameter `%40`",
            ));
        }
        let (mut sslmode, mut sslrootcert) = (None, None);
        let (mut connections, mut group) = (CONNECTIONS, GROUP);
        let (mut names_target, mut names_keepalive) = (false, false);
        let mut rest = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = || percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "sslmode" => sslmode = Some(value()),
                "sslrootcert" => sslrootcert = Some(value()),
                "connections" => connections = number(name, &value())?,
                "group" => group = number(name, &value())?,
                _ => {
                    names_target |= name == "target_session_attrs";
                    names_keepalive |= name == "keepalives_idle";
                    rest.push(parameter);
                }
            }
        }
        let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        Ok(Parameters { url, sslmode, sslrootcert, connections, group, names_target, names_keepalive })
    }
}

fn number(name: &str, value: &str) -> Result<usize, StoreError> {
    match value.parse() {
        Ok(number @ 1..=1_000) => Ok(number),
        _ => Err(wrong(&format!("`{name}` is no number from 1 to 1000"))),
    }
}

fn wrong(why: &str) -> StoreError {
    StoreError::Location(format!("the URL of the database cannot be used: {why}"))
}

/// TLS by the certificates in a file, else by those of the system; or without asking whom it talks to.
fn tls(is_verified: bool, root: Option<&Path>) -> Result<ClientConfig, StoreError> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong(&error.to_string()))?;
    if !is_verified {
        let verifier = Arc::new(Anybody(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    match root {
        Some(file) => {
            let unreadable = |error: &dyn std::fmt::Display| wrong(&format!("`{}`: {error}", file.display()));
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(wrong("there is no root certificate to verify the server by; say `sslrootcert`"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Takes every certificate: the connection is encrypted and that is all, as PostgreSQL's own clients do when nobody
/// names a root certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Server;

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for url in [
            "mysql://durward:hush@db/durward",
            "postgres://durward:hush@/durward",
            "postgres://durward:hush@db:port/durward",
            "postgres://durward:hush@db/durward?connections=many",
            "postgres://durward:hush@db/durward?colour=green",
            "postgres://durward:hush@db/durward?sslmode=perhaps",
            "postgres://durward:hush@db/durward?connect_timeout=hush",
            "postgres://durward:a?hush@db/durward",
            "postgres://durward:a?hush=b@db/durward",
            "postgres://durward:a@hush:b@db/durward",
        ] {
            let error = Server::parse(url).err().unwrap_or_else(|| panic!("{url}")).to_string();
            assert!(error.starts_with("the URL of the database cannot be used: "), "{error}");
            assert!(!error.contains("hush"), "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn there_is_time_to_try_every_server() {
        for (url, seconds) in [
            ("postgres://durward@a/durward", 10),
            ("postgres://durward@a,b/durward", 10),
            ("postgres://durward@a,b,c/durward", 15),
            ("postgres://durward@a,b/durward?connect_timeout=20", 40),
        ] {
            assert_eq!(Server::parse(url).unwrap().patience(), Duration::from_secs(seconds), "{url}");
        }
    }
}
