//! Two nodes over PostgreSQL whose server goes away and comes back, falls silent, or dies and is replaced by its standby.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use iam::limits::DATABASE_SECONDS_MAX;
use scratch::{Bouncer, Cluster, Proxy, ask};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::load::{BASE, Client, count, group, refused, settle, state};
use super::process::{Server, Wire, durward, printed, serve};

const CLIENTS: u64 = 12;
/// Of a bulk request: as many as it may have.
const OPERATIONS: usize = iam::limits::BULK_OPERATIONS_MAX;
/// How long anything may take that happens by itself.
const SOON: Duration = Duration::from_secs(10);
/// How long any request may take, whatever the database does; a little more, on a machine that is busy.
const ANSWERED: Duration = Duration::from_secs(DATABASE_SECONDS_MAX + 5);

fn named(name: &str) -> Value {
    json!({ "userName": name, "externalId": name, "emails": [{ "value": "a@example.com" }] })
}

/// Two nodes over one database, and a token.
struct Nodes {
    folder: TempDir,
    url: String,
    servers: [Server; 2],
    token: String,
}

impl Nodes {
    fn start(url: String) -> Self {
        let folder = TempDir::new().unwrap();
        let server = || {
            let mut command = serve(folder.path(), "error");
            Server::launch(command.env("DURWARD_DATABASE", &url), Stdio::null())
        };
        // At once, on an empty database.
        let servers = thread::scope(|scope| {
            [scope.spawn(server), scope.spawn(server)].map(|server| server.join().unwrap())
        });
        let mut create =
            durward(folder.path(), &["token", "create", "--tenant", "default", "--kind", "scim"]);
        let token = printed(create.env("DURWARD_DATABASE", &url));
        Self { folder, url, servers, token }
    }

    fn prints(&self, args: &[&str]) -> String {
        printed(durward(self.folder.path(), args).env("DURWARD_DATABASE", &self.url))
    }

    /// Asks a node something once: the status and the body. A 503 asks for another try.
    fn ask(&self, node: usize, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let mut wire = Wire::open(self.servers[node].address).unwrap();
        let body = body.map(Value::to_string);
        let (status, answer) = wire.ask(method, path, Some(&self.token), body.as_deref()).unwrap();
        if status == 503 && path.starts_with(BASE) {
            refused(&wire, &answer);
        }
        (status, answer)
    }

    /// Waits for something to be answered so.
    fn await_answer(
        &self,
        node: usize,
        method: &str,
        path: &str,
        body: Option<&Value>,
        wanted: u16,
    ) -> String {
        let begun = Instant::now();
        loop {
            let (status, answer) = self.ask(node, method, path, body);
            if status == wanted {
                return answer;
            }
            // What is about to go away is still there for a moment.
            assert!(status == 503 || (wanted == 503 && status == 200), "{method} {path}: {status} {answer}");
            assert!(begun.elapsed() < SOON, "{method} {path} is not answered {wanted} in time: {answer}");
        }
    }

    /// Sees that both nodes say that the database is away, and that they are not ready but live.
    fn are_away(&self, path: &str) {
        for node in [0, 1] {
            assert_eq!(self.ask(node, "GET", path, None).0, 503);
            assert_eq!(
                self.ask(node, "POST", &format!("{BASE}/Users"), Some(&json!({ "userName": "x" }))).0,
                503
            );
            let (status, ready) = self.ask(node, "GET", "/health/ready", None);
            assert_eq!((status, ready.as_str()), (503, r#"{"status":"not ready","failing":["store"]}"#));
            assert_eq!(self.ask(node, "GET", "/health/live", None).0, 200);
        }
    }

    /// Makes a user; its path, and how each node shows it.
    fn user(&self, name: &str) -> (String, [String; 2]) {
        let user = self.await_answer(0, "POST", &format!("{BASE}/Users"), Some(&named(name)), 201);
        let id = serde_json::from_str::<Value>(&user).unwrap()["id"].as_str().unwrap().to_owned();
        let path = format!("{BASE}/Users/{id}");
        let shown = [0, 1].map(|node| self.await_answer(node, "GET", &path, None, 200));
        (path, shown)
    }
}

/// Ends the readers, also when the test fails.
struct End<'o>(&'o AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn nodes_wait_for_a_database_that_is_away_and_go_on_when_it_is_back() {
    let cluster = Cluster::new();
    let nodes = Nodes::start(cluster.url());
    let (path, shown) = nodes.user("ada");
    for _ in 0..2 {
        cluster.kill();
        nodes.await_answer(0, "GET", &path, None, 503);
        nodes.await_answer(1, "GET", &path, None, 503);
        nodes.are_away(&path);
        cluster.start();
        for node in [0, 1] {
            assert_eq!(nodes.await_answer(node, "GET", &path, None, 200), shown[node]);
            nodes.await_answer(node, "GET", "/health/ready", None, 200);
        }
    }
    nodes.await_answer(1, "DELETE", &path, None, 204);
    nodes.await_answer(0, "GET", &path, None, 404);
}

/// Clients write on both nodes and others read, while the database goes away (`away`) and comes back (`back`). Whoever
/// is refused meanwhile is told in time, and nothing that was acknowledged is lost.
fn nothing_is_lost(nodes: &Nodes, written: &Cluster, away: impl FnOnce(), back: impl FnOnce()) {
    let crew = group(nodes.servers[0].address, &nodes.token);
    let (path, shown) = nodes.user("witness");
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let server = &nodes.servers[usize::from(n % 2 == 0)];
            Client::new(server.address, &nodes.token, &crew, format!("u{n}"), n + 1)
        })
        .collect();
    clients.iter_mut().for_each(|client| client.write(3));

    let (over, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let end = End(&over);
        for node in [0, 1] {
            let (over, reads, path, shown) = (&over, &reads, &path, &shown);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let (status, answer) = nodes.ask(node, "GET", path, None);
                    assert!(status == 503 || (status == 200 && answer == shown[node]), "{status}: {answer}");
                    assert!(begun.elapsed() < ANSWERED, "{:?}", begun.elapsed());
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let running: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(|| client.run_until_away())).collect();
        let entries = || ask(&written.url(), "select count(*) from audit").trim().parse::<u64>().unwrap();
        let begun = Instant::now();
        while entries() < CLIENTS * 20 {
            assert!(begun.elapsed() < 3 * SOON, "too little is written");
        }
        away();
        let begun = Instant::now();
        running.into_iter().for_each(|client| client.join().unwrap());
        assert!(begun.elapsed() < ANSWERED, "{:?}", begun.elapsed());
        nodes.are_away(&path);
        back();
        for node in [0, 1] {
            nodes.await_answer(node, "GET", &path, None, 200);
            nodes.await_answer(node, "GET", "/health/ready", None, 200);
            let user = named(&format!("after {node}"));
            nodes.await_answer(node, "POST", &format!("{BASE}/Users"), Some(&user), 201);
        }
        drop(end);
    });
    assert!(reads.load(Ordering::Relaxed) > 20);

    for round in 0..2 {
        for server in &nodes.servers {
            let mut found = state(server.address, &nodes.token, &crew);
            for other in ["witness", "after 0", "after 1"] {
                found.remove(other).unwrap();
            }
            settle(&mut clients, &found);
        }
        assert!(nodes.prints(&["audit", "verify"]).contains("intact"), "round {round}");
        thread::scope(|scope| {
            clients.iter_mut().for_each(|client| drop(scope.spawn(|| client.write(10))));
        });
    }
}

#[test]
fn no_acknowledged_write_is_lost_when_a_standby_takes_over() {
    let (primary, standby) = Cluster::pair();
    let nodes = Nodes::start(format!("postgres://postgres@{},{}/postgres", primary.host(), standby.host()));
    nothing_is_lost(&nodes, &primary, || primary.kill(), || standby.promote());
}

#[test]
fn no_acknowledged_write_is_lost_when_a_pooler_turns_to_the_standby() {
    let (primary, standby) = Cluster::pair();
    let bouncer = Bouncer::before_cluster(&primary);
    let nodes = Nodes::start(format!("{}?connect_timeout=1", bouncer.url()));
    nothing_is_lost(
        &nodes,
        &primary,
        || primary.kill(),
        || {
            standby.promote();
            bouncer.turn_to(&standby);
        },
    );
}

/// As when its machine has lost its power, or its network: nobody says that a connection has ended.
#[test]
fn no_acknowledged_write_is_lost_when_the_primary_falls_silent_and_the_standby_takes_over() {
    let (primary, standby) = Cluster::pair();
    let network = Proxy::before(&primary);
    let hosts = format!("{},{}", network.host(), standby.host());
    let nodes = Nodes::start(format!("postgres://postgres@{hosts}/postgres?connect_timeout=1"));
    nothing_is_lost(
        &nodes,
        &primary,
        || network.cut(),
        || {
            primary.kill();
            standby.promote();
        },
    );
}

#[test]
fn no_acknowledged_write_is_lost_when_the_network_is_cut_and_mended() {
    let cluster = Cluster::new();
    let network = Proxy::before(&cluster);
    let nodes = Nodes::start(format!("postgres://postgres@{}/postgres?connect_timeout=1", network.host()));
    nothing_is_lost(&nodes, &cluster, || network.cut(), || network.mend());
}

/// Asks for a thousand users in one bulk request, each with what `data` makes of its number and its name. The database falls
/// silent when some are made; the answers come in time all the same.
fn bulk_in_silence(data: impl Fn(usize, Value) -> Value) -> Vec<Value> {
    let cluster = Cluster::new();
    let network = Proxy::before(&cluster);
    let nodes = Nodes::start(format!("postgres://postgres@{}/postgres?connect_timeout=1", network.host()));
    let operation = |n: usize| {
        let name = n.to_string();
        json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": data(n, named(&name)) })
    };
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let body =
        json!({ "schemas": schemas, "Operations": (0..OPERATIONS).map(operation).collect::<Vec<_>>() });
    let (begun, (status, answer)) = thread::scope(|scope| {
        let asked = scope.spawn(|| nodes.ask(0, "POST", &format!("{BASE}/Bulk"), Some(&body)));
        while cluster.run("select count(*) < 20 from audit").trim() == "t" {}
        network.cut();
        (Instant::now(), asked.join().unwrap())
    });
    assert!(begun.elapsed() < ANSWERED, "{:?}", begun.elapsed());
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let answers = answer["Operations"].as_array().unwrap().clone();
    assert_eq!(answers.len(), OPERATIONS);
    answers
}

/// One operation waits in vain; those after it are told the same at once.
#[test]
fn a_bulk_request_waits_for_a_silent_database_once() {
    let answers = bulk_in_silence(|_, data| data);
    let done = answers.iter().take_while(|answer| answer["status"] == "201").count();
    assert!((1..OPERATIONS).contains(&done), "{done}");
    assert!(answers[done..].iter().all(|answer| answer["status"] == "503"), "{answers:?}");
}

/// What there is of it cannot be taken back, and that is not tried for each of its members.
#[test]
fn a_circle_that_a_silent_database_breaks_waits_for_it_once() {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let answers = bulk_in_silence(|n, mut data| {
        let next = (n + 1) % OPERATIONS;
        data[ENTERPRISE] = json!({ "manager": { "value": format!("bulkId:{next}") } });
        data
    });
    let count = |status: &str| answers.iter().filter(|answer| answer["status"] == status).count();
    assert_eq!((count("503"), count("409")), (1, OPERATIONS - 1), "{answers:?}");
    // Whoever asked is told where it is.
    let left = answers.iter().filter(|answer| answer.get("location").is_some());
    assert!((1..OPERATIONS).contains(&left.count()), "{answers:?}");
}

/// It may have happened: who is told so looks, and finds it or does not.
#[test]
fn a_commit_whose_outcome_is_not_known_is_said_to_be_so() {
    let (primary, standby) = Cluster::pair();
    let nodes = Nodes::start(primary.url());
    let (path, _) = nodes.user("witness");
    kill(&standby, &primary);
    let users = format!("{BASE}/Users");
    let begun = Instant::now();
    let (status, answer) = nodes.ask(0, "POST", &users, Some(&named("ada")));
    assert!(status == 503 && answer.contains("may have been made"), "{status}: {answer}");
    assert!(begun.elapsed() < ANSWERED, "{:?}", begun.elapsed());
    // Here it has: the primary has it, and only waits for its standby.
    standby.start();
    for node in [0, 1] {
        nodes.await_answer(node, "POST", &users, Some(&named("ada")), 409);
        nodes.await_answer(node, "GET", &path, None, 200);
    }
    assert_eq!(count(nodes.servers[0].address, &nodes.token, "userName eq \"ada\""), 1);
}

/// Kills a standby, and waits until its primary has noticed: a part of it outlives it for a moment.
fn kill(standby: &Cluster, primary: &Cluster) {
    standby.kill();
    while primary.run("select count(*) from pg_stat_replication").trim() != "0" {}
}

/// A server's own timeout for statements would end that wait, and call the commit done.
#[test]
fn a_commit_is_answered_when_the_standby_has_it_and_no_sooner() {
    let (primary, standby) = Cluster::pair();
    primary.run("alter role postgres set statement_timeout = '100ms'");
    let nodes = Nodes::start(primary.url());
    kill(&standby, &primary);
    thread::scope(|scope| {
        let answered = scope.spawn(|| nodes.user("ada"));
        let waiting = "select count(*) from pg_stat_activity \
            where application_name = 'durward' and wait_event = 'SyncRep' and now() - query_start > '1s'";
        let begun = Instant::now();
        while primary.run(waiting).trim() == "0" {
            assert!(!answered.is_finished(), "nobody has it but the primary");
            assert!(begun.elapsed() < SOON, "nobody waits");
        }
        standby.start();
        answered.join().unwrap();
    });
}
