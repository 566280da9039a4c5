//! The facts of the kinds that come with Durward, and how they become kinds.

use std::sync::Arc;

use authz::graph::SubjectKind;
use memchr::memmem;
use scim::schema::{Extension, Held, Mutability, Refers, ResourceType, Schema};

use super::keys::{Probe, Together};
use super::reserve::{Reserve, Reserved};
use super::{Derived, Kind, Mention, Reach, Reference, Relation, Rules, Slug};
use crate::subject::kind_name;

/// The facts of a kind that comes with Durward.
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    pub(crate) endpoint: &'static str,
    pub(crate) description: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) extensions: &'static [&'static str],
    pub(crate) unique: &'static [&'static str],
    /// Attributes that are unique together.
    pub(crate) together: &'static [&'static str],
    pub(crate) indexed: &'static [&'static str],
    /// Attribute and the kinds it points to.
    pub(crate) relations: &'static [(&'static str, &'static [&'static str])],
    /// Attribute, or attribute and part, and the kind that its values name.
    pub(crate) references: &'static [(&'static str, &'static str)],
    /// The attribute that names the subject that a resource belongs to.
    pub(crate) subject: Option<&'static str>,
    /// Attribute, the kind that it mentions, and the part that repeats what the attribute of that name says there.
    pub(crate) mention: Option<(&'static str, &'static str, &'static str)>,
    /// Attribute, the kind and attribute of which it is the other side, and how far it looks.
    pub(crate) derived: &'static [(&'static str, &'static str, &'static str, Far)],
    /// Attribute, and the relation whose edges it counts.
    pub(crate) counts: &'static [(&'static str, &'static str)],
    pub(crate) created: Option<&'static str>,
    pub(crate) slug: Option<Slug>,
    pub(crate) chooses_id: bool,
    pub(crate) answers_patch: bool,
    /// Attributes that a PUT leaves as they were when it is silent about them.
    pub(crate) lasting: &'static [&'static str],
    pub(crate) display: &'static [&'static str],
    pub(crate) activity: Option<&'static str>,
    pub(crate) rules: Rules,
    pub(crate) reserved: Reserved,
}

/// [`Reach`], as a fact.
pub(crate) enum Far {
    Direct,
    Nested,
    /// Kind and attribute of the relation.
    Through(&'static str, &'static str),
}

/// A kind of which nothing is special: what the facts of the others begin with.
pub(super) const PLAIN: Facts = Facts {
    name: "",
    endpoint: "",
    description: "",
    schema: "",
    extensions: &[],
    unique: &[],
    together: &[],
    indexed: &[],
    relations: &[],
    references: &[],
    subject: None,
    mention: None,
    derived: &[],
    counts: &[],
    created: None,
    slug: None,
    chooses_id: false,
    answers_patch: false,
    lasting: &[],
    display: &[],
    activity: None,
    rules: |_, _| Ok(()),
    reserved: |_| Reserve::Anybody,
};
impl Facts {
    pub(super) fn kind(&self) -> Result<Kind, scim::Error> {
        let extensions = self
            .extensions
            .iter()
            .map(|json| Ok(Extension { schema: Arc::new(Schema::parse(json)?), required: false }))
            .collect::<Result<Vec<_>, scim::Error>>()?;
        let relations = self.relations.iter().map(|(attribute, targets)| Relation {
            attribute: (*attribute).to_owned(),
            name: relation_name(self.name, attribute),
            targets: targets.iter().map(|t| (*t).to_owned()).collect(),
        });
        let core = ResourceType {
            name: self.name.to_owned(),
            endpoint: self.endpoint.to_owned(),
            description: self.description.to_owned(),
            schema: Arc::new(Schema::parse(self.schema)?),
            extensions,
        };
        Kind::new(core, relations.collect(), self)
    }
}

impl Far {
    fn reach(&self) -> Reach {
        match self {
            Self::Direct => Reach::Direct,
            Self::Nested => Reach::Nested,
            Self::Through(kind, attribute) => Reach::Through(relation_name(kind, attribute)),
        }
    }
}

fn relation_name(kind: &str, attribute: &str) -> String {
    format!("{kind}.{attribute}")
}
impl Kind {
    fn new(mut schema: ResourceType, relations: Vec<Relation>, facts: &Facts) -> Result<Self, scim::Error> {
        let core = Arc::make_mut(&mut schema.schema);
        let hold = |core: &mut Schema, name: &str, held| {
            if let Some(attribute) = core.attributes.find_mut(name) {
                attribute.held = held;
            }
        };
        relations.iter().for_each(|relation| hold(core, &relation.attribute, Held::Edges));
        let beside = facts.counts.iter().map(|(name, _)| *name).chain(facts.created);
        beside.for_each(|name| hold(core, name, Held::Derived));
        let mut derived = Vec::with_capacity(facts.derived.len());
        for (name, source, attribute, far) in facts.derived {
            let is_merged = core.attributes.find(name).is_some_and(|a| a.mutability != Mutability::ReadOnly);
            let own = is_merged.then(|| memmem::Finder::new(&format!("\"{name}\":")).into_owned());
            if !is_merged {
                hold(core, name, Held::Derived);
            }
            derived.push(Derived {
                attribute: (*name).to_owned(),
                relation: relation_name(source, attribute),
                source: (*source).to_owned(),
                reach: far.reach(),
                own,
            });
        }
        let mut references = Vec::with_capacity(facts.references.len());
        for (path, target) in facts.references {
            let (name, part) = path.split_once('.').map_or((*path, None), |(name, part)| (name, Some(part)));
            let attribute = core.attributes.find_mut(name);
            let attribute = attribute.and_then(|attribute| match part {
                Some(part) => attribute.sub_attributes.find_mut(part),
                None => Some(attribute),
            });
            let unknown = || scim::Error::path(format!("`{path}` is not an attribute of {}", facts.name));
            let endpoint = super::BUILT_IN.iter().find(|facts| facts.name == *target);
            let endpoint = endpoint.map(|facts| facts.endpoint.to_owned()).unwrap_or_default();
            attribute.ok_or_else(unknown)?.refers = Some(Refers { kind: (*target).to_owned(), endpoint });
            references.push(Reference {
                attribute: name.to_owned(),
                part: part.map(str::to_owned),
                relation: Relation {
                    attribute: (*path).to_owned(),
                    name: relation_name(facts.name, path),
                    targets: vec![(*target).to_owned()],
                },
            });
        }
        for name in facts.unique {
            if let Some(attribute) = core.attributes.find_mut(name) {
                attribute.precis = !attribute.case_exact;
            }
        }
        for name in facts.lasting {
            if let Some(attribute) = core.attributes.find_mut(name) {
                attribute.lasting = true;
            }
        }
        let probes = |schema: &ResourceType, names: &[&str]| {
            names.iter().map(|name| Probe::new(schema, name)).collect::<Result<Vec<_>, scim::Error>>()
        };
        let mention = facts.mention.map(|(name, target, part)| Mention::new(&schema, name, target, part));
        let counted = |(name, of): &(&str, &str)| ((*name).to_owned(), relation_name(facts.name, of));
        let kind = Self {
            area: super::area(&schema)?,
            unique: probes(&schema, facts.unique)?,
            together: Together::new(probes(&schema, facts.together)?),
            indexed: probes(&schema, facts.indexed)?,
            display: probes(&schema, facts.display)?,
            relations,
            derived,
            references,
            subject: facts.subject.map(|attribute| Relation {
                attribute: attribute.to_owned(),
                name: relation_name(facts.name, attribute),
                targets: SubjectKind::ALL.map(|kind| kind_name(kind).to_owned()).to_vec(),
            }),
            mention: mention.transpose()?,
            counts: facts.counts.iter().map(counted).collect(),
            created: facts.created,
            slug: facts.slug,
            chooses_id: facts.chooses_id,
            answers_patch: facts.answers_patch,
            activity: facts.activity,
            rules: facts.rules,
            reserved: facts.reserved,
            is_custom: false,
            counted: Vec::new(),
            is_plain: true,
            schema,
        };
        Ok(kind.settled())
    }
}
