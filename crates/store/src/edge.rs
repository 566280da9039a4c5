//! Edges: a relation's arrows from record to record, one row each, with what the target shows kept in the row.
//!
//! A relation is a name. Its sources are of one kind, its targets of any; both are found in constant work from
//! either end. Cycles are possible here: whether they are wanted is decided elsewhere, and every walk survives them.

use std::ops::ControlFlow;

use crate::batch::LINK_KINDS_MAX;
use crate::columns::{ENOUGH, MORE, Param, bounded, counted};
use crate::{StoreError, TenantStore, statements};

/// Draws an edge if the target is a record of one of these kinds.
macro_rules! link {
    ($kinds:literal) => {
        concat!(
            "insert into edge (tenant, relation, source, target, target_kind, display) \
             select tenant, $1, $2, id, kind, display from record where tenant = $3 and id = $4 and kind ",
            $kinds,
            " on conflict (tenant, relation, source, target) do update \
              set target_kind = excluded.target_kind, display = excluded.display"
        )
    };
}

statements! {
    LINK_ONE = link!("= $5");
    LINK_TWO = link!("in ($5, $6)");
    LINK_THREE = link!("in ($5, $6, $7)");
    LINK_MANY = link!("in ($5, $6, $7, $8, $9, $10, $11, $12)");
    UNLINK = "delete from edge where tenant = $1 and relation = $2 and source = $3 and target = $4";
    UNLINK_SOURCE = "delete from edge where tenant = $1 and relation = $2 and source = $3";
    // The inner select makes SQLite go over the reverse index; without it, it reads the whole relation.
    UNLINK_TARGET = "delete from edge where tenant = $1 and relation = $2 and source in \
                     (select source from edge where tenant = $1 and relation = $2 and target = $3) and target = $3";
    TOUCH_SOURCES = "update record set version = version + 1, modified = $1 \
                     where tenant = $2 and kind = $3 and id in \
                     (select source from edge where tenant = $2 and relation = $4 and target = $5)";
    REDISPLAY = "update edge set display = $1 where tenant = $2 and relation = $3 and source in \
                 (select source from edge where tenant = $2 and relation = $3 and target = $4) and target = $4";
    LIST = "select target, target_kind, display from edge \
            where tenant = $1 and relation = $2 and source = $3 and target > $4 order by target limit $5";
    PAGE = "select target, target_kind, display from edge \
            where tenant = $1 and relation = $2 and source = $3 order by target limit $4 offset $5";
    COUNT = "select count(*) from edge where tenant = $1 and relation = $2 and source = $3";
    HAS = "select 1 from edge where tenant = $1 and relation = $2 and source = $3 and target = $4";
    DIRECT = "select r.id, r.display from edge e cross join record r \
              where e.tenant = $1 and e.relation = $2 and e.target = $3 \
              and r.tenant = $1 and r.kind = $4 and r.id = e.source order by e.source limit $5";
    ANY = "select 1 from edge where tenant = $1 and relation = $2 limit 1";
    ALL_OF = "select source, target, target_kind from edge \
              where tenant = $1 and relation = $2 and (source, target) > ($3, $4) order by source, target limit $5";
    DESCENDANTS = "with recursive down (id) as ( \
                     select e.target from edge e where e.tenant = $1 and e.relation = $2 and e.source = $3 and exists \
                     (select 1 from edge n where n.tenant = e.tenant and n.relation = $4 and n.source = e.target) \
                     union \
                     select e.target from down cross join edge e \
                     where e.tenant = $1 and e.relation = $4 and e.source = down.id and exists \
                     (select 1 from edge n where n.tenant = e.tenant and n.relation = e.relation and n.source = e.target) \
                   ) select id from down limit $5";
}

/// The statement that links to one of so many kinds, and how many places for kinds it has.
pub(crate) fn link(kinds: usize) -> (&'static str, usize) {
    match kinds {
        0 | 1 => (LINK_ONE, 1),
        2 => (LINK_TWO, 2),
        3 => (LINK_THREE, 3),
        _ => (LINK_MANY, LINK_KINDS_MAX),
    }
}

/// An edge, seen from its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeRef<'a> {
    /// The id it points to.
    pub target: &'a str,
    /// The kind of the target.
    pub target_kind: &'a str,
    /// What the target shows.
    pub display: &'a str,
}

impl TenantStore<'_> {
    /// The edges from a source, by the id of the target, past `after`.
    pub async fn edges(
        &self,
        relation: &str,
        source: &str,
        after: Option<&str>,
        take: u64,
        mut f: impl FnMut(EdgeRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let after = Param::Text(after.unwrap_or_default());
        let params =
            [self.param(), Param::Text(relation), Param::Text(source), after, Param::Int(bounded(take))];
        self.read(LIST, &params, |row| {
            Ok(f(EdgeRef { target: row.text(0)?, target_kind: row.text(1)?, display: row.text(2)? }))
        })
        .await
    }

    /// The edges from a source, by the id of the target, after leaving out the first `skip`: at most `take`. What is left out
    /// costs a step along the index each.
    pub async fn edges_page(
        &self,
        relation: &str,
        source: &str,
        (skip, take): (u64, u64),
        mut f: impl FnMut(EdgeRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (relation, source) = (Param::Text(relation), Param::Text(source));
        let (take, skip) = (Param::Int(bounded(take)), Param::Int(bounded(skip)));
        self.read(PAGE, &[self.param(), relation, source, take, skip], |row| {
            Ok(f(EdgeRef { target: row.text(0)?, target_kind: row.text(1)?, display: row.text(2)? }))
        })
        .await
    }

    /// All edges of a relation, by source and target, past the two ids of `after`, at most `take`: source and edge, which
    /// shows nothing of the target.
    pub async fn relation(
        &self,
        relation: &str,
        (source, target): (&str, &str),
        take: u64,
        mut f: impl FnMut(&str, EdgeRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let after = [Param::Text(source), Param::Text(target)];
        let params = [self.param(), Param::Text(relation), after[0], after[1], Param::Int(bounded(take))];
        self.read(ALL_OF, &params, |row| {
            Ok(f(row.text(0)?, EdgeRef { target: row.text(1)?, target_kind: row.text(2)?, display: "" }))
        })
        .await
    }

    /// How many edges lead from a source. It counts rows: the work grows with the number (about 30 ns each).
    pub async fn edge_count(&self, relation: &str, source: &str) -> Result<u64, StoreError> {
        let mut count = 0;
        self.read(COUNT, &[self.param(), Param::Text(relation), Param::Text(source)], |row| {
            count = counted(row.int(0)?);
            ENOUGH
        })
        .await?;
        Ok(count)
    }

    /// Whether this edge is there.
    pub async fn has_edge(&self, relation: &str, source: &str, target: &str) -> Result<bool, StoreError> {
        self.finds(HAS, &[self.param(), Param::Text(relation), Param::Text(source), Param::Text(target)])
            .await
    }

    /// The records of `source_kind` from which one edge leads to the target, by id, at most `take`: the id, and what it shows.
    pub async fn direct_sources(
        &self,
        relation: &str,
        source_kind: &str,
        target: &str,
        take: u64,
        mut f: impl FnMut(&str, &str) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (relation, target, kind) = (Param::Text(relation), Param::Text(target), Param::Text(source_kind));
        let params = [self.param(), relation, target, kind, Param::Int(bounded(take))];
        self.read(DIRECT, &params, |row| Ok(f(row.text(0)?, row.text(1)?))).await
    }

    /// Whether a relation has any edge.
    pub async fn has_edges(&self, relation: &str) -> Result<bool, StoreError> {
        self.finds(ANY, &[self.param(), Param::Text(relation)]).await
    }

    async fn finds(&self, sql: &'static str, params: &[Param<'_>]) -> Result<bool, StoreError> {
        let mut found = false;
        self.read(sql, params, |_| {
            found = true;
            ENOUGH
        })
        .await?;
        Ok(found)
    }

    /// The ids reachable from a source by an edge of `relation`, and then by edges of `through`, which have edges of
    /// `through` of their own, at most `take`, in no order. Going down looks at every edge on the way; to learn whether a
    /// new edge would close a cycle, ask [`TenantStore::sources`](crate::TenantStore::sources) of its source instead.
    pub async fn descendants(
        &self,
        relation: &str,
        through: &str,
        source: &str,
        take: u64,
    ) -> Result<Vec<String>, StoreError> {
        let mut ids = Vec::new();
        let (relation, source, through) = (Param::Text(relation), Param::Text(source), Param::Text(through));
        self.read(
            DESCENDANTS,
            &[self.param(), relation, source, through, Param::Int(bounded(take))],
            |row| {
                ids.push(row.text(0)?.to_owned());
                MORE
            },
        )
        .await?;
        Ok(ids)
    }
}
