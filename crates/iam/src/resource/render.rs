//! A kept resource as it is sent.
//!
//! The stored document is the JSON that is sent; what is known only now (id, `externalId` of this connection,
//! edges, `meta`) is spliced in. Only a projection that reaches into the document has it parsed.

use scim::Object;
use scim::message::push_string;
use scim::project::Projection;
use scim::value::push_timestamp;
use serde_json::Value;
use store::RecordRef;

use super::connections::external_id;
use super::expand::Known;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::{Kind, Relation};
use crate::secret::Secret;

/// A resource ready to be sent.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: i64,
    /// Its URI.
    pub location: String,
    /// Its JSON.
    pub body: String,
    /// A password that was made, which the JSON shows: no other answer will.
    pub password: Option<Secret<String>>,
}

impl Rendered {
    /// The same, with a password that was made for it.
    pub(crate) fn with_password(mut self, made: Option<Secret<String>>) -> Self {
        if let Some(password) = made
            && self.body.pop() == Some('}')
        {
            self.body.push_str(",\"password\":");
            push_string(&mut self.body, password.expose());
            self.body.push('}');
            self.password = Some(password);
        }
        self
    }
}

/// How resources of a kind are shown to a caller.
pub(crate) struct View<'a> {
    pub(crate) cx: &'a Cx,
    pub(crate) kind: &'a Kind,
    pub(crate) projection: &'a Projection,
    /// Whether documents can be sent as they are.
    spliced: bool,
    /// The attribute that says when a resource was created, if it is shown.
    created: Option<&'static str>,
}

impl<'a> View<'a> {
    pub(crate) fn new(cx: &'a Cx, kind: &'a Kind, projection: &'a Projection) -> Self {
        let mut beside = kind.beside();
        beside.retain(|name| !kind.is_in_document(name));
        let is_whole = kind.is_plain && kind.references.is_empty();
        let spliced = is_whole && (projection.is_plain() || projection.holds_back_only(&beside));
        let mut view = Self { cx, kind, projection, spliced, created: kind.created };
        view.created = kind.created.filter(|name| view.wants(name));
        view
    }

    /// Whether an attribute that is not in the document is shown.
    pub(crate) fn wants(&self, attribute: &str) -> bool {
        self.kind.schema.find(None, attribute).is_some_and(|found| self.projection.wants(found.attribute))
    }

    /// Whether the elements of such an attribute are shown with what they refer to is called.
    pub(crate) fn wants_display(&self, attribute: &str) -> bool {
        let Some(found) = self.kind.schema.find(None, attribute) else { return false };
        let display = found.attribute.sub("display");
        display.is_some_and(|display| self.projection.wants_part(found.attribute, display))
    }

    /// Whether all that is shown of a resource, written out, follows from its version: nothing is shown of others.
    pub(crate) fn follows_version(&self, resource: &str) -> bool {
        let named =
            |relation: &Relation| self.wants(&relation.attribute) && self.wants_display(&relation.attribute);
        !self.expands()
            && !self.mentions(resource)
            && super::beside::wanted(self).is_empty()
            && !self.kind.relations.iter().any(named)
    }

    pub(crate) fn location(&self, id: &str) -> String {
        location(&self.cx.base, &self.kind.schema.endpoint, id)
    }

    /// Appends a resource to `out`. `beside` is what is not in the document: `,"name":value` as often as needed.
    pub(crate) fn push(
        &self,
        out: &mut String,
        record: &RecordRef<'_>,
        beside: &str,
        known: &Known,
    ) -> Result<()> {
        let document = known.mentioned.shown(self.kind, record.document);
        let record = &RecordRef { document: &document, ..*record };
        if self.spliced && !self.is_mixed(record, beside) {
            self.splice(out, record, beside);
            return Ok(());
        }
        let mut whole = self.whole(record, beside)?;
        self.expand(&mut whole, known);
        out.push_str(&Value::Object(self.projection.apply(&self.kind.schema, whole)).to_string());
        Ok(())
    }

    /// Appends a resource up to where what is beside the document goes, if documents are sent as they are. The rest
    /// is [`View::end`].
    pub(crate) fn begin(&self, out: &mut String, record: &RecordRef<'_>) -> bool {
        // What is beside it may have to be mixed in.
        let is_done = self.spliced && !self.may_be_mixed(record);
        if is_done {
            self.head(out, record);
        }
        is_done
    }

    /// Whether the document has values of an attribute of which there are others beside it.
    fn may_be_mixed(&self, record: &RecordRef<'_>) -> bool {
        self.kind.merged().any(|(_, own)| own.find(record.document.as_bytes()).is_some())
    }

    fn is_mixed(&self, record: &RecordRef<'_>, beside: &str) -> bool {
        !beside.is_empty() && self.may_be_mixed(record)
    }

    fn splice(&self, out: &mut String, record: &RecordRef<'_>, beside: &str) {
        out.reserve(record.document.len() + beside.len() + 400);
        self.head(out, record);
        out.push_str(beside);
        self.end(out, record);
    }

    fn head(&self, out: &mut String, record: &RecordRef<'_>) {
        // A document begins with `{"schemas":[…]`, and no URN has a bracket in it.
        let at = record.document.find(']').map_or(1, |at| at + 1);
        let (head, tail) = record.document.split_at_checked(at).unwrap_or_default();
        out.push_str(head);
        out.push_str(",\"id\":");
        push_string(out, record.id);
        out.push_str(tail.strip_suffix('}').unwrap_or(tail));
        let external_id = record.connections.and_then(|text| external_id(text, &self.cx.caller.connection));
        if let Some(external_id) = external_id {
            out.push_str(",\"externalId\":");
            out.push_str(external_id);
        }
    }

    /// Appends `meta` and the end of a resource.
    pub(crate) fn end(&self, out: &mut String, record: &RecordRef<'_>) {
        if let Some(name) = self.created {
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":\"");
            push_timestamp(out, record.created);
            out.push('"');
        }
        out.push_str(",\"meta\":{\"resourceType\":");
        push_string(out, self.kind.name());
        out.push_str(",\"created\":\"");
        push_timestamp(out, record.created);
        out.push_str("\",\"lastModified\":\"");
        push_timestamp(out, record.modified);
        out.push_str("\",\"location\":\"");
        for part in [&self.cx.base, "/", &self.kind.schema.endpoint, "/", record.id] {
            out.push_str(part);
        }
        // As `etag` prints it, with the quotes escaped.
        out.push_str("\",\"version\":\"W/\\\"");
        out.push_str(&record.version.to_string());
        out.push_str("\\\"\"}}");
    }

    pub(crate) fn rendered(&self, record: &RecordRef<'_>, beside: &str, known: &Known) -> Result<Rendered> {
        let mut body = String::new();
        self.push(&mut body, record, beside, known)?;
        let (id, version) = (record.id.to_owned(), record.version);
        Ok(Rendered { location: self.location(&id), id, version, body, password: None })
    }

    /// The whole resource as JSON, references by id.
    pub(crate) fn whole(&self, record: &RecordRef<'_>, beside: &str) -> Result<Object> {
        let mut text = String::new();
        if !self.is_mixed(record, beside) {
            self.splice(&mut text, record, beside);
            return serde_json::from_str(&text).map_err(Error::internal);
        }
        self.splice(&mut text, record, "");
        let mut whole: Object = serde_json::from_str(&text).map_err(Error::internal)?;
        let beside = format!("{{{}}}", beside.trim_start_matches(','));
        let beside: Object = serde_json::from_str(&beside).map_err(Error::internal)?;
        for (name, value) in beside {
            match (whole.get_mut(&name), value) {
                (Some(Value::Array(own)), Value::Array(others)) => own.extend(others),
                (_, value) => {
                    whole.insert(name, value);
                }
            }
        }
        Ok(whole)
    }
}

pub(crate) fn location(base: &str, endpoint: &str, id: &str) -> String {
    format!("{base}/{endpoint}/{id}")
}
