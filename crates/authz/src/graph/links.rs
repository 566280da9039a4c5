//! A sorted list of neighbours. Most nodes have few, so that few stand in the node itself.

use super::node::Node;

/// Neighbours that need no memory of their own.
const FEW: usize = 3;

/// A sorted set of nodes, in 24 bytes as long as there are at most three.
#[derive(Clone, Debug)]
pub(crate) enum Links {
    Few { len: u8, nodes: [Node; FEW] },
    Many(Vec<Node>),
}

impl Default for Links {
    fn default() -> Self {
        Self::Few { len: 0, nodes: [Node::default(); FEW] }
    }
}

impl Links {
    pub(crate) fn as_slice(&self) -> &[Node] {
        match self {
            Self::Few { len, nodes } => nodes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Many(nodes) => nodes,
        }
    }

    /// Adds a neighbour; says whether it is new.
    pub(crate) fn insert(&mut self, node: Node) -> bool {
        let Err(at) = self.as_slice().binary_search(&node) else { return false };
        match self {
            Self::Few { len, nodes } if usize::from(*len) < FEW => {
                let end = usize::from(*len);
                if let Some(tail) = nodes.get_mut(at..=end) {
                    tail.rotate_right(1);
                    tail.iter_mut().take(1).for_each(|first| *first = node);
                }
                *len += 1;
            }
            Self::Few { nodes, .. } => {
                let mut many = Vec::with_capacity(2 * FEW);
                many.extend_from_slice(nodes);
                many.insert(at, node);
                *self = Self::Many(many);
            }
            Self::Many(nodes) => nodes.insert(at, node),
        }
        true
    }

    /// Takes a neighbour away; says whether it was there.
    pub(crate) fn remove(&mut self, node: Node) -> bool {
        let Ok(at) = self.as_slice().binary_search(&node) else { return false };
        match self {
            Self::Few { len, nodes } => {
                if let Some(tail) = nodes.get_mut(at..usize::from(*len)) {
                    tail.rotate_left(1);
                }
                *len -= 1;
            }
            Self::Many(nodes) => {
                nodes.remove(at);
                shrink(nodes);
                if nodes.is_empty() {
                    *self = Self::default();
                }
            }
        }
        true
    }

    /// Memory beside the links themselves, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Few { .. } => 0,
            Self::Many(nodes) => nodes.capacity() * size_of::<Node>(),
        }
    }
}

/// Gives memory back once three quarters of it are unused.
pub(crate) fn shrink<T>(list: &mut Vec<T>) {
    if list.capacity() > 16 && list.len() < list.capacity() / 4 {
        list.shrink_to(list.capacity() / 2);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::node::Kind;
    use super::*;

    #[test]
    fn links_are_three_words() {
        assert_eq!(size_of::<Links>(), 24);
    }

    proptest! {
        #[test]
        fn links_are_a_sorted_set(changes in proptest::collection::vec((any::<bool>(), 0u32..12), 0..80)) {
            let (mut links, mut set) = (Links::default(), BTreeSet::new());
            for (add, number) in changes {
                let node = Node::new(Kind::User, number);
                match add {
                    true => prop_assert_eq!(links.insert(node), set.insert(node)),
                    false => prop_assert_eq!(links.remove(node), set.remove(&node)),
                }
                prop_assert_eq!(links.as_slice(), set.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}
