//! The order of a list (RFC 7644 §3.4.2.3), as keys.

use scim::Object;
use store::Record;

use super::super::connections::Connections;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::kind::keys::Probe;

/// By what a list is ordered.
#[derive(Clone, Debug)]
pub(crate) enum Sort {
    /// By id, which is by age.
    Id,
    /// By when it was created, where an id does not tell.
    Created,
    /// By the last modification.
    Modified,
    /// By the `externalId` of the connection.
    External,
    /// By an attribute of the document.
    Attribute(Box<Probe>),
    /// By what all have in common, or none has.
    Nothing,
}

impl Sort {
    /// The order that `sortBy` names. Among several kinds, one that has no such attribute has no order by it, if another has.
    ///
    /// # Errors
    /// `invalidValue` when no kind has it, or it has no order.
    pub(crate) fn new(cx: &Cx, kind: &Kind, name: &str, is_alone: bool) -> Result<Option<Self>> {
        // RFC 7643 §7: what is never returned must not be told by an order either.
        let of = |kind: &Kind| Probe::of(kind, name).ok().filter(|probe| !probe.is_hidden());
        let Some(probe) = of(kind) else {
            let has_such = scim::path::place(&kind.schema, name).is_some();
            let elsewhere = !(is_alone && has_such)
                && cx.kinds.iter().any(|other| other.name() != kind.name() && of(other).is_some());
            if elsewhere && !kind.schema.split_urn(name).is_some_and(|(_, rest)| rest.is_empty()) {
                return Ok(Some(Self::Nothing));
            }
            return Err(Error::invalid(format!(
                "`sortBy`: {} cannot order resources",
                scim::error::quoted(name)
            )));
        };
        Ok(Some(match probe.name.as_str() {
            "meta.created" if kind.chooses_id => Self::Created,
            name if kind.created == Some(name) && kind.chooses_id => Self::Created,
            name if kind.created == Some(name) => Self::Id,
            "id" | "meta.created" | "meta.location" => Self::Id,
            "meta.lastModified" => Self::Modified,
            "externalId" => Self::External,
            "meta.resourceType" | "meta.version" | "schemas" => Self::Nothing,
            _ => Self::Attribute(Box::new(probe)),
        }))
    }

    /// The key of a resource. What has no value comes last, and first where the order is turned round.
    pub(crate) fn key(&self, cx: &Cx, record: &Record, document: &Object) -> Vec<u8> {
        let key = match self {
            Self::Id => Some(record.id.clone().into_bytes()),
            Self::Created => Some(record.created.max(0).to_be_bytes().to_vec()),
            Self::Modified => Some(record.modified.max(0).to_be_bytes().to_vec()),
            Self::External => Connections::parse(record.connections.as_deref())
                .external_id(&cx.caller.connection)
                .map(|id| id.as_bytes().to_vec()),
            Self::Attribute(probe) => probe.sort_key(document).map(crate::kind::keys::cut),
            Self::Nothing => None,
        };
        match key {
            Some(key) => [&[0], key.as_slice()].concat(),
            None => vec![1],
        }
    }
}
