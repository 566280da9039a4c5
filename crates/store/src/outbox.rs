//! The outbox: events that were committed with the change they tell of, in order, until they are delivered.
//! A sequence is never given twice, also after delivery. To whom events go is not known here.

use crate::columns::{MORE, Param, bounded};
use crate::{StoreError, TenantStore, statements};

statements! {
    INSERT = "insert into outbox (tenant, sequence, at, topic, payload) values ($1, $2, $3, $4, $5)";
    LIST = "select sequence, at, topic, payload from outbox where tenant = $1 order by sequence limit $2";
    DELIVERED = "delete from outbox where tenant = $1 and sequence <= $2";
}

/// An event to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number in the tenant; grows, without promising to leave no gap.
    pub sequence: i64,
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// What it is about.
    pub topic: String,
    /// Its content.
    pub payload: String,
}

impl TenantStore<'_> {
    /// The oldest events that are not yet [delivered](crate::Batch::delivered).
    pub async fn outbox(&self, take: u64) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        self.read(LIST, &[self.param(), Param::Int(bounded(take))], |row| {
            events.push(Event {
                sequence: row.int(0)?,
                at: row.int(1)?,
                topic: row.text(2)?.to_owned(),
                payload: row.text(3)?.to_owned(),
            });
            MORE
        })
        .await?;
        Ok(events)
    }
}
