//! Building a graph from the store: a stream of records and edges, in bounded pages.

use std::collections::HashMap;
use std::ops::ControlFlow;

use authz::Graph;
use authz::graph::Subject;
use store::{Access, Position, Query, TenantId, TenantStore};

use super::State;
use super::fact::{self, Fact, Source};
use crate::Iam;
use crate::env::random;
use crate::error::{Error, Result};

/// Rows read at once; between two such reads others get their turn.
const CHUNK: u64 = 1_000;

impl Iam {
    /// The graph of a moment, whose newest entry has this number.
    pub(super) async fn load(&self, store: TenantStore<'_>, sequence: i64) -> Result<State> {
        let seed = u64::from_be_bytes(random::<8>(&*self.env));
        let graph = Graph::seeded(seed);
        let mut state = State { graph, slugs: HashMap::new(), sequence };
        for source in Source::ALL {
            self.load_records(store, source, &mut state).await?;
        }
        for source in Source::ALL {
            if let Some(relation) = source.members() {
                self.load_members(store, source, relation, &mut state).await?;
            }
        }
        Ok(state)
    }

    async fn load_records(&self, store: TenantStore<'_>, source: Source, state: &mut State) -> Result<()> {
        let mut last: Option<String> = None;
        loop {
            let after = last.as_deref().map(|id| Position { key: &[], id });
            let query = Query {
                kind: source.kind(),
                access: Access::Id,
                descending: false,
                after,
                skip: 0,
                take: CHUNK,
            };
            let (mut seen, mut next, mut outcome) = (0, None, Ok(()));
            let State { graph, slugs, .. } = &mut *state;
            store
                .search(&query, |_, record| {
                    seen += 1;
                    if seen == CHUNK {
                        next = Some(record.id.to_owned());
                    }
                    let fact = Fact::of(source, record.id, record.document);
                    outcome = fact.and_then(|fact| fact.put(graph, slugs, source, record.id));
                    if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                })
                .await?;
            outcome?;
            self.check_size(store.id(), state)?;
            match next {
                Some(id) => last = Some(id),
                None => return Ok(()),
            }
            tokio::task::yield_now().await;
        }
    }

    async fn load_members(
        &self,
        store: TenantStore<'_>,
        source: Source,
        relation: &str,
        state: &mut State,
    ) -> Result<()> {
        let mut last = (String::new(), String::new());
        loop {
            let (mut seen, mut next, mut outcome) = (0, None, Ok(()));
            store
                .relation(relation, (&last.0, &last.1), CHUNK, |id, edge| {
                    seen += 1;
                    if seen == CHUNK {
                        next = Some((id.to_owned(), edge.target.to_owned()));
                    }
                    if let Some(kind) = fact::subject(edge.target_kind) {
                        let member = Subject { kind, id: edge.target };
                        outcome = fact::link(&mut state.graph, source, id, member, true);
                    }
                    if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                })
                .await?;
            outcome?;
            self.check_size(store.id(), state)?;
            match next {
                Some(place) => last = place,
                None => return Ok(()),
            }
            tokio::task::yield_now().await;
        }
    }

    fn check_size(&self, tenant: TenantId, state: &State) -> Result<()> {
        let (bytes, most) = (state.graph.bytes(), self.graphs.bytes_max);
        if bytes > most {
            tracing::error!(tenant = tenant.0, bytes, most, "the access graph of a tenant does not fit");
            return Err(Error::Unavailable);
        }
        Ok(())
    }
}
