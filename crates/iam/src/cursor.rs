//! Cursors (RFC 9865): a place in a list that only we can have named, for a while, in the query it was made for.
//!
//! A cursor carries all there is to know, so that any node can go on from it and none keeps anything. It is
//! authenticated, not secret: it says nothing its owner has not been shown.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use scim::ErrorKind;
use sha2::{Digest, Sha256};
use store::{Batch, CommitError, Store};
use subtle::ConstantTimeEq;

use crate::env::{Env, random};
use crate::error::{Error, Result};
use crate::{INSTALLATION, limits};

const MAC_BYTES: usize = 16;
const SETTING: &str = "cursor-key";

/// A place in a list: beyond the resource with this key and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whether the page before that place is meant, not the one after.
    pub(crate) backwards: bool,
    /// The key by which the list is ordered; empty where the id alone orders it.
    pub(crate) key: Vec<u8>,
    /// The id.
    pub(crate) id: String,
}

/// What a cursor belongs to: a digest of the tenant, the kind and the query.
pub(crate) type Query = [u8; 32];

/// Makes and opens cursors.
pub(crate) struct Cursors {
    key: [u8; 32],
}

impl Cursors {
    /// With the installation's key, which is made when there is none.
    pub(crate) async fn open(store: &Store, env: &dyn Env) -> Result<Self> {
        let settings = store.tenant(INSTALLATION);
        if settings.setting(SETTING).await?.is_none() {
            let mut batch = Batch::default();
            batch.setting_after(None, SETTING, &BASE64URL_NOPAD.encode(&random::<32>(env)));
            match settings.commit(batch).await {
                // Another node was faster: its key is everybody's.
                Ok(_) | Err(CommitError::Changed) => {}
                Err(error) => return Err(crate::resource::refused(error)),
            }
        }
        let text = settings.setting(SETTING).await?.unwrap_or_default();
        let key = BASE64URL_NOPAD.decode(text.as_bytes()).ok().and_then(|key| key.try_into().ok());
        key.map(|key| Self { key }).ok_or_else(|| Error::internal("the installation's cursor key is damaged"))
    }

    /// A cursor for a place in the list of `query`.
    pub(crate) fn seal(&self, query: &Query, place: &Place, now: i64) -> String {
        let expires = now / 1_000 + i64::try_from(limits::CURSOR_SECONDS).unwrap_or_default();
        let mut body = Vec::with_capacity(32 + place.key.len() + place.id.len());
        body.push(u8::from(place.backwards));
        body.extend_from_slice(&expires.to_be_bytes());
        body.extend_from_slice(&u16::try_from(place.key.len()).unwrap_or_default().to_be_bytes());
        body.extend_from_slice(&place.key);
        body.extend_from_slice(place.id.as_bytes());
        let mac = self.mac(query, &body);
        body.extend_from_slice(&mac);
        BASE64URL_NOPAD.encode(&body)
    }

    /// The place that a cursor names.
    ///
    /// # Errors
    /// `invalidCursor` for what we did not make, or made for another query; `expiredCursor` when it was good once.
    pub(crate) fn open_cursor(&self, query: &Query, cursor: &str, now: i64) -> Result<Place> {
        let invalid =
            || refused(ErrorKind::InvalidCursor, "the cursor was not made by this server for this query");
        if cursor.len() > limits::CURSOR_BYTES_MAX {
            return Err(invalid());
        }
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| invalid())?;
        let at = bytes.len().checked_sub(MAC_BYTES).ok_or_else(invalid)?;
        let (body, mac) = bytes.split_at_checked(at).ok_or_else(invalid)?;
        if !bool::from(self.mac(query, body).ct_eq(mac)) {
            return Err(invalid());
        }
        let (expires, place) = read(body).ok_or_else(invalid)?;
        if expires < now / 1_000 {
            let detail =
                format!("the cursor expired; a cursor is good for {} seconds", limits::CURSOR_SECONDS);
            return Err(refused(ErrorKind::ExpiredCursor, detail));
        }
        Ok(place)
    }

    fn mac(&self, query: &Query, body: &[u8]) -> [u8; MAC_BYTES] {
        // A key of any length is fine for HMAC, so this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return [0; MAC_BYTES] };
        mac.update(query);
        mac.update(body);
        let full = mac.finalize().into_bytes();
        let mut short = [0; MAC_BYTES];
        short.iter_mut().zip(full).for_each(|(to, from)| *to = from);
        short
    }
}

fn refused(kind: ErrorKind, detail: impl Into<String>) -> Error {
    Error::Invalid(scim::Error::new(kind, detail))
}

fn read(body: &[u8]) -> Option<(i64, Place)> {
    let (backwards, rest) = body.split_first()?;
    let (expires, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (key, id) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let place =
        Place { backwards: *backwards == 1, key: key.to_vec(), id: String::from_utf8(id.to_vec()).ok()? };
    Some((i64::from_be_bytes(*expires), place))
}

/// The digest of what a cursor belongs to.
pub(crate) fn query(parts: &[&str]) -> Query {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}
