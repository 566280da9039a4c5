//! Independent SCIM clients from the Python registry, pinned, in a virtual environment of their own.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::run::{cargo, command, root, run as execute, succeeds, target};

const REQUIREMENTS: &str = "tests/black-box/requirements.txt";

/// Builds the binary and runs the clients against it.
pub fn run() -> Outcome {
    // The binary of the tests: built by itself, it would want its dependencies with other features, and minutes.
    execute(&mut cargo(&["test", "--workspace", "--no-run", "--quiet"]))?;
    let python = environment()?;
    let binary = target().join("debug/durward");
    let mut check = command(python, &["tests/black-box/run.py"]);
    execute(check.arg("--durward").arg(binary))
}

/// The Python of an environment that holds exactly the pinned packages. Made again when the pins change.
fn environment() -> Outcome<PathBuf> {
    let folder = target().join("black-box");
    let (venv, stamp) = (folder.join("venv"), folder.join("requirements.txt"));
    let python = venv.join("bin/python");
    let wanted =
        std::fs::read(root().join(REQUIREMENTS)).map_err(|error| format!("{REQUIREMENTS}: {error}"))?;
    if std::fs::read(&stamp).is_ok_and(|had| had == wanted) && python.exists() {
        return Ok(python);
    }
    println!("making a Python environment from {REQUIREMENTS}");
    create(&venv)?;
    execute(command(&python, &["-m", "pip", "install", "--quiet", "--requirement"]).arg(REQUIREMENTS))?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

fn create(venv: &Path) -> Outcome {
    if !succeeds(&mut command("python3", &["-c", "import ensurepip, venv"])) {
        return Err(
            "Python with its `venv` module is missing: install the packages `python3` and `python3-venv`, \
                    or leave these tests out with --skip-black-box"
                .to_owned(),
        );
    }
    execute(command("python3", &["-m", "venv", "--clear"]).arg(venv))
}
