//! The built binary's command line: where the configuration comes from, what fails and how.

mod copying;
mod on_sqlite;
mod running;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use tempfile::TempDir;

/// The binary in an empty folder, with nothing of this process's own configuration.
fn durward(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_durward"));
    command.args(args).current_dir(folder).env_clear();
    command.envs(scratch::database_of(folder).map(|url| ("DURWARD_DATABASE", url)));
    command
}

fn text(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}exit {}\n", output.status.code().unwrap())
}

fn fails(folder: &Path, args: &[&str], expected: Expect) {
    expected.assert_eq(&text(&durward(folder, args).output().unwrap()));
}

/// The line of `check-config` for one option, its columns parted by one space.
fn setting(command: &mut Command, name: &str) -> String {
    let output = text(&command.output().unwrap());
    let line = output.lines().find(|line| line.split_whitespace().next() == Some(name));
    line.unwrap_or_else(|| panic!("no `{name}` in\n{output}"))
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn folder_with(file: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("durward.toml"), file).unwrap();
    folder
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let folder = folder_with("\nlog_level = \"warn\"\n");
    let check = |args: &[&str]| durward(folder.path(), &[&["check-config"], args].concat());
    let variable = ("DURWARD_LOG_LEVEL", "error");

    let mut flag = check(&["--log-level=debug"]);
    assert_eq!(setting(flag.env(variable.0, variable.1), "log_level"), "log_level debug flag");
    let mut environment = check(&[]);
    let environment = setting(environment.env(variable.0, variable.1), "log_level");
    assert_eq!(environment, "log_level error environment DURWARD_LOG_LEVEL");
    assert_eq!(setting(&mut check(&[]), "log_level"), "log_level warn durward.toml:2");
    assert_eq!(setting(&mut check(&[]), "log_format"), "log_format text default");
}

#[test]
fn the_file_is_found_in_the_data_folder_or_named() {
    let folder = folder_with("listen = \"127.0.0.1:1\"\n");
    let other = folder_with("listen = \"127.0.0.1:2\"\n");
    let data = other.path().to_str().unwrap();
    let named = other.path().join("durward.toml");
    let named = named.to_str().unwrap();
    let listen = |args: &[&str]| setting(&mut durward(folder.path(), args), "listen");

    assert_eq!(listen(&["check-config"]), "listen 127.0.0.1:1 durward.toml:1");
    assert_eq!(listen(&["check-config", "--data", data]), format!("listen 127.0.0.1:2 {named}:1"));
    assert_eq!(listen(&["check-config", "--config", named]), format!("listen 127.0.0.1:2 {named}:1"));
}

#[test]
fn a_wrong_configuration_is_refused_with_exit_code_2() {
    let folder = folder_with("lisen = \"127.0.0.1:1\"\n");
    fails(
        folder.path(),
        &["check-config"],
        expect![[r#"
            error: durward.toml:1: unknown key `lisen`; did you mean `listen`?
            exit 2
        "#]],
    );
    fails(
        folder.path(),
        &["serve", "--config", "missing.toml"],
        expect![[r#"
            error: cannot read the configuration file `missing.toml`: No such file or directory (os error 2)
            exit 2
        "#]],
    );
    let folder = folder_with("tls_cert = \"cert.pem\"\n");
    fails(
        folder.path(),
        &["check-config"],
        expect![[r#"
            error: `tls_cert` is set but `tls_key` is not: TLS needs both
            exit 2
        "#]],
    );
}

#[test]
fn what_serve_would_refuse_of_a_certificate_is_found_by_checking() {
    let folder = folder_with("tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    let missing = text(&durward(folder.path(), &["check-config"]).output().unwrap());
    assert!(missing.contains("cert.pem") && missing.ends_with("exit 1\n"), "{missing}");
    std::fs::write(folder.path().join("cert.pem"), "no certificate").unwrap();
    std::fs::write(folder.path().join("key.pem"), "no key").unwrap();
    let empty = text(&durward(folder.path(), &["check-config"]).output().unwrap());
    assert_eq!(empty, text(&durward(folder.path(), &["serve"]).output().unwrap()));
}

#[test]
fn what_may_hold_a_password_is_not_shown_by_checking() {
    let folder = folder_with("otlp_endpoint = \"http://durward:hush@collector:4318\"\n");
    let mut check = durward(folder.path(), &["check-config"]);
    assert_eq!(setting(&mut check, "otlp_endpoint"), "otlp_endpoint … durward.toml:1");
}

#[test]
fn an_unknown_variable_is_refused_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = durward(folder.path(), &["check-config"]);
    let output = command.env("DURWARD_LISTENS", "127.0.0.1:1").output().unwrap();
    expect![[r#"
        error: unknown environment variable `DURWARD_LISTENS`; did you mean `DURWARD_LISTEN`?
        exit 2
    "#]]
    .assert_eq(&text(&output));
}

#[test]
fn help_is_given_even_when_the_configuration_is_wrong() {
    let folder = folder_with("lisen = 1\n");
    let mut command = durward(folder.path(), &["serve", "--help"]);
    let output = command.env("DURWARD_LISTENS", "127.0.0.1:1").output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn check_config_answers_in_json() {
    let folder = folder_with("max_connections = 7\n");
    let output = durward(folder.path(), &["check-config", "--json"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let setting =
        answer["settings"].as_array().unwrap().iter().find(|s| s["name"] == "max_connections").unwrap();
    expect![[r#"{"name":"max_connections","value":"7","origin":"file","file":"durward.toml","line":1}"#]]
        .assert_eq(&setting.to_string());
}

/// What a command says; of a server, which would wait for its database, the first of it.
fn says(command: &mut Command) -> String {
    if command.get_args().next() != Some("serve".as_ref()) {
        return text(&command.output().unwrap());
    }
    let mut server = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut said).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    said
}

#[test]
fn the_password_of_the_database_is_shown_nowhere() {
    let folder =
        folder_with("database = \"postgres://durward:hush@127.0.0.1:1/durward?connect_timeout=1\"\n");
    let flag = "--database=postgres://durward:hush@127.0.0.1:1/durward?connect_timeout=1";
    let variable = "postgres://durward:hush@127.0.0.1:1/durward?sslmode=maybe";
    let amiss = [
        "--database=postgress://durward:hush@127.0.0.1:1/durward",
        "--database=postgresql:/durward:hush@127.0.0.1:1/durward",
        "--database=durward:hush@127.0.0.1/durward",
        "--database=host=127.0.0.1 password=hush",
        "--database=hush",
        "--data=postgres://durward:hush@127.0.0.1:1/durward",
        "--config=postgres://durward:hush@127.0.0.1:1/durward",
        "postgres://durward:hush@127.0.0.1:1/durward",
        "durward:hush@127.0.0.1:1/durward",
    ];
    for args in [
        &["check-config"][..],
        &["check-config", "--json"],
        &["serve"],
        &["migrate"],
        &["tenant", "list"],
        &["tenant"],
        &[],
    ] {
        let with = |more| durward(folder.path(), &[args, &[more]].concat());
        let mut file = durward(folder.path(), args);
        let mut environment = durward(folder.path(), args);
        let given = [
            file.env_remove("DURWARD_DATABASE"),
            environment.env("DURWARD_DATABASE", variable),
            &mut with(flag),
        ]
        .map(says);
        for said in given {
            assert!(!said.contains("hush"), "{args:?}: {said}");
        }
        for wrong in amiss {
            let output = with(wrong).output().unwrap();
            let said = text(&output);
            assert!(!said.contains("hush") && output.status.code() == Some(2), "{args:?} {wrong}: {said}");
        }
    }
    let help = durward(folder.path(), &["serve", "--help"]).env("DURWARD_DATABASE", variable).output();
    assert!(!text(&help.unwrap()).contains("hush"));
    for command in ["backup", "restore"] {
        let mut command = durward(folder.path(), &[command, "postgres://durward:hush@127.0.0.1:1/durward"]);
        let said = text(&command.output().unwrap());
        assert!(!said.contains("hush") && said.ends_with("exit 2\n"), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made of it");
    let mut check = durward(folder.path(), &["check-config", flag]);
    assert_eq!(setting(&mut check, "database"), "database postgres://127.0.0.1:1/durward flag");
    fails(
        folder.path(),
        &["copy", "--from", "durward:hush@db/durward", "--to", "sqlite:new"],
        expect![[r#"
            error: invalid value '…' for '--from <DATABASE>': is neither a URL that begins with `postgres://` nor `sqlite:` and a path

            For more information, try '--help'.
            exit 2
        "#]],
    );
}

#[test]
fn a_database_that_cannot_be_used_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (url, said) in [
        (
            "postgres://nobody@127.0.0.1:1/none?sslmode=maybe",
            "`sslmode` is none of disable, prefer, require, verify-full",
        ),
        ("postgres://nobody@127.0.0.1:1/none?connections=0", "`connections` is no number from 1 to 1000"),
        ("postgres://nobody@127.0.0.1:1/none?sslrootcert=none.pem", "`none.pem`"),
        ("postgres://nobody@127.0.0.1:1/none?speed=fast", "unknown option `speed`"),
        (
            "postgres://nobody@127.0.0.1:1/none?target_session_attrs=any",
            "`target_session_attrs` cannot be but",
        ),
    ] {
        for command in ["serve", "migrate", "check-config"] {
            let output = durward(folder.path(), &[command, "--database", url]).output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{error}");
            assert!(error.contains(said) && error.lines().count() == 1, "{url}: {error}");
        }
    }
    let away = durward(folder.path(), &["migrate", "--database", "postgres://nobody@127.0.0.1:1/none"]);
    let away = text(&{ away }.output().unwrap());
    let said = "error: `postgres://127.0.0.1:1/none`: the store is unavailable: error connecting to server";
    assert!(away.starts_with(said) && away.ends_with("exit 1\n"), "{away}");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "a server keeps the data, no folder does"
    );
}

#[test]
fn a_database_on_a_server_is_backed_up_by_its_own_tools() {
    let folder = tempfile::tempdir().unwrap();
    let database = scratch::Database::new();
    assert!(
        durward(folder.path(), &["migrate", "--database", &database.url()])
            .output()
            .unwrap()
            .status
            .success()
    );
    for (args, tool) in [(&["backup", "copy.db"][..], "pg_dump"), (&["restore", "copy.db"], "pg_restore")] {
        let url = database.url();
        let output = durward(folder.path(), &[args, &["--database", &url]].concat()).output().unwrap();
        let said = text(&output);
        assert!(output.status.code() == Some(1) && said.contains(tool), "{said}");
    }
}
