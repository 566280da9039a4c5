//! From an HTTP request to what a use case takes: who asks, of which tenant, under which path, with what body.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use http_body_util::{BodyExt, Limited};
use iam::resource::{Condition, Etags};
use iam::token::Presented;
use iam::{Cx, Error, Iam, limits};
use scim::Object;
use scim::message::{ListQuery, MEDIA_TYPE};
use serde::de::DeserializeOwned;

use crate::client::Reach;
use crate::observe::{RequestId, RequestTenant};
use crate::problem::Refusal;
use crate::rest::decisions::tenant_of;

const TENANT: HeaderName = HeaderName::from_static("x-tenant-id");

/// Everything a handler works with.
#[derive(Clone)]
pub struct App {
    /// The use cases.
    pub iam: Arc<Iam>,
    /// The URL by which clients reach this server, without a slash at the end.
    pub public_url: Arc<str>,
    /// Where events may be sent to.
    pub receivers: Reach,
    /// How long a body may take to arrive.
    pub patience: Duration,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

/// Where a SCIM path begins, and which tenant it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScimPath<'p> {
    /// The base, such as `/acme/scim`.
    pub base: &'p str,
    /// The tenant it names.
    pub tenant: Option<&'p str>,
}

/// The bases that name no tenant; it is then read from the token.
pub const PLAIN_BASES: [&str; 4] = ["/api/scim/v2", "/scim", "/v1/scim", "/core/iam/v1/scim"];
/// The bases that begin with a tenant's name.
pub const TENANT_BASES: [&str; 2] = ["/api/scim/v2", "/scim"];

impl<'p> ScimPath<'p> {
    /// The base of a path, if it is a SCIM path.
    pub fn of(path: &'p str) -> Option<Self> {
        let begins = |path: &str, base: &str| {
            path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        for base in PLAIN_BASES {
            if begins(path, base) {
                return Some(Self { base: path.get(..base.len())?, tenant: None });
            }
        }
        let tenant = path.strip_prefix('/')?.split('/').next()?;
        let rest = path.get(1 + tenant.len()..)?;
        let base = TENANT_BASES.into_iter().find(|base| begins(rest, base))?;
        Some(Self { base: path.get(..1 + tenant.len() + base.len())?, tenant: Some(tenant) })
    }
}

/// What the segments of a path name. Where they are not UTF-8 they name nothing, which is said as the path's protocol
/// says it.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(named)) => Ok(Self(named)),
            Err(_) => Err(Refusal::NoRoute.at(parts.uri.path())),
        }
    }
}

impl App {
    /// The circumstances of a request. Whatever names a tenant must name that of the token; that it does not is
    /// answered like a token that is no good, so that nobody learns which tenants there are.
    ///
    /// # Errors
    /// [`Refusal::NoToken`], [`Refusal::NotOne`], [`Error::Unauthenticated`], or [`Refusal::TargetTooLong`].
    pub async fn authenticate(&self, parts: &Parts) -> Result<Cx, Refusal> {
        if parts.uri.path_and_query().is_some_and(|target| target.as_str().len() > limits::TARGET_BYTES_MAX) {
            return Err(Refusal::TargetTooLong);
        }
        let path = ScimPath::of(parts.uri.path());
        let named = path.and_then(|path| path.tenant).or_else(|| tenant_of(parts.uri.path()));
        let found = self.bearer_of(parts, path).await;
        if let Some(log) = parts.extensions.get::<RequestTenant>() {
            self.note(log, &found, named).await;
        }
        let cx = found?;
        let headers = parts.headers.get_all(TENANT).iter().map(|value| value.to_str().unwrap_or_default());
        match named.into_iter().chain(headers).all(|name| name == &*cx.tenant_name) {
            true => Ok(cx),
            false => {
                Err(Error::Unauthenticated("the token is of another tenant than the request names").into())
            }
        }
    }

    async fn bearer_of(&self, parts: &Parts, path: Option<ScimPath<'_>>) -> Result<Cx, Refusal> {
        let token = bearer(&parts.headers)?;
        let trace = parts.extensions.get::<RequestId>().map_or("", RequestId::as_str);
        let base = [&*self.public_url, path.map_or("", |p| p.base)].concat();
        let expands = wants_json(&parts.headers);
        Ok(self.iam.authenticate(Presented { token, trace, base, expands }).await?)
    }

    /// Says in the log whose request it is: that of the token's tenant, or, without a good token, of the one in the path.
    async fn note(&self, log: &RequestTenant, found: &Result<Cx, Refusal>, named: Option<&str>) {
        match (found, named) {
            (Ok(cx), _) => log.is(&cx.tenant_name),
            (Err(Refusal::NoToken | Refusal::Iam(Error::Unauthenticated(_))), Some(name)) => {
                // Only what is a tenant: a path may say anything.
                if let Ok(Some(tenant)) = Box::pin(self.iam.store().tenants().by_name(name)).await {
                    log.is(&tenant.name);
                }
            }
            (Err(_), _) => {}
        }
    }

    /// A body that must be a JSON object of at most `most` bytes.
    ///
    /// # Errors
    /// A [`Refusal`] that says what is wrong with it.
    pub async fn object(&self, headers: &HeaderMap, body: Body, most: usize) -> Result<Object, Refusal> {
        let bytes = self.json(headers, body, most).await?;
        Ok(scim::message::object(&bytes, limits::BODY_DEPTH_MAX)?)
    }

    /// A body that says it is JSON, and is not read yet.
    ///
    /// # Errors
    /// A [`Refusal`] that says what is wrong with it.
    pub async fn json(&self, headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Refusal> {
        check_media_type(headers)?;
        check_encoding(headers)?;
        self.bytes(headers, body, most).await
    }

    async fn bytes(&self, headers: &HeaderMap, mut body: Body, most: usize) -> Result<Bytes, Refusal> {
        let too_large = || Refusal::Iam(Error::TooLarge(format!("the body is larger than {most} bytes")));
        let collected = async {
            let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
            if announced.is_some_and(|length: u64| length > u64::try_from(most).unwrap_or(u64::MAX)) {
                // Who asked whether to send it has not sent it.
                if !headers.contains_key(header::EXPECT) {
                    discard(&mut body).await;
                }
                return Err(too_large());
            }
            match Limited::new(&mut body, most).collect().await {
                Ok(body) => Ok(body.to_bytes()),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                    discard(&mut body).await;
                    Err(too_large())
                }
                Err(_) => Err(Refusal::BadBody),
            }
        };
        tokio::time::timeout(self.patience, collected).await.map_err(|_| Refusal::TooSlow)?
    }
}

/// Reads what comes and throws it away, to [`limits::BODY_DISCARD_BYTES_MAX`].
async fn discard(body: &mut Body) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > limits::BODY_DISCARD_BYTES_MAX {
            break;
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let value = given.next().and_then(|value| value.to_str().ok());
    // Of two, another one may have been looked at on the way.
    if given.next().is_some() {
        return Err(Refusal::NotOne("Authorization"));
    }
    match value.and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Refusal::NoToken),
    }
}

/// Whether a client gets references with what they refer to: it names JSON, or does not say what it takes. What others get,
/// who take SCIM's own media type or anything, holds to the schemas to the letter.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let names: Vec<&str> = accepted
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .collect();
    let says = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    names.is_empty() || (says("application/json") && !says(MEDIA_TYPE))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    let known = [MEDIA_TYPE, "application/json"].iter().any(|known| known.eq_ignore_ascii_case(essence));
    if known { Ok(()) } else { Err(Refusal::MediaType(essence.to_owned())) }
}

/// A coding that was applied must be undone before the body means anything (RFC 9110 §8.4); none is known here.
fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get_all(header::CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or("?"));
    let mut codings = given.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
    match codings.find(|name| !name.eq_ignore_ascii_case("identity")) {
        Some(coding) => Err(Refusal::Encoding(coding.to_owned())),
        None => Ok(()),
    }
}

/// What a list is asked for in the URL.
///
/// # Errors
/// What [`ListQuery::from_parameters`] refuses.
pub fn list_query(parts: &Parts) -> Result<ListQuery, Refusal> {
    match parts.uri.query() {
        None | Some("") => Ok(ListQuery::default()),
        Some(query) => Ok(ListQuery::from_parameters(parameters(query))?),
    }
}

/// The parameters of a URL's query, decoded. Some clients write a space as `+`, others as `%20`; these leave a `+` as
/// it is (RFC 3986 §3.4), and `ada+test@example.com` must not become another name.
pub fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let is_plus_literal = value.contains("%20");
        (form_decoded(name), if is_plus_literal { decoded(value) } else { form_decoded(value) })
    })
}

fn form_decoded(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        Cow::Owned(decoded(&text.replace('+', "%20")).into_owned())
    } else {
        decoded(text)
    }
}

/// A path segment, decoded.
pub fn decoded(segment: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy()
}

/// What a request says of the version of the resource.
///
/// # Errors
/// [`Error::Invalid`] for too many entity tags.
pub fn condition(headers: &HeaderMap) -> Result<Condition, Error> {
    let read = |name: HeaderName| match headers.get(name) {
        None => Ok(None),
        Some(value) => Etags::parse(value.to_str().unwrap_or_default()).map(Some),
    };
    Ok(Condition { if_match: read(header::IF_MATCH)?, if_none_match: read(header::IF_NONE_MATCH)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_is_a_space_only_where_spaces_are_not_written_otherwise() {
        for (query, expected) in [
            ("filter=userName+eq+%22a%2Bb%22&", r#"userName eq "a+b""#),
            ("filter=userName%20eq%20%22a+b%22", r#"userName eq "a+b""#),
            ("&filter=title+pr", "title pr"),
            ("filter=%C3%A4", "ä"),
            ("filter", ""),
        ] {
            let found: Vec<_> = parameters(query).collect();
            assert_eq!(found, [(Cow::Borrowed("filter"), Cow::Borrowed(expected))], "{query}");
        }
    }

    #[test]
    fn a_scim_path_names_its_base_and_its_tenant() {
        for (path, expected) in [
            ("/acme/api/scim/v2/Users", Some(("/acme/api/scim/v2", Some("acme")))),
            ("/acme/scim/Users/1", Some(("/acme/scim", Some("acme")))),
            ("/acme/scim", Some(("/acme/scim", Some("acme")))),
            ("/api/scim/v2/Users", Some(("/api/scim/v2", None))),
            ("/scim/Users", Some(("/scim", None))),
            ("/v1/scim/Users", Some(("/v1/scim", None))),
            ("/core/iam/v1/scim/Groups", Some(("/core/iam/v1/scim", None))),
            ("/scimitar", None),
            ("/v1/sso", None),
            ("/", None),
        ] {
            let found = ScimPath::of(path).map(|p| (p.base, p.tenant));
            assert_eq!(found, expected, "{path}");
        }
    }
}
