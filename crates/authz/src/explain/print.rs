//! An explanation as a tree for people and as JSON for programs.

use std::fmt::{self, Write};

use serde_json::{Map, Value, json};

use super::{Explanation, Path, Step};

/// A line, and what stands below it.
struct Tree {
    line: String,
    below: Vec<Tree>,
}

impl Tree {
    fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), below: Vec::new() }
    }

    /// Adds a way down; lines that it shares with the one before it are there once.
    fn add(&mut self, lines: impl IntoIterator<Item = String>) {
        let mut at = self;
        for line in lines {
            if at.below.last().is_none_or(|last| last.line != line) {
                at.below.push(Self::new(line));
            }
            match at.below.last_mut() {
                Some(last) => at = last,
                None => return,
            }
        }
    }

    fn print(&self, out: &mut String, indent: &str) {
        for (left, tree) in (0..self.below.len()).rev().zip(&self.below) {
            let (branch, space) = if left > 0 { ("├─ ", "│  ") } else { ("└─ ", "   ") };
            // Writing to a string does not fail.
            let _ = writeln!(out, "{indent}{branch}{}", one_line(&tree.line));
            tree.print(out, &format!("{indent}{space}"));
        }
    }
}

/// A name may have lines of its own, which must not pass for lines of the tree.
fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

impl Explanation {
    /// The explanation as a tree, one line each, the last one ended too.
    pub fn text(&self) -> String {
        let Self { subject, action, target, decision, .. } = self;
        let mut tree = Tree::new(match decision.allowed {
            true => format!("allowed: {subject} may {action} on {target}"),
            false => format!("denied: {subject} may not {action} on {target}: {}", decision.reason.as_str()),
        });
        let mut paths = Tree::new("");
        // Ways that begin alike stand together, at the place of the shortest of them.
        for path in gathered(&self.paths) {
            let steps = path.steps.iter().skip(1).map(ToString::to_string);
            paths.add(steps.chain([format!("{} on {}", path.action, path.on)]));
        }
        match decision.allowed {
            true => tree.below = paths.below,
            false => {
                for (line, below) in [
                    ("has on it", paths.below),
                    ("could", self.others.iter().map(|other| Tree::new(other.to_string())).collect()),
                ] {
                    if !below.is_empty() {
                        tree.below.push(Tree { line: line.to_owned(), below });
                    }
                }
            }
        }
        if self.more {
            tree.below.push(Tree::new("and more"));
        }
        let mut out = format!("{}\n", one_line(&tree.line));
        tree.print(&mut out, "");
        out
    }

    /// The explanation as members of an AuthZEN response context.
    pub fn json(&self) -> Map<String, Value> {
        let paths: Vec<_> = self.paths.iter().map(path).collect();
        let mut members = Map::new();
        let mut add = |name: &str, value: Value| _ = members.insert(name.to_owned(), value);
        add("reason", self.decision.reason.as_str().into());
        match self.decision.allowed {
            true => add("paths", paths.into()),
            false => {
                add("has", paths.into());
                add("could", self.others.iter().map(step).collect());
            }
        }
        if self.more {
            add("more", true.into());
        }
        members
    }
}

/// The paths in their order, but each after the one before it that it shares most with.
fn gathered(paths: &[Path]) -> Vec<&Path> {
    let mut gathered: Vec<&Path> = Vec::with_capacity(paths.len());
    for path in paths {
        let shared = |other: &Path| path.steps.iter().zip(&other.steps).take_while(|(a, b)| a == b).count();
        let most = gathered.iter().map(|other| shared(other)).max().unwrap_or(0);
        let at = gathered.iter().rposition(|other| shared(other) == most && most > 1);
        gathered.insert(at.map_or(gathered.len(), |at| at + 1), path);
    }
    gathered
}

fn path(path: &Path) -> Value {
    let steps: Vec<_> = path.steps.iter().map(step).collect();
    json!({ "steps": steps, "action": path.action, "on": step(&path.on) })
}

fn step(step: &Step) -> Value {
    let mut value = json!({ "type": step.kind.as_str(), "id": step.id });
    if let (Some(display), Value::Object(members)) = (&step.display, &mut value) {
        members.insert("display".to_owned(), display.as_str().into());
    }
    value
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, id, display } = self;
        match display {
            Some(display) => write!(f, "{} {display} ({id})", kind.as_str()),
            None if id.starts_with('/') => f.write_str(id),
            None => write!(f, "{} {id}", kind.as_str()),
        }
    }
}
