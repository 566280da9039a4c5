//! Subjects: users, clients and groups, as the administration API lists them. Each is a resource of its kind like any other.

use authz::graph::{Subject, SubjectKind};
use scim::Object;
use scim::error::quoted;
use scim::message::ListQuery;
use serde_json::{Value, json};
use store::RecordRef;

use crate::access::{Permit, Read, Write};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::page::{Page, Part, count};
use crate::resource::Condition;
use crate::{Iam, limits};

/// A subject, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// What it is.
    pub kind: SubjectKind,
    /// Its id, without any prefix.
    pub id: String,
    /// What people call it.
    pub display_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Of a user, the name to sign in with.
    pub user_name: Option<String>,
    /// Of a user, the primary e-mail address, or the first.
    pub email: Option<String>,
    /// Of a user, the primary telephone number, or the first.
    pub phone_number: Option<String>,
    /// Whether it may do anything at all; a group has no say in that.
    pub active: Option<bool>,
}

impl Info {
    /// As policies name it.
    pub fn subject(&self) -> Subject<'_> {
        Subject { kind: self.kind, id: &self.id }
    }

    /// What a document says of a subject.
    fn of(kind: &Kind, sort: SubjectKind, id: &str, document: &Object) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            kind: sort,
            id: id.to_owned(),
            display_name: kind.display_of(document),
            description: text("description"),
            user_name: text("userName"),
            email: preferred(document, "emails"),
            phone_number: preferred(document, "phoneNumbers"),
            active: document.get("active").and_then(Value::as_bool),
        }
    }
}

/// Of a multi-valued attribute the value that is primary, or else the first (RFC 7643 §2.4).
fn preferred(document: &Object, attribute: &str) -> Option<String> {
    let values = document.get(attribute)?.as_array()?;
    let primary = values.iter().find(|value| value.get("primary") == Some(&Value::Bool(true)));
    Some(primary.or(values.first())?.get("value")?.as_str()?.to_owned())
}

/// A kind whose resources can be searched for by people.
pub(crate) struct Searched {
    pub(crate) kind: &'static str,
    /// The attributes that a list shows.
    pub(crate) shown: &'static [&'static str],
    /// Those of which one must contain what is searched for.
    pub(crate) looked_through: &'static [&'static str],
    /// Those that have an index, of which one must begin with it where there are too many to look through.
    pub(crate) indexed: &'static [&'static str],
}

static USERS: Searched = Searched {
    kind: "User",
    shown: &["displayName", "name", "userName", "emails", "phoneNumbers", "active"],
    looked_through: &["displayName", "name.givenName", "name.familyName", "userName", "emails.value"],
    indexed: &["name.givenName", "name.familyName", "userName", "emails.value"],
};
static CLIENTS: Searched = Searched {
    kind: "Client",
    shown: &["name", "description", "active"],
    looked_through: &["name"],
    indexed: &["name"],
};
static GROUPS: Searched = Searched {
    kind: "Group",
    shown: &["displayName", "description"],
    looked_through: &["displayName"],
    indexed: &["displayName"],
};

/// How subjects of that kind are kept and searched.
fn searched(kind: SubjectKind) -> &'static Searched {
    match kind {
        SubjectKind::User => &USERS,
        SubjectKind::Client => &CLIENTS,
        SubjectKind::Group => &GROUPS,
    }
}

/// The name of the kind whose resources are subjects of that kind.
pub(crate) fn kind_name(kind: SubjectKind) -> &'static str {
    searched(kind).kind
}

/// The kind whose resources are subjects of that kind, for which the permits here are.
///
/// # Errors
/// [`Error::Internal`] if there is none, which a test excludes.
pub fn kind(cx: &Cx, sort: SubjectKind) -> Result<&Kind> {
    named(cx, kind_name(sort))
}

/// Of what kinds the subject may be that an id means.
pub fn kinds_of(id: &str) -> Vec<SubjectKind> {
    Subject::parse(id).map_or_else(|| SubjectKind::ALL.to_vec(), |subject| vec![subject.kind])
}

/// The kinds of subjects that may be looked at.
pub(crate) fn sorts(permits: &Permit<Read, Vec<&Kind>>) -> Vec<SubjectKind> {
    let is_permitted =
        |sort: &SubjectKind| permits.kinds().iter().any(|kind| kind.name() == kind_name(*sort));
    SubjectKind::ALL.into_iter().filter(is_permitted).collect()
}

/// What a search is for; nothing where that is empty.
///
/// # Errors
/// [`Error::Invalid`] when it is too long.
pub(crate) fn search_text(search: Option<&str>) -> Result<Option<&str>> {
    match search.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) if text.len() > limits::SEARCH_BYTES_MAX => {
            Err(Error::invalid(format!("a search is at most {} bytes", limits::SEARCH_BYTES_MAX)))
        }
        text => Ok(text),
    }
}

impl Iam {
    /// Subjects of the kinds that are permitted, one kind after the other, each by age.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a search that is too long.
    pub async fn subjects(
        &self,
        cx: &Cx,
        permits: &Permit<Read, Vec<&Kind>>,
        search: Option<&str>,
        part: Part,
    ) -> Result<Page<Info>> {
        let (mut page, mut rest) = (Page { items: Vec::new(), total: 0 }, part);
        for sort in sorts(permits) {
            let Some(permit) = permits.each().find(|permit| permit.kind().name() == kind_name(sort)) else {
                continue;
            };
            let found = self.searched(cx, permit, searched(sort), search, None, rest).await?;
            rest = rest.after(found.total, count(found.items.len()));
            page.total += found.total;
            page.items
                .extend(found.items.iter().map(|(id, document)| Info::of(permit.kind(), sort, id, document)));
        }
        Ok(page)
    }

    /// The subject of that id: `user-…`, `client-…` or `group-…`, or the bare id of one of a kind that is permitted.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn subject(&self, cx: &Cx, permits: &Permit<Read, Vec<&Kind>>, id: &str) -> Result<Info> {
        self.find_subject(cx, &sorts(permits), id).await
    }

    /// Makes a group without members.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the member that is wrong.
    pub async fn create_group(
        &self,
        cx: &Cx,
        permit: Permit<Write, &Kind>,
        display_name: &str,
        description: Option<&str>,
    ) -> Result<Info> {
        let draft = json!({ "displayName": display_name, "description": description });
        let Value::Object(draft) = draft else { return Err(Error::Internal) };
        let draft: Object = draft.into_iter().filter(|(_, value)| !value.is_null()).collect();
        let made = self.create(cx, permit, draft, &ListQuery::default()).await?;
        let document: Object = serde_json::from_str(&made.body).map_err(Error::internal)?;
        Ok(Info::of(permit.kind(), SubjectKind::Group, &made.id, &document))
    }

    /// Deletes a group. Its members stay, and its policies go with it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_group(&self, cx: &Cx, permit: Permit<Write, &Kind>, id: &str) -> Result<()> {
        let group = self.find_subject(cx, &[SubjectKind::Group], id).await?;
        self.delete(cx, permit, &group.id, &Condition::default()).await
    }

    /// Resources of a kind, in part: id and document. They are looked through for a text while there are few enough; of more,
    /// those are found that begin with it, by their indexes.
    pub(crate) async fn searched(
        &self,
        cx: &Cx,
        permit: Permit<Read, &Kind>,
        how: &Searched,
        search: Option<&str>,
        sort_by: Option<&str>,
        part: Part,
    ) -> Result<Page<(String, Object)>> {
        let filter = match search_text(search)? {
            None => None,
            Some(text) => {
                let is_many = self.of(cx).total(permit.kind().name()).await? > count(limits::SCAN_MAX);
                let (names, op) = if is_many { (how.indexed, "sw") } else { (how.looked_through, "co") };
                let text = Value::from(text);
                let terms: Vec<_> = names.iter().map(|name| format!("{name} {op} {text}")).collect();
                Some(terms.join(" or "))
            }
        };
        let number = |n: u64| Some(i64::try_from(n).unwrap_or(i64::MAX));
        let query = ListQuery {
            filter,
            sort_by: sort_by.map(str::to_owned),
            start_index: number(part.skip.saturating_add(1)),
            count: number(part.take),
            attributes: Some(how.shown.iter().map(|name| (*name).to_owned()).collect()),
            ..ListQuery::default()
        };
        let listing = self.list(cx, permit, &query).await?;
        let documents: Vec<Object> =
            serde_json::from_str(&format!("[{}]", listing.resources)).map_err(Error::internal)?;
        let id =
            |document: &Object| document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let items = documents.into_iter().map(|document| (id(&document), document)).collect();
        Ok(Page { items, total: listing.head.total_results.unwrap_or_default() })
    }

    /// The subject that an id means, among these kinds.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn find_subject(&self, cx: &Cx, kinds: &[SubjectKind], id: &str) -> Result<Info> {
        let prefixed = Subject::parse(id).filter(|subject| kinds.contains(&subject.kind));
        let bare = kinds.iter().map(|kind| Subject { kind: *kind, id });
        for subject in prefixed.into_iter().chain(bare) {
            if let Some(info) = self.info(cx, subject).await? {
                return Ok(info);
            }
        }
        let what = match kinds {
            [kind] => kind.as_str(),
            _ => "subject",
        };
        Err(Error::NotFound(format!("there is no {what} {}", quoted(id))))
    }

    /// What is known of a subject, if it is there.
    pub(crate) async fn info(&self, cx: &Cx, subject: Subject<'_>) -> Result<Option<Info>> {
        let kind = kind(cx, subject.kind)?;
        let document = |record: RecordRef<'_>| record.document.to_owned();
        let Some(document) = self.of(cx).with_record(kind.name(), subject.id, document).await? else {
            return Ok(None);
        };
        let document: Object = serde_json::from_str(&document).map_err(Error::internal)?;
        Ok(Some(Info::of(kind, subject.kind, subject.id, &document)))
    }
}

/// The kind of that name, which every tenant has.
pub(crate) fn named<'c>(cx: &'c Cx, name: &str) -> Result<&'c Kind> {
    cx.kinds.named(name).map(std::convert::AsRef::as_ref).ok_or(Error::Internal)
}
