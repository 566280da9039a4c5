//! Statements about one thing as they are asked about several: with which values, and whose the rows are.

use std::hash::{Hash, Hasher};
use std::ptr;
use std::sync::Arc;

use tokio::time::timeout;

use super::session::{Row, Session};
use super::{PATIENCE, Postgres, give_up, is_away, session, unavailable};
use crate::about::{About, Asked, SEVERAL, Several};
use crate::columns::{Columns, Flow, Param, Value};
use crate::{StoreError, TenantId};

/// What those have in common who ask together: whose rows they want, by which statements, with which values beside the thing.
pub(super) type Question = Arc<(TenantId, Vec<(Statement, Vec<Value>)>)>;

/// A statement, known by where its text stands: it is looked up at every read. One that stands in two places is two.
#[derive(Clone, Copy)]
pub(super) struct Statement(&'static str);

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl Eq for Statement {}

impl Hash for Statement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(self.0, state);
    }
}

fn question(tenant: TenantId, asked: &[Asked<'_>]) -> Question {
    let beside = |(about, params): &Asked<'_>| {
        // Where several cannot be asked about at once, the others are those who ask about the same.
        let beside = params.iter().enumerate().filter(|(at, _)| *at != about.key || room(asked) == 1);
        (Statement(about.sql), beside.map(|(_, param)| Value::from(param)).collect())
    };
    Arc::new((tenant, asked.iter().map(beside).collect()))
}

/// The thing that the statements are about, as it is written in a row.
fn key(asked: &[Asked<'_>]) -> Option<Value> {
    let (about, params) = asked.first()?;
    Some(match params.get(about.key)? {
        // No row holds a NUL.
        Param::Text(text) if text.contains('\0') => Value::Text(text.replace('\0', "\u{FFFD}").into()),
        param => Value::from(param),
    })
}

/// About how many things they can be asked at once.
fn room(asked: &[Asked<'_>]) -> usize {
    if asked.iter().all(|(about, _)| about.several.is_some()) { SEVERAL } else { 1 }
}

/// What statements about several things found.
pub(super) struct Found {
    /// The rows of each.
    pub(super) rows: Vec<Rows>,
    /// Whether there may be more than was asked for.
    pub(super) is_cut: bool,
}

/// Rows about several things.
pub(super) struct Rows {
    rows: Vec<tokio_postgres::Row>,
    /// Where it says about which.
    column: Option<usize>,
}

impl Rows {
    /// Those about one of them.
    pub(super) fn about(&self, key: &Value) -> impl Iterator<Item = Result<Row<'_>, StoreError>> {
        self.rows.iter().map(Row).filter_map(move |row| {
            let Some(column) = self.column else { return Some(Ok(row)) };
            match is(&row, column, key) {
                Ok(true) => Some(Ok(row)),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            }
        })
    }
}

fn is(row: &Row<'_>, column: usize, key: &Value) -> Result<bool, StoreError> {
    Ok(match key {
        Value::Null => false,
        Value::Int(value) => row.int(column)? == *value,
        Value::Text(text) => row.text(column)? == &**text,
        Value::Bytes(bytes) => row.bytes(column)? == &**bytes,
    })
}

impl Postgres {
    /// Runs statements that are all about one thing, together with those of others who ask the same about theirs. However often
    /// the one who asks for all gives up, nobody waits longer than for a read alone.
    pub(crate) async fn read_about(
        &self,
        tenant: TenantId,
        asked: &[Asked<'_>],
        mut row: impl FnMut(usize, &dyn Columns) -> Flow,
    ) -> Result<(), StoreError> {
        let patience = self.pool.manager().server.patience() + PATIENCE;
        let asking = timeout(patience, self.ask_together(tenant, asked));
        let together = asking.await.map_err(|_| unavailable("the database did not answer in time"))??;
        let Some((key, found)) = together else { return Ok(()) };
        if found.is_cut {
            let alone = asked.iter().map(|(about, params)| (about.sql, params.clone())).collect();
            return self.read_all(tenant, &alone, row).await;
        }
        for (at, rows) in found.rows.iter().enumerate() {
            for found in rows.about(&key) {
                if row(at, &found?)?.is_break() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What the thing is, and what was found about it and others.
    async fn ask_together(
        &self,
        tenant: TenantId,
        asked: &[Asked<'_>],
    ) -> Result<Option<(Value, Arc<Found>)>, StoreError> {
        let Some(key) = key(asked) else { return Ok(None) };
        let ask = |keys: Vec<Value>| async move { self.ask(tenant, asked, &keys).await.map(Arc::new) };
        let found = self.gather.ask(question(tenant, asked), key.clone(), room(asked), ask).await?;
        Ok(Some((key, found)))
    }

    /// Asks about things that all these statements can be asked about at once.
    async fn ask(&self, tenant: TenantId, asked: &[Asked<'_>], keys: &[Value]) -> Result<Found, StoreError> {
        let mut session = session(&self.pool, tenant).await?;
        let found = session.ask(asked, keys).await;
        found.inspect_err(|error| give_up(&self.pool, session, is_away(error)))
    }
}

impl Session {
    /// Asks statements about these things, as many as there is [`room`] for, in one exchange.
    pub(super) async fn ask(&mut self, asked: &[Asked<'_>], keys: &[Value]) -> Result<Found, StoreError> {
        let several = |about: &About| about.several.filter(|_| keys.len() > 1);
        let steps = asked.iter().map(|(about, params)| match several(about) {
            Some(Several { sql, .. }) => (sql, values(about, params, keys, SEVERAL)),
            None => (about.sql, values(about, params, keys, 1)),
        });
        let answers = self.answers(&steps.collect()).await?;
        let mut found = Found { rows: Vec::new(), is_cut: false };
        for ((about, params), answer) in asked.iter().zip(answers) {
            let several = several(about);
            if let Some(Param::Int(most)) = several.and_then(|several| params.get(several.limit?)) {
                found.is_cut |= i64::try_from(answer.rows.len()).is_ok_and(|rows| rows >= *most);
            }
            found.rows.push(Rows { rows: answer.rows, column: several.map(|several| several.column) });
        }
        Ok(found)
    }
}

/// The values of a statement, with so many things in the place of the one; where there are fewer, the last once more.
fn values<'p>(about: &About, params: &[Param<'p>], keys: &'p [Value], room: usize) -> Vec<Param<'p>> {
    let mut values = Vec::with_capacity(params.len() + room);
    for (at, param) in params.iter().enumerate() {
        if at == about.key {
            let last = keys.last().into_iter().cycle();
            values.extend(keys.iter().chain(last).take(room).map(Param::from));
        } else {
            values.push(*param);
        }
    }
    values
}
