//! The mark of a copy that is being made: of which installation it is, and which attempt is at it.

use super::UNMARK;
use crate::columns::{ENOUGH, Param};
use crate::db::{Connection, Step, Steps};
use crate::{StoreError, TenantId, setting};

/// The setting of the installation that is the mark. It sorts before every other name, so that the last name still says how
/// far the copy came.
pub(crate) const MARK: &str = "!copying";

/// What the setting says: what tells the installation from others, and the number of the attempt.
pub(super) struct Mark(String);

impl Mark {
    /// Of an attempt that begins at `now`, when the one before it has left its own. Numbers only grow, were all clocks to
    /// stand still.
    pub(super) fn after(before: Option<&Mark>, began: &str, now: i64) -> Self {
        let attempt = before.map_or(now, |before| now.max(before.attempt().saturating_add(1)));
        Mark(format!("{began} {attempt}"))
    }

    /// What tells the installation from others.
    pub(super) fn began(&self) -> &str {
        self.0.rsplit_once(' ').map_or(&self.0, |(began, _)| began)
    }

    fn attempt(&self) -> i64 {
        self.0.rsplit_once(' ').and_then(|(_, attempt)| attempt.parse().ok()).unwrap_or(0)
    }

    fn params(&self) -> [Param<'_>; 3] {
        [Param::Int(TenantId::INSTALLATION.0), Param::Text(MARK), Param::Text(&self.0)]
    }

    /// Puts it in the place of another, or of the same. Done or not, nobody else does while the transaction lasts.
    fn replacing<'m>(&'m self, other: &'m Mark) -> Step<'m> {
        let [tenant, name, expected] = other.params();
        (setting::CHANGE, vec![Param::Text(&self.0), tenant, name, expected])
    }
}

/// What became of a target that somebody wants to fill.
pub(super) enum Taken {
    /// It was empty, and is now marked.
    Begun(Mark),
    /// It holds part of the same copy; whoever was at it is not any more.
    Over(Mark),
    /// It holds part of another.
    Another,
    /// There is an installation in it.
    Occupied,
}

/// Taking a target to be filled.
impl Connection {
    /// Marks it, if it may be filled by this copy.
    pub(super) async fn take(&mut self, began: &str, now: i64) -> Result<Taken, StoreError> {
        loop {
            let before = self.mark().await?;
            let mark = Mark::after(before.as_ref(), began, now);
            match &before {
                Some(before) if before.began() != began => return Ok(Taken::Another),
                None if !self.is_empty().await? => return Ok(Taken::Occupied),
                _ => {}
            }
            match (self.set_mark(&mark, before.as_ref()).await?, before) {
                // Somebody came between.
                (false, _) => continue,
                (true, Some(_)) => return Ok(Taken::Over(mark)),
                (true, None) if self.is_empty().await? => return Ok(Taken::Begun(mark)),
                // A whole copy came between, or a server's first start.
                (true, None) => {
                    self.unset_mark(&mark).await?;
                    return Ok(Taken::Occupied);
                }
            }
        }
    }
}

/// Each says whether the mark was what it should be; if not, nothing was done.
impl Connection {
    async fn set_mark(&mut self, mark: &Mark, before: Option<&Mark>) -> Result<bool, StoreError> {
        let step = before.map_or((setting::ADD, mark.params().to_vec()), |before| mark.replacing(before));
        self.transact(step, Vec::new()).await
    }

    pub(super) async fn unset_mark(&mut self, mark: &Mark) -> Result<bool, StoreError> {
        self.transact((UNMARK, mark.params().to_vec()), Vec::new()).await
    }

    /// Runs statements of tenants in one transaction.
    pub(super) async fn under_mark(
        &mut self,
        mark: &Mark,
        groups: Vec<(TenantId, Steps<'_>)>,
    ) -> Result<bool, StoreError> {
        self.transact(mark.replacing(mark), groups).await
    }

    pub(super) async fn mark(&mut self) -> Result<Option<Mark>, StoreError> {
        let mut mark = None;
        let params = [Param::Int(TenantId::INSTALLATION.0), Param::Text(MARK)];
        self.query(TenantId::INSTALLATION, setting::GET, &params, |row| {
            mark = Some(Mark(row.text(0)?.to_owned()));
            ENOUGH
        })
        .await?;
        Ok(mark)
    }
}
