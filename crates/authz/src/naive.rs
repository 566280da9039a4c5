//! The model by the letter: records in maps, answers by looking at all of them. What the engine says is held against it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::action::Action;
use crate::graph::{ActionRef, Change, Statement, Subject, SubjectKind, Target};
use crate::question::Question;
use crate::scope::{self, Scope};

pub(crate) const SCOPE: scope::Limits = scope::Limits { bytes: 256, segments: 16 };
pub(crate) const LIMITS: crate::Limits =
    crate::Limits { groups: 1_000, paths: 100_000, steps: 1_000_000, others: 1_000, examined: 1_000 };

pub(crate) const USERS: [&str; 4] = ["ada", "grace", "0198c0de-0000-7abc-8def-0123456789ab", "linus"];
pub(crate) const CLIENTS: [&str; 2] = ["ada", "robot"];
const GROUPS: [&str; 5] = ["staff", "admins", "ada", "g3", "g4"];
const ROLES: [&str; 4] = ["reader", "writer", "staff", "r3"];
const PERMISSIONS: [&str; 4] = ["p0", "p1", "p2", "p3"];
const POLICIES: [&str; 4] = ["y0", "y1", "y2", "y3"];
const RECORDS: [&str; 3] = ["n0", "n1", "n2"];
pub(crate) const RESOURCES: [&str; 3] = ["x", "s1", "s2"];
pub(crate) const TYPES: [&str; 2] = ["x", "book"];
const ACTIONS: [&str; 8] = ["a", "a.b", "a.manage", "a.b.c", "b", "b.manage", "b.c", "manage"];
const SCOPES: [&str; 7] = ["/", "/x", "/x/y", "/x/y/z", "/xy", "https://h/x", "https://h"];

pub(crate) fn actions() -> Vec<Action> {
    ACTIONS.iter().map(|name| Action::parse(name, 64).unwrap()).collect()
}

pub(crate) fn targets() -> Vec<Target> {
    let scopes = SCOPES.iter().chain(&["/x/y/z/deeper", "/nowhere"]);
    let scopes = scopes.map(|text| Target::Scope(Scope::parse(text, &SCOPE).unwrap()));
    scopes.chain(RESOURCES.iter().chain(&["nobody"]).map(|id| Target::Resource((*id).to_owned()))).collect()
}

pub(crate) fn subjects() -> Vec<Subject<'static>> {
    let of = |kind| move |id: &&'static str| Subject { kind, id };
    let users = USERS.iter().map(of(SubjectKind::User));
    let clients = CLIENTS.iter().map(of(SubjectKind::Client));
    users.chain(clients).chain(GROUPS.iter().map(of(SubjectKind::Group))).collect()
}

/// Everything that was said, as records.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) subjects: BTreeMap<Subject<'static>, bool>,
    members: BTreeSet<(&'static str, Subject<'static>)>,
    role_members: BTreeSet<(&'static str, Subject<'static>)>,
    roles: BTreeMap<&'static str, (&'static [String], &'static [Statement])>,
    permissions: BTreeMap<&'static str, &'static [Statement]>,
    policies: BTreeMap<&'static str, (Subject<'static>, &'static Action, &'static Scope)>,
    actions: BTreeMap<&'static str, (&'static Action, bool)>,
    pub(crate) resources: BTreeMap<&'static str, (&'static str, &'static Scope)>,
}

impl World {
    pub(crate) fn apply(&mut self, change: &Change<'static>) {
        match *change {
            Change::Subject { subject, active } => _ = self.subjects.insert(subject, active),
            Change::SubjectRemoved(subject) => {
                self.subjects.remove(&subject);
                let gone = |group: &str, member| {
                    member == subject || (subject.kind == SubjectKind::Group && group == subject.id)
                };
                self.members.retain(|(group, member)| !gone(group, *member));
                self.role_members.retain(|(_, member)| *member != subject);
            }
            Change::Member { group, member } => _ = self.members.insert((group, member)),
            Change::MemberRemoved { group, member } => _ = self.members.remove(&(group, member)),
            Change::RoleMember { role, member } => _ = self.role_members.insert((role, member)),
            Change::RoleMemberRemoved { role, member } => _ = self.role_members.remove(&(role, member)),
            Change::Role { id, permissions, statements } => {
                _ = self.roles.insert(id, (permissions, statements))
            }
            Change::RoleRemoved(id) => {
                self.roles.remove(id);
                self.role_members.retain(|(role, _)| *role != id);
            }
            Change::Permission { id, statements } => _ = self.permissions.insert(id, statements),
            Change::PermissionRemoved(id) => _ = self.permissions.remove(id),
            Change::Policy { id, subject, action, scope } => {
                _ = self.policies.insert(id, (subject, action, scope))
            }
            Change::PolicyRemoved(id) => _ = self.policies.remove(id),
            Change::Action { id, name, active } => _ = self.actions.insert(id, (name, active)),
            Change::ActionRemoved(id) => _ = self.actions.remove(id),
            Change::Resource { id, kind, scope } => _ = self.resources.insert(id, (kind, scope)),
            Change::ResourceRemoved(id) => _ = self.resources.remove(id),
        }
    }

    /// What makes this world from nothing.
    pub(crate) fn changes(&self) -> Vec<Change<'static>> {
        let mut changes = Vec::new();
        changes.extend(self.members.iter().map(|(group, member)| Change::Member { group, member: *member }));
        changes.extend(
            self.role_members.iter().map(|(role, member)| Change::RoleMember { role, member: *member }),
        );
        changes.extend(
            self.subjects
                .iter()
                .map(|(subject, active)| Change::Subject { subject: *subject, active: *active }),
        );
        let roles = self.roles.iter();
        changes.extend(roles.map(|(id, (permissions, statements))| Change::Role {
            id,
            permissions,
            statements,
        }));
        changes.extend(self.permissions.iter().map(|(id, statements)| Change::Permission { id, statements }));
        let policies = self.policies.iter();
        changes.extend(policies.map(|(id, (subject, action, scope))| Change::Policy {
            id,
            subject: *subject,
            action,
            scope,
        }));
        changes.extend(self.actions.iter().map(|(id, (name, active))| Change::Action {
            id,
            name,
            active: *active,
        }));
        changes.extend(self.resources.iter().map(|(id, (kind, scope))| Change::Resource { id, kind, scope }));
        changes
    }

    /// The decision by the letter.
    pub(crate) fn allows(&self, question: &Question<'_>) -> bool {
        self.may(question.subject)
            && self.doable(question.action)
            && !self
                .paths(question.subject, |action| action.covers(question.action), question.target)
                .is_empty()
    }

    fn may(&self, subject: Subject<'_>) -> bool {
        self.subjects.iter().any(|(had, active)| *had == subject && *active)
    }

    fn doable(&self, action: &Action) -> bool {
        let mut records = self.actions.values().filter(|(name, _)| *name == action).peekable();
        records.peek().is_none() || records.any(|(_, active)| *active)
    }

    /// Every way, without going through a group twice, from the subject to a grant that covers the target: the ids along it, then
    /// action and target as they are granted.
    pub(crate) fn paths(
        &self,
        subject: Subject<'_>,
        covers: impl Fn(&Action) -> bool,
        target: &Target,
    ) -> BTreeSet<Vec<String>> {
        let mut paths = BTreeSet::new();
        let mut ways = vec![(subject, vec![say(subject)])];
        while let Some((holder, way)) = ways.pop() {
            for (group, member) in &self.members {
                let group = Subject { kind: SubjectKind::Group, id: group };
                if *member == holder && self.subjects.contains_key(&group) && !way.contains(&say(group)) {
                    ways.push((group, [&way[..], &[say(group)]].concat()));
                }
            }
            let mut found = |tail: &[String], statements: &[Statement]| {
                for statement in statements.iter().filter(|statement| self.on(statement.target(), target)) {
                    for (action, text) in statement.actions().iter().flat_map(|action| self.action(action)) {
                        if covers(action) && self.doable(action) {
                            let on = match statement.target() {
                                Target::Resource(id) => format!("resource {id}"),
                                Target::Scope(scope) => format!("scope {scope}"),
                            };
                            paths.insert([&way[..], tail, &[text, on]].concat());
                        }
                    }
                }
            };
            for (role, member) in self.role_members.iter().filter(|(_, member)| *member == holder) {
                let Some((permissions, statements)) = self.roles.get(role) else { continue };
                let _ = member;
                found(&[format!("role {role}")], statements);
                for permission in *permissions {
                    let statements = self.permissions.get(permission.as_str()).copied().unwrap_or_default();
                    found(&[format!("role {role}"), format!("permission {permission}")], statements);
                }
            }
            for (id, (_, action, scope)) in
                self.policies.iter().filter(|(_, (subject, ..))| *subject == holder)
            {
                let action = vec![ActionRef::Name((*action).clone())];
                let statement = Statement::new(action, Target::Scope((*scope).clone())).unwrap();
                found(&[format!("policy {id}")], &[statement]);
            }
        }
        paths
    }

    /// The action that is granted, if it grants anything, and how it is said.
    fn action<'a>(&'a self, action: &'a ActionRef) -> Option<(&'a Action, String)> {
        match action {
            ActionRef::Name(name) => Some((name, format!("action {name}"))),
            ActionRef::Id(id) => {
                let (name, active) = self.actions.get(id.as_str())?;
                active.then(|| (*name, format!("action {name}")))
            }
        }
    }

    fn on(&self, granted: &Target, asked: &Target) -> bool {
        match (self.place(granted), self.place(asked)) {
            (Some(granted), Some(asked)) => granted.covers(asked),
            _ => false,
        }
    }

    fn place<'a>(&'a self, target: &'a Target) -> Option<&'a Scope> {
        match target {
            Target::Scope(scope) => Some(scope),
            Target::Resource(id) => self.resources.get(id.as_str()).map(|(_, scope)| *scope),
        }
    }
}

fn say(subject: Subject<'_>) -> String {
    format!("{} {}", crate::graph::Kind::from(subject.kind).as_str(), subject.id)
}

/// A random change, from numbers.
pub(crate) fn change() -> impl Strategy<Value = Change<'static>> {
    let numbers = (any::<u8>(), any::<u8>(), any::<u8>(), any::<bool>());
    (0..24u8, numbers, proptest::collection::vec((any::<u8>(), any::<u8>()), 1..4)).prop_map(
        |(what, (one, two, three, yes), many)| {
            let subject = *pick(&subjects(), one);
            let id = |all: &[&'static str]| ids(all, two);
            match what {
                0..=3 => Change::Subject { subject, active: !yes || two % 4 > 0 },
                4 => Change::SubjectRemoved(subject),
                5..=7 => Change::Member { group: id(&GROUPS), member: subject },
                8 => Change::MemberRemoved { group: id(&GROUPS), member: subject },
                9..=11 => Change::RoleMember { role: id(&ROLES), member: subject },
                12 => Change::RoleMemberRemoved { role: id(&ROLES), member: subject },
                13..=14 => {
                    let permissions = many.iter().map(|(one, _)| ids(&PERMISSIONS, *one).to_owned());
                    let permissions = permissions.take(usize::from(three % 4)).collect::<Vec<_>>().leak();
                    let statements = if yes { statements(&many) } else { &[] };
                    Change::Role { id: id(&ROLES), permissions, statements }
                }
                15 => Change::RoleRemoved(id(&ROLES)),
                16..=17 => Change::Permission { id: id(&PERMISSIONS), statements: statements(&many) },
                18 => Change::PermissionRemoved(id(&PERMISSIONS)),
                19 => {
                    let (action, scope) = (pick(&actions(), one / 16).clone(), ids(&SCOPES, three));
                    let scope = Box::leak(Box::new(Scope::parse(scope, &SCOPE).unwrap()));
                    Change::Policy { id: id(&POLICIES), subject, action: Box::leak(Box::new(action)), scope }
                }
                20 => Change::PolicyRemoved(id(&POLICIES)),
                21 if yes => Change::ActionRemoved(id(&RECORDS)),
                21 | 22 => {
                    let name = Box::leak(Box::new(pick(&actions(), one).clone()));
                    Change::Action { id: id(&RECORDS), name, active: three % 3 > 0 }
                }
                _ if yes && three % 2 == 0 => Change::ResourceRemoved(id(&RESOURCES)),
                _ => {
                    let scope = Box::leak(Box::new(Scope::parse(ids(&SCOPES, one), &SCOPE).unwrap()));
                    Change::Resource { id: id(&RESOURCES), kind: ids(&TYPES, three), scope }
                }
            }
        },
    )
}

fn statements(numbers: &[(u8, u8)]) -> &'static [Statement] {
    let statements = numbers.iter().map(|(one, two)| {
        let action = |number: u8| match number % 2 {
            0 => ActionRef::Name(pick(&actions(), number / 2).clone()),
            _ => ActionRef::Id(ids(&RECORDS, number / 2).to_owned()),
        };
        Statement::new(vec![action(*one), action(two.wrapping_add(*one))], pick(&targets(), *two).clone())
            .unwrap()
    });
    statements.collect::<Vec<_>>().leak()
}

fn pick<T>(from: &[T], number: u8) -> &T {
    &from[usize::from(number) % from.len()]
}

fn ids(from: &[&'static str], number: u8) -> &'static str {
    from[usize::from(number) % from.len()]
}
