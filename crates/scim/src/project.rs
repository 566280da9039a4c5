//! Which attributes of a resource are returned (RFC 7644 §3.9, RFC 7643 §7 "returned").
//!
//! A projection is made once per request from `attributes` or `excludedAttributes` and applied to each resource.
//! The plain projection of a kind that hides nothing changes nothing, and says so, so that a stored document can
//! be sent as it is.

use serde_json::Value;

use crate::Object;
use crate::error::Error;
use crate::path::{Place, place};
use crate::quirks::Dialect;
use crate::schema::{Attribute, Attributes, ResourceType, Returned};

/// One name of a list: an extension as a whole, an attribute, or a sub-attribute, in the schemas' spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    extension: Option<String>,
    attribute: Option<String>,
    sub: Option<String>,
}

/// Which attributes are returned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    only: Option<Vec<Named>>,
    except: Vec<Named>,
}

impl Projection {
    /// Reads the lists of a request. Names that the kind does not have are passed over: they have no value to
    /// return or to hold back.
    ///
    /// # Errors
    /// `invalidValue` in the strict dialect when both lists are given (RFC 7644 §3.9).
    pub fn new<'n>(
        kind: &ResourceType,
        only: Option<impl Iterator<Item = &'n str>>,
        except: Option<impl Iterator<Item = &'n str>>,
        dialect: Dialect,
    ) -> Result<Self, Error> {
        if only.is_some() && except.is_some() && dialect == Dialect::Strict {
            return Err(Error::value("`attributes` and `excludedAttributes` exclude each other"));
        }
        Ok(Self {
            only: only.map(|names| names.filter_map(|n| named(kind, n)).collect()),
            except: except.map(|names| names.filter_map(|n| named(kind, n)).collect()).unwrap_or_default(),
        })
    }

    /// Whether the client asked for nothing in particular.
    pub fn is_plain(&self) -> bool {
        self.only.is_none() && self.except.is_empty()
    }

    /// Whether the client named a list at all: some answers carry a body only then.
    pub fn is_asked(&self) -> bool {
        !self.is_plain()
    }

    /// Whether any part of this attribute of the core schema (or of a common attribute) is returned.
    pub fn wants(&self, attribute: &Attribute) -> bool {
        self.shows(None, attribute)
    }

    /// Whether only attributes of that list are held back, each as a whole: then a stored document, which
    /// has none of them, is already what is returned.
    pub fn holds_back_only(&self, names: &[&str]) -> bool {
        self.only.is_none()
            && self.except.iter().all(|named| {
                named.extension.is_none()
                    && named.sub.is_none()
                    && named.attribute.as_deref().is_some_and(|name| names.contains(&name))
            })
    }

    /// The attributes of a resource that are returned.
    pub fn apply(&self, kind: &ResourceType, resource: Object) -> Object {
        let mut out = Object::with_capacity(resource.len());
        for (name, value) in resource {
            if let Some(schema) = kind.extension(&name) {
                if let Value::Object(object) = value {
                    let inner = self.object(Some(&schema.id), &schema.attributes, object);
                    if !inner.is_empty() {
                        out.insert(name, Value::Object(inner));
                    }
                }
            } else if let Some(found) = kind.find(None, &name)
                && let Some(value) = self.attribute(None, found.attribute, value)
            {
                out.insert(name, value);
            }
        }
        out
    }

    fn object(&self, extension: Option<&str>, attributes: &Attributes, object: Object) -> Object {
        object
            .into_iter()
            .filter_map(|(name, value)| {
                let value = self.attribute(extension, attributes.find(&name)?, value)?;
                Some((name, value))
            })
            .collect()
    }

    fn attribute(&self, extension: Option<&str>, attribute: &Attribute, value: Value) -> Option<Value> {
        if !self.shows(extension, attribute) {
            return None;
        }
        if attribute.sub_attributes.is_empty() {
            return Some(value);
        }
        // Whole, or by its parts; a value none of whose parts is returned says nothing.
        match value {
            Value::Array(items) => {
                let items: Vec<Value> =
                    items.into_iter().filter_map(|item| self.element(extension, attribute, item)).collect();
                (!items.is_empty()).then_some(Value::Array(items))
            }
            value => self.element(extension, attribute, value),
        }
    }

    fn element(&self, extension: Option<&str>, attribute: &Attribute, value: Value) -> Option<Value> {
        let Value::Object(object) = value else { return Some(value) };
        let kept: Object = object
            .into_iter()
            .filter(|(name, _)| {
                attribute.sub(name).is_none_or(|sub| self.shows_sub(extension, attribute, sub))
            })
            .collect();
        (!kept.is_empty()).then_some(Value::Object(kept))
    }

    fn shows(&self, extension: Option<&str>, attribute: &Attribute) -> bool {
        let named = |list: &[Named]| list.iter().any(|n| n.covers(extension, attribute));
        match attribute.returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Request => self.only.as_deref().is_some_and(named),
            Returned::Default => {
                let whole = |n: &Named| n.sub.is_none() && n.covers(extension, attribute);
                self.only.as_deref().is_none_or(named) && !self.except.iter().any(whole)
            }
        }
    }

    fn shows_sub(&self, extension: Option<&str>, attribute: &Attribute, sub: &Attribute) -> bool {
        let covers = |n: &Named| {
            n.covers(extension, attribute) && n.sub.as_deref().is_none_or(|name| name == sub.name)
        };
        let only = self.only.as_deref();
        // An attribute that nobody asked for is here because it is always returned, and then it is whole.
        let is_asked = only.is_some_and(|only| only.iter().any(|n| n.covers(extension, attribute)));
        let is_kept_back = self
            .except
            .iter()
            .any(|n| covers(n) && (n.sub.is_some() || attribute.returned != Returned::Always));
        match sub.returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Request => only.is_some_and(|only| only.iter().any(covers)),
            Returned::Default => {
                (!is_asked || only.is_none_or(|only| only.iter().any(covers))) && !is_kept_back
            }
        }
    }
}

impl Named {
    /// Whether it names that attribute, a part of it, or the extension it belongs to.
    fn covers(&self, extension: Option<&str>, attribute: &Attribute) -> bool {
        self.extension.as_deref() == extension
            && self.attribute.as_ref().is_none_or(|name| *name == attribute.name)
    }
}

fn named(kind: &ResourceType, name: &str) -> Option<Named> {
    match place(kind, name.trim())? {
        Place::Extension(schema) => {
            let extension = (schema.id != kind.schema.id).then(|| schema.id.clone());
            Some(Named { extension, attribute: None, sub: None })
        }
        Place::Attribute { found, sub } => Some(Named {
            extension: found.extension.map(|schema| schema.id.clone()),
            attribute: Some(found.attribute.name.clone()),
            sub: sub.map(|sub| sub.name.clone()),
        }),
    }
}
