//! A PostgreSQL cluster of a test's own, which may be killed, started again, followed by a standby.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::postgres::{START, ask, await_ready, launch, owner, programs, run};

/// PostgreSQL's own.
const PORT: u16 = 5432;

/// A cluster. It ends with the test.
pub struct Cluster {
    folder: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes one.
    ///
    /// # Panics
    /// When PostgreSQL does not start; so do all the others when it refuses.
    pub fn new() -> Self {
        Self::start_with(None, PORT, "")
    }

    /// A primary whose commits wait until its standby has applied them, and that standby.
    pub fn pair() -> (Self, Self) {
        let primary = Self::start_with(
            None,
            PORT,
            "-c synchronous_standby_names='*' -c synchronous_commit=remote_apply -c wal_keep_size=64",
        );
        let standby = Self::start_with(Some(&primary.folder), PORT, "");
        (primary, standby)
    }

    /// One that listens on a port of the loopback interface, too.
    ///
    /// # Panics
    /// As [`Cluster::new`].
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn listening() -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("no port is free").port();
        Self::start_with(None, port, &format!("-c listen_addresses=127.0.0.1 -c port={port}"))
    }

    fn start_with(primary: Option<&Path>, port: u16, options: &str) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let own = std::process::id();
        let name = format!("durward-cluster-{own}-{}", MADE.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        run(Command::new("mkdir").arg(&folder));
        launch(&folder, &programs(), own, primary, options);
        let cluster = Self { folder, port };
        await_ready(&cluster.folder);
        cluster
    }

    /// The URL of its first database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.host())
    }

    /// Its host, as a URL has it.
    pub fn host(&self) -> String {
        format!("{}:{}", self.folder.display().to_string().replace('/', "%2F"), self.port)
    }

    /// The Unix socket it listens on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Its host and port, as PostgreSQL's own programs want them.
    pub(crate) fn place(&self) -> (String, u16) {
        (self.folder.display().to_string(), self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Puts a file where only the server can read it, and says where.
    ///
    /// # Panics
    /// When there is no room.
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn keep(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, content).expect("the folder is there");
        run(Command::new("chmod").arg("600").arg(&path));
        if let Some(owner) = owner() {
            run(Command::new("chown").arg(owner).arg(&path));
        }
        path
    }

    /// Runs SQL, as [`Database::run`](crate::Database::run) does.
    pub fn run(&self, sql: &str) -> String {
        ask(&self.url(), sql)
    }

    /// kill -9. What it was doing for whom is cut off.
    pub fn kill(&self) {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        if let Some(process) = file.lines().next() {
            let _ = Command::new("kill").args(["-KILL", process]).status();
        }
    }

    /// Starts it again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&self) {
        let options = std::fs::read_to_string(self.folder.join("data/postmaster.opts")).unwrap_or_default();
        let options = options.split_once(' ').map_or("", |(_, options)| options.trim());
        let mut control = self.control("start");
        control.arg("--log").arg(self.folder.join("data/log")).args(["--options", options]);
        let begun = Instant::now();
        // What is left of the one that was killed has to be gone first.
        while !control.output().is_ok_and(|output| output.status.success()) {
            assert!(begun.elapsed() < START, "PostgreSQL does not start again");
        }
    }

    /// Makes a standby a primary.
    pub fn promote(&self) {
        run(&mut self.control("promote"));
    }

    fn control(&self, what: &str) -> Command {
        let program = programs().join("pg_ctl");
        let mut command = match owner() {
            Some(owner) => {
                let mut command = Command::new("runuser");
                command.args(["-u", owner, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg(what).arg("--wait").arg("--pgdata").arg(self.folder.join("data"));
        command.current_dir(&self.folder);
        command
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}
