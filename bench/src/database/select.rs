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
const GET: &str = "select document from record \
    where tenant = (select tenant from tenant where name = $1) and kind = 'User' and id = $2";

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

/// Serves users from the database at this URL until it is killed.
pub(crate) async fn serve(listen: SocketAddr, database: &str) -> Result<()> {
    let pool = Pool::builder(Manager(database.parse()?)).max_size(CONNECTIONS).build()?;
    let router = Router::new()
        .route("/health/ready", get(|| async { "ready" }))
        .route("/{tenant}/scim/Users/{id}", get(user))
        .with_state(Arc::new(pool));
    let listener = TcpListener::bind(listen).await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await?;
    Ok(())
}

async fn user(State(pool): State<Arc<Pool>>, Path((tenant, id)): Path<(String, String)>) -> Response {
    let Ok(session) = pool.get().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    match session.client.query_opt(&session.get, &[&tenant, &id]).await {
        Ok(Some(row)) => ([(CONTENT_TYPE, "application/scim+json")], row.get::<_, String>(0)).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
