//! Running other programs and saying so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Outcome;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// The folder cargo builds into.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A program, to be run in the folder of the workspace.
pub fn command(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// Cargo, with these arguments.
pub fn cargo(args: &[&str]) -> Command {
    command("cargo", args)
}

/// Runs a program, its output shown; a failure names it.
pub fn run(command: &mut Command) -> Outcome {
    let name = shown(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{name}` ended with {status}")),
        Err(error) => Err(format!("cannot run `{name}`: {error}")),
    }
}

/// Whether a program can be run and succeeds, its output hidden.
pub fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// One step of a task, announced and timed.
pub fn step(name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    println!("==> {name}");
    let begun = Instant::now();
    let outcome = work();
    let seconds = begun.elapsed().as_secs_f64();
    match &outcome {
        Ok(()) => println!("<== {name}: ok ({seconds:.0} s)"),
        Err(message) => println!("<== {name}: FAILED ({seconds:.0} s): {message}"),
    }
    outcome
}

/// A name and what is to be done.
pub type Step = (&'static str, fn() -> Outcome);

/// Runs every step whatever the others do, and names those that failed.
pub fn all(steps: &[Step]) -> Outcome {
    let outcomes = steps.iter().map(|(name, work)| (*name, step(name, work)));
    let failed: Vec<_> = outcomes.filter(|(_, outcome)| outcome.is_err()).map(|(name, _)| name).collect();
    match failed.as_slice() {
        [] => Ok(()),
        names => Err(format!("failed: {}", names.join(", "))),
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
