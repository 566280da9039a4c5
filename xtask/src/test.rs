//! Every test: the workspace's own, those of the whole server once more on PostgreSQL, then independent clients against
//! the built binary.

use crate::Outcome;
use crate::black_box;
use crate::run::{Step, all, cargo, run as execute, succeeds};

/// Runs every test, whatever the others find.
pub fn run(skip_black_box: bool) -> Outcome {
    let mut steps: Vec<Step> =
        vec![("tests", tests), ("tests on PostgreSQL", on_postgres), ("documentation examples", examples)];
    if !skip_black_box {
        steps.push(("black box", black_box::run));
    }
    all(&steps)
}

/// With nextest where it is installed, for its speed and its isolation.
fn tests() -> Outcome {
    if succeeds(&mut cargo(&["nextest", "--version"])) {
        execute(&mut cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]))
    } else {
        execute(&mut cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast"]))
    }
}

/// What opens a database by the way of a whole server. What is about a file is in modules called `on_sqlite`; what is in
/// `failover` makes PostgreSQL clusters of its own, whatever it runs on.
fn on_postgres() -> Outcome {
    let packages = ["--package", "durward", "--package", "durward-iam"];
    let mut tests = if succeeds(&mut cargo(&["nextest", "--version"])) {
        let mut tests =
            cargo(&["nextest", "run", "--no-fail-fast", "--filterset", "not test(/on_sqlite::|failover::/)"]);
        tests.args(packages).args(["--test", "it", "--test", "plan"]);
        tests
    } else {
        let mut tests = cargo(&["test", "--no-fail-fast"]);
        tests.args(packages).args([
            "--test",
            "it",
            "--test",
            "plan",
            "--",
            "--skip",
            "on_sqlite::",
            "--skip",
            "failover::",
        ]);
        tests
    };
    execute(tests.env("TEST_ON", "postgres"))
}

fn examples() -> Outcome {
    execute(&mut cargo(&["test", "--workspace", "--doc", "--quiet"]))
}
