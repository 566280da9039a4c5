//! Which connections provisioned a resource, and the `externalId` each gave it.

use std::collections::BTreeMap;

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
