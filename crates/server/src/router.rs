//! Every route, in one list. `tests/it/access.rs` walks the same list, so that none is forgotten.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};
use http::{Method, Request, Uri};
use tower::ServiceExt;

use crate::extract::{App, PLAIN_BASES, TENANT_BASES};
use crate::problem::Refusal;
use crate::{rest, scim};

/// A SCIM route, relative to a base; the methods are those of its row in the access matrix.
pub const SCIM_ROUTES: [(&str, &[&str]); 12] = [
    ("", &["GET"]),
    ("/.search", &["POST"]),
    ("/Bulk", &["POST"]),
    ("/Me", &["GET", "PUT", "PATCH", "DELETE"]),
    ("/ServiceProviderConfig", &["GET"]),
    ("/ResourceTypes", &["GET"]),
    ("/ResourceTypes/{id}", &["GET"]),
    ("/Schemas", &["GET"]),
    ("/Schemas/{id}", &["GET"]),
    ("/{endpoint}", &["GET", "POST"]),
    ("/{endpoint}/.search", &["POST"]),
    ("/{endpoint}/{id}", &["GET", "PUT", "PATCH", "DELETE"]),
];

/// Every base of SCIM paths, as a route.
pub fn scim_bases() -> Vec<String> {
    let plain = PLAIN_BASES.iter().map(|base| (*base).to_owned());
    let tenant = TENANT_BASES.iter().map(|base| format!("/{{tenant}}{base}"));
    plain.chain(tenant).collect()
}

fn scim_route(path: &str) -> MethodRouter<App> {
    match path {
        "" => get(scim::root),
        "/.search" | "/{endpoint}/.search" => post(scim::search),
        "/Bulk" => post(scim::bulk),
        "/Me" => get(scim::me).put(scim::me).patch(scim::me).delete(scim::me),
        "/{endpoint}" => get(scim::collection).post(scim::collection),
        "/{endpoint}/{id}" => {
            get(scim::resource).put(scim::resource).patch(scim::resource).delete(scim::resource)
        }
        _ => get(scim::discover),
    }
}

/// The routes of the service, for a server or for a test.
pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for base in scim_bases() {
        // Two bases are also those of the token API; there `rest` answers what is not SCIM.
        let shared = rest::TOKEN_BASES.contains(&base.as_str());
        for (path, _) in SCIM_ROUTES {
            let route = match path {
                "" if shared => get(rest::tokens::list_or_search).post(rest::tokens::create),
                "/{endpoint}" if shared => {
                    get(rest::tokens::get_or_list).post(scim::collection).delete(rest::tokens::revoke)
                }
                _ => scim_route(path),
            };
            router = router.route(&format!("{base}{path}"), route);
        }
    }
    let router = router.merge(rest::routes()).method_not_allowed_fallback(no_method).with_state(app);
    let plain = router.clone().fallback(no_route);
    // A slash at the end means what stands before it.
    router.fallback(any(move |mut request: Request<Body>| async move {
        let Some(target) = without_slash(request.uri()) else { return no_route(request).await };
        *request.uri_mut() = target;
        match plain.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }))
}

fn without_slash(uri: &Uri) -> Option<Uri> {
    let stripped = uri.path().strip_suffix('/').filter(|rest| !rest.is_empty())?;
    let target = match uri.query() {
        Some(query) => format!("{stripped}?{query}"),
        None => stripped.to_owned(),
    };
    target.parse().ok()
}

fn refused(refusal: &Refusal, request: &Request<Body>) -> Response {
    let response = refusal.at(request.uri().path());
    if request.method() == Method::HEAD { response.map(|_| Body::empty()) } else { response }
}

async fn no_route(request: Request<Body>) -> Response {
    refused(&Refusal::NoRoute, &request)
}

async fn no_method(request: Request<Body>) -> Response {
    refused(&Refusal::NoMethod, &request)
}
