//! What can be said of one file by its lines alone.

use super::{File, Findings};

/// Lines past which a Rust file wants a second look.
const LONG: usize = 500;

/// Lines past which a Rust file is refused.
const TOO_LONG: usize = 800;

/// Unfinished work, in code.
const UNFINISHED: [&str; 4] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("#[ign", "ore")];

/// Unfinished work, in any file.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Places that exist on one machine only.
const MACHINE: [&str; 3] = [concat!("/wo", "rk/"), concat!("/t", "mp/"), concat!("/ro", "ot/")];

/// Files that somebody else's tool writes.
const FOREIGN: [&str; 1] = ["Cargo.lock"];

/// Looks at one file.
pub fn check(file: &File, findings: &mut Findings) {
    if FOREIGN.iter().any(|name| file.path.ends_with(name)) {
        return;
    }
    lines(file, findings);
    if file.path.ends_with(".rs") {
        length(file, findings);
        opening(file, findings);
    }
}

fn lines(file: &File, findings: &mut Findings) {
    let code = file.path.ends_with(".rs");
    for (number, line) in (1..).zip(file.text.lines()) {
        let mut wrong = |what: String| findings.errors.push(format!("{}:{number}: {what}", file.path));
        for word in UNFINISHED.iter().filter(|word| code && line.contains(**word)) {
            wrong(format!("`{word}` is unfinished work"));
        }
        for word in NOTES.iter().filter(|word| has_word(line, word)) {
            wrong(format!("`{word}`: do it or open an issue"));
        }
        for path in MACHINE.iter().filter(|path| line.contains(**path)) {
            wrong(format!("`{path}` exists on one machine only"));
        }
        if line.ends_with([' ', '\t']) && !file.path.ends_with(".txt") {
            wrong("trailing space".to_owned());
        }
    }
}

fn length(file: &File, findings: &mut Findings) {
    let lines = file.text.lines().count();
    let said = format!("{}: {lines} lines", file.path);
    if lines > TOO_LONG {
        findings.errors.push(format!("{said}; past {TOO_LONG}, it is two files"));
    } else if lines > LONG {
        findings.warnings.push(format!("{said}; past {LONG}, look whether it is two files"));
    }
}

fn opening(file: &File, findings: &mut Findings) {
    if !file.text.starts_with("//!") {
        findings
            .errors
            .push(format!("{}: does not open with `//!`: say what it does and refuses to know", file.path));
    }
}

/// Whether the text has this word, with nothing of a word before and after it.
pub fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(path: &str, text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check(&File { path: path.to_owned(), text: text.to_owned() }, &mut findings);
        findings.errors
    }

    #[test]
    fn unfinished_code_is_found() {
        let call = format!("//! A file.\nfn f() {{ {}) }}\n", UNFINISHED[0]);
        assert_eq!(errors("a.rs", &call), [format!("a.rs:2: `{}` is unfinished work", UNFINISHED[0])]);
        assert!(errors("a.md", &call).is_empty());
    }

    #[test]
    fn notes_are_found_as_words() {
        let note = NOTES[0];
        assert_eq!(errors("a.md", &format!("{note}: later")).len(), 1);
        assert!(errors("a.md", &format!("MAS{note}N")).is_empty());
    }

    #[test]
    fn machine_paths_trailing_space_and_missing_openings_are_found() {
        assert_eq!(errors("a.md", &format!("see {}x", MACHINE[0])).len(), 1);
        assert_eq!(errors("a.md", "a \n").len(), 1);
        assert_eq!(errors("a.rs", "fn f() {}\n").len(), 1);
        assert_eq!(errors("a.rs", &format!("//! A file.\n{}", "\n".repeat(TOO_LONG))).len(), 1);
    }
}
