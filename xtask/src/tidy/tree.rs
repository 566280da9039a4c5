//! What takes more than one file to say: links, decision pages, the changelog.

use std::path::Path;

use super::{File, Findings};

/// What a decision page must answer.
const HEADINGS: [&str; 4] = ["Context", "Choice", "Consequences", "What would prove it wrong"];

/// Every link of a Markdown page to a file must lead to one.
pub(super) fn links(root: &Path, file: &File, findings: &mut Findings) {
    if !file.path.ends_with(".md") {
        return;
    }
    let folder = root.join(&file.path).parent().map(Path::to_owned).unwrap_or_default();
    for (number, target) in targets(&file.text) {
        let path = target.split('#').next().unwrap_or_default();
        if !path.is_empty() && !path.contains(':') && !folder.join(path).exists() {
            findings.errors.push(format!("{}:{number}: link to `{target}`, which is not there", file.path));
        }
    }
}

/// The targets of the links, with their lines; what stands in code is no link.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    let mut code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if !code {
            let prose = line.split('`').step_by(2);
            let links = prose.flat_map(|prose| prose.split("](").skip(1));
            targets.extend(links.filter_map(|link| Some((number, link.split_once(')')?.0))));
        }
    }
    targets
}

pub(super) fn decision(file: &File, findings: &mut Findings) {
    if !file.path.starts_with("docs/decisions/")
        || !file.path.ends_with(".md")
        || file.path.ends_with("README.md")
    {
        return;
    }
    for heading in HEADINGS {
        if !file.text.lines().any(|line| line == format!("## {heading}")) {
            findings.errors.push(format!("{}: has no heading `## {heading}`", file.path));
        }
    }
}

pub(super) fn changelog(files: &[File], findings: &mut Findings) {
    match files.iter().find(|file| file.path == "CHANGELOG.md") {
        None => findings.errors.push("CHANGELOG.md: missing".to_owned()),
        Some(file) => {
            if !file
                .text
                .lines()
                .any(|line| line.starts_with("## Unreleased") || line.starts_with("## [Unreleased]"))
            {
                findings.errors.push("CHANGELOG.md: has no section `## Unreleased`".to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text =
            "See [a](a.md) and [b](b.md#x), not `[c](c.md)`.\n```\n[d](d.md)\n```\n[![e](e.svg)](f.md)\n";
        let found: Vec<_> = targets(text).into_iter().map(|(_, target)| target).collect();
        assert_eq!(found, ["a.md", "b.md#x", "e.svg", "f.md"]);
    }

    #[test]
    fn a_decision_answers_four_questions() {
        let mut findings = Findings::default();
        let text = "# One\n\n## Context\n\n## Choice\n\n## Consequences\n".to_owned();
        decision(&File { path: "docs/decisions/0001-one.md".to_owned(), text }, &mut findings);
        assert_eq!(
            findings.errors,
            ["docs/decisions/0001-one.md: has no heading `## What would prove it wrong`"]
        );
    }
}
