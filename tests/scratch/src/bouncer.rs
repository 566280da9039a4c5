//! A connection pooler, pgbouncer, before a test's database.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::Database;
use crate::postgres::{START, owner};

/// Debian's; it is not on everybody's search path.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A pooler. It ends with the test.
pub struct Bouncer {
    process: Child,
    url: String,
    folder: PathBuf,
}

impl Bouncer {
    /// Starts one before a database: `mode` is pgbouncer's `pool_mode`.
    ///
    /// # Panics
    /// When pgbouncer does not start.
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn before(database: &Database, mode: &str) -> Self {
        let (host, name) = database.place();
        let folder = std::env::temp_dir().join(format!("durward-bouncer-{name}"));
        std::fs::create_dir(&folder).expect("no temporary folder");
        let shown = folder.display();
        let file = folder.join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n{name} = host={host} user=postgres\n[pgbouncer]\nlisten_port = 6432\nunix_socket_dir = {shown}\n\
            auth_type = any\npool_mode = {mode}\nlogfile = {shown}/log\nignore_startup_parameters = extra_float_digits\n"
        );
        std::fs::write(&file, settings).expect("the folder is there");
        // It refuses to be run by root, and must not outlive the test.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(owner) = owner() {
            let _ = Command::new("chown").arg(owner).arg(&folder).status();
            command.args(["--reuid", owner, "--regid", owner, "--clear-groups"]);
        }
        command.arg("--").arg(PROGRAM).arg("--quiet").arg(&file).stdin(Stdio::null());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("no `setpriv`");
        let url = format!("postgres://postgres@{}:6432/{name}", shown.to_string().replace('/', "%2F"));
        let begun = Instant::now();
        while UnixStream::connect(folder.join(".s.PGSQL.6432")).is_err() {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < START, "pgbouncer does not start: {log}");
        }
        Self { process, url, folder }
    }

    /// The URL of the database, by way of the pooler.
    pub fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
