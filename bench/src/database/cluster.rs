//! A throw-away PostgreSQL, as Debian ships it: what was committed is on the disk, autovacuum runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::output;

/// Where Debian and its kin put PostgreSQL's programs, a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Whose the databases are, as in the guide: nobody special, so that row security holds for durward.
const OWNER: &str = "durward";
/// For whom it does not.
const ABOVE: &str = "postgres";

/// A server on a Unix socket in its folder. Stopped when it is dropped.
pub(super) struct Cluster {
    folder: PathBuf,
    bin: PathBuf,
    /// Whom to run the programs as; they refuse to be run by root.
    owner: Option<&'static str>,
}

impl Cluster {
    /// Makes and starts one in a folder that is there.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let uid = output(Command::new("id").arg("-u"))?;
        let cluster =
            Self { folder: folder.to_owned(), bin: programs(), owner: (uid == "0").then_some("postgres") };
        if let Some(owner) = cluster.owner {
            output(Command::new("chown").arg(owner).arg(folder))?;
        }
        let (data, log) = (folder.join("data"), folder.join("postgres.log"));
        let mut make = cluster.owned("initdb");
        make.args(["--username", ABOVE, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"]);
        output(make.arg("--pgdata").arg(&data))
            .map_err(|error| format!("no cluster can be made in `{}`: {error}", folder.display()))?;
        let settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=on -c synchronous_commit=on \
             -c max_connections=200 -c shared_buffers=256MB -c max_wal_size=4GB",
            folder.display()
        );
        let mut start = cluster.owned("pg_ctl");
        start.arg("--pgdata").arg(&data).arg("--log").arg(&log).args([
            "--wait",
            "--options",
            &settings,
            "start",
        ]);
        // It hands its output on to the server, which never ends it.
        let started =
            start.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status()?;
        if !started.success() {
            return Err(format!("PostgreSQL does not start; see `{}`", log.display()).into());
        }
        let mut owner = cluster.client("createuser");
        output(owner.arg("--host").arg(folder).args(["--username", ABOVE, OWNER]))?;
        Ok(cluster)
    }

    /// A program, run by whoever owns the cluster.
    fn owned(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match self.owner {
            Some(owner) => {
                let mut command = Command::new("runuser");
                command.args(["-u", owner, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir(&self.folder);
        command
    }

    /// A client program.
    pub(super) fn client(&self, program: &str) -> Command {
        Command::new(self.bin.join(program))
    }

    /// Makes a database; its URL for its owner, and for whoever is above row security.
    pub(super) fn database(&self, name: &str) -> Result<(String, String)> {
        let url = |user: &str, name: &str| {
            format!("postgres://{user}@{}/{name}", self.folder.display().to_string().replace('/', "%2F"))
        };
        let mut make = self.client("createdb");
        make.args(["--template", "template0", "--owner", OWNER, "--maintenance-db", &url(ABOVE, "postgres")]);
        output(make.arg(name))?;
        Ok((url(OWNER, name), url(ABOVE, name)))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.owned("pg_ctl");
        stop.arg("--pgdata").arg(self.folder.join("data")).args(["--mode", "immediate", "--silent", "stop"]);
        let _ = stop.stderr(std::process::Stdio::null()).status();
    }
}

/// The folder of PostgreSQL's programs: of the newest version there is, else the search path decides.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let newest = versions.filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok()).max();
    newest.map(|version| Path::new(VERSIONS).join(version.to_string()).join("bin")).unwrap_or_default()
}
