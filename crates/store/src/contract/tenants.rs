//! Tenants and their tokens.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::yield_now;

use super::{ACME, GLOBEX, World, all_ids, batch, creation, entries, entry, intact, new};
use crate::columns::{Columns, ENOUGH, Param};
use crate::table::{STATEMENTS, TABLES};
use crate::{Access, CommitError, FaultPoint, NewToken, Options, TenantId, TokenQuery};

fn token<'a>(hash: &'a [u8; 32], id: &'a str) -> NewToken<'a> {
    NewToken {
        hash,
        id,
        connection: "line",
        kind: "key",
        mode: "write",
        name: "mine",
        provider: None,
        settings: "{}",
        subject: Some("a"),
        created: 1,
        created_by: "me",
        expires: Some(9),
    }
}

pub(crate) async fn a_tenant_is_made_and_found(world: &impl World) {
    let store = world.empty().await;
    let tenants = store.tenants();
    let acme = tenants.create("acme", 5, "me").await.unwrap();
    assert_eq!((acme.id, acme.created, acme.kinds), (TenantId(1), 5, 0));
    let globex = tenants.create("globex", 6, "me").await.unwrap();
    assert_eq!(tenants.get(acme.id).await.unwrap().as_ref(), Some(&acme));
    assert_eq!(tenants.by_name("globex").await.unwrap().as_ref(), Some(&globex));
    assert_eq!(tenants.by_name("Globex").await.unwrap(), None);
    assert_eq!(tenants.list(None, 9).await.unwrap(), [acme, globex.clone()]);
    assert_eq!(tenants.list(Some("acme"), 9).await.unwrap(), [globex]);
    let chain = entries(store.tenant(TenantId::INSTALLATION), false).await;
    assert_eq!(
        chain.iter().map(|e| (&*e.verb, &*e.id)).collect::<Vec<_>>(),
        [("create", "acme"), ("create", "globex")]
    );
}

pub(crate) async fn a_name_is_given_once_an_id_never_twice(world: &impl World) {
    let store = world.empty().await;
    let tenants = store.tenants();
    let first = tenants.create("acme", 5, "me").await.unwrap();
    let taken = Err(CommitError::Unique { attribute: "name".to_owned() });
    assert_eq!(tenants.create("acme", 6, "me").await, taken);
    tenants.delete(first.id, 7, "me").await.unwrap();
    assert_eq!(tenants.delete(first.id, 7, "me").await, Err(CommitError::Missing));
    let second = tenants.create("acme", 8, "me").await.unwrap();
    assert!(second.id > first.id);
    intact(store.tenant(TenantId::INSTALLATION), 3).await;
}

/// Fills two tenants alike, with more rows than one chunk of a deletion.
pub(crate) async fn fill(store: &crate::Store) {
    for (id, hash) in [(ACME, [1; 32]), (GLOBEX, [2; 32])] {
        let tenant = store.tenant(id);
        tenant.commit(creation("a", b"a")).await.unwrap();
        let many = batch(|b| {
            b.insert(&new("Box", "box"))
                .link("Box.holds", "box", "a", &["Thing"])
                .token_insert(&token(&hash, "t"));
            for number in 0..1_500 {
                b.insert(&new("Thing", &format!("{number}")));
            }
            b
        });
        tenant.commit(many).await.unwrap();
    }
}

/// In how many tables there is anything of a tenant.
async fn left(store: &crate::Store, id: TenantId) -> Vec<&'static str> {
    let mut left = Vec::new();
    for (table, statements) in TABLES.iter().zip(STATEMENTS.iter()) {
        let mut rows = 0;
        let count = |row: &dyn Columns| {
            rows = row.int(0)?;
            ENOUGH
        };
        store.tenant(id).read(&statements.count, &[Param::Int(id.0)], count).await.unwrap();
        left.extend((rows > 0).then_some(table.name));
    }
    left
}

pub(crate) async fn a_deleted_tenant_leaves_nothing(world: &impl World) {
    let store = world.fresh().await;
    fill(&store).await;
    store.tenants().delete(ACME, 7, "me").await.unwrap();
    assert_eq!(left(&store, ACME).await, [""; 0]);
    assert!(store.tenant(TenantId::INSTALLATION).settings().await.unwrap().is_empty());
    assert_eq!(all_ids(store.tenant(GLOBEX), "Thing", Access::Id).await.len(), 1_501);
    assert!(store.authenticate(GLOBEX, &[2; 32]).await.unwrap().is_some());
    intact(store.tenant(GLOBEX), 1).await;
    assert_eq!(store.tenants().list(None, 9).await.unwrap().len(), 1);
}

pub(crate) async fn a_deletion_cut_short_goes_on(world: &impl World) {
    let store = world.fresh().await;
    fill(&store).await;
    store.close().await;
    // The first commit ends the access; the second is cut short.
    let commits = std::sync::atomic::AtomicUsize::new(0);
    let fault = move |point| {
        point == FaultPoint::Commit && commits.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1
    };
    let store = world.open(Options { fault: Some(std::sync::Arc::new(fault)), ..Options::default() }).await;
    store.tenants().delete(ACME, 7, "me").await.unwrap_err();
    drop(store);
    let store = world.empty().await;
    assert_ne!(left(&store, ACME).await, [""; 0]);
    assert!(store.authenticate(ACME, &[1; 32]).await.unwrap().is_none());
    assert_eq!(store.tenants().by_name("acme").await.unwrap(), None);
    store.tenants().sweep().await.unwrap();
    assert_eq!(left(&store, ACME).await, [""; 0]);
    store.tenants().sweep().await.unwrap();
    intact(store.tenant(TenantId::INSTALLATION), 3).await;
}

pub(crate) async fn two_stores_finish_a_deletion_at_once(world: &impl World) {
    let stores = [world.fresh().await, world.fresh().await];
    fill(&stores[0]).await;
    // As it lies there after the first commit of a deletion.
    let begin = batch(|b| b.setting(&format!("deleting/{}", ACME.0), ""));
    stores[0].tenant(TenantId::INSTALLATION).commit(begin).await.unwrap();
    let [one, two] = [stores[0].tenants(), stores[1].tenants()];
    let (one, two) = tokio::join!(one.sweep(), two.sweep());
    one.unwrap();
    two.unwrap();
    assert_eq!(left(&stores[1], ACME).await, ["tenant"]);
    assert!(left(&stores[1], GLOBEX).await.len() > 6);
    assert!(stores[0].tenant(TenantId::INSTALLATION).settings().await.unwrap().is_empty());
}

/// A batch of one of three sorts: a record, a setting and an event, a token.
fn late(number: u64) -> crate::Batch {
    let (id, mut hash) = (format!("late {number}"), [3; 32]);
    hash[..8].copy_from_slice(&number.to_be_bytes());
    match number % 3 {
        0 => creation(&id, &hash),
        1 => batch(|b| b.setting(&id, "").event("late", "", 1)),
        _ => batch(|b| b.token_insert(&token(&hash, &id)).audit(&entry(&id))),
    }
}

/// Of what comes while it is deleted each commit is done and goes with the rest, or is refused, and none comes after.
pub(crate) async fn a_tenant_deleted_while_others_commit_leaves_nothing(world: &impl World) {
    let stores = [world.fresh().await, world.fresh().await];
    fill(&stores[0]).await;
    let done = AtomicU64::new(0);
    let writers = (0..12_u64).map(async |writer| {
        let acme = stores[usize::from(writer % 2 == 0)].tenant(ACME);
        for number in 0.. {
            match acme.commit(late(number * 12 + writer)).await {
                Ok(_) => _ = done.fetch_add(1, Ordering::Relaxed),
                refused => return refused.unwrap_err(),
            }
        }
        unreachable!()
    });
    let deletion = async {
        while done.load(Ordering::Relaxed) < 50 {
            yield_now().await;
        }
        stores[1].tenants().delete(ACME, 7, "me").await.unwrap();
    };
    let (refused, ()) = tokio::join!(futures_util::future::join_all(writers), deletion);
    assert!(refused.iter().all(|refused| *refused == CommitError::NoTenant), "{refused:?}");
    assert_eq!(left(&stores[0], ACME).await, [""; 0]);
    for store in &stores {
        let later = store.tenant(ACME).commit(creation("later", b"later")).await;
        assert_eq!(later, Err(CommitError::NoTenant));
        assert_eq!(store.tenant(TenantId(99)).commit(batch(|b| b.unset("x"))).await, later);
        store.tenant(GLOBEX).commit(batch(|b| b.setting("later", ""))).await.unwrap();
    }
    assert_eq!(left(&stores[0], ACME).await, [""; 0]);
}

/// What a node remembers of where records are holds as long as no node moved any.
pub(crate) async fn a_position_learned_is_checked_against_what_others_did(world: &impl World) {
    let stores = [world.fresh().await, world.fresh().await];
    let [here, there] = [stores[0].tenant(ACME), stores[1].tenant(ACME)];
    for number in 0..40_u8 {
        here.commit(creation(&format!("{number:02}"), &[number])).await.unwrap();
    }
    assert_eq!(here.at("Thing", 21).await.unwrap().as_deref(), Some("20"));
    for gone in 0..5_u8 {
        let id = format!("{gone:02}");
        there.commit(batch(|b| b.delete("Thing", &id, None).count("Thing", -1, true))).await.unwrap();
        for store in [here, there] {
            assert_eq!(store.at("Thing", 20).await.unwrap(), Some(format!("{}", 20 + gone)));
        }
    }
}

pub(crate) async fn tenants_do_not_see_each_other(world: &impl World) {
    let store = world.fresh().await;
    let (acme, globex) = (store.tenant(ACME), store.tenant(GLOBEX));
    // The same ids, keys and names on both sides; then one side is emptied.
    for tenant in [acme, globex] {
        tenant.commit(creation("a", b"k")).await.unwrap();
        let more = batch(|b| {
            b.insert(&new("Box", "box")).link("Box.holds", "box", "a", &["Thing"]);
            b.token_insert(&token(&[tenant.id().0 as u8; 32], "t"))
        });
        tenant.commit(more).await.unwrap();
    }
    let wipe = batch(|b| {
        b.delete("Thing", "a", None)
            .delete("Box", "box", None)
            .release("Thing", "name", b"k", "a")
            .unindex("Thing", "colour", b"k", "a")
            .forget("Box.holds", "Box", "a", 9)
            .count("Thing", -1, true)
            .unset("last")
            .token_delete("t")
            .delivered(9)
    });
    globex.commit(wipe).await.unwrap();
    assert!(globex.record("Thing", "a").await.unwrap().is_none());
    assert_eq!(acme.record("Box", "box").await.unwrap().unwrap().version, 1);
    assert_eq!(acme.id_by_key("Thing", "name", b"k").await.unwrap().as_deref(), Some("a"));
    let indexed = Access::Index { attribute: "colour", from: &[], to: &[255] };
    assert_eq!(all_ids(acme, "Thing", indexed).await, ["a"]);
    assert!(acme.has_edge("Box.holds", "box", "a").await.unwrap());
    assert_eq!(acme.total("Thing").await.unwrap(), 1);
    assert!(acme.setting("last").await.unwrap().is_some() && acme.token("t").await.unwrap().is_some());
    assert_eq!(acme.outbox(0, 9).await.unwrap().len(), 1);
    assert!(globex.outbox(0, 9).await.unwrap().is_empty());
}

pub(crate) async fn a_token_opens_its_tenant_alone(world: &impl World) {
    let store = world.empty().await;
    let acme = store.tenants().create("acme", 5, "me").await.unwrap();
    let globex = store.tenants().create("globex", 5, "me").await.unwrap();
    store.tenant(acme.id).commit(batch(|b| b.token_insert(&token(&[1; 32], "t")))).await.unwrap();
    let (token, tenant) = store.authenticate(acme.id, &[1; 32]).await.unwrap().unwrap();
    assert_eq!((tenant, &*token.id, token.expires, token.last_used), (acme, "t", Some(9), None));
    assert_eq!(store.authenticate(globex.id, &[1; 32]).await.unwrap(), None);
    assert_eq!(store.authenticate(token_tenant(), &[1; 32]).await.unwrap(), None);
}

fn token_tenant() -> TenantId {
    TenantId(99)
}

pub(crate) async fn a_token_is_changed_and_deleted(world: &impl World) {
    let store = world.empty().await;
    let acme = store.tenants().create("acme", 5, "me").await.unwrap();
    let tenant = store.tenant(acme.id);
    tenant.commit(batch(|b| b.token_insert(&token(&[1; 32], "t")))).await.unwrap();
    for (hash, id) in [([1; 32], "u"), ([2; 32], "t")] {
        let taken = Err(CommitError::Unique { attribute: "id".to_owned() });
        assert_eq!(tenant.commit(batch(|b| b.token_insert(&token(&hash, id)))).await, taken);
    }
    let change = batch(|b| {
        b.token_expires("t", None).token_settings("t", "{1}").token_used("t", 7).token_used("t", 6)
    });
    tenant.commit(change).await.unwrap();
    let (token, _) = store.authenticate(acme.id, &[1; 32]).await.unwrap().unwrap();
    assert_eq!((token.expires, &*token.settings, token.last_used), (None, "{1}", Some(7)));
    tenant.commit(batch(|b| b.token_delete("t"))).await.unwrap();
    assert_eq!(store.authenticate(acme.id, &[1; 32]).await.unwrap(), None);
    for gone in [
        batch(|b| b.token_delete("t")),
        batch(|b| b.token_expires("t", None)),
        batch(|b| b.token_settings("t", "{}")),
    ] {
        assert_eq!(tenant.commit(gone).await, Err(CommitError::Missing));
    }
    tenant.commit(batch(|b| b.token_used("t", 9))).await.unwrap();
}

pub(crate) async fn tokens_are_listed(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    for (number, id, kind, provider) in [
        (1, "a", "key", None),
        (2, "b", "door", Some("p")),
        (3, "c", "key", Some("p")),
        (4, "d", "key", Some("q")),
    ] {
        let hash = [number; 32];
        acme.commit(batch(|b| b.token_insert(&NewToken { kind, provider, ..token(&hash, id) })))
            .await
            .unwrap();
    }
    let all = TokenQuery { take: 9, ..TokenQuery::default() };
    for (query, expected, count) in [
        (all, "abcd", 4),
        (TokenQuery { kind: Some("key"), ..all }, "acd", 3),
        (TokenQuery { provider: Some("p"), ..all }, "bc", 2),
        (TokenQuery { kind: Some("key"), provider: Some("p"), ..all }, "c", 1),
        (TokenQuery { after: Some("b"), take: 1, ..all }, "c", 2),
        (TokenQuery { skip: 1, take: 2, ..all }, "bc", 4),
    ] {
        let ids: String = acme.tokens(&query).await.unwrap().into_iter().map(|token| token.id).collect();
        assert_eq!((&*ids, acme.token_count(&query).await.unwrap()), (expected, count), "{query:?}");
    }
}

pub(crate) async fn a_change_of_kinds_is_counted(world: &impl World) {
    let store = world.empty().await;
    let acme = store.tenants().create("acme", 5, "me").await.unwrap();
    store.tenant(acme.id).commit(batch(|b| b.bump_kinds(0))).await.unwrap();
    assert_eq!(store.tenants().get(acme.id).await.unwrap().unwrap().kinds, 1);
    // Whoever planned with the kinds as they were before has planned with something that is no more.
    assert_eq!(store.tenant(acme.id).commit(batch(|b| b.bump_kinds(0))).await, Err(CommitError::Missing));
}
