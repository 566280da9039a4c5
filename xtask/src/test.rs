//! Every test: the workspace's own, then independent clients against the built binary.

use crate::Outcome;
use crate::black_box;
use crate::run::{Step, all, cargo, run as execute, succeeds};

/// Runs every test, whatever the others find.
pub fn run(skip_black_box: bool) -> Outcome {
    let mut steps: Vec<Step> = vec![("tests", tests), ("documentation examples", examples)];
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

fn examples() -> Outcome {
    execute(&mut cargo(&["test", "--workspace", "--doc", "--quiet"]))
}
