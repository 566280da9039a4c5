//! Attributes that mention another resource by its id and do not hold on to it: what is mentioned need not be there, and
//! may go.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use scim::path::{Place, place};
use scim::schema::ResourceType;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

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
    pub(crate) fn id<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        let mut openings = self.opening.find_iter(text.as_bytes());
        let at = openings.next()?;
        if openings.next().is_some() {
            return string(member(self.value(text)?.get(), "value")?);
        }
        // From the brace on.
        string(member(text.get(at + self.opening.needle().len() - 1..)?, "value")?)
    }

    /// What the attribute is in a resource that is written out as JSON.
    pub(crate) fn value<'t>(&self, resource: &'t str) -> Option<&'t RawValue> {
        let object = match &self.extension {
            None => resource,
            Some(urn) => member(resource, urn)?.get(),
        };
        member(object, &self.attribute)
    }

    /// The id that is mentioned in a document.
    pub(crate) fn id_in<'d>(&self, document: &'d scim::Object) -> Option<&'d str> {
        let object = match &self.extension {
            None => document,
            Some(urn) => document.get(urn)?.as_object()?,
        };
        object.get(&self.attribute)?.get("value")?.as_str()
    }

    /// The value in a document.
    pub(crate) fn value_mut<'d>(&self, document: &'d mut scim::Object) -> Option<&'d mut scim::Object> {
        let object = match &self.extension {
            None => document,
            Some(urn) => document.get_mut(urn)?.as_object_mut()?,
        };
        object.get_mut(&self.attribute)?.as_object_mut()
    }
}

/// A member of the JSON object with which a text begins. What comes after it is not looked at.
pub(crate) fn member<'t>(text: &'t str, name: &str) -> Option<&'t RawValue> {
    let mut found = None;
    let search = Search { name, found: &mut found };
    // Who has found something does not read on, which is an error.
    drop(serde_json::Deserializer::from_str(text).deserialize_map(search));
    found
}

/// What a JSON string says.
pub(crate) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    // One with escapes cannot be borrowed.
    serde_json::from_str(text).map(Cow::Borrowed).or_else(|_| serde_json::from_str(text).map(Cow::Owned)).ok()
}

/// Looks for the member of that name.
struct Search<'n, 'f, 't> {
    name: &'n str,
    found: &'f mut Option<&'t RawValue>,
}

impl<'t> Visitor<'t> for Search<'_, '_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(is_it) = members.next_key_seed(Named(self.name))? {
            if is_it {
                *self.found = Some(members.next_value()?);
                break;
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Whether a member has that name.
struct Named<'n>(&'n str);

impl<'t> DeserializeSeed<'t> for Named<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'t>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Named<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use crate::kind::Kinds;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    #[test]
    fn a_resource_mentions_one_however_many_look_like_it() {
        let kinds = Kinds::standard().unwrap();
        let manager = kinds.named("User").unwrap().mention.as_ref().unwrap();
        let id = |text: &str| manager.id(text).map(Cow::into_owned);
        let own = r#"{"department":"d","manager":{"displayName":"m","value":"\u006de"}}"#;
        assert_eq!(id(&format!(r#"{{"{ENTERPRISE}":{own}}}"#)).as_deref(), Some("me"));
        let decoys = r#"{"manager":{"value":"a"},"b":[{"manager":{"value":"b"}}]}"#;
        let among = format!(r#"{{"prop\"erties":{decoys},"{ENTERPRISE}":{own},"manager":{{"value":"c"}}}}"#);
        assert_eq!(id(&among).as_deref(), Some("me"));
        assert_eq!(id(&format!(r#"{{"properties":{decoys}}}"#)), None);
        for nothing in [r#"{"manager":{"value":[]}}"#, r#"{"manager":{}}"#, r#"{"manager":{"#, "{}"] {
            assert_eq!(id(nothing), None, "{nothing}");
        }
    }
}
