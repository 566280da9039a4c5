//! `durward copy`: an installation moves from SQLite to PostgreSQL and back, and is the same in every row.

use std::path::Path;

use scratch::Database;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::running::{Server, output};
use super::{durward, text};

/// Every row of an SQLite file, but when it was migrated.
fn in_file(file: &Path, table: &str, order: &str) -> Vec<String> {
    let database = rusqlite::Connection::open(file).unwrap();
    scratch::rows(&database, &format!("select * from {table} order by {order}"))
}

fn in_database(database: &Database, table: &str, order: &str) -> Vec<String> {
    // Bytes as the other prints them.
    let rows = database.run(&format!("select * from {table} order by {order}"));
    rows.lines().map(|line| line.replace("\\x", "")).collect()
}

/// What is compared, and by which order: no row is left out, as the tables are asked for.
const TABLES: [(&str, &str); 11] = [
    ("attr_index", "1, 2, 3, 4, 5"),
    ("audit", "1, 2"),
    ("counter", "1, 2"),
    ("edge", "1, 2, 3, 4"),
    ("head", "1"),
    ("outbox", "1, 2"),
    ("record", "1, 2, 3"),
    ("setting", "1, 2"),
    ("tenant", "1"),
    ("token", "1, 2"),
    ("unique_key", "1, 2, 3, 4"),
];

/// Two tenants with people, a group with members, tokens; the data is in the folder `data`. The token of the second.
fn installation(at: &Path) -> String {
    let server = Server::start(at, "data");
    let mut last = String::new();
    for tenant in ["acme", "globex"] {
        output(at, &["tenant", "create", tenant, "--data", "data"]);
        let token = ["token", "create", "--tenant", tenant, "--kind", "scim", "--data", "data"];
        last = output(at, &token).trim().to_owned();
        // Whom nothing reaches: all events wait.
        let admin = output(at, &["token", "create", "--tenant", tenant, "--kind", "admin", "--data", "data"]);
        let delivery = json!({ "method": "urn:ietf:rfc:8935", "endpoint_url": "https://receiver.invalid/" });
        let stream = json!({ "delivery": delivery });
        assert_eq!(server.ask("POST", "/v1/ssf/streams", admin.trim(), Some(&stream)).0, 201);
        let path = |rest: &str| format!("/{tenant}/scim/{rest}");
        let create = |kind: &str, body: Value| -> Value {
            let (status, answer) = server.ask("POST", &path(kind), &last, Some(&body));
            assert_eq!(status, 201, "{answer}");
            serde_json::from_str(&answer).unwrap()
        };
        let members: Vec<Value> = (0..20)
            .map(|number| {
                let name = format!("ada{number}|ß {tenant}");
                let user =
                    json!({ "userName": name, "externalId": name, "password": "correct horse battery" });
                json!({ "value": create("Users", user)["id"] })
            })
            .collect();
        // Which JSON can say and PostgreSQL's text cannot.
        create("Users", json!({ "userName": format!("nul {tenant}"), "displayName": "a\0b" }));
        let group = create("Groups", json!({ "displayName": "Engineers", "members": members }));
        let gone = members[3]["value"].as_str().unwrap();
        assert_eq!(server.ask("DELETE", &path(&format!("Users/{gone}")), &last, None).0, 204);
        let patch = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "displayName", "value": "Builders" }] });
        let group = path(&format!("Groups/{}", group["id"].as_str().unwrap()));
        assert_eq!(server.ask("PATCH", &group, &last, Some(&patch)).0, 204);
    }
    assert!(server.stop().1);
    last
}

/// The commands here name their databases themselves.
fn run(at: &Path, args: &[&str]) -> String {
    let output = durward(at, args).env_remove("DURWARD_DATABASE").output().unwrap();
    text(&output)
}

mod on_sqlite {
    use super::*;

    #[test]
    fn an_installation_moves_to_a_server_and_back_and_is_the_same() {
        let folder = TempDir::new().unwrap();
        let (at, database) = (folder.path(), Database::new());
        let token = installation(at);
        let url = database.url();

        // As the guide says it: without the password on the command line.
        let mut copy = durward(at, &["copy", "--from", "sqlite:data", "--json"]);
        let copied = copy.env("DURWARD_COPY_TO", &url).output().unwrap();
        assert!(copied.status.success() && !text(&copied).contains("warning"), "{}", text(&copied));
        let copied: Value = serde_json::from_slice(&copied.stdout).unwrap();
        assert_eq!((&copied["tenants"], &copied["verified"]), (&json!(3), &json!(true)));
        let back = run(at, &["copy", "--from", &url, "--to", "sqlite:back"]);
        let rows = &copied["rows"];
        assert!(back.contains(&format!("{rows} rows of 3 tenants, and both sides are the same\n")), "{back}");
        let mut sum = 0;
        for (table, order) in TABLES {
            let whole = in_file(&at.join("data/durward.db"), table, order);
            assert_eq!(in_database(&database, table, order).join("\n"), whole.join("\n"), "{table}");
            assert_eq!(in_file(&at.join("back/durward.db"), table, order), whole, "{table}");
            assert!(!whole.is_empty(), "{table}: nothing to compare");
            sum += whole.len();
        }
        assert_eq!(rows, &json!(sum));

        let server = Server::start_on(at, &url);
        let (status, found) =
            server.ask("GET", "/globex/scim/Groups?attributes=displayName,members", &token, None);
        assert_eq!(status, 200);
        let found: Value = serde_json::from_str(&found).unwrap();
        let group = &found["Resources"][0];
        assert_eq!(
            (&group["displayName"], group["members"].as_array().unwrap().len()),
            (&json!("Builders"), 19)
        );
        let body = json!({ "userName": "new" });
        assert_eq!(server.ask("POST", "/globex/scim/Users", &token, Some(&body)).0, 201);
        assert_eq!(server.ask("GET", "/acme/scim/Users", &token, None).0, 401);
        assert!(server.stop().1);
        let verified = run(at, &["audit", "verify", "--database", &url]);
        assert!(verified.contains("globex: intact") && verified.ends_with("exit 0\n"), "{verified}");
    }

    #[test]
    fn what_cannot_be_copied_is_said_in_one_line() {
        let folder = TempDir::new().unwrap();
        let at = folder.path();
        for data in ["one", "other"] {
            output(at, &["migrate", "--data", data]);
            output(at, &["tenant", "create", data, "--data", data]);
        }
        let closed = "postgres://durward:hush@127.0.0.1:1/durward?connect_timeout=1";
        for (from, to, said) in [
            ("sqlite:one", "sqlite:other", "holds an installation already; name an empty database"),
            ("sqlite:none", "sqlite:new", "there is no database at `none/durward.db`"),
            ("sqlite:one", closed, "the target `postgres://127.0.0.1:1/durward`: the store is unavailable"),
            (closed, "sqlite:new", "the source `postgres://127.0.0.1:1/durward`: the store is unavailable"),
        ] {
            let said_all = run(at, &["copy", "--from", from, "--to", to]);
            assert!(said_all.contains(said) && said_all.ends_with("exit 1\n"), "{said_all}");
            assert!(said_all.lines().count() == 2 && !said_all.contains("hush"), "{said_all}");
        }
        assert!(!at.join("new/durward.db").exists(), "nothing is made when there is nothing to copy");
    }

    #[test]
    fn a_copy_of_what_a_server_uses_is_made_with_a_warning() {
        let folder = TempDir::new().unwrap();
        let at = folder.path();
        let server = Server::start(at, "data");
        let beside = run(at, &["copy", "--from", "sqlite:data", "--to", "sqlite:beside"]);
        assert!(beside.contains("warning: a server uses the source; what it writes from now on"), "{beside}");
        assert!(beside.contains("both sides are the same\n") && beside.ends_with("exit 0\n"), "{beside}");
        assert!(server.stop().1);
        let alone = run(at, &["copy", "--from", "sqlite:data", "--to", "sqlite:alone"]);
        assert!(alone.ends_with("exit 0\n") && !alone.contains("warning"), "{alone}");
    }

    #[test]
    fn no_server_starts_on_a_copy_that_is_not_finished() {
        let folder = TempDir::new().unwrap();
        let at = folder.path();
        output(at, &["migrate", "--data", "one"]);
        output(at, &["tenant", "create", "acme", "--data", "one"]);
        output(at, &["copy", "--from", "sqlite:one", "--to", "sqlite:half"]);
        let half = rusqlite::Connection::open(at.join("half/durward.db")).unwrap();
        let first = "insert into setting select 0, '!copying', lower(hex(hash)) || ' 1' from audit where tenant = 0 and sequence = 1";
        assert_eq!(half.execute(first, ()).unwrap(), 1);
        assert_eq!(half.execute("delete from tenant", ()).unwrap(), 1);
        drop(half);
        for args in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["tenant", "list"]] {
            let refused = run(at, &[args, &["--data", "half"]].concat());
            assert!(
                refused.contains("it holds part of a copy") && refused.ends_with("exit 1\n"),
                "{refused}"
            );
        }
        output(at, &["copy", "--from", "sqlite:one", "--to", "sqlite:half"]);
        assert_eq!(run(at, &["tenant", "list", "--data", "half"]), "acme\nexit 0\n");
    }
}
