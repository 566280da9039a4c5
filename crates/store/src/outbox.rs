//! The outbox: events that were committed with the change they tell of, in order, until they are delivered.
//! While nobody listens to a tenant's events, none are kept; the `head` row knows how many do, so that whoever commits need not ask.
//! A sequence is never given twice, also after delivery. To whom events go is not known here.

use crate::columns::{ENOUGH, MORE, Param, bounded};
use crate::tenant::Tenants;
use crate::{StoreError, TenantId, TenantStore, statements};

statements! {
    INSERT = "insert into outbox (tenant, sequence, at, topic, payload) values ($1, $2, $3, $4, $5)";
    LIST = "select sequence, at, topic, payload from outbox where tenant = $1 and sequence > $2 \
            order by sequence limit $3";
    DELIVERED = "delete from outbox where tenant = $1 and sequence <= $2";
    SPAN = "select delivered, outbox from head where tenant = $1";
    NOTE = "update head set delivered = $1 where tenant = $2";
    WAITING = "select tenant from head where listeners > 0 and tenant > $1 and outbox > delivered \
               order by tenant limit $2";
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

/// Where a tenant's events are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventNumbers {
    /// Up to and with this one they were delivered.
    pub delivered: i64,
    /// The newest.
    pub newest: i64,
}

impl TenantStore<'_> {
    /// The oldest events past `after` that are not yet [delivered](crate::Batch::delivered).
    pub async fn outbox(&self, after: i64, take: u64) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        self.read(LIST, &[self.param(), Param::Int(after), Param::Int(bounded(take))], |row| {
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

    /// The number of the newest event there ever was, and up to which they were delivered; 0 when there was none.
    pub async fn event_numbers(&self) -> Result<EventNumbers, StoreError> {
        let mut numbers = EventNumbers::default();
        self.read(SPAN, &[self.param()], |row| {
            numbers = EventNumbers { delivered: row.int(0)?, newest: row.int(1)? };
            ENOUGH
        })
        .await?;
        Ok(numbers)
    }
}

impl Tenants<'_> {
    /// Tenants past `after` that have events which are not yet delivered, and listeners for them.
    pub async fn waiting(&self, after: TenantId, take: u64) -> Result<Vec<TenantId>, StoreError> {
        let mut tenants = Vec::new();
        self.installation()
            .read(WAITING, &[Param::Int(after.0), Param::Int(bounded(take))], |row| {
                tenants.push(TenantId(row.int(0)?));
                MORE
            })
            .await?;
        Ok(tenants)
    }
}
