//! Values on their way into a statement and out of a row, borrowed both ways: no database's own types.

use std::ops::ControlFlow;

use crate::StoreError;

/// A value bound to a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Param<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A [`Param`] that outlives what it was borrowed from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
}

impl From<&Param<'_>> for Value {
    fn from(param: &Param<'_>) -> Self {
        match *param {
            Param::Null => Value::Null,
            Param::Int(value) => Value::Int(value),
            Param::Text(text) => Value::Text(text.into()),
            Param::Bytes(bytes) => Value::Bytes(bytes.into()),
        }
    }
}

impl<'v> From<&'v Value> for Param<'v> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Null => Param::Null,
            Value::Int(value) => Param::Int(*value),
            Value::Text(text) => Param::Text(text),
            Value::Bytes(bytes) => Param::Bytes(bytes),
        }
    }
}

/// The row a statement stands on. A column of another type than asked for is a broken store.
pub(crate) trait Columns {
    fn int(&self, column: usize) -> Result<i64, StoreError>;
    fn text(&self, column: usize) -> Result<&str, StoreError>;
    fn bytes(&self, column: usize) -> Result<&[u8], StoreError>;
    fn maybe_int(&self, column: usize) -> Result<Option<i64>, StoreError>;
    fn maybe_text(&self, column: usize) -> Result<Option<&str>, StoreError>;
}

/// What a row closure says: go on, or enough.
pub(crate) type Flow = Result<ControlFlow<()>, StoreError>;

/// The usual answer of a row closure.
pub(crate) const MORE: Flow = Ok(ControlFlow::Continue(()));

/// The answer of a row closure that needs one row.
pub(crate) const ENOUGH: Flow = Ok(ControlFlow::Break(()));

/// A count or limit as a database knows it.
pub(crate) fn bounded(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count as it came from a database; it cannot be negative.
pub(crate) fn counted(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A column holds a value of another type than the statement says.
pub(crate) fn mistyped(column: usize) -> StoreError {
    StoreError::Broken(format!("column {column} holds a value of another type"))
}
