//! What a subject may do, as it was granted: every grant that counts, each with the nearest way to it.

use crate::decide::{Grant, Standing, called, grants_anything};
use crate::explain::{Path, Step};
use crate::graph::node::{Node, of_kind};
use crate::graph::{Graph, Kind};

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The nearest way from the subject to it, what is granted and on what.
    pub path: Path,
    /// Where it holds: the scope it is granted on, or that of the resource.
    pub scope: String,
}

/// A part of all grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Those of the part.
    pub part: Vec<Permission>,
    /// How many there are in all.
    pub total: usize,
    /// Whether a limit has left some out, or may have.
    pub more: bool,
}

/// The grants of a subject by action, scope and way: `take` of them after the first `skip`. No more than `most` are looked at in
/// all. A subject that is not active has none.
pub fn permissions(standing: &Standing<'_>, skip: usize, take: usize, most: usize) -> Permissions {
    let graph = standing.graph;
    let (mut grants, more) = grants(standing, most);
    let name = |node| graph.name(node);
    grants.sort_by_cached_key(|(grant, scope)| {
        let Grant { held, owner, action, target } = *grant;
        (called(graph, action), name(*scope), (held.kind(), name(held)), name(owner), target)
    });
    // An action may be granted by its name and by its record, which is one grant to whoever reads it.
    grants.dedup_by_key(|(grant, scope)| (called(graph, grant.action), *scope, grant.held, grant.owner));
    let shown = |(grant, scope): &(Grant, Node)| Permission {
        path: Path {
            steps: way(standing, *grant).into_iter().map(|node| Step::of(graph, node)).collect(),
            action: called(graph, grant.action),
            on: Step::of(graph, grant.target),
        },
        scope: name(*scope),
    };
    let part = grants.iter().skip(skip).take(take).map(shown).collect();
    Permissions { part, total: grants.len(), more }
}

/// Every grant that counts, with the scope it holds on; and whether there may be more.
fn grants(standing: &Standing<'_>, most: usize) -> (Vec<(Grant, Node)>, bool) {
    let graph = standing.graph;
    let mut grants = Vec::new();
    for held in standing.held() {
        let permissions = of_kind(graph.up(held), Kind::Permission).iter().copied();
        for owner in std::iter::once(held).chain(permissions) {
            for (target, action) in graph.gives(owner).iter().copied() {
                let Some(scope) = place(graph, target) else { continue };
                if !grants_anything(graph, action) {
                    continue;
                }
                if grants.len() == most {
                    return (grants, true);
                }
                grants.push((Grant { held, owner, action, target }, scope));
            }
        }
    }
    (grants, standing.truncated)
}

/// The scope that a target is or lies in. A resource that is not recorded lies nowhere, and nothing holds on it.
fn place(graph: &Graph, target: Node) -> Option<Node> {
    match target.kind() {
        Kind::Scope => Some(target),
        _ => of_kind(graph.up(target), Kind::Scope).first().copied(),
    }
}

/// The nearest way from the subject to a grant. Those who hold something stand in the order in which they are met, the nearest
/// first, so that the first that leads on is on that way.
fn way(standing: &Standing<'_>, grant: Grant) -> Vec<Node> {
    let mut way = vec![grant.owner];
    if grant.held != grant.owner {
        way.push(grant.held);
    }
    let mut before = standing.holders.as_slice();
    let mut next = grant.held;
    let leads = |holder: &Node, next: Node| standing.graph.up(*holder).binary_search(&next).is_ok();
    while let Some(at) = before.iter().position(|holder| leads(holder, next)) {
        let Some((holder, _)) = before.get(..=at).and_then(<[Node]>::split_last) else { break };
        way.push(*holder);
        (before, next) = (before.get(..at).unwrap_or_default(), *holder);
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::action::Action;
    use crate::graph::{ActionRef, Change, Statement, Subject, Target};
    use crate::naive::{LIMITS, SCOPE};
    use crate::scope::Scope;

    fn action(name: &str) -> Action {
        Action::parse(name, 64).unwrap()
    }

    fn scope(text: &str) -> Scope {
        Scope::parse(text, &SCOPE).unwrap()
    }

    /// Ada is in the staff, which is in everybody; the staff reads, everybody looks, Ada shares.
    fn graph() -> Graph {
        let mut graph = Graph::seeded(1);
        let mut apply = |change: Change<'_>| graph.apply(&change).unwrap();
        let named = |text| Subject::parse(text).unwrap();
        for subject in ["user-ada", "user-old", "client-robot", "group-staff", "group-everybody"] {
            apply(Change::Subject { subject: named(subject), active: subject != "user-old" });
        }
        for (group, member) in [
            ("staff", "user-ada"),
            ("staff", "user-old"),
            ("everybody", "group-staff"),
            ("everybody", "client-robot"),
        ] {
            apply(Change::Member { group, member: named(member) });
        }
        apply(Change::Resource { id: "plan", kind: "documents", scope: &scope("/documents/plan") });
        apply(Change::Action { id: "1", name: &action("documents.read"), active: true });
        apply(Change::Action { id: "2", name: &action("documents.burn"), active: false });
        let actions = ["1", "2"].map(|id| ActionRef::Id(id.to_owned())).to_vec();
        let on_plan = Statement::new(actions, Target::Resource("plan".to_owned())).unwrap();
        let nowhere = Statement::new(vec![ActionRef::Name(action("x"))], Target::Resource("gone".to_owned()));
        apply(Change::Permission { id: "reading", statements: &[on_plan, nowhere.unwrap()] });
        apply(Change::Role { id: "reader", permissions: &["reading".to_owned()], statements: &[] });
        for member in ["group-staff", "group-everybody"] {
            apply(Change::RoleMember { role: "reader", member: named(member) });
        }
        let mut grant = |id, subject, name, on| {
            let (subject, action, scope) = (named(subject), &action(name), &scope(on));
            apply(Change::Policy { id, subject, action, scope });
        };
        grant("p", "user-ada", "documents.share", "/documents/plan");
        grant("q", "group-everybody", "documents.look", "/");
        graph
    }

    #[track_caller]
    fn check(subject: &str, part: (usize, usize), most: usize, expected: Expect) {
        let graph = graph();
        let standing = Standing::of(&graph, Subject::parse(subject).unwrap(), &LIMITS);
        let found = permissions(&standing, part.0, part.1, most);
        let mut text = String::new();
        for Permission { path, scope } in found.part {
            let way: Vec<_> = path.steps.iter().map(|step| step.to_string()).collect();
            text += &format!("{} on {} at {scope}: {}\n", path.action, path.on, way.join(" > "));
        }
        expected.assert_eq(&format!("{text}{} in all, more: {}\n", found.total, found.more));
    }

    #[test]
    fn every_grant_that_counts_is_listed_with_the_nearest_way() {
        check(
            "user-ada",
            (0, 9),
            9,
            expect![[r#"
            documents.look on / at /: user ada > group staff > group everybody > policy q
            documents.read on resource plan at /documents/plan: user ada > group staff > role reader > permission reading
            documents.share on /documents/plan at /documents/plan: user ada > policy p
            3 in all, more: false
        "#]],
        );
        check(
            "client-robot",
            (0, 9),
            9,
            expect![[r#"
            documents.look on / at /: client robot > group everybody > policy q
            documents.read on resource plan at /documents/plan: client robot > group everybody > role reader > permission reading
            2 in all, more: false
        "#]],
        );
        check(
            "user-old",
            (0, 9),
            9,
            expect![[r#"
            0 in all, more: false
        "#]],
        );
        check(
            "user-nobody",
            (0, 9),
            9,
            expect![[r#"
            0 in all, more: false
        "#]],
        );
    }

    #[test]
    fn a_part_is_listed_and_what_is_left_out_is_said() {
        check(
            "user-ada",
            (1, 1),
            3,
            expect![[r#"
            documents.read on resource plan at /documents/plan: user ada > group staff > role reader > permission reading
            3 in all, more: false
        "#]],
        );
        check(
            "user-ada",
            (3, 9),
            3,
            expect![[r#"
            3 in all, more: false
        "#]],
        );
        check(
            "user-ada",
            (0, 9),
            2,
            expect![[r#"
            documents.read on resource plan at /documents/plan: user ada > group staff > role reader > permission reading
            documents.share on /documents/plan at /documents/plan: user ada > policy p
            2 in all, more: true
        "#]],
        );
    }
}
