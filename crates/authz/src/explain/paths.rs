//! The paths from a subject to what grants something, shortest first.
//!
//! Groups may nest in diamonds, so that there may be more paths than anybody can read, and in cycles. The search goes only where a
//! grant can be reached, takes the shortest way first, and stops at its limits.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::ControlFlow;

use super::{Path, Step};
use crate::decide::{Grant, Standing, called, grants_anything};
use crate::graph::node::{Node, of_kind};
use crate::graph::{Graph, Kind};
use crate::question::Limits;

/// What a role or policy of the subject grants here.
type Tails = BTreeMap<Node, Vec<Grant>>;

/// A way that has been taken so far, by its length when it is gone to the nearest end, then by when it was found. Ways are found in
/// the order of ids.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    length: usize,
    found: usize,
    nodes: Vec<Node>,
    /// Action and target of the grant at its end, once it has one.
    grant: Option<(Node, Node)>,
}

/// The ways that are open.
#[derive(Default)]
struct Ways {
    open: BinaryHeap<Reverse<Way>>,
    found: usize,
}

impl Ways {
    /// Goes on from a way to these nodes; the end is no nearer than `rest` steps.
    fn go(&mut self, from: &[Node], to: &[Node], rest: usize, grant: Option<(Node, Node)>) {
        self.found += 1;
        let nodes = [from, to].concat();
        self.open.push(Reverse(Way { length: nodes.len() + rest, found: self.found, nodes, grant }));
    }
}

/// The shortest paths to a grant of one of these actions, or of any, on one of these targets; and whether there are more.
pub(super) fn shortest(
    standing: &Standing<'_>,
    actions: Option<&[Node]>,
    targets: &[Node],
    limits: &Limits,
) -> (Vec<Path>, bool) {
    let graph = standing.graph;
    let (tails, mut more) = tails(standing, actions, targets, limits);
    let reach = reach(standing, &tails);
    let mut ways = Ways::default();
    let start = standing.holders.first().and_then(|subject| Some((*subject, *reach.get(subject)?)));
    start.into_iter().for_each(|(subject, rest)| ways.go(&[], &[subject], rest, None));
    let mut paths = Vec::new();
    while let Some(Reverse(way)) = ways.open.pop() {
        let full = way.grant.is_some() && paths.len() == limits.paths;
        if full || ways.found > limits.steps {
            more = true;
            break;
        }
        if let Some((action, target)) = way.grant {
            let steps = way.nodes.iter().map(|node| Step::of(graph, *node)).collect();
            paths.push(Path { steps, action: called(graph, action), on: Step::of(graph, target) });
            continue;
        }
        let up = way.nodes.last().map(|holder| graph.up(*holder)).unwrap_or_default();
        for node in by_name(graph, up) {
            match reach.get(&node) {
                Some(rest) if !way.nodes.contains(&node) => ways.go(&way.nodes, &[node], *rest, None),
                _ => {}
            }
            for grant in tails.get(&node).into_iter().flatten() {
                let to = if grant.owner == node { &[node][..] } else { &[node, grant.owner][..] };
                ways.go(&way.nodes, to, 0, Some((grant.action, grant.target)));
            }
        }
    }
    (paths, more)
}

/// Every grant, by what the subject holds it through, in the order of names.
fn tails(
    standing: &Standing<'_>,
    actions: Option<&[Node]>,
    targets: &[Node],
    limits: &Limits,
) -> (Tails, bool) {
    let mut tails = Tails::new();
    let mut count = 0;
    let cut = standing.grants(actions, targets, |grant| {
        count += 1;
        if count > limits.steps {
            return ControlFlow::Break(());
        }
        tails.entry(grant.held).or_default().push(grant);
        ControlFlow::Continue(())
    });
    let name = |node| standing.graph.name(node);
    for grants in tails.values_mut() {
        grants.retain(|grant| grants_anything(standing.graph, grant.action));
        grants.sort_by_cached_key(|grant| {
            (name(grant.owner), called(standing.graph, grant.action), name(grant.target), grant.target)
        });
        // An action may be granted here by its name and by its record, which is one grant to whoever reads it.
        grants.dedup_by_key(|grant| (grant.owner, called(standing.graph, grant.action), grant.target));
    }
    (tails, cut.is_break())
}

/// Of every group, and of the subject, from which a grant can be reached: in how many steps at least.
fn reach(standing: &Standing<'_>, tails: &Tails) -> BTreeMap<Node, usize> {
    let graph = standing.graph;
    let holders: BTreeMap<Node, bool> = standing
        .holders
        .iter()
        .map(|holder| (*holder, graph.up(*holder).iter().any(|node| tails.contains_key(node))))
        .collect();
    let mut reach = BTreeMap::new();
    let mut edge: Vec<Node> = holders.iter().filter(|(_, ends)| **ends).map(|(holder, _)| *holder).collect();
    let mut rest = 1;
    while !edge.is_empty() {
        edge.retain(|node| reach.insert(*node, rest).is_none());
        let below = edge.iter().flat_map(|node| {
            let groups = of_kind(graph.down(*node), Kind::Group).iter().copied();
            let subject = standing.holders.first().copied();
            groups.chain(subject.filter(|subject| graph.up(*subject).binary_search(node).is_ok()))
        });
        let new = |node: &Node| holders.contains_key(node) && !reach.contains_key(node);
        edge = BTreeSet::from_iter(below.filter(new)).into_iter().collect();
        rest += 1;
    }
    reach
}

fn by_name(graph: &Graph, nodes: &[Node]) -> Vec<Node> {
    let mut nodes = nodes.to_vec();
    nodes.sort_by_cached_key(|node| (node.kind(), graph.name(*node)));
    nodes
}
