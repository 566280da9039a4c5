//! Following the audit chain: from the entry that a graph stands for to the newest one.
//!
//! What an entry names is read as it is now, not as it was then, so the order of what is read does not matter. All of it is read
//! of one moment, that of the newest entry, so that the graph is of that moment too.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use authz::graph::{Subject, SubjectKind};
use store::{AuditEntry, AuditQuery, TenantId, TenantStore};

use super::fact::{self, Fact, Source, TYPE};
use super::{Change, Place, State};
use crate::error::Result;
use crate::resource::{DELETE, RELINK};
use crate::{Iam, limits};

/// What happened between two entries.
#[derive(Default)]
struct Window {
    /// Records to be read.
    records: BTreeSet<(Source, String)>,
    /// Groups and roles whose members are to be read.
    members: BTreeSet<(Source, String)>,
    /// Members that came and went, in order.
    changes: Vec<(Source, String, Vec<Change>)>,
}

impl Window {
    fn take(&mut self, entry: AuditEntry, known: &BTreeMap<i64, Vec<Change>>) {
        let Some(source) = Source::named(&entry.kind) else { return };
        if source.members().is_some() {
            match known.get(&entry.sequence).filter(|_| entry.verb != DELETE) {
                Some(changes) => self.changes.push((source, entry.id.clone(), changes.clone())),
                None => _ = self.members.insert((source, entry.id.clone())),
            }
        }
        if entry.verb != RELINK {
            self.records.insert((source, entry.id));
        }
    }
}

/// Who is in a group or role.
type Members = HashSet<(SubjectKind, String)>;

/// What was read of it.
#[derive(Default)]
struct News {
    facts: Vec<(Source, String, Fact)>,
    members: Vec<(Source, String, Members)>,
    changes: Vec<(Source, String, Vec<Change>)>,
}

impl Iam {
    /// Brings a graph to the newest entry, if it does not stand for this one or a later one.
    pub(super) async fn follow(&self, tenant: TenantId, place: &Place, wanted: i64) -> Result<()> {
        let _turn = place.turn.lock().await;
        if place.ask(wanted, |_| ()).is_some() {
            // Whoever had the turn before has done it.
            return Ok(());
        }
        let moment = self.store.tenant(tenant).moment().await?;
        let followed = self.catch_up(moment.tenant(), place).await;
        moment.end().await;
        followed?;
        self.graphs.make_room(tenant);
        Ok(())
    }

    /// Brings a graph to the newest entry of a moment.
    async fn catch_up(&self, store: TenantStore<'_>, place: &Place) -> Result<()> {
        let newest = store.sequence().await?;
        let known = place.read(|state| state.sequence);
        let most = i64::try_from(limits::GRAPH_CHANGES_MAX).unwrap_or(i64::MAX);
        let window = match known >= 0 && known <= newest && newest - known <= most {
            true => window(store, place, known, newest).await?,
            false => None,
        };
        match window {
            Some(window) => {
                let news = read(store, place, window).await?;
                place.write(|state| {
                    state.follow(news, newest).inspect_err(|_| {
                        // Half of it may be in.
                        state.sequence = -1;
                    })
                })?;
            }
            None => {
                let loaded = self.load(store, newest).await?;
                place.write(|state| *state = loaded);
            }
        }
        place.waiting().forget_through(newest);
        Ok(())
    }
}

/// What happened from one entry to another; nothing when the chain does not tell.
async fn window(store: TenantStore<'_>, place: &Place, known: i64, newest: i64) -> Result<Option<Window>> {
    let own = place.waiting().changes.range(known + 1..=newest).map(|(at, c)| (*at, c.clone())).collect();
    let (mut window, mut count) = (Window::default(), 0);
    let query = AuditQuery { after: known, before: newest + 1, descending: false, take: u64::MAX };
    store
        .audit(&query, |entry| {
            count += 1;
            window.take(entry, &own);
            ControlFlow::Continue(())
        })
        .await?;
    Ok((count == newest - known).then_some(window))
}

async fn read(store: TenantStore<'_>, place: &Place, window: Window) -> Result<News> {
    let mut news = News { changes: window.changes, ..News::default() };
    let mut moved = BTreeSet::new();
    for (source, id) in &window.records {
        let fact = record(store, *source, id).await?;
        if *source == Source::ResourceType && place.read(|state| state.slugs.get(id) != fact.type_slug()) {
            // The resources of a type lie where its slug says.
            let resource = Source::Resource.kind();
            store
                .direct_sources(TYPE, resource, id, u64::MAX, |id, _| {
                    moved.insert(id.to_owned());
                    ControlFlow::Continue(())
                })
                .await?;
        }
        news.facts.push((*source, id.clone(), fact));
    }
    for id in moved {
        if !window.records.contains(&(Source::Resource, id.clone())) {
            let fact = record(store, Source::Resource, &id).await?;
            news.facts.push((Source::Resource, id, fact));
        }
    }
    for (source, id) in window.members {
        let mut members = Members::new();
        store
            .edges(source.members().unwrap_or_default(), &id, None, u64::MAX, |edge| {
                members.extend(fact::subject(edge.target_kind).map(|kind| (kind, edge.target.to_owned())));
                ControlFlow::Continue(())
            })
            .await?;
        news.members.push((source, id, members));
    }
    Ok(news)
}

async fn record(store: TenantStore<'_>, source: Source, id: &str) -> Result<Fact> {
    let fact = store.with_record(source.kind(), id, |record| Fact::of(source, id, record.document)).await?;
    fact.unwrap_or(Ok(Fact::Nothing))
}

impl State {
    fn follow(&mut self, news: News, sequence: i64) -> Result<()> {
        let Self { graph, slugs, .. } = self;
        let mut gone = HashSet::new();
        for (source, id, fact) in &news.facts {
            fact.put(graph, slugs, *source, id)?;
            if matches!(fact, Fact::Nothing) {
                gone.insert((*source, id.as_str()));
            }
        }
        for (source, id, changes) in &news.changes {
            if gone.contains(&(*source, id.as_str())) {
                continue;
            }
            for change in changes.iter().filter(|change| Some(change.relation.as_str()) == source.members()) {
                // A member that is not there is one no more: it was deleted meanwhile.
                let member = SubjectKind::ALL.into_iter().map(|kind| Subject { kind, id: &change.target });
                for member in member.filter(|member| graph.has_subject(*member)).collect::<Vec<_>>() {
                    fact::link(graph, *source, id, member, change.is_link)?;
                }
            }
        }
        for (source, id, members) in &news.members {
            let had: Members = graph.members(fact::node(*source), id).into_iter().collect();
            for (change, is_link) in [(had.difference(members), false), (members.difference(&had), true)] {
                for (kind, member) in change {
                    fact::link(graph, *source, id, Subject { kind: *kind, id: member }, is_link)?;
                }
            }
        }
        self.sequence = sequence;
        Ok(())
    }
}
