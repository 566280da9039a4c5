//! Statements about one thing that many requests ask at once, each about its own: a token, a record, what leads to a record.
//!
//! On a database server the exchange costs more than the answer, so those who wait ask together, of several things at once.

use crate::columns::Param;

/// Of so many things a statement asks at once.
pub(crate) const SEVERAL: usize = 16;

/// A statement about one thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    pub(crate) sql: &'static str,
    /// Which of its values names the thing.
    pub(crate) key: usize,
    /// None where it cannot: then those who ask about the same share an answer.
    pub(crate) several: Option<Several>,
}

/// The same about [`SEVERAL`] things: where the one is named all are, and something once more where there are fewer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Several {
    pub(crate) sql: &'static str,
    /// In which column of a row it says which thing the row is about.
    pub(crate) column: usize,
    /// Which value of the statement about one bounds the rows. What may have been cut off there is asked again, each alone.
    pub(crate) limit: Option<usize>,
}

/// A statement about one thing, with its values.
pub(crate) type Asked<'p> = (About, Vec<Param<'p>>);
