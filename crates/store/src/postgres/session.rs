//! One connection with its prepared statements, and how values cross it.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::{FutureExt, TryStreamExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Statement};

use super::{PATIENCE, failed, unavailable};
use crate::columns::{Columns, Flow, Param, mistyped};
use crate::db::Steps;
use crate::{StoreError, TenantId};

/// Says to the tables' policies whose rows the statements after it are about.
const SCOPE: &str = "select set_config('durward.tenant', $1::bigint::text, false)";

/// A connection, with its prepared statements.
pub(crate) struct Session {
    client: Client,
    prepared: Prepared,
    scope: Scope,
    /// How long it waits for the answer, and then for each row.
    patience: Duration,
    task: JoinHandle<()>,
}

type Prepared = HashMap<String, Statement>;

impl Drop for Session {
    /// Without waiting for what the server is still doing: it rolls back what was not committed.
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Session {
    pub(super) fn new(client: Client, task: JoinHandle<()>) -> Self {
        Session { client, prepared: HashMap::new(), scope: Scope::default(), patience: PATIENCE, task }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// From here on it waits so long for an answer.
    pub(super) fn wait_for(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The statements from here on are this tenant's: of others they see no row, and change none, whatever they say.
    pub(crate) fn scope(&mut self, tenant: TenantId) {
        self.scope.change(tenant);
    }

    /// Runs a statement and shows its rows, until `show` breaks off. A statement that is new to the connection is
    /// prepared first, which is an exchange more.
    pub(crate) async fn query(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        mut show: impl FnMut(&dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        let Session { client, prepared, scope, patience, .. } = self;
        let patience = *patience;
        let answer = async {
            let scoping = scope.send(client, prepared).await;
            let statement = prepare(client, prepared, sql).await?;
            let rows = client.query_raw(&statement, params.iter().copied()).await?;
            scope.answer(scoping).await?;
            Ok(rows)
        };
        let mut rows = pin!(in_time(patience, answer).await?);
        while let Some(row) = in_time(patience, rows.try_next()).await? {
            if let ControlFlow::Break(()) = show(&Row(&row))? {
                break;
            }
        }
        Ok(())
    }

    /// As [`Session::query`], of several statements that are all sent before the first answer is waited for.
    pub(super) async fn query_all(
        &mut self,
        steps: &Steps<'_>,
        mut show: impl FnMut(usize, &dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        for (at, answer) in self.answers(steps).await?.iter().enumerate() {
            for row in &answer.rows {
                if show(at, &Row(row))?.is_break() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The answers to statements that are all sent before the first is waited for.
    pub(super) async fn answers(&mut self, steps: &Steps<'_>) -> Result<Vec<Answer>, StoreError> {
        let patience = self.patience;
        // Before any is sent: while one waits to be prepared nobody takes the rows of those before it, and there may be more
        // of them than fit between server and client.
        let ready = async {
            for (sql, _) in steps {
                prepare(&self.client, &mut self.prepared, sql).await?;
            }
            Ok(())
        };
        in_time(patience, ready).await?;
        let mut exchange = self.exchange();
        let answers = async {
            for (sql, params) in steps {
                exchange.send(sql, params.clone()).await;
            }
            exchange.answers().await
        };
        in_time(patience, answers).await
    }

    /// Runs statements that are not worth preparing.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        in_time(self.patience, self.client.batch_execute(sql)).await
    }

    /// Begins a transaction, once it is said whose rows it is about: what is said within one is undone with it.
    pub(super) async fn begin(&mut self, sql: &str) -> Result<(), StoreError> {
        let patience = self.patience;
        let mut exchange = self.exchange();
        let begun = async {
            exchange.send(sql, Vec::new()).await;
            exchange.answers().await.map(drop)
        };
        in_time(patience, begun).await
    }

    /// Begins an exchange: statements that are all sent before the first answer is waited for.
    pub(super) fn exchange(&mut self) -> Exchange<'_> {
        let Session { client, prepared, scope, .. } = self;
        Exchange { client, prepared, scope, scoping: None, sent: Vec::new() }
    }
}

async fn prepare(client: &Client, prepared: &mut Prepared, sql: &str) -> Result<Statement, Error> {
    if let Some(statement) = prepared.get(sql) {
        return Ok(statement.clone());
    }
    let statement = client.prepare(sql).await?;
    prepared.insert(sql.to_owned(), statement.clone());
    Ok(statement)
}

async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, StoreError> {
    match timeout(patience, work).await {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(_) => Err(unavailable("the database did not answer in time")),
    }
}

/// What a statement did: the rows it changed, and those it returned.
pub(super) struct Answer {
    pub(super) changed: u64,
    pub(super) rows: Vec<tokio_postgres::Row>,
}

enum Sent<'s> {
    Pending(Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 's>>),
    Answered(Result<Answer, Error>),
}

impl<'s> Sent<'s> {
    async fn new(client: &'s Client, prepared: &mut Prepared, sql: &str, params: Vec<Param<'s>>) -> Self {
        match prepare(client, prepared, sql).await {
            Err(error) => Sent::Answered(Err(error)),
            Ok(statement) => {
                let mut work = Box::pin(answer(client, statement, params));
                // Polled once it is in the connection's queue.
                match work.as_mut().now_or_never() {
                    Some(answered) => Sent::Answered(answered),
                    None => Sent::Pending(work),
                }
            }
        }
    }

    async fn answer(self) -> Result<Answer, Error> {
        match self {
            Sent::Pending(work) => work.await,
            Sent::Answered(answered) => answered,
        }
    }
}

/// Whose rows a connection is about. The server is told on the way, before the next statement.
#[derive(Default)]
struct Scope {
    tenant: Option<TenantId>,
    /// Whether the server has said that it knows; whoever stops waiting for that leaves it to the next.
    is_set: bool,
}

impl Scope {
    fn change(&mut self, tenant: TenantId) {
        if self.tenant != Some(tenant) {
            *self = Scope { tenant: Some(tenant), is_set: false };
        }
    }

    async fn send<'s>(&self, client: &'s Client, prepared: &mut Prepared) -> Option<Sent<'s>> {
        let tenant = self.tenant.filter(|_| !self.is_set)?;
        Some(Sent::new(client, prepared, SCOPE, vec![Param::Int(tenant.0)]).await)
    }

    async fn answer(&mut self, sent: Option<Sent<'_>>) -> Result<(), Error> {
        if let Some(sent) = sent {
            sent.answer().await?;
            self.is_set = true;
        }
        Ok(())
    }
}

/// Statements on their way; the server runs them in the order they were sent in.
pub(super) struct Exchange<'s> {
    client: &'s Client,
    prepared: &'s mut Prepared,
    scope: &'s mut Scope,
    scoping: Option<Sent<'s>>,
    sent: Vec<Sent<'s>>,
}

impl<'s> Exchange<'s> {
    /// Sends a statement. What goes wrong is found among the answers.
    pub(super) async fn send(&mut self, sql: &str, params: Vec<Param<'s>>) {
        if self.sent.is_empty() {
            self.scoping = self.scope.send(self.client, self.prepared).await;
        }
        self.sent.push(Sent::new(self.client, self.prepared, sql, params).await);
    }

    /// Waits for all answers. After one that failed every other of its transaction has failed too.
    pub(super) async fn answers(self) -> Result<Vec<Answer>, Error> {
        let mut answers = Vec::with_capacity(self.sent.len());
        let mut failure = self.scope.answer(self.scoping).await.err();
        for sent in self.sent {
            match sent.answer().await {
                Ok(answer) => answers.push(answer),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(answers), Err)
    }
}

async fn answer(client: &Client, statement: Statement, params: Vec<Param<'_>>) -> Result<Answer, Error> {
    let mut stream = pin!(client.query_raw(&statement, params).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Answer { changed: stream.rows_affected().unwrap_or_default(), rows })
}

impl ToSql for Param<'_> {
    /// Text that is kept holds no NUL, which PostgreSQL's cannot ([`crate::Batch`] sees to that). What is looked for may: it is
    /// looked for as it would have been kept.
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match *self {
            Param::Null => Ok(IsNull::Yes),
            Param::Int(value) if *ty == Type::INT4 => i32::try_from(value)?.to_sql(ty, out),
            Param::Int(value) => value.to_sql(ty, out),
            Param::Text(text) if text.contains('\0') => text.replace('\0', "\u{FFFD}").to_sql(ty, out),
            Param::Text(text) => text.to_sql(ty, out),
            Param::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::TEXT, Type::BYTEA].contains(ty)
    }

    to_sql_checked!();
}

/// A column's value, borrowed.
enum Value<'r> {
    Int(i64),
    Text(&'r str),
    Bytes(&'r [u8]),
}

impl<'r> FromSql<'r> for Value<'r> {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Value::Bytes(raw),
            _ => Value::Text(<&str>::from_sql(ty, raw)?),
        })
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::TEXT, Type::BYTEA].contains(ty)
    }
}

pub(super) struct Row<'r>(pub(super) &'r tokio_postgres::Row);

impl Row<'_> {
    fn value(&self, column: usize) -> Result<Option<Value<'_>>, StoreError> {
        self.0.try_get(column).map_err(|_| mistyped(column))
    }
}

impl Columns for Row<'_> {
    fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.maybe_int(column)?.ok_or_else(|| mistyped(column))
    }

    fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.maybe_text(column)?.ok_or_else(|| mistyped(column))
    }

    fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        match self.value(column)? {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            _ => Err(mistyped(column)),
        }
    }

    fn maybe_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            Some(Value::Int(value)) => Ok(Some(value)),
            None => Ok(None),
            Some(_) => Err(mistyped(column)),
        }
    }

    fn maybe_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.value(column)? {
            Some(Value::Text(text)) => Ok(Some(text)),
            None => Ok(None),
            Some(_) => Err(mistyped(column)),
        }
    }
}
