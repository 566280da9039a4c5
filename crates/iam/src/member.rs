//! Members: who is in a group or has a role, and the groups and roles of a subject.

use std::ops::ControlFlow;

use authz::graph::{Subject, SubjectKind};
use scim::error::quoted;
use scim::{Error as ScimError, ErrorKind};
use serde_json::Value;
use store::{EdgeRef, Over, Source, Sources};

use crate::access::{Permit, Read, Write};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::{Kind, Relation};
use crate::page::{Page, Part, count};
use crate::resource::missing;
use crate::subject::{Info, Searched, kind_name, named, search_text, sorts};
use crate::{Iam, limits};

/// The attribute of either kind that holds its members.
const MEMBERS: &str = "members";

/// What has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A group.
    Group,
    /// A role.
    Role,
}

impl Holder {
    fn kind_name(self) -> &'static str {
        match self {
            Self::Group => "Group",
            Self::Role => "Role",
        }
    }

    /// The kind, for which the permits here are.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none, which a test excludes.
    pub fn kind(self, cx: &Cx) -> Result<&Kind> {
        named(cx, self.kind_name())
    }

    fn relation(self) -> &'static str {
        match self {
            Self::Group => "Group.members",
            Self::Role => "Role.members",
        }
    }
}

/// A role, or whatever else has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name; that of a role stands in tokens.
    pub name: String,
}

/// Something that a subject has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held<T> {
    /// What.
    pub what: T,
    /// Whether the subject has it itself; else through a group.
    pub is_direct: bool,
}

static ROLES: Searched =
    Searched { kind: "Role", shown: &["name"], looked_through: &["name"], indexed: &["name"] };

impl Iam {
    /// Roles by name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a search that is too long.
    pub async fn roles(
        &self,
        cx: &Cx,
        permit: Permit<Read, &Kind>,
        search: Option<&str>,
        part: Part,
    ) -> Result<Page<Named>> {
        let found = self.searched(cx, permit, &ROLES, search, Some("name"), part).await?;
        let role = |(id, document)| Named { id, name: permit.kind().display_of(&document) };
        Ok(Page { items: found.items.into_iter().map(role).collect(), total: found.total })
    }

    /// The groups of a subject, direct and through other groups, by age.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn memberships(
        &self,
        cx: &Cx,
        permits: &Permit<Read, Vec<&Kind>>,
        _: Permit<Read, &Kind>,
        subject: &str,
        search: Option<&str>,
        part: Part,
    ) -> Result<Page<Held<Info>>> {
        let subject = self.subject(cx, permits, subject).await?;
        let mut found = self.leading(cx, Holder::Group, Over::Edges, &subject.id, search).await?;
        // In a circle of groups each is in itself, which nobody asks about.
        found.retain(|group| group.what.id != subject.id);
        let Page { items, total } = part.of(found);
        let mut groups = Vec::with_capacity(items.len());
        for Held { what: Named { id, .. }, is_direct } in items {
            let group = self.info(cx, Subject { kind: SubjectKind::Group, id: &id }).await?;
            groups.extend(group.map(|what| Held { what, is_direct }));
        }
        Ok(Page { items: groups, total })
    }

    /// The roles of a subject, direct and through groups, by id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn roles_of(
        &self,
        cx: &Cx,
        permits: &Permit<Read, Vec<&Kind>>,
        _: Permit<Read, &Kind>,
        subject: &str,
        search: Option<&str>,
        part: Part,
    ) -> Result<Page<Held<Named>>> {
        let subject = self.subject(cx, permits, subject).await?;
        let over = Over::Through { relation: Holder::Group.relation(), kind: Holder::Group.kind_name() };
        Ok(part.of(self.leading(cx, Holder::Role, over, &subject.id, search).await?))
    }

    /// What leads to a subject, by id, and is called so.
    async fn leading(
        &self,
        cx: &Cx,
        holder: Holder,
        over: Over<'_>,
        id: &str,
        search: Option<&str>,
    ) -> Result<Vec<Held<Named>>> {
        let search = Search::new(search)?;
        let take = limits::GROUPS_MAX.into();
        let asked = Sources { relation: holder.relation(), kind: holder.kind_name(), over, take };
        let found = self.of(cx).sources(id, &[asked]).await?.pop().unwrap_or_default();
        let is_called = |source: &Source| search.as_ref().is_none_or(|search| search.finds(&source.display));
        let held = |source: Source| Held {
            what: Named { id: source.id, name: source.display },
            is_direct: source.direct,
        };
        Ok(found.into_iter().filter(is_called).map(held).collect())
    }

    /// The members of a group or role, by id: those that are its members themselves.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] when there are too many to be searched.
    pub async fn members(
        &self,
        cx: &Cx,
        permits: &Permit<Read, Vec<&Kind>>,
        permit: Permit<Read, &Kind>,
        id: &str,
        search: Option<&str>,
        part: Part,
    ) -> Result<Page<Info>> {
        let id = self.holder(cx, permit.kind(), id).await?;
        let relation = permit.kind().relation(MEMBERS).ok_or(Error::Internal)?;
        let Page { items, total } = match Search::new(search)? {
            None => self.members_in(cx, relation, &id, part).await?,
            Some(search) => self.members_called(cx, relation, &id, &search, part).await?,
        };
        let mut members = Vec::with_capacity(items.len());
        // Who may not be looked at is counted and left out.
        let sorts = sorts(permits);
        for (kind, id) in items.into_iter().filter(|(kind, _)| sorts.contains(kind)) {
            members.extend(self.info(cx, Subject { kind, id: &id }).await?);
        }
        Ok(Page { items: members, total })
    }

    async fn members_in(&self, cx: &Cx, relation: &Relation, id: &str, part: Part) -> Result<Page<Member>> {
        let mut items = Vec::new();
        let total = self.of(cx).edge_count(&relation.name, id).await?;
        let take = |edge: EdgeRef<'_>| {
            items.extend(member(edge));
            ControlFlow::Continue(())
        };
        self.of(cx).edges_page(&relation.name, id, (part.skip, part.take), take).await?;
        Ok(Page { items, total })
    }

    /// Members by what they are called. All of them are looked through.
    async fn members_called(
        &self,
        cx: &Cx,
        relation: &Relation,
        id: &str,
        search: &Search,
        part: Part,
    ) -> Result<Page<Member>> {
        if self.of(cx).edge_count(&relation.name, id).await? > count(limits::SCAN_EDGES_MAX) {
            let most = limits::SCAN_EDGES_MAX;
            let detail = format!("more than {most} members cannot be searched");
            return Err(Error::Invalid(ScimError::new(ErrorKind::TooMany, detail)));
        }
        let mut found = Vec::new();
        let take = |edge: EdgeRef<'_>| {
            if search.finds(edge.display) {
                found.extend(member(edge));
            }
        };
        self.each_edge(cx, relation, id, take).await?;
        Ok(part.of(found))
    }

    /// Makes subjects members of a group or role, or takes them out; all of them or none. Who is a member already stays one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such group or role, [`Error::Invalid`] naming who is no subject.
    pub async fn change_members(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        id: &str,
        subjects: &[String],
        is_link: bool,
    ) -> Result<()> {
        if subjects.len() > limits::MEMBERS_CHANGED_MAX {
            let most = limits::MEMBERS_CHANGED_MAX;
            return Err(Error::invalid(format!("`subjectIds`: at most {most} at once")));
        }
        let id = self.holder(cx, permit.kind(), id).await?;
        let mut targets = Vec::with_capacity(subjects.len());
        for (place, subject) in subjects.iter().enumerate() {
            let found = match is_link {
                true => self.find_subject(cx, &SubjectKind::ALL, subject).await.map(|info| info.id),
                // Who has been deleted meanwhile is no member either.
                false => {
                    Ok(Subject::parse(subject).map_or(subject.as_str(), |subject| subject.id).to_owned())
                }
            };
            targets.push(found.map_err(|error| match error {
                Error::NotFound(why) => Error::invalid(format!("`subjectIds[{place}]`: {why}")),
                error => error,
            })?);
        }
        self.relate(cx, permit, MEMBERS, &id, &targets, is_link).await.map(drop)
    }

    /// Makes one subject a member of a group or role, or takes it out.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such group, role or subject, or who is to go is no member.
    pub async fn change_member(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        id: &str,
        subject: &str,
        is_link: bool,
    ) -> Result<()> {
        let id = self.holder(cx, permit.kind(), id).await?;
        let found = self.find_subject(cx, &SubjectKind::ALL, subject).await?;
        let is_changed = self.relate(cx, permit, MEMBERS, &id, &[found.id], is_link).await?;
        match is_link || is_changed {
            true => Ok(()),
            false => Err(Error::NotFound(format!("{} is no member", quoted(subject)))),
        }
    }

    /// The id of what has members: of a group by its id, of a role by its id or name.
    async fn holder(&self, cx: &Cx, kind: &Kind, id: &str) -> Result<String> {
        if kind.name() == Holder::Group.kind_name() {
            return Ok(self.find_subject(cx, &[SubjectKind::Group], id).await?.id);
        }
        if self.of(cx).with_record(kind.name(), id, |_| ()).await?.is_some() {
            return Ok(id.to_owned());
        }
        let named = match kind.unique.first() {
            Some(name) => match scim::value::key(name.leaf(), &Value::from(id)) {
                Some(key) if key.len() <= limits::UNIQUE_BYTES_MAX => {
                    self.of(cx).id_by_key(kind.name(), &name.name, &key).await?
                }
                _ => None,
            },
            None => None,
        };
        named.ok_or_else(|| missing(kind, id))
    }
}

/// A member: its kind and id.
type Member = (SubjectKind, String);

fn member(edge: EdgeRef<'_>) -> Option<Member> {
    let kind = SubjectKind::ALL.into_iter().find(|kind| kind_name(*kind) == edge.target_kind)?;
    Some((kind, edge.target.to_owned()))
}

/// What names are looked through for, whatever the case.
struct Search(String);

impl Search {
    fn new(text: Option<&str>) -> Result<Option<Self>> {
        Ok(search_text(text)?.map(|text| Self(text.to_lowercase())))
    }

    fn finds(&self, name: &str) -> bool {
        name.to_lowercase().contains(&self.0)
    }
}
