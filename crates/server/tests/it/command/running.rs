//! A running server, and the commands that work beside it on the same data.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use scratch::Database;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::durward;

/// A server on a port of its own. It ends with the test.
pub(super) struct Server {
    child: Child,
    /// Kept open, so that what it prints later does not fail.
    out: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    pub(super) fn start(folder: &Path, data: &str) -> Self {
        Self::spawn(durward(folder, &["serve", "--listen", "127.0.0.1:0", "--data", data]))
    }

    fn start_with(folder: &Path, args: &[&str]) -> Self {
        Self::spawn(durward(folder, &[&["serve", "--listen", "127.0.0.1:0"], args].concat()))
    }

    /// On a database of its own.
    pub(super) fn start_on(folder: &Path, url: &str) -> Self {
        Self::spawn(durward(folder, &["serve", "--listen", "127.0.0.1:0", "--database", url]))
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("durward is ready at http://");
        let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, out, address }
    }

    /// Asks it to stop and says what else it had printed, and whether it ended well.
    pub(super) fn stop(mut self) -> (String, bool) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().success())
    }

    /// One request on a connection of its own: the status and the body.
    pub(super) fn ask(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> (u16, String) {
        ask(&self.address, method, path, token, body)
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn ask(
    address: &str,
    method: &str,
    path: &str,
    token: &str,
    body: Option<&Value>,
) -> (u16, String) {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
        content-type: application/scim+json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// What a command prints, which must end well.
pub(super) fn output(folder: &Path, args: &[&str]) -> String {
    let output = durward(folder, args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", super::text(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub(super) fn json_of(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&output(folder, &[args, &["--json"]].concat())).unwrap()
}

/// A new token, as it stands on standard output.
pub(super) fn token(folder: &Path, args: &[&str]) -> String {
    let printed = output(folder, &[&["token", "create", "--tenant", "default"], args].concat());
    printed.strip_suffix('\n').unwrap().to_owned()
}

#[test]
fn the_first_start_prints_a_token_once_and_the_second_none() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path(), "some data");
    let address = server.address().to_owned();
    let (printed, ended_well) = server.stop();
    assert!(ended_well);
    let token = printed.lines().find_map(|line| line.trim().strip_prefix("TOKEN=")).unwrap().to_owned();
    assert!(token.starts_with("dw_admin_"), "{printed}");
    assert!(printed.contains(&format!("http://{address}/default/api/scim/v2/Users")), "{printed}");
    let hint = "durward token create --tenant default --kind scim --name 'Entra ID' --data 'some data'\n";
    assert!(printed.ends_with(hint), "{printed}");

    let server = Server::start(folder.path(), "some data");
    assert_eq!(server.ask("GET", "/default/api/scim/v2/Users", &token, None).0, 200);
    let (printed, ended_well) = server.stop();
    assert_eq!((printed.as_str(), ended_well), ("", true));
}

/// What happens while a server runs is told within a second or two; what waits when it stops, when it runs again.
#[test]
fn events_are_delivered_while_a_server_runs() {
    let folder = TempDir::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/events", listener.local_addr().unwrap());
    // The head and the token of one push, which is taken.
    let take = || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
        }
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let mut token = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut token).unwrap();
        stream.write_all(b"HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
        (head, String::from_utf8(token).unwrap())
    };
    let server = Server::start_with(folder.path(), &["--data", "data", "--event-receivers", "any"]);
    let admin = token(folder.path(), &["--kind", "admin", "--data", "data"]);
    let stream = json!({ "delivery": { "method": "urn:ietf:rfc:8935", "endpoint_url": endpoint } });
    assert_eq!(server.ask("POST", "/v1/ssf/streams", &admin, Some(&stream)).0, 201);
    let make = |server: &Server, name: &str| {
        let user = json!({ "userName": name });
        assert_eq!(server.ask("POST", "/scim/Users", &admin, Some(&user)).0, 201);
    };
    make(&server, "ada");
    let (head, first) = take();
    assert!(head.starts_with("post /events http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/secevent+jwt\r\n"), "{head}");
    assert_eq!(first.split('.').count(), 3);
    let counted = r#"durward_events_pushed_total{outcome="taken"} 1"#;
    while !server.ask("GET", "/metrics", &admin, None).1.contains(counted) {}
    assert!(server.stop().1);

    // By default nobody is reached at this machine's own address: it waits.
    let server = Server::start(folder.path(), "data");
    make(&server, "bob");
    let (_, shown) = server.ask("GET", "/v1/ssf/streams", &admin, None);
    let id = serde_json::from_str::<Value>(&shown).unwrap()[0]["stream_id"].as_str().unwrap().to_owned();
    loop {
        let (_, status) = server.ask("GET", &format!("/v1/ssf/status?stream_id={id}"), &admin, None);
        if status.contains("only https is allowed") {
            break;
        }
    }
    assert!(server.stop().1);
    let server = Server::start_with(folder.path(), &["--data", "data", "--event-receivers", "any"]);
    assert_ne!(take().1, first);
    assert!(server.stop().1);
}

#[test]
fn the_hint_of_the_first_start_works_as_it_is_printed() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path(), "it's here");
    let address = server.address().to_owned();
    let (printed, _) = server.stop();
    let hint = printed.lines().last().unwrap().trim();
    let binary = env!("CARGO_BIN_EXE_durward");
    let script = hint.replacen("durward", &format!("'{binary}'"), 1);
    let mut shell = Command::new("sh");
    shell.envs(scratch::database_of(folder.path()).map(|url| ("DURWARD_DATABASE", url)));
    let made = shell.args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    assert!(made.status.success(), "{hint}: {}", super::text(&made));
    assert!(made.stdout.starts_with(b"dw_scim_"), "{hint}, at {address}");
}

#[test]
fn the_hint_of_the_first_start_does_not_show_a_password() {
    let folder = TempDir::new().unwrap();
    let hint = "durward token create --tenant default --kind scim --name 'Entra ID'\n";
    for is_typed in [true, false] {
        let database = Database::new();
        let url = database.url();
        let mut command = durward(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        command.env_remove("DURWARD_DATABASE");
        if is_typed {
            command.args(["--database", &url]);
        } else {
            std::fs::write(folder.path().join("durward.toml"), format!("database = \"{url}\"\n")).unwrap();
        }
        let (printed, _) = Server::spawn(command).stop();
        assert!(printed.ends_with(hint) && !printed.contains("--database"), "{printed}");
        assert_eq!(printed.contains("in DURWARD_DATABASE:\n"), is_typed, "{printed}");
    }
}

#[test]
fn tenants_and_tokens_are_managed_while_a_server_runs() {
    let folder = TempDir::new().unwrap();
    let (at, data) = (folder.path(), ["--data", "data"]);
    let server = Server::start(at, "data");
    let run = |args: &[&str]| output(at, &[args, &data].concat());
    let json = |args: &[&str]| json_of(at, &[args, &data].concat());

    assert_eq!(run(&["tenant", "create", "acme"]), "created the tenant `acme`\n");
    assert_eq!(run(&["tenant", "list"]), "acme\ndefault\n");
    let names: Vec<Value> =
        json(&["tenant", "list"]).as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["acme", "default"]);

    let printed = run(&["token", "create", "--tenant", "acme", "--kind", "scim", "--name", "Okta"]);
    let token = printed.strip_suffix('\n').unwrap();
    assert!(token.starts_with("dw_scim_") && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    let ada = json!({ "userName": "ada" });
    assert_eq!(server.ask("POST", "/acme/scim/Users", token, Some(&ada)).0, 201);
    assert_eq!(server.ask("GET", "/default/scim/Users", token, None).0, 401);

    let listed = json(&["token", "list", "--tenant", "acme"]);
    assert_eq!((&listed[0]["name"], &listed[0]["createdBy"]), (&json!("Okta"), &json!("command-line")));
    for text in [listed.to_string(), run(&["token", "list", "--tenant", "acme"])] {
        assert!(text.contains("Okta") && !text.contains(token), "{text}");
    }
    let id = listed[0]["id"].as_str().unwrap();
    let rotated = json(&["token", "rotate", "--tenant", "acme", "--overlap", "1", id]);
    let next = rotated["token"].as_str().unwrap();
    for token in [token, next] {
        assert_eq!(server.ask("GET", "/acme/scim/Users", token, None).0, 200);
    }
    assert_eq!(run(&["token", "revoke", "--tenant", "acme", id]), format!("revoked the token {id}\n"));
    assert_eq!(server.ask("GET", "/acme/scim/Users", token, None).0, 401);
    assert_eq!(server.ask("GET", "/acme/scim/Users", next, None).0, 200);

    let reader = run(&["token", "create", "--tenant", "acme", "--kind", "admin", "--mode", "read"]);
    assert_eq!(server.ask("GET", "/v1/scim", reader.trim(), None).0, 200);
    assert_eq!(server.ask("POST", "/v1/scim", reader.trim(), Some(&json!({}))).0, 403);
    assert_eq!(json(&["tenant", "delete", "acme", "--yes"]), json!({ "deleted": "acme" }));
    assert_eq!(server.ask("GET", "/acme/scim/Users", next, None).0, 401);
    assert!(server.stop().1);
}

/// A look into the wrong database leaves nothing there, and a newer binary's does not migrate what older servers use.
#[test]
fn only_serve_and_migrate_make_tables() {
    let (folder, database) = (TempDir::new().unwrap(), Database::new());
    let at = folder.path();
    std::fs::create_dir(at.join("data")).unwrap();
    rusqlite::Connection::open(at.join("data/durward.db"))
        .unwrap()
        .execute("create table other (a)", ())
        .unwrap();
    let url = database.url();
    let commands = [
        &["tenant", "list"][..],
        &["tenant", "create", "acme"],
        &["tenant", "delete", "acme", "--yes"],
        &["token", "list", "--tenant", "acme"],
        &["audit", "verify"],
        &["explain", "--tenant", "acme", "user-ada", "read", "/"],
    ];
    for (option, place) in [("--database", url.as_str()), ("--data", "data")] {
        let run = |args: &[&str]| {
            let args = [args, &[option, place]].concat();
            super::text(&durward(at, &args).env_remove("DURWARD_DATABASE").output().unwrap())
        };
        for args in commands {
            let said = run(args);
            assert!(said.contains("it holds no installation; `durward serve` makes one"), "{args:?}: {said}");
            assert!(said.ends_with("exit 1\n") && said.lines().count() == 2, "{args:?}: {said}");
        }
    }
    assert_eq!(database.run("select tablename from pg_tables where schemaname = 'public'"), "");
    let file = rusqlite::Connection::open(at.join("data/durward.db")).unwrap();
    assert_eq!(scratch::rows(&file, "select name from sqlite_schema"), ["other"]);
    fails_naming(at, &["tenant", "create", "acme", "--data", "none"], "`durward serve` makes one");
    assert!(!at.join("none").exists());

    output(at, &["migrate", "--database", &url]);
    output(at, &["tenant", "create", "acme", "--database", &url]);
    assert_eq!(output(at, &["tenant", "list", "--database", &url]), "acme\n");
}

/// Sees that a command fails with one line that names something.
pub(super) fn fails_naming(folder: &Path, args: &[&str], named: &str) {
    let output = durward(folder, args).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
    assert!(error.starts_with("error: ") && error.lines().count() == 1, "{args:?}: {error}");
    assert!(error.contains(named), "{args:?}: {error}");
    assert!(output.stdout.is_empty(), "{args:?}");
}

#[test]
fn what_cannot_be_done_is_said_in_one_line_with_exit_code_1() {
    let folder = TempDir::new().unwrap();
    output(folder.path(), &["migrate"]);
    output(folder.path(), &["tenant", "create", "default"]);
    for (args, named) in [
        (&["tenant", "create", "default"][..], "the tenant `default`"),
        (&["tenant", "create", "No Good"], "`No Good`"),
        (&["tenant", "delete", "nowhere", "--yes"], "`nowhere`"),
        (&["token", "create", "--tenant", "nowhere", "--kind", "scim"], "`nowhere`"),
        (&["token", "create", "--tenant", "default", "--kind", "scim", "--provider", "okta"], "`okta`"),
        (&["token", "create", "--tenant", "default", "--kind", "scim", "--expires", "0"], "1 to 3650 days"),
        (&["token", "revoke", "--tenant", "default", "nothing"], "`nothing`"),
        (&["token", "rotate", "--tenant", "default", "nothing"], "`nothing`"),
    ] {
        fails_naming(folder.path(), args, named);
    }
    let usage = durward(folder.path(), &["token", "create", "--kind", "robot"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}
