//! The graph of one tenant: who is in which group and role, and what is granted on which resource, as numbers.
//!
//! It follows the records by small changes and is, after each of them, what it would be if it were built anew. It knows ids
//! and nothing else of a record: no names of people, no descriptions, no store.

mod change;
mod key;
mod links;
pub(crate) mod node;
mod table;

pub use change::{ActionRef, Change, Statement, Subject, SubjectKind, Target};
pub use node::Kind;

use std::fmt;

use links::Links;
use node::{Node, of_kind};
use table::{ACTIVE, KNOWN, More, Pairs, Row, Table, add, take};

use crate::error::Error;
use crate::scope::{self, Scope};

/// The access graph of one tenant.
#[derive(Clone, Debug)]
pub struct Graph {
    tables: [Table; Kind::ALL.len()],
    /// Memory of lists that do not stand in a table, in bytes.
    spilled: usize,
}

/// The graph has as many nodes of a kind as numbers reach: 2^28. What was being applied is applied in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the access graph is full")
    }
}

impl std::error::Error for Full {}

impl Graph {
    /// A graph of nothing. The seed is entropy that keeps a client from choosing ids that are slow to find.
    pub fn seeded(seed: u64) -> Self {
        Self { tables: std::array::from_fn(|_| Table::seeded(seed)), spilled: 0 }
    }

    /// Memory that the graph takes, in bytes, good to a few per cent. Costs nothing to ask.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.spilled + self.tables.iter().map(Table::bytes).sum::<usize>()
    }

    /// Follows one change.
    ///
    /// # Errors
    /// [`Full`], after which the graph is to be thrown away.
    pub fn apply(&mut self, change: &Change<'_>) -> Result<(), Full> {
        match *change {
            Change::Subject { subject, active } => {
                let node = self.subject_node(subject)?;
                self.flag(node, if active { KNOWN | ACTIVE } else { KNOWN });
            }
            Change::SubjectRemoved(subject) => self.remove(subject.kind.into(), subject.id),
            Change::Member { group, member } => {
                let (member, group) = (self.subject_node(member)?, self.node(Kind::Group, group)?);
                self.link(member, group);
            }
            Change::RoleMember { role, member } => {
                let (member, role) = (self.subject_node(member)?, self.node(Kind::Role, role)?);
                self.link(member, role);
            }
            Change::MemberRemoved { group, member } => self.leave(member, Kind::Group, group),
            Change::RoleMemberRemoved { role, member } => self.leave(member, Kind::Role, role),
            Change::Role { id, permissions, statements } => {
                let role = self.node(Kind::Role, id)?;
                self.flag(role, KNOWN);
                let mut wanted = Vec::with_capacity(permissions.len());
                for permission in permissions {
                    wanted.push(self.node(Kind::Permission, permission)?);
                }
                self.relink(role, wanted);
                self.give(role, statements)?;
            }
            Change::Permission { id, statements } => {
                let permission = self.node(Kind::Permission, id)?;
                self.flag(permission, KNOWN);
                self.give(permission, statements)?;
            }
            Change::Policy { id, subject, action, scope } => {
                let policy = self.node(Kind::Policy, id)?;
                self.flag(policy, KNOWN);
                let holder = self.subject_node(subject)?;
                self.link(holder, policy);
                for other in self.down(policy).to_vec().into_iter().filter(|other| *other != holder) {
                    self.unlink(other, policy);
                }
                let gives =
                    vec![(self.node(Kind::Scope, scope.as_str())?, self.node(Kind::Verb, action.as_str())?)];
                self.regive(policy, gives);
            }
            Change::Action { id, name, active } => {
                let action = self.node(Kind::Action, id)?;
                self.flag(action, if active { KNOWN | ACTIVE } else { KNOWN });
                let verb = self.node(Kind::Verb, name.as_str())?;
                self.relink(action, vec![verb]);
            }
            Change::Resource { id, kind, scope } => {
                let resource = self.node(Kind::Resource, id)?;
                self.flag(resource, KNOWN);
                let place = vec![self.node(Kind::Type, kind)?, self.node(Kind::Scope, scope.as_str())?];
                self.relink(resource, place);
            }
            Change::RoleRemoved(id) => self.remove(Kind::Role, id),
            Change::PermissionRemoved(id) => self.remove(Kind::Permission, id),
            Change::PolicyRemoved(id) => self.remove(Kind::Policy, id),
            Change::ActionRemoved(id) => self.remove(Kind::Action, id),
            Change::ResourceRemoved(id) => self.remove(Kind::Resource, id),
        }
        Ok(())
    }

    /// What a question about the resource with this type and id is about: the recorded resource, or else a scope. The type `scope`
    /// takes the id as the scope itself.
    ///
    /// # Errors
    /// When it is no recorded resource and makes no scope.
    pub fn target(&self, kind: &str, id: &str, limits: &scope::Limits) -> Result<Target, Error> {
        let typed = |node: &Node| {
            self.is(*node, KNOWN)
                && of_kind(self.up(*node), Kind::Type).iter().any(|had| self.named(*had, kind))
        };
        match self.find(Kind::Resource, id).filter(typed) {
            Some(_) => Ok(Target::Resource(id.to_owned())),
            None if kind == Kind::Scope.as_str() => Scope::parse(id, limits).map(Target::Scope),
            None => Scope::of(kind, id, limits).map(Target::Scope),
        }
    }

    /// Whether this subject is recorded.
    pub fn has_subject(&self, subject: Subject<'_>) -> bool {
        self.find(subject.kind.into(), subject.id).is_some_and(|node| self.is(node, KNOWN))
    }

    /// The direct members of a group or role, in no order of theirs.
    pub fn members(&self, kind: Kind, id: &str) -> Vec<(SubjectKind, String)> {
        let down = self.find(kind, id).map(|node| self.down(node)).unwrap_or_default();
        let subject = |node: &Node| {
            let kind = SubjectKind::ALL.into_iter().find(|kind| Kind::from(*kind) == node.kind())?;
            Some((kind, self.name(*node)))
        };
        down.iter().filter_map(subject).collect()
    }

    fn subject_node(&mut self, subject: Subject<'_>) -> Result<Node, Full> {
        self.node(subject.kind.into(), subject.id)
    }

    /// The node of this name, made when there is none, within the scope it lies in if it is one.
    fn node(&mut self, kind: Kind, name: &str) -> Result<Node, Full> {
        if let Some(node) = self.find(kind, name) {
            return Ok(node);
        }
        let number = self.tables.get_mut(kind as usize).map(|table| table.add(name)).ok_or(Full)?;
        if number >= Node::NUMBERS {
            return Err(Full);
        }
        let node = Node::new(kind, number);
        if kind == Kind::Scope
            && let Some(outer) = scope::ancestors(name).nth(1)
        {
            let outer = self.node(kind, outer)?;
            self.edit_up(node, |up| _ = up.insert(outer));
            self.count(outer, 1);
        }
        Ok(node)
    }

    fn flag(&mut self, node: Node, flags: u8) {
        let row = self.table_mut(node).and_then(|table| table.row_mut(node.number()));
        row.into_iter().for_each(|row| row.flags = flags);
    }

    /// A record is gone: what it said itself goes with it, what others say of it stays.
    fn remove(&mut self, kind: Kind, id: &str) {
        let Some(node) = self.find(kind, id) else { return };
        self.flag(node, 0);
        // A policy is a record of its own; its holder does not take it along.
        for up in self.up(node).to_vec().into_iter().filter(|up| up.kind() != Kind::Policy) {
            self.unlink(node, up);
        }
        if matches!(kind, Kind::Group | Kind::Role | Kind::Policy) {
            self.down(node).to_vec().into_iter().for_each(|down| self.unlink(down, node));
        }
        if matches!(kind, Kind::Role | Kind::Permission | Kind::Policy) {
            self.regive(node, Vec::new());
        }
        self.settle(node);
    }

    fn leave(&mut self, member: Subject<'_>, kind: Kind, id: &str) {
        if let (Some(member), Some(node)) = (self.find(member.kind.into(), member.id), self.find(kind, id)) {
            self.unlink(member, node);
        }
    }

    fn link(&mut self, lower: Node, upper: Node) {
        self.edit_up(lower, |up| _ = up.insert(upper));
        self.edit_down(upper, |down| _ = down.insert(lower));
    }

    fn unlink(&mut self, lower: Node, upper: Node) {
        self.edit_up(lower, |up| _ = up.remove(upper));
        self.edit_down(upper, |down| _ = down.remove(lower));
        self.settle(lower);
        self.settle(upper);
    }

    /// Links a record that is there with these and no others.
    fn relink(&mut self, lower: Node, mut wanted: Vec<Node>) {
        wanted.sort_unstable();
        wanted.iter().for_each(|upper| self.link(lower, *upper));
        for upper in self.up(lower).to_vec().into_iter().filter(|upper| wanted.binary_search(upper).is_err())
        {
            self.unlink(lower, upper);
        }
    }

    fn give(&mut self, owner: Node, statements: &[Statement]) -> Result<(), Full> {
        let mut gives = Pairs::new();
        for statement in statements {
            let target = match statement.target() {
                Target::Resource(id) => self.node(Kind::Resource, id)?,
                Target::Scope(scope) => self.node(Kind::Scope, scope.as_str())?,
            };
            for action in statement.actions() {
                gives.push(match action {
                    ActionRef::Id(id) => (target, self.node(Kind::Action, id)?),
                    ActionRef::Name(name) => (target, self.node(Kind::Verb, name.as_str())?),
                });
            }
        }
        gives.sort_unstable();
        gives.dedup();
        gives.shrink_to_fit();
        self.regive(owner, gives);
        Ok(())
    }

    /// Gives these (target, action) and no others.
    fn regive(&mut self, owner: Node, gives: Pairs) {
        for (target, action) in &gives {
            self.edit_pairs(*target, |grants| add(grants, (*action, owner)));
            self.count(*action, 1);
        }
        let given = gives.clone();
        let mut had = gives;
        let place = &mut had;
        self.edit_pairs(owner, |gives| std::mem::swap(gives, place));
        for (target, action) in had {
            self.count(action, -1);
            if given.binary_search(&(target, action)).is_err() {
                self.edit_pairs(target, |grants| take(grants, (action, owner)));
            }
            self.settle(action);
            self.settle(target);
        }
    }

    fn count(&mut self, node: Node, by: i32) {
        let more = self.table_mut(node).and_then(|table| table.more_mut(node.number()));
        more.into_iter().for_each(|more| more.uses = more.uses.saturating_add_signed(by));
    }

    /// Forgets a node that nothing says anything about, and with a scope those that it alone lay in.
    fn settle(&mut self, node: Node) {
        let Some(table) = self.table_mut(node).filter(|table| table.is_idle(node.number())) else { return };
        let up = table.row(node.number()).map(|row| row.up.as_slice().to_vec()).unwrap_or_default();
        match (node.kind(), up.first()) {
            (_, None) => table.release(node.number()),
            (Kind::Scope, Some(outer)) => {
                table.release(node.number());
                self.count(*outer, -1);
                self.settle(*outer);
            }
            _ => {}
        }
    }

    fn edit_up(&mut self, node: Node, edit: impl FnOnce(&mut Links)) {
        let Some(row) = self.table_mut(node).and_then(|table| table.row_mut(node.number())) else { return };
        let before = row.up.bytes();
        edit(&mut row.up);
        let after = row.up.bytes();
        self.spilled = self.spilled + after - before;
    }

    fn edit_down(&mut self, node: Node, edit: impl FnOnce(&mut Links)) {
        let Some(more) = self.table_mut(node).and_then(|table| table.more_mut(node.number())) else { return };
        let before = more.down.bytes();
        edit(&mut more.down);
        let after = more.down.bytes();
        self.spilled = self.spilled + after - before;
    }

    fn edit_pairs(&mut self, node: Node, edit: impl FnOnce(&mut Pairs)) {
        const PAIR: usize = size_of::<(Node, Node)>();
        let Some(more) = self.table_mut(node).and_then(|table| table.more_mut(node.number())) else { return };
        let before = more.pairs.capacity();
        edit(&mut more.pairs);
        let after = more.pairs.capacity();
        self.spilled = self.spilled + after * PAIR - before * PAIR;
    }

    fn table_mut(&mut self, node: Node) -> Option<&mut Table> {
        self.tables.get_mut(node.kind_index())
    }
}

/// What the evaluator reads.
impl Graph {
    fn table(&self, kind: Kind) -> Option<&Table> {
        self.tables.get(kind as usize)
    }

    pub(crate) fn find(&self, kind: Kind, name: &str) -> Option<Node> {
        self.table(kind)?.get(name).map(|number| Node::new(kind, number))
    }

    /// The id or text of a node.
    pub(crate) fn name(&self, node: Node) -> String {
        self.table(node.kind()).and_then(|table| table.name(node.number())).unwrap_or_default()
    }

    fn named(&self, node: Node, name: &str) -> bool {
        self.find(node.kind(), name) == Some(node)
    }

    pub(crate) fn nodes(&self, kind: Kind) -> impl Iterator<Item = Node> {
        let numbers = self.table(kind).into_iter().flat_map(Table::numbers);
        numbers.map(move |number| Node::new(kind, number))
    }

    pub(crate) fn up(&self, node: Node) -> &[Node] {
        self.row(node).map(|row| row.up.as_slice()).unwrap_or_default()
    }

    pub(crate) fn down(&self, node: Node) -> &[Node] {
        self.more(node).map(|more| more.down.as_slice()).unwrap_or_default()
    }

    /// What is granted on a target, as (action, owner).
    pub(crate) fn grants(&self, target: Node) -> &[(Node, Node)] {
        self.more(target).map(|more| more.pairs.as_slice()).unwrap_or_default()
    }

    /// What a role, permission or policy grants, as (target, action).
    pub(crate) fn gives(&self, owner: Node) -> &[(Node, Node)] {
        self.grants(owner)
    }

    fn row(&self, node: Node) -> Option<&Row> {
        self.tables.get(node.kind_index())?.row(node.number())
    }

    fn more(&self, node: Node) -> Option<&More> {
        self.tables.get(node.kind_index())?.more(node.number())
    }

    fn is(&self, node: Node, flags: u8) -> bool {
        self.row(node).is_some_and(|row| row.flags & flags == flags)
    }

    pub(crate) fn is_known(&self, node: Node) -> bool {
        self.is(node, KNOWN)
    }

    pub(crate) fn is_active(&self, node: Node) -> bool {
        self.is(node, ACTIVE)
    }
}

#[cfg(test)]
impl Graph {
    /// Everything that the graph holds, in words: two graphs are the same when these are.
    pub(crate) fn facts(&self) -> std::collections::BTreeSet<String> {
        let say = |node: Node| format!("{:?} {}", node.kind(), self.name(node));
        let mut facts = std::collections::BTreeSet::new();
        for node in Kind::ALL.iter().flat_map(|kind| self.nodes(*kind)) {
            facts.insert(format!("{} {} {}", say(node), self.is(node, KNOWN), self.is(node, ACTIVE)));
            facts.extend(self.up(node).iter().map(|up| format!("{} < {}", say(node), say(*up))));
            facts.extend(self.down(node).iter().map(|down| format!("{} > {}", say(node), say(*down))));
            let pairs = self.grants(node).iter();
            facts.extend(pairs.map(|(one, two)| format!("{}: {} {}", say(node), say(*one), say(*two))));
            let uses = self.more(node).map_or(0, |more| more.uses);
            facts.insert(format!("{} is used {uses} times", say(node)));
        }
        facts
    }
}

impl From<SubjectKind> for Kind {
    fn from(kind: SubjectKind) -> Self {
        match kind {
            SubjectKind::User => Self::User,
            SubjectKind::Client => Self::Client,
            SubjectKind::Group => Self::Group,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph of so many users, each in a group and with these many roles of a hundred.
    fn graph(users: u32, roles: u32) -> Graph {
        let mut graph = Graph::seeded(1);
        let roles_of =
            |user: u32| (0..roles).map(move |role| format!("role {}", (user * 7 + role * 13) % 100));
        for number in 0..100 {
            graph
                .apply(&Change::Role { id: &format!("role {number}"), permissions: &[], statements: &[] })
                .unwrap();
        }
        for number in 0..users {
            let id = format!("0198c0de-0000-7abc-8def-{number:012x}");
            let member = Subject { kind: SubjectKind::User, id: &id };
            graph.apply(&Change::Subject { subject: member, active: true }).unwrap();
            graph.apply(&Change::Member { group: &format!("group {}", number % 50), member }).unwrap();
            roles_of(number)
                .for_each(|role| graph.apply(&Change::RoleMember { role: &role, member }).unwrap());
        }
        graph
    }

    #[test]
    fn a_membership_of_a_role_takes_no_more_than_a_hundred_bytes_and_the_graph_knows_it() {
        const USERS: u32 = 40_000;
        for roles in [1, 4] {
            let mut estimated = 0;
            let mut kept = None;
            let taken = allocation_counter::measure(|| {
                let graph = graph(USERS, roles);
                estimated = graph.bytes();
                kept = Some(graph);
            });
            let taken = usize::try_from(taken.bytes_current).unwrap();
            assert!(taken / (USERS * roles) as usize <= 100, "{taken} bytes for {roles} roles a user");
            assert!(estimated.abs_diff(taken) < taken / 20, "{estimated} estimated, {taken} taken");
        }
    }

    #[test]
    fn what_is_taken_away_takes_no_memory() {
        let mut graph = graph(2_000, 4);
        let full = graph.bytes();
        for subject in 0..2_000 {
            let id = format!("0198c0de-0000-7abc-8def-{subject:012x}");
            graph.apply(&Change::SubjectRemoved(Subject { kind: SubjectKind::User, id: &id })).unwrap();
        }
        let empty = graph.bytes();
        for subject in 2_000..4_000 {
            let id = format!("0198c0de-0000-7abc-8def-{subject:012x}");
            graph
                .apply(&Change::Subject {
                    subject: Subject { kind: SubjectKind::User, id: &id },
                    active: true,
                })
                .unwrap();
        }
        // Places are used again; the lists of members have shrunk.
        assert!(empty < full && graph.bytes() == empty, "{full} {empty} {}", graph.bytes());
    }

    #[test]
    fn a_resource_is_found_by_id_and_type_or_is_a_scope() {
        let limits = scope::Limits { bytes: 64, segments: 4 };
        let mut graph = Graph::seeded(1);
        let scope = Scope::parse("/books/dune", &limits).unwrap();
        graph.apply(&Change::Resource { id: "7", kind: "books", scope: &scope }).unwrap();
        let target = |kind, id| graph.target(kind, id, &limits);
        let at = |text| Ok(Target::Scope(Scope::parse(text, &limits).unwrap()));
        assert_eq!(target("books", "7"), Ok(Target::Resource("7".to_owned())));
        assert_eq!(target("films", "7"), at("/films/7"));
        assert_eq!(target("books", "dune"), at("/books/dune"));
        assert_eq!(target("scope", "https://acme.com/a"), at("https://acme.com/a"));
        assert!(target("scope", "books").is_err());
        assert!(target("books", "../films/7").is_err());
    }
}
