//! What leads to a page of neighbours: records whose ids lie between two, asked about together instead of one by one.

use std::collections::HashMap;

use crate::columns::{MORE, Param, bounded};
use crate::{StoreError, TenantStore, statements};

statements! {
    EDGES = "select target, source from edge where tenant = $1 and relation = $2 \
             and target >= $3 and target <= $4 order by target, source limit $5";
    // What has these edges, once each, and whether more lies above it.
    SOURCES = "with near (id) as (select distinct source from edge where tenant = $1 and relation = $2 \
                 and target >= $3 and target <= $4) \
               select r.id, r.display, case when exists (select 1 from edge u where u.tenant = $1 \
                 and u.relation = $2 and u.target = r.id) then 1 else 0 end \
               from near cross join record r where r.tenant = $1 and r.kind = $5 and r.id = near.id";
    // One edge of another relation further up.
    THROUGH = "with near (id) as (select distinct source from edge where tenant = $1 and relation = $2 \
                 and target >= $3 and target <= $4) \
               select near.id, r.id, r.display from near cross join edge e cross join record r \
               where e.tenant = $1 and e.relation = $5 and e.target = near.id \
               and r.tenant = $1 and r.kind = $6 and r.id = e.source limit $7";
}

/// Which records lead over one edge to records with ids between two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Between {
    /// The edges: the id each leads to, and from which of the sources. In order of the first.
    edges: Vec<(String, usize)>,
    sources: Vec<Neighbour>,
}

/// A record that leads to a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its id.
    pub id: String,
    /// What it shows.
    pub display: String,
    /// Whether an edge of the relation leads to it in turn.
    pub is_below: bool,
}

impl Between {
    /// All that lead to one of the records, each once.
    pub fn sources(&self) -> &[Neighbour] {
        &self.sources
    }

    /// What leads to this record: numbers of [`Between::sources`].
    pub fn of(&self, target: &str) -> impl Iterator<Item = usize> {
        let from = self.edges.partition_point(|(id, _)| id.as_str() < target);
        let rest = self.edges.get(from..).unwrap_or_default();
        rest.iter().take_while(move |(id, _)| id == target).map(|(_, source)| *source)
    }
}

impl TenantStore<'_> {
    /// The records of a kind from which an edge leads to ids from `first` to `last`. None when there are `most` edges or
    /// more, as each target is then better asked by itself.
    pub async fn between(
        &self,
        relation: &str,
        kind: &str,
        (first, last): (&str, &str),
        most: u64,
    ) -> Result<Option<Between>, StoreError> {
        let run = [self.param(), Param::Text(relation), Param::Text(first), Param::Text(last)];
        let mut drawn: Vec<(String, String)> = Vec::new();
        self.read(EDGES, &[&run[..], &[Param::Int(bounded(most))]].concat(), |row| {
            drawn.push((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
            MORE
        })
        .await?;
        if u64::try_from(drawn.len()).unwrap_or(u64::MAX) >= most {
            return Ok(None);
        }
        let (mut sources, mut numbers) = (Vec::new(), HashMap::new());
        if !drawn.is_empty() {
            self.read(SOURCES, &[&run[..], &[Param::Text(kind)]].concat(), |row| {
                let (id, display) = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
                numbers.insert(id.clone(), sources.len());
                sources.push(Neighbour { id, display, is_below: row.int(2)? != 0 });
                MORE
            })
            .await?;
        }
        // An edge from a record that is going leads from nothing.
        let edges = drawn.into_iter().filter_map(|(target, source)| Some((target, *numbers.get(&source)?)));
        Ok(Some(Between { edges: edges.collect(), sources }))
    }

    /// The records of a kind from which an edge leads to what has edges of another relation, `inner`, to ids from `first`
    /// to `last`, as many as [`TenantStore::between`] has found few enough: the id of what is between, the record's, and what it
    /// shows. None when there are `most` or more.
    pub async fn between_through(
        &self,
        (relation, inner): (&str, &str),
        kind: &str,
        (first, last): (&str, &str),
        most: u64,
    ) -> Result<Option<Vec<(String, String, String)>>, StoreError> {
        let run = [self.param(), Param::Text(inner), Param::Text(first), Param::Text(last)];
        let upper = [Param::Text(relation), Param::Text(kind), Param::Int(bounded(most))];
        let mut found = Vec::new();
        self.read(THROUGH, &[&run[..], &upper].concat(), |row| {
            found.push((row.text(0)?.to_owned(), row.text(1)?.to_owned(), row.text(2)?.to_owned()));
            MORE
        })
        .await?;
        Ok((u64::try_from(found.len()).unwrap_or(u64::MAX) < most).then_some(found))
    }
}
