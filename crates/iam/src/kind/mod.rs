//! Kinds: what a resource may be, as data.
//!
//! A kind is a resource type (schemas) and a few facts: which attributes are unique, which are indexed, which are
//! kept as edges, which are derived from edges, and the rules that schemas cannot say. The engine in `resource/`
//! reads these facts and knows no kind by name.

mod action;
mod active;
mod client;
mod facts;
mod group;
pub(crate) mod keys;
pub(crate) mod mention;
mod permission;
mod policy;
pub(crate) mod reserve;
mod resource;
mod resource_type;
mod role;
pub(crate) mod slug;
pub(crate) mod user;

use std::sync::{Arc, LazyLock};

use memchr::memmem;
use scim::Object;
use scim::admit::Admitted;
use scim::schema::{Attribute, Extension, ResourceType, Returned, Schema};

use crate::access::Area;
use crate::error::{Error, Result};
use facts::Facts;
use keys::{Probe, Together};
pub use mention::Mention;
use reserve::{Reserve, Reserved};

/// What was there before a write, and how it becomes what comes after.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// Nothing: the resource is created.
    Nothing,
    /// A document that another takes the place of.
    Replaced(&'a Object),
    /// A document that was changed in part.
    Patched(&'a Object),
}

/// What is special about a resource of a kind: looks at what was before, completes or refuses what comes after.
pub type Rules = fn(before: Before<'_>, after: &mut Admitted) -> Result<(), scim::Error>;

/// An attribute whose values are edges to other resources.
#[derive(Clone, Debug)]
pub struct Relation {
    /// The attribute, such as `members`.
    pub attribute: String,
    /// The name of its edges in the store.
    pub name: String,
    /// The kinds it may point to.
    pub targets: Vec<String>,
}

impl Relation {
    /// Whether it may lead from a resource of that kind to another of the same.
    pub fn nests(&self, kind: &str) -> bool {
        self.targets.iter().any(|target| target == kind)
    }
}

/// An attribute whose values name resources, kept in the document. Beside each stands an edge, so that what it names is
/// there and stays there.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The attribute, such as `statements`.
    pub attribute: String,
    /// The part of each of its values that is meant, such as `actions`; without one, the values themselves.
    pub part: Option<String>,
    /// The edges; they lead to one kind.
    pub relation: Relation,
}

/// An attribute that shows the other side of a relation.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The attribute, such as `groups`.
    pub attribute: String,
    /// The name of the edges in the store.
    pub relation: String,
    /// The kind that has the edges.
    pub source: String,
    /// Over what the other side reaches the resource.
    pub reach: Reach,
    /// Finds in a document the values that clients set themselves; none where they cannot.
    pub own: Option<memmem::Finder<'static>>,
}

/// Over what the source of an edge reaches a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Over that edge alone.
    Direct,
    /// Over any number of edges of the same relation (groups of groups).
    Nested,
    /// Over one edge, and any number of edges of the relation of that name (a role of a group of groups).
    Through(String),
}

/// A name for addresses that is made from another attribute where a client gives none.
#[derive(Clone, Copy, Debug)]
pub struct Slug {
    /// The attribute, such as `slug`.
    pub attribute: &'static str,
    /// From what it is made, such as `name`.
    pub from: &'static str,
    /// What none is, since it means something else where it would stand.
    pub reserved: &'static [&'static str],
}

/// A kind of resource.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its schemas, name and endpoint.
    pub schema: ResourceType,
    /// What may be done with its resources.
    pub area: Area,
    /// Attributes whose values no two resources share.
    pub unique: Vec<Probe>,
    /// Attributes of which no two resources share all values.
    pub together: Option<Together>,
    /// Attributes found by an index.
    pub indexed: Vec<Probe>,
    /// Attributes whose values are edges.
    pub relations: Vec<Relation>,
    /// Attributes that show the other side of a relation.
    pub derived: Vec<Derived>,
    /// Attributes whose values name other resources.
    pub references: Vec<Reference>,
    /// The attribute that names, as decisions spell it (`user-…`), the subject that a resource belongs to and goes with.
    pub subject: Option<Relation>,
    /// The attribute that mentions another resource.
    pub mention: Option<Mention>,
    /// Attributes that say how many edges a relation has: attribute and relation.
    pub counts: Vec<(String, String)>,
    /// The attribute that says when a resource was created.
    pub created: Option<&'static str>,
    /// The name for addresses.
    pub slug: Option<Slug>,
    /// Whether a client may choose the id.
    pub chooses_id: bool,
    /// Whether a PATCH is answered by the whole resource, unless it changed edges alone.
    pub answers_patch: bool,
    /// Attributes of which the first that has a value is what a reference shows.
    pub display: Vec<Probe>,
    /// The attribute that says `false` of a resource that is deactivated.
    pub activity: Option<&'static str>,
    /// What the schemas cannot say.
    pub rules: Rules,
    /// For whom a write is, where that is not whoever may write the kind.
    pub(crate) reserved: Reserved,
    /// Whether the tenant defined it.
    pub is_custom: bool,
    /// Extensions that the tenant defined: how many resources have them is counted.
    pub counted: Vec<String>,
    /// Whether a stored document, as it is, is what is returned when nothing in particular is asked.
    pub is_plain: bool,
}

/// The kinds that come with Durward, in the order of discovery.
static BUILT_IN: [&Facts; 9] = [
    &user::USER,
    &group::GROUP,
    &client::CLIENT,
    &action::ACTION,
    &resource_type::RESOURCE_TYPE,
    &resource::RESOURCE,
    &permission::PERMISSION,
    &role::ROLE,
    &policy::POLICY,
];

impl Kind {
    /// A kind that a tenant defined.
    pub(crate) fn custom(schema: ResourceType, indexed: &[String]) -> Result<Self, scim::Error> {
        let kind = Self {
            area: area(&schema)?,
            unique: Vec::new(),
            together: None,
            indexed: Vec::new(),
            relations: Vec::new(),
            derived: Vec::new(),
            references: Vec::new(),
            subject: None,
            mention: None,
            counts: Vec::new(),
            created: None,
            slug: None,
            chooses_id: false,
            answers_patch: false,
            display: Vec::new(),
            activity: None,
            rules: |_, _| Ok(()),
            reserved: |_| Reserve::Anybody,
            is_custom: true,
            counted: Vec::new(),
            is_plain: true,
            schema,
        };
        let mut kind = kind.with_index(indexed)?;
        let core = kind.schema.schema.clone();
        kind.learn(None, &core)?;
        for extension in kind.schema.extensions.clone() {
            kind.learn(Some(&extension.schema.id), &extension.schema)?;
        }
        for name in ["displayName", "name", "title"] {
            kind.display.extend(Probe::new(&kind.schema, name));
        }
        Ok(kind.settled())
    }

    /// The same kind with an extension that a tenant defined.
    pub(crate) fn extended(mut self, extension: Extension, indexed: &[String]) -> Result<Self, scim::Error> {
        let schema = Arc::clone(&extension.schema);
        self.schema.check_extension(&schema)?;
        self.schema.extensions.push(extension);
        self.counted.push(schema.id.clone());
        let mut kind = self.with_index(indexed)?;
        kind.learn(Some(&schema.id), &schema)?;
        Ok(kind.settled())
    }

    fn with_index(mut self, names: &[String]) -> Result<Self, scim::Error> {
        for name in names {
            self.indexed.push(Probe::new(&self.schema, name)?);
        }
        Ok(self)
    }

    /// Takes from a tenant's schema which attributes are unique.
    fn learn(&mut self, urn: Option<&str>, schema: &Schema) -> Result<(), scim::Error> {
        for attribute in schema.attributes.iter().filter(|a| a.uniqueness != scim::schema::Uniqueness::None) {
            let name = match urn {
                Some(urn) => format!("{urn}:{}", attribute.name),
                None => attribute.name.clone(),
            };
            self.unique.push(Probe::new(&self.schema, &name)?);
        }
        Ok(())
    }

    fn settled(mut self) -> Self {
        let hides =
            |a: &Attribute| a.in_document() && matches!(a.returned, Returned::Never | Returned::Request);
        // What is beside the document is made as it is asked for.
        let hides_part = |a: &Attribute| hides(a) || (a.in_document() && a.sub_attributes.iter().any(hides));
        let schemas =
            std::iter::once(&self.schema.schema).chain(self.schema.extensions.iter().map(|e| &e.schema));
        self.is_plain = !schemas.flat_map(|s| s.attributes.iter()).any(hides_part);
        self
    }

    /// The attributes that show the other side of a relation beside what clients set, and what finds the latter in a document.
    pub(crate) fn merged(&self) -> impl Iterator<Item = (&Derived, &memmem::Finder<'static>)> {
        self.derived.iter().filter_map(|derived| Some((derived, derived.own.as_ref()?)))
    }

    /// Its name, such as in `meta.resourceType`.
    pub fn name(&self) -> &str {
        &self.schema.name
    }

    /// The names of attributes that are not in the document, or not there alone, but beside it.
    pub fn beside(&self) -> Vec<&str> {
        let relations = self.relations.iter().map(|r| r.attribute.as_str());
        let derived = self.derived.iter().map(|d| d.attribute.as_str());
        relations
            .chain(derived)
            .chain(self.counts.iter().map(|(a, _)| a.as_str()))
            .chain(self.created)
            .collect()
    }

    /// Whether anything of an attribute of that name stands in the document.
    pub fn is_in_document(&self, attribute: &str) -> bool {
        self.schema.find(None, attribute).is_some_and(|found| found.attribute.in_document())
    }

    /// The relation that an attribute is.
    pub fn relation(&self, attribute: &str) -> Option<&Relation> {
        self.relations.iter().find(|r| r.attribute == attribute)
    }

    /// What a reference to this resource shows.
    pub fn display_of(&self, document: &Object) -> String {
        let mut text = None;
        for probe in &self.display {
            probe.each(document, &mut |value| {
                if text.is_none() {
                    text = value.as_str().map(str::to_owned);
                }
            });
        }
        text.unwrap_or_default()
    }
}

fn area(schema: &ResourceType) -> Result<Area, scim::Error> {
    Area::of_kind(&schema.endpoint).map_err(|error| scim::Error::value(error.to_string()))
}

/// The kinds that a tenant has.
#[derive(Clone, Debug)]
pub struct Kinds {
    all: Vec<Arc<Kind>>,
    /// Which version of the tenant's own definitions they come from, see [`store::Tenant::kinds`].
    pub(crate) version: i64,
}

static STANDARD: LazyLock<std::result::Result<Arc<Kinds>, scim::Error>> = LazyLock::new(|| {
    let kinds = BUILT_IN.iter().map(|facts| facts.kind().map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Kinds::of(kinds, 0)))
});

impl Kinds {
    /// The kinds that every tenant has.
    ///
    /// # Errors
    /// [`Error::Internal`] if a schema that comes with Durward is broken, which a test excludes.
    pub fn standard() -> Result<Arc<Self>> {
        STANDARD.clone().map_err(Error::internal)
    }

    /// These kinds.
    pub(crate) fn of(all: Vec<Arc<Kind>>, version: i64) -> Self {
        Self { all, version }
    }

    /// In the order of discovery.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<Kind>> {
        self.all.iter()
    }

    /// The kind at that endpoint, such as `Users`.
    pub fn at(&self, endpoint: &str) -> Option<&Arc<Kind>> {
        self.all.iter().find(|k| k.schema.endpoint == endpoint)
    }

    /// The kind of that name, such as `User`.
    pub fn named(&self, name: &str) -> Option<&Arc<Kind>> {
        self.all.iter().find(|k| k.schema.name == name)
    }

    /// Every relation, with the name of the kind that has its edges.
    pub fn relations(&self) -> impl Iterator<Item = (&str, &Relation)> {
        self.all.iter().flat_map(|k| k.relations.iter().map(move |r| (k.name(), r)))
    }

    /// The kind whose resources have the edges of a relation.
    pub fn source_of<'r>(&self, relation: &'r str) -> &'r str {
        relation.split_once('.').map_or(relation, |(kind, _)| kind)
    }

    /// The references that name resources of a kind.
    pub fn references_to<'k>(&'k self, kind: &'k str) -> impl Iterator<Item = &'k Reference> {
        let all = self.all.iter().flat_map(|k| k.references.iter());
        all.filter(move |reference| reference.relation.targets.iter().any(|target| target == kind))
    }

    /// The relations over which resources belong to one of a kind.
    pub fn subjects_of<'k>(&'k self, kind: &'k str) -> impl Iterator<Item = &'k Relation> {
        let all = self.all.iter().filter_map(|k| k.subject.as_ref());
        all.filter(move |relation| relation.targets.iter().any(|target| target == kind))
    }

    /// The kind whose resources belong to others over that relation.
    pub fn belonging(&self, relation: &str) -> Option<&Kind> {
        let belongs = |kind: &&Arc<Kind>| kind.subject.as_ref().is_some_and(|own| own.name == relation);
        self.all.iter().find(belongs).map(AsRef::as_ref)
    }

    /// The schemas of all kinds, each once.
    pub fn schemas(&self) -> Vec<Arc<Schema>> {
        let mut out: Vec<Arc<Schema>> = Vec::new();
        for kind in &self.all {
            let own =
                std::iter::once(&kind.schema.schema).chain(kind.schema.extensions.iter().map(|e| &e.schema));
            for schema in own {
                if !out.iter().any(|known| known.id == schema.id) {
                    out.push(Arc::clone(schema));
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_that_come_with_durward_are_sound() {
        let kinds = Kinds::standard().unwrap();
        let names: Vec<_> = kinds.iter().map(|k| k.name()).collect();
        assert_eq!(
            names,
            [
                "User",
                "Group",
                "Client",
                "Action",
                "Resource-Type",
                "Resource",
                "Permission",
                "Role",
                "Policy"
            ]
        );
        for kind in kinds.iter() {
            kind.schema.schema.check(&crate::limits::SCHEMA).unwrap();
            assert!(kind.is_plain, "{} would have to be projected at every read", kind.name());
        }
    }
}
