//! Turns: writes of one resource that met wait for each other, first come first served, so that none is overtaken for ever.
//!
//! A write that meets nobody takes no turn and pays one look at a number. After a first conflict it waits in the queue of its
//! resource, and whoever comes while there is a queue waits behind it. Writers in other processes are met all the same:
//! against them, a bounded number of attempts stands.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use store::{CommitError, TenantId};
use tokio::sync::{Mutex as Fair, OwnedMutexGuard};

use super::{Condition, lost};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::{Iam, limits};

/// Tenant, kind and id.
type Key = (TenantId, String, String);

/// The queues that there are.
#[derive(Default)]
pub(crate) struct Turns {
    /// How many: read without a lock by every write.
    open: AtomicUsize,
    queues: Mutex<HashMap<Key, Queue>>,
}

/// The writes of one resource, one of which has its turn.
#[derive(Default)]
struct Queue {
    /// First come, first served.
    turn: Arc<Fair<()>>,
    places: usize,
}

impl Turns {
    fn queues<T>(&self, f: impl FnOnce(&mut HashMap<Key, Queue>) -> T) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let out = f(&mut queues);
        self.open.store(queues.len(), Ordering::Release);
        out
    }
}

/// A write on its way, planned anew when it meets another.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    tenant: TenantId,
    pub(super) kind: &'a Kind,
    pub(super) id: &'a str,
    condition: &'a Condition,
    attempt: u32,
    /// Whether its batch relies on what others may change.
    pub(super) is_guarded: bool,
    /// Whether the resource may lead to itself: it does already, or is to.
    pub(super) is_cyclic: bool,
    place: Option<Place<'a>>,
}

impl Iam {
    /// Begins a write; behind those that wait already, unless the caller says which version it means: that one is told at
    /// once when the version is another.
    pub(super) async fn turn<'a>(
        &'a self,
        cx: &Cx,
        kind: &'a Kind,
        id: &'a str,
        condition: &'a Condition,
    ) -> Result<Turn<'a>> {
        let (turns, tenant) = (&self.turns, cx.tenant);
        let mut turn = Turn {
            turns,
            tenant,
            kind,
            id,
            condition,
            attempt: 0,
            is_guarded: false,
            is_cyclic: false,
            place: None,
        };
        if condition.is_open() && turns.open.load(Ordering::Acquire) > 0 {
            let key = turn.key();
            if turns.queues(|queues| queues.contains_key(&key)) {
                turn.wait(key).await?;
            }
        }
        Ok(turn)
    }
}

impl Turn<'_> {
    fn key(&self) -> Key {
        (self.tenant, self.kind.name().to_owned(), self.id.to_owned())
    }

    /// After a refused commit: returns when the write should be planned anew.
    ///
    /// # Errors
    /// What the refusal means, when it is no conflict with another write, the caller said which version it means, or there
    /// were too many others.
    pub(super) async fn again(&mut self, error: CommitError) -> Result<()> {
        let is_met = match error {
            CommitError::Stale => self.condition.is_open(),
            CommitError::Changed => self.is_guarded,
            _ => false,
        };
        if !is_met || self.attempt >= limits::RETRIES_MAX {
            return Err(lost(error, self.condition));
        }
        self.attempt += 1;
        if self.place.is_none() {
            self.wait(self.key()).await?;
        }
        Ok(())
    }

    async fn wait(&mut self, key: Key) -> Result<()> {
        let turn = self.turns.queues(|queues| {
            let queue = queues.entry(key.clone()).or_default();
            // Whose turn it is does not wait.
            let has_room = queue.places <= limits::QUEUE_MAX;
            queue.places += usize::from(has_room);
            has_room.then(|| Arc::clone(&queue.turn))
        });
        let turn = turn.ok_or(Error::Unavailable)?;
        // From here on it leaves when it is dropped, waiting or not.
        let place = self.place.insert(Place { turns: self.turns, key, turn: None });
        place.turn = Some(turn.lock_owned().await);
        Ok(())
    }
}

/// A place in a queue.
struct Place<'a> {
    turns: &'a Turns,
    key: Key,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turn = None;
        self.turns.queues(|queues| {
            if let Some(queue) = queues.get_mut(&self.key) {
                queue.places -= 1;
                if queue.places == 0 {
                    queues.remove(&self.key);
                }
            }
        });
    }
}
