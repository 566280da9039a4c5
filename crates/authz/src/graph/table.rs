//! The nodes of one kind, in two rows each: what every question needs, and what only some kinds have.

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::key::{Key, Name};
use super::links::{Links, shrink};
use super::node::Node;

/// Its record is there; without it, a node is only named by others and grants nothing.
pub(crate) const KNOWN: u8 = 1;
/// It may do, or be done, at all.
pub(crate) const ACTIVE: u8 = 2;

/// Two nodes, sorted: a statement on its target as (action, owner), at its owner as (target, action).
pub(crate) type Pairs = Vec<(Node, Node)>;

/// What every node has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    key: Key,
    /// Towards what is granted: groups, roles and policies of a subject, permissions of a role, the name of an action, type and
    /// scope of a resource, the scope that a scope lies in.
    pub(crate) up: Links,
    pub(crate) flags: u8,
}

/// What users and clients do not have.
#[derive(Clone, Debug, Default)]
pub(crate) struct More {
    /// The links up, from the other end; not those between scopes.
    pub(crate) down: Links,
    /// What a role, permission or policy grants, as (target, action); what is granted on a resource or scope, as (action, owner).
    pub(crate) pairs: Pairs,
    /// How many statements name this action, how many scopes lie directly in this one.
    pub(crate) uses: u32,
}

/// The nodes of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Row>,
    /// As long as the last node that has something in it.
    more: Vec<More>,
    /// Numbers that were given back, to be used again.
    free: Vec<u32>,
    numbers: HashTable<u32>,
    state: FixedState,
    /// Memory of the keys beside themselves, in bytes.
    text: usize,
}

impl Table {
    /// No nodes yet. The seed keeps a client from choosing names that collide.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            rows: Vec::new(),
            more: Vec::new(),
            free: Vec::new(),
            numbers: HashTable::new(),
            state: FixedState::with_seed(seed),
            text: 0,
        }
    }

    /// The number of this name.
    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        let name = Name::of(name);
        let is = |number: &u32| self.row(*number).is_some_and(|row| row.key.is(name));
        self.numbers.find(name.hash(&self.state), is).copied()
    }

    /// Gives this name, which has none, a number.
    pub(crate) fn add(&mut self, name: &str) -> u32 {
        let name = Name::of(name);
        let row = Row { key: name.into(), ..Row::default() };
        self.text += row.key.bytes();
        let number = self.free.pop().unwrap_or_else(|| {
            grow(&mut self.rows, 1);
            self.rows.push(Row::default());
            u32::try_from(self.rows.len() - 1).unwrap_or(u32::MAX)
        });
        self.row_mut(number).into_iter().for_each(|place| *place = row.clone());
        let (rows, state) = (&self.rows, &self.state);
        self.numbers.insert_unique(name.hash(state), number, |number| {
            let name = rows.get(*number as usize).and_then(|row| row.key.name());
            name.map_or(0, |name| name.hash(state))
        });
        number
    }

    /// Gives a number back.
    pub(crate) fn release(&mut self, number: u32) {
        let Some(key) = self.row_mut(number).map(|row| std::mem::take(row).key) else { return };
        self.text -= key.bytes();
        let Some(name) = key.name() else { return };
        if let Ok(entry) = self.numbers.find_entry(name.hash(&self.state), |had| *had == number) {
            entry.remove();
            self.free.push(number);
        }
    }

    /// The name of this number.
    pub(crate) fn name(&self, number: u32) -> Option<String> {
        self.row(number)?.key.name().map(Name::text)
    }

    /// Every number in use.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.rows).filter(|(_, row)| row.key != Key::None).map(|(number, _)| number)
    }

    pub(crate) fn row(&self, number: u32) -> Option<&Row> {
        self.rows.get(number as usize)
    }

    pub(crate) fn row_mut(&mut self, number: u32) -> Option<&mut Row> {
        self.rows.get_mut(number as usize)
    }

    pub(crate) fn more(&self, number: u32) -> Option<&More> {
        self.more.get(number as usize)
    }

    /// The second row, to be changed. It is asked for only to be changed: the table grows for it.
    pub(crate) fn more_mut(&mut self, number: u32) -> Option<&mut More> {
        let number = number as usize;
        if let Some(missing) = (number + 1).checked_sub(self.more.len()).filter(|missing| *missing > 0) {
            grow(&mut self.more, missing);
            self.more.resize_with(number + 1, More::default);
        }
        self.more.get_mut(number)
    }

    /// Whether nothing says anything about the node, and it says nothing about others.
    pub(crate) fn is_idle(&self, number: u32) -> bool {
        let quiet = |more: &More| more.uses == 0 && more.pairs.is_empty() && more.down.as_slice().is_empty();
        self.row(number).is_some_and(|row| row.flags == 0) && self.more(number).is_none_or(quiet)
    }

    /// Memory, in bytes, without the lists that have outgrown their rows.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>()
            + self.more.capacity() * size_of::<More>()
            + self.free.capacity() * size_of::<u32>()
            + self.numbers.allocation_size()
            + self.text
    }
}

/// Makes room for so many more rows, and for an eighth of them all: rows are the most of a graph, and doubled would be too much.
fn grow<T>(rows: &mut Vec<T>, count: usize) {
    if rows.capacity() - rows.len() < count {
        rows.reserve_exact(count.max(rows.len() / 8 + 8));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_have_one_number_until_they_give_it_back(
            changes in proptest::collection::vec((any::<bool>(), 0u8..20), 0..200),
        ) {
            let (mut table, mut known) = (Table::seeded(7), BTreeMap::new());
            for (add, name) in changes {
                let name = match name % 2 {
                    0 => format!("name {name}"),
                    _ => format!("0198c0de-0000-7abc-8def-0123456789{name:02x}"),
                };
                match (add, known.get(&name).copied()) {
                    (true, None) => _ = known.insert(name.clone(), table.add(&name)),
                    (false, Some(number)) => {
                        table.release(number);
                        known.remove(&name);
                    }
                    _ => {}
                }
                prop_assert_eq!(table.get(&name), known.get(&name).copied());
                for (name, number) in &known {
                    prop_assert_eq!(table.get(name), Some(*number));
                    prop_assert_eq!(table.name(*number), Some(name.clone()));
                }
                prop_assert_eq!(table.numbers().count(), known.len());
                prop_assert!(table.rows.len() <= 20);
            }
        }
    }
}
