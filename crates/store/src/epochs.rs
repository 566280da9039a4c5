//! What this process has committed, as numbers that grow: whoever remembers what it read learns by them, without
//! asking the database, that it may have changed. Of what other processes commit nothing is known here; so nothing is
//! remembered for longer than [`LATELY`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{Batch, TenantId};

/// Longest that a process may go by what it read: what another process has committed may be unknown to it for so long.
/// A commit that takes something away from a token or a tenant is answered after that, so that no process goes by what
/// was before any more.
pub const LATELY: Duration = Duration::from_millis(10);

/// How many numbers there are for tenants, which share them: more only means that what others change is read anew more rarely.
const SHARES: usize = 64;

/// The numbers.
pub(crate) struct Epochs {
    /// Of commits.
    commits: [AtomicU64; SHARES],
    /// Of those that took something away from a token or a tenant.
    revocations: AtomicU64,
}

impl Default for Epochs {
    fn default() -> Self {
        Self { commits: [const { AtomicU64::new(0) }; SHARES], revocations: AtomicU64::new(0) }
    }
}

impl Epochs {
    /// Counts what was committed, or may have been; before anybody is told.
    pub(crate) fn count<'b>(&self, work: impl IntoIterator<Item = (TenantId, &'b Batch)>) {
        for (tenant, batch) in work {
            self.of(tenant).fetch_add(1, Ordering::AcqRel);
            if batch.revokes() {
                self.revocations.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    pub(crate) fn commits(&self, tenant: TenantId) -> u64 {
        self.of(tenant).load(Ordering::Acquire)
    }

    pub(crate) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::Acquire)
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is less than what it is divided by")]
    fn of(&self, tenant: TenantId) -> &AtomicU64 {
        &self.commits[usize::try_from(tenant.0).unwrap_or_default() % SHARES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tenant, token};

    /// What changes a token or a tenant and yet takes nothing away, and why.
    const HARMLESS: [(&str, &str); 2] = [
        ("USED", "nobody goes by when it was used"),
        ("CLEAR_TOKENS", "the tenant went before, and was waited for"),
    ];

    #[test]
    fn what_takes_something_away_is_known_to() {
        let mut revoking: Vec<&str> = token::ALL
            .iter()
            .chain(tenant::ALL)
            .filter(|(_, sql)| {
                let words: Vec<&str> = sql.split_whitespace().take(3).collect();
                matches!(*words, ["update", "token" | "tenant", _] | ["delete", "from", "token" | "tenant"])
            })
            .map(|(name, _)| *name)
            .filter(|name| !HARMLESS.iter().any(|(known, _)| known == name))
            .collect();
        revoking.sort_unstable();
        // Of a token, and of a tenant; that of a tenant is in `Tenants::delete`.
        assert_eq!(revoking, ["BUMP_KINDS", "DELETE", "DELETE", "EXPIRES", "SETTINGS"]);
        let marked: [fn(&mut Batch) -> &mut Batch; 4] = [
            |batch| batch.bump_kinds(1),
            |batch| batch.token_delete("t"),
            |batch| batch.token_expires("t", None),
            |batch| batch.token_settings("t", "{}"),
        ];
        for mark in marked {
            let mut batch = Batch::default();
            assert!(mark(&mut batch).revokes());
        }
        assert!(!Batch::default().token_used("t", 1).revokes());
    }

    #[test]
    fn each_tenant_has_a_number_that_grows() {
        let (epochs, acme) = (Epochs::default(), TenantId(3));
        let mut revocation = Batch::default();
        revocation.token_delete("t");
        epochs.count([(acme, &Batch::default()), (acme, &revocation)]);
        assert_eq!((epochs.commits(acme), epochs.commits(TenantId(4)), epochs.revocations()), (2, 0, 1));
    }
}
