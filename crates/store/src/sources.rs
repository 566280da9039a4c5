//! What leads to a record over edges: what holds it, and what holds that.
//!
//! All that is asked about one record is asked together, and the record with it: on a database server that is one
//! exchange. Most records are reached over one edge, if at all, and a recursion sets up tables of its own: the first look
//! goes without, and says whether more lies above.

use crate::about::{About, Asked, Several};
use crate::columns::{Columns, ENOUGH, MORE, Param, bounded};
use crate::record::{self, RecordRef};
use crate::{Record, StoreError, TenantStore, statements};

statements! {
    // Of each, whether more lies above it.
    NEAR = "select r.id, r.display, 1, case when exists (select 1 from edge u where u.tenant = $1 \
              and u.relation = $2 and u.target = e.source) then 1 else 0 end \
            from edge e cross join record r where e.tenant = $1 and e.relation = $2 and e.target = $3 \
            and r.tenant = $1 and r.kind = $4 and r.id = e.source order by e.source limit $5";
    NEAR_SEVERAL = "select r.id, r.display, 1, case when exists (select 1 from edge u where u.tenant = $1 \
                      and u.relation = $2 and u.target = e.source) then 1 else 0 end, e.target \
                    from edge e cross join record r where e.tenant = $1 and e.relation = $2 and e.target in \
                    ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
                    and r.tenant = $1 and r.kind = $19 and r.id = e.source limit $20";
    // `union` drops what was met before, so a cycle ends. An id is met at most twice: directly and not.
    FAR = "with recursive up (id, direct) as ( \
             select source, 1 from edge where tenant = $1 and relation = $2 and target = $3 \
             union \
             select e.source, 0 from up cross join edge e \
             where e.tenant = $1 and e.relation = $2 and e.target = up.id \
           ), \
           met (id, direct) as (select id, max(direct) from up group by id) \
           select met.id, r.display, met.direct from met cross join record r \
           where r.tenant = $1 and r.kind = $4 and r.id = met.id order by met.id limit $5";
    NESTED = "select 1 from edge e cross join edge u where e.tenant = $1 and e.relation = $2 and e.target = $3 \
              and u.tenant = $1 and u.relation = $2 and u.target = e.source limit 1";
    // One edge of a relation from what it leads to, or from what reaches that over one edge of another.
    NEAR_THROUGH = "select r.id, r.display, 1 from edge e cross join record r \
                    where e.tenant = $1 and e.relation = $2 and e.target = $3 \
                    and r.tenant = $1 and r.kind = $4 and r.id = e.source \
                    union all \
                    select r.id, r.display, 0 from edge g cross join edge e cross join record r \
                    where g.tenant = $1 and g.relation = $5 and g.target = $3 \
                    and e.tenant = $1 and e.relation = $2 and e.target = g.source \
                    and r.tenant = $1 and r.kind = $4 and r.id = e.source limit $6";
    NEAR_THROUGH_SEVERAL = "select r.id, r.display, 1, e.target from edge e cross join record r \
                            where e.tenant = $1 and e.relation = $2 and e.target in \
                            ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
                            and r.tenant = $1 and r.kind = $19 and r.id = e.source \
                            union all \
                            select r.id, r.display, 0, g.target from edge g cross join edge e cross join record r \
                            where g.tenant = $1 and g.relation = $20 and g.target in \
                            ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
                            and e.tenant = $1 and e.relation = $2 and e.target = g.source \
                            and r.tenant = $1 and r.kind = $19 and r.id = e.source limit $21";
    // The same over any number of edges of the other.
    FAR_THROUGH = "with recursive up (id) as ( \
                     select source from edge where tenant = $1 and relation = $2 and target = $3 \
                     union \
                     select e.source from up cross join edge e \
                     where e.tenant = $1 and e.relation = $2 and e.target = up.id \
                   ), \
                   found (id, direct) as ( \
                     select source, 1 from edge where tenant = $1 and relation = $4 and target = $3 \
                     union all \
                     select e.source, 0 from up cross join edge e \
                     where e.tenant = $1 and e.relation = $4 and e.target = up.id \
                   ), \
                   met (id, direct) as (select id, max(direct) from found group by id) \
                   select met.id, r.display, met.direct from met cross join record r \
                   where r.tenant = $1 and r.kind = $5 and r.id = met.id order by met.id limit $6";
}

const BY_EDGE: About =
    About { sql: NEAR, key: 2, several: Some(Several { sql: NEAR_SEVERAL, column: 4, limit: Some(4) }) };
const BY_TWO: About = About {
    sql: NEAR_THROUGH,
    key: 2,
    several: Some(Several { sql: NEAR_THROUGH_SEVERAL, column: 3, limit: Some(5) }),
};
const IS_NESTED: About = About { sql: NESTED, key: 2, several: None };

/// A question: which records of a kind lead to another one.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'q> {
    /// The relation whose edges begin at them.
    pub relation: &'q str,
    /// Their kind.
    pub kind: &'q str,
    /// Over what they lead there.
    pub over: Over<'q>,
    /// At most so many.
    pub take: u64,
}

/// Over what a source leads to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over<'q> {
    /// One edge.
    Edge,
    /// Any number of edges of the relation. In a cycle the record is a source of itself.
    Edges,
    /// One edge, and then any number of this other relation, or none.
    Through(&'q str),
}

/// A record that leads to the one asked about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Its id.
    pub id: String,
    /// What it shows.
    pub display: String,
    /// Whether one edge leads there.
    pub direct: bool,
}

impl Source {
    fn read(row: &dyn Columns) -> Result<Self, StoreError> {
        Ok(Source { id: row.text(0)?.to_owned(), display: row.text(1)?.to_owned(), direct: row.int(2)? != 0 })
    }
}

/// What the rows of a statement say.
enum Says {
    /// A source asked for by the question of that number; in the fourth column, if there is one, whether more lies above.
    Source(usize),
    /// More lies above what that question is about.
    More(usize),
    /// The record itself.
    Record,
}

impl TenantStore<'_> {
    /// The records that lead to `target`, for each question by id.
    pub async fn sources(&self, target: &str, asked: &[Sources<'_>]) -> Result<Vec<Vec<Source>>, StoreError> {
        let mut lists = Vec::new();
        self.look(target, asked, None, |_, found| lists = found).await?;
        Ok(lists)
    }

    /// Shows a record with the records that lead to it, for each question by id. None when there is no such record.
    pub async fn with_sources<T>(
        &self,
        kind: &str,
        id: &str,
        asked: &[Sources<'_>],
        show: impl FnOnce(RecordRef<'_>, Vec<Vec<Source>>) -> T,
    ) -> Result<Option<T>, StoreError> {
        let mut shown = None;
        self.look(id, asked, Some(kind), |record, found| shown = record.map(|record| show(record, found)))
            .await?;
        Ok(shown)
    }

    async fn look(
        &self,
        target: &str,
        asked: &[Sources<'_>],
        kind: Option<&str>,
        show: impl FnOnce(Option<RecordRef<'_>>, Vec<Vec<Source>>),
    ) -> Result<(), StoreError> {
        let (mut steps, mut says): (Vec<Asked<'_>>, _) = (Vec::new(), Vec::new());
        for (at, question) in asked.iter().enumerate() {
            if let Over::Through(inner) = question.over
                && knower(asked, at, inner).is_none()
            {
                steps.push((IS_NESTED, vec![self.param(), Param::Text(inner), Param::Text(target)]));
                says.push(Says::More(at));
            }
            steps.push(question.near(self.param(), target));
            says.push(Says::Source(at));
        }
        if let Some(kind) = kind {
            steps.push((record::BY_ID, vec![self.param(), Param::Text(kind), Param::Text(target)]));
            says.push(Says::Record);
        }
        let mut lists: Vec<Vec<Source>> = vec![Vec::new(); asked.len()];
        let mut more = vec![false; asked.len()];
        let (mut kept, mut show) = (None, Some(show));
        self.read_about(&steps, |step, row| {
            match says.get(step) {
                Some(Says::Source(at)) => {
                    let over = asked.get(*at).map(|question| question.over);
                    if let (Some(list), Some(more)) = (lists.get_mut(*at), more.get_mut(*at)) {
                        list.push(Source::read(row)?);
                        *more |= over == Some(Over::Edges) && row.int(3)? != 0;
                    }
                    MORE
                }
                Some(Says::More(at)) => {
                    more.get_mut(*at).into_iter().for_each(|more| *more = true);
                    ENOUGH
                }
                _ => {
                    let found = RecordRef::read(kind.unwrap_or_default(), row, 0)?;
                    // The record comes last: mostly everything is known by now.
                    if more.contains(&true) {
                        kept = Some(found.to_owned());
                    } else if let Some(show) = show.take() {
                        show(Some(found), finished(std::mem::take(&mut lists)));
                    }
                    ENOUGH
                }
            }
        })
        .await?;
        let Some(show) = show else { return Ok(()) };
        for (at, question) in asked.iter().enumerate() {
            let known = match question.over {
                Over::Edge => continue,
                Over::Edges => at,
                Over::Through(inner) => knower(asked, at, inner).unwrap_or(at),
            };
            if let (Some(true), Some(list)) = (more.get(known), lists.get_mut(at)) {
                list.clear();
                let (sql, params) = question.far(self.param(), target);
                self.read(sql, &params, |row| {
                    list.push(Source::read(row)?);
                    MORE
                })
                .await?;
            }
        }
        show(kept.as_ref().map(Record::as_ref), finished(lists));
        Ok(())
    }
}

impl Sources<'_> {
    /// The look that goes as far as one edge up.
    fn near<'p>(&'p self, tenant: Param<'p>, target: &'p str) -> Asked<'p> {
        let (relation, kind) = (Param::Text(self.relation), Param::Text(self.kind));
        let (target, take) = (Param::Text(target), Param::Int(bounded(self.take)));
        match self.over {
            Over::Edge | Over::Edges => (BY_EDGE, vec![tenant, relation, target, kind, take]),
            Over::Through(inner) => (BY_TWO, vec![tenant, relation, target, kind, Param::Text(inner), take]),
        }
    }

    /// The look that goes all the way.
    fn far<'p>(&'p self, tenant: Param<'p>, target: &'p str) -> (&'static str, Vec<Param<'p>>) {
        let (relation, kind) = (Param::Text(self.relation), Param::Text(self.kind));
        let (above, take) = (Param::Text(target), Param::Int(bounded(self.take)));
        match self.over {
            Over::Edge | Over::Edges => (FAR, vec![tenant, relation, above, kind, take]),
            Over::Through(inner) => {
                (FAR_THROUGH, vec![tenant, Param::Text(inner), above, relation, kind, take])
            }
        }
    }
}

/// The question before this one that learns whether more lies above the target in that relation.
fn knower(asked: &[Sources<'_>], at: usize, relation: &str) -> Option<usize> {
    asked.iter().take(at).position(|other| other.over == Over::Edges && other.relation == relation)
}

/// Each source once, by id: what leads there in several ways does so directly, if in one of them.
fn finished(mut lists: Vec<Vec<Source>>) -> Vec<Vec<Source>> {
    for list in &mut lists {
        list.sort_unstable_by(|a, b| a.id.cmp(&b.id).then(b.direct.cmp(&a.direct)));
        list.dedup_by(|later, first| later.id == first.id);
    }
    lists
}
