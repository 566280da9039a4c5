//! The clock and the entropy of the machine: the one file that asks the system for either.
//!
//! Everything else is handed an [`Env`], so that a test can hand it a fixed clock and seeded entropy.

use iam::Env;
use jiff::Timestamp;

/// The operating system's clock and random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Env for System {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Going on would mean tokens that can be guessed.
            tracing::error!(%error, "the system gives no random bytes");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_differs_from_call_to_call() {
        let (mut first, mut second) = ([0; 32], [0; 32]);
        System.fill(&mut first);
        System.fill(&mut second);
        assert_ne!(first, second);
    }
}
