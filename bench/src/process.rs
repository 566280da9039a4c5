//! Servers as processes: starting and stopping them, and what the system says they used.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::{Connection, request};
use crate::{Error, Result};

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// A tick of the clock in `/proc`: Linux shows 100 a second on every machine that runs durward.
const TICK: Duration = Duration::from_millis(10);

/// A server that runs. Killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    pub(crate) address: SocketAddr,
    /// From the start to the first answer that it is ready.
    pub(crate) ready: Duration,
}

/// An address nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Process {
    /// Starts a server that listens on `address`, and waits until it is ready. What it writes goes to the file `log`.
    pub(crate) async fn start(command: &mut Command, address: SocketAddr, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let begin = Instant::now();
        let child = command.spawn().map_err(|error| format!("cannot start `{command:?}`: {error}"))?;
        let mut process = Self { child, log: log.to_owned(), address, ready: Duration::ZERO };
        while !process.is_ready().await {
            if process.child.try_wait()?.is_some() || begin.elapsed() > PATIENCE {
                return Err(process.failed("did not start"));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.ready = begin.elapsed();
        Ok(process)
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.address).await else { return false };
        let answer = connection.exchange(&request("GET", self.address, "", "/health/ready", None)).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// User and system time of all its threads, past ones included.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(self.proc("stat"))?;
        // Past the name, which may hold anything: state is the first field, utime the 12th, stime the 13th.
        let (_, fields) = stat.rsplit_once(')').ok_or("no process name")?;
        let ticks =
            fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
        Ok(TICK * ticks)
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no resident memory")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status()?;
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > PATIENCE {
                return Err(self.failed("did not stop"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn failed(&self, what: &str) -> Error {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(20).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        format!("the server {what}; the end of `{}`:\n{}", self.log.display(), last.join("\n")).into()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("cannot run `{command:?}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{command:?}` failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
