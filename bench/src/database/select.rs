//! The baseline of reading: a handler that does one prepared SELECT through the same kind of pool as durward's.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use tokio::net::TcpListener;
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::Result;

/// As many as durward has when nobody says.
const CONNECTIONS: usize = 16;

/// The statement by which durward reads a record's document, without what else it asks for.
const GET: &str = "select document from record where tenant = $1 and kind = 'User' and id = $2";
/// The number of the one tenant there is.
const TENANT: &str = "select tenant from tenant";

struct Manager(Config);

struct Session {
    client: Client,
    get: Statement,
}

impl managed::Manager for Manager {
    type Type = Session;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Session, Self::Error> {
        let (client, connection) = self.0.connect(NoTls).await?;
        tokio::spawn(connection);
        let get = client.prepare(GET).await?;
        Ok(Session { client, get })
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<Self::Error> {
        match session.client.is_closed() {
            true => Err(RecycleError::message("it is closed")),
            false => Ok(()),
        }
    }
}

type Pool = managed::Pool<Manager>;

/// What the handler has.
struct Shared {
    pool: Pool,
    tenant: i64,
}

/// Serves users from the database at this URL until it is killed.
pub(crate) async fn serve(listen: SocketAddr, database: &str) -> Result<()> {
    let pool: Pool = Pool::builder(Manager(database.parse()?)).max_size(CONNECTIONS).build()?;
    let tenant = pool.get().await?.client.query_one(TENANT, &[]).await?.get(0);
    let router = Router::new()
        .route("/health/ready", get(|| async { "ready" }))
        .route("/bench/scim/Users/{id}", get(user))
        .with_state(Arc::new(Shared { pool, tenant }));
    let listener = TcpListener::bind(listen).await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await?;
    Ok(())
}

async fn user(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let Ok(session) = shared.pool.get().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    match session.client.query_opt(&session.get, &[&shared.tenant, &id]).await {
        Ok(Some(row)) => ([(CONTENT_TYPE, "application/scim+json")], row.get::<_, String>(0)).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
