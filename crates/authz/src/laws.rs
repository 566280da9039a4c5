//! Laws that hold of every graph and every sequence of changes.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::decide::decide;
use crate::graph::Graph;
use crate::naive::{LIMITS, World, actions, change, subjects, targets};
use crate::question::Question;

fn graph(changes: &[crate::graph::Change<'_>]) -> Graph {
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
    #![proptest_config(ProptestConfig::with_cases(200))]

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

    /// Nothing is left of what was taken away.
    #[test]
    fn a_graph_that_is_emptied_is_empty(changes in vec(change(), 0..200)) {
        use crate::graph::Change;
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
        prop_assert_eq!(changed.facts(), std::collections::BTreeSet::new());
    }
}
