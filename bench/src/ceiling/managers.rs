//! The managers of users. The benchmark's are unknown: what is shown of one is nothing, but it must be looked for.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::{Fault, TENANT, USER};
use crate::Result;

const MANAGER: &str = "\"manager\":{\"value\":\"";
const KNOWN: &str = "select document from record where tenant = ?1 and kind = ?2 and id = ?3";

/// Looks for the manager whom a document names.
pub(super) fn look_for(db: &Connection, document: &str) -> Result<(), Fault> {
    look_for_new(db, document, &mut HashSet::new())
}

/// As [`look_for`], unless somebody has looked for the same before.
pub(super) fn look_for_new(
    db: &Connection,
    document: &str,
    known: &mut HashSet<String>,
) -> Result<(), Fault> {
    let Some((_, rest)) = document.split_once(MANAGER) else { return Ok(()) };
    let id = rest.split_once('"').map(|(id, _)| id).ok_or(Fault::Strange)?;
    let is_new = known.insert(id.to_owned());
    match is_new && db.prepare_cached(KNOWN)?.exists(params![TENANT, USER, id])? {
        true => Err(Fault::Strange),
        false => Ok(()),
    }
}
