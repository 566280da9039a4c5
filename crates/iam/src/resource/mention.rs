//! What resources mention, as it is read: a user's manager with URI and name. Where an attribute shows resources beside what
//! clients set (a user's roles), what they set is not taken for a resource: the id of one is left out.
//!
//! What one resource mentions is read with it, and what a page mentions is looked up at once. Where nothing is mentioned nothing is looked up, and what mentions nothing
//! that is there is sent as it is kept.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use memchr::memmem::Finder;
use scim::Object;
use scim::message::push_string;
use serde_json::Value;
use store::RecordRef;

use super::render::{View, location};
use crate::Iam;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::kind::mention::{Mention, member, string};

/// What is known of the resources that others mention.
#[derive(Default)]
pub(crate) struct Mentioned {
    /// Id -> what is shown of it.
    known: HashMap<String, Named>,
    /// For each attribute that shows resources beside what clients set, what they set that is the id of such a resource.
    taken: Vec<HashSet<String>>,
    /// How many were looked up.
    pub(crate) looked_up: usize,
}

/// What is shown of a resource that is mentioned.
struct Named {
    uri: String,
    /// What the part says, as JSON.
    part: Option<String>,
}

impl Named {
    fn new(cx: &Cx, mention: &Mention, target: &Kind, id: &str, document: &str) -> Self {
        let part = member(document, &mention.part).map(|part| part.get().to_owned());
        Self { uri: location(&cx.base, &target.schema.endpoint, id), part }
    }
}

impl View<'_> {
    /// Whether something is shown of what a resource mentions, or left out for it.
    pub(crate) fn mentions(&self, resource: &str) -> bool {
        let is_set = |own: &Finder<'_>| own.find(resource.as_bytes()).is_some();
        self.kind.merged().any(|(_, own)| is_set(own))
            || self.mention().is_some_and(|(mention, _)| mention.may_be_in(resource))
    }

    /// The attribute that mentions another resource, if something of that is shown, and the other's kind.
    fn mention(&self) -> Option<(&Mention, &Kind)> {
        let mention = self.kind.mention.as_ref().filter(|mention| self.shows(mention))?;
        Some((mention, self.cx.kinds.named(&mention.target)?))
    }

    /// The kind of what is mentioned, if something of that is shown.
    pub(crate) fn kind_mentioned(&self) -> Option<&str> {
        self.mention().map(|(_, kind)| kind.name())
    }

    /// What a record mentions, as far as it is shown, where no look is needed any more: it was read with it, or is nothing.
    pub(crate) fn mentioned_with(&self, record: &RecordRef<'_>) -> Option<Mentioned> {
        let mut mentioned = Mentioned::default();
        if self.kind.merged().any(|(_, own)| own.find(record.document.as_bytes()).is_some()) {
            return None;
        }
        let Some((mention, target)) = self.mention() else { return Some(mentioned) };
        let Some(id) = mention.id(record.document) else { return Some(mentioned) };
        // The document counts: an earlier durward keeps nothing of what it mentions, or leaves what was kept before.
        let read = record.mentioned.filter(|read| read.id == id)?;
        // Of one that mentions itself the newest is at hand.
        let is_itself = id == record.id && target.name() == record.kind;
        if let Some(document) = if is_itself { Some(record.document) } else { read.document } {
            let named = Named::new(self.cx, mention, target, &id, document);
            mentioned.known.insert(id.into_owned(), named);
        }
        Some(mentioned)
    }

    fn shows(&self, mention: &Mention) -> bool {
        let (extension, name) = mention.name();
        let found = self.kind.schema.find(extension, name);
        let parts = ["$ref", &mention.part];
        found.is_some_and(|found| parts.iter().any(|part| self.projection.wants_part_of(&found, part)))
    }
}

impl Iam {
    /// What these resources mention, as far as it is shown.
    pub(crate) async fn mentioned<'t>(
        &self,
        view: &View<'_>,
        resources: impl Iterator<Item = &'t str> + Clone,
    ) -> Result<Mentioned> {
        self.mentioned_by(view.cx, view.kind, |mention| view.shows(mention), resources).await
    }

    /// What resources of a kind, documents or written out as a whole, mention, if that is wanted.
    pub(crate) async fn mentioned_by<'t>(
        &self,
        cx: &Cx,
        kind: &Kind,
        is_wanted: impl Fn(&Mention) -> bool,
        resources: impl Iterator<Item = &'t str> + Clone,
    ) -> Result<Mentioned> {
        let mut mentioned = Mentioned::default();
        if let Some(mention) = kind.mention.as_ref().filter(|mention| is_wanted(mention))
            && let Some(target) = cx.kinds.named(&mention.target)
        {
            let ids: BTreeSet<Cow<'_, str>> = resources.clone().filter_map(|text| mention.id(text)).collect();
            let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
            mentioned.looked_up += ids.len();
            let name = |record: RecordRef<'_>| {
                let named = Named::new(cx, mention, target, record.id, record.document);
                mentioned.known.insert(record.id.to_owned(), named);
            };
            self.of(cx).with_records(target.name(), &ids, name).await?;
        }
        for (derived, own) in kind.merged() {
            let (mut ids, mut taken) = (BTreeSet::<String>::new(), HashSet::new());
            for resource in resources.clone().filter(|text| own.find(text.as_bytes()).is_some()) {
                let document: Object = serde_json::from_str(resource).map_err(Error::internal)?;
                let set = document.get(&derived.attribute).and_then(Value::as_array).into_iter().flatten();
                ids.extend(set.filter_map(set_value).map(str::to_owned));
            }
            mentioned.looked_up += ids.len();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let take = |record: RecordRef<'_>| _ = taken.insert(record.id.to_owned());
            self.of(cx).with_records(&derived.source, &ids, take).await?;
            mentioned.taken.push(taken);
        }
        Ok(mentioned)
    }
}

impl Mentioned {
    /// Whether none of it is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.taken.iter().all(HashSet::is_empty)
    }

    /// A resource of that kind, its document or written out as a whole, with what is known of what it mentions.
    pub(crate) fn shown<'t>(&self, kind: &Kind, resource: &'t str) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(resource);
        if let Some(mention) = kind.mention.as_ref().filter(|_| !self.known.is_empty())
            && mention.may_be_in(&shown)
            && let Some((place, value)) = completed(mention, &self.known, &shown)
        {
            shown.to_mut().replace_range(place, &value);
        }
        for ((derived, own), taken) in kind.merged().zip(&self.taken).filter(|(_, taken)| !taken.is_empty()) {
            if own.find(shown.as_bytes()).is_some()
                && let Some(rest) = without(&derived.attribute, taken, &shown)
            {
                shown = Cow::Owned(rest);
            }
        }
        shown
    }
}

/// A resource without values that clients set in an attribute.
fn without(attribute: &str, taken: &HashSet<String>, resource: &str) -> Option<String> {
    let mut object: Object = serde_json::from_str(resource).ok()?;
    let list = object.get_mut(attribute)?.as_array_mut()?;
    list.retain(|value| set_value(value).is_none_or(|id| !taken.contains(id)));
    if list.is_empty() {
        object.shift_remove(attribute);
    }
    serde_json::to_string(&object).ok()
}

/// The `value` that a client set; what the service shows has a URI.
fn set_value(value: &Value) -> Option<&str> {
    value.get("value").filter(|_| value.get("$ref").is_none()).and_then(Value::as_str)
}

/// A value with what is known of what it mentions, and where it stands. What a client says of its URI gives way: of a
/// resource that is there, the service knows it.
fn completed(
    mention: &Mention,
    known: &HashMap<String, Named>,
    resource: &str,
) -> Option<(Range<usize>, String)> {
    let raw = mention.value(resource)?.get();
    let named = known.get(&*string(member(raw, "value")?)?)?;
    let from = raw.as_ptr().addr() - resource.as_ptr().addr();
    let (place, part) = (from..from + raw.len(), named.part.as_deref());
    if member(raw, "$ref").is_none() && member(raw, &mention.part).is_none() {
        let mut whole = raw.strip_suffix('}')?.to_owned();
        whole.push_str(",\"$ref\":");
        push_string(&mut whole, &named.uri);
        for text in part.iter().flat_map(|part| [",\"", &mention.part, "\":", part]) {
            whole.push_str(text);
        }
        whole.push('}');
        return Some((place, whole));
    }
    let mut value: Object = serde_json::from_str(raw).ok()?;
    value.insert("$ref".to_owned(), named.uri.as_str().into());
    if let Some(part) = part.and_then(|part| serde_json::from_str(part).ok()) {
        value.entry(mention.part.as_str()).or_insert(part);
    }
    Some((place, Value::Object(value).to_string()))
}

/// Takes out of a document what would be shown anyway: a URI that a client sends back as it was read would stay when
/// addresses change.
pub(crate) fn forget(cx: &Cx, kind: &Kind, document: &mut Object) {
    let Some(mention) = &kind.mention else { return };
    let (Some(target), Some(value)) = (cx.kinds.named(&mention.target), mention.value_mut(document)) else {
        return;
    };
    let uri = value.get("value").and_then(|id| id.as_str());
    let uri = uri.map(|id| location(&cx.base, &target.schema.endpoint, id));
    if uri.is_some() && value.get("$ref").and_then(|uri| uri.as_str()) == uri.as_deref() {
        value.shift_remove("$ref");
    }
}
