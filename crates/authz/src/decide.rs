//! The decision: does anything that the subject has grant an action that covers the one asked for, on a target that covers
//! the one asked about?
//!
//! Two short lists meet: what the subject has (its roles and policies, through its groups), and who grants the action here
//! (a few look-ups by the prefixes of the scope and of the action). The shorter one is looked up in the longer, so that
//! the time depends on neither the size of the tenant nor on how popular a resource is.

use std::ops::ControlFlow;

use smallvec::SmallVec;

use crate::action::Action;
use crate::graph::node::{Node, of_kind};
use crate::graph::{Graph, Kind, Subject, Target};
use crate::question::{Decision, Limits, Question, Reason};

/// Decides one question.
pub fn decide(graph: &Graph, question: &Question<'_>, limits: &Limits) -> Decision {
    Standing::of(graph, question.subject, limits).decide(question.action, question.target)
}

/// As many as mostly are there need no memory of their own.
pub(crate) type Nodes = SmallVec<[Node; 12]>;

/// What a subject has: good for any number of questions about it, as long as the graph is not changed.
#[derive(Clone, Debug)]
pub struct Standing<'g> {
    pub(crate) graph: &'g Graph,
    /// Why the subject may do nothing at all.
    barred: Option<Reason>,
    /// The subject, then its groups.
    pub(crate) holders: Nodes,
    roles: Nodes,
    policies: Nodes,
    pub(crate) truncated: bool,
}

/// One way in which something is granted: by a policy, a role, or a permission that a role has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// What the subject or one of its groups has: a role or a policy.
    pub(crate) held: Node,
    /// What says so: a permission of that role, or what is held itself.
    pub(crate) owner: Node,
    /// The action as it is granted.
    pub(crate) action: Node,
    /// What it is granted on.
    pub(crate) target: Node,
}

impl<'g> Standing<'g> {
    /// What this subject has.
    pub fn of(graph: &'g Graph, subject: Subject<'_>, limits: &Limits) -> Self {
        let mut standing = Self {
            graph,
            barred: None,
            holders: Nodes::new(),
            roles: Nodes::new(),
            policies: Nodes::new(),
            truncated: false,
        };
        match graph.find(subject.kind.into(), subject.id).filter(|node| graph.is_known(*node)) {
            None => standing.barred = Some(Reason::UnknownSubject),
            Some(node) => {
                standing.barred = (!graph.is_active(node)).then_some(Reason::InactiveSubject);
                standing.walk(node, limits);
            }
        }
        standing
    }

    /// Collects the groups, breadth first, and what they have.
    fn walk(&mut self, subject: Node, limits: &Limits) {
        let mut seen = Seen::default();
        self.holders.push(subject);
        let mut next = 0;
        while let Some(holder) = self.holders.get(next).copied() {
            next += 1;
            let up = self.graph.up(holder);
            for group in of_kind(up, Kind::Group).iter().copied().filter(|group| self.graph.is_known(*group))
            {
                if !seen.is_new(group, &self.holders) {
                    continue;
                }
                if self.holders.len() > limits.groups {
                    self.truncated = true;
                    break;
                }
                self.holders.push(group);
            }
            self.roles
                .extend(of_kind(up, Kind::Role).iter().copied().filter(|role| self.graph.is_known(*role)));
            self.policies.extend_from_slice(of_kind(up, Kind::Policy));
        }
        for held in [&mut self.roles, &mut self.policies] {
            held.sort_unstable();
            held.dedup();
        }
    }

    /// Why the subject may do nothing at all, if that is so.
    pub fn barred(&self) -> Option<Reason> {
        self.barred
    }

    /// The roles and policies that count: none of a subject that may do nothing at all.
    pub(crate) fn held(&self) -> impl Iterator<Item = Node> {
        let counts = self.barred.is_none();
        self.roles.iter().chain(&self.policies).copied().filter(move |_| counts)
    }

    /// Decides one question about the subject.
    pub fn decide(&self, action: &Action, target: &Target) -> Decision {
        self.decide_on(&Asked::action(self.graph, action), &covering_targets(self.graph, target))
    }

    pub(crate) fn decide_on(&self, asked: &Asked, targets: &[Node]) -> Decision {
        let denied = |reason| Decision { allowed: false, reason };
        if let Some(reason) = self.barred {
            return denied(reason);
        }
        if asked.inactive {
            return denied(Reason::InactiveAction);
        }
        match self.grants(Some(&asked.covering), targets, |_| ControlFlow::Break(())) {
            ControlFlow::Break(()) => Decision { allowed: true, reason: Reason::Granted },
            ControlFlow::Continue(()) if self.truncated => denied(Reason::TooManyGroups),
            ControlFlow::Continue(()) => denied(Reason::NotGranted),
        }
    }

    /// Visits every grant of one of these actions, or of any, that the subject has on one of these targets.
    pub(crate) fn grants<B>(
        &self,
        actions: Option<&[Node]>,
        targets: &[Node],
        mut visit: impl FnMut(Grant) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut marks = None;
        for target in targets.iter().copied() {
            let all = self.graph.grants(target);
            let mut each = |owners: &[(Node, Node)]| {
                self.meet(owners, &mut marks, &mut |held, owner| {
                    let action = owners.first().map_or(owner, |(action, _)| *action);
                    visit(Grant { held, owner, action, target })
                })
            };
            match actions {
                _ if all.is_empty() => {}
                Some(actions) => actions.iter().try_for_each(|action| each(of_action(all, *action)))?,
                None => all.chunk_by(|(one, _), (other, _)| one == other).try_for_each(each)?,
            }
        }
        ControlFlow::Continue(())
    }

    /// Where what the subject has meets the owners of grants of one action.
    fn meet<B>(
        &self,
        owners: &[(Node, Node)],
        marks: &mut Option<Marks>,
        visit: &mut impl FnMut(Node, Node) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let permissions = owners.partition_point(|(_, owner)| owner.kind_index() < Kind::Permission as usize);
        let (roles, owners) = owners.split_at(permissions);
        let policies = owners.partition_point(|(_, owner)| owner.kind_index() < Kind::Policy as usize);
        let (permissions, policies) = owners.split_at(policies);
        common(&self.roles, roles, |role| visit(role, role))?;
        common(&self.policies, policies, |policy| visit(policy, policy))?;
        if permissions.len() > MANY && marks.is_none() {
            *marks = Some(Marks::of(self.roles.iter().flat_map(|role| self.graph.up(*role))));
        }
        let had = |permission: Node| marks.as_ref().is_none_or(|marks| marks.may_have(permission));
        permissions.iter().filter(|(_, permission)| had(*permission)).try_for_each(|(_, permission)| {
            let roles = self.graph.down(*permission);
            let (few, many) =
                if roles.len() < self.roles.len() { (roles, &*self.roles) } else { (&*self.roles, roles) };
            let mut both = few.iter().filter(|role| many.binary_search(role).is_ok());
            both.try_for_each(|role| visit(*role, *permission))
        })
    }
}

/// More permissions than this are compared with the marks of those that the subject has.
const MANY: usize = 16;

/// Marks of a set of permissions, by which most of those that are not in it are told at once.
struct Marks([u64; 64]);

impl Marks {
    fn of<'a>(permissions: impl Iterator<Item = &'a Node>) -> Self {
        let mut marks = Self([0; 64]);
        for permission in permissions {
            let (word, bit) = Self::place(*permission);
            marks.0.get_mut(word).into_iter().for_each(|word| *word |= bit);
        }
        marks
    }

    fn may_have(&self, permission: Node) -> bool {
        let (word, bit) = Self::place(permission);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn place(permission: Node) -> (usize, u64) {
        (permission.number() as usize / 64 % 64, 1 << (permission.number() % 64))
    }
}

/// Visits what stands in both sorted lists; the shorter is looked up in the longer.
fn common<B>(
    nodes: &[Node],
    owners: &[(Node, Node)],
    mut visit: impl FnMut(Node) -> ControlFlow<B>,
) -> ControlFlow<B> {
    if nodes.len() < owners.len() {
        let owned = |node: &&Node| owners.binary_search_by_key(*node, |(_, owner)| *owner).is_ok();
        return nodes.iter().filter(owned).try_for_each(|node| visit(*node));
    }
    owners
        .iter()
        .filter(|(_, owner)| nodes.binary_search(owner).is_ok())
        .try_for_each(|(_, owner)| visit(*owner))
}

/// The grants of one action among those on a target.
fn of_action(all: &[(Node, Node)], action: Node) -> &[(Node, Node)] {
    let start = all.partition_point(|(had, _)| *had < action);
    let rest = all.get(start..).unwrap_or_default();
    let end = rest.partition_point(|(had, _)| *had == action);
    rest.get(..end).unwrap_or_default()
}

/// Whether a grant of this action counts: a record that is there and active, or a name that no inactive record has alone.
pub(crate) fn grants_anything(graph: &Graph, action: Node) -> bool {
    let verb = match action.kind() {
        Kind::Action => graph.is_active(action),
        _ => true,
    };
    let records = graph.down(action);
    verb && (records.is_empty() || records.iter().any(|record| graph.is_active(*record)))
}

/// The name of an action, whether it is granted by name or by its record.
pub(crate) fn called(graph: &Graph, action: Node) -> String {
    let verb = of_kind(graph.up(action), Kind::Verb).first().copied();
    graph.name(verb.unwrap_or(action))
}

/// An action as it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// What covers it and may be granted: names, and the records that have them.
    pub(crate) covering: Nodes,
    /// Whether it is recorded, and every record of it says that it is not active.
    pub(crate) inactive: bool,
}

impl Asked {
    pub(crate) fn action(graph: &Graph, action: &Action) -> Self {
        let mut asked = Self::default();
        let mut first = true;
        action.covering(|name| {
            let own = std::mem::take(&mut first);
            let Some(verb) = graph.find(Kind::Verb, name) else { return };
            let records = graph.down(verb);
            let mut active = records.iter().copied().filter(|record| graph.is_active(*record)).peekable();
            if active.peek().is_none() && !records.is_empty() {
                asked.inactive |= own;
                return;
            }
            if !asked.covering.contains(&verb) {
                asked.covering.push(verb);
                asked.covering.extend(active);
            }
        });
        asked
    }
}

/// The target and what covers it, nearest first: scopes, and the resources that lie there.
pub(crate) fn covering_targets(graph: &Graph, target: &Target) -> Nodes {
    let scope = |node: Node| of_kind(graph.up(node), Kind::Scope).first().copied();
    let mut next = match target {
        Target::Scope(asked) => asked.ancestors().find_map(|text| graph.find(Kind::Scope, text)),
        Target::Resource(id) => graph.find(Kind::Resource, id).and_then(scope),
    };
    let mut covering = Nodes::new();
    while let Some(node) = next {
        covering.push(node);
        covering.extend_from_slice(graph.down(node));
        next = scope(node);
    }
    covering
}

/// Which groups have been walked. A few are found in the list itself, many by their bits.
#[derive(Default)]
struct Seen {
    bits: Vec<u64>,
}

impl Seen {
    const FEW: usize = 32;

    fn is_new(&mut self, group: Node, seen: &[Node]) -> bool {
        if seen.len() < Self::FEW {
            return !seen.contains(&group);
        }
        if self.bits.is_empty() {
            seen.iter().filter(|node| node.kind() == Kind::Group).for_each(|node| _ = self.set(*node));
        }
        self.set(group)
    }

    fn set(&mut self, group: Node) -> bool {
        let (word, bit) = (group.number() as usize / 64, 1 << (group.number() % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.bits.get_mut(word).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }
}
