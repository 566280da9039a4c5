//! GET: a user, users by name or by page, a group.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;

use super::show::{List, Shown, push_all, text};
use super::{Ceiling, Fault, GROUP, MEMBERS, TENANT, USER, groups, managers, scim};
use crate::Result;

pub(super) const GET: &str = "select id, version, created, modified, document, connections, display from record \
    where tenant = ?1 and kind = ?2 and id = ?3";
const FIND: &str = "select r.id, r.version, r.created, r.modified, r.document, r.connections \
    from unique_key i cross join record r \
    where i.tenant = ?1 and i.kind = ?2 and i.attribute = 'userName' and i.key = ?3 \
    and r.tenant = i.tenant and r.kind = i.kind and r.id = i.id";
const PAGE: &str = "select id, version, created, modified, document, connections from record \
    where tenant = ?1 and kind = ?2 and id > ?3 order by id limit ?4";
const SKIP: &str = "select id from record where tenant = ?1 and kind = ?2 order by id limit 1 offset ?3";
const COUNT: &str = "select live from counter where tenant = ?1 and kind = ?2";
const EDGES: &str = "select target, target_kind from edge \
    where tenant = ?1 and relation = ?2 and source = ?3 order by target";

/// What the benchmark asks of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    /// The id after which the page begins; empty for the first page.
    cursor: Option<String>,
    excluded_attributes: Option<String>,
}

pub(super) async fn user(
    State(ceiling): State<Arc<Ceiling>>,
    Path((tenant, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let body = ceiling.read(&tenant, &headers, |db| {
        let mut statement = db.prepare_cached(GET)?;
        let mut rows = statement.query(params![TENANT, USER, id])?;
        let row = rows.next()?.ok_or(Fault::Missing)?;
        let (mut out, base) = (String::new(), &ceiling.base);
        let user = Shown::of(USER, row)?;
        managers::look_for(db, user.document)?;
        user.push(&mut out, base, |out| groups::push_groups(db, base, &id, out))?;
        Ok(out)
    })?;
    Ok(scim(StatusCode::OK, body))
}

pub(super) async fn users(
    State(ceiling): State<Arc<Ceiling>>,
    Path(tenant): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let body = ceiling.read(&tenant, &headers, |db| match &asked.filter {
        Some(filter) => found(db, &ceiling.base, filter),
        None => page(db, &ceiling.base, &asked),
    })?;
    Ok(scim(StatusCode::OK, body))
}

/// The user of a name.
fn found(db: &Connection, base: &str, filter: &str) -> Result<String, Fault> {
    let name = filter
        .strip_prefix("userName eq \"")
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or(Fault::Strange)?;
    let mut statement = db.prepare_cached(FIND)?;
    let mut rows = statement.query(params![TENANT, USER, name.to_lowercase().as_bytes()])?;
    let (mut out, mut count) = (String::new(), 0);
    if let Some(row) = rows.next()? {
        let user = Shown::of(USER, row)?;
        managers::look_for(db, user.document)?;
        user.push(&mut out, base, |out| groups::push_groups(db, base, user.id, out))?;
        count = 1;
    }
    Ok(listed(&out, count, count, ",\"startIndex\":1", ""))
}

fn page(db: &Connection, base: &str, asked: &Asked) -> Result<String, Fault> {
    let count = asked.count.unwrap_or(100);
    let start = asked.start_index.unwrap_or(1);
    let past = match &asked.cursor {
        Some(cursor) => cursor.clone(),
        None if start <= 1 => String::new(),
        // The index alone tells; the documents are not read.
        None => db.prepare_cached(SKIP)?.query_row(params![TENANT, USER, start - 2], |row| row.get(0))?,
    };
    let total: i64 =
        db.prepare_cached(COUNT)?.query_row(params![TENANT, USER], |row| row.get(0)).optional()?.unwrap_or(0);
    let mut statement = db.prepare_cached(PAGE)?;
    let users = statement.query(params![TENANT, USER, past, count])?;
    let mut out = String::with_capacity(256 * 1024);
    let (last, shown) = groups::push_users(db, base, &past, users, &mut out)?;
    let (start, next) = match asked.cursor {
        Some(_) => (String::new(), format!(",\"nextCursor\":\"{last}\"")),
        None => (format!(",\"startIndex\":{start}"), String::new()),
    };
    Ok(listed(&out, total, i64::try_from(shown).unwrap_or_default(), &start, &next))
}

fn listed(resources: &str, total: i64, shown: i64, start: &str, next: &str) -> String {
    let mut out = String::with_capacity(resources.len() + 256);
    out.push_str("{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],\"totalResults\":");
    let (total, shown) = (total.to_string(), shown.to_string());
    push_all(
        &mut out,
        &[&total, ",\"itemsPerPage\":", &shown, start, next, ",\"Resources\":[", resources, "]}"],
    );
    out
}

pub(super) async fn group(
    State(ceiling): State<Arc<Ceiling>>,
    Path((tenant, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let is_whole = asked.excluded_attributes.is_none();
    let body = ceiling.read(&tenant, &headers, |db| show_group(db, &ceiling.base, &id, is_whole))?;
    Ok(scim(StatusCode::OK, body))
}

pub(super) fn show_group(db: &Connection, base: &str, id: &str, is_whole: bool) -> Result<String, Fault> {
    let mut statement = db.prepare_cached(GET)?;
    let mut rows = statement.query(params![TENANT, GROUP, id])?;
    let row = rows.next()?.ok_or(Fault::Missing)?;
    let mut out = String::new();
    Shown::of(GROUP, row)?.push(&mut out, base, |out| {
        if is_whole {
            push_members(db, base, id, out)?;
        }
        groups::push_roles(db, base, id, out)
    })?;
    Ok(out)
}

fn push_members(db: &Connection, base: &str, id: &str, out: &mut String) -> Result<(), Fault> {
    let mut list = List::new(out, "members", base);
    let mut statement = db.prepare_cached(EDGES)?;
    let mut rows = statement.query(params![TENANT, MEMBERS, id])?;
    while let Some(row) = rows.next()? {
        let kind = text(row, 1)?;
        // What a member shows is returned on request.
        list.push(kind, text(row, 0)?, kind, "");
    }
    list.finish();
    Ok(())
}
