//! Values that are never returned: hashed with Argon2id before they are kept, away from the threads that answer
//! requests, a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use scim::Object;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::env::{Env, random};
use crate::error::{Error, Result};
use crate::limits;
use crate::secret::Secret;

/// What stands among the write-only values of a creation when a password is to be made.
pub(crate) const GENERATE: &str = "generatePassword";
/// The attribute that is then set, and shown once.
const PASSWORD: &str = "password";
/// Letters and digits that are not taken for one another.
const ALPHABET: &[u8; 56] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
const GENERATED_LENGTH: usize = 20;

/// A bounded pool that hashes passwords.
pub(crate) struct Passwords {
    running: Semaphore,
    waiting: AtomicUsize,
    argon: Arc<Argon2<'static>>,
}

/// What is kept of write-only values, and what is shown of them once.
#[derive(Default)]
pub(crate) struct Hashed {
    /// JSON object: attribute -> hash; `None` when none were given.
    pub(crate) kept: Option<Object>,
    /// A password that was made.
    pub(crate) made: Option<Secret<String>>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // The defaults of the crate are OWASP's: 19 MiB, two passes, one lane.
        Self {
            running: Semaphore::new(cores),
            waiting: AtomicUsize::new(0),
            argon: Arc::new(Argon2::default()),
        }
    }

    /// Hashes the write-only values of a request. Making a password is for whoever creates a resource.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one too long; [`Error::Unavailable`] when too many wait already.
    pub(crate) async fn settle(&self, mut given: Object, creates: bool, env: &dyn Env) -> Result<Hashed> {
        let mut out = Hashed::default();
        let wanted = given.shift_remove(GENERATE) == Some(Value::Bool(true));
        if wanted && creates && !given.contains_key(PASSWORD) {
            let password = generate(env);
            given.insert(PASSWORD.to_owned(), Value::String(password.clone()));
            out.made = Some(Secret::new(password));
        }
        if given.is_empty() {
            return Ok(out);
        }
        let mut kept = Object::new();
        for (name, value) in given {
            let value = match value {
                Value::Null => Value::Null,
                Value::String(text) => Value::String(self.hash(&name, Secret::new(text), random(env)).await?),
                other => Value::String(self.hash(&name, Secret::new(other.to_string()), random(env)).await?),
            };
            kept.insert(name, value);
        }
        out.kept = Some(kept);
        Ok(out)
    }

    async fn hash(&self, name: &str, password: Secret<String>, salt: [u8; 16]) -> Result<String> {
        if password.expose().len() > limits::PASSWORD_BYTES_MAX {
            return Err(Error::invalid(format!(
                "`{name}` is longer than {} bytes",
                limits::PASSWORD_BYTES_MAX
            )));
        }
        let _place = Place::take(&self.waiting)?;
        let _turn = self.running.acquire().await.map_err(|_| Error::Unavailable)?;
        let argon = Arc::clone(&self.argon);
        let hashed = tokio::task::spawn_blocking(move || {
            argon.hash_password_with_salt(password.expose().as_bytes(), &salt).map(|hash| hash.to_string())
        });
        hashed.await.map_err(Error::internal)?.map_err(Error::internal)
    }
}

/// A place in the queue, given back however the wait ends.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self> {
        let place = Self(waiting);
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        if before < limits::PASSWORD_QUEUE_MAX { Ok(place) } else { Err(Error::Unavailable) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Some 116 bits of a password that can be read out over a telephone.
fn generate(env: &dyn Env) -> String {
    let mut out = String::with_capacity(GENERATED_LENGTH);
    while out.len() < GENERATED_LENGTH {
        // Bytes beyond the last whole alphabet are drawn again: each letter is as likely as any other.
        let usable = random::<32>(env).into_iter().filter(|b| usize::from(*b) < 4 * ALPHABET.len());
        let letters = usable.filter_map(|b| ALPHABET.get(usize::from(b) % ALPHABET.len()));
        out.extend(letters.map(|b| char::from(*b)).take(GENERATED_LENGTH - out.len()));
    }
    out
}

/// Kept values with newer ones put over them; `null` takes one away. `None` when nothing is left.
pub(crate) fn merge(kept: Option<&str>, newer: Option<Object>) -> Option<String> {
    let Some(newer) = newer else { return kept.map(str::to_owned) };
    let mut all: Object = kept.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for (name, value) in newer {
        if value.is_null() {
            all.shift_remove(&name);
        } else {
            all.insert(name, value);
        }
    }
    (!all.is_empty()).then(|| Value::Object(all).to_string())
}
