//! The PostgreSQL driver; with the files below it, all that is known of PostgreSQL.
//!
//! A read is one exchange with the server on a pooled connection, or part of one with others that ask the same; each read sees the newest moment, so two reads of one
//! request may see two. A commit is answered when the server says that it is durable, and whoever reads after that
//! sees it. Nothing is remembered of the database from one transaction to the next: other nodes write too.

mod asked;
mod commit;
mod connect;
mod gather;
mod session;
mod transaction;
mod url;

use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Metrics, Object, PoolError, RecycleError, RecycleResult, TimeoutType, Timeouts};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use crate::batch::{Batch, Committed};
use crate::columns::{Columns, ENOUGH, Flow, MORE, Param, Value};
use crate::db::{Step, Steps};
use crate::epochs::Epochs;
use crate::location::Url;
use crate::migrate::{self, Applied, Macros, Migration};
use crate::{CommitError, Options, StoreError, TenantId};

use asked::{Found, Question};
use commit::Lanes;
use connect::Server;
use gather::Gather;
pub(crate) use session::Session;

/// How long a read waits for a connection, or for that all hosts were tried; then for its answer, and then for each row.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest until a read or a commit ends, whatever the server does, in seconds; more where the wait for a connection has to
/// last longer, because trying every host takes longer.
pub const SILENCE_SECONDS_MAX: u64 = PATIENCE.as_secs() + commit::PATIENCE.as_secs();
/// How long a statement may take that goes through a whole table.
const LONG: Duration = Duration::from_secs(600);
/// How long a statement of a migration may take, and waiting for another node's migrations.
const MIGRATION: Duration = Duration::from_secs(3600);
/// Whoever migrates holds this lock of the database: "durward" in ASCII.
const MIGRATING: i64 = 0x0064_7572_7761_7264;

/// All text is compared as bytes.
const MACROS: Macros = &[("{bytes}", "bytea"), ("{clustered}", ""), (" text", " text collate \"C\"")];

/// What a URL of ours begins with.
pub(crate) const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

type Pool = deadpool::managed::Pool<Manager>;

/// An open database.
pub(crate) struct Postgres {
    pool: Pool,
    lanes: Option<Arc<Lanes>>,
    gather: Gather<Question, Value, Result<Arc<Found>, StoreError>>,
}

impl Postgres {
    pub(crate) async fn open(url: &Url, options: Options, epochs: &Arc<Epochs>) -> Result<Self, StoreError> {
        let server = Server::parse(url.expose())?;
        let (most, group) = (server.connections, server.group);
        let beside = server.clone();
        let patience = Some(server.patience());
        let timeouts = Timeouts { wait: patience, create: patience, recycle: None };
        let manager = Manager { server, runtime: Handle::current() };
        let pool = Pool::builder(manager).max_size(most).timeouts(timeouts).runtime(Runtime::Tokio1);
        let pool = pool.build().map_err(|error| StoreError::Broken(error.to_string()))?;
        let mut session = session(&pool, TenantId::INSTALLATION).await?;
        session.understands_text().await?;
        if session.is_above_policies().await? {
            tracing::warn!(
                "row security does not hold for the user of the database: tenants are kept apart by Durward alone"
            );
        }
        unmixed(beside).await?;
        match options.read_only || options.as_it_is {
            true => session.migrated().await?,
            false => session.migrate(migrate::MIGRATIONS, options.now).await?,
        }
        drop(session);
        // Commits leave room for reads.
        let turns = most.div_ceil(2);
        let lanes = (!options.read_only)
            .then(|| Lanes::new(pool.clone(), turns, group, options.fault, Arc::clone(epochs)));
        Ok(Postgres { pool, lanes, gather: Gather::default() })
    }

    /// Whether commits are taken: not by a server that has become a standby, or was told to take no writes.
    pub(crate) async fn alive(&self) -> Result<(), StoreError> {
        if self.lanes.as_ref().is_some_and(|lanes| !lanes.alive()) {
            return Err(StoreError::stopped());
        }
        let mut is_writable = false;
        let sql = "select 1 where current_setting('transaction_read_only') = 'off'";
        self.read(TenantId::INSTALLATION, sql, &[], |_| {
            is_writable = true;
            ENOUGH
        })
        .await?;
        match is_writable {
            true => Ok(()),
            false => Err(unavailable("the database takes no writes")),
        }
    }

    pub(crate) async fn read(
        &self,
        tenant: TenantId,
        sql: &'static str,
        params: &[Param<'_>],
        row: impl FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        let mut session = session(&self.pool, tenant).await?;
        let shown = session.query(sql, params, row).await;
        shown.inspect_err(|error| give_up(&self.pool, session, is_away(error)))
    }

    pub(crate) async fn read_all(
        &self,
        tenant: TenantId,
        steps: &Steps<'_>,
        row: impl FnMut(usize, &dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        let mut session = session(&self.pool, tenant).await?;
        let shown = session.query_all(steps, row).await;
        shown.inspect_err(|error| give_up(&self.pool, session, is_away(error)))
    }

    pub(crate) async fn moment(&self, tenant: TenantId) -> Result<Moment, StoreError> {
        let mut session = session(&self.pool, tenant).await?;
        match session.begin("begin isolation level repeatable read read only").await {
            Ok(()) => Ok(Moment { session: Some(session) }),
            Err(error) => {
                give_up(&self.pool, session, is_away(&error));
                Err(error)
            }
        }
    }

    pub(crate) async fn commit(&self, tenant: TenantId, batch: Batch) -> Result<Committed, CommitError> {
        match &self.lanes {
            Some(lanes) => lanes.commit(tenant, batch).await,
            None => Err(unavailable("it was opened for reading only").into()),
        }
    }

    pub(crate) async fn close(&self) {
        if let Some(lanes) = &self.lanes {
            lanes.close().await;
        }
        self.pool.close();
    }
}

/// A connection in a transaction that reads one moment.
pub(crate) struct Moment {
    session: Option<Object<Manager>>,
}

impl Moment {
    pub(crate) async fn read(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        row: impl FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        let session = self.session.as_mut().ok_or_else(StoreError::stopped)?;
        session.query(sql, params, row).await
    }

    pub(crate) async fn end(mut self) {
        if let Some(session) = &self.session
            && session.execute("commit").await.is_ok()
        {
            // Back to the others.
            drop(self.session.take());
        }
    }
}

impl Drop for Moment {
    /// What is still in its transaction is nobody else's.
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            drop(Object::take(session));
        }
    }
}

/// Makes the pool's connections.
struct Manager {
    server: Server,
    /// The runtime that opened the store: connections must outlive the one of whoever happens to want one.
    runtime: Handle,
}

impl deadpool::managed::Manager for Manager {
    type Type = Session;
    type Error = StoreError;

    async fn create(&self) -> Result<Session, StoreError> {
        let connecting = self.runtime.spawn(self.server.clone().connect());
        let (client, task) = connecting.await.map_err(|_| StoreError::stopped())??;
        Ok(Session::new(client, task))
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<StoreError> {
        match session.is_closed() {
            true => Err(RecycleError::message("it is closed")),
            false => Ok(()),
        }
    }
}

/// On a connection of its own.
impl Session {
    /// Reads one moment, from the first statement on.
    pub(crate) async fn source(url: &Url) -> Result<Self, StoreError> {
        let mut session = Self::alone(url).await?;
        session.migrated().await?;
        session.wait_for(LONG);
        // It is idle in its transaction for as long as others are busy.
        session.execute("set idle_in_transaction_session_timeout = 0").await?;
        session.execute("begin isolation level repeatable read read only").await?;
        Ok(session)
    }

    /// Writes whole transactions, to a database that is migrated as needed.
    pub(crate) async fn target(url: &Url, now: i64) -> Result<Self, StoreError> {
        let mut session = Self::alone(url).await?;
        if session.applied().await?.is_empty()
            && let Some(other) = session.other_table().await?
        {
            return Err(migrate::shared(&other));
        }
        session.migrate(migrate::MIGRATIONS, now).await?;
        session.wait_for(LONG);
        Ok(session)
    }

    async fn alone(url: &Url) -> Result<Self, StoreError> {
        let server = Server::parse(url.expose())?;
        let (client, task) = server.clone().connect().await?;
        let mut session = Session::new(client, task);
        session.understands_text().await?;
        unmixed(server).await?;
        Ok(session)
    }

    /// Runs statements in a transaction of their own, if the claim, which is the installation's, changes a row. Says whether.
    pub(crate) async fn transact(
        &mut self,
        claim: Step<'_>,
        groups: Vec<(TenantId, Steps<'_>)>,
    ) -> Result<bool, StoreError> {
        self.execute("begin").await?;
        let done = self.run(claim, groups).await;
        let end = if done.is_ok() { "commit" } else { "rollback" };
        self.execute(end).await.and(done)
    }

    async fn run(&mut self, claim: Step<'_>, groups: Vec<(TenantId, Steps<'_>)>) -> Result<bool, StoreError> {
        if self.run_each(TenantId::INSTALLATION, vec![claim]).await? == 0 {
            return Ok(false);
        }
        for (tenant, steps) in groups {
            self.run_each(tenant, steps).await?;
        }
        Ok(true)
    }

    /// Runs statements of a tenant, and says how many rows they changed.
    async fn run_each(&mut self, tenant: TenantId, steps: Steps<'_>) -> Result<u64, StoreError> {
        self.scope(tenant);
        let mut exchange = self.exchange();
        for (sql, params) in steps {
            exchange.send(sql, params).await;
        }
        let answers = exchange.answers().await.map_err(|error| failed(&error))?;
        Ok(answers.iter().map(|answer| answer.changed).sum())
    }
}

/// Migrating.
impl Session {
    /// Applies the steps that are missing, each in a transaction, while no other node does.
    async fn migrate(&mut self, steps: &[Migration], now: i64) -> Result<(), StoreError> {
        while !migrate::pending(steps, &self.applied().await?)?.is_empty() {
            self.wait_for(MIGRATION);
            self.execute("begin").await?;
            let done = self.migrate_one(steps, now).await;
            self.execute(if done.is_ok() { "commit" } else { "rollback" }).await?;
            done?;
        }
        self.wait_for(PATIENCE);
        Ok(())
    }

    async fn migrate_one(&mut self, steps: &[Migration], now: i64) -> Result<(), StoreError> {
        // The node that is at it takes its time. A table that somebody else holds is not waited for that long: whoever
        // wants it next would wait behind.
        self.execute("set local lock_timeout = 0").await?;
        let mut is_mine = false;
        self.query("select 1 where pg_try_advisory_xact_lock($1)", &[Param::Int(MIGRATING)], |_| {
            is_mine = true;
            ENOUGH
        })
        .await?;
        if !is_mine {
            tracing::info!("another node migrates the database; waiting for it");
            self.query("select pg_advisory_xact_lock($1)", &[Param::Int(MIGRATING)], |_| MORE).await?;
        }
        self.execute("set local lock_timeout = '5s'").await?;
        // Another node may have been faster.
        let pending = migrate::pending(steps, &self.applied().await?)?;
        let Some(step) = pending.first() else { return Ok(()) };
        self.execute(migrate::TABLE).await?;
        self.execute(&step.expand(MACROS)).await?;
        self.execute(step.postgres.unwrap_or_default()).await?;
        let checksum = step.checksum();
        let values =
            [Param::Int(step.number), Param::Text(step.name), Param::Text(&checksum), Param::Int(now)];
        self.query(migrate::NOTE, &values, |_| MORE).await
    }

    /// That no step is missing.
    async fn migrated(&mut self) -> Result<(), StoreError> {
        migrate::complete(migrate::MIGRATIONS, &self.applied().await?)
    }

    async fn applied(&mut self) -> Result<Vec<Applied>, StoreError> {
        let (mut all, mut there) = (Vec::new(), 0);
        // By a search in the catalogue: a name's lookup would not see what came while the lock was waited for.
        let exists = "select count(*) from pg_class where relname = 'migration' and pg_table_is_visible(oid)";
        self.query(exists, &[], |row| {
            there = row.int(0)?;
            ENOUGH
        })
        .await?;
        if there > 0 {
            self.query(migrate::LIST, &[], |row| {
                let (name, checksum) = (row.text(1)?.to_owned(), row.text(2)?.to_owned());
                all.push(Applied { number: row.int(0)?, name, checksum });
                MORE
            })
            .await?;
        }
        Ok(all)
    }

    /// What somebody else keeps where the tables would be made; an extension's are nobody's.
    async fn other_table(&mut self) -> Result<Option<String>, StoreError> {
        let mut other = None;
        let sql = "select relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
            where n.nspname = current_schema() and c.relkind in ('r', 'p', 'f', 'v', 'm') and not exists \
            (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') \
            order by 1 limit 1";
        self.query(sql, &[], |row| {
            other = Some(row.text(0)?.to_owned());
            ENOUGH
        })
        .await?;
        Ok(other)
    }

    /// Whether row security does not hold for it.
    async fn is_above_policies(&mut self) -> Result<bool, StoreError> {
        let mut is_above = false;
        let sql = "select 1 from pg_roles where rolname = current_user and (rolsuper or rolbypassrls)";
        self.query(sql, &[], |_| {
            is_above = true;
            ENOUGH
        })
        .await?;
        Ok(is_above)
    }

    async fn understands_text(&mut self) -> Result<(), StoreError> {
        let mut encoding = String::new();
        self.query("select current_setting('server_encoding')", &[], |row| {
            encoding = row.text(0)?.to_owned();
            ENOUGH
        })
        .await?;
        match encoding.as_str() {
            "UTF8" => Ok(()),
            _ => Err(StoreError::Location(format!(
                "the database is encoded in {encoding}; make it with encoding UTF8"
            ))),
        }
    }
}

/// That no pooler mixes clients up, asked while there is another connection: it would give this one what the other is not
/// using just now.
async fn unmixed(server: Server) -> Result<(), StoreError> {
    let (client, task) = server.connect().await?;
    drop(Session::new(client, task));
    Ok(())
}

/// What can be known of a URL without connecting.
pub(crate) fn check(url: &Url) -> Result<(), StoreError> {
    Server::parse(url.expose()).map(drop)
}

/// A connection that is about this tenant: who gets one otherwise has somebody else's.
async fn session(pool: &Pool, tenant: TenantId) -> Result<Object<Manager>, StoreError> {
    // One span for both: until one is free, and until one is made.
    let patience = pool.manager().server.patience();
    let got = timeout(patience, pool.get()).await.unwrap_or(Err(PoolError::Timeout(TimeoutType::Wait)));
    let mut session = got.map_err(pool_failed)?;
    session.scope(tenant);
    Ok(session)
}

/// Gives up a connection that failed: what it is still doing is nobody's business, nor what it has forgotten. When the server
/// is away, those that lie idle go with it, as they may be as silent: better that one request waits in vain than many.
fn give_up(pool: &Pool, session: Object<Manager>, is_away: bool) {
    drop(Object::take(session));
    if is_away {
        pool.retain(|_, _| false);
    }
}

fn is_away(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
}

fn pool_failed(error: PoolError<StoreError>) -> StoreError {
    match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(_) => unavailable("no connection to the database became free in time"),
        PoolError::Closed => StoreError::stopped(),
        error => unavailable(&error.to_string()),
    }
}

/// Where PostgreSQL refuses a row that the table's policy does not admit.
const ROW_POLICY: &str = "ExecWithCheckOptions";

/// What PostgreSQL says, sorted by whether another try may help. Its own message names no value of a row; the details
/// beside it may, and are left out.
fn failed(error: &tokio_postgres::Error) -> StoreError {
    let Some(said) = error.as_db_error() else {
        return unavailable(&chain(error));
    };
    let class = said.code().code().get(..2).unwrap_or_default();
    match class {
        // Connection, rolled back, resources, operator, system.
        "08" | "40" | "53" | "55" | "57" | "58" => unavailable(said.message()),
        // Authorisation, no such database.
        "28" | "3D" => StoreError::Denied(said.message().to_owned()),
        // No schema to make tables in, or none that its user may use.
        "3F" => not_granted(said.message()),
        // A row of another tenant has the same code; no grant would help there.
        _ if said.routine() == Some(ROW_POLICY) => StoreError::Broken(said.message().to_owned()),
        _ if *said.code() == SqlState::INSUFFICIENT_PRIVILEGE => not_granted(said.message()),
        // Tables are made by migrations alone.
        _ if *said.code() == SqlState::DUPLICATE_TABLE => {
            StoreError::Migration(format!("{}, and is not durward's; name an empty database", said.message()))
        }
        // A server that has become a standby.
        _ if *said.code() == SqlState::READ_ONLY_SQL_TRANSACTION => unavailable(said.message()),
        _ if *said.code() == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => unavailable(said.message()),
        _ => StoreError::Broken(said.message().to_owned()),
    }
}

fn not_granted(said: &str) -> StoreError {
    StoreError::Denied(format!(
        "{said}; its user has to own the database, or to be granted what the guide to PostgreSQL says"
    ))
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

#[cfg(test)]
pub(crate) use connect::SESSION;
#[cfg(test)]
pub(crate) use transaction::ALL as STATEMENTS;

#[cfg(test)]
mod isolation;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
