//! The access graphs: one per tenant, in memory, as of the newest commit whenever it is asked, or as of [`store::LATELY`] before it.
//!
//! The tenant's audit chain is the feed of changes. A graph knows the number of the entry it stands for; who asks reads the
//! number of the newest, and a graph that stands for that or a later one is right. One that is behind follows: what this process
//! wrote it was told ([`Graphs::note`]), what others wrote is read anew (`follow`). The first question builds the graph (`load`).
//! Either reads one moment of the store, so that it ends, and is of one moment, however much is written meanwhile.

mod fact;
mod follow;
mod load;
mod names;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use authz::Graph;
use store::TenantId;
use tokio::sync::Mutex as Fair;

use crate::error::{Error, Result};
use crate::kind::reserve::EdgeChange;
use crate::lately::Since;
use crate::{Iam, limits};

/// The graphs that are in memory.
pub(crate) struct Graphs {
    places: Mutex<HashMap<TenantId, Arc<Place>>>,
    bytes_max: usize,
}

/// One tenant's graph.
pub(crate) struct Place {
    state: RwLock<State>,
    /// One at a time builds it or follows.
    turn: Fair<()>,
    waiting: Mutex<Waiting>,
    /// When it was last asked, in milliseconds since the Unix epoch.
    used: AtomicI64,
    bytes: AtomicUsize,
}

struct State {
    graph: Graph,
    /// The slug of each resource type, by id.
    slugs: HashMap<String, String>,
    /// The number of the entry it stands for; negative before it is built.
    sequence: i64,
}

/// Which edges came and went by the entries of this process that no question has asked for yet.
#[derive(Default)]
struct Waiting {
    changes: BTreeMap<i64, Vec<Change>>,
    count: usize,
}

/// An edge that came or went.
#[derive(Clone)]
struct Change {
    relation: String,
    target: String,
    is_link: bool,
}

impl Default for Graphs {
    fn default() -> Self {
        Self::bounded(limits::GRAPHS_BYTES_MAX)
    }
}

impl Graphs {
    fn bounded(bytes_max: usize) -> Self {
        Self { places: Mutex::default(), bytes_max }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, tenant: TenantId, now: i64) -> Arc<Place> {
        let place = Arc::clone(self.places().entry(tenant).or_insert_with(|| Arc::new(Place::new())));
        place.used.store(now, Ordering::Relaxed);
        place
    }

    /// Notes which edges an entry stands for that this process has committed; without this, a graph reads them anew.
    pub(crate) fn note(&self, tenant: TenantId, sequence: i64, edges: &[EdgeChange<'_>]) {
        let Some(place) = self.places().get(&tenant).cloned() else { return };
        let mut waiting = place.waiting();
        if sequence > 0 && waiting.count + edges.len() <= limits::GRAPH_WAITING_MAX {
            waiting.count += edges.len() + 1;
            let changes = edges.iter().map(|edge| Change {
                relation: edge.relation.name.clone(),
                target: edge.target.clone(),
                is_link: edge.is_link,
            });
            waiting.changes.insert(sequence, changes.collect());
        }
    }

    /// Makes room: those that were not used for longest go, but not this one.
    fn make_room(&self, tenant: TenantId) {
        let mut places = self.places();
        let mut sizes: Vec<_> = places
            .iter()
            .map(|(id, place)| (place.used.load(Ordering::Relaxed), *id, place.bytes.load(Ordering::Relaxed)))
            .collect();
        sizes.sort_unstable_by_key(|(used, id, _)| (*id == tenant, *used));
        let mut total: usize = sizes.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, id, bytes) in sizes {
            if total <= self.bytes_max || id == tenant {
                return;
            }
            places.remove(&id);
            total -= bytes;
        }
    }

    /// Forgets what nobody has asked since then.
    fn forget_unused_since(&self, then: i64) {
        self.places().retain(|_, place| place.used.load(Ordering::Relaxed) >= then);
    }
}

impl Place {
    fn new() -> Self {
        Self {
            state: RwLock::new(State { graph: Graph::seeded(0), slugs: HashMap::new(), sequence: -1 }),
            turn: Fair::default(),
            waiting: Mutex::default(),
            used: AtomicI64::default(),
            bytes: AtomicUsize::default(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<R>(&self, f: impl FnOnce(&State) -> R) -> R {
        f(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let made = f(&mut state);
        self.bytes.store(state.graph.bytes(), Ordering::Relaxed);
        made
    }

    /// What the graph says, if it stands for the entry of this number or a later one.
    fn ask<R>(&self, sequence: i64, f: impl FnOnce(&Graph) -> R) -> Option<R> {
        self.read(|state| (state.sequence >= sequence).then(|| f(&state.graph)))
    }
}

impl Waiting {
    /// Forgets what came before this entry, and it.
    fn forget_through(&mut self, sequence: i64) {
        let later = self.changes.split_off(&(sequence + 1));
        let gone = std::mem::replace(&mut self.changes, later);
        self.count -= gone.values().map(|changes| changes.len() + 1).sum::<usize>();
    }
}

impl Iam {
    /// What a tenant's graph says, as of the newest commit when it was asked, or a later one. `f` runs once, and must not
    /// take long.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the graph does not fit, or the store cannot be reached.
    pub(crate) async fn with_graph<R>(&self, tenant: TenantId, f: impl FnOnce(&Graph) -> R) -> Result<R> {
        let newest = self.store.tenant(tenant).sequence().await?;
        self.with_graph_of(tenant, newest, f).await
    }

    /// As [`Iam::with_graph`], but what another process has committed in the last [`store::LATELY`] may be missing.
    pub(crate) async fn with_recent_graph<R>(
        &self,
        tenant: TenantId,
        f: impl FnOnce(&Graph) -> R,
    ) -> Result<R> {
        let store = self.store.tenant(tenant);
        let since = Since::now(store.commits());
        let newest = match self.newest.get(&tenant, since) {
            Some(newest) => newest,
            None => {
                let newest = Box::pin(store.sequence()).await?;
                self.newest.put(tenant, since, newest);
                newest
            }
        };
        self.with_graph_of(tenant, newest, f).await
    }

    /// What a tenant's graph says, as of an entry or a later one.
    async fn with_graph_of<R>(
        &self,
        tenant: TenantId,
        newest: i64,
        f: impl FnOnce(&Graph) -> R,
    ) -> Result<R> {
        let place = self.graphs.place(tenant, self.now());
        let mut f = Some(f);
        for _ in 0..limits::RETRIES_MAX {
            let answer = place.ask(newest, |graph| f.take().map(|f| f(graph)));
            if let Some(answer) = answer.flatten() {
                return Ok(answer);
            }
            // Its future is large, and few questions need it.
            Box::pin(self.follow(tenant, &place, newest)).await?;
        }
        Err(Error::Unavailable)
    }

    /// As [`Iam::with_graph`], of what may take long: beside the threads on which requests run.
    pub(crate) async fn search_graph<R: Send + 'static>(
        &self,
        tenant: TenantId,
        f: impl Fn(&Graph) -> R + Send + Sync + 'static,
    ) -> Result<R> {
        let place = self.graphs.place(tenant, self.now());
        let f = Arc::new(f);
        let newest = self.store.tenant(tenant).sequence().await?;
        for _ in 0..limits::RETRIES_MAX {
            if place.ask(newest, |_| ()).is_some() {
                let (place, f) = (Arc::clone(&place), Arc::clone(&f));
                let answer = tokio::task::spawn_blocking(move || place.ask(newest, |graph| f(graph)));
                if let Some(answer) = answer.await.map_err(Error::internal)? {
                    return Ok(answer);
                }
            }
            self.follow(tenant, &place, newest).await?;
        }
        Err(Error::Unavailable)
    }

    /// Forgets the graphs that nobody has asked for [`limits::GRAPH_IDLE_SECONDS`].
    pub fn forget_idle_graphs(&self) {
        let idle = i64::try_from(limits::GRAPH_IDLE_SECONDS * 1_000).unwrap_or(i64::MAX);
        self.graphs.forget_unused_since(self.now().saturating_sub(idle));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(graphs: &Graphs, tenant: i64, used: i64, bytes: usize) {
        graphs.place(TenantId(tenant), used).bytes.store(bytes, Ordering::Relaxed);
    }

    fn kept(graphs: &Graphs) -> Vec<i64> {
        let mut kept: Vec<_> = graphs.places().keys().map(|tenant| tenant.0).collect();
        kept.sort_unstable();
        kept
    }

    #[test]
    fn the_graph_that_was_not_used_for_longest_makes_room() {
        let graphs = Graphs::bounded(100);
        for (tenant, used) in [(1, 30), (2, 10), (3, 20)] {
            filled(&graphs, tenant, used, 40);
        }
        graphs.make_room(TenantId(2));
        assert_eq!(kept(&graphs), [1, 2], "the one in use stays, whatever its age");
        filled(&graphs, 4, 40, 1_000);
        graphs.make_room(TenantId(4));
        assert_eq!(kept(&graphs), [4]);
    }

    #[test]
    fn a_graph_that_nobody_asks_is_forgotten() {
        let graphs = Graphs::default();
        filled(&graphs, 1, 1_000, 1);
        filled(&graphs, 2, 2_000, 1);
        graphs.forget_unused_since(1_001);
        assert_eq!(kept(&graphs), [2]);
    }

    #[test]
    fn what_waits_is_bounded_and_forgotten_once_followed() {
        let graphs = Graphs::default();
        let place = graphs.place(TenantId(1), 0);
        let relation = crate::kind::Relation {
            attribute: "members".to_owned(),
            name: "Thing.members".to_owned(),
            targets: Vec::new(),
        };
        let edge = EdgeChange { relation: &relation, target: "x".to_owned(), is_link: true };
        let most = vec![edge; limits::GRAPH_WAITING_MAX];
        graphs.note(TenantId(1), 1, &most[1..]);
        graphs.note(TenantId(1), 2, &most[..1]);
        graphs.note(TenantId(9), 3, &most[..1]);
        assert_eq!(place.waiting().changes.keys().copied().collect::<Vec<_>>(), [1]);
        place.waiting().forget_through(1);
        assert_eq!(place.waiting().count, 0);
        graphs.note(TenantId(1), 2, &most);
        assert_eq!(place.waiting().changes.len(), 1);
    }
}
