//! TLS: reading the certificate and its key, and reading them again when asked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or holds no PEM.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rustls::pki_types::pem::Error,
    },
    /// There is PEM, but no certificate in it.
    #[error("`{}` holds no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key are no good together.
    #[error("the certificate and its key do not work: {0}")]
    Rejected(#[from] rustls::Error),
}

/// The certificate in use.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    pub(super) fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let current = RwLock::new(Arc::new(load(&files)?));
        Ok(Self { files, current })
    }

    /// For the next handshake; those under way keep what they began with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }

    /// Reads the files again; on an error the old certificate stays.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        let fresh = Arc::new(load(&self.files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

/// Reads the files again at every SIGHUP, until the task is aborted. Without TLS there is nothing to read, and the signal
/// ends nothing either: whoever reloads services does not ask which of them have something to reload.
pub(super) fn reload_on_hangup(tls: Option<Arc<Tls>>) -> io::Result<JoinHandle<()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match tls.as_deref().map(Tls::reload) {
                None => tracing::info!("asked to read the certificate again, but TLS is off"),
                Some(Ok(())) => tracing::info!("the certificate has been read again"),
                Some(Err(error)) => tracing::error!(%error, "the old certificate stays in use"),
            }
        }
    }))
}

fn load(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let chain = chain(&files.cert)?;
    let unreadable = |source| TlsError::Read { path: files.key.clone(), source };
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::Read { path: path.to_owned(), source };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect();
    match chain.map_err(unreadable)? {
        chain if chain.is_empty() => Err(TlsError::Empty { path: path.to_owned() }),
        chain => Ok(chain),
    }
}
