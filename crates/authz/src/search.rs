//! Who may, on what, and what: the subjects, resources and actions for which the decision is yes.
//!
//! Ids come in their order as text, page by page. What was found is decided once more before it is given out, so that an answer
//! and a decision cannot differ. A page ends early rather than examine more than its limit.

use std::collections::{BTreeSet, BinaryHeap};

use crate::action::Action;
use crate::decide::{Asked, Standing, covering_targets};
use crate::graph::node::{Node, of_kind};
use crate::graph::{Graph, Kind, Subject, SubjectKind, Target};
use crate::question::Limits;
use crate::scope;

/// Which part of a result is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The position that the page before this one ended with.
    pub after: Option<&'a str>,
    /// Most results.
    pub limit: usize,
}

/// A page of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The ids, or names of actions, in order.
    pub ids: Vec<String>,
    /// Where the next page begins, if there may be one. It names an id: whoever hands it out must keep it from being forged
    /// where ids are secret.
    pub next: Option<String>,
}

/// The active subjects of one kind who may do this action on this target.
pub fn subjects(
    graph: &Graph,
    kind: SubjectKind,
    action: &Action,
    target: &Target,
    page: Page<'_>,
    limits: &Limits,
) -> Found {
    let asked = Asked::action(graph, action);
    let targets = covering_targets(graph, target);
    let decides =
        |id: &str| Standing::of(graph, Subject { kind, id }, limits).decide_on(&asked, &targets).allowed;
    match granted(graph, &asked, &targets, limits.examined) {
        // Those who are in what grants it, which most often are few among many.
        Some(nodes) => {
            let candidates = nodes.into_iter().filter(|node| node.kind() == kind.into());
            scan(candidates.map(|node| graph.name(node)), page, limits, decides)
        }
        None => scan(graph.nodes(kind.into()).map(|node| graph.name(node)), page, limits, decides),
    }
}

/// The resources of one type on which a subject may do an action: those that are recorded, and scopes `/{type}/{id}` that something
/// is granted on. Of the type `scope`, all scopes that something is granted on, and those that they lie in.
pub fn resources(
    standing: &Standing<'_>,
    action: &Action,
    kind: &str,
    page: Page<'_>,
    limits: &Limits,
    scopes: &scope::Limits,
) -> Found {
    let graph = standing.graph;
    let asked = Asked::action(graph, action);
    let decides = |id: &str| {
        let target = graph.target(kind, id, scopes);
        target.is_ok_and(|target| standing.decide_on(&asked, &covering_targets(graph, &target)).allowed)
    };
    let typed = graph.find(Kind::Type, kind).map(|node| of_kind(graph.down(node), Kind::Resource));
    let recorded = typed.unwrap_or_default();
    // A recorded resource is found by its id, not by its scope a second time.
    let places: BTreeSet<Node> = recorded.iter().flat_map(|node| graph.up(*node)).copied().collect();
    let bare = graph.nodes(Kind::Scope).filter(|scope| !places.contains(scope)).filter_map(|scope| {
        let text = graph.name(scope);
        match kind == Kind::Scope.as_str() {
            true => Some(text),
            false => scope::resource_of(&text, kind),
        }
    });
    scan(recorded.iter().map(|node| graph.name(*node)).chain(bare), page, limits, decides)
}

/// The actions that a subject may do on a target, of those that are recorded or that something grants.
pub fn actions(standing: &Standing<'_>, target: &Target, page: Page<'_>, limits: &Limits) -> Found {
    let graph = standing.graph;
    let targets = covering_targets(graph, target);
    let decides = |name: &str| {
        // What stands in the graph was read once; its length is no question any more.
        let action = Action::parse(name, usize::MAX);
        action.is_ok_and(|action| standing.decide_on(&Asked::action(graph, &action), &targets).allowed)
    };
    scan(graph.nodes(Kind::Verb).map(|node| graph.name(node)), page, limits, decides)
}

/// Everybody who is reached downwards from what grants an action; none when that is more than can be examined.
fn granted(graph: &Graph, asked: &Asked, targets: &[Node], examined: usize) -> Option<BTreeSet<Node>> {
    let mut reached = BTreeSet::new();
    let mut edge = Vec::new();
    for (action, owner) in targets.iter().flat_map(|target| graph.grants(*target)) {
        if asked.covering.contains(action) && reached.insert(*owner) {
            edge.push(*owner);
        }
    }
    while let Some(node) = edge.pop() {
        if reached.len() > examined {
            return None;
        }
        // Down from a permission to its roles, from a role or group to its members, from a policy to its subject.
        edge.extend(graph.down(node).iter().filter(|down| reached.insert(**down)));
    }
    Some(reached)
}

/// Decides candidates in order, from the page's position on, until the page is full or enough are examined.
fn scan(
    candidates: impl Iterator<Item = String>,
    page: Page<'_>,
    limits: &Limits,
    mut decides: impl FnMut(&str) -> bool,
) -> Found {
    let mut found = Found::default();
    if page.limit == 0 {
        // Nothing was asked for; whether there is something is not known.
        found.next = Some(page.after.unwrap_or_default().to_owned());
        return found;
    }
    // One more than can be examined says that there is another page.
    let mut least = BinaryHeap::new();
    for id in candidates.filter(|id| page.after.is_none_or(|after| id.as_str() > after)) {
        if least.len() <= limits.examined.max(1) {
            least.push(id);
        } else if let Some(mut greatest) = least.peek_mut().filter(|greatest| **greatest > id) {
            *greatest = id;
        }
    }
    let mut least = least.into_sorted_vec();
    least.dedup();
    let count = least.len();
    for (examined, id) in (1..).zip(least) {
        if decides(&id) {
            found.ids.push(id.clone());
        }
        if examined < count && (found.ids.len() == page.limit || examined == limits.examined.max(1)) {
            found.next = Some(id);
            break;
        }
    }
    found
}
