//! Which connections provisioned a resource, and the `externalId` each gave it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Connection -> the `externalId` it gave, if any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connections(BTreeMap<String, Option<String>>);

impl Connections {
    pub(crate) fn parse(text: Option<&str>) -> Self {
        Self(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
    }

    pub(crate) fn print(&self) -> Option<String> {
        if self.0.is_empty() { None } else { serde_json::to_string(&self.0).ok() }
    }

    pub(crate) fn external_id(&self, connection: &str) -> Option<&str> {
        self.0.get(connection)?.as_deref()
    }

    pub(crate) fn set(&mut self, connection: &str, external_id: Option<String>) {
        self.0.insert(connection.to_owned(), external_id);
    }

    /// Whether that connection may take the resource for its own: it provisioned it, or nobody did.
    pub(crate) fn admits(&self, connection: &str) -> bool {
        self.0.is_empty() || self.0.contains_key(connection)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(connection, id)| Some((connection.as_str(), id.as_deref()?)))
    }
}

/// The `externalId` that one connection gave, as JSON, read off the kept text without the others.
pub(crate) fn external_id<'t>(text: &'t str, connection: &str) -> Option<&'t str> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(Find(connection)).ok()?
}

/// Text that is copied only where it holds escapes.
#[derive(Deserialize)]
struct Name<'t>(#[serde(borrow)] Cow<'t, str>);

struct Find<'c>(&'c str);

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of connections")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Name(name)) = map.next_key()? {
            if name == self.0 {
                found = map.next_value::<Option<&RawValue>>()?.map(RawValue::get);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_is_found_among_others() {
        let mut all = Connections::default();
        all.set("a", Some("1\"x".to_owned()));
        all.set("b", None);
        let text = all.print().unwrap();
        for connection in ["a", "b", "c"] {
            let found = external_id(&text, connection).map(|json| serde_json::from_str(json).unwrap());
            assert_eq!(found, all.external_id(connection).map(str::to_owned), "{connection}");
        }
    }
}
