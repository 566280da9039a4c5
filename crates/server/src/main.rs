//! The one binary. Everything is in the library, where the tests can reach it.

use std::process::ExitCode;

// Half of what a request costs beside the database is memory that comes and goes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    durward_server::command::run(std::env::args_os().collect())
}
