//! Everything a change has to pass.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{Step, all, cargo, command, run as execute, succeeds, target};
use crate::{Outcome, fuzz, test, tidy};

/// The version that is installed when there is none.
const DENY_VERSION: &str = "0.20.2";

/// How long each fuzz target runs in CI, in seconds.
const FUZZ_SECONDS: u32 = 10;

/// Runs every check, whatever the others find.
pub fn run(skip_tests: bool) -> Outcome {
    let mut steps: Vec<Step> = Vec::new();
    if !skip_tests {
        steps.push(("tests", || test::run(false)));
    }
    steps.extend([
        ("format", format as fn() -> Outcome),
        ("clippy", clippy),
        ("tidy", tidy::run),
        ("dependencies", deny),
        ("documentation", documentation),
        ("fuzz", || fuzz::all(FUZZ_SECONDS)),
    ]);
    all(&steps)
}

fn format() -> Outcome {
    execute(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Outcome {
    execute(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]))
}

fn documentation() -> Outcome {
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]);
    execute(doc.env("RUSTDOCFLAGS", "--deny warnings"))
}

fn deny() -> Outcome {
    let program = deny_program()?;
    let check = |what: &[&str]| {
        let mut check = command(&program, &["--all-features", "check", "--hide-inclusion-graph"]);
        check.args(what);
        check
    };
    execute(&mut check(&["bans", "licenses", "sources"]))?;
    advisories(check(&["advisories"]))
}

/// The advisories need a database from the network. Without the network there is nothing to be checked against.
fn advisories(mut check: Command) -> Outcome {
    let output = check.output().map_err(|error| format!("cannot run cargo-deny: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        println!("advisories ok");
        Ok(())
    } else if said.contains("failed to fetch advisory database") {
        println!("advisories skipped: the database cannot be fetched here");
        Ok(())
    } else {
        Err(format!("cargo-deny found advisories\n{said}"))
    }
}

/// The installed cargo-deny, else one of our own in the target folder. An unoptimised build is made in about a minute.
fn deny_program() -> Outcome<PathBuf> {
    let installed = PathBuf::from("cargo-deny");
    if succeeds(&mut command(&installed, &["--version"])) {
        return Ok(installed);
    }
    let tools = target().join("tools");
    let ours = tools.join("bin/cargo-deny");
    if !succeeds(&mut command(&ours, &["--version"])) {
        println!("installing cargo-deny {DENY_VERSION}");
        let mut install = cargo(&["install", "cargo-deny", "--version", DENY_VERSION, "--locked", "--quiet"]);
        execute(install.args(["--profile", "dev", "--root"]).arg(&tools))?;
    }
    Ok(ours)
}
