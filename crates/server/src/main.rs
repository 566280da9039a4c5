//! The one binary. Everything is in the library, where the tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    durward_server::command::run(std::env::args_os().collect())
}
