//! Security Event Tokens (RFC 8417) as RFC 9967 §2 profiles them: claims, and a signature over them (RFC 7515).

use data_encoding::BASE64URL_NOPAD;
use scim::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::key::SigningKey;
use crate::error::{Error, Result};

/// What an event says, as the outbox keeps it: all that does not depend on who hears it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Content {
    /// About whom.
    #[serde(rename = "sub_id")]
    pub(super) subject: Value,
    /// What happened, by the URI of each event.
    pub(super) events: Object,
    /// The request in which it happened.
    #[serde(rename = "txn", default, skip_serializing_if = "String::is_empty")]
    pub(super) transaction: String,
}

/// What makes an event one token, the same however often it is sent.
pub(super) struct Claims<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    /// Of the issuer's events this one.
    pub(super) id: &'a str,
    /// When it happened, in milliseconds since the Unix epoch.
    pub(super) at: i64,
    pub(super) content: &'a Content,
}

impl Content {
    pub(super) fn print(&self) -> String {
        // Maps of strings and values always print.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(Error::internal)
    }
}

impl Claims<'_> {
    /// The token, in its compact form.
    pub(super) fn sign(&self, key: &SigningKey) -> String {
        let Content { subject, events, transaction } = self.content;
        let transaction = if transaction.is_empty() { self.id } else { transaction };
        let header = json!({ "alg": "ES256", "typ": "secevent+jwt", "kid": key.id });
        let claims = json!({
            "iss": self.issuer,
            "jti": self.id,
            "iat": self.at.div_euclid(1_000),
            "aud": [self.audience],
            "txn": transaction,
            "sub_id": subject,
            "events": events,
        });
        let encoded = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = BASE64URL_NOPAD.encode(&key.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }
}
