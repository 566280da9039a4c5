//! The benchmarks: always in a release build, never part of the tests.

use crate::Outcome;
use crate::run::{cargo, run as execute};

/// Builds the server and the load driver, and runs the driver with these arguments.
pub fn run(args: &[String]) -> Outcome {
    execute(&mut cargo(&["build", "--release", "--package", "durward"]))?;
    execute(cargo(&["run", "--release", "--package", "durward-bench", "--"]).args(args))
}
