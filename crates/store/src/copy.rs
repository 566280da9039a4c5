//! A whole installation, copied from one database into another, whichever each is.
//!
//! The source is read in one snapshot, so that what is written meanwhile is not in the copy; the target is filled in
//! batches of bounded size, each a transaction. Rows go in the order of their keys, so the last key in the target says
//! how far a copy came that was broken off; the one thing remembered beside is the mark, a setting that says whose copy
//! is being made, and by which attempt. While it is there nobody can open the target as a store. In the end both sides
//! are read through again, and the mark goes only when every table of every tenant has the same rows.
//!
//! A later attempt takes over by changing the mark, and every transaction of an attempt begins by finding its own: whoever
//! was overtaken, were it asleep for hours, writes nothing into what may be in use by then.

mod mark;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::columns::{Columns, ENOUGH, MORE, Param, bounded, counted};
use crate::db::Connection;
use crate::table::{STATEMENTS, Statements, TABLES, Table, Type};
use crate::{Location, StoreError, TenantId, statements};

pub(crate) use mark::MARK;
use mark::{Mark, Taken};

statements! {
    TENANT = "select tenant from tenant where tenant > $1 order by tenant limit 1";
    HEAD = "select tenant from head where tenant > $1 order by tenant limit 1";
    BEGAN = "select hash from audit where tenant = $1 and sequence = 1";
    UNMARK = "delete from setting where tenant = $1 and name = $2 and value = $3";
}

/// How much is in memory at once.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rows: u64,
    bytes: usize,
}

const PACE: Pace = Pace { rows: 2_000, bytes: 4 * 1024 * 1024 };

/// What a copy is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Rows are put into the target.
    Copying,
    /// Both sides are read through and compared.
    Verifying,
}

/// How far a copy is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// The table it has come to.
    pub table: &'static str,
    /// Rows that are done with, those of an earlier attempt included.
    pub rows: u64,
    /// Rows of the source.
    pub of: u64,
}

/// What was copied, and found to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Rows of all tables.
    pub rows: u64,
    /// Rows that an earlier attempt had copied.
    pub before: u64,
    /// Tenants, without the installation itself.
    pub tenants: u64,
}

/// Why there is no copy. What was copied stays, and the next attempt goes on after it.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source cannot be read.
    #[error("the source `{0}`: {1}")]
    Source(Location, StoreError),
    /// The target cannot be written.
    #[error("the target `{0}`: {1}")]
    Target(Location, StoreError),
    /// There is an installation in the target.
    #[error("the target `{0}` holds an installation already; name an empty database")]
    Occupied(Location),
    /// In the target a copy of another installation was begun.
    #[error("the target `{0}` holds part of a copy of another installation; name an empty database")]
    Another(Location),
    /// While this copy was being made, a later attempt began or ended.
    #[error("another `durward copy` to `{0}` has taken over, and this one ends; let one at a time run")]
    Overtaken(Location),
    /// A table is not the same on both sides.
    #[error(
        "table `{table}` of tenant {tenant} differs: {source_rows} rows in the source, {target_rows} in the target; \
        if the source changed since an earlier attempt, empty the target and copy again"
    )]
    Differs {
        /// The table's name.
        table: &'static str,
        /// Whose rows.
        tenant: i64,
        /// Its rows in the source.
        source_rows: u64,
        /// Its rows in the target.
        target_rows: u64,
    },
}

/// Copies all that is in one database into another, which must be empty or hold a part of the same copy; an attempt that is
/// still at it ends with [`CopyError::Overtaken`]. `now` is written beside the migrations of the target, in milliseconds
/// since the Unix epoch; `progress` hears of every batch.
pub async fn copy(
    from: &Location,
    to: &Location,
    now: i64,
    progress: impl FnMut(Progress),
) -> Result<Copied, CopyError> {
    at_pace(PACE, from, to, now, progress).await
}

async fn at_pace(
    pace: Pace,
    from: &Location,
    to: &Location,
    now: i64,
    mut progress: impl FnMut(Progress),
) -> Result<Copied, CopyError> {
    let source_failed = |error| CopyError::Source(from.clone(), error);
    let target_failed = |error| CopyError::Target(to.clone(), error);
    let mut source = Connection::source(from).await.map_err(source_failed)?;
    let began = source.began().await.map_err(source_failed)?;
    if source.mark().await.map_err(source_failed)?.is_some() {
        return Err(source_failed(StoreError::Unfinished));
    }
    let mut target = Connection::target(to, now).await.map_err(target_failed)?;
    let taken = target.take(&began, now).await.map_err(target_failed)?;
    let (mark, is_resumed) = match taken {
        Taken::Begun(mark) => (mark, false),
        Taken::Over(mark) => (mark, true),
        Taken::Another => return Err(CopyError::Another(to.clone())),
        Taken::Occupied => return Err(CopyError::Occupied(to.clone())),
    };
    let held = |held| if held { Ok(()) } else { Err(CopyError::Overtaken(to.clone())) };

    let parts = source.parts().await.map_err(source_failed)?;
    let of = parts.iter().map(|part| part.rows).sum();
    let mut copied = Copied { rows: 0, before: 0, tenants: 0 };
    let mut batch = Batch::default();
    for part in &parts {
        copied.tenants += u64::from(part.table.name == "tenant");
        let mut after = None;
        if is_resumed {
            let there = target.rows(part).await.map_err(target_failed)?;
            let there = there.saturating_sub(part.holds_mark().into());
            copied.before += there;
            copied.rows += there;
            after = target.last(part).await.map_err(target_failed)?;
        }
        loop {
            let page = source.page(part, after.as_deref(), pace).await.map_err(source_failed)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key(part.table));
            batch.add(part, page);
            if batch.is_full(pace) {
                copied.rows += batch.rows.len() as u64;
                held(target.put(&mark, &mut batch).await.map_err(target_failed)?)?;
                progress(Progress { phase: Phase::Copying, table: part.table.name, rows: copied.rows, of });
            }
        }
    }
    held(target.put(&mark, &mut batch).await.map_err(target_failed)?)?;

    let mut compared = 0;
    let mut tenant = Some(TenantId::INSTALLATION);
    while let Some(whose) = tenant {
        for part in Part::all_of(whose) {
            let table = part.table.name;
            let mut heard =
                |rows| progress(Progress { phase: Phase::Verifying, table, rows: compared + rows, of });
            let one = source.tally(&part, pace, &mut heard).await.map_err(source_failed)?;
            let other = target.tally(&part, pace, &mut |_| ()).await.map_err(target_failed)?;
            if one != other {
                // Where others write by now, it must not be emptied.
                held(target.under_mark(&mark, Vec::new()).await.map_err(target_failed)?)?;
                let (tenant, source_rows, target_rows) = (whose.0, one.rows, other.rows);
                return Err(CopyError::Differs { table, tenant, source_rows, target_rows });
            }
            compared += one.rows;
        }
        // Whoever has rows on either side.
        let one = source.tenant_after(whose).await.map_err(source_failed)?;
        let other = target.tenant_after(whose).await.map_err(target_failed)?;
        tenant = one.into_iter().chain(other).min();
    }
    held(target.unset_mark(&mark).await.map_err(target_failed)?)?;
    Ok(Copied { rows: compared, ..copied })
}

/// One table's rows of one tenant.
struct Part {
    table: &'static Table,
    statements: &'static Statements,
    tenant: TenantId,
    rows: u64,
}

/// A value, away from its database.
#[derive(Debug, Clone)]
enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    fn read(row: &dyn Columns, column: usize, ty: Type) -> Result<Self, StoreError> {
        Ok(match ty {
            Type::Int => row.maybe_int(column)?.map_or(Cell::Null, Cell::Int),
            Type::Text => row.maybe_text(column)?.map_or(Cell::Null, |text| Cell::Text(text.to_owned())),
            Type::Bytes => Cell::Bytes(row.bytes(column)?.to_owned()),
        })
    }

    /// As a batch keeps text: what an earlier durward put into a file may hold a NUL, though no key does.
    fn replace_nul(&mut self) {
        if let Cell::Text(text) = self
            && text.contains('\0')
        {
            *text = text.replace('\0', "\u{FFFD}");
        }
    }

    fn param(&self) -> Param<'_> {
        match self {
            Cell::Null => Param::Null,
            Cell::Int(value) => Param::Int(*value),
            Cell::Text(text) => Param::Text(text),
            Cell::Bytes(bytes) => Param::Bytes(bytes),
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Cell::Null | Cell::Int(_) => 0,
                Cell::Text(text) => text.len(),
                Cell::Bytes(bytes) => bytes.len(),
            }
    }

    /// No two different rows are hashed alike: each value says what it is and how long.
    fn hash(&self, digest: &mut Sha256) {
        let mut sized = |tag: u8, bytes: &[u8]| {
            digest.update([tag]);
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        match self {
            Cell::Null => sized(0, &[]),
            Cell::Int(value) => sized(1, &value.to_be_bytes()),
            Cell::Text(text) => sized(2, text.as_bytes()),
            Cell::Bytes(bytes) => sized(3, bytes),
        }
    }
}

struct Row(Vec<Cell>);

impl Row {
    fn key(&self, table: &Table) -> Vec<Cell> {
        self.0.iter().skip(1).take(table.key.len()).cloned().collect()
    }

    fn size(&self) -> usize {
        self.0.iter().map(Cell::size).sum()
    }

    fn is_mark(&self, part: &Part) -> bool {
        part.holds_mark() && matches!(self.0.get(1), Some(Cell::Text(name)) if name == MARK)
    }
}

/// Rows on their way, of one table or several, of one tenant or several.
#[derive(Default)]
struct Batch {
    rows: Vec<(TenantId, &'static str, Row)>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, part: &Part, rows: Vec<Row>) {
        self.bytes += rows.iter().map(Row::size).sum::<usize>();
        let insert = part.statements.insert.as_str();
        self.rows.extend(rows.into_iter().map(|row| (part.tenant, insert, row)));
    }

    fn is_full(&self, pace: Pace) -> bool {
        self.rows.len() as u64 >= pace.rows || self.bytes >= pace.bytes
    }
}

/// What a part holds, in a few bytes.
#[derive(PartialEq, Eq)]
struct Tally {
    rows: u64,
    digest: [u8; 32],
}

/// Reading.
impl Connection {
    /// What tells an installation from others, in hexadecimal: the hash of its first audit entry. Empty when it has none.
    async fn began(&mut self) -> Result<String, StoreError> {
        let mut hash = String::new();
        self.query(TenantId::INSTALLATION, BEGAN, &[Param::Int(TenantId::INSTALLATION.0)], |row| {
            hash = row.bytes(0)?.iter().map(|byte| format!("{byte:02x}")).collect();
            ENOUGH
        })
        .await?;
        Ok(hash)
    }

    /// But for the mark.
    async fn is_empty(&mut self) -> Result<bool, StoreError> {
        if self.tenant_after(TenantId::INSTALLATION).await?.is_some() {
            return Ok(false);
        }
        let is_marked = self.mark().await?.is_some();
        for part in Part::all_of(TenantId::INSTALLATION) {
            if self.rows(&part).await? > u64::from(is_marked && part.holds_mark()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every table that has rows of a tenant, tenant by tenant.
    async fn parts(&mut self) -> Result<Vec<Part>, StoreError> {
        let mut parts = Vec::new();
        let mut tenant = Some(TenantId::INSTALLATION);
        while let Some(whose) = tenant {
            for mut part in Part::all_of(whose) {
                part.rows = self.rows(&part).await?;
                if part.rows > 0 {
                    parts.push(part);
                }
            }
            tenant = self.tenant_after(whose).await?;
        }
        Ok(parts)
    }

    /// The next tenant that has rows: it is listed, or it is being deleted and has an audit chain until the end of that.
    async fn tenant_after(&mut self, tenant: TenantId) -> Result<Option<TenantId>, StoreError> {
        let mut next: Option<TenantId> = None;
        for sql in [TENANT, HEAD] {
            self.query(TenantId::INSTALLATION, sql, &[Param::Int(tenant.0)], |row| {
                let found = TenantId(row.int(0)?);
                next = Some(next.map_or(found, |next| next.min(found)));
                ENOUGH
            })
            .await?;
        }
        Ok(next)
    }

    async fn rows(&mut self, part: &Part) -> Result<u64, StoreError> {
        let mut rows = 0;
        self.query(part.tenant, &part.statements.count, &[Param::Int(part.tenant.0)], |row| {
            rows = counted(row.int(0)?);
            ENOUGH
        })
        .await?;
        Ok(rows)
    }

    /// The key of the last row.
    async fn last(&mut self, part: &Part) -> Result<Option<Vec<Cell>>, StoreError> {
        let mut last = None;
        self.query(part.tenant, &part.statements.last, &[Param::Int(part.tenant.0)], |row| {
            last = Some(part.read(row)?.key(part.table));
            ENOUGH
        })
        .await?;
        Ok(last)
    }

    /// The rows after a key: none when there are no more.
    async fn page(
        &mut self,
        part: &Part,
        after: Option<&[Cell]>,
        pace: Pace,
    ) -> Result<Vec<Row>, StoreError> {
        let mut params = vec![Param::Int(part.tenant.0)];
        let sql = match (after, &part.statements.next) {
            (None, _) => &part.statements.first,
            (Some(key), Some(next)) => {
                params.extend(key.iter().map(Cell::param));
                next
            }
            (Some(_), None) => return Ok(Vec::new()),
        };
        params.push(Param::Int(bounded(pace.rows)));
        let (mut page, mut bytes) = (Vec::new(), 0);
        self.query(part.tenant, sql, &params, |row| {
            let row = part.read(row)?;
            bytes += row.size();
            page.push(row);
            if bytes < pace.bytes { MORE } else { ENOUGH }
        })
        .await?;
        Ok(page)
    }

    async fn tally(
        &mut self,
        part: &Part,
        pace: Pace,
        heard: &mut impl FnMut(u64),
    ) -> Result<Tally, StoreError> {
        let (mut rows, mut digest, mut after) = (0, Sha256::new(), None);
        loop {
            let page = self.page(part, after.as_deref(), pace).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key(part.table));
            for row in page.iter().filter(|row| !row.is_mark(part)) {
                rows += 1;
                row.0.iter().for_each(|cell| cell.hash(&mut digest));
            }
            heard(rows);
        }
        Ok(Tally { rows, digest: digest.finalize().into() })
    }
}

impl Part {
    /// Every table of a tenant, rows not counted yet.
    fn all_of(tenant: TenantId) -> impl Iterator<Item = Part> {
        let tables = TABLES.iter().zip(STATEMENTS.iter());
        tables.map(move |(table, statements)| Part { table, statements, tenant, rows: 0 })
    }

    /// Whether the mark is among its rows while they are copied.
    fn holds_mark(&self) -> bool {
        self.table.name == "setting" && self.tenant == TenantId::INSTALLATION
    }

    fn read(&self, row: &dyn Columns) -> Result<Row, StoreError> {
        let columns = self.table.columns().enumerate();
        let cells = columns.map(|(column, (_, ty))| Cell::read(row, column, ty));
        let mut cells = cells.collect::<Result<Vec<_>, _>>()?;
        for cell in cells.iter_mut().skip(1 + self.table.key.len()) {
            cell.replace_nul();
        }
        Ok(Row(cells))
    }
}

/// Writing.
impl Connection {
    /// Puts the rows in, if the mark is this one. What is there already stays.
    async fn put(&mut self, mark: &Mark, batch: &mut Batch) -> Result<bool, StoreError> {
        let Batch { rows, .. } = std::mem::take(batch);
        let groups = rows.chunk_by(|(one, ..), (other, ..)| one == other).map(|group| {
            let steps = group.iter().map(|(_, sql, row)| (*sql, row.0.iter().map(Cell::param).collect()));
            (group.first().map_or(TenantId::INSTALLATION, |(tenant, ..)| *tenant), steps.collect())
        });
        self.under_mark(mark, groups.collect()).await
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Copying => "copying",
            Phase::Verifying => "verifying",
        })
    }
}

#[cfg(test)]
mod tests;
