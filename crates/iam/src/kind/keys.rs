//! The keys of a document: what the store compares so that it need not know what a value means.

use scim::Object;
use scim::filter::At;
use scim::path::{Place, place};
use scim::schema::{Attribute, ResourceType};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Kind;
use crate::error::Error;
use crate::limits;

/// An attribute or sub-attribute whose values have keys.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its canonical name, such as `emails.value`: the name of the index.
    pub name: String,
    extension: Option<String>,
    attribute: Attribute,
    sub: Option<Attribute>,
}

impl Probe {
    /// The attribute of that name; for a complex attribute, its `value`.
    ///
    /// # Errors
    /// `invalidPath` when the type has no such attribute or its values have no order.
    pub(super) fn new(schema: &ResourceType, name: &str) -> Result<Self, scim::Error> {
        let unknown = || {
            scim::Error::path(format!("{} is not an attribute of {}", scim::error::quoted(name), schema.name))
        };
        let Some(Place::Attribute { found, sub }) = place(schema, name) else { return Err(unknown()) };
        let sub = sub.or_else(|| found.attribute.value_sub());
        let at = At { extension: found.extension, attribute: found.attribute, sub };
        if at.leaf().kind == scim::schema::Type::Complex {
            return Err(unknown());
        }
        Ok(Self {
            name: at.to_string(),
            extension: found.extension.map(|s| s.id.clone()),
            attribute: found.attribute.clone(),
            sub: sub.cloned(),
        })
    }

    /// The attribute of that name in a kind; as [`Probe::new`].
    pub(crate) fn of(kind: &Kind, name: &str) -> Result<Self, scim::Error> {
        Self::new(&kind.schema, name)
    }

    /// Whether this is the attribute at that place of a filter.
    pub(crate) fn is_at(&self, at: &At<'_>) -> bool {
        self.attribute.name == at.attribute.name
            && self.extension.as_deref() == at.extension.map(|s| s.id.as_str())
            && self.sub.as_ref().map(|s| &s.name) == at.sub.map(|s| &s.name)
    }

    /// The extension, the attribute and the sub-attribute, by name.
    pub(crate) fn names(&self) -> (Option<&str>, &str, Option<&str>) {
        (self.extension.as_deref(), &self.attribute.name, self.sub.as_ref().map(|sub| sub.name.as_str()))
    }

    /// The attribute whose type the values have.
    pub(crate) fn leaf(&self) -> &Attribute {
        self.sub.as_ref().unwrap_or(&self.attribute)
    }

    /// Whether a resource may have several values.
    pub(crate) fn is_multi_valued(&self) -> bool {
        self.attribute.multi_valued || self.leaf().multi_valued
    }

    /// Whether values are never shown.
    pub(crate) fn is_hidden(&self) -> bool {
        let never = |attribute: &Attribute| attribute.returned == scim::schema::Returned::Never;
        never(&self.attribute) || never(self.leaf())
    }

    /// Whether every resource has a value.
    pub(crate) fn is_required(&self) -> bool {
        self.extension.is_none() && self.sub.is_none() && self.attribute.required
    }

    /// The attribute as it stands in a document.
    fn whole<'d>(&self, document: &'d Object) -> Option<&'d Value> {
        let object = match &self.extension {
            None => document,
            Some(urn) => document.get(urn).and_then(Value::as_object)?,
        };
        object.get(&self.attribute.name)
    }

    /// Calls `f` with every value in a document.
    pub(crate) fn each(&self, document: &Object, f: &mut impl FnMut(&Value)) {
        let Some(value) = self.whole(document) else { return };
        let mut leaf = |element: &Value| {
            let value = match &self.sub {
                None => Some(element),
                Some(sub) => element.get(&sub.name),
            };
            match value {
                Some(Value::Array(items)) => items.iter().for_each(&mut *f),
                Some(value) => f(value),
                None => {}
            }
        };
        match value {
            Value::Array(items) => items.iter().for_each(leaf),
            value => leaf(value),
        }
    }

    /// The key by which a resource sorts: of the primary value, else of the first (RFC 7644 §3.4.2.3).
    pub(crate) fn sort_key(&self, document: &Object) -> Option<Vec<u8>> {
        let mut narrowed = Object::new();
        let value = self.whole(document)?;
        let chosen = match value {
            Value::Array(items) => {
                items.iter().find(|v| scim::admit::is_primary(v)).or_else(|| items.first())?
            }
            value => value,
        };
        narrowed.insert(self.attribute.name.clone(), chosen.clone());
        let mut key = None;
        let plain = Self { extension: None, ..self.clone() };
        plain.each(&narrowed, &mut |value| {
            if key.is_none() {
                key = scim::value::key(self.leaf(), value);
            }
        });
        key
    }
}

/// Attributes of which no two resources share all values.
#[derive(Clone, Debug)]
pub struct Together {
    /// Their names, with [`BETWEEN`] between.
    name: String,
    probes: Vec<Probe>,
}

/// What stands between names of attributes that are unique together.
pub(crate) const BETWEEN: char = '+';

impl Together {
    pub(super) fn new(probes: Vec<Probe>) -> Option<Self> {
        let names: Vec<&str> = probes.iter().map(|probe| probe.name.as_str()).collect();
        let name = names.join(&BETWEEN.to_string());
        (!name.is_empty()).then_some(Self { name, probes })
    }

    /// A digest: the values together may be longer than a key.
    fn key(&self, document: &Object) -> Vec<u8> {
        let mut hash = Sha256::new();
        for probe in &self.probes {
            let mut keys: Vec<Vec<u8>> = Vec::new();
            probe.each(document, &mut |value| keys.extend(scim::value::key(probe.leaf(), value)));
            hash.update(keys.len().to_be_bytes());
            for key in keys {
                hash.update(key.len().to_be_bytes());
                hash.update(key);
            }
        }
        hash.finalize().to_vec()
    }
}

/// A key as long as the store keeps it.
pub(crate) fn cut(mut key: Vec<u8>) -> Vec<u8> {
    key.truncate(limits::KEY_BYTES_MAX);
    key
}

/// The key of a value: the name of the index, and the bytes.
pub(crate) type Key<'k> = (&'k str, Vec<u8>);

/// The rows that are derived from a document: in order, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys<'k> {
    pub(crate) unique: Vec<Key<'k>>,
    pub(crate) index: Vec<Key<'k>>,
}

impl<'k> Keys<'k> {
    /// The keys of a document of that kind.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a unique value that is too long to be kept unique.
    pub(crate) fn of(kind: &'k Kind, document: &Object) -> Result<Self, Error> {
        Self::where_not(kind, document, |_| false)
    }

    /// The keys that a change of a document takes away, and those that it brings.
    ///
    /// # Errors
    /// As [`Keys::of`].
    pub(crate) fn changed(kind: &'k Kind, before: &Object, after: &Object) -> Result<(Self, Self), Error> {
        let is_same = |probe: &Probe| probe.whole(before) == probe.whole(after);
        let old = Self::where_not(kind, before, is_same)?;
        let new = Self::where_not(kind, after, is_same)?;
        let gone = Self { unique: without(&old.unique, &new.unique), index: without(&old.index, &new.index) };
        let come = Self { unique: without(&new.unique, &old.unique), index: without(&new.index, &old.index) };
        Ok((gone, come))
    }

    fn where_not(kind: &'k Kind, document: &Object, skip: impl Fn(&Probe) -> bool) -> Result<Self, Error> {
        let mut keys = Self::default();
        if let Some(together) = kind.together.as_ref().filter(|together| !together.probes.iter().all(&skip)) {
            keys.unique.push((&together.name, together.key(document)));
        }
        for probe in kind.unique.iter().filter(|probe| !skip(probe)) {
            let (mut too_long, mut unprintable) = (false, false);
            probe.each(document, &mut |value| {
                unprintable |= value.as_str().is_some_and(|text| text.chars().any(char::is_control));
                if let Some(key) = scim::value::key(probe.leaf(), value) {
                    too_long |= key.len() > limits::UNIQUE_BYTES_MAX;
                    keys.unique.push((&probe.name, key));
                }
            });
            if unprintable {
                return Err(Error::invalid(format!("`{}` must not hold control characters", probe.name)));
            }
            if too_long {
                let name = &probe.name;
                return Err(Error::invalid(format!(
                    "`{name}` is longer than {} bytes",
                    limits::UNIQUE_BYTES_MAX
                )));
            }
        }
        for probe in kind.indexed.iter().filter(|probe| !skip(probe)) {
            probe.each(document, &mut |value| {
                if let Some(key) = scim::value::key(probe.leaf(), value) {
                    keys.index.push((&probe.name, cut(key)));
                }
            });
        }
        for keys in [&mut keys.unique, &mut keys.index] {
            keys.sort_unstable();
            keys.dedup();
        }
        Ok(keys)
    }
}

/// Those that are not among the others.
fn without<'k>(keys: &[Key<'k>], others: &[Key<'k>]) -> Vec<Key<'k>> {
    keys.iter().filter(|key| others.binary_search(key).is_err()).cloned().collect()
}
