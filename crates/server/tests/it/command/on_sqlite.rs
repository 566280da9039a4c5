//! What is about the file of an embedded database: backup, restore, and an audit chain altered behind the server's back.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::running::{Server, ask, fails_naming, json_of, output, token};
use super::{durward, text};

/// Everything in a database, row by row.
fn dump(file: &Path) -> Vec<String> {
    let database = rusqlite::Connection::open(file).unwrap();
    let mut names =
        database.prepare("select name from sqlite_master where type = 'table' order by 1").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut out = Vec::new();
    for table in names {
        let mut statement = database.prepare(&format!("select * from {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<Cell> = (0..columns).map(|at| row.get(at).unwrap()).collect();
            out.push(format!("{table} {cells:?}"));
        }
    }
    out.sort();
    out
}

#[test]
fn a_backup_taken_while_writes_go_on_holds_all_that_was_acknowledged_before_it() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let server = Server::start(at, "data");
    let token = token(at, &["--kind", "scim", "--data", "data"]);
    let create = |name: &str| {
        let body = json!({ "userName": name, "externalId": name });
        ask(server.address(), "POST", "/default/scim/Users", &token, Some(&body)).0
    };
    for n in 0..20 {
        assert_eq!(create(&format!("before{n}")), 201);
    }
    let stop = AtomicBool::new(false);
    let backup = std::thread::scope(|scope| {
        let (stop, create) = (&stop, &create);
        for writer in 0..3 {
            scope.spawn(move || {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(create(&format!("during{writer}-{n}")), 201);
                    n += 1;
                }
            });
        }
        let made = durward(at, &["backup", "copy.db", "--data", "data", "--json"]).output();
        stop.store(true, Ordering::Relaxed);
        made.unwrap()
    });
    assert!(backup.status.success(), "{}", text(&backup));
    let made: Value = serde_json::from_slice(&backup.stdout).unwrap();
    assert_eq!((&made["file"], &made["intact"]), (&json!("copy.db"), &json!(true)));
    assert!(server.stop().1);

    let restored = json_of(at, &["restore", "copy.db", "--data", "fresh"]);
    assert_eq!(restored["auditRecords"], made["auditRecords"]);
    assert_eq!(dump(&at.join("fresh/durward.db")), dump(&at.join("copy.db")));
    let server = Server::start(at, "fresh");
    // What a server uses is not replaced under its feet.
    let refused = durward(at, &["restore", "copy.db", "--data", "fresh", "--force"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("stop it first"), "{}", text(&refused));
    for n in 0..20 {
        let path = format!("/default/scim/Users?filter=externalId%20eq%20%22before{n}%22");
        let (status, body) = server.ask("GET", &path, &token, None);
        assert!(status == 200 && body.contains("\"totalResults\":1"), "{body}");
    }
    assert_eq!(
        server.ask("POST", "/default/scim/Users", &token, Some(&json!({ "userName": "after" }))).0,
        201
    );
}

#[test]
fn a_backup_of_data_at_rest_is_the_same_data() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for args in [&["migrate"][..], &["tenant", "create", "default"], &["backup", "copy.db"]] {
        output(at, args);
    }
    output(at, &["restore", "copy.db", "--data", "fresh"]);
    assert_eq!(dump(&at.join("fresh/durward.db")), dump(&at.join("durward-data/durward.db")));
    // Neither overwrites what is there.
    for (args, named) in [(&["backup", "copy.db"][..], "`copy.db`"), (&["restore", "copy.db"], "`--force`")] {
        let refused = durward(at, args).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused).contains(named), "{}", text(&refused));
    }
    output(at, &["tenant", "create", "later"]);
    output(at, &["restore", "copy.db", "--force"]);
    assert_eq!(output(at, &["tenant", "list"]), "default\n");
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for args in [&["migrate"][..], &["tenant", "create", "default"], &["backup", "copy.db"]] {
        output(at, args);
    }
    let database = rusqlite::Connection::open(at.join("copy.db")).unwrap();
    database.execute("update audit set actor = 'somebody else'", []).unwrap();
    drop(database);
    std::fs::write(at.join("noise.db"), b"no database at all").unwrap();
    for file in ["copy.db", "noise.db"] {
        let refused = durward(at, &["restore", file, "--force"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{file}: {}", text(&refused));
    }
    assert_eq!(output(at, &["tenant", "list"]), "default\n", "what was there is there");
}

#[test]
fn audit_verify_names_the_first_record_that_breaks_the_chain() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    output(at, &["migrate"]);
    output(at, &["tenant", "create", "default"]);
    for name in ["one", "two", "three", "four"] {
        token(at, &["--kind", "admin", "--name", name]);
    }
    let intact = json_of(at, &["audit", "verify"]);
    let listed = json_of(at, &["audit", "list", "--tenant", "default"]);
    let made = json_of(at, &["audit", "list"]);
    assert_eq!(
        intact,
        json!([
            { "tenant": "(installation)", "id": 0, "intact": true, "records": 1, "hash": made[0]["hash"] },
            { "tenant": "default", "id": 1, "intact": true, "records": 5, "hash": listed[4]["hash"] },
        ])
    );
    let verbs: Vec<_> =
        listed.as_array().unwrap().iter().map(|one| (&one["sequence"], &one["verb"])).collect();
    assert_eq!(verbs.len(), 5);
    assert_eq!(verbs[0], (&json!(1), &json!("create")));
    let before = dump(&at.join("durward-data/durward.db"));

    let database = rusqlite::Connection::open(at.join("durward-data/durward.db")).unwrap();
    for (change, undo, sequence) in [
        (
            "update audit set actor = 'x' where sequence = 3 and tenant > 0",
            "update audit set actor = 'command-line' where sequence = 3 and tenant > 0",
            3,
        ),
        (
            "update audit set at = at + 1 where sequence = 2 and tenant > 0",
            "update audit set at = at - 1 where sequence = 2 and tenant > 0",
            2,
        ),
    ] {
        assert_eq!(database.execute(change, []).unwrap(), 1);
        let broken = durward(at, &["audit", "verify", "--json"]).output().unwrap();
        assert_eq!(broken.status.code(), Some(1), "{}", text(&broken));
        let verdicts: Value = serde_json::from_slice(&broken.stdout).unwrap();
        assert_eq!(verdicts[0]["intact"], true);
        assert_eq!((&verdicts[1]["intact"], &verdicts[1]["sequence"]), (&json!(false), &json!(sequence)));
        database.execute(undo, []).unwrap();
        output(at, &["audit", "verify", "--tenant", "default"]);
    }
    assert_eq!(dump(&at.join("durward-data/durward.db")), before, "to verify changes nothing");
    // A record that is left out, in the middle or at the end, is missed.
    for sequence in [2, 5] {
        let mut copy = rusqlite::Connection::open_in_memory().unwrap();
        rusqlite::backup::Backup::new(&database, &mut copy).unwrap().step(-1).unwrap();
        database.execute("delete from audit where sequence = ?1 and tenant > 0", [sequence]).unwrap();
        let broken = durward(at, &["audit", "verify"]).output().unwrap();
        assert_eq!(broken.status.code(), Some(1), "{}", text(&broken));
        assert!(text(&broken).contains("default: BROKEN at record"), "{}", text(&broken));
        let mut database = rusqlite::Connection::open(at.join("durward-data/durward.db")).unwrap();
        rusqlite::backup::Backup::new(&copy, &mut database).unwrap().step(-1).unwrap();
    }
}

#[test]
fn a_chain_whose_end_was_taken_away_is_neither_verified_nor_backed_up() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    output(at, &["migrate"]);
    output(at, &["tenant", "create", "default"]);
    let database = rusqlite::Connection::open(at.join("durward-data/durward.db")).unwrap();
    database.execute("delete from head where tenant = 1", []).unwrap();
    for args in [&["audit", "verify"][..], &["audit", "verify", "--tenant", "default"]] {
        let broken = durward(at, args).output().unwrap();
        assert_eq!(broken.status.code(), Some(1), "{}", text(&broken));
        assert!(
            text(&broken).contains("default: BROKEN at record 1: it is past the end"),
            "{}",
            text(&broken)
        );
    }
    fails_naming(at, &["backup", "copy.db"], "the audit chain of tenant 1");
    std::fs::copy(at.join("durward-data/durward.db"), at.join("copy.db")).unwrap();
    fails_naming(at, &["restore", "copy.db", "--data", "fresh"], "the audit chain of tenant 1");
}

#[test]
fn a_chain_that_is_not_the_one_that_was_noted_is_broken() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    output(at, &["migrate"]);
    output(at, &["tenant", "create", "default"]);
    output(at, &["tenant", "create", "acme"]);
    token(at, &["--kind", "admin"]);
    std::fs::write(at.join("noted.json"), output(at, &["audit", "verify", "--json"])).unwrap();
    let verify = ["audit", "verify", "--noted", "noted.json"];
    output(at, &verify);
    // It may grow, and a tenant may be deleted as the installation's chain says.
    token(at, &["--kind", "admin"]);
    output(at, &["tenant", "delete", "acme", "--yes"]);
    output(at, &verify);
    // Emptied, it holds as one does that has not begun.
    let database = rusqlite::Connection::open(at.join("durward-data/durward.db")).unwrap();
    for table in ["audit", "head"] {
        database.execute(&format!("delete from {table} where tenant = 1"), []).unwrap();
    }
    output(at, &["audit", "verify"]);
    let broken = durward(at, &verify).output().unwrap();
    assert_eq!(broken.status.code(), Some(1));
    let named = "default: BROKEN at record 2: it is not the one that was noted";
    assert!(text(&broken).contains(named), "{}", text(&broken));
    std::fs::write(at.join("noted.json"), "[{}]").unwrap();
    fails_naming(at, &verify, "`noted.json`");
}

#[test]
fn what_a_list_shows_of_a_name_is_one_line_without_commands() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    output(at, &["migrate"]);
    output(at, &["tenant", "create", "default"]);
    token(at, &["--kind", "scim"]);
    fails_naming(
        at,
        &["token", "create", "--tenant", "default", "--kind", "scim", "--name", "a\u{1b}[2J"],
        "control characters",
    );
    // As a name was kept before it was refused.
    let database = rusqlite::Connection::open(at.join("durward-data/durward.db")).unwrap();
    let name = "x\u{1b}[2J\n0198 scim forged\u{9b}1m";
    database.execute("update token set name = ?1", [name]).unwrap();
    database.execute("update audit set id = ?1 where tenant = 1 and kind = 'Token'", [name]).unwrap();
    for args in [&["token", "list"][..], &["audit", "list"]] {
        let args = [args, &["--tenant", "default"]].concat();
        let shown = output(at, &args);
        assert!(shown.contains(r"x\u{1b}[2J\n0198 scim forged\u{9b}1m"), "{shown}");
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        let json = output(at, &[&args[..], &["--json"]].concat());
        assert!(json.chars().all(|c| c == '\n' || !c.is_control()), "{json:?}");
        assert!(
            serde_json::from_str::<Value>(&json).unwrap().to_string().contains("forged\u{9b}1m"),
            "{json}"
        );
    }
}

#[test]
fn the_cause_of_a_failure_of_the_database_is_said() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    output(at, &["migrate"]);
    output(at, &["tenant", "create", "default"]);
    let database = rusqlite::Connection::open(at.join("durward-data/durward.db")).unwrap();
    database.execute("update tenant set kinds = 'none'", []).unwrap();
    let failed = durward(at, &["tenant", "list"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed).contains("column 3 holds a value of another type"), "{}", text(&failed));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    output(folder.path(), &["migrate"]);
    for (args, named) in [
        (&["tenant", "list", "--data", "elsewhere"][..], "there is no database at `elsewhere/durward.db`"),
        (&["backup", "missing/file.db"], "missing/file.db"),
        (&["restore", "missing.db", "--data", "fresh"], "missing.db"),
    ] {
        fails_naming(folder.path(), args, named);
    }
}
