//! The writer: one thread that commits what everybody hands in.
//!
//! It takes what is in its inbox as a group, commits the group with one sync of the disk, and only then answers: what
//! was answered is durable. A batch that fails leaves its neighbours alone: the group is applied once more, each batch with
//! a savepoint of its own, which most groups can do without. It is for a database with one writer; nothing is remembered from one group to the next, as another process may write between.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::audit::{self, Head};
use crate::batch::{Batch, Committed, Step};
use crate::columns::{ENOUGH, Param};
use crate::epochs::Epochs;
use crate::sqlite::Session;
use crate::{CommitError, Fault, FaultPoint, StoreError, TenantId, outbox, record, tenant};

/// Most batches in one transaction.
pub const GROUP_MAX: usize = 256;
/// Most batches that wait for the writer; who comes then waits for a place.
pub const INBOX_MAX: usize = 1_024;
/// So long without a commit, the log is folded into the file.
const IDLE: Duration = Duration::from_secs(2);

/// The way to the writer's thread.
pub(crate) struct Inbox {
    sender: mpsc::Sender<Message>,
    places: Arc<Semaphore>,
    alive: Arc<AtomicBool>,
}

enum Message {
    Commit(Job),
    Close(oneshot::Sender<()>),
}

struct Job {
    tenant: TenantId,
    batch: Batch,
    answer: oneshot::Sender<Answer>,
    /// Given back when it is dropped.
    _place: OwnedSemaphorePermit,
}

impl Inbox {
    /// Starts the thread.
    pub(crate) fn open(
        session: Session,
        fault: Option<Fault>,
        epochs: Arc<Epochs>,
    ) -> Result<Self, StoreError> {
        let (sender, inbox) = mpsc::channel();
        let alive = Arc::new(AtomicBool::new(true));
        let writer = Writer { session, inbox, fault, epochs, alive: Arc::clone(&alive) };
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::Unavailable(format!("no thread for the writer: {error}")))?;
        Ok(Inbox { sender, places: Arc::new(Semaphore::new(INBOX_MAX)), alive })
    }

    pub(crate) fn alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    pub(crate) async fn commit(&self, tenant: TenantId, batch: Batch) -> Result<Committed, CommitError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::stopped())?;
        if !self.alive() {
            return Err(StoreError::stopped().into());
        }
        let (answer, answered) = oneshot::channel();
        let job = Job { tenant, batch, answer, _place: place };
        self.sender.send(Message::Commit(job)).map_err(|_| StoreError::stopped())?;
        // Whoever was to answer is gone.
        answered.await.unwrap_or(Err(CommitError::Unconfirmed))
    }

    /// Commits what was handed in and ends the thread.
    pub(crate) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.sender.send(Message::Close(answer)).is_ok() {
            let _ = answered.await;
        }
    }
}

/// The writer's thread.
struct Writer {
    session: Session,
    inbox: mpsc::Receiver<Message>,
    fault: Option<Fault>,
    epochs: Arc<Epochs>,
    alive: Arc<AtomicBool>,
}

/// Why a batch, or a whole group, was not committed.
enum Failure {
    Refused(CommitError),
    /// One of the group's batches cannot be applied; nothing was committed.
    Batch(CommitError),
    /// A test made the writer crash.
    Crash,
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Failure::Refused(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Refused(error.into())
    }
}

type Answer = Result<Committed, CommitError>;

/// Where the chains of the group's tenants end, and whether that moved.
type Heads = HashMap<TenantId, (Head, bool)>;

impl Drop for Writer {
    /// However the thread ends.
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Release);
    }
}

impl Writer {
    fn run(self) {
        let mut unfolded = false;
        let mut closing = None;
        while closing.is_none() {
            let message =
                if unfolded { self.inbox.recv_timeout(IDLE) } else { self.inbox.recv().map_err(Into::into) };
            let mut jobs = Vec::new();
            match message {
                Ok(Message::Commit(job)) => jobs.push(job),
                Ok(Message::Close(answer)) => closing = Some(answer),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.session.fold("passive");
                    unfolded = false;
                    continue;
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            while jobs.len() < GROUP_MAX && closing.is_none() {
                match self.inbox.try_recv() {
                    Ok(Message::Commit(job)) => jobs.push(job),
                    Ok(Message::Close(answer)) => closing = Some(answer),
                    Err(_) => break,
                }
            }
            if !jobs.is_empty() && self.commit(jobs).is_break() {
                break;
            }
            unfolded = true;
        }
        if closing.is_some() {
            self.session.fold("truncate");
        }
        drop(self);
        closing.map(|answer| answer.send(()));
    }

    /// Commits a group and answers. A crash drops who waits, who then hears that the outcome is not known.
    fn commit(&self, jobs: Vec<Job>) -> ControlFlow<()> {
        let (work, answers): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|Job { tenant, batch, answer, .. }| ((tenant, batch), answer)).unzip();
        let mut done = self.transact(&work, Writer::apply_together);
        if work.len() > 1 && matches!(done, Err(Failure::Batch(_))) {
            let _ = self.session.execute("rollback");
            done = self.transact(&work, Writer::apply_apart);
        }
        let results = match done {
            Ok(results) => results,
            Err(Failure::Crash) => {
                // Before anybody who was in it hears of it.
                self.alive.store(false, Ordering::Release);
                return ControlFlow::Break(());
            }

            Err(Failure::Refused(error) | Failure::Batch(error)) => {
                let _ = self.session.execute("rollback");
                work.iter().map(|_| Err(error.clone())).collect()
            }
        };
        self.epochs.count(work.iter().map(|(tenant, batch)| (*tenant, batch)));
        for (answer, result) in answers.into_iter().zip(results) {
            let _ = answer.send(result);
        }
        ControlFlow::Continue(())
    }

    /// One transaction for a group, whose batches `apply` applies.
    fn transact(
        &self,
        work: &[(TenantId, Batch)],
        apply: fn(&Self, TenantId, &Batch, &mut Heads) -> Result<Answer, Failure>,
    ) -> Result<Vec<Answer>, Failure> {
        let mut heads = Heads::new();
        self.session.execute("begin immediate")?;
        let answers = work
            .iter()
            .map(|(tenant, batch)| apply(self, *tenant, batch, &mut heads))
            .collect::<Result<_, _>>()?;
        self.save(&heads)?;
        self.fault(FaultPoint::Commit)?;
        self.session.execute("commit")?;
        self.fault(FaultPoint::Answer)?;
        Ok(answers)
    }

    /// Applies a batch that fails with its group.
    fn apply_together(&self, tenant: TenantId, batch: &Batch, heads: &mut Heads) -> Result<Answer, Failure> {
        match self.apply(tenant, batch, heads) {
            Err(Failure::Refused(error)) => Err(Failure::Batch(error)),
            done => done.map(Ok),
        }
    }

    /// Applies a batch so that it can be undone alone. An error is the group's.
    fn apply_apart(&self, tenant: TenantId, batch: &Batch, heads: &mut Heads) -> Result<Answer, Failure> {
        let before = heads.get(&tenant).copied();
        self.session.execute("savepoint batch")?;
        match self.apply(tenant, batch, heads) {
            Ok(committed) => {
                self.session.execute("release batch")?;
                Ok(Ok(committed))
            }
            // Some errors (a full disk) undo the whole transaction.
            Err(Failure::Refused(error)) if !self.session.undone() => {
                self.session.execute("rollback to batch")?;
                self.session.execute("release batch")?;
                match before {
                    Some(head) => heads.insert(tenant, head),
                    None => heads.remove(&tenant),
                };
                Ok(Err(error))
            }
            Err(failure) => Err(failure),
        }
    }

    fn apply(&self, tenant: TenantId, batch: &Batch, heads: &mut Heads) -> Result<Committed, Failure> {
        if !batch.clears() {
            self.find(tenant, heads)?;
        }
        let mut committed = Committed::default();
        for step in batch.steps() {
            self.fault(FaultPoint::Step)?;
            match *step {
                Step::Statement { sql, args, expect } => {
                    let rows = self.session.run(sql, batch.params(args, tenant.0), &mut committed)?;
                    if !expect.holds(rows) {
                        let exists =
                            batch.doubt(expect).is_some_and(|[kind, id]| self.exists(tenant, kind, id));
                        return Err(batch.refusal(expect, exists).into());
                    }
                }
                Step::Entry { args } => {
                    let head = self.moved(tenant, heads)?;
                    let link = head.link(tenant.0, batch.params(args, tenant.0));
                    let numbers = [Param::Int(tenant.0), Param::Int(head.audit)];
                    let params = numbers.into_iter().chain(batch.params(args, tenant.0)).chain(link.params());
                    self.session.run(audit::INSERT, params, &mut committed)?;
                    committed.sequence = head.audit;
                }
                Step::Event { args } => {
                    let (head, moved) = self.find(tenant, heads)?;
                    let Some(number) = head.event() else { continue };
                    *moved = true;
                    let params = [Param::Int(tenant.0), Param::Int(number)].into_iter();
                    let params = params.chain(batch.params(args, tenant.0));
                    self.session.run(outbox::INSERT, params, &mut committed)?;
                }
                Step::Listen { more } => self.moved(tenant, heads)?.listeners += more,
            }
        }
        Ok(committed)
    }

    fn exists(&self, tenant: TenantId, kind: Param<'_>, id: Param<'_>) -> bool {
        let mut found = false;
        let params = [Param::Int(tenant.0), kind, id].into_iter();
        let asked = self.session.query(record::EXISTS, params, &mut |_| {
            found = true;
            ENOUGH
        });
        asked.is_ok() && found
    }

    /// Looks for a tenant and its head, once in a transaction.
    fn find<'h>(&self, tenant: TenantId, heads: &'h mut Heads) -> Result<&'h mut (Head, bool), CommitError> {
        match heads.entry(tenant) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let mut is_there = tenant == TenantId::INSTALLATION;
                self.session.query(tenant::THERE, [Param::Int(tenant.0)], &mut |_| {
                    is_there = true;
                    ENOUGH
                })?;
                match is_there {
                    true => Ok(place.insert((Head::of(&self.session, tenant.0)?, false))),
                    false => Err(CommitError::NoTenant),
                }
            }
        }
    }

    /// A tenant's head, which is about to move.
    fn moved<'h>(&self, tenant: TenantId, heads: &'h mut Heads) -> Result<&'h mut Head, CommitError> {
        let (head, moved) = self.find(tenant, heads)?;
        *moved = true;
        Ok(head)
    }

    fn save(&self, heads: &Heads) -> Result<(), StoreError> {
        for (tenant, (head, _)) in heads.iter().filter(|(_, (_, moved))| *moved) {
            self.session.run(audit::SAVE_HEAD, head.params(tenant.0), &mut Committed::default())?;
        }
        Ok(())
    }

    fn fault(&self, point: FaultPoint) -> Result<(), Failure> {
        match &self.fault {
            Some(fault) if fault(point) => Err(Failure::Crash),
            _ => Ok(()),
        }
    }
}
