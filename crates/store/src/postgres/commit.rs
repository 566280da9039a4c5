//! Commits: a lane for each tenant that has any, and one transaction for all that waits in a lane; then everybody is
//! answered. Tenants do not wait for each other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool::managed::Object;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::transaction::{Failure, Outcome, Transaction};
use super::{Manager, Pool, give_up, session, unavailable};
use crate::batch::Batch;
use crate::epochs::Epochs;
use crate::writer::INBOX_MAX;
use crate::{CommitError, Fault, StoreError, TenantId};

/// How often a group is tried that met another one in a deadlock.
const TRIES_MAX: usize = 4;
/// How long a transaction may take, all its waiting included. Longer than a lock is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Outcome>,
    /// Set by its lane when it begins with it, or by whoever waits when that took too long.
    is_taken: Arc<AtomicBool>,
    /// Given back when it is dropped.
    _place: OwnedSemaphorePermit,
}

/// The way to the database for whoever commits.
pub(super) struct Lanes {
    pool: Pool,
    runtime: Handle,
    /// A tenant is here as long as its lane is worked on.
    waiting: Mutex<HashMap<TenantId, Vec<Job>>>,
    /// Of all that waits: who comes when there is none waits for one.
    places: Arc<Semaphore>,
    /// So many lanes are in a transaction at once.
    turns: Semaphore,
    group: usize,
    /// How long a commit may wait until its lane begins with it: as long as a read for a connection.
    wait: Duration,
    fault: Option<Fault>,
    epochs: Arc<Epochs>,
    /// Until a test has made it crash.
    alive: AtomicBool,
}

impl Lanes {
    pub(super) fn new(
        pool: Pool,
        turns: usize,
        group: usize,
        fault: Option<Fault>,
        epochs: Arc<Epochs>,
    ) -> Arc<Self> {
        Arc::new(Lanes {
            pool,
            runtime: Handle::current(),
            waiting: Mutex::default(),
            places: Arc::new(Semaphore::new(INBOX_MAX)),
            turns: Semaphore::new(turns),
            group,
            wait: super::PATIENCE,
            fault,
            epochs,
            alive: AtomicBool::new(true),
        })
    }

    pub(super) fn alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    pub(super) async fn commit(self: &Arc<Self>, tenant: TenantId, batch: Batch) -> Outcome {
        let begun = Instant::now() + self.wait;
        let place =
            timeout_at(begun, Arc::clone(&self.places).acquire_owned()).await.map_err(|_| too_many())?;
        let place = place.map_err(|_| StoreError::stopped())?;
        if !self.alive() {
            return Err(StoreError::stopped().into());
        }
        let (answer, mut answered) = oneshot::channel();
        let is_taken = Arc::new(AtomicBool::new(false));
        let job = Job { batch, answer, is_taken: Arc::clone(&is_taken), _place: place };
        match self.waiting().entry(tenant) {
            Entry::Occupied(mut lane) => lane.get_mut().push(job),
            Entry::Vacant(lane) => {
                lane.insert(vec![job]);
                self.runtime.spawn(Arc::clone(self).work(tenant));
            }
        }
        let outcome = match timeout_at(begun, &mut answered).await {
            Ok(outcome) => outcome,
            // Nobody has begun with it, and now nobody will.
            Err(_) if !is_taken.swap(true, Ordering::AcqRel) => return Err(too_many().into()),
            Err(_) => answered.await,
        };
        // Whoever was to answer is gone.
        outcome.unwrap_or(Err(CommitError::Unconfirmed))
    }

    /// Commits what was handed in; what comes later is refused.
    pub(super) async fn close(&self) {
        let all = u32::try_from(INBOX_MAX).unwrap_or(u32::MAX);
        let _all = self.places.acquire_many(all).await;
        self.places.close();
    }

    /// Works on a lane until it is empty.
    async fn work(self: Arc<Self>, tenant: TenantId) {
        loop {
            let Ok(_turn) = self.turns.acquire().await else { return };
            // First, so that who gives up meanwhile knows that nothing was begun.
            let session = session(&self.pool, tenant).await;
            let Some(jobs) = self.next(tenant) else { return };
            let (batches, answers): (Vec<_>, Vec<_>) =
                jobs.into_iter().map(|Job { batch, answer, _place, .. }| (batch, (answer, _place))).unzip();
            if batches.is_empty() {
                continue;
            }
            let outcomes = match session {
                Ok(session) => self.settle(tenant, &batches, session).await,
                Err(error) => all(&batches, &error.into()),
            };
            self.epochs.count(batches.iter().map(|batch| (tenant, batch)));
            // After a crash there are none, and who waits hears that the store has stopped.
            for ((answer, _place), outcome) in answers.into_iter().zip(outcomes) {
                let _ = answer.send(outcome);
            }
        }
    }

    /// What comes next in a lane; an empty lane is given up.
    fn next(&self, tenant: TenantId) -> Option<Vec<Job>> {
        let mut waiting = self.waiting();
        let lane = waiting.get_mut(&tenant)?;
        lane.retain(|job| !job.is_taken.load(Ordering::Acquire));
        if lane.is_empty() || !self.alive() {
            waiting.remove(&tenant);
            return None;
        }
        let taken = lane.drain(..lane.len().min(self.group));
        Some(taken.filter(|job| !job.is_taken.swap(true, Ordering::AcqRel)).collect())
    }

    /// Commits a group. An error of the database that is one batch's fault is found by committing each alone.
    async fn settle(&self, tenant: TenantId, batches: &[Batch], with: Object<Manager>) -> Vec<Outcome> {
        match self.attempt(tenant, batches, with).await {
            Ok(outcomes) => outcomes,
            Err(CommitError::Store(StoreError::Broken(_))) if batches.len() > 1 => {
                let mut outcomes = Vec::with_capacity(batches.len());
                for batch in batches.chunks(1) {
                    match session(&self.pool, tenant).await {
                        Ok(with) => outcomes.extend(Box::pin(self.settle(tenant, batch, with)).await),
                        Err(error) => outcomes.push(Err(error.into())),
                    }
                }
                outcomes
            }
            Err(error) => all(batches, &error),
        }
    }

    /// One transaction, again when it and another one stood in each other's way. After a crash nobody has an outcome.
    async fn attempt(
        &self,
        tenant: TenantId,
        batches: &[Batch],
        mut with: Object<Manager>,
    ) -> Result<Vec<Outcome>, CommitError> {
        let mut tries = 1;
        loop {
            let transaction = Transaction::of(tenant, batches, self.fault.as_ref());
            let failure = match timeout(PATIENCE, transaction.run(&mut with)).await {
                Ok(Ok(outcomes)) => return Ok(outcomes),
                Ok(Err(failure)) => failure,
                Err(_) if transaction.is_ending() => {
                    Failure::Unconfirmed("it did not answer in time".to_owned())
                }
                Err(_) => unavailable("the database did not answer in time").into(),
            };
            // Whatever its transaction did is undone with the connection.
            give_up(&self.pool, with, failure.is_away());
            match failure {
                Failure::Again if tries < TRIES_MAX => tries += 1,
                Failure::Again => return Err(unavailable("commits stand in each other's way").into()),
                Failure::Store(error) => return Err(error.into()),
                Failure::Unconfirmed(cause) => {
                    tracing::warn!(%cause, "the database has not said whether a commit happened");
                    return Err(CommitError::Unconfirmed);
                }
                Failure::Crash => {
                    self.alive.store(false, Ordering::Release);
                    return Ok(Vec::new());
                }
            }
            with = session(&self.pool, tenant).await?;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Job>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn all(batches: &[Batch], error: &CommitError) -> Vec<Outcome> {
    batches.iter().map(|_| Err(error.clone())).collect()
}

fn too_many() -> StoreError {
    unavailable("too many commits wait for the database")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Lanes, Pool};
    use crate::contract::{ACME, creation};
    use crate::postgres::{Manager, Server};
    use crate::{CommitError, StoreError};

    /// Nothing of it is committed afterwards either.
    #[tokio::test]
    async fn a_commit_that_nobody_begins_with_is_refused_in_time() {
        let server = Server::parse("postgres://durward@localhost/durward").unwrap();
        let manager = Manager { server, runtime: tokio::runtime::Handle::current() };
        let mut lanes = Lanes::new(Pool::builder(manager).build().unwrap(), 0, 32, None, Arc::default());
        Arc::get_mut(&mut lanes).unwrap().wait = Duration::from_millis(1);
        for _ in 0..2_000 {
            let refused = lanes.commit(ACME, creation("a", b"a")).await;
            assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
        }
        assert!(lanes.next(ACME).is_none());
    }
}
