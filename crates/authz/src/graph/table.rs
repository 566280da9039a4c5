//! The nodes of one kind, column by column. A column is as long as the last node that has something in it, so that what
//! a kind never has costs nothing.

use super::links::{Links, shrink};
use super::names::Names;
use super::node::Node;

/// Its record is there; without it, a node is only named by others and grants nothing.
pub(crate) const KNOWN: u8 = 1;
/// It may do, or be done, at all.
pub(crate) const ACTIVE: u8 = 2;

/// Values by number; what is not there is the default.
#[derive(Clone, Debug)]
pub(crate) struct Column<T>(Vec<T>);

impl<T: Default> Column<T> {
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.0.get(number as usize)
    }

    /// The value, to be changed. It is asked for only to be changed: the column grows for it.
    pub(crate) fn edit(&mut self, number: u32) -> Option<&mut T> {
        let number = number as usize;
        if number >= self.0.len() {
            self.0.resize_with(number + 1, T::default);
        }
        self.0.get_mut(number)
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<T>()
    }
}

/// Two nodes, sorted by the first: a statement on its target as (action, owner), at its owner as (target, action).
pub(crate) type Pairs = Vec<(Node, Node)>;

/// The nodes of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) names: Names,
    pub(crate) flags: Column<u8>,
    /// Towards what is granted: groups, roles and policies of a subject, permissions of a role, the name of an action, type and
    /// scope of a resource.
    pub(crate) up: Column<Links>,
    /// The same links, from the other end.
    pub(crate) down: Column<Links>,
    /// How many statements name this action.
    pub(crate) uses: Column<u32>,
    /// What a role, permission or policy grants: (target, action).
    pub(crate) gives: Column<Pairs>,
    /// What is granted on a resource or scope: (action, owner).
    pub(crate) grants: Column<Pairs>,
}

impl Table {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            names: Names::seeded(seed),
            flags: Column(Vec::new()),
            up: Column(Vec::new()),
            down: Column(Vec::new()),
            uses: Column(Vec::new()),
            gives: Column(Vec::new()),
            grants: Column(Vec::new()),
        }
    }

    /// Whether nothing says anything about the node.
    pub(crate) fn is_idle(&self, number: u32) -> bool {
        let linked =
            |column: &Column<Links>| column.get(number).is_some_and(|links| !links.as_slice().is_empty());
        let paired = |column: &Column<Pairs>| column.get(number).is_some_and(|pairs| !pairs.is_empty());
        self.flags.get(number).is_none_or(|flags| *flags == 0)
            && self.uses.get(number).is_none_or(|uses| *uses == 0)
            && !linked(&self.up)
            && !linked(&self.down)
            && !paired(&self.gives)
            && !paired(&self.grants)
    }

    /// Memory, in bytes, without the lists that have outgrown their links.
    pub(crate) fn bytes(&self) -> usize {
        let links = self.up.bytes() + self.down.bytes();
        let pairs = self.gives.bytes() + self.grants.bytes();
        self.names.bytes() + self.flags.bytes() + self.uses.bytes() + links + pairs
    }
}

/// Adds a pair.
pub(crate) fn add(pairs: &mut Pairs, pair: (Node, Node)) {
    if let Err(at) = pairs.binary_search(&pair) {
        pairs.insert(at, pair);
    }
}

/// Takes a pair away.
pub(crate) fn take(pairs: &mut Pairs, pair: (Node, Node)) {
    if let Ok(at) = pairs.binary_search(&pair) {
        pairs.remove(at);
        shrink(pairs);
    }
}
