//! The fuzz targets, built and run without cargo-fuzz.
//!
//! libFuzzer needs two things of the compiler: coverage counters, which are LLVM passes that a stable compiler runs
//! when told to, and a C++ compiler for libFuzzer itself. The address sanitizer, which is not stable, would find
//! little in a workspace that forbids `unsafe`.

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::run::{command, root, run as execute, step};

/// What makes the compiler count which branches an input reaches.
const COVERAGE: &str = "--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1 \
    -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// How long a target runs when nobody says.
const SECONDS: u32 = 60;

/// Memory past which an input counts as a failure, in MiB.
const MEMORY: u32 = 1024;

/// Time past which one input counts as a failure, in seconds.
const INPUT_SECONDS: u32 = 10;

/// Runs one target or all, as the arguments say.
pub fn run(args: &[String]) -> Outcome {
    let (mut target, mut seconds) = (None, SECONDS);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => {
                let number = args.next().and_then(|number| number.parse().ok());
                seconds = number.ok_or("`--seconds` needs a number")?;
            }
            name => target = Some(name),
        }
    }
    match target {
        Some(target) => {
            build()?;
            fuzz(target, seconds)
        }
        None => all(seconds),
    }
}

/// Builds and runs every target.
pub fn all(seconds: u32) -> Outcome {
    build()?;
    targets()?.iter().try_for_each(|target| step(&format!("fuzz {target}"), || fuzz(target, seconds)))
}

/// The names of the targets: one file each.
fn targets() -> Outcome<Vec<String>> {
    let folder = root().join("fuzz/targets");
    let files = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = files.filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<_> = names.collect();
    names.sort();
    Ok(names)
}

/// An explicit target keeps the flags away from build scripts and procedural macros.
fn build() -> Outcome {
    let host = host()?;
    let mut build =
        command("cargo", &["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host]);
    execute(build.env("RUSTFLAGS", COVERAGE).env("CARGO_TARGET_DIR", folder()))
}

fn fuzz(target: &str, seconds: u32) -> Outcome {
    let program = folder().join(host()?).join("release").join(target);
    let corpus = root().join("fuzz/corpus").join(target);
    let artifacts = root().join("fuzz/artifacts");
    for folder in [&corpus, &artifacts] {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut fuzzer = Command::new(program);
    fuzzer.current_dir(root()).arg(corpus);
    let seeds = root().join("fuzz/seeds").join(target);
    if seeds.is_dir() {
        fuzzer.arg(seeds);
    }
    let prefix = format!("-artifact_prefix={}/{target}-", artifacts.display());
    let limits = [("max_total_time", seconds), ("rss_limit_mb", MEMORY), ("timeout", INPUT_SECONDS)];
    fuzzer.arg(prefix).args(limits.map(|(name, value)| format!("-{name}={value}")));
    quietly(fuzzer.args(["-verbosity=0", "-print_final_stats=1"]))
}

/// libFuzzer says a lot; what counts is what it did, or all of it when it has found something.
fn quietly(fuzzer: &mut Command) -> Outcome {
    let output = fuzzer.output().map_err(|error| format!("cannot run the fuzzer: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let counts = ["stat::number_of_executed_units", "stat::new_units_added", "stat::peak_rss_mb"];
    if output.status.success() {
        said.lines()
            .filter(|line| counts.iter().any(|name| line.starts_with(name)))
            .for_each(|line| println!("{line}"));
        return Ok(());
    }
    println!("{said}");
    Err("an input was found that breaks it; it is in fuzz/artifacts".to_owned())
}

fn folder() -> PathBuf {
    crate::run::target().join("fuzz")
}

fn host() -> Outcome<String> {
    let output =
        command("rustc", &["--version", "--verbose"]).output().map_err(|error| format!("rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not name its host".to_owned())
}
