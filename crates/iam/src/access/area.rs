//! The areas of Durward: each has an action to read it and one to change it, and lies on a scope of its own.
//!
//! An area is a kind's endpoint in lower case, or one of those that stand here.

use std::sync::LazyLock;

use authz::graph::Target;
use authz::{Action, Scope};

use crate::error::{Error, Result};
use crate::kind::{Kind, Kinds};
use crate::limits;

/// The action that covers all of Durward's, and the scheme of its scopes.
pub const DURWARD: &str = "durward";
/// What the documents call the whole of the administration; it covers all of Durward's actions too.
pub const SERVICES: &str = "services.iam";
/// The areas that no kind is, for whom they are, and what their actions let do; none where there is nothing to change.
const OWN: [(&str, For, &str, Option<&str>); 7] = [
    ("audit", For::Administrators, "Read the audit log", None),
    ("decisions", For::All, "Ask who may do what, and why", None),
    (
        "event-streams",
        For::Administrators,
        "See event streams, but not their secrets",
        Some("Set up, change and remove event streams"),
    ),
    (
        "me",
        For::Themselves,
        "See the user that a token stands for",
        Some("Change or delete the user that a token stands for"),
    ),
    (
        "providers",
        For::Administrators,
        "See identity providers",
        Some("Set up, change and remove identity providers"),
    ),
    (
        "schemas",
        For::Administrators,
        "See the schemas and resource types that the tenant defined",
        Some("Define, change and remove schemas and resource types of the tenant"),
    ),
    (
        "tokens",
        For::Administrators,
        "See tokens, but not their secrets",
        Some("Make, replace and end tokens"),
    ),
];
/// Above an action, these words mean something else than an area.
const WORDS: [&str; 1] = ["manage"];

/// For whom an area is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Every token; who stands for a user needs a grant.
    All,
    /// Every token; what it stands for is its own, and needs no grant.
    Themselves,
    /// Tokens of administrators.
    Administrators,
}

/// A part of Durward.
#[derive(Clone, Debug)]
pub struct Area {
    read: Action,
    write: Action,
    pub(crate) scope: Target,
    pub(super) who: For,
}

impl Area {
    /// The area of a kind, by its endpoint.
    pub(crate) fn of_kind(endpoint: &str) -> Result<Self, authz::Error> {
        Self::new(&endpoint.to_ascii_lowercase(), For::All)
    }

    fn new(name: &str, who: For) -> Result<Self, authz::Error> {
        let action = |verb: &str| action(&format!("{DURWARD}.{name}.{verb}"));
        Ok(Self { read: action("read")?, write: action("write")?, scope: scope(name)?, who })
    }

    fn whole() -> Result<Self, authz::Error> {
        let all = action(DURWARD)?;
        Ok(Self { read: all.clone(), write: all, scope: scope("")?, who: For::Administrators })
    }

    pub(super) fn action(&self, writes: bool) -> &Action {
        if writes { &self.write } else { &self.read }
    }
}

/// An action of Durward's.
pub(super) fn action(name: &str) -> Result<Action, authz::Error> {
    Action::parse(name, limits::ACTION_BYTES_MAX)
}

fn scope(area: &str) -> Result<Target, authz::Error> {
    Scope::parse(&format!("{DURWARD}:/{area}"), &limits::SCOPE).map(Target::Scope)
}

/// The scope on which an action of Durward's is asked about.
pub(super) fn scope_of(action: &Action) -> Result<Target, authz::Error> {
    match action.as_str().split('.').nth(1).filter(|_| action.as_str() != SERVICES) {
        Some(area) if !WORDS.contains(&area) => scope(area),
        _ => scope(""),
    }
}

/// Whether it is about what a token stands for.
pub(super) fn is_own(action: &Action) -> bool {
    action.as_str().split('.').nth(1) == Some("me")
}

/// Whether an action, or a scope in its one spelling, is of Durward itself.
pub(crate) fn is_durwards(name: &str) -> bool {
    [DURWARD, SERVICES]
        .iter()
        .any(|own| name.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':'])))
}

/// Whether no kind may have this endpoint, as the area of that name is another.
pub(crate) fn is_taken(endpoint: &str) -> bool {
    OWN.iter().map(|(name, ..)| name).chain(&WORDS).any(|name| name.eq_ignore_ascii_case(endpoint))
}

/// One thing that Durward lets be done.
pub(super) struct Known {
    pub(super) action: Action,
    pub(super) who: For,
    pub(super) writes: bool,
    /// For people.
    pub(super) description: String,
}

/// All that Durward lets be done in a tenant with these kinds.
pub(super) fn all(kinds: &Kinds) -> Result<Vec<Known>> {
    let known = |area: &Area, writes: bool, description: String| Known {
        action: area.action(writes).clone(),
        who: area.who,
        writes,
        description,
    };
    let mut all = Vec::new();
    for kind in kinds.iter() {
        let things = kind.schema.endpoint.to_ascii_lowercase().replace('-', " ");
        all.push(known(&kind.area, false, format!("See {things}")));
        all.push(known(&kind.area, true, format!("Create, change and delete {things}")));
    }
    for (name, who, reading, writing) in OWN {
        let area = Area::new(name, who).map_err(Error::internal)?;
        all.push(known(&area, false, reading.to_owned()));
        all.extend(writing.map(|writing| known(&area, true, writing.to_owned())));
    }
    Ok(all)
}

/// All that Durward lets be done in a tenant with these kinds: `durward.users.read` and so on, by area, each with what it
/// lets do.
///
/// # Errors
/// [`Error::Internal`] if one of them is no action, which a test excludes.
pub fn actions(kinds: &Kinds) -> Result<Vec<(Action, String)>> {
    Ok(all(kinds)?.into_iter().map(|known| (known.action, known.description)).collect())
}

/// What access is decided about: a kind, or an area that is none.
pub trait Place: Copy {
    /// The area it is.
    ///
    /// # Errors
    /// None for what comes with Durward, which a test shows.
    fn area(&self) -> Result<&Area>;
}

impl Place for &Kind {
    fn area(&self) -> Result<&Area> {
        Ok(&self.area)
    }
}

macro_rules! place {
    ($(#[$about:meta])* $place:ident, $area:expr) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug)]
        pub struct $place;

        impl Place for $place {
            fn area(&self) -> Result<&Area> {
                static AREA: LazyLock<Result<Area, authz::Error>> = LazyLock::new(|| $area);
                AREA.as_ref().map_err(Error::internal)
            }
        }
    };
}

place!(
    /// The audit log.
    Audit,
    Area::new("audit", For::Administrators)
);
place!(
    /// Who may do what in the tenant.
    Decisions,
    Area::new("decisions", For::All)
);
place!(
    /// To whom events are delivered.
    EventStreams,
    Area::new("event-streams", For::Administrators)
);
place!(
    /// What a token stands for (RFC 7644 §3.11).
    Me,
    Area::new("me", For::Themselves)
);
place!(
    /// Identity providers.
    Providers,
    Area::new("providers", For::Administrators)
);
place!(
    /// Schemas and resource types that the tenant defines.
    Schemas,
    Area::new("schemas", For::Administrators)
);
place!(
    /// Tokens.
    Tokens,
    Area::new("tokens", For::Administrators)
);
place!(
    /// All of Durward.
    Whole,
    Area::whole()
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_area_has_two_actions_on_its_scope() {
        let kinds = Kinds::standard().unwrap();
        let all = all(&kinds).unwrap();
        let shown =
            all.iter().map(|known| format!("{} {:?}: {}", known.action, known.who, known.description));
        let shown: Vec<String> = shown.collect();
        expect_test::expect![[r#"
            durward.users.read All: See users
            durward.users.write All: Create, change and delete users
            durward.groups.read All: See groups
            durward.groups.write All: Create, change and delete groups
            durward.clients.read All: See clients
            durward.clients.write All: Create, change and delete clients
            durward.actions.read All: See actions
            durward.actions.write All: Create, change and delete actions
            durward.resource-types.read All: See resource types
            durward.resource-types.write All: Create, change and delete resource types
            durward.resources.read All: See resources
            durward.resources.write All: Create, change and delete resources
            durward.permissions.read All: See permissions
            durward.permissions.write All: Create, change and delete permissions
            durward.roles.read All: See roles
            durward.roles.write All: Create, change and delete roles
            durward.policies.read All: See policies
            durward.policies.write All: Create, change and delete policies
            durward.audit.read Administrators: Read the audit log
            durward.decisions.read All: Ask who may do what, and why
            durward.event-streams.read Administrators: See event streams, but not their secrets
            durward.event-streams.write Administrators: Set up, change and remove event streams
            durward.me.read Themselves: See the user that a token stands for
            durward.me.write Themselves: Change or delete the user that a token stands for
            durward.providers.read Administrators: See identity providers
            durward.providers.write Administrators: Set up, change and remove identity providers
            durward.schemas.read Administrators: See the schemas and resource types that the tenant defined
            durward.schemas.write Administrators: Define, change and remove schemas and resource types of the tenant
            durward.tokens.read Administrators: See tokens, but not their secrets
            durward.tokens.write Administrators: Make, replace and end tokens"#]]
        .assert_eq(&shown.join("\n"));
        let areas = [
            Audit.area(),
            Decisions.area(),
            EventStreams.area(),
            Me.area(),
            Providers.area(),
            Schemas.area(),
            Tokens.area(),
        ];
        for area in areas.map(Result::unwrap) {
            assert!(all.iter().any(|known| known.action == *area.action(false)));
            assert_eq!(scope_of(area.action(true)).unwrap(), area.scope);
        }
        for name in [DURWARD, SERVICES, "durward.manage"] {
            assert_eq!(scope_of(&action(name).unwrap()).unwrap(), Whole.area().unwrap().scope, "{name}");
        }
    }
}
