//! The keys that a tenant signs with: P-256, for ES256 (RFC 7518 §3.4). The private one is kept beside the document, and shown to nobody.

use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{Batch, NewRecord, TenantId};

use super::audited;
use crate::Iam;
use crate::cx::Cx;
use crate::env::{Env, random};
use crate::error::{Error, Result};
use crate::secret::Secret;

const KIND: &str = "SigningKey";
/// More than a tenant ever has at once.
const KEYS_MAX: u64 = 16;
/// The member of the secret, as in a private JWK (RFC 7518 §6.2.2.1).
const PRIVATE: &str = "d";

/// A key that signs.
#[derive(Debug)]
pub(super) struct SigningKey {
    /// Its thumbprint (RFC 7638).
    pub(super) id: String,
    key: p256::ecdsa::SigningKey,
}

impl SigningKey {
    pub(super) fn sign(&self, input: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(input);
        signature.to_bytes().to_vec()
    }

    fn read(private: &str) -> Result<Self> {
        let bytes = BASE64URL_NOPAD.decode(private.as_bytes()).map_err(Error::internal)?;
        Self::new(p256::ecdsa::SigningKey::from_slice(&bytes).map_err(Error::internal)?)
    }

    fn new(key: p256::ecdsa::SigningKey) -> Result<Self> {
        let [x, y] = coordinates(&key)?;
        // The members that are needed, in the order of their names, without a space.
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let id = BASE64URL_NOPAD.encode(&Sha256::digest(text.as_bytes()));
        Ok(Self { id, key })
    }

    /// What everybody may know of it (RFC 7517).
    fn public(&self) -> Result<Value> {
        let [x, y] = coordinates(&self.key)?;
        Ok(json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": self.id,
        }))
    }
}

fn coordinates(key: &p256::ecdsa::SigningKey) -> Result<[String; 2]> {
    let point = key.verifying_key().to_sec1_point(false);
    let missing = || Error::internal("a public key without coordinates");
    let (x, y) = (point.x().ok_or_else(missing)?, point.y().ok_or_else(missing)?);
    Ok([BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y)])
}

/// Makes a key.
pub(super) fn make(batch: &mut Batch, cx: &Cx, env: &dyn Env) -> Result<()> {
    // Of random bytes all but one in four billion are a key.
    let drawn = (0..8).find_map(|_| {
        let bytes = Secret::new(random::<32>(env));
        Some((p256::ecdsa::SigningKey::from_slice(bytes.expose()).ok()?, bytes))
    });
    let (key, bytes) = drawn.ok_or_else(|| Error::internal("no bytes that are a key were drawn"))?;
    let key = SigningKey::new(key)?;
    let document = key.public()?.to_string();
    let secret = json!({ PRIVATE: BASE64URL_NOPAD.encode(bytes.expose()) }).to_string();
    batch
        .insert(&NewRecord {
            kind: KIND,
            id: &key.id,
            created: cx.now,
            display: &key.id,
            document: &document,
            connections: None,
            secret: Some(&secret),
            mentioned: None,
        })
        .count(KIND, 1, true)
        .audit(&audited(cx, "create", KIND, &key.id));
    Ok(())
}

impl Iam {
    /// The public keys of a tenant, by its name, as a JWK Set (RFC 7517 §5); none where nothing was signed yet, or where there is no
    /// such tenant.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn key_set(&self, tenant: &str) -> Result<Value> {
        let tenant = match self.tenant_named(tenant).await {
            Err(Error::NotFound(_)) => return Ok(json!({ "keys": [] })),
            found => found?,
        };
        let records = self.all_of(tenant.id, KIND, KEYS_MAX).await?;
        let keys: Result<Vec<Value>> = records
            .iter()
            .map(|record| serde_json::from_str(&record.document).map_err(Error::internal))
            .collect();
        Ok(json!({ "keys": keys? }))
    }

    /// The keys that a tenant signs with.
    pub(super) async fn signing_keys(&self, tenant: TenantId) -> Result<Vec<SigningKey>> {
        let records = self.all_of(tenant, KIND, KEYS_MAX).await?;
        let read = |secret: &str| {
            let secret: Value = serde_json::from_str(secret).map_err(Error::internal)?;
            SigningKey::read(secret.get(PRIVATE).and_then(Value::as_str).unwrap_or_default())
        };
        records.iter().filter_map(|record| record.secret.as_deref()).map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the input of RFC 7515, appendix A.3.
    #[test]
    fn a_signature_is_verified_by_the_public_key() {
        let key = SigningKey::read("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI").unwrap();
        expect_test::expect![[r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","use":"sig","alg":"ES256","kid":"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"}"#]]
            .assert_eq(&key.public().unwrap().to_string());
        use p256::ecdsa::signature::Verifier;
        let signature = Signature::from_slice(&key.sign(b"said")).unwrap();
        key.key.verifying_key().verify(b"said", &signature).unwrap();
        key.key.verifying_key().verify(b"not said", &signature).unwrap_err();
        assert_eq!(key.sign(b"said"), key.sign(b"said"), "what is sent again is the same");
    }
}
