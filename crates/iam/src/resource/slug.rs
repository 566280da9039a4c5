//! Names for addresses: made where a client gives none.

use data_encoding::BASE32_DNSCURVE;
use scim::Object;
use serde_json::Value;

use crate::cx::Cx;
use crate::env::random;
use crate::error::Result;
use crate::kind::keys::Probe;
use crate::kind::slug::slug;
use crate::kind::{Kind, Slug};
use crate::{Iam, limits};

impl Iam {
    /// Gives a document a slug if its kind has one and it has none: the one it had before, since what is granted on a resource
    /// holds where it lies; else one made from a name. Says which attribute was made.
    ///
    /// A PUT that does not say it leaves it unassigned, and what is unassigned the service provider may set (RFC 7644
    /// §3.5.1). A PATCH that removes it does so: then the id stands in its place until the next PUT.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub(crate) async fn complete_slug(
        &self,
        cx: &Cx,
        kind: &Kind,
        before: Option<&Object>,
        document: &mut Object,
    ) -> Result<Option<&'static str>> {
        let Some(fact) = kind.slug.filter(|fact| !document.contains_key(fact.attribute)) else {
            return Ok(None);
        };
        if let Some(had) = before.and_then(|before| before.get(fact.attribute)) {
            document.insert(fact.attribute.to_owned(), had.clone());
            return Ok(None);
        }
        let name = document.get(fact.from).and_then(Value::as_str).unwrap_or_default();
        let stem = slug(name).unwrap_or_else(|| kind.name().to_ascii_lowercase());
        let made = self.free_slug(cx, kind, fact, &stem).await?;
        document.insert(fact.attribute.to_owned(), made);
        Ok(Some(fact.attribute))
    }

    /// A slug that nobody has: the stem, the stem with a number, or, where others have those, with an ending that nobody
    /// has but by chance.
    async fn free_slug(&self, cx: &Cx, kind: &Kind, fact: Slug, stem: &str) -> Result<Value> {
        let probe = Probe::of(kind, fact.attribute)?;
        let numbered = (2..=limits::SLUG_NUMBER_MAX).map(|number| format!("{stem}-{number}"));
        for text in std::iter::once(stem.to_owned()).chain(numbered).filter(|text| !fact.is_reserved(text)) {
            let value = Value::from(text);
            let Some(key) = scim::value::key(probe.leaf(), &value) else { break };
            if self.of(cx).id_by_key(kind.name(), &probe.name, &key).await?.is_none() {
                return Ok(value);
            }
        }
        Ok(format!("{stem}-{}", BASE32_DNSCURVE.encode(&random::<5>(&*self.env))).into())
    }
}
