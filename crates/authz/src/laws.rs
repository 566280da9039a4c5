//! Laws that hold of every graph and every sequence of changes.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::action::Action;
use crate::decide::{Standing, decide};
use crate::explain::{Step, explain};
use crate::graph::{Change, Graph, Kind, Subject, SubjectKind, Target};
use crate::naive::{CLIENTS, LIMITS, SCOPE, TYPES, USERS, World, actions, change, subjects, targets};
use crate::permissions::permissions;
use crate::question::{Limits, Question};
use crate::scope::Scope;
use crate::search::{self, Found, Page};

fn graph(changes: &[Change<'_>]) -> Graph {
    let mut graph = Graph::seeded(7);
    changes.iter().for_each(|change| graph.apply(change).unwrap());
    graph
}

fn questions(mut each: impl FnMut(Question<'_>)) {
    for subject in subjects() {
        for action in &actions() {
            targets().iter().for_each(|target| each(Question { subject, action, target }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_engine_decides_as_the_letter_says(changes in vec(change(), 0..120)) {
        let mut world = World::default();
        changes.iter().for_each(|change| world.apply(change));
        let graph = graph(&changes);
        questions(|question| {
            let decision = decide(&graph, &question, &LIMITS);
            assert_eq!(decision.allowed, world.allows(&question), "{question:?} {:?}", decision.reason);
        });
    }

    /// What is listed as granted is what decides: all of it is allowed, and what it does not cover is not.
    #[test]
    fn permissions_are_what_decides(changes in vec(change(), 0..120)) {
        let graph = graph(&changes);
        for subject in subjects() {
            let standing = Standing::of(&graph, subject, &LIMITS);
            let all = permissions(&standing, 0, usize::MAX, usize::MAX).part;
            let granted: Vec<_> = all
                .iter()
                .map(|one| (Action::parse(&one.path.action, 64).unwrap(), Scope::parse(&one.scope, &SCOPE).unwrap()))
                .collect();
            for (action, scope) in &granted {
                prop_assert!(standing.decide(action, &Target::Scope(scope.clone())).allowed, "{subject} {action} {scope}");
            }
            for action in &actions() {
                for target in targets() {
                    let Target::Scope(scope) = &target else { continue };
                    let covers = |(a, s): &(Action, Scope)| {
                        a.covers(action) && scope.ancestors().any(|outer| outer == s.as_str())
                    };
                    let allowed = standing.decide(action, &target).allowed;
                    prop_assert!(!allowed || granted.iter().any(covers), "{subject} {action} {scope}");
                }
            }
        }
    }

    /// After any changes, in the order they came, the graph is what the records alone make it.
    #[test]
    fn a_changed_graph_equals_a_rebuilt_one(changes in vec(change(), 0..200)) {
        let mut world = World::default();
        let mut changed = Graph::seeded(7);
        for change in &changes {
            world.apply(change);
            changed.apply(change).unwrap();
        }
        prop_assert_eq!(changed.facts(), graph(&world.changes()).facts());
    }

    /// An explanation lists every path by the letter and no other, shortest first.
    #[test]
    fn explanations_are_complete_and_true(changes in vec(change(), 0..120), salt in 0usize..7) {
        let mut world = World::default();
        changes.iter().for_each(|change| world.apply(change));
        let graph = graph(&changes);
        let mut count = salt;
        questions(|question| {
            count += 1;
            if count % 7 > 0 {
                return;
            }
            let explained = explain(&graph, &question, &LIMITS);
            assert_eq!(explained.decision, decide(&graph, &question, &LIMITS));
            let lengths: Vec<_> = explained.paths.iter().map(|path| path.steps.len()).collect();
            assert!(lengths.is_sorted() && !explained.more, "{question:?} {explained:?}");
            let by_the_letter = match explained.decision.allowed {
                true => world.paths(question.subject, |action| action.covers(question.action), question.target),
                false => world.paths(question.subject, |_| true, question.target),
            };
            let known = world.subjects.contains_key(&question.subject);
            let by_the_letter = if known { by_the_letter } else { BTreeSet::new() };
            let said = |step: &Step| format!("{} {}", step.kind.as_str(), step.id);
            let paths = explained.paths.iter().map(|path| {
                let steps = path.steps.iter().map(said);
                steps.chain([format!("action {}", path.action), said(&path.on)]).collect::<Vec<_>>()
            });
            let paths: Vec<_> = paths.collect();
            assert_eq!(paths.len(), by_the_letter.len(), "{question:?} {paths:?} {by_the_letter:?}");
            assert_eq!(BTreeSet::from_iter(paths), by_the_letter, "{question:?}");
        });
    }

    /// A limit of paths cuts the longest off and says so.
    #[test]
    fn a_limited_explanation_begins_like_the_whole(changes in vec(change(), 60..120), paths in 0usize..4) {
        let graph = graph(&changes);
        questions(|question| {
            let whole = explain(&graph, &question, &LIMITS);
            let limited = explain(&graph, &question, &Limits { paths, ..LIMITS });
            let expected: Vec<_> = whole.paths.iter().take(paths).cloned().collect();
            assert_eq!(limited.paths, expected);
            assert_eq!(limited.more, whole.paths.len() > paths);
        });
    }

    /// Searches find exactly what decisions allow, whatever the size of a page and of what one page examines.
    #[test]
    fn searches_find_what_decisions_allow(
        changes in vec(change(), 0..120), limit in 1usize..4, examined in 1usize..6,
    ) {
        let mut world = World::default();
        changes.iter().for_each(|change| world.apply(change));
        let graph = graph(&changes);
        let limits = Limits { examined, ..LIMITS };
        let all = |search: &dyn Fn(Page<'_>) -> Found| {
            let (mut ids, mut after) = (Vec::new(), None::<String>);
            loop {
                let found = search(Page { after: after.as_deref(), limit });
                assert!(found.ids.len() <= limit);
                ids.extend(found.ids);
                after = found.next;
                if after.is_none() {
                    return ids;
                }
            }
        };
        let allowed = |subject: Subject<'_>, action: &Action, target: &Target| {
            decide(&graph, &Question { subject, action, target }, &LIMITS).allowed
        };
        let (actions, targets) = (actions(), targets());
        for action in actions.iter().take(4) {
            for target in &targets {
                for (kind, ids) in [(SubjectKind::User, &USERS[..]), (SubjectKind::Client, &CLIENTS[..])] {
                    let mut ids = ids.to_vec();
                    ids.sort_unstable();
                    ids.retain(|id| allowed(Subject { kind, id }, action, target));
                    let found = all(&|page| search::subjects(&graph, kind, action, target, page, &limits));
                    prop_assert_eq!(found, ids, "{} {:?}", action, target);
                }
            }
        }
        for subject in subjects() {
            let standing = Standing::of(&graph, subject, &LIMITS);
            for target in &targets {
                let mut may: Vec<_> = graph.nodes(Kind::Verb).map(|node| graph.name(node)).collect();
                may.retain(|name| allowed(subject, &Action::parse(name, 64).unwrap(), target));
                may.sort_unstable();
                prop_assert_eq!(all(&|page| search::actions(&standing, target, page, &limits)), may);
            }
            for (kind, action) in [TYPES[0], TYPES[1], "scope"].iter().zip(&actions) {
                let found = all(&|page| search::resources(&standing, action, kind, page, &limits, &SCOPE));
                prop_assert!(found.is_sorted());
                for id in &found {
                    prop_assert!(allowed(subject, action, &graph.target(kind, id, &SCOPE).unwrap()));
                }
                for (id, (typed, _)) in &world.resources {
                    let target = Target::Resource((*id).to_owned());
                    let expected = typed == kind && allowed(subject, action, &target);
                    prop_assert!(!expected || found.iter().any(|found| found == *id), "{} {:?}", id, found);
                }
            }
        }
    }

    /// Nothing is left of what was taken away.
    #[test]
    fn a_graph_that_is_emptied_is_empty(changes in vec(change(), 0..200)) {
        let mut changed = graph(&changes);
        let mut world = World::default();
        changes.iter().for_each(|change| world.apply(change));
        for change in world.changes() {
            changed.apply(&match change {
                Change::Subject { subject, .. } => Change::SubjectRemoved(subject),
                Change::Member { group, member } => Change::MemberRemoved { group, member },
                Change::RoleMember { role, member } => Change::RoleMemberRemoved { role, member },
                Change::Role { id, .. } => Change::RoleRemoved(id),
                Change::Permission { id, .. } => Change::PermissionRemoved(id),
                Change::Policy { id, .. } => Change::PolicyRemoved(id),
                Change::Action { id, .. } => Change::ActionRemoved(id),
                Change::Resource { id, .. } => Change::ResourceRemoved(id),
                removed => removed,
            }).unwrap();
        }
        prop_assert_eq!(changed.facts(), BTreeSet::new());
    }
}
