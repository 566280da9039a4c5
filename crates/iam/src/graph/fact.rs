//! What the graph takes from a record: the only place that knows which kinds make up the access model.

use std::collections::HashMap;

use authz::graph::{ActionRef, Change, Graph, Kind, Statement, Subject, SubjectKind, Target};
use authz::{Action, Scope};
use serde::Deserialize;

use crate::access::is_durwards;
use crate::error::{Error, Result};
use crate::{administrators, limits};

/// The kinds that the graph is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    ResourceType,
    User,
    Client,
    Group,
    Role,
    Permission,
    Action,
    Resource,
    Policy,
}

impl Source {
    /// All of them; a resource comes after its type.
    pub(super) const ALL: [Self; 9] = [
        Self::ResourceType,
        Self::User,
        Self::Client,
        Self::Group,
        Self::Role,
        Self::Permission,
        Self::Action,
        Self::Resource,
        Self::Policy,
    ];

    /// The name of the kind.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::ResourceType => "Resource-Type",
            Self::User => "User",
            Self::Client => "Client",
            Self::Group => "Group",
            Self::Role => "Role",
            Self::Permission => "Permission",
            Self::Action => "Action",
            Self::Resource => "Resource",
            Self::Policy => "Policy",
        }
    }

    /// Whose records say how people call the nodes of a kind, if any do.
    pub(super) fn naming(kind: Kind) -> Option<Self> {
        match kind {
            Kind::User => Some(Self::User),
            Kind::Client => Some(Self::Client),
            Kind::Group => Some(Self::Group),
            Kind::Role => Some(Self::Role),
            Kind::Permission => Some(Self::Permission),
            Kind::Resource => Some(Self::Resource),
            Kind::Policy | Kind::Action | Kind::Verb | Kind::Type | Kind::Scope => None,
        }
    }

    pub(super) fn named(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.kind() == kind)
    }

    /// The relation of its members.
    pub(super) fn members(self) -> Option<&'static str> {
        match self {
            Self::Group => Some("Group.members"),
            Self::Role => Some("Role.members"),
            Self::ResourceType
            | Self::User
            | Self::Client
            | Self::Permission
            | Self::Action
            | Self::Resource
            | Self::Policy => None,
        }
    }

    /// The subject of that id, if its kind is one.
    fn subject(self, id: &str) -> Option<Subject<'_>> {
        match self {
            Self::User => Some(Subject { kind: SubjectKind::User, id }),
            Self::Client => Some(Subject { kind: SubjectKind::Client, id }),
            Self::Group => Some(Subject { kind: SubjectKind::Group, id }),
            Self::ResourceType
            | Self::Role
            | Self::Permission
            | Self::Action
            | Self::Resource
            | Self::Policy => None,
        }
    }
}

/// The relation from a resource to its type.
pub(super) const TYPE: &str = "Resource.type";

/// The subject that a member is.
pub(super) fn subject(kind: &str) -> Option<SubjectKind> {
    Source::named(kind)?.subject("").map(|subject| subject.kind)
}

/// A record, as far as the graph is concerned.
#[derive(Debug)]
pub(super) enum Fact {
    Subject {
        active: bool,
    },
    Role {
        permissions: Vec<String>,
        statements: Vec<Statement>,
    },
    Permission {
        statements: Vec<Statement>,
    },
    Action {
        name: Action,
        active: bool,
    },
    Resource {
        kind: String,
        slug: String,
    },
    ResourceType {
        slug: String,
    },
    Policy {
        subject: (SubjectKind, String),
        action: Action,
        scope: Scope,
    },
    /// There is no such record, or none that could grant anything.
    Nothing,
}

/// A user, or a client, of which nothing else is asked.
#[derive(Deserialize)]
struct UserRecord {
    active: Option<bool>,
    #[serde(rename = "urn:ietf:params:scim:schemas:extension:custom:2.0:User", default)]
    custom: CustomUser,
}

#[derive(Default, Deserialize)]
struct CustomUser {
    blocked: Option<bool>,
}

#[derive(Deserialize)]
struct Ref {
    value: String,
}

#[derive(Deserialize)]
struct StatementRecord {
    #[serde(default)]
    actions: Vec<Ref>,
    resource: Option<Ref>,
}

#[derive(Deserialize)]
struct RoleRecord {
    #[serde(default)]
    permissions: Vec<Ref>,
    #[serde(default)]
    statements: Vec<StatementRecord>,
}

#[derive(Deserialize)]
struct ActionRecord {
    name: String,
    active: Option<bool>,
}

#[derive(Deserialize)]
struct ResourceRecord {
    slug: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Ref>,
}

#[derive(Deserialize)]
struct PolicyRecord {
    subject: String,
    action: String,
    scope: String,
}

fn parse<'d, T: Deserialize<'d>>(document: &'d str) -> Result<T> {
    serde_json::from_str(document).map_err(Error::internal)
}

fn statements(records: Vec<StatementRecord>) -> Vec<Statement> {
    let statement = |record: StatementRecord| {
        let actions = record.actions.into_iter().map(|action| ActionRef::Id(action.value)).collect();
        // One without actions or a resource grants nothing.
        Statement::new(actions, Target::Resource(record.resource?.value)).ok()
    };
    records.into_iter().filter_map(statement).collect()
}

/// What was kept without a slug lies where its id says, so that what is granted on it holds; no slug looks like an id.
fn slug(kept: Option<String>, id: &str) -> String {
    kept.unwrap_or_else(|| id.to_owned())
}

impl Fact {
    /// What a document says.
    ///
    /// # Errors
    /// [`Error::Internal`] for one that its kind's schema would not have admitted.
    pub(super) fn of(source: Source, id: &str, document: &str) -> Result<Self> {
        Ok(match source {
            Source::User | Source::Client => {
                let user: UserRecord = parse(document)?;
                Self::Subject { active: user.active != Some(false) && user.custom.blocked != Some(true) }
            }
            Source::Group => Self::Subject { active: true },
            Source::Role if id == administrators::ROLE => {
                Self::Role { permissions: Vec::new(), statements: administrators::statements()? }
            }
            Source::Role => {
                let role: RoleRecord = parse(document)?;
                let permissions = role.permissions.into_iter().map(|permission| permission.value).collect();
                Self::Role { permissions, statements: statements(role.statements) }
            }
            Source::Permission => {
                let role: RoleRecord = parse(document)?;
                Self::Permission { statements: statements(role.statements) }
            }
            Source::Action => {
                let action: ActionRecord = parse(document)?;
                match Action::parse(&action.name, limits::ACTION_BYTES_MAX) {
                    // Durward's own actions are there without a record, and no record takes them away.
                    Ok(name) if is_durwards(name.as_str()) => Self::Nothing,
                    Ok(name) => Self::Action { name, active: action.active != Some(false) },
                    Err(_) => Self::Nothing,
                }
            }
            Source::Resource => {
                let resource: ResourceRecord = parse(document)?;
                match resource.kind {
                    Some(kind) => Self::Resource { kind: kind.value, slug: slug(resource.slug, id) },
                    None => Self::Nothing,
                }
            }
            Source::ResourceType => {
                Self::ResourceType { slug: slug(parse::<ResourceRecord>(document)?.slug, id) }
            }
            Source::Policy => {
                let policy: PolicyRecord = parse(document)?;
                let action = Action::parse(&policy.action, limits::ACTION_BYTES_MAX);
                let scope = Scope::parse(&policy.scope, &limits::SCOPE);
                let user = Subject { kind: SubjectKind::User, id: &policy.subject };
                let Subject { kind, id } = Subject::parse(&policy.subject).unwrap_or(user);
                match (action, scope) {
                    (Ok(action), Ok(scope)) => Self::Policy { subject: (kind, id.to_owned()), action, scope },
                    _ => Self::Nothing,
                }
            }
        })
    }

    /// The slug that a resource type has by it; none of what is no resource type (any more).
    pub(super) fn type_slug(&self) -> Option<&String> {
        match self {
            Self::ResourceType { slug } => Some(slug),
            _ => None,
        }
    }

    /// Puts it into the graph in place of what the record said before.
    ///
    /// # Errors
    /// When the graph is full.
    pub(super) fn put(
        &self,
        graph: &mut Graph,
        slugs: &mut HashMap<String, String>,
        source: Source,
        id: &str,
    ) -> Result<()> {
        let scope;
        let change = match self {
            Self::Subject { active } => match source.subject(id) {
                Some(subject) => Change::Subject { subject, active: *active },
                None => return Ok(()),
            },
            Self::Role { permissions, statements } => Change::Role { id, permissions, statements },
            Self::Permission { statements } => Change::Permission { id, statements },
            Self::Action { name, active } => Change::Action { id, name, active: *active },
            Self::Resource { kind, slug } => {
                let kind = slugs.get(kind).map(String::as_str).unwrap_or_default();
                match Scope::of(kind, slug, &limits::SCOPE) {
                    Ok(made) => {
                        scope = made;
                        Change::Resource { id, kind, scope: &scope }
                    }
                    Err(_) => Change::ResourceRemoved(id),
                }
            }
            Self::ResourceType { slug } => {
                slugs.insert(id.to_owned(), slug.clone());
                return Ok(());
            }
            Self::Policy { subject: (kind, holder), action, scope } => {
                Change::Policy { id, subject: Subject { kind: *kind, id: holder }, action, scope }
            }
            Self::Nothing => match source {
                Source::User | Source::Client | Source::Group => match source.subject(id) {
                    Some(subject) => Change::SubjectRemoved(subject),
                    None => return Ok(()),
                },
                Source::Role => Change::RoleRemoved(id),
                Source::Permission => Change::PermissionRemoved(id),
                Source::Action => Change::ActionRemoved(id),
                Source::Resource => Change::ResourceRemoved(id),
                Source::ResourceType => {
                    slugs.remove(id);
                    return Ok(());
                }
                Source::Policy => Change::PolicyRemoved(id),
            },
        };
        graph.apply(&change).map_err(Error::internal)
    }
}

/// Makes somebody a member of a group or role, or no member any more.
///
/// # Errors
/// When the graph is full.
pub(super) fn link(
    graph: &mut Graph,
    source: Source,
    id: &str,
    member: Subject<'_>,
    is_link: bool,
) -> Result<()> {
    let change = match (source, is_link) {
        (Source::Group, true) => Change::Member { group: id, member },
        (Source::Group, false) => Change::MemberRemoved { group: id, member },
        (Source::Role, true) => Change::RoleMember { role: id, member },
        (Source::Role, false) => Change::RoleMemberRemoved { role: id, member },
        _ => return Ok(()),
    };
    graph.apply(&change).map_err(Error::internal)
}

/// The kind of the nodes that have members.
pub(super) fn node(source: Source) -> Kind {
    match source {
        Source::Role => Kind::Role,
        _ => Kind::Group,
    }
}
