//! The benchmarks: always in a release build, never part of the tests.

use crate::Outcome;
use crate::run::{cargo, command, run as execute, target};

/// Builds the server and the load driver, and runs the driver with these arguments.
pub fn run(args: &[String]) -> Outcome {
    // Together, so that what both depend on is built once.
    execute(&mut cargo(&["build", "--release", "--package", "durward", "--package", "durward-bench"]))?;
    execute(command(target().join("release/durward-bench"), &[]).args(args))
}
