//! A node as a number: its kind in the upper four bits, so that neighbours of one kind stand together in a sorted list.

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A person or a service account.
    User,
    /// An application.
    Client,
    /// A collection of users, clients and groups.
    Group,
    /// A bundle of permissions and statements, with members.
    Role,
    /// A named list of statements.
    Permission,
    /// A grant of one action on one scope to one subject.
    Policy,
    /// An action as it is recorded, by its id.
    Action,
    /// An action as it is named.
    Verb,
    /// A resource as it is recorded, by its id.
    Resource,
    /// The type of resources.
    Type,
    /// A scope.
    Scope,
}

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::User,
        Self::Client,
        Self::Group,
        Self::Role,
        Self::Permission,
        Self::Policy,
        Self::Action,
        Self::Verb,
        Self::Resource,
        Self::Type,
        Self::Scope,
    ];

    /// The kind's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
            Self::Group => "group",
            Self::Role => "role",
            Self::Permission => "permission",
            Self::Policy => "policy",
            Self::Action | Self::Verb => "action",
            Self::Resource => "resource",
            Self::Type => "type",
            Self::Scope => "scope",
        }
    }
}

/// A node of one graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node(u32);

impl Node {
    /// Nodes of one kind that a graph can hold.
    pub(crate) const NUMBERS: u32 = 1 << 28;

    pub(crate) fn new(kind: Kind, number: u32) -> Self {
        Self(((kind as u32) << 28) | (number % Self::NUMBERS))
    }

    pub(crate) fn kind_index(self) -> usize {
        (self.0 >> 28) as usize
    }

    pub(crate) fn kind(self) -> Kind {
        Kind::ALL.get(self.kind_index()).copied().unwrap_or(Kind::Scope)
    }

    pub(crate) fn number(self) -> u32 {
        self.0 % Self::NUMBERS
    }
}

/// The nodes of one kind in a sorted list.
pub(crate) fn of_kind(nodes: &[Node], kind: Kind) -> &[Node] {
    let start = nodes.partition_point(|node| node.kind_index() < kind as usize);
    let rest = nodes.get(start..).unwrap_or_default();
    let end = rest.partition_point(|node| node.kind_index() == kind as usize);
    rest.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_order() {
        assert!(Kind::ALL.iter().enumerate().all(|(index, kind)| *kind as usize == index));
        let nodes = [(Kind::Group, 1), (Kind::Role, 0), (Kind::Role, 9), (Kind::Policy, 4)];
        let nodes = nodes.map(|(kind, number)| Node::new(kind, number));
        assert_eq!(of_kind(&nodes, Kind::Role), &nodes[1..3]);
        assert!(of_kind(&nodes, Kind::User).is_empty());
        assert_eq!((nodes[2].kind(), nodes[2].number()), (Kind::Role, 9));
    }
}
