//! Backup: a consistent copy of an open database into a file that stands alone, proven before it gets its name.
//!
//! It works on a thread of its own, while commits go on. Restoring is the same copy, put where the database was, while
//! no process has that open.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot};

use crate::audit::{self, AuditVerdict, Chain, Chains, Head};
use crate::columns::{MORE, Param};
use crate::sqlite::{self, Session};
use crate::{Store, StoreError, TenantId, migrate, setting, tenant};

/// What was found in a file that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many audit chains were verified.
    pub chains: u64,
    /// How many audit entries they have.
    pub entries: i64,
}

impl Store {
    /// Copies the database, as it is now, to a file that must not be there yet, and verifies the copy. `progress`
    /// hears how many pages of how many are copied. A database on a server is [`StoreError::Unsupported`].
    pub async fn backup(
        &self,
        to: &Path,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Verified, StoreError> {
        let (from, to) = (self.db().path()?.to_owned(), to.to_owned());
        let (steps, mut stepped) = mpsc::channel(16);
        let (answer, answered) = oneshot::channel();
        std::thread::Builder::new()
            .name("store-backup".to_owned())
            .spawn(move || {
                // When nobody listens any more the copy is not wanted any more.
                let step = |done, total| steps.blocking_send((done, total)).is_ok();
                let _ = answer.send(copy(&from, &to, step));
            })
            .map_err(|error| StoreError::Unavailable(format!("no thread for the backup: {error}")))?;
        while let Some((done, total)) = stepped.recv().await {
            progress(done, total);
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the backup stopped".to_owned())))
    }

    /// Puts a copy of a database file, with what its log holds, in the place of `to`; verified before it gets the name.
    /// The file is opened to be read only, and may be in use. It takes a while (about a second for 300 MB), on the calling
    /// thread. That nobody uses `to` is for the caller to see to ([`Store::is_in_use`]).
    ///
    /// # Errors
    /// [`StoreError::Broken`] when the copy does not hold: its pages, its migrations, its audit chains.
    pub fn restore(from: &Path, to: &Path) -> Result<Verified, StoreError> {
        placed(
            from,
            to,
            |_, _| true,
            || {
                // The log of the database that was there is not the log of this one.
                for log in ["-wal", "-shm"] {
                    match std::fs::remove_file(with(to, log)) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                        _ => {}
                    }
                }
                Ok(())
            },
        )
    }

    /// Whether this or another process has a database file open, so that it must not be replaced.
    pub fn is_in_use(path: &Path) -> bool {
        sqlite::is_in_use(path)
    }
}

fn copy(from: &Path, to: &Path, step: impl FnMut(u64, u64) -> bool) -> Result<Verified, StoreError> {
    if to.exists() {
        return Err(StoreError::Exists(to.display().to_string()));
    }
    placed(from, to, step, || Ok(()))
}

/// Copies under another name, verifies, then gives the name: a file of that name is always whole. `ready` runs between.
fn placed(
    from: &Path,
    to: &Path,
    step: impl FnMut(u64, u64) -> bool,
    ready: impl FnOnce() -> std::io::Result<()>,
) -> Result<Verified, StoreError> {
    let part = with(to, ".part");
    let copied = sqlite::copy(from, &part, step).and_then(|()| verify(&part)).and_then(|verified| {
        let named = ready().and_then(|()| std::fs::rename(&part, to)).and_then(|()| settle(to));
        named.map_err(|error| failed(to, &error))?;
        Ok(verified)
    });
    if copied.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    copied
}

fn verify(path: &Path) -> Result<Verified, StoreError> {
    let session = Session::reader(path)?;
    if let Some(damage) = session.damage()? {
        return Err(StoreError::Broken(damage));
    }
    migrate::pending(migrate::MIGRATIONS, &session.applied()?)?;
    let mut verified = Verified { chains: 0, entries: 0 };
    for tenant in chains(&session)? {
        verified.entries += verify_chain(&session, tenant)?;
        verified.chains += 1;
    }
    Ok(verified)
}

/// As [`Store::audited`] has them.
fn chains(session: &Session) -> Result<BTreeSet<TenantId>, StoreError> {
    let mut chains = Chains::default();
    let installation = TenantId::INSTALLATION.0;
    session.query(audit::TENANTS, [Param::Int(installation)], &mut |row| chains.there(row))?;
    session.query(audit::HEADS, [Param::Int(installation)], &mut |row| chains.left(row))?;
    let mut after = Some(installation);
    while let Some(last) = after.take() {
        session.query(audit::NEXT, [Param::Int(last)], &mut |row| {
            after = Some(row.int(0)?);
            chains.left(row)
        })?;
    }
    session.query(setting::LIST, [Param::Int(installation)], &mut |row| {
        chains.setting(row.text(0)?);
        MORE
    })?;
    Ok(chains.tenants())
}

fn verify_chain(session: &Session, tenant: TenantId) -> Result<i64, StoreError> {
    let mut chain = Chain::new(tenant, Head::of(session, tenant.0)?);
    session.query(audit::CHAIN, [Param::Int(tenant.0)], &mut |row| Ok(chain.entry(row)))?;
    if tenant == TenantId::INSTALLATION {
        session.query(tenant::LIST, tenant::EVERY, &mut |row| {
            chain.there(row.text(1)?);
            MORE
        })?;
    }
    match chain.verdict() {
        AuditVerdict::Intact { entries, .. } => Ok(entries),
        AuditVerdict::Broken { sequence, reason } => Err(StoreError::Broken(format!(
            "entry {sequence} of the audit chain of tenant {}: {reason}",
            tenant.0
        ))),
    }
}

/// A name that goes on.
fn with(file: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(end);
    PathBuf::from(name)
}

/// Makes the name as durable as the content.
fn settle(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

fn failed(file: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("`{}` cannot be written: {error}", file.display()))
}
