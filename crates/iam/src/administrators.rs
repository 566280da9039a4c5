//! The administrators of a tenant: the active users who have the role `TenantAdmin`, of themselves or through groups.
//!
//! The role is a record like any other and is made with its tenant. What it grants is everything of Durward's, and stands in
//! no record. Once a tenant has an administrator it keeps one: a write that could take the last one away names another who
//! stays, and is committed only while that one still is an administrator.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::ControlFlow;

use authz::graph::{ActionRef, Statement, Target};
use scim::Object;
use scim::message::ListQuery;
use serde_json::{Value, json};
use store::{Batch, Tenant};

use crate::access::{DURWARD, Place, SERVICES, Whole, Write};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::kind::reserve::Change;
use crate::kind::user::is_active;
use crate::tenant::Operator;
use crate::{Iam, limits};

/// The id and the name of the role.
pub(crate) const ROLE: &str = "TenantAdmin";

const ROLES: &str = "Role";
const GROUPS: &str = "Group";
const USERS: &str = "User";
/// Members read at once.
const CHUNK: u64 = 100;

/// The relation of the members of a kind.
fn members(kind: &str) -> &'static str {
    if kind == ROLES { "Role.members" } else { "Group.members" }
}

/// What the role grants.
pub(crate) fn statements() -> Result<Vec<Statement>> {
    let action = |name| authz::Action::parse(name, limits::ACTION_BYTES_MAX).map(ActionRef::Name);
    let actions = [DURWARD, SERVICES].map(action).into_iter().collect::<Result<Vec<_>, _>>();
    let scope: Target = Whole.area()?.scope.clone();
    let statement = actions.and_then(|actions| Statement::new(actions, scope));
    Ok(vec![statement.map_err(Error::internal)?])
}

/// Makes the role.
impl Iam {
    /// Sees that every tenant has the role of its administrators.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn make_administrators(&self, operator: Operator<'_>) -> Result<()> {
        for tenant in self.tenants(operator).await? {
            match self.make_administrators_of(operator, tenant).await {
                // It was deleted meanwhile.
                Err(Error::NotFound(_)) => {}
                made => made?,
            }
        }
        Ok(())
    }

    pub(crate) async fn make_administrators_of(&self, operator: Operator<'_>, tenant: Tenant) -> Result<()> {
        let cx = self.operating(operator, tenant).await?;
        if self.is_made(&cx).await? {
            return Ok(());
        }
        let kind = cx.kinds.named(ROLES).ok_or(Error::Internal)?;
        let permit = self.permit(&cx, Write, &**kind).await?;
        let draft = json!({ "id": ROLE, "name": ROLE, "description": "Who administers the tenant" });
        let Value::Object(draft) = draft else { return Err(Error::Internal) };
        match self.create(&cx, permit, draft, &ListQuery::default()).await {
            Ok(_) => Ok(()),
            // Another node was faster, unless a role of another id has the name.
            Err(Error::Conflict { .. }) => {
                if !self.is_made(&cx).await? {
                    tracing::warn!(
                        tenant = &*cx.tenant_name,
                        "another role is called `TenantAdmin`; rename it and start again"
                    );
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn is_made(&self, cx: &Cx) -> Result<bool> {
        Ok(self.of(cx).with_record(ROLES, ROLE, |_| ()).await?.is_some())
    }
}

/// What a write may take away, and who comes by the same write.
#[derive(Default)]
struct Loss<'a> {
    /// A user who is deleted or deactivated, or a group that is deleted.
    whole: Option<&'a str>,
    /// Members that leave what is changed.
    leave: BTreeSet<&'a str>,
    /// Members that join it.
    join: BTreeSet<&'a str>,
}

impl<'a> Loss<'a> {
    /// None where no administrator can be lost.
    fn of(kind: &Kind, change: &Change<'a>) -> Option<Self> {
        let targets = |joins: bool| {
            let edges = change.edges.iter().filter(move |edge| edge.is_link == joins);
            edges.map(|edge| edge.target.as_str()).collect::<BTreeSet<_>>()
        };
        let leave = targets(false);
        let whole = match (kind.name(), change.before?) {
            // The version that is expected of it says that it still is not active.
            (USERS, before) if is_active(before) && !change.after.is_some_and(is_active) => Some(change.id),
            (GROUPS, _) if change.after.is_none() => Some(change.id),
            (GROUPS, _) if !leave.is_empty() => None,
            (ROLES, _) if change.id == ROLE && !leave.is_empty() => None,
            _ => return None,
        };
        Some(Self { whole, leave, join: targets(true) })
    }
}

/// That somebody is a member of a role or group.
struct Membership {
    kind: &'static str,
    source: String,
    target: String,
}

/// An administrator, and what makes one of that user.
struct Witness {
    user: String,
    version: i64,
    memberships: Vec<Membership>,
}

/// What a search for an administrator came to.
#[derive(Default)]
struct Found {
    witness: Option<Witness>,
    /// Where there is none: everything that was looked at, in these versions.
    seen: Vec<(&'static str, String, i64)>,
    /// Whether something was passed over because it is about to be lost.
    is_less: bool,
}

/// By what each was met, and the groups that are not looked into yet.
#[derive(Default)]
struct Ways {
    up: HashMap<String, (&'static str, String)>,
    next: VecDeque<(&'static str, String)>,
}

/// Keeps the last administrator.
impl Iam {
    /// The beginning of the batch of a write: what must hold so that an administrator remains. Empty for a write that takes
    /// none away.
    ///
    /// # Errors
    /// [`Error::Blocked`] when none would remain.
    pub(crate) async fn keep_administrator(
        &self,
        cx: &Cx,
        kind: &Kind,
        change: &Change<'_>,
    ) -> Result<Batch> {
        let mut batch = Batch::default();
        let Some(loss) = Loss::of(kind, change) else { return Ok(batch) };
        let mut found = self.administrator(cx, change.id, &loss).await?;
        if let Some(witness) = found.witness {
            batch.while_held(USERS, &witness.user, witness.version);
            for Membership { kind, source, target } in &witness.memberships {
                // Who joins by this batch is linked by it.
                if source != change.id || !loss.join.contains(target.as_str()) {
                    batch.while_linked(kind, members(kind), source, target);
                }
            }
            return Ok(batch);
        }
        if found.is_less {
            found = self.administrator(cx, "", &Loss::default()).await?;
        }
        if found.witness.is_some() {
            return Err(Error::Blocked(format!(
                "the tenant would be left without an administrator: nobody else who is active has the role `{ROLE}`"
            )));
        }
        for (kind, id, version) in &found.seen {
            batch.while_held(kind, id, *version);
        }
        Ok(batch)
    }

    /// Looks for an administrator who remains, by the shortest way; those who join by the write itself are looked at first.
    async fn administrator(&self, cx: &Cx, changed: &str, loss: &Loss<'_>) -> Result<Found> {
        let mut found = Found::default();
        let mut ways = Ways::default();
        ways.next.push_back((ROLES, ROLE.to_owned()));
        while let Some((kind, id)) = ways.next.pop_front() {
            // Before its members: who joins after this makes another version.
            let version = self.of(cx).with_record(kind, &id, |record| record.version).await?;
            let Some(version) = version else { continue };
            found.seen.push((kind, id.clone(), version));
            for target in loss.join.iter().filter(|_| changed == id) {
                let is_group = self.of(cx).with_record(GROUPS, target, |_| ()).await?.is_some();
                if self.is_found(cx, (kind, &id), (target, is_group), &mut ways, &mut found).await? {
                    return Ok(found);
                }
            }
            let mut last: Option<String> = None;
            loop {
                let chunk = self.members_after(cx, kind, &id, last.as_deref()).await?;
                last = chunk.last().map(|(target, _)| target.clone());
                let is_full = u64::try_from(chunk.len()).unwrap_or(u64::MAX) == CHUNK;
                for (target, is_group) in chunk {
                    let leaves = changed == id && loss.leave.contains(target.as_str());
                    if leaves || loss.whole == Some(target.as_str()) {
                        found.is_less = true;
                    } else if self
                        .is_found(cx, (kind, &id), (&target, is_group), &mut ways, &mut found)
                        .await?
                    {
                        return Ok(found);
                    }
                }
                if !is_full {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Looks at a member. Whoever is an active user is found; a group is looked into in its turn.
    async fn is_found(
        &self,
        cx: &Cx,
        (kind, id): (&'static str, &str),
        (target, is_group): (&str, bool),
        ways: &mut Ways,
        found: &mut Found,
    ) -> Result<bool> {
        if ways.up.contains_key(target) {
            return Ok(false);
        }
        ways.up.insert(target.to_owned(), (kind, id.to_owned()));
        if is_group {
            ways.next.push_back((GROUPS, target.to_owned()));
            return Ok(false);
        }
        let user = |record: store::RecordRef<'_>| (record.version, is_active_in(record.document));
        match self.of(cx).with_record(USERS, target, user).await? {
            Some((version, Ok(true))) => {
                let memberships = memberships(&ways.up, target);
                found.witness = Some(Witness { user: target.to_owned(), version, memberships });
                return Ok(true);
            }
            Some((version, active)) => {
                active?;
                found.seen.push((USERS, target.to_owned(), version));
            }
            None => {}
        }
        match found.seen.len() > limits::ADMINISTRATORS_EXAMINED_MAX {
            true => Err(too_many()),
            false => Ok(false),
        }
    }

    /// Members of a role or group past one of them, and whether each is a group.
    async fn members_after(
        &self,
        cx: &Cx,
        kind: &str,
        id: &str,
        last: Option<&str>,
    ) -> Result<Vec<(String, bool)>> {
        let mut chunk = Vec::new();
        self.of(cx)
            .edges(members(kind), id, last, CHUNK, |edge| {
                chunk.push((edge.target.to_owned(), edge.target_kind == GROUPS));
                ControlFlow::Continue(())
            })
            .await?;
        Ok(chunk)
    }
}

fn too_many() -> Error {
    Error::Blocked(format!(
        "none of the first {} who have the role `{ROLE}` is active, so that it cannot be told whether an administrator \
         would be left; make one its member",
        limits::ADMINISTRATORS_EXAMINED_MAX
    ))
}

fn is_active_in(document: &str) -> Result<bool> {
    serde_json::from_str::<Object>(document).map(|user| is_active(&user)).map_err(Error::internal)
}

/// By what a user has the role: from each to the one above it.
fn memberships(ways: &HashMap<String, (&'static str, String)>, user: &str) -> Vec<Membership> {
    let (mut memberships, mut target) = (Vec::new(), user);
    while let Some((kind, source)) = ways.get(target) {
        memberships.push(Membership { kind, source: source.clone(), target: target.to_owned() });
        if *kind == ROLES {
            break;
        }
        target = source;
    }
    memberships
}
