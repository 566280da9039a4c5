//! Names for addresses, made where a client gives none.

use scim::Object;
use serde_json::Value;

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::kind::keys::Probe;
use crate::kind::slug::slug;
use crate::{Iam, limits};

impl Iam {
    /// Gives a document a slug if its kind has one and it has none: made from a name, with a number where others have it.
    /// Says which attribute was given.
    ///
    /// # Errors
    /// [`Error::Conflict`] when too many have it.
    pub(crate) async fn complete_slug(
        &self,
        cx: &Cx,
        kind: &Kind,
        document: &mut Object,
    ) -> Result<Option<&'static str>> {
        let Some(fact) = kind.slug.filter(|fact| !document.contains_key(fact.attribute)) else {
            return Ok(None);
        };
        let name = document.get(fact.from).and_then(Value::as_str).unwrap_or_default();
        let stem = slug(name).unwrap_or_else(|| kind.name().to_ascii_lowercase());
        let probe = Probe::of(kind, fact.attribute)?;
        for number in 1..=limits::SLUG_NUMBER_MAX {
            let text = if number == 1 { stem.clone() } else { format!("{stem}-{number}") };
            let value = Value::from(text);
            let Some(key) = scim::value::key(probe.leaf(), &value) else { break };
            if self.of(cx).id_by_key(kind.name(), &probe.name, &key).await?.is_none() {
                document.insert(fact.attribute.to_owned(), value);
                return Ok(Some(fact.attribute));
            }
        }
        Err(Error::Conflict { attribute: format!("`{}`", fact.attribute) })
    }
}
