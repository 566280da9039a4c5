//! The graph of one tenant: who is in which group and role, and what is granted on which resource, as numbers.
//!
//! It follows the records by small changes and is, after each of them, what it would be if it were built anew. It knows ids
//! and nothing else of a record: no names of people, no descriptions, no store.

mod change;
mod links;
mod names;
pub(crate) mod node;
mod table;

pub use change::{ActionRef, Change, Statement, Subject, SubjectKind, Target};
pub use node::Kind;

use std::fmt;

use links::Links;
use node::{Node, of_kind};
use table::{ACTIVE, Column, KNOWN, Pairs, Table, add, take};

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

    fn subject_node(&mut self, subject: Subject<'_>) -> Result<Node, Full> {
        self.node(subject.kind.into(), subject.id)
    }

    fn node(&mut self, kind: Kind, name: &str) -> Result<Node, Full> {
        let number = self.tables.get_mut(kind as usize).map(|table| table.names.number(name)).ok_or(Full)?;
        if number < Node::NUMBERS { Ok(Node::new(kind, number)) } else { Err(Full) }
    }

    fn flag(&mut self, node: Node, flags: u8) {
        let flag = self.table_mut(node).and_then(|table| table.flags.edit(node.number()));
        flag.into_iter().for_each(|flag| *flag = flags);
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
        self.regive(node, Vec::new());
        self.settle(node);
    }

    fn leave(&mut self, member: Subject<'_>, kind: Kind, id: &str) {
        if let (Some(member), Some(node)) = (self.find(member.kind.into(), member.id), self.find(kind, id)) {
            self.unlink(member, node);
        }
    }

    fn link(&mut self, lower: Node, upper: Node) {
        self.edit(lower, |table| &mut table.up, |links| _ = links.insert(upper));
        self.edit(upper, |table| &mut table.down, |links| _ = links.insert(lower));
    }

    fn unlink(&mut self, lower: Node, upper: Node) {
        self.edit(lower, |table| &mut table.up, |links| _ = links.remove(upper));
        self.edit(upper, |table| &mut table.down, |links| _ = links.remove(lower));
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
            self.edit_pairs(*target, |table| &mut table.grants, |grants| add(grants, (*action, owner)));
            self.count(*action, 1);
        }
        let mut had = gives;
        let swapped = &mut had;
        self.edit_pairs(owner, |table| &mut table.gives, |gives| std::mem::swap(gives, swapped));
        let given = self.pairs(owner, |table| &table.gives).to_vec();
        for (target, action) in had {
            self.count(action, -1);
            if given.binary_search(&(target, action)).is_err() {
                self.edit_pairs(target, |table| &mut table.grants, |grants| take(grants, (action, owner)));
            }
            self.settle(action);
            self.settle(target);
        }
    }

    fn count(&mut self, action: Node, by: i32) {
        let uses = self.table_mut(action).and_then(|table| table.uses.edit(action.number()));
        uses.into_iter().for_each(|uses| *uses = uses.saturating_add_signed(by));
    }

    /// Forgets a node that nothing says anything about.
    fn settle(&mut self, node: Node) {
        if let Some(table) = self.table_mut(node).filter(|table| table.is_idle(node.number())) {
            table.names.release(node.number());
        }
    }

    fn edit(
        &mut self,
        node: Node,
        column: fn(&mut Table) -> &mut Column<Links>,
        edit: impl FnOnce(&mut Links),
    ) {
        let Some(links) = self.table_mut(node).and_then(|table| column(table).edit(node.number())) else {
            return;
        };
        let before = links.bytes();
        edit(links);
        let after = links.bytes();
        self.spilled = self.spilled + after - before;
    }

    fn edit_pairs(
        &mut self,
        node: Node,
        column: fn(&mut Table) -> &mut Column<Pairs>,
        edit: impl FnOnce(&mut Pairs),
    ) {
        let Some(pairs) = self.table_mut(node).and_then(|table| column(table).edit(node.number())) else {
            return;
        };
        let before = pairs.capacity();
        edit(pairs);
        let after = pairs.capacity();
        self.spilled = self.spilled + after * size_of::<(Node, Node)>() - before * size_of::<(Node, Node)>();
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
        self.table(kind)?.names.get(name).map(|number| Node::new(kind, number))
    }

    /// The id or text of a node.
    pub(crate) fn name(&self, node: Node) -> String {
        self.table(node.kind()).and_then(|table| table.names.name(node.number())).unwrap_or_default()
    }

    /// The text of a node that is no UUID.
    pub(crate) fn text(&self, node: Node) -> Option<&str> {
        self.table(node.kind())?.names.text(node.number())
    }

    fn named(&self, node: Node, name: &str) -> bool {
        self.find(node.kind(), name) == Some(node)
    }

    pub(crate) fn nodes(&self, kind: Kind) -> impl Iterator<Item = Node> {
        let numbers = self.table(kind).into_iter().flat_map(|table| table.names.numbers());
        numbers.map(move |number| Node::new(kind, number))
    }

    pub(crate) fn up(&self, node: Node) -> &[Node] {
        let links = self.table(node.kind()).and_then(|table| table.up.get(node.number()));
        links.map(Links::as_slice).unwrap_or_default()
    }

    pub(crate) fn down(&self, node: Node) -> &[Node] {
        let links = self.table(node.kind()).and_then(|table| table.down.get(node.number()));
        links.map(Links::as_slice).unwrap_or_default()
    }

    /// What is granted on a target: (action, owner).
    pub(crate) fn grants(&self, target: Node) -> &[(Node, Node)] {
        self.pairs(target, |table| &table.grants)
    }

    fn pairs(&self, node: Node, column: fn(&Table) -> &Column<Pairs>) -> &[(Node, Node)] {
        let pairs = self.table(node.kind()).and_then(|table| column(table).get(node.number()));
        pairs.map(Vec::as_slice).unwrap_or_default()
    }

    fn is(&self, node: Node, flags: u8) -> bool {
        let had = self.table(node.kind()).and_then(|table| table.flags.get(node.number()));
        had.is_some_and(|had| had & flags == flags)
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
            let grants = self.grants(node).iter();
            facts.extend(
                grants.map(|(action, owner)| format!("{}: {} by {}", say(node), say(*action), say(*owner))),
            );
            let gives = self.pairs(node, |table| &table.gives).iter();
            facts.extend(
                gives.map(|(target, action)| {
                    format!("{} gives {} on {}", say(node), say(*action), say(*target))
                }),
            );
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
