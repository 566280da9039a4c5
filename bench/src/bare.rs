//! The first baseline: what a request costs before anything is done for it.

use std::net::SocketAddr;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::{Result, data};

/// Answers every GET with the same user until it is killed.
pub(crate) async fn serve(listen: SocketAddr) -> Result<()> {
    let user: &'static str = data::user(0).leak();
    let answer = move || async move { ([(CONTENT_TYPE, "application/scim+json")], user) };
    let router = Router::new()
        .route("/health/ready", get(|| async { "ready" }))
        .route("/{tenant}/scim/Users/{id}", get(answer))
        .route("/{tenant}/scim/Users", get(answer));
    let listener = TcpListener::bind(listen).await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await?;
    Ok(())
}
