//! What no other tool checks.
//!
//! Words that must not be matched in this very file are put together from two halves.

pub mod text;
mod tree;

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::generate;
use crate::run::root;

/// A file of the tree with its text.
pub struct File {
    /// Its path below the root, with `/`.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// What was found, one line each.
#[derive(Debug, Default)]
pub struct Findings {
    /// What must be mended.
    pub errors: Vec<String>,
    /// What is worth a second look.
    pub warnings: Vec<String>,
}

/// Prints what is found; fails on an error.
pub fn run() -> Outcome {
    let findings = check(&root())?;
    for warning in &findings.warnings {
        println!("warning: {warning}");
    }
    for error in &findings.errors {
        println!("error: {error}");
    }
    match findings.errors.len() {
        0 => Ok(()),
        count => Err(format!("tidy found {count} errors")),
    }
}

fn check(root: &Path) -> Outcome<Findings> {
    let files = files(root)?;
    let mut findings = Findings::default();
    for file in &files {
        text::check(file, &mut findings);
        tree::links(root, file, &mut findings);
        tree::decision(file, &mut findings);
    }
    tree::changelog(&files, &mut findings);
    generated(root, &mut findings);
    Ok(findings)
}

fn generated(root: &Path, findings: &mut Findings) {
    let had = std::fs::read_to_string(root.join(generate::LIMITS)).unwrap_or_default();
    match generate::limits_page(root) {
        Ok(page) if page == had => {}
        Ok(_) => {
            findings.errors.push(format!("{}: not up to date; run `cargo xtask generate`", generate::LIMITS))
        }
        Err(error) => findings.errors.push(error),
    }
}

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 9] = [
    "target",
    ".git",
    ".venv",
    "durward-data",
    "__pycache__",
    "corpus",
    "artifacts",
    "node_modules",
    ".idea",
];

/// Every text file below the root, in order.
pub fn files(root: &Path) -> Outcome<Vec<File>> {
    let mut files = Vec::new();
    walk(root, &mut |path| {
        let below = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if let Ok(text) = std::fs::read_to_string(&path) {
            files.push(File { path: below, text });
        }
    })?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(folder: &Path, visit: &mut impl FnMut(PathBuf)) -> Outcome {
    let failed = |error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_file() {
            visit(entry.path());
        } else if kind.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
            walk(&entry.path(), visit)?;
        }
    }
    Ok(())
}
