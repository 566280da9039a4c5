//! The second baseline: the same requests and answers over the same rows, and nothing else.
//!
//! It does the storage work of durward's SCIM directory as well as one can with this database: the same tables and
//! indexes, the same settings, prepared statements, reads on the thread that asks and in one snapshot per request, one
//! writing thread with group commit and a synced log, documents kept as they are sent and spliced. It has no schema,
//! permission, audit, projection, dialect, limit, log or metric, and understands only the requests of the benchmark.

mod db;
mod groups;
mod managers;
mod read;
mod show;
mod write;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use self::db::Db;
use crate::Result;

/// The token of the one tenant.
pub(crate) const TOKEN: &str = "ceiling-0123456789abcdefghijklmnopqrstuvwxyzABCDEF";
/// The connection of that token.
const CONNECTION: &str = "01970000-0000-7000-8000-000000000000";
/// The tenant's number and name.
const TENANT: i64 = 1;
const TENANT_NAME: &str = "bench";
const USER: &str = "User";
const GROUP: &str = "Group";
/// The edges from groups to their members.
const MEMBERS: &str = "Group.members";
/// As much as durward takes.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

const AUTHENTICATE: &str = "select k.id, k.connection, k.kind, k.mode, k.settings, k.expires, t.name \
    from token k cross join tenant t where k.tenant = ?1 and k.hash = ?2 and t.tenant = k.tenant";

/// What every request needs.
struct Ceiling {
    db: Db,
    /// Where the tenant's resources are seen.
    base: String,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
enum Fault {
    Unauthorised,
    Missing,
    Taken,
    /// The request is not one of the benchmark's.
    Strange,
    Broken(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Broken(error.to_string())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Fault::Unauthorised => StatusCode::UNAUTHORIZED.into_response(),
            Fault::Missing => StatusCode::NOT_FOUND.into_response(),
            Fault::Taken => StatusCode::CONFLICT.into_response(),
            Fault::Strange => StatusCode::BAD_REQUEST.into_response(),
            Fault::Broken(why) => (StatusCode::INTERNAL_SERVER_ERROR, why).into_response(),
        }
    }
}

/// Serves until it is told to stop.
pub(crate) async fn serve(listen: SocketAddr, data: PathBuf) -> Result<()> {
    let db = Db::open(&data.join("ceiling.db"), seed)?;
    let ceiling = Arc::new(Ceiling { db, base: format!("http://{listen}/{TENANT_NAME}/scim") });
    let router = Router::new()
        .route("/health/ready", get(|| async { "ready" }))
        .route("/{tenant}/scim/Users", get(read::users).post(write::create_user))
        .route("/{tenant}/scim/Users/{id}", get(read::user).patch(write::patch_user))
        .route("/{tenant}/scim/Groups", axum::routing::post(write::create_group))
        .route("/{tenant}/scim/Groups/{id}", get(read::group).patch(write::patch_group))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::clone(&ceiling));
    let mut stop = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(listen).await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    let stopped = async move {
        stop.recv().await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
    ceiling.db.close();
    Ok(())
}

/// The tenant and its token.
fn seed(db: &Connection) -> rusqlite::Result<()> {
    let hash = Sha256::digest(TOKEN.as_bytes());
    db.execute("insert or ignore into tenant values (?1, ?2, 0, 0)", params![TENANT, TENANT_NAME])?;
    db.execute(
        "insert or ignore into token values \
         (?1, ?2, 'token', ?3, 'scim', 'write', 'bench', null, '{}', null, 0, 'bench', null, null)",
        params![TENANT, hash.as_slice(), CONNECTION],
    )?;
    Ok(())
}

impl Ceiling {
    /// Reads for who holds a token of the tenant, all in one snapshot.
    fn read<T>(
        &self,
        tenant: &str,
        headers: &HeaderMap,
        f: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let hash = Sha256::digest(bearer.ok_or(Fault::Unauthorised)?);
        self.db.read(|db| {
            let known = db
                .prepare_cached(AUTHENTICATE)?
                .query_row(params![TENANT, hash.as_slice()], |row| {
                    let (kind, mode, name) = (row.get_ref(2)?, row.get_ref(3)?, row.get_ref(6)?);
                    let (kind, mode, name) = (kind.as_str()?, mode.as_str()?, name.as_str()?);
                    Ok(kind == "scim" && mode == "write" && name == tenant)
                })
                .optional()?;
            if known != Some(true) {
                return Err(Fault::Unauthorised);
            }
            f(db)
        })
    }
}

fn scim(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "application/scim+json")], body).into_response()
}
