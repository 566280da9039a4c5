//! What is told of a write to those who listen (RFC 9967): an event in the outbox of the tenant, in the commit of the write. It names
//! the resource and the attributes that changed, and holds none of their values.

use scim::{Object, event};
use serde_json::{Value, json};
use store::Batch;

use super::Stored;
use super::write::Next;
use crate::cx::Cx;
use crate::kind::Kind;
use crate::kind::reserve::EdgeChange;
use crate::stream;

/// Tells of a resource that is new.
pub(super) fn created(
    batch: &mut Batch,
    cx: &Cx,
    kind: &Kind,
    id: &str,
    next: &Next,
    edges: &[EdgeChange<'_>],
) {
    let mut attributes = vec!["id".to_owned()];
    attributes.extend(event::changed(&Object::new(), &next.object));
    name_edges(&mut attributes, edges);
    name_secrets(&mut attributes, None, next.secret.as_deref());
    tell(batch, cx, kind, id, [(event::CREATE, event::notice(attributes))]);
}

/// Tells of a resource that was changed by that event.
pub(super) fn changed(
    batch: &mut Batch,
    cx: &Cx,
    kind: &Kind,
    before: &Stored,
    next: &Next,
    edges: &[EdgeChange<'_>],
    by: &'static str,
) {
    let mut attributes = event::changed(&before.document, &next.object);
    name_edges(&mut attributes, edges);
    name_secrets(&mut attributes, before.record.secret.as_deref(), next.secret.as_deref());
    let is_active =
        |document: &Object| kind.activity.is_none_or(|name| document.get(name) != Some(&Value::Bool(false)));
    let turned = match (is_active(&before.document), is_active(&next.object)) {
        (false, true) => Some(event::ACTIVATE),
        (true, false) => Some(event::DEACTIVATE),
        _ => None,
    };
    let turned = turned.map(|turned| (turned, json!({})));
    let events = [(by, event::notice(attributes))].into_iter().chain(turned);
    tell(batch, cx, kind, &before.record.id, events);
}

/// Tells of a resource of which only edges changed.
pub(super) fn relinked(batch: &mut Batch, cx: &Cx, kind: &Kind, id: &str, edges: &[EdgeChange<'_>]) {
    let mut attributes = Vec::new();
    name_edges(&mut attributes, edges);
    tell(batch, cx, kind, id, [(event::PATCH, event::notice(attributes))]);
}

/// Tells of a resource that is gone.
pub(super) fn deleted(batch: &mut Batch, cx: &Cx, kind: &Kind, id: &str) {
    tell(batch, cx, kind, id, [(event::DELETE, json!({}))]);
}

fn name_edges(attributes: &mut Vec<String>, edges: &[EdgeChange<'_>]) {
    for edge in edges {
        if !attributes.contains(&edge.relation.attribute) {
            attributes.push(edge.relation.attribute.clone());
        }
    }
}

/// Values that are kept hashed are told apart by what they became: the same password again is a change too.
fn name_secrets(attributes: &mut Vec<String>, before: Option<&str>, after: Option<&str>) {
    if before != after {
        let read = |secret: Option<&str>| secret.and_then(|text| serde_json::from_str(text).ok());
        attributes
            .extend(event::changed(&read(before).unwrap_or_default(), &read(after).unwrap_or_default()));
    }
}

fn tell(
    batch: &mut Batch,
    cx: &Cx,
    kind: &Kind,
    id: &str,
    events: impl IntoIterator<Item = (&'static str, Value)>,
) {
    let events: Object = events.into_iter().map(|(uri, content)| (uri.to_owned(), content)).collect();
    let uri = format!("/{}/{id}", kind.schema.endpoint);
    stream::tell(batch, cx, json!({ "format": "scim", "uri": uri }), events);
}
