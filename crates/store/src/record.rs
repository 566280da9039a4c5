//! Records: one row each, found by kind and id; and how many there are.
//!
//! The document is text that is passed on unread. `secret` never shows in Debug.

use std::fmt;
use std::ops::ControlFlow;

use crate::about::{About, SEVERAL, Several};
use crate::columns::{Columns, ENOUGH, MORE, Param, counted};
use crate::db::Steps;
use crate::{StoreError, TenantStore, statements};

statements! {
    GET = "select id, version, created, modified, display, document, connections, secret from record \
           where tenant = $1 and kind = $2 and id = $3";
    GET_SEVERAL = "select id, version, created, modified, display, document, connections, secret from record \
                where tenant = $1 and kind = $2 and id in \
                ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    // With the record that it mentions, if that is there: one statement for both, and no look where it mentions none.
    MENTIONING = "select r.id, r.version, r.created, r.modified, r.display, r.document, r.connections, r.secret, \
                  r.mentioned, m.document from record r left join record m \
                  on m.tenant = $1 and m.kind = $2 and m.id = r.mentioned \
                  where r.tenant = $1 and r.kind = $3 and r.id = $4";
    MENTIONING_SEVERAL = "select r.id, r.version, r.created, r.modified, r.display, r.document, r.connections, r.secret, \
                          r.mentioned, m.document from record r left join record m \
                          on m.tenant = $1 and m.kind = $2 and m.id = r.mentioned \
                          where r.tenant = $1 and r.kind = $3 and r.id in \
                          ($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
    EXISTS = "select 1 from record where tenant = $1 and kind = $2 and id = $3";
    INSERT = "insert into record \
              (tenant, kind, id, version, created, modified, display, document, connections, secret, mentioned) \
              values ($1, $2, $3, 1, $4, $4, $5, $6, $7, $8, $9) on conflict do nothing";
    UPDATE = "update record set version = version + 1, modified = $1, display = $2, document = $3, \
              connections = $4, secret = $5, mentioned = $6 \
              where tenant = $7 and kind = $8 and id = $9 returning version";
    UPDATE_EXPECTED = "update record set version = version + 1, modified = $1, display = $2, document = $3, \
                       connections = $4, secret = $5, mentioned = $6 \
                       where tenant = $7 and kind = $8 and id = $9 and version = $10 returning version";
    TOUCH = "update record set version = version + 1, modified = $1 \
             where tenant = $2 and kind = $3 and id = $4 returning version";
    TOUCH_EXPECTED = "update record set version = version + 1, modified = $1 \
                      where tenant = $2 and kind = $3 and id = $4 and version = $5 returning version";
    DELETE = "delete from record where tenant = $1 and kind = $2 and id = $3";
    DELETE_EXPECTED = "delete from record where tenant = $1 and kind = $2 and id = $3 and version = $4";
    COUNT = "insert into counter (tenant, kind, live, shifts) values ($1, $2, $3, $4) \
             on conflict (tenant, kind) do update \
             set live = counter.live + excluded.live, shifts = counter.shifts + excluded.shifts";
    COUNTER = "select live, shifts from counter where tenant = $1 and kind = $2";
}

/// A record by its id.
pub(crate) const BY_ID: About =
    About { sql: GET, key: 2, several: Some(Several { sql: GET_SEVERAL, column: 0, limit: None }) };

/// A record by its id, with the one that it mentions.
pub(crate) const WITH_MENTIONED: About = About {
    sql: MENTIONING,
    key: 3,
    several: Some(Several { sql: MENTIONING_SEVERAL, column: 0, limit: None }),
};

/// A record as it lies in the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The name of its kind.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Grows by one with every change; the first is 1.
    pub version: i64,
    /// Milliseconds since the Unix epoch.
    pub created: i64,
    /// Milliseconds since the Unix epoch.
    pub modified: i64,
    /// What a reference to it shows.
    pub display: String,
    /// The JSON object that is sent.
    pub document: String,
    /// JSON object: connection → the external id it gave.
    pub connections: Option<String>,
    /// Values that are never returned: JSON object.
    pub secret: Option<String>,
    /// The record that it mentions, where it was asked for.
    pub mentioned: Option<Mentioned>,
}

/// A record that another one mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mentioned {
    /// Its id.
    pub id: String,
    /// Its document; none when there is no such record.
    pub document: Option<String>,
}

/// A [`Mentioned`], borrowed from the row while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `Mentioned`")]
pub struct MentionedRef<'a> {
    pub id: &'a str,
    pub document: Option<&'a str>,
}

/// A [`Record`], borrowed from the row while it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `Record`")]
pub struct RecordRef<'a> {
    pub kind: &'a str,
    pub id: &'a str,
    pub version: i64,
    pub created: i64,
    pub modified: i64,
    pub display: &'a str,
    pub document: &'a str,
    pub connections: Option<&'a str>,
    pub secret: Option<&'a str>,
    pub mentioned: Option<MentionedRef<'a>>,
}

impl<'a> RecordRef<'a> {
    /// The columns of [`GET`], from this one on.
    pub(crate) fn read(kind: &'a str, row: &'a dyn Columns, first: usize) -> Result<Self, StoreError> {
        Ok(RecordRef {
            kind,
            id: row.text(first)?,
            version: row.int(first + 1)?,
            created: row.int(first + 2)?,
            modified: row.int(first + 3)?,
            display: row.text(first + 4)?,
            document: row.text(first + 5)?,
            connections: row.maybe_text(first + 6)?,
            secret: row.maybe_text(first + 7)?,
            mentioned: None,
        })
    }

    /// The columns of [`MENTIONING`].
    pub(crate) fn read_mentioning(kind: &'a str, row: &'a dyn Columns) -> Result<Self, StoreError> {
        let record = Self::read(kind, row, 0)?;
        let document = row.maybe_text(9)?;
        let mentioned = row.maybe_text(8)?.map(|id| MentionedRef { id, document });
        Ok(RecordRef { mentioned, ..record })
    }

    /// A copy that outlives the row.
    pub fn to_owned(&self) -> Record {
        Record {
            kind: self.kind.to_owned(),
            id: self.id.to_owned(),
            version: self.version,
            created: self.created,
            modified: self.modified,
            display: self.display.to_owned(),
            document: self.document.to_owned(),
            connections: self.connections.map(str::to_owned),
            secret: self.secret.map(str::to_owned),
            mentioned: self.mentioned.map(|mentioned| Mentioned {
                id: mentioned.id.to_owned(),
                document: mentioned.document.map(str::to_owned),
            }),
        }
    }
}

impl Record {
    /// Itself, as a row closure would see it.
    pub fn as_ref(&self) -> RecordRef<'_> {
        RecordRef {
            kind: &self.kind,
            id: &self.id,
            version: self.version,
            created: self.created,
            modified: self.modified,
            display: &self.display,
            document: &self.document,
            connections: self.connections.as_deref(),
            secret: self.secret.as_deref(),
            mentioned: self
                .mentioned
                .as_ref()
                .map(|mentioned| MentionedRef { id: &mentioned.id, document: mentioned.document.as_deref() }),
        }
    }
}

impl fmt::Debug for RecordRef<'_> {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("version", &self.version)
            .field("created", &self.created)
            .field("modified", &self.modified)
            .field("display", &self.display)
            .field("document", &self.document)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Record {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// The counter row of a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) live: u64,
    pub(crate) shifts: i64,
}

impl TenantStore<'_> {
    /// A record, or none.
    pub async fn record(&self, kind: &str, id: &str) -> Result<Option<Record>, StoreError> {
        self.with_record(kind, id, |record| record.to_owned()).await
    }

    /// What `f` makes of a record, which is not copied.
    pub async fn with_record<R>(
        &self,
        kind: &str,
        id: &str,
        f: impl FnOnce(RecordRef<'_>) -> R,
    ) -> Result<Option<R>, StoreError> {
        let (mut f, mut made) = (Some(f), None);
        let params = vec![self.param(), Param::Text(kind), Param::Text(id)];
        self.read_about(&[(BY_ID, params)], |_, row| {
            let record = RecordRef::read(kind, row, 0)?;
            made = f.take().map(|f| f(record));
            ENOUGH
        })
        .await?;
        Ok(made)
    }

    /// Shows `f` those of these records that are there, in no particular order. On a database server it is one exchange.
    pub async fn with_records(
        &self,
        kind: &str,
        ids: &[&str],
        mut f: impl FnMut(RecordRef<'_>),
    ) -> Result<(), StoreError> {
        if let [id] = ids {
            return self.with_record(kind, id, f).await.map(drop);
        }
        let steps: Steps<'_> = ids
            .chunks(SEVERAL)
            .map(|ids| {
                let (sql, room) = if ids.len() == 1 { (GET, 1) } else { (GET_SEVERAL, SEVERAL) };
                // The same id once more finds nothing more.
                let last = ids.last().copied().unwrap_or_default();
                let padded = ids.iter().copied().chain(std::iter::repeat(last)).take(room).map(Param::Text);
                (sql, [self.param(), Param::Text(kind)].into_iter().chain(padded).collect())
            })
            .collect();
        if steps.is_empty() {
            return Ok(());
        }
        self.read_all(&steps, |_, row| {
            f(RecordRef::read(kind, row, 0)?);
            MORE
        })
        .await
    }

    /// How many records of a kind there are, as the batches counted them: one row, whatever the number.
    pub async fn total(&self, kind: &str) -> Result<u64, StoreError> {
        Ok(self.counter(kind).await?.live)
    }

    pub(crate) async fn counter(&self, kind: &str) -> Result<Counter, StoreError> {
        let mut counter = Counter::default();
        self.read(COUNTER, &[self.param(), Param::Text(kind)], |row| {
            counter = Counter { live: counted(row.int(0)?), shifts: row.int(1)? };
            Ok(ControlFlow::Break(()))
        })
        .await?;
        Ok(counter)
    }
}
