//! Errors as each protocol says them: SCIM (RFC 7644 §3.12) and problem documents (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use iam::{Error, limits};
use scim::ErrorKind;
use scim::message::{MEDIA_TYPE, error_body};

use crate::extract::ScimPath;

/// The media type of a problem document.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// Why a request is refused: by a use case, or by HTTP before there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A use case refused.
    Iam(Error),
    /// The request presents no token.
    NoToken,
    /// There is no such route.
    NoRoute,
    /// The route does not have that method.
    NoMethod,
    /// The endpoint takes no filter.
    NoFilter,
    /// The body is not JSON by its own account.
    MediaType(String),
    /// The body is compressed, or encoded otherwise.
    Encoding(String),
    /// The request target is too long.
    TargetTooLong,
    /// The body did not arrive in time.
    TooSlow,
    /// The connection broke, or the body is no body.
    BadBody,
    /// A header that there must be one of is absent, is repeated, or says nothing.
    NotOne(&'static str),
}

const NO_TOKEN: &str = "no bearer token was presented";

/// Why a request was refused, carried on its answer to the log: whoever runs the server must be able to see it too.
#[derive(Clone, Debug)]
pub struct Why(pub Box<str>);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Iam(error)
    }
}

impl From<scim::Error> for Refusal {
    fn from(error: scim::Error) -> Self {
        Self::Iam(Error::Invalid(error))
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Iam(error) => status(error),
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoMethod => StatusCode::METHOD_NOT_ALLOWED,
            // RFC 7644 §4: so that nobody takes an unfiltered answer for a filtered one.
            Self::NoFilter => StatusCode::FORBIDDEN,
            Self::MediaType(_) | Self::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            // RFC 9110 §15.5.15.
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            // RFC 9112 §3.2, RFC 6750 §3.1.
            Self::BadBody | Self::NotOne(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Iam(error) => error.to_string(),
            Self::NoToken => Error::Unauthenticated(NO_TOKEN).to_string(),
            Self::NoRoute => "there is nothing at this path".to_owned(),
            Self::NoMethod => "this method is not allowed at this path".to_owned(),
            Self::NoFilter => "this endpoint cannot be filtered".to_owned(),
            Self::MediaType(given) => {
                format!(
                    "the body must be `{MEDIA_TYPE}` or `application/json`, not {}",
                    scim::error::quoted(given)
                )
            }
            Self::Encoding(given) => {
                format!("the body must be sent as it is, not encoded by {}", scim::error::quoted(given))
            }
            Self::TargetTooLong => {
                format!("the request target is longer than {} bytes", limits::TARGET_BYTES_MAX)
            }
            Self::TooSlow => "the body did not arrive in time".to_owned(),
            Self::BadBody => "the body could not be read".to_owned(),
            Self::NotOne(header) => format!("the request must have one good `{header}` header"),
        }
    }

    /// What the log says: of a token more than whoever presents it is told.
    fn why(&self) -> String {
        match self {
            Self::NoToken => NO_TOKEN.to_owned(),
            Self::Iam(Error::Unauthenticated(why)) => (*why).to_owned(),
            _ => self.detail(),
        }
    }

    fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Iam(error) => scim_type(error),
            Self::BadBody => Some(ErrorKind::InvalidSyntax),
            Self::NoToken
            | Self::NoRoute
            | Self::NoMethod
            | Self::NoFilter
            | Self::MediaType(_)
            | Self::Encoding(_)
            | Self::TargetTooLong
            | Self::TooSlow
            | Self::NotOne(_) => None,
        }
    }

    /// As the protocol says it that is spoken at a path.
    pub fn at(&self, path: &str) -> Response {
        if ScimPath::of(path).is_some() { self.scim() } else { self.problem() }
    }

    /// As a SCIM error.
    pub fn scim(&self) -> Response {
        let status = self.status();
        let body = error_body(status.as_u16(), self.kind(), &self.detail());
        self.response(status, MEDIA_TYPE, body)
    }

    /// As a problem document.
    pub fn problem(&self) -> Response {
        let status = self.status();
        let body = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": self.detail(),
        });
        self.response(status, PROBLEM_TYPE, body.to_string())
    }

    fn response(&self, status: StatusCode, media_type: &'static str, body: String) -> Response {
        let mut response =
            (status, [(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], body).into_response();
        response.extensions_mut().insert(Why(self.why().into()));
        for (name, value) in self.headers() {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn headers(&self) -> Vec<(HeaderName, &'static str)> {
        match self {
            // RFC 6750 §3.1: who presents no token is told no error.
            Self::NoToken => vec![(header::WWW_AUTHENTICATE, "Bearer realm=\"durward\"")],
            Self::Iam(Error::Unauthenticated(_)) => {
                vec![(header::WWW_AUTHENTICATE, "Bearer realm=\"durward\", error=\"invalid_token\"")]
            }
            Self::Iam(Error::Forbidden(_)) => {
                vec![(header::WWW_AUTHENTICATE, "Bearer realm=\"durward\", error=\"insufficient_scope\"")]
            }
            Self::Iam(Error::Unavailable | Error::Unconfirmed) => vec![(header::RETRY_AFTER, "1")],
            Self::TooSlow => vec![(header::CONNECTION, "close")],
            // RFC 9110 §15.5.16.
            Self::Encoding(_) => vec![(header::ACCEPT_ENCODING, "identity")],
            Self::Iam(_)
            | Self::NoRoute
            | Self::NoMethod
            | Self::NoFilter
            | Self::MediaType(_)
            | Self::TargetTooLong
            | Self::BadBody
            | Self::NotOne(_) => vec![],
        }
    }
}

/// The HTTP status of a use case's error.
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Invalid(scim) => match scim.kind {
            ErrorKind::Uniqueness => StatusCode::CONFLICT,
            ErrorKind::Sensitive => StatusCode::FORBIDDEN,
            ErrorKind::InvalidFilter
            | ErrorKind::InvalidPath
            | ErrorKind::InvalidSyntax
            | ErrorKind::InvalidValue
            | ErrorKind::Mutability
            | ErrorKind::NoTarget
            | ErrorKind::TooMany
            | ErrorKind::InvalidVers
            | ErrorKind::InvalidCursor
            | ErrorKind::ExpiredCursor
            | ErrorKind::InvalidCount => StatusCode::BAD_REQUEST,
        },
        Error::Conflict { .. } | Error::Blocked(_) => StatusCode::CONFLICT,
        Error::Stale | Error::Excluded => StatusCode::PRECONDITION_FAILED,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::NotImplemented(_) => StatusCode::NOT_IMPLEMENTED,
        Error::Unavailable | Error::Unconfirmed => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The `scimType` of a use case's error.
pub fn scim_type(error: &Error) -> Option<ErrorKind> {
    match error {
        Error::Invalid(scim) => Some(scim.kind),
        Error::Conflict { .. } => Some(ErrorKind::Uniqueness),
        Error::Unauthenticated(_)
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::Blocked(_)
        | Error::Stale
        | Error::Excluded
        | Error::TooLarge(_)
        | Error::NotImplemented(_)
        | Error::Unavailable
        | Error::Unconfirmed
        | Error::Internal => None,
    }
}
