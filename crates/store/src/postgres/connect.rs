//! Connecting: an open connection, over TLS, to the one of several servers that takes writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{Host, Said, Trust, wrong};
use super::{PATIENCE, failed, unavailable};
use crate::StoreError;

/// One statement has one plan, and that plan searches an index, whatever the statistics say today; joins are in the order
/// they are written. Of several indexes it is the one that reads the fewest entries, as far as the statistics tell: those
/// of the first migration, or truer ones. Where there are none, after a restore, it may be the wrong one. A lock is waited
/// for so long, and a node that is cut off in a transaction holds its locks no longer than that. What is answered is
/// durable, on a standby that is waited for too, also where the server's own default is otherwise; and there is no
/// `statement_timeout`, which would end a commit's wait for its standby and call it done (`SyncRepWaitForLSN` warns, and
/// goes on).
pub(crate) const SESSION: &str = "set jit = off; set plan_cache_mode = force_generic_plan; set join_collapse_limit = 1; \
    set enable_seqscan = off; set enable_bitmapscan = off; set enable_hashjoin = off; set enable_mergejoin = off; \
    set enable_memoize = off; set enable_material = off; set cpu_index_tuple_cost = 1; set random_page_cost = 1; \
    set row_security = on; set default_transaction_isolation = 'read committed'; \
    set lock_timeout = '5s'; set statement_timeout = 0; set idle_in_transaction_session_timeout = '10s'; \
    select set_config('synchronous_commit', 'on', false) \
    where current_setting('synchronous_commit') not in ('on', 'remote_apply')";

/// Says of a connection whether somebody has set it up before, and that somebody has now. A pooler that hands a
/// connection of the server's from one client to another shows by that: prepared statements would be mistaken for one another.
const MINE: &str = "select coalesce(current_setting('durward.mine', true), ''); set durward.mine = 'yes';";

/// The servers that a URL names, of which one takes writes.
#[derive(Clone)]
pub(super) struct Server {
    hosts: Vec<Host>,
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

impl Server {
    /// Reads a URL, and the certificates it names.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let Said { hosts, trust, each, connections, group } = Said::parse(url)?;
        let tls = MakeRustlsConnect::new(tls(&trust)?);
        Ok(Server { hosts, last: Arc::default(), each, tls, connections, group })
    }

    /// How long it takes at most until every host was tried.
    pub(super) fn patience(&self) -> Duration {
        PATIENCE.max(self.each.saturating_mul(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX)))
    }

    /// Connects to the first host that takes connections, and drives the connection by a task of its own. A host that is
    /// silent is given up in time, whatever it was to say. When there is none, it is said of each why.
    pub(super) async fn connect(self) -> Result<(Client, JoinHandle<()>), StoreError> {
        let last = self.last.load(Ordering::Relaxed);
        let mut failures = Vec::new();
        for (number, host) in self.hosts.iter().enumerate().cycle().skip(last).take(self.hosts.len()) {
            let failure = match timeout(self.each, Self::connect_to(host, self.tls.clone())).await {
                Ok(Ok(connected)) => {
                    self.last.store(number, Ordering::Relaxed);
                    return Ok(connected);
                }
                Ok(Err(failure)) => failure,
                Err(_) => unavailable("a connection to the database was not made in time"),
            };
            failures.push((host.name.as_str(), failure));
        }
        Err(of_each(&failures))
    }

    async fn connect_to(host: &Host, tls: MakeRustlsConnect) -> Result<(Client, JoinHandle<()>), StoreError> {
        let (client, connection) = host.config.connect(tls).await.map_err(|error| failed(&error))?;
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

/// Why no host could be used, of each. Where one refuses, waiting for the others does not help.
fn of_each(failures: &[(&str, StoreError)]) -> StoreError {
    let known = |wanted: fn(&StoreError) -> bool| failures.iter().find(|(_, failure)| wanted(failure));
    // Of every host.
    if let Some((_, failure)) =
        known(|failure| !matches!(failure, StoreError::Unavailable(_) | StoreError::Denied(_)))
    {
        return failure.clone();
    }
    if let [(_, failure)] = failures {
        return failure.clone();
    }
    let why = |failure: &StoreError| match failure {
        StoreError::Unavailable(why) | StoreError::Denied(why) => why.clone(),
        failure => failure.to_string(),
    };
    let all: Vec<_> = failures.iter().map(|(host, failure)| format!("`{host}`: {}", why(failure))).collect();
    match known(|failure| matches!(failure, StoreError::Denied(_))) {
        Some(_) => StoreError::Denied(all.join("; ")),
        None => StoreError::Unavailable(all.join("; ")),
    }
}

/// TLS to whom that trust is in.
fn tls(trust: &Trust) -> Result<ClientConfig, StoreError> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong(&error.to_string()))?;
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Anybody => {
            let verifier = Arc::new(Anybody(provider));
            return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
        }
        Trust::File(file) => {
            let unreadable = |error: &dyn std::fmt::Display| wrong(&format!("`{}`: {error}", file.display()));
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
        Trust::System => {
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
