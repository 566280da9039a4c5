//! What a use case may ask of the world: the time and random bytes. `server/src/env.rs` alone asks the system.

use jiff::Timestamp;

/// The world.
pub trait Env: Send + Sync + 'static {
    /// The time, asked for once per request.
    fn now(&self) -> Timestamp;
    /// Fills `bytes` with bytes nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` bytes nobody can guess.
pub fn random<const N: usize>(env: &dyn Env) -> [u8; N] {
    let mut bytes = [0; N];
    env.fill(&mut bytes);
    bytes
}

/// A new identifier: a UUIDv7 (RFC 9562 §5.7), so that what is made later sorts later.
pub fn new_id(env: &dyn Env, now: i64) -> String {
    let millis = u64::try_from(now).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random(env)).into_uuid().to_string()
}
