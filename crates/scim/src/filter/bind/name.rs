//! What the paths of a filter name.

use super::{Binder, Failure, Scope, named};
use crate::error::quoted;
use crate::filter::At;
use crate::path::{AttrPath, Place, free_part, place};
use crate::quirks::Dialect;
use crate::schema::{Attribute, Found, Mutability, ResourceType, Returned, Schema, Type};

/// What a path in a filter names.
pub(super) enum Target<'s> {
    Extension(&'s Schema),
    At(At<'s>),
    /// The part of that name of an attribute that holds any JSON object.
    Part(At<'s>, String),
}

impl<'s> Binder<'s> {
    pub(super) fn target(&self, path: &AttrPath, scope: Scope<'s>) -> Result<Target<'s>, Failure> {
        let target = match scope {
            Scope::Resource => self.in_resource(path.as_str()),
            Scope::Element(found) => in_element(path.as_str(), found, self.resource).map(Target::At),
        };
        let Some(target) = target else {
            let owner = match scope {
                Scope::Resource => {
                    format!("{} is not an attribute of {}", quoted(path.as_str()), self.resource.name)
                }
                Scope::Element(found) => {
                    format!("`{}` has no sub-attribute {}", found.attribute.name, quoted(path.as_str()))
                }
            };
            return Err(Failure::unknown(owner));
        };
        match target {
            Target::At(at) | Target::Part(at, _) if let Some(failure) = refused(&at) => Err(failure),
            target => Ok(target),
        }
    }

    fn in_resource(&self, name: &str) -> Option<Target<'s>> {
        match place(self.resource, name) {
            Some(Place::Extension(schema)) => Some(Target::Extension(schema)),
            Some(Place::Attribute { found, sub }) => Some(Target::At(at(found, sub))),
            None => match free_part(self.resource, name) {
                Some((found, part)) => Some(Target::Part(at(found, None), part.to_owned())),
                None => self.in_an_extension(name),
            },
        }
    }

    /// Entra ID asks `manager eq "…"` without the extension's URN. That is understood if one extension alone
    /// has such an attribute.
    fn in_an_extension(&self, name: &str) -> Option<Target<'s>> {
        if self.dialect == Dialect::Strict || name.contains(':') {
            return None;
        }
        let (attribute, sub) = match name.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (name, None),
        };
        let mut known = self.resource.extensions.iter().filter_map(|e| {
            let attribute = e.schema.attributes.find(attribute)?;
            Some(Found { extension: Some(&e.schema), attribute })
        });
        let (Some(found), None) = (known.next(), known.next()) else { return None };
        match sub {
            None => Some(Target::At(at(found, None))),
            Some(part) if found.attribute.is_free_form() => {
                Some(Target::Part(at(found, None), part.to_owned()))
            }
            Some(sub) => Some(Target::At(at(found, Some(found.attribute.sub(sub)?)))),
        }
    }
}

fn at<'s>(found: Found<'s>, sub: Option<&'s Attribute>) -> At<'s> {
    At { extension: found.extension, attribute: found.attribute, sub }
}

/// Inside an element a name is a sub-attribute, or the attribute written out again.
fn in_element<'s>(name: &str, found: Found<'s>, resource: &'s ResourceType) -> Option<At<'s>> {
    if let Some(sub) = found.attribute.sub(name) {
        return Some(at(found, Some(sub)));
    }
    if found.attribute.kind != Type::Complex && name.eq_ignore_ascii_case("value") {
        return Some(at(found, None));
    }
    match place(resource, name)? {
        Place::Attribute { found: written, sub: Some(sub) }
            if std::ptr::eq(written.attribute, found.attribute) =>
        {
            Some(at(found, Some(sub)))
        }
        _ => None,
    }
}

/// A complex attribute is compared by its `value`: `emails co "example.com"` (RFC 7644 §3.4.2.2, examples).
pub(super) fn comparable<'s>(at: At<'s>, path: &AttrPath) -> Result<At<'s>, Failure> {
    if at.compared().kind != Type::Complex && (at.sub.is_some() || at.leaf().kind != Type::Complex) {
        return Ok(at);
    }
    match at.attribute.value_sub() {
        Some(value) => {
            let at = At { sub: Some(value), ..at };
            refused(&at).map_or(Ok(at), Err)
        }
        None => {
            let such_as = at.attribute.sub_attributes.iter().next();
            let such_as = such_as.map(|sub| format!(", such as `{}.{}`", path.as_str(), sub.name));
            let such_as = such_as.unwrap_or_default();
            Err(Failure::new(format!("{} is complex: compare a sub-attribute{such_as}", named(path))))
        }
    }
}

/// What no one may read, no one may find out by asking.
pub(super) fn refused(at: &At<'_>) -> Option<Failure> {
    let secret = |a: &Attribute| a.mutability == Mutability::WriteOnly || a.returned == Returned::Never;
    let refused = secret(at.attribute) || at.sub.is_some_and(secret);
    refused.then(|| Failure::new(format!("`{at}` cannot be filtered on")))
}

pub(super) fn has_elements(attribute: &Attribute) -> bool {
    attribute.multi_valued || attribute.kind == Type::Complex
}
