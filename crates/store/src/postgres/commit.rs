//! Commits: a lane for each tenant that has any, and one transaction for all that waits in a lane.
//!
//! A transaction begins by locking its tenant's `head` row, so the commits of one tenant follow one another, whichever
//! node they are made on, and each sees all of those before it: what a batch expects is true when it is committed, the
//! audit chain has no fork, and no two commits of a tenant wait for each other. Tenants do not wait for each other.
//!
//! It takes two exchanges. The first begins, locks, and runs every statement of the group; what they changed is held
//! against what was expected. The second adds the audit entries and events, now that it is known what they follow, and
//! commits; then everybody is answered. A batch that is refused is rolled back alone, at one exchange more.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool::managed::Object;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::session::{Answer, Exchange, Row, Session};
use super::{Pool, failed, session, unavailable};
use crate::audit::{self, Head, Link};
use crate::batch::{Batch, Committed, Expect, Step};
use crate::columns::{Columns, Param};
use crate::writer::INBOX_MAX;
use crate::{CommitError, Fault, FaultPoint, StoreError, TenantId, outbox, record, statements};

statements! {
    // The row is there after this, whoever made it.
    CLAIM_HEAD = "insert into head (tenant, audit, hash, outbox) values ($1, 0, $2, 0) on conflict do nothing";
    LOCK_HEAD = "select audit, hash, outbox from head where tenant = $1 for update";
}

const BEGIN: &str = "begin isolation level read committed";
const COMMIT: &str = "commit";
const ROLLBACK: &str = "rollback";

/// How often a group is tried that met another one in a deadlock.
const TRIES_MAX: usize = 4;
/// How long a transaction may take, all its waiting included.
const PATIENCE: Duration = Duration::from_secs(15);

type Outcome = Result<Committed, CommitError>;

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
    /// Until a test has made it crash.
    alive: AtomicBool,
}

impl Lanes {
    pub(super) fn new(pool: Pool, turns: usize, group: usize, fault: Option<Fault>) -> Arc<Self> {
        Arc::new(Lanes {
            pool,
            runtime: Handle::current(),
            waiting: Mutex::default(),
            places: Arc::new(Semaphore::new(INBOX_MAX)),
            turns: Semaphore::new(turns),
            group,
            wait: super::PATIENCE,
            fault,
            alive: AtomicBool::new(true),
        })
    }

    pub(super) fn alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    pub(super) async fn commit(self: &Arc<Self>, tenant: TenantId, batch: Batch) -> Outcome {
        let place =
            timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await.map_err(|_| too_many())?;
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
        let outcome = match timeout(self.wait, &mut answered).await {
            Ok(outcome) => outcome,
            // Nobody has begun with it, and now nobody will.
            Err(_) if !is_taken.swap(true, Ordering::AcqRel) => return Err(too_many().into()),
            Err(_) => answered.await,
        };
        outcome.unwrap_or_else(|_| Err(StoreError::stopped().into()))
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
            let Some(jobs) = self.next(tenant) else { return };
            let (batches, answers): (Vec<_>, Vec<_>) =
                jobs.into_iter().map(|Job { batch, answer, _place, .. }| (batch, (answer, _place))).unzip();
            if batches.is_empty() {
                continue;
            }
            let outcomes = self.settle(tenant, &batches).await;
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
    async fn settle(&self, tenant: TenantId, batches: &[Batch]) -> Vec<Outcome> {
        let all = |error: StoreError| batches.iter().map(|_| Err(error.clone().into())).collect();
        match self.attempt(tenant, batches).await {
            Ok(outcomes) => outcomes,
            Err(StoreError::Broken(_)) if batches.len() > 1 => {
                let mut outcomes = Vec::with_capacity(batches.len());
                for batch in batches {
                    outcomes.extend(Box::pin(self.settle(tenant, std::slice::from_ref(batch))).await);
                }
                outcomes
            }
            Err(error) => all(error),
        }
    }

    /// One transaction, again when it and another one stood in each other's way. After a crash nobody has an outcome.
    async fn attempt(&self, tenant: TenantId, batches: &[Batch]) -> Result<Vec<Outcome>, StoreError> {
        let transaction = Transaction { tenant, batches, fault: self.fault.as_ref() };
        let mut tries = 1;
        loop {
            let mut session = session(&self.pool, tenant).await?;
            let failure = match timeout(PATIENCE, transaction.run(&mut session)).await {
                Ok(Ok(outcomes)) => return Ok(outcomes),
                Ok(Err(failure)) => failure,
                Err(_) => unavailable("a commit took too long; whether it happened is not known").into(),
            };
            // Whatever its transaction did is undone with the connection.
            drop(Object::take(session));
            match failure {
                Failure::Again if tries < TRIES_MAX => tries += 1,
                Failure::Again => return Err(unavailable("commits stand in each other's way")),
                Failure::Store(error) => return Err(error),
                Failure::Crash => {
                    self.alive.store(false, Ordering::Release);
                    return Ok(Vec::new());
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Job>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a group was not committed.
enum Failure {
    /// It stood in another one's way; nothing is wrong with it.
    Again,
    Store(StoreError),
    /// A test made it crash.
    Crash,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.code() {
            Some(code)
                if [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code) =>
            {
                Failure::Again
            }
            _ => Failure::Store(failed(&error)),
        }
    }
}

/// Batches of one tenant, to be committed by one transaction.
struct Transaction<'g> {
    tenant: TenantId,
    batches: &'g [Batch],
    fault: Option<&'g Fault>,
}

/// How far the batches of an exchange held.
struct Judgement {
    held: Vec<Committed>,
    /// What did not hold of the batch after those.
    refused: Option<Expect>,
}

impl Transaction<'_> {
    async fn run(&self, session: &mut Session) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(self.batches.len());
        let mut head = None;
        let mut most = self.batches.len();
        while let Some(rest) = self.batches.get(outcomes.len()..).filter(|rest| !rest.is_empty()) {
            let part = rest.get(..most).unwrap_or(rest);
            let begins = head.is_none();
            let mut exchange = session.exchange();
            if begins {
                self.begin(&mut exchange).await;
            }
            for (number, batch) in (outcomes.len()..).zip(part) {
                self.send(&mut exchange, number, batch).await?;
            }
            let mut answers = exchange.answers().await?.into_iter();
            if begins {
                head = Some(locked(answers.by_ref().take(3).last())?.ok_or(Failure::Again)?);
            }
            let Judgement { held, refused } = self.judge(part, answers)?;
            outcomes.extend(held.into_iter().map(Ok));
            if let Some(expect) = refused {
                let refusal = self.undo(session, outcomes.len(), expect).await?;
                outcomes.push(Err(refusal));
                if self.batches.len() == 1 {
                    return Ok(outcomes);
                }
                // The more of them are refused, the less is done in vain.
                most = (most / 2).max(1);
            }
        }
        self.finish(session, head.unwrap_or(Head::START), &mut outcomes).await?;
        Ok(outcomes)
    }

    async fn begin<'s>(&self, exchange: &mut Exchange<'s>) {
        exchange.send(BEGIN, Vec::new()).await;
        let tenant = Param::Int(self.tenant.0);
        exchange.send(CLAIM_HEAD, vec![tenant, Param::Bytes(&Head::START.hash)]).await;
        exchange.send(LOCK_HEAD, vec![tenant]).await;
    }

    /// Sends a batch's statements, after a savepoint if it has neighbours.
    async fn send<'s>(
        &'s self,
        exchange: &mut Exchange<'s>,
        number: usize,
        batch: &'s Batch,
    ) -> Result<(), Failure> {
        if self.batches.len() > 1 {
            exchange.send(&format!("savepoint b{number}"), Vec::new()).await;
        }
        for step in batch.steps() {
            if let Step::Statement { sql, args, .. } = *step {
                self.fault(FaultPoint::Step)?;
                exchange.send(sql, batch.params(args, self.tenant.0).collect()).await;
            }
        }
        Ok(())
    }

    /// Holds what statements did against what was expected, up to the first that did not do it.
    fn judge(&self, part: &[Batch], mut answers: impl Iterator<Item = Answer>) -> Result<Judgement, Failure> {
        let mut held = Vec::with_capacity(part.len());
        for batch in part {
            let mut committed = Committed::default();
            if self.batches.len() > 1 {
                answers.next();
            }
            for step in batch.steps() {
                let Step::Statement { expect, .. } = *step else { continue };
                let answer = answers.next().ok_or_else(|| unavailable("an answer is missing"))?;
                if !expect.holds(answer.changed) {
                    return Ok(Judgement { held, refused: Some(expect) });
                }
                committed.rows += answer.changed;
                for row in &answer.rows {
                    committed.versions.push(Row(row).int(0)?);
                }
            }
            held.push(committed);
        }
        Ok(Judgement { held, refused: None })
    }

    /// Undoes a batch and all that came after it, and says why it is refused.
    async fn undo(
        &self,
        session: &mut Session,
        number: usize,
        expect: Expect,
    ) -> Result<CommitError, Failure> {
        let batch = self.batches.get(number).ok_or_else(|| unavailable("an answer is missing"))?;
        let mut exchange = session.exchange();
        match self.batches.len() {
            1 => exchange.send(ROLLBACK, Vec::new()).await,
            _ => exchange.send(&format!("rollback to b{number}"), Vec::new()).await,
        }
        if let Some([kind, id]) = batch.doubt(expect) {
            exchange.send(record::EXISTS, vec![Param::Int(self.tenant.0), kind, id]).await;
        }
        let exists = exchange.answers().await?.last().is_some_and(|answer| !answer.rows.is_empty());
        Ok(batch.refusal(expect, exists))
    }

    /// Adds entries and events of the batches that held, and commits.
    async fn finish(
        &self,
        session: &mut Session,
        mut head: Head,
        outcomes: &mut [Outcome],
    ) -> Result<(), Failure> {
        let before = head;
        let mut added: Vec<Added<'_>> = Vec::new();
        for (batch, outcome) in self.batches.iter().zip(outcomes) {
            let Ok(committed) = outcome else { continue };
            for step in batch.steps() {
                let fields = |args| batch.params(args, self.tenant.0);
                match *step {
                    Step::Statement { .. } => continue,
                    Step::Entry { args } => {
                        let link = head.link(self.tenant.0, fields(args));
                        committed.sequence = head.audit;
                        added.push(Added {
                            fields: fields(args).collect(),
                            number: head.audit,
                            link: Some(link),
                        });
                    }
                    Step::Event { args } => {
                        head.outbox += 1;
                        added.push(Added { fields: fields(args).collect(), number: head.outbox, link: None });
                    }
                }
                committed.rows += 1;
            }
        }
        let saved = head.params(self.tenant.0);
        let mut exchange = session.exchange();
        for added in &added {
            self.fault(FaultPoint::Step)?;
            exchange.send(added.sql(), added.params(self.tenant)).await;
        }
        if head != before {
            exchange.send(audit::SAVE_HEAD, saved.to_vec()).await;
        }
        self.fault(FaultPoint::Commit)?;
        exchange.send(COMMIT, Vec::new()).await;
        exchange.answers().await?;
        self.fault(FaultPoint::Answer)
    }

    fn fault(&self, point: FaultPoint) -> Result<(), Failure> {
        match self.fault {
            Some(fault) if fault(point) => Err(Failure::Crash),
            _ => Ok(()),
        }
    }
}

/// An entry of the audit chain, or an event.
struct Added<'b> {
    fields: Vec<Param<'b>>,
    number: i64,
    link: Option<Link>,
}

impl Added<'_> {
    fn sql(&self) -> &'static str {
        if self.link.is_some() { audit::INSERT } else { outbox::INSERT }
    }

    fn params(&self, tenant: TenantId) -> Vec<Param<'_>> {
        let link = self.link.iter().flat_map(Link::params);
        [Param::Int(tenant.0), Param::Int(self.number)]
            .into_iter()
            .chain(self.fields.iter().copied())
            .chain(link)
            .collect()
    }
}

fn too_many() -> StoreError {
    unavailable("too many commits wait for the database")
}

/// The head that was locked; none when the tenant was deleted while the lock was waited for.
fn locked(answer: Option<Answer>) -> Result<Option<Head>, StoreError> {
    let rows = answer.map(|answer| answer.rows).unwrap_or_default();
    rows.first().map(|row| Head::read(&Row(row))).transpose()
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
        let mut lanes = Lanes::new(Pool::builder(manager).build().unwrap(), 0, 32, None);
        Arc::get_mut(&mut lanes).unwrap().wait = Duration::from_millis(1);
        for _ in 0..2_000 {
            let refused = lanes.commit(ACME, creation("a", b"a")).await;
            assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
        }
        assert!(lanes.next(ACME).is_none());
    }
}
