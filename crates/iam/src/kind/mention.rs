//! Attributes that mention another resource by its id and do not hold on to it: what is mentioned need not be there, and
//! may go.

use std::collections::HashMap;

use memchr::memmem;
use scim::path::{Place, place};
use scim::schema::ResourceType;
use serde_json::value::RawValue;

/// An object's members, by names that need no escapes.
type Members<'t> = HashMap<&'t str, &'t RawValue>;

/// A complex attribute with one value, whose `value` may be the id of a resource. While that is there, the attribute is
/// read with its URI and with something of it, where the document says neither.
#[derive(Clone, Debug)]
pub struct Mention {
    /// The URN of the extension that it belongs to.
    extension: Option<String>,
    /// The attribute, such as `manager`.
    attribute: String,
    /// The part that says what the attribute of that name says in the resource that is mentioned, such as `displayName`.
    pub(crate) part: String,
    /// The kind of that resource.
    pub(crate) target: String,
    /// Finds where a value may begin.
    opening: memmem::Finder<'static>,
}

impl Mention {
    /// The attribute of that name, which mentions resources of the kind `target`.
    ///
    /// # Errors
    /// `invalidPath` when the type has no such attribute.
    pub(super) fn new(
        schema: &ResourceType,
        name: &str,
        target: &str,
        part: &str,
    ) -> Result<Self, scim::Error> {
        match place(schema, name) {
            Some(Place::Attribute { found, sub: None }) if found.attribute.sub(part).is_some() => Ok(Self {
                extension: found.extension.map(|extension| extension.id.clone()),
                attribute: found.attribute.name.clone(),
                part: part.to_owned(),
                target: target.to_owned(),
                opening: memmem::Finder::new(&format!("\"{}\":{{", found.attribute.name)).into_owned(),
            }),
            _ => Err(scim::Error::path(format!("`{name}` is not an attribute of {}", schema.name))),
        }
    }

    /// The URN and the name of the attribute.
    pub(crate) fn name(&self) -> (Option<&str>, &str) {
        (self.extension.as_deref(), &self.attribute)
    }

    /// Whether that part of an attribute may be shown and not kept.
    pub(crate) fn shows(&self, extension: Option<&str>, attribute: &str, part: Option<&str>) -> bool {
        (extension, attribute) == self.name() && part.is_some_and(|part| part == "$ref" || part == self.part)
    }

    /// Whether there may be a value in resources that are written out as JSON.
    pub(crate) fn may_be_in(&self, text: &str) -> bool {
        self.opening.find(text.as_bytes()).is_some()
    }

    /// The id that is mentioned in a resource that is written out as JSON, or one that stands elsewhere in it. A resource has
    /// one at most, whatever free-form attributes of it look like.
    pub(crate) fn id(&self, text: &str) -> Option<String> {
        let mut openings = self.opening.find_iter(text.as_bytes());
        let at = openings.next()?;
        if openings.next().is_some() {
            return id_in(self.value(text)?.get());
        }
        // From the brace on.
        id_in(text.get(at + self.opening.needle().len() - 1..)?)
    }

    /// What the attribute is in a resource that is written out as JSON.
    pub(crate) fn value<'t>(&self, resource: &'t str) -> Option<&'t RawValue> {
        let members: Members<'t> = serde_json::from_str(resource).ok()?;
        let Some(extension) = &self.extension else { return members.get(self.attribute.as_str()).copied() };
        let members: Members<'t> = serde_json::from_str(members.get(extension.as_str())?.get()).ok()?;
        members.get(self.attribute.as_str()).copied()
    }

    /// The same in a document.
    pub(crate) fn value_mut<'d>(&self, document: &'d mut scim::Object) -> Option<&'d mut scim::Object> {
        let object = match &self.extension {
            None => document,
            Some(urn) => document.get_mut(urn)?.as_object_mut()?,
        };
        object.get_mut(&self.attribute)?.as_object_mut()
    }
}

/// The `value` of the object with which a text begins.
fn id_in(text: &str) -> Option<String> {
    let first = serde_json::Deserializer::from_str(text).into_iter::<Members<'_>>().next()?;
    serde_json::from_str(first.ok()?.get("value")?.get()).ok()
}

#[cfg(test)]
mod tests {
    use crate::kind::Kinds;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    #[test]
    fn a_resource_mentions_one_however_many_look_like_it() {
        let kinds = Kinds::standard().unwrap();
        let [manager] = kinds.named("User").unwrap().mentions.as_slice() else { panic!() };
        let id = |text: &str| manager.id(text);
        let own = r#"{"department":"d","manager":{"displayName":"m","value":"\u006de"}}"#;
        assert_eq!(id(&format!(r#"{{"{ENTERPRISE}":{own}}}"#)).as_deref(), Some("me"));
        let decoys = r#"{"manager":{"value":"a"},"b":[{"manager":{"value":"b"}}]}"#;
        let among = format!(r#"{{"properties":{decoys},"{ENTERPRISE}":{own},"manager":{{"value":"c"}}}}"#);
        assert_eq!(id(&among).as_deref(), Some("me"));
        assert_eq!(id(&format!(r#"{{"properties":{decoys}}}"#)), None);
        for nothing in [r#"{"manager":{"value":[]}}"#, r#"{"manager":{}}"#, r#"{"manager":{"#, "{}"] {
            assert_eq!(id(nothing), None, "{nothing}");
        }
    }
}
