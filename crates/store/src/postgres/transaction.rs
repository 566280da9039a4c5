//! A transaction: batches of one tenant that are committed together.
//!
//! It begins by locking its tenant's `head` row, so the commits of one tenant follow one another, whichever node they are
//! made on, and each sees all of those before it: what a batch expects is true when it is committed, the audit chain has no
//! fork, and no two commits of a tenant wait for each other.
//!
//! It takes two exchanges. The first begins, locks, and runs every statement of the group; what they changed is held
//! against what was expected. The second adds the audit entries and events, now that it is known what they follow, and
//! commits. A batch that is refused is rolled back alone, at one exchange more.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

use super::session::{Answer, Exchange, Row, Session};
use super::{chain, failed, is_away, unavailable};
use crate::audit::{self, Head, Link};
use crate::batch::{Batch, Committed, Expect, Step};
use crate::columns::{Columns, Param};
use crate::{CommitError, Fault, FaultPoint, StoreError, TenantId, outbox, record, statements, tenant};

statements! {
    // The row is there after this, whoever made it, if there is the tenant. The installation always is.
    CLAIM_HEAD = "insert into head (tenant, audit, hash, outbox) \
                  select tenant, 0, $2, 0 from tenant where tenant = $1 on conflict do nothing";
    CLAIM_OWN = "insert into head (tenant, audit, hash, outbox) values ($1, 0, $2, 0) on conflict do nothing";
    LOCK_HEAD = "select audit, hash, outbox, listeners from head where tenant = $1 for update";
}

const BEGIN: &str = "begin isolation level read committed";
const COMMIT: &str = "commit";
const ROLLBACK: &str = "rollback";

/// What became of a batch.
pub(super) type Outcome = Result<Committed, CommitError>;

/// Why a group was not committed.
pub(super) enum Failure {
    /// It stood in another one's way; nothing is wrong with it.
    Again,
    /// It was not committed.
    Store(StoreError),
    /// Whether it was committed is not known: why.
    Unconfirmed(String),
    /// A test made it crash.
    Crash,
}

impl Failure {
    pub(super) fn is_away(&self) -> bool {
        match self {
            Failure::Store(error) => is_away(error),
            Failure::Unconfirmed(_) => true,
            Failure::Again | Failure::Crash => false,
        }
    }
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
pub(super) struct Transaction<'g> {
    tenant: TenantId,
    batches: &'g [Batch],
    fault: Option<&'g Fault>,
    /// Whether the server may have been told to commit.
    is_ending: AtomicBool,
}

/// How far the batches of an exchange held.
struct Judgement {
    held: Vec<Committed>,
    /// What did not hold of the batch after those.
    refused: Option<Expect>,
}

impl<'g> Transaction<'g> {
    pub(super) fn of(tenant: TenantId, batches: &'g [Batch], fault: Option<&'g Fault>) -> Self {
        Transaction { tenant, batches, fault, is_ending: AtomicBool::new(false) }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    pub(super) async fn run(&self, session: &mut Session) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(self.batches.len());
        let (mut head, mut is_there) = (None, true);
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
                let [_, _, locked, there] = first(&mut answers)?;
                is_there = self.tenant == TenantId::INSTALLATION || !there.rows.is_empty();
                head = match locked.rows.first() {
                    Some(row) => Some(Head::read(&Row(row))?),
                    // What is left of a tenant may be taken away by two at once, its head too.
                    None if !is_there => Some(Head::START),
                    None => return Err(Failure::Again),
                };
            }
            let Judgement { held, refused } = self.judge(part, answers, is_there)?;
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
        let number = Param::Int(self.tenant.0);
        let claim = if self.tenant == TenantId::INSTALLATION { CLAIM_OWN } else { CLAIM_HEAD };
        exchange.send(claim, vec![number, Param::Bytes(&Head::START.hash)]).await;
        exchange.send(LOCK_HEAD, vec![number]).await;
        // Not before: a tenant that is deleted while the lock is waited for is there no more.
        exchange.send(tenant::THERE, vec![number]).await;
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
    fn judge(
        &self,
        part: &[Batch],
        mut answers: impl Iterator<Item = Answer>,
        is_there: bool,
    ) -> Result<Judgement, Failure> {
        let mut held = Vec::with_capacity(part.len());
        for batch in part {
            if !is_there && !batch.clears() {
                return Ok(Judgement { held, refused: Some(Expect::Tenant) });
            }
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
                        let Some(number) = head.event() else { continue };
                        added.push(Added { fields: fields(args).collect(), number, link: None });
                    }
                    Step::Listen { more } => {
                        head.listeners += more;
                        continue;
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
        self.is_ending.store(true, Ordering::Relaxed);
        exchange.send(COMMIT, Vec::new()).await;
        exchange.answers().await.map_err(unconfirmed)?;
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

/// A transaction that ends in an error was not committed. One whose connection ends, or its server, may have been.
fn unconfirmed(error: Error) -> Failure {
    match error.as_db_error().and_then(tokio_postgres::error::DbError::parsed_severity) {
        Some(Severity::Error) => error.into(),
        _ => Failure::Unconfirmed(chain(&error)),
    }
}

/// The answers to what a transaction begins with.
fn first(answers: &mut impl Iterator<Item = Answer>) -> Result<[Answer; 4], StoreError> {
    let first: Vec<_> = answers.take(4).collect();
    first.try_into().map_err(|_| unavailable("an answer is missing"))
}
