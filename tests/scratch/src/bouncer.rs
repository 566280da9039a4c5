//! A connection pooler, pgbouncer, before a test's database.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::postgres::{START, owner, run};
use crate::{Cluster, Database};

/// Debian's; it is not on everybody's search path.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A pooler. It ends with the test.
pub struct Bouncer {
    process: Child,
    folder: PathBuf,
    mode: &'static str,
    /// The database's name, and whose it is.
    name: String,
    user: &'static str,
}

impl Bouncer {
    /// Starts one before a database: `mode` is pgbouncer's `pool_mode`.
    ///
    /// # Panics
    /// When pgbouncer does not start.
    pub fn before(database: &Database, mode: &'static str) -> Self {
        let (host, name) = database.place();
        Self::start(&format!("host={host}"), name, "durward", mode)
    }

    /// Starts one before a cluster, which pools sessions.
    ///
    /// # Panics
    /// When pgbouncer does not start.
    pub fn before_cluster(cluster: &Cluster) -> Self {
        Self::start(&place(cluster), "postgres", "postgres", "session")
    }

    #[expect(clippy::expect_used, reason = "for tests")]
    fn start(place: &str, name: &str, user: &'static str, mode: &'static str) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("durward-bouncer-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).expect("no temporary folder");
        let file = settings(&folder, place, name, user, mode);
        // It refuses to be run by root, and must not outlive the test.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(owner) = owner() {
            let _ = Command::new("chown").arg(owner).arg(&folder).status();
            command.args(["--reuid", owner, "--regid", owner, "--clear-groups"]);
        }
        command.arg("--").arg(PROGRAM).arg("--quiet").arg(file).stdin(Stdio::null());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("no `setpriv`");
        let bouncer = Self { process, folder, mode, name: name.to_owned(), user };
        let begun = Instant::now();
        while UnixStream::connect(bouncer.folder.join(".s.PGSQL.6432")).is_err() {
            let log = std::fs::read_to_string(bouncer.folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < START, "pgbouncer does not start: {log}");
        }
        bouncer
    }

    /// Names another server to it, and tells it to read that.
    pub fn turn_to(&self, cluster: &Cluster) {
        settings(&self.folder, &place(cluster), &self.name, self.user, self.mode);
        run(Command::new("kill").args(["-HUP", &self.process.id().to_string()]));
    }

    /// The URL of the database, by way of the pooler.
    pub fn url(&self) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{}@{folder}:6432/{}", self.user, self.name)
    }
}

fn place(cluster: &Cluster) -> String {
    let (host, port) = cluster.place();
    format!("host={host} port={port}")
}

/// Writes its settings, and says where.
#[expect(clippy::expect_used, reason = "for tests")]
fn settings(folder: &Path, place: &str, name: &str, user: &str, mode: &str) -> PathBuf {
    let (file, shown) = (folder.join("pgbouncer.ini"), folder.display());
    let settings = format!(
        "[databases]\n{name} = {place} user={user}\n[pgbouncer]\nlisten_port = 6432\nunix_socket_dir = {shown}\n\
        auth_type = any\npool_mode = {mode}\nlogfile = {shown}/log\nignore_startup_parameters = extra_float_digits\n\
        server_login_retry = 1\nserver_fast_close = 1\n"
    );
    std::fs::write(&file, settings).expect("the folder is there");
    file
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
