//! What leads to a record over edges: what holds it, and what holds that.
//!
//! All that is asked about one record is asked together, and the record with it: on a database server that is one
//! exchange. Most records are reached over one edge or two, if at all, and a recursion sets up tables of its own: the first
//! look goes without, and says whether more lies above.

use crate::about::{About, Asked, Several};
use crate::columns::{Columns, ENOUGH, MORE, Param, bounded};
use crate::record::{self, RecordRef};
use crate::{Record, StoreError, TenantStore, edge, statements};

statements! {
    DIRECT_SEVERAL = "select r.id, r.display, e.target \
                    from edge e cross join record r where e.tenant = $1 and e.relation = $2 and e.target in \
                    ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
                    and r.tenant = $1 and r.kind = $19 and r.id = e.source limit $20";
    // Two relations at once, of which the first leads further up: `e` is an edge of either to the target, from `r`; where it is
    // of the first, `u` is one of either to `r`, and `q` where that comes from, if it is of the other.
    ABOVE = "select r.id, r.display, e.relation, u.relation, q.id, q.display \
             from edge e cross join record r \
             left join edge u on u.tenant = $1 and u.relation in ($2, $3) and u.target = case when e.relation = $2 then e.source end \
             left join record q on q.tenant = $1 and q.kind = $4 and q.id = u.source \
             where e.tenant = $1 and e.relation in ($2, $3) and e.target = $5 \
             and r.tenant = $1 and r.kind = case when e.relation = $2 then $6 else $4 end and r.id = e.source limit $7";
    ABOVE_SEVERAL = "select r.id, r.display, e.relation, u.relation, q.id, q.display, e.target \
                     from edge e cross join record r \
                     left join edge u on u.tenant = $1 and u.relation in ($2, $3) and u.target = case when e.relation = $2 then e.source end \
                     left join record q on q.tenant = $1 and q.kind = $4 and q.id = u.source \
                     where e.tenant = $1 and e.relation in ($2, $3) and e.target in \
                     ($5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) and r.tenant = $1 \
                     and r.kind = case when e.relation = $2 then $21 else $4 end and r.id = e.source limit $22";
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
    // Over one edge of a relation, after any number of edges of another.
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

const BY_EDGE: About = About {
    sql: edge::DIRECT,
    key: 2,
    several: Some(Several { sql: DIRECT_SEVERAL, column: 2, limit: Some(4) }),
};
const BY_TWO: About =
    About { sql: ABOVE, key: 4, several: Some(Several { sql: ABOVE_SEVERAL, column: 6, limit: Some(6) }) };

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
    Through {
        /// The other relation.
        relation: &'q str,
        /// The kind its edges begin at.
        kind: &'q str,
    },
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
    fn new(id: &str, display: &str, direct: bool) -> Self {
        Self { id: id.to_owned(), display: display.to_owned(), direct }
    }
}

/// What a statement finds.
enum Finds<'q> {
    /// The sources for the question of that number.
    Near(usize),
    /// Those for two questions.
    Above(Walk<'q>),
    /// The record itself.
    Record,
}

/// A relation that is followed upwards, for the questions of these numbers: what lies above, and what leads there from
/// outside.
struct Walk<'q> {
    relation: &'q str,
    kind: &'q str,
    edges: Option<usize>,
    through: Option<usize>,
}

/// What a statement found.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    rows: u64,
    /// Whether more lies above than was looked at.
    is_higher: bool,
}

impl TenantStore<'_> {
    /// The records that lead to `target`, for each question by id.
    pub async fn sources(&self, target: &str, asked: &[Sources<'_>]) -> Result<Vec<Vec<Source>>, StoreError> {
        let mut lists = Vec::new();
        self.look(target, asked, None, |_, found| lists = found).await?;
        Ok(lists)
    }

    /// Shows a record with the records that lead to it, for each question by id; and with the record that it mentions, if one
    /// of the kind `mentioned` is asked for. None when there is no such record.
    pub async fn with_sources<T>(
        &self,
        (kind, mentioned): (&str, Option<&str>),
        id: &str,
        asked: &[Sources<'_>],
        show: impl FnOnce(RecordRef<'_>, Vec<Vec<Source>>) -> T,
    ) -> Result<Option<T>, StoreError> {
        let (mut shown, kinds) = (None, Some((kind, mentioned)));
        self.look(id, asked, kinds, |record, found| shown = record.map(|record| show(record, found))).await?;
        Ok(shown)
    }

    async fn look(
        &self,
        target: &str,
        asked: &[Sources<'_>],
        kinds: Option<(&str, Option<&str>)>,
        show: impl FnOnce(Option<RecordRef<'_>>, Vec<Vec<Source>>),
    ) -> Result<(), StoreError> {
        let mut finds: Vec<Finds<'_>> = walks(asked).into_iter().map(Finds::Above).collect();
        let direct = asked.iter().enumerate().filter(|(_, question)| question.over == Over::Edge);
        finds.extend(direct.map(|(at, _)| Finds::Near(at)));
        finds.extend(kinds.map(|_| Finds::Record));
        let steps = finds.iter().map(|finds| match finds {
            Finds::Near(at) => asked.get(*at).map(|question| question.near(self.param(), target)),
            Finds::Above(walk) => Some(walk.near(self.param(), target, asked)),
            Finds::Record => kinds.map(|(kind, mentioned)| {
                let (kind, target) = (Param::Text(kind), Param::Text(target));
                match mentioned.map(Param::Text) {
                    None => (record::BY_ID, vec![self.param(), kind, target]),
                    Some(mentioned) => (record::WITH_MENTIONED, vec![self.param(), mentioned, kind, target]),
                }
            }),
        });
        let steps: Vec<Asked<'_>> = steps.flatten().collect();
        let mut lists: Vec<Vec<Source>> = vec![Vec::new(); asked.len()];
        let mut seen = vec![Seen::default(); finds.len()];
        let higher = |seen: &[Seen]| {
            let seen = finds.iter().zip(seen);
            let higher = seen.filter_map(|(finds, seen)| match finds {
                Finds::Above(walk) if walk.goes_on(*seen, asked) => Some(walk.questions()),
                _ => None,
            });
            higher.flatten().collect::<Vec<usize>>()
        };
        let (mut kept, mut show) = (None, Some(show));
        self.read_about(&steps, |step, row| {
            match finds.get(step) {
                Some(Finds::Near(at)) => {
                    if let Some(list) = lists.get_mut(*at) {
                        list.push(Source::new(row.text(0)?, row.text(1)?, true));
                    }
                    MORE
                }
                Some(Finds::Above(walk)) => {
                    if let Some(seen) = seen.get_mut(step) {
                        walk.read(row, &mut lists, seen)?;
                    }
                    MORE
                }
                _ => {
                    let (kind, mentioned) = kinds.unwrap_or_default();
                    let found = match mentioned {
                        None => RecordRef::read(kind, row, 0)?,
                        Some(_) => RecordRef::read_mentioning(kind, row)?,
                    };
                    // The record comes last: mostly everything is known by now.
                    if !higher(&seen).is_empty() {
                        kept = Some(found.to_owned());
                    } else if let Some(show) = show.take() {
                        show(Some(found), finished(std::mem::take(&mut lists), asked));
                    }
                    ENOUGH
                }
            }
        })
        .await?;
        let Some(show) = show else { return Ok(()) };
        for at in higher(&seen) {
            if let (Some(question), Some(list)) = (asked.get(at), lists.get_mut(at)) {
                list.clear();
                let (sql, params) = question.far(self.param(), target);
                self.read(sql, &params, |row| {
                    list.push(Source::new(row.text(0)?, row.text(1)?, row.int(2)? != 0));
                    MORE
                })
                .await?;
            }
        }
        show(kept.as_ref().map(Record::as_ref), finished(lists, asked));
        Ok(())
    }
}

/// The relations to follow upwards, each once where that answers two questions.
fn walks<'q>(asked: &[Sources<'q>]) -> Vec<Walk<'q>> {
    let walk = |relation, kind| Walk { relation, kind, edges: None, through: None };
    let mut walks: Vec<Walk<'q>> = Vec::new();
    for (at, question) in asked.iter().enumerate() {
        if question.over == Over::Edges {
            walks.push(Walk { edges: Some(at), ..walk(question.relation, question.kind) });
        }
    }
    for (at, question) in asked.iter().enumerate() {
        if let Over::Through { relation, kind } = question.over {
            let free = walks
                .iter_mut()
                .find(|walk| (walk.relation, walk.kind, walk.through) == (relation, kind, None));
            match free {
                Some(walk) => walk.through = Some(at),
                None => walks.push(Walk { through: Some(at), ..walk(relation, kind) }),
            }
        }
    }
    walks
}

impl Walk<'_> {
    fn questions(&self) -> impl Iterator<Item = usize> {
        self.edges.into_iter().chain(self.through)
    }

    /// How many rows are looked at.
    fn take(&self, asked: &[Sources<'_>]) -> u64 {
        self.questions()
            .filter_map(|at| asked.get(at))
            .map(|question| question.take)
            .max()
            .unwrap_or_default()
    }

    /// The look that goes two edges up.
    fn near<'p>(&'p self, tenant: Param<'p>, target: &'p str, asked: &'p [Sources<'p>]) -> Asked<'p> {
        // Nothing has the relation ``.
        let other =
            self.through.and_then(|at| asked.get(at)).map_or(("", ""), |other| (other.relation, other.kind));
        let texts = [self.relation, other.0, other.1, target, self.kind].map(Param::Text);
        let take = Param::Int(bounded(self.take(asked)));
        (BY_TWO, [tenant].into_iter().chain(texts).chain([take]).collect())
    }

    fn read(&self, row: &dyn Columns, lists: &mut [Vec<Source>], seen: &mut Seen) -> Result<(), StoreError> {
        seen.rows += 1;
        let is_own = row.text(2)? == self.relation;
        let of = if is_own { self.edges } else { self.through };
        if let Some(list) = of.and_then(|at| lists.get_mut(at)) {
            list.push(Source::new(row.text(0)?, row.text(1)?, true));
        }
        seen.is_higher |= row.maybe_text(3)? == Some(self.relation);
        if let Some(list) = self.through.and_then(|at| lists.get_mut(at))
            && let (Some(id), Some(display)) = (row.maybe_text(4)?, row.maybe_text(5)?)
        {
            list.push(Source::new(id, display, false));
        }
        Ok(())
    }

    /// Whether there may be more than was looked at.
    fn goes_on(&self, seen: Seen, asked: &[Sources<'_>]) -> bool {
        seen.is_higher || seen.rows >= self.take(asked)
    }
}

impl Sources<'_> {
    /// The look at one edge.
    fn near<'p>(&'p self, tenant: Param<'p>, target: &'p str) -> Asked<'p> {
        let [relation, target, kind] = [self.relation, target, self.kind].map(Param::Text);
        (BY_EDGE, vec![tenant, relation, target, kind, Param::Int(bounded(self.take))])
    }

    /// The look that goes all the way.
    fn far<'p>(&'p self, tenant: Param<'p>, target: &'p str) -> (&'static str, Vec<Param<'p>>) {
        let (relation, kind) = (Param::Text(self.relation), Param::Text(self.kind));
        let (above, take) = (Param::Text(target), Param::Int(bounded(self.take)));
        match self.over {
            Over::Edge | Over::Edges => (FAR, vec![tenant, relation, above, kind, take]),
            Over::Through { relation: inner, .. } => {
                (FAR_THROUGH, vec![tenant, Param::Text(inner), above, relation, kind, take])
            }
        }
    }
}

/// Each source once, by id: what leads there in several ways does so directly, if in one of them.
fn finished(mut lists: Vec<Vec<Source>>, asked: &[Sources<'_>]) -> Vec<Vec<Source>> {
    for (list, question) in lists.iter_mut().zip(asked) {
        list.sort_unstable_by(|a, b| a.id.cmp(&b.id).then(b.direct.cmp(&a.direct)));
        list.dedup_by(|later, first| later.id == first.id);
        list.truncate(usize::try_from(question.take).unwrap_or(usize::MAX));
    }
    lists
}
