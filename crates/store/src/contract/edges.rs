//! Edges, from both ends and along many.

use std::ops::ControlFlow;

use super::{ACME, World, all_ids, batch, new};
use crate::{Access, CommitError, Over, RecordRef, Sources, Store, TenantStore};

const HOLDS: &str = "Box.holds";

/// Boxes `a`, `b`, `c` and things `x`, `y`.
async fn boxes(store: &Store) -> TenantStore<'_> {
    let made = batch(|b| {
        for id in ["a", "b", "c"] {
            b.insert(&new("Box", id));
        }
        b.insert(&new("Thing", "x")).insert(&new("Thing", "y"))
    });
    store.tenant(ACME).commit(made).await.unwrap();
    store.tenant(ACME)
}

async fn link(tenant: TenantStore<'_>, source: &str, target: &str) -> Result<(), CommitError> {
    tenant.commit(batch(|b| b.link(HOLDS, source, target, &["Thing", "Box"]))).await.map(drop)
}

async fn targets(tenant: TenantStore<'_>, source: &str) -> Vec<String> {
    let mut shown = Vec::new();
    tenant
        .edges(HOLDS, source, None, 99, |edge| {
            shown.push(format!("{}:{}:{}", edge.target, edge.target_kind, edge.display));
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    shown
}

async fn sources(tenant: TenantStore<'_>, target: &str) -> Vec<(String, bool)> {
    listed(tenant, target, Sources { relation: HOLDS, kind: "Box", over: Over::Edges, take: 99 }).await
}

async fn listed(tenant: TenantStore<'_>, target: &str, asked: Sources<'_>) -> Vec<(String, bool)> {
    let mut lists = tenant.sources(target, &[asked]).await.unwrap();
    let list = lists.pop().unwrap();
    let shown = list.into_iter().map(|source| {
        assert_eq!(source.id, source.display);
        (source.id, source.direct)
    });
    shown.collect()
}

fn shown(sources: &[(&str, bool)]) -> Vec<(String, bool)> {
    sources.iter().map(|(id, direct)| ((*id).to_owned(), *direct)).collect()
}

fn guard(value: &str) -> CommitError {
    CommitError::Guard { attribute: HOLDS.to_owned(), value: value.to_owned() }
}

pub(crate) async fn a_link_needs_its_target(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    let half = batch(|b| b.link(HOLDS, "a", "x", &["Thing"]).link(HOLDS, "a", "nobody", &["Thing"]));
    assert_eq!(acme.commit(half).await, Err(guard("nobody")));
    assert!(targets(acme, "a").await.is_empty());
    link(acme, "a", "x").await.unwrap();
    assert_eq!(targets(acme, "a").await, ["x:Thing:x"]);
    // The same id in another tenant is another record.
    assert_eq!(link(store.tenant(super::GLOBEX), "a", "x").await, Err(guard("x")));
}

pub(crate) async fn a_link_needs_a_target_of_the_kinds(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    let link = |kinds: &[&str]| batch(|b| b.link(HOLDS, "a", "x", kinds));
    for wrong in [&[][..], &["Box"], &["Box", "Bag"], &["Box", "Bag", "Bin"]] {
        assert_eq!(acme.commit(link(wrong)).await, Err(guard("x")), "{wrong:?}");
    }
    for right in
        [&["Thing"][..], &["Box", "Thing"], &["Box", "Bag", "Bin", "Can", "Jar", "Tin", "Urn", "Thing"]]
    {
        acme.commit(link(right)).await.unwrap();
    }
}

pub(crate) async fn a_link_again_shows_the_new_name(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    link(acme, "a", "x").await.unwrap();
    link(acme, "b", "x").await.unwrap();
    acme.commit(batch(|b| b.redisplay(HOLDS, "x", "new"))).await.unwrap();
    assert_eq!(targets(acme, "b").await, ["x:Thing:new"]);
    link(acme, "a", "x").await.unwrap();
    assert_eq!(
        (targets(acme, "a").await, targets(acme, "b").await),
        (vec!["x:Thing:x".into()], vec!["x:Thing:new".into()])
    );
}

pub(crate) async fn edges_are_found_from_both_ends(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    for (source, target) in [("a", "x"), ("a", "y"), ("a", "c"), ("b", "x")] {
        link(acme, source, target).await.unwrap();
    }
    let holding = Access::Sources { relation: HOLDS, target: "x" };
    assert_eq!(all_ids(acme, "Box", holding).await, ["a", "b"]);
    assert!(all_ids(acme, "Thing", holding).await.is_empty());
    let held = Access::Targets { relation: HOLDS, source: "a" };
    assert_eq!(all_ids(acme, "Thing", held).await, ["x", "y"]);
    assert_eq!(all_ids(acme, "Box", held).await, ["c"]);
    assert_eq!(acme.edge_count(HOLDS, "a").await.unwrap(), 3);
    assert!(acme.has_edge(HOLDS, "a", "y").await.unwrap() && !acme.has_edge(HOLDS, "b", "y").await.unwrap());
    let mut page = Vec::new();
    acme.edges(HOLDS, "a", Some("c"), 1, |edge| {
        page.push(edge.target.to_owned());
        ControlFlow::Continue(())
    })
    .await
    .unwrap();
    assert_eq!(page, ["x"]);
    for ((skip, take), expected) in
        [((0, 9), &["c", "x", "y"][..]), ((1, 1), &["x"]), ((2, 9), &["y"]), ((3, 9), &[]), ((0, 0), &[])]
    {
        let mut page = Vec::new();
        acme.edges_page(HOLDS, "a", (skip, take), |edge| {
            page.push(edge.target.to_owned());
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
        assert_eq!(page, expected, "{skip} {take}");
    }
}

pub(crate) async fn forgetting_a_target_touches_its_sources(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    for (source, target) in [("a", "x"), ("b", "x"), ("b", "y"), ("a", "b")] {
        link(acme, source, target).await.unwrap();
    }
    acme.commit(batch(|b| b.delete("Thing", "x", None).forget(HOLDS, "Box", "x", 9))).await.unwrap();
    let mut versions = Vec::new();
    for id in ["a", "b", "c"] {
        let record = acme.record("Box", id).await.unwrap().unwrap();
        versions.push((record.version, record.modified));
    }
    assert_eq!(versions, [(2, 9), (2, 9), (1, 1_000)]);
    assert_eq!(targets(acme, "b").await, ["y:Thing:y"]);
    acme.commit(batch(|b| b.forget(HOLDS, "Box", "b", 9))).await.unwrap();
    assert_eq!(targets(acme, "b").await, ["y:Thing:y"], "its own edges are another matter");
    acme.commit(batch(|b| b.delete("Box", "b", None).unlink_all(HOLDS, "b"))).await.unwrap();
    assert!(sources(acme, "y").await.is_empty() && targets(acme, "a").await.is_empty());
}

pub(crate) async fn many_links_of_one_source_keep_apart(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    let mut all = tokio::task::JoinSet::new();
    for (source, target) in [("a", "x"), ("a", "y"), ("a", "b"), ("a", "c")] {
        let store = store.clone();
        all.spawn(async move { link(store.tenant(ACME), source, target).await });
    }
    assert!(all.join_all().await.iter().all(Result::is_ok));
    acme.commit(batch(|b| b.unlink(HOLDS, "a", "y").unlink(HOLDS, "a", "nobody"))).await.unwrap();
    assert_eq!(targets(acme, "a").await, ["b:Box:b", "c:Box:c", "x:Thing:x"]);
    acme.commit(batch(|b| b.unlink_all(HOLDS, "a"))).await.unwrap();
    assert!(targets(acme, "a").await.is_empty());
}

pub(crate) async fn sources_are_direct_and_indirect(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    assert!(sources(acme, "x").await.is_empty());
    // x lies in c, which lies in b, which lies in a; and in a itself.
    for (source, target) in [("c", "x"), ("b", "c"), ("a", "b"), ("a", "x")] {
        link(acme, source, target).await.unwrap();
    }
    assert_eq!(sources(acme, "x").await, shown(&[("a", true), ("b", false), ("c", true)]));
    assert_eq!(sources(acme, "b").await, shown(&[("a", true)]));
    let mut below = acme.descendants(HOLDS, HOLDS, "a", 9).await.unwrap();
    below.sort();
    assert_eq!(below, ["b", "c"]);
    assert_eq!(acme.descendants(HOLDS, HOLDS, "a", 1).await.unwrap().len(), 1);
    assert!(acme.descendants(HOLDS, HOLDS, "c", 9).await.unwrap().is_empty());
}

pub(crate) async fn a_relation_is_read_whole_by_pages(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    for (source, target) in [("c", "x"), ("b", "c"), ("a", "b"), ("a", "x")] {
        link(acme, source, target).await.unwrap();
    }
    let (mut shown, mut last) = (Vec::new(), (String::new(), String::new()));
    for _ in 0..3 {
        let after = (last.0.clone(), last.1.clone());
        acme.relation(HOLDS, (&after.0, &after.1), 2, |source, edge| {
            shown.push(format!("{source} {} {}", edge.target, edge.target_kind));
            last = (source.to_owned(), edge.target.to_owned());
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    }
    assert_eq!(shown, ["a b Box", "a x Thing", "b c Box", "c x Thing"]);
}

pub(crate) async fn walks_survive_cycles(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    for (source, target) in [("a", "b"), ("b", "c"), ("c", "a"), ("c", "x"), ("c", "c")] {
        link(acme, source, target).await.unwrap();
    }
    assert_eq!(sources(acme, "x").await, shown(&[("a", false), ("b", false), ("c", true)]));
    assert_eq!(sources(acme, "a").await, shown(&[("a", false), ("b", false), ("c", true)]));
    let mut below = acme.descendants(HOLDS, HOLDS, "a", 9).await.unwrap();
    below.sort();
    assert_eq!(below, ["a", "b", "c"]);
}

pub(crate) async fn a_link_and_the_deletion_of_its_target_do_not_both_hold(world: &impl World) {
    // As two nodes would be.
    let stores = [world.fresh().await, world.fresh().await];
    for round in 0..20 {
        let id = format!("{round:03}");
        let (here, there) = (stores[0].tenant(ACME), stores[1].tenant(ACME));
        here.commit(batch(|b| b.insert(&new("Thing", &id)))).await.unwrap();
        let link = batch(|b| b.link("Box.holds", "box", &id, &["Thing"]));
        let deletion = batch(|b| b.forget("Box.holds", "Box", &id, 1).delete("Thing", &id, None));
        let (linked, deleted) = tokio::join!(here.commit(link), there.commit(deletion));
        deleted.unwrap();
        if let Err(error) = linked {
            assert_eq!(error, CommitError::Guard { attribute: "Box.holds".to_owned(), value: id.clone() });
        }
        assert!(!here.has_edge("Box.holds", "box", &id).await.unwrap(), "an edge leads to nothing");
    }
}

pub(crate) async fn what_no_database_can_hold_is_found_in_none(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| b.insert(&new("Thing", "a")))).await.unwrap();
    assert!(acme.record("Thing", "a\0").await.unwrap().is_none());
    let result = acme.commit(batch(|b| b.link("Box.holds", "box", "a\0", &["Thing"]))).await;
    assert!(matches!(result, Err(CommitError::Guard { .. })), "{result:?}");
}

const LABELS: &str = "Tag.labels";

pub(crate) async fn sources_are_found_through_another_relation(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    acme.commit(batch(|b| b.insert(&new("Tag", "s")).insert(&new("Tag", "t")))).await.unwrap();
    let through = async |target: &str| {
        let asked = Sources {
            relation: LABELS,
            kind: "Tag",
            over: Over::Through { relation: HOLDS, kind: "Box" },
            take: 9,
        };
        let alone = listed(acme, target, asked).await;
        // Together with others, and with the record itself, the answers are the same.
        let above = Sources { relation: HOLDS, kind: "Box", over: Over::Edges, take: 9 };
        let below = Sources { over: Over::Edge, ..above };
        let all = acme.sources(target, &[above, asked, below]).await.unwrap();
        let direct: Vec<_> = all[0].iter().filter(|source| source.direct).cloned().collect();
        assert_eq!(all[2], direct);
        let again = all[1].iter().map(|source| (source.id.clone(), source.direct)).collect::<Vec<_>>();
        assert_eq!(again, alone);
        let show = |record: RecordRef<'_>, lists| (record.id.to_owned(), lists);
        let with = acme.with_sources(("Thing", None), target, &[above, asked, below], show).await.unwrap();
        assert_eq!(with, Some((target.to_owned(), all)));
        assert_eq!(acme.with_sources(("Thing", None), "absent", &[above], |_, _| ()).await.unwrap(), None);
        alone
    };
    for (source, target) in [("c", "x"), ("b", "c"), ("a", "b"), ("b", "a")] {
        link(acme, source, target).await.unwrap();
    }
    assert!(through("x").await.is_empty() && !acme.has_edges(LABELS).await.unwrap());
    let label = |source: &str, target: &str| {
        let labelled = batch(|b| b.link(LABELS, source, target, &["Thing", "Box"]));
        async { acme.commit(labelled).await.unwrap() }
    };
    // t labels a, in which b lies, in which c lies, in which x lies; s labels x itself.
    label("t", "a").await;
    assert_eq!(through("x").await, shown(&[("t", false)]));
    label("s", "x").await;
    assert_eq!(through("x").await, shown(&[("s", true), ("t", false)]));
    label("t", "x").await;
    assert_eq!(through("x").await, shown(&[("s", true), ("t", true)]));
    assert!(through("y").await.is_empty());
    label("s", "y").await;
    assert_eq!(through("y").await, shown(&[("s", true)]));
    let mut below = acme.descendants(LABELS, HOLDS, "t", 9).await.unwrap();
    below.sort();
    assert_eq!(below, ["a", "b", "c"]);
    assert!(acme.descendants(LABELS, HOLDS, "s", 9).await.unwrap().is_empty());
    // A tag of the same id as a box leads to what it labels, and no further.
    acme.commit(batch(|b| b.insert(&new("Tag", "a")))).await.unwrap();
    label("a", "y").await;
    assert_eq!(through("y").await, shown(&[("a", true), ("s", true)]));
}

/// The rows of one look are cut off where there are too many; the answers are the first by id all the same.
pub(crate) async fn sources_that_are_cut_off_are_the_first(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    let many = batch(|b| {
        for tag in 0..6 {
            b.insert(&new("Tag", &format!("t{tag}")));
        }
        for (at, source) in ["c", "a", "b"].into_iter().enumerate() {
            b.link(HOLDS, source, "x", &["Thing"]);
            for tag in [5 - at, 3, at] {
                b.link(LABELS, &format!("t{tag}"), source, &["Box"]);
            }
        }
        b.link(LABELS, "t4", "x", &["Thing"])
    });
    acme.commit(many).await.unwrap();
    let tags: Vec<_> = (0..6).map(|tag| (format!("t{tag}"), tag == 4)).collect();
    let held = shown(&[("a", true), ("b", true), ("c", true)]);
    for take in 1..12 {
        let above = Sources { relation: HOLDS, kind: "Box", over: Over::Edges, take };
        let over = Over::Through { relation: HOLDS, kind: "Box" };
        let through = Sources { relation: LABELS, kind: "Tag", over, take };
        let first = |all: &[(String, bool)]| all[..all.len().min(take.try_into().unwrap())].to_vec();
        assert_eq!(listed(acme, "x", above).await, first(&held), "{take}");
        assert_eq!(listed(acme, "x", through).await, first(&tags), "{take}");
        let both = acme.sources("x", &[through, above]).await.unwrap();
        let ids =
            |list: &[crate::Source]| list.iter().map(|one| (one.id.clone(), one.direct)).collect::<Vec<_>>();
        assert_eq!([ids(&both[0]), ids(&both[1])], [first(&tags), first(&held)], "{take}");
    }
}

pub(crate) async fn what_is_in_use_stays(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    acme.commit(batch(|b| b.count("Thing", 2, false))).await.unwrap();
    let remove = || batch(|b| b.delete("Thing", "x", None).unused(HOLDS, "Thing", "x"));
    link(acme, "a", "x").await.unwrap();
    let refused = CommitError::InUse { relation: HOLDS.to_owned(), target: "x".to_owned() };
    assert_eq!(acme.commit(remove()).await, Err(refused));
    assert!(acme.record("Thing", "x").await.unwrap().is_some());
    acme.commit(batch(|b| b.unlink(HOLDS, "a", "x"))).await.unwrap();
    acme.commit(remove()).await.unwrap();
    assert!(acme.record("Thing", "x").await.unwrap().is_none());
}

pub(crate) async fn what_leads_to_itself_is_refused(world: &impl World) {
    let stores = [world.fresh().await, world.fresh().await];
    let acme = boxes(&stores[0]).await;
    acme.commit(batch(|b| b.count("Box", 4, false))).await.unwrap();
    let hold = |source: &'static str, target: &'static str, most: u64| {
        batch(move |b| b.link(HOLDS, source, target, &["Box"]).acyclic(HOLDS, "Box", source, most))
    };
    for (source, target) in [("a", "b"), ("b", "c"), ("a", "c")] {
        acme.commit(hold(source, target, 9)).await.unwrap();
    }
    for (source, target) in [("c", "a"), ("c", "b"), ("b", "a"), ("c", "c")] {
        assert_eq!(acme.commit(hold(source, target, 9)).await, Err(CommitError::Cycle), "{source} {target}");
        assert!(!acme.has_edge(HOLDS, source, target).await.unwrap());
    }
    // So many are looked at: b, then a and c.
    acme.commit(batch(|b| b.unlink(HOLDS, "a", "c"))).await.unwrap();
    assert_eq!(acme.commit(hold("c", "b", 3)).await, Err(CommitError::Cycle));
    acme.commit(hold("c", "b", 1)).await.unwrap();
    // Whoever is in a cycle already is refused, whatever the edge.
    acme.commit(batch(|b| b.insert(&new("Box", "d")))).await.unwrap();
    assert_eq!(acme.commit(hold("c", "d", 9)).await, Err(CommitError::Cycle));
    acme.commit(batch(|b| b.unlink(HOLDS, "c", "b").unlink(HOLDS, "a", "b"))).await.unwrap();
    for _ in 0..20 {
        let there = stores[1].tenant(ACME);
        let (one, other) = tokio::join!(acme.commit(hold("a", "b", 9)), there.commit(hold("c", "a", 9)));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        acme.commit(batch(|b| b.unlink(HOLDS, "a", "b").unlink(HOLDS, "c", "a"))).await.unwrap();
    }
}

pub(crate) async fn a_link_and_the_deletion_of_what_must_be_unused_do_not_both_hold(world: &impl World) {
    let stores = [world.fresh().await, world.fresh().await];
    for round in 0..20 {
        let id = format!("{round:03}");
        let (here, there) = (stores[0].tenant(ACME), stores[1].tenant(ACME));
        here.commit(batch(|b| b.insert(&new("Thing", &id)).count("Thing", 1, false))).await.unwrap();
        let link = batch(|b| b.link(HOLDS, "box", &id, &["Thing"]));
        let deletion =
            batch(|b| b.delete("Thing", &id, None).count("Thing", -1, true).unused(HOLDS, "Thing", &id));
        let (linked, deleted) = tokio::join!(here.commit(link), there.commit(deletion));
        let is_there = here.record("Thing", &id).await.unwrap().is_some();
        let is_linked = here.has_edge(HOLDS, "box", &id).await.unwrap();
        assert_eq!((is_there, is_linked), (deleted.is_err(), linked.is_ok()), "{linked:?} {deleted:?}");
        assert_eq!(is_there, is_linked, "an edge leads to nothing, or what nothing refers to stayed");
    }
}

pub(crate) async fn a_page_of_neighbours_is_led_to(world: &impl World) {
    let store = world.fresh().await;
    let acme = boxes(&store).await;
    acme.commit(batch(|b| b.insert(&new("Tag", "s")).insert(&new("Tag", "t")))).await.unwrap();
    let holders = async |first: &str, last: &str, most: u64| {
        let found = acme.between(HOLDS, "Box", (first, last), most).await.unwrap()?;
        let of = |target: &str| {
            let mut all: Vec<_> = found.of(target).map(|at| found.sources()[at].clone()).collect();
            all.sort_by(|a, b| a.id.cmp(&b.id));
            all.into_iter().map(|source| (source.id, source.is_below)).collect::<Vec<_>>()
        };
        assert_eq!(of("absent"), []);
        Some((of("x"), of("y")))
    };
    assert_eq!(holders("x", "y", 9).await, Some((shown(&[]), shown(&[]))));
    for (source, target) in [("a", "x"), ("b", "x"), ("b", "y"), ("c", "b")] {
        link(acme, source, target).await.unwrap();
    }
    // c holds b: more lies above b.
    let of_x = shown(&[("a", false), ("b", true)]);
    assert_eq!(holders("x", "y", 4).await, Some((of_x.clone(), shown(&[("b", true)]))));
    assert_eq!(holders("x", "x", 9).await, Some((of_x, shown(&[]))));
    assert_eq!(holders("x", "y", 3).await, None, "they are too many to be looked at together");
    let other = acme.between(HOLDS, "Tag", ("x", "y"), 9).await.unwrap().unwrap();
    assert!(other.sources().is_empty() && other.of("x").next().is_none(), "no tag holds anything");

    let labelled = batch(|b| b.link(LABELS, "s", "b", &["Box"]).link(LABELS, "t", "b", &["Box"]));
    acme.commit(labelled).await.unwrap();
    let through = async |first: &str, last: &str, most: u64| {
        let mut found = acme.between_through((LABELS, HOLDS), "Tag", (first, last), most).await.unwrap()?;
        found.sort();
        Some(found.into_iter().map(|(holder, id, display)| format!("{holder}<{id}:{display}")).collect())
    };
    let labels: Option<Vec<String>> = Some(vec!["b<s:s".to_owned(), "b<t:t".to_owned()]);
    assert_eq!(through("x", "y", 9).await, labels, "each once, however many it holds");
    assert_eq!(through("x", "y", 2).await, None);
    assert_eq!(through("z", "zz", 9).await, Some(Vec::new()));
}
