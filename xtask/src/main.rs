//! `cargo xtask …`: which task was asked for.

use std::process::ExitCode;

use xtask::{Outcome, bench, ci, fuzz, generate, test, tidy};

const USAGE: &str = "usage: cargo xtask <task>

  test [--skip-black-box]   every test: the workspace, then independent clients against the built binary
  ci [--skip-tests]         test, format, clippy, tidy, licences and bans, documentation, a short fuzz
  tidy                      what no other tool checks: lengths, words, links, generated pages
  generate                  write the reference pages
  bench [arguments]         the benchmarks, in a release build
  fuzz [target] [--seconds N]
                            run the fuzz targets, each for N seconds (60)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((task, args)) = args.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let outcome = match task.as_str() {
        "test" => flags(args, &["--skip-black-box"]).and_then(|()| test::run(has(args, "--skip-black-box"))),
        "ci" => flags(args, &["--skip-tests"]).and_then(|()| ci::run(has(args, "--skip-tests"))),
        "tidy" => flags(args, &[]).and_then(|()| tidy::run()),
        "generate" => flags(args, &[]).and_then(|()| generate::run()),
        "bench" => bench::run(args),
        "fuzz" => fuzz::run(args),
        _ => Err(format!("no task `{task}`\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn has(args: &[String], flag: &str) -> bool {
    args.iter().any(|arg| arg == flag)
}

fn flags(args: &[String], known: &[&str]) -> Outcome {
    match args.iter().find(|arg| !known.contains(&arg.as_str())) {
        None => Ok(()),
        Some(arg) => Err(format!("unknown argument `{arg}`\n\n{USAGE}")),
    }
}
