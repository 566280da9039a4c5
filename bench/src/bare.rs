//! The first baseline: what a request costs before anything is done for it.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::{Result, data};

/// Answers every GET with the same user, and every question with yes, until it is killed.
pub(crate) async fn serve(listen: SocketAddr) -> Result<()> {
    let user: &'static str = data::user(0).leak();
    let answer = move || async move { ([(CONTENT_TYPE, "application/scim+json")], user) };
    let yes = r#"{"decision":true}"#;
    let many: &'static str = format!(r#"{{"evaluations":[{}]}}"#, [yes; data::QUESTIONS].join(",")).leak();
    let say = |text: &'static str| {
        post(move |_: Bytes| async move { ([(CONTENT_TYPE, "application/json")], text) })
    };
    let router = Router::new()
        .route("/{tenant}/access/v1/evaluation", say(yes))
        .route("/{tenant}/access/v1/evaluations", say(many))
        .route("/health/ready", get(|| async { "ready" }))
        .route("/{tenant}/scim/Users/{id}", get(answer))
        .route("/{tenant}/scim/Users", get(answer));
    let listener = TcpListener::bind(listen).await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await?;
    Ok(())
}
