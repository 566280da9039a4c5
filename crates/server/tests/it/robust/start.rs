//! A node that starts before its database can take it: it says what it waits for, and goes on by itself.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread;

use scratch::Cluster;
use tempfile::TempDir;

use super::process::{durward, serve};

/// What the node that migrates locks: "durward" in ASCII.
const MIGRATING: i64 = 0x0064_7572_7761_7264;

/// A node on its way up. It ends with the test.
struct Starting {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Starting {
    fn on(folder: &TempDir, url: &str) -> Self {
        let mut command = serve(folder.path(), "info");
        let piped = command.env("DURWARD_DATABASE", url).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: BufReader::new(out), err: BufReader::new(err) }
    }

    /// Waits until it has said so in its log.
    fn logs(&mut self, what: &str) {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(self.err.read_line(&mut line).unwrap() > 0, "it never says `{what}`");
        }
    }

    fn is_ready(&mut self) {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        assert!(line.starts_with("durward is ready"), "{line}");
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_node_that_starts_before_its_database_waits_for_it() {
    let (cluster, folder) = (Cluster::new(), TempDir::new().unwrap());
    cluster.kill();
    let mut node = Starting::on(&folder, &cluster.url());
    node.logs("the database is away; waiting for it");
    cluster.start();
    node.is_ready();

    cluster.kill();
    let mut node = Starting::on(&folder, &cluster.url());
    node.logs("the database is away; waiting for it");
    let stopped = Command::new("kill").args(["-TERM", &node.child.id().to_string()]).status().unwrap();
    assert!(stopped.success() && node.child.wait().unwrap().success(), "it ends when it is asked to");
}

#[test]
fn a_node_that_the_database_refuses_ends_and_says_why() {
    let (cluster, folder) = (Cluster::new(), TempDir::new().unwrap());
    let url = cluster.url().replace("postgres@", "nobody@");
    let output =
        durward(folder.path(), &["serve", "--listen", "127.0.0.1:0"]).env("DURWARD_DATABASE", url).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the database refuses it: role \"nobody\" does not exist"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_node_says_that_it_waits_for_another_ones_migration() {
    let (cluster, folder) = (Cluster::new(), TempDir::new().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            // As a node that is at it, until this one has said that it waits.
            cluster.run(&format!(
                "do $$ begin perform pg_advisory_lock({MIGRATING}); \
                while not exists (select from pg_locks where locktype = 'advisory' and not granted) loop \
                perform pg_stat_clear_snapshot(); end loop; end $$"
            ))
        });
        while cluster.run("select count(*) from pg_locks where locktype = 'advisory'").trim() == "0" {}
        let mut node = Starting::on(&folder, &cluster.url());
        node.logs("another node migrates the database; waiting for it");
        node.is_ready();
    });
}
