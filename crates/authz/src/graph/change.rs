//! What can happen to a graph: small events in the words of the records they come from.

use crate::action::Action;
use crate::error::Error;
use crate::scope::Scope;

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A person or a service account.
    User,
    /// An application.
    Client,
    /// A group, which passes on what it has to its members.
    Group,
}

/// Whom something is granted to, and who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject<'a> {
    /// What it is.
    pub kind: SubjectKind,
    /// Its id, without any prefix.
    pub id: &'a str,
}

/// An action that a statement grants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionRef {
    /// A recorded action, whatever it is called at the time.
    Id(String),
    /// An action by its name, recorded or not.
    Name(Action),
}

/// What something is granted or asked for on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A recorded resource, wherever it lies at the time.
    Resource(String),
    /// A scope and what lies in it.
    Scope(Scope),
}

/// A grant of actions on one target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement {
    actions: Vec<ActionRef>,
    target: Target,
}

impl Statement {
    /// A statement.
    ///
    /// # Errors
    /// When it grants no action.
    pub fn new(actions: Vec<ActionRef>, target: Target) -> Result<Self, Error> {
        match actions.is_empty() {
            true => Err(Error::at("actions", "a statement must name at least one action")),
            false => Ok(Self { actions, target }),
        }
    }

    /// What it grants.
    pub fn actions(&self) -> &[ActionRef] {
        &self.actions
    }

    /// On what.
    pub fn target(&self) -> &Target {
        &self.target
    }
}

/// One change of a record or of a membership, as it was committed.
///
/// Changes of different records may come in any order: what a record names and what is not there yet grants nothing until it
/// comes. A record that is put replaces itself. A subject or role that is removed leaves its memberships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A user, client or group is there.
    Subject {
        /// Who.
        subject: Subject<'a>,
        /// Whether it may do anything at all.
        active: bool,
    },
    /// A user, client or group is gone, and with it its memberships and members.
    SubjectRemoved(Subject<'a>),
    /// A group has a member.
    Member {
        /// The group's id.
        group: &'a str,
        /// The member.
        member: Subject<'a>,
    },
    /// A group has a member no more.
    MemberRemoved {
        /// The group's id.
        group: &'a str,
        /// The member.
        member: Subject<'a>,
    },
    /// A role has a member.
    RoleMember {
        /// The role's id.
        role: &'a str,
        /// The member.
        member: Subject<'a>,
    },
    /// A role has a member no more.
    RoleMemberRemoved {
        /// The role's id.
        role: &'a str,
        /// The member.
        member: Subject<'a>,
    },
    /// A role is there, with all it grants.
    Role {
        /// Its id.
        id: &'a str,
        /// The ids of its permissions.
        permissions: &'a [String],
        /// Its own statements.
        statements: &'a [Statement],
    },
    /// A role is gone, and with it its members.
    RoleRemoved(&'a str),
    /// A permission is there, with all it grants.
    Permission {
        /// Its id.
        id: &'a str,
        /// Its statements.
        statements: &'a [Statement],
    },
    /// A permission is gone.
    PermissionRemoved(&'a str),
    /// A policy is there.
    Policy {
        /// Its id.
        id: &'a str,
        /// Whom it grants something.
        subject: Subject<'a>,
        /// What.
        action: &'a Action,
        /// On what.
        scope: &'a Scope,
    },
    /// A policy is gone.
    PolicyRemoved(&'a str),
    /// An action is recorded. One that is not active grants nothing, and nobody may do it.
    Action {
        /// Its id.
        id: &'a str,
        /// Its name.
        name: &'a Action,
        /// Whether it may be done at all.
        active: bool,
    },
    /// The record of an action is gone.
    ActionRemoved(&'a str),
    /// A resource is recorded.
    Resource {
        /// Its id.
        id: &'a str,
        /// The name by which questions call its type.
        kind: &'a str,
        /// Where it lies: what holds on this scope holds on the resource, and the other way round.
        scope: &'a Scope,
    },
    /// The record of a resource is gone.
    ResourceRemoved(&'a str),
}
