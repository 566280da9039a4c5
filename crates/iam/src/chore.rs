//! What is done now and then for the whole installation, by one of its nodes each time.

use std::time::Duration;

use store::{Batch, CommitError};

use crate::error::Result;
use crate::resource::refused;
use crate::tenant::Operator;
use crate::{INSTALLATION, Iam};

impl Iam {
    /// Whether this node is the one that does a chore now: for each period, counted from the Unix epoch, that is said to
    /// the first that asks. A node that dies over it leaves it to the next period, so a chore must bear that, and two at
    /// once whose clocks differ.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn takes_turn(&self, _: Operator<'_>, chore: &str, period: Duration) -> Result<bool> {
        let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
        let (now, name) = (self.now().div_euclid(period), format!("chore/{chore}"));
        let settings = self.store.tenant(INSTALLATION);
        let known = settings.setting(&name).await?;
        if known.as_deref().and_then(|last| last.parse::<i64>().ok()).is_some_and(|last| last >= now) {
            return Ok(false);
        }
        let mut batch = Batch::default();
        batch.setting_after(known.as_deref(), &name, &now.to_string());
        match settings.commit(batch).await {
            Ok(_) => Ok(true),
            Err(CommitError::Changed) => Ok(false),
            Err(error) => Err(refused(error)),
        }
    }
}
