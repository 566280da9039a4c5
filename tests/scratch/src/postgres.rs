//! A throw-away PostgreSQL: one cluster for a run of the tests, one database for each test.
//!
//! The first test that wants a database starts the cluster, in a temporary folder, on a Unix socket in that folder. It
//! ends with the process that started the tests (nextest or cargo), however that ends. `TEST_DATABASE_URL` names
//! another server to use: the URL of a database there whose user is above row security, as Durward is not: it connects as
//! the user `durward`, which has to be there and to need no password.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SCRIPT: &str = include_str!("cluster.sh");

/// How long a cluster may take to start.
pub(crate) const START: Duration = Duration::from_secs(60);

/// Where Debian and its kin put PostgreSQL's programs, a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

static SERVER: OnceLock<Server> = OnceLock::new();

/// Who owns the databases: nobody special, so that row security holds.
const OWNER: &str = "durward";

/// A server on which databases can be made.
struct Server {
    /// The URL of a database as whoever is above row security sees it, without its name.
    base: String,
    /// The same as its owner sees it.
    owned: String,
    /// The database to ask from.
    first: String,
    bin: PathBuf,
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.base)
    }

    /// A program of PostgreSQL's.
    fn program(&self, name: &str) -> Command {
        Command::new(self.bin.join(name))
    }
}

/// A database of its own, gone when it is dropped.
pub struct Database {
    server: &'static Server,
    name: String,
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl Database {
    /// Makes an empty one.
    ///
    /// # Panics
    /// When there is no PostgreSQL to make it on.
    pub fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let server = SERVER.get_or_init(server);
        let name = format!("test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let made = Self { server, name };
        run(server
            .program("createdb")
            .args(["--template", "template0", "--owner", OWNER, "--maintenance-db"])
            .args([&server.url(&server.first), &made.name]));
        made
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("{}/{}", self.server.owned, self.name)
    }

    /// Its URL for whoever is above row security.
    pub fn url_above(&self) -> String {
        self.server.url(&self.name)
    }

    /// Its host, as PostgreSQL's own programs want it, and its name.
    pub(crate) fn place(&self) -> (String, &str) {
        let host = self.server.base.rsplit_once('@').map_or(self.server.base.as_str(), |(_, host)| host);
        (host.replace("%2F", "/"), &self.name)
    }

    /// Runs SQL behind everybody's back, and says what it prints: a line for each row, `|` between columns.
    ///
    /// # Panics
    /// When PostgreSQL refuses it.
    pub fn run(&self, sql: &str) -> String {
        ask(&self.url_above(), sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let mut drop = self.server.program("dropdb");
        drop.args(["--if-exists", "--force", "--maintenance-db"]).arg(self.server.url(&self.server.first));
        let _ = drop.arg(&self.name).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Runs SQL on the database with this URL behind everybody's back, and says what it prints, as [`Database::run`] does.
///
/// # Panics
/// When PostgreSQL refuses it.
pub fn ask(url: &str, sql: &str) -> String {
    let above = |server: &Server| Some(format!("{}{}", server.base, url.strip_prefix(&server.owned)?));
    let url = SERVER.get().and_then(above).unwrap_or_else(|| url.to_owned());
    let mut psql = Command::new(programs().join("psql"));
    psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
    run(psql.arg("--dbname").arg(url).arg("--command").arg(sql))
}

#[expect(clippy::panic, reason = "for tests")]
pub(crate) fn run(command: &mut Command) -> String {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => panic!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{command:?}: {error}"),
    }
}

fn server() -> Server {
    let bin = programs();
    match std::env::var("TEST_DATABASE_URL") {
        Ok(url) => {
            let (base, first) = url.rsplit_once('/').unwrap_or((&url, "postgres"));
            let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
            let hosts = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
            let owned = format!("{scheme}://{OWNER}@{hosts}");
            Server { base: base.to_owned(), owned, first: first.to_owned(), bin }
        }
        Err(_) => {
            let folder = cluster(&bin);
            let host = folder.display().to_string().replace('/', "%2F");
            let (base, owned) = (format!("postgres://postgres@{host}"), format!("postgres://{OWNER}@{host}"));
            Server { base, owned, first: "postgres".to_owned(), bin }
        }
    }
}

/// The folder of PostgreSQL's programs: of the newest version there is, else the search path decides.
pub(crate) fn programs() -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let newest = versions.filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok()).max();
    newest.map(|version| Path::new(VERSIONS).join(version.to_string()).join("bin")).unwrap_or_default()
}

/// The folder of this run's cluster, which is started by whoever comes first.
fn cluster(bin: &Path) -> PathBuf {
    let parent = std::os::unix::process::parent_id();
    let folder = std::env::temp_dir().join(format!("durward-postgres-{parent}-{}", begun(parent)));
    if std::fs::create_dir(&folder).is_ok() {
        launch(&folder, bin, parent, None, "");
    }
    await_ready(&folder);
    folder
}

/// Starts making a cluster in a folder, for as long as a process lives.
#[expect(clippy::expect_used, reason = "for tests")]
#[expect(clippy::zombie_processes, reason = "the cluster outlives the process that starts it")]
pub(crate) fn launch(folder: &Path, bin: &Path, parent: u32, primary: Option<&Path>, options: &str) {
    let mut script = Command::new("sh");
    script.args(["-c", SCRIPT, "cluster"]).arg(folder).arg(bin).arg(parent.to_string());
    script.arg(owner().unwrap_or_default()).arg(primary.unwrap_or(Path::new(""))).arg(options);
    std::os::unix::process::CommandExt::process_group(&mut script, 0);
    // It outlives this process and must hold nothing of it.
    script.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("no `sh`");
}

/// Waits for a cluster that was launched.
#[expect(clippy::panic, reason = "for tests")]
pub(crate) fn await_ready(folder: &Path) {
    let since = Instant::now();
    while !folder.join("ready").exists() {
        let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(!folder.join("failed").exists(), "PostgreSQL does not start: {}", log());
        if since.elapsed() > START {
            panic!("PostgreSQL does not start: {}", log());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whom PostgreSQL's programs are run as, when it is somebody else: they refuse to be run by root.
#[expect(clippy::expect_used, reason = "for tests")]
pub(crate) fn owner() -> Option<&'static str> {
    let own = std::fs::metadata("/proc/self").expect("/proc");
    (std::os::unix::fs::MetadataExt::uid(&own) == 0).then_some("postgres")
}

/// When a process began, so that its number given again names another one.
fn begun(process: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    after_name.split(' ').nth(19).unwrap_or("0").to_owned()
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn databases_are_apart_and_go() {
        let (one, other) = (Database::new(), Database::new());
        one.run("create table thing (name text)");
        let there =
            |database: &Database| database.run("select count(*) from pg_tables where tablename = 'thing'");
        assert_eq!((there(&one).trim(), there(&other).trim()), ("1", "0"));
        let name = one.name.clone();
        drop(one);
        let left = other.run(&format!("select count(*) from pg_database where datname = '{name}'"));
        assert_eq!(left.trim(), "0");
    }
}
