//! POST and PATCH: as little understanding of the request as the rows need, then one batch.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use uuid::Uuid;

use super::read::{GET, show_group};
use super::show::{Shown, connections};
use super::{CONNECTION, Ceiling, Fault, GROUP, MEMBERS, TENANT, USER, groups, managers, scim};
use crate::Result;

// As in durward's store, but for the column for what a record mentions: here the document says it.
const INSERT: &str = "insert into record (tenant, kind, id, version, created, modified, display, document, connections, secret) \
    values (?1, ?2, ?3, 1, ?4, ?4, ?5, ?6, ?7, null) on conflict do nothing";
const UPDATE: &str = "update record set version = version + 1, modified = ?1, display = ?2, document = ?3, \
    connections = ?4, secret = null \
    where tenant = ?5 and kind = ?6 and id = ?7 and version = ?8 returning version";
const TOUCH: &str = "update record set version = version + 1, modified = ?1 \
    where tenant = ?2 and kind = ?3 and id = ?4 returning version";
const CLAIM: &str = "insert into unique_key (tenant, kind, attribute, key, id) values (?1, ?2, ?3, ?4, ?5) on conflict do nothing";
const INDEX: &str = "insert into attr_index (tenant, kind, attribute, key, id) values (?1, ?2, ?3, ?4, ?5) on conflict do nothing";
const COUNT: &str = "insert into counter (tenant, kind, live, shifts) values (?1, ?2, 1, 0) \
    on conflict (tenant, kind) do update set live = counter.live + excluded.live, shifts = counter.shifts + excluded.shifts";
const LINK: &str = "insert into edge (tenant, relation, source, target, target_kind, display) \
    select tenant, ?1, ?2, id, kind, display from record where tenant = ?3 and id = ?4 and kind in ('User', 'Group') \
    on conflict (tenant, relation, source, target) do update \
    set target_kind = excluded.target_kind, display = excluded.display";
const UNLINK: &str = "delete from edge where tenant = ?1 and relation = ?2 and source = ?3 and target = ?4";

/// So often a write that met another one is tried anew.
const RETRIES_MAX: usize = 3;

/// What rows are made of in a user.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewUser {
    user_name: String,
    external_id: String,
    display_name: String,
    name: Name,
    emails: Vec<Valued>,
    phone_numbers: Vec<Valued>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    family_name: String,
    given_name: String,
}

#[derive(Deserialize)]
struct Valued {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewGroup {
    display_name: String,
    #[serde(default)]
    members: Vec<Valued>,
}

#[derive(Deserialize)]
struct Patch {
    #[serde(rename = "Operations")]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    op: String,
    path: String,
    value: Option<serde_json::Value>,
}

fn parsed<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|_| Fault::Strange)
}

#[expect(clippy::disallowed_methods, reason = "a baseline has no use for another clock than the machine's")]
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
}

#[expect(clippy::disallowed_methods, reason = "a baseline has no use for seeded entropy")]
fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// A row in a table of keys.
type Key = (&'static str, Vec<u8>);

fn created(base: &str, endpoint: &str, id: &str, body: String) -> Result<Response, Fault> {
    let mut response = scim(StatusCode::CREATED, body);
    let location = HeaderValue::try_from(format!("{base}/{endpoint}/{id}")).map_err(|_| Fault::Strange)?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

pub(super) async fn create_user(
    State(ceiling): State<Arc<Ceiling>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let text = std::str::from_utf8(&body).map_err(|_| Fault::Strange)?;
    ceiling.read(&tenant, &headers, |db| managers::look_for(db, text))?;
    let user: NewUser = parsed(&body)?;
    let (id, now) = (new_id(), now());
    // The external id belongs to the connection and not to the document.
    let external = format!("\"externalId\":\"{}\",", user.external_id);
    let document = text.replacen(&external, "", 1);
    let connections = connections(&format!("\"{}\"", user.external_id));
    let unique: [Key; 2] = [
        ("userName", user.user_name.to_lowercase().into_bytes()),
        ("externalId", [CONNECTION.as_bytes(), &[0], user.external_id.as_bytes()].concat()),
    ];
    let values = [("emails.value", user.emails), ("phoneNumbers.value", user.phone_numbers)];
    let values =
        values.into_iter().flat_map(|(name, all)| all.into_iter().map(move |each| (name, each.value)));
    let names = [("name.familyName", user.name.family_name), ("name.givenName", user.name.given_name)];
    let index: Vec<Key> =
        values.chain(names).map(|(name, text)| (name, text.to_lowercase().into_bytes())).collect();
    let batch = {
        let (id, document, connections, display) =
            (id.clone(), document.clone(), connections.clone(), user.display_name);
        move |db: &Connection| {
            insert(db, USER, &id, now, &display, &document, Some(&connections))?;
            for (attribute, key) in &unique {
                if db.prepare_cached(CLAIM)?.execute(params![TENANT, USER, attribute, key, id])? == 0 {
                    return Err(Fault::Taken);
                }
            }
            for (attribute, key) in &index {
                db.prepare_cached(INDEX)?.execute(params![TENANT, USER, attribute, key, id])?;
            }
            db.prepare_cached(COUNT)?.execute(params![TENANT, USER])?;
            Ok(1)
        }
    };
    let version = ceiling.db.write(batch).await?;
    let shown = Shown {
        kind: USER,
        id: &id,
        version,
        created: now,
        modified: now,
        document: &document,
        connections: Some(&connections),
    };
    let mut out = String::new();
    shown.push(&mut out, &ceiling.base, |_| Ok(()))?;
    created(&ceiling.base, "Users", &id, out)
}

fn insert(
    db: &Connection,
    kind: &str,
    id: &str,
    now: i64,
    display: &str,
    document: &str,
    connections: Option<&str>,
) -> Result<(), Fault> {
    let made =
        db.prepare_cached(INSERT)?.execute(params![TENANT, kind, id, now, display, document, connections])?;
    if made == 1 { Ok(()) } else { Err(Fault::Taken) }
}

/// A user before a change.
struct Before {
    version: i64,
    created: i64,
    document: String,
    connections: Option<String>,
    display: String,
    groups: String,
}

impl Before {
    fn read(db: &Connection, base: &str, id: &str) -> Result<Self, Fault> {
        let mut statement = db.prepare_cached(GET)?;
        let mut rows = statement.query(params![TENANT, USER, id])?;
        let row = rows.next()?.ok_or(Fault::Missing)?;
        let user = Shown::of(USER, row)?;
        managers::look_for(db, user.document)?;
        let mut shown = String::new();
        groups::push_groups(db, base, id, &mut shown)?;
        Ok(Before {
            version: user.version,
            created: user.created,
            document: user.document.to_owned(),
            connections: user.connections.map(str::to_owned),
            display: row.get(6)?,
            groups: shown,
        })
    }
}

/// Replaces `active`, which no key is made of.
pub(super) async fn patch_user(
    State(ceiling): State<Arc<Ceiling>>,
    Path((tenant, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let patch: Patch = parsed(&body)?;
    let value = match patch.operations.as_slice() {
        [Operation { op, path, value: Some(serde_json::Value::Bool(value)) }]
            if op == "replace" && path == "active" =>
        {
            *value
        }
        _ => return Err(Fault::Strange),
    };
    let (from, to) = (format!("\"active\":{}", !value), format!("\"active\":{value}"));
    for _ in 0..RETRIES_MAX {
        let before = ceiling.read(&tenant, &headers, |db| Before::read(db, &ceiling.base, &id))?;
        let Before { version, created, connections, display, groups, .. } = before;
        let (document, now) = (before.document.replacen(&from, &to, 1), now());
        let batch = {
            let (id, document, connections) = (id.clone(), document.clone(), connections.clone());
            move |db: &Connection| {
                let values = params![now, display, document, connections, TENANT, USER, id, version];
                let version = db.prepare_cached(UPDATE)?.query_row(values, |row| row.get(0)).optional()?;
                version.ok_or(Fault::Taken)
            }
        };
        let version = match ceiling.db.write(batch).await {
            Err(Fault::Taken) => continue,
            version => version?,
        };
        let (document, connections) = (document.as_str(), connections.as_deref());
        let shown = Shown { kind: USER, id: &id, version, created, modified: now, document, connections };
        let mut out = String::new();
        shown.push(&mut out, &ceiling.base, |out| {
            out.push_str(&groups);
            Ok(())
        })?;
        return Ok(scim(StatusCode::OK, out));
    }
    Err(Fault::Taken)
}

pub(super) async fn create_group(
    State(ceiling): State<Arc<Ceiling>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    ceiling.read(&tenant, &headers, |_| Ok(()))?;
    let group: NewGroup = parsed(&body)?;
    let (id, now) = (new_id(), now());
    let batch = {
        let id = id.clone();
        move |db: &Connection| {
            let name = serde_json::Value::from(group.display_name.as_str());
            let document = format!(
                "{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:Group\"],\"displayName\":{name}}}"
            );
            insert(db, GROUP, &id, now, &group.display_name, &document, None)?;
            let key = group.display_name.to_lowercase().into_bytes();
            db.prepare_cached(INDEX)?.execute(params![TENANT, GROUP, "displayName", key, id])?;
            db.prepare_cached(COUNT)?.execute(params![TENANT, GROUP])?;
            let mut members: Vec<&str> = group.members.iter().map(|member| member.value.as_str()).collect();
            members.sort_unstable();
            members.dedup();
            for member in members {
                link(db, &id, member)?;
            }
            Ok(1)
        }
    };
    ceiling.db.write(batch).await?;
    let body = ceiling.db.read(|db| show_group(db, &ceiling.base, &id, true))?;
    created(&ceiling.base, "Groups", &id, body)
}

fn link(db: &Connection, group: &str, member: &str) -> Result<(), Fault> {
    let made = db.prepare_cached(LINK)?.execute(params![MEMBERS, group, TENANT, member])?;
    if made == 1 { Ok(()) } else { Err(Fault::Missing) }
}

/// Adds members, and removes those that a path names.
pub(super) async fn patch_group(
    State(ceiling): State<Arc<Ceiling>>,
    Path((tenant, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    ceiling.read(&tenant, &headers, |_| Ok(()))?;
    let patch: Patch = parsed(&body)?;
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for Operation { op, path, value } in patch.operations {
        match (op.as_str(), path.as_str(), value) {
            ("add", "members", Some(members)) => {
                let members: Vec<Valued> = serde_json::from_value(members).map_err(|_| Fault::Strange)?;
                added.extend(members.into_iter().map(|member| member.value));
            }
            ("remove", path, None) => {
                let member =
                    path.strip_prefix("members[value eq \"").and_then(|rest| rest.strip_suffix("\"]"));
                removed.push(member.ok_or(Fault::Strange)?.to_owned());
            }
            _ => return Err(Fault::Strange),
        }
    }
    let now = now();
    let batch = move |db: &Connection| {
        let touched = db
            .prepare_cached(TOUCH)?
            .query_row(params![now, TENANT, GROUP, id], |row| row.get(0))
            .optional()?;
        for member in &added {
            link(db, &id, member)?;
        }
        for member in &removed {
            db.prepare_cached(UNLINK)?.execute(params![TENANT, MEMBERS, id, member])?;
        }
        touched.ok_or(Fault::Missing)
    };
    ceiling.db.write(batch).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
