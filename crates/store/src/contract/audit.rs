//! The audit chain, and those who would rather it were another.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::{ACME, GLOBEX, World, batch, creation, entries, entry, intact};
use crate::{AuditVerdict, Batch, Store, TenantId, TenantStore};

fn noted(id: &str) -> Batch {
    batch(|b| b.audit(&entry(id)))
}

async fn five(store: &Store) -> TenantStore<'_> {
    for id in ["a", "b", "c", "d", "e"] {
        store.tenant(ACME).commit(noted(id)).await.unwrap();
    }
    store.tenant(ACME)
}

async fn broken(tenant: TenantStore<'_>, sequence: i64, reason: &'static str) {
    assert_eq!(tenant.verify_audit().await.unwrap(), AuditVerdict::Broken { sequence, reason });
}

pub(crate) async fn a_chain_holds(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    intact(acme, 0).await;
    let mut all = JoinSet::new();
    for number in 0..100_u8 {
        let store = store.clone();
        all.spawn(
            async move { store.tenant(ACME).commit(creation(&number.to_string(), &[number % 50])).await },
        );
    }
    let committed = all.join_all().await.iter().filter(|result| result.is_ok()).count();
    assert_eq!(committed, 50);
    intact(acme, 50).await;
    assert_eq!(acme.sequence().await.unwrap(), 50);
    let done = acme.commit(batch(|b| b.audit(&entry("x")).audit(&entry("y")))).await.unwrap();
    assert_eq!((done.sequence, acme.sequence().await.unwrap()), (52, 52));
    let silent = acme.commit(batch(|b| b.setting("a", "b"))).await.unwrap();
    assert_eq!((silent.sequence, acme.sequence().await.unwrap()), (0, 52));
    assert_eq!(store.tenant(GLOBEX).sequence().await.unwrap(), 0);
    intact(acme, 52).await;
}

pub(crate) async fn a_chain_is_each_tenants_own(world: &impl World) {
    let store = world.fresh().await;
    five(&store).await;
    store.tenant(GLOBEX).commit(noted("a")).await.unwrap();
    intact(store.tenant(ACME), 5).await;
    intact(store.tenant(GLOBEX), 1).await;
    assert_eq!(store.audited().await.unwrap(), BTreeSet::from([TenantId::INSTALLATION, ACME, GLOBEX]));
    assert_ne!(
        entries(store.tenant(ACME), false).await[0].hash,
        entries(store.tenant(GLOBEX), false).await[0].hash
    );
}

pub(crate) async fn a_changed_entry_is_found(world: &impl World) {
    for change in
        ["actor = 'you'", "at = 1", "before = after", "trace = ''", "verb = 'creat', kind = 'eThing'"]
    {
        let store = world.fresh().await;
        let tenant = store.tenants().create(change, 1, "me").await.unwrap().id;
        for id in ["a", "b", "c"] {
            store.tenant(tenant).commit(noted(id)).await.unwrap();
        }
        world.tamper(&format!("update audit set {change} where sequence = 2 and tenant = {}", tenant.0));
        broken(store.tenant(tenant), 2, "its content does not match its hash").await;
    }
}

pub(crate) async fn a_missing_entry_is_found(world: &impl World) {
    let store = world.fresh().await;
    let acme = five(&store).await;
    world.tamper("delete from audit where sequence = 3");
    broken(acme, 3, "it is missing").await;
}

pub(crate) async fn a_missing_last_entry_is_found(world: &impl World) {
    let store = world.fresh().await;
    let acme = five(&store).await;
    world.tamper("delete from audit where sequence = 5");
    broken(acme, 5, "it is missing at the end").await;
    // What is noted later does not hide it.
    acme.commit(noted("f")).await.unwrap();
    broken(acme, 5, "it is missing").await;
}

pub(crate) async fn a_replaced_last_entry_is_found(world: &impl World) {
    let store = world.fresh().await;
    let acme = five(&store).await;
    five(&world.fresh().await).await;
    intact(acme, 10).await;
    // Entry 9 with the hash of its own content, taken from a chain that went another way.
    let other = world.fresh().await;
    other.tenant(GLOBEX).commit(noted("x")).await.unwrap();
    world.tamper("update audit set hash = (select hash from audit where tenant = 2) where tenant = 1 and sequence = 10");
    broken(acme, 10, "its content does not match its hash").await;
}

pub(crate) async fn an_added_entry_is_found(world: &impl World) {
    let store = world.fresh().await;
    let acme = five(&store).await;
    let columns = "at, actor, verb, kind, id, before, after, trace, previous, hash";
    world.tamper(&format!(
        "insert into audit (tenant, sequence, {columns}) select tenant, 6, {columns} from audit where sequence = 5"
    ));
    broken(acme, 6, "it does not follow the entry before it").await;
}

pub(crate) async fn a_chain_without_an_end_is_found(world: &impl World) {
    let store = world.fresh().await;
    let acme = five(&store).await;
    world.tamper("delete from head where tenant = 1");
    world.tamper("delete from audit where tenant = 1 and sequence = 5");
    assert!(store.audited().await.unwrap().contains(&ACME));
    broken(acme, 1, "it is past the end").await;
    // That of the installation is always looked for.
    world.tamper("delete from head where tenant = 0");
    assert!(store.audited().await.unwrap().contains(&TenantId::INSTALLATION));
    broken(store.tenant(TenantId::INSTALLATION), 1, "it is past the end").await;
}

pub(crate) async fn a_tenant_gone_with_its_chain_is_found(world: &impl World) {
    let store = world.fresh().await;
    let initech = store.tenants().create("initech", 1, "me").await.unwrap().id;
    let installation = store.tenant(TenantId::INSTALLATION);
    store.tenants().delete(initech, 1, "me").await.unwrap();
    intact(installation, 4).await;
    store.tenant(GLOBEX).commit(noted("a")).await.unwrap();
    for table in ["audit", "head", "tenant"] {
        world.tamper(&format!("delete from {table} where tenant = {}", GLOBEX.0));
    }
    broken(installation, 2, "the tenant that it made is gone, and no entry says so").await;
}

pub(crate) async fn a_deletion_under_way_breaks_no_chain(world: &impl World) {
    let store = world.fresh().await;
    five(&store).await;
    // As a deletion leaves it that was cut short.
    store.tenant(TenantId::INSTALLATION).commit(batch(|b| b.setting("deleting/1", "acme"))).await.unwrap();
    assert!(store.audited().await.unwrap().contains(&ACME), "a tenant that is there is not being deleted");
    world.tamper("delete from tenant where tenant = 1");
    assert_eq!(store.audited().await.unwrap(), BTreeSet::from([TenantId::INSTALLATION, GLOBEX]));
}

pub(crate) async fn entries_are_listed_both_ways(world: &impl World) {
    let store = world.fresh().await;
    let acme = five(&store).await;
    let mut up = entries(acme, false).await;
    assert_eq!(
        up.iter().map(|entry| (entry.sequence, &*entry.id)).collect::<Vec<_>>(),
        [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]
    );
    assert_eq!((&*up[0].actor, &*up[0].before, &*up[0].after), ("me", &[][..], &[7; 32][..]));
    up.reverse();
    assert_eq!(entries(acme, true).await, up);
}

pub(crate) async fn two_stores_on_one_database_share_a_chain(world: &impl World) {
    let stores = [world.fresh().await, world.fresh().await];
    let mut all = JoinSet::new();
    for number in 0..100_u8 {
        let store = stores[usize::from(number % 2)].clone();
        all.spawn(
            async move { store.tenant(ACME).commit(creation(&format!("{number:03}"), &[number])).await },
        );
    }
    assert!(all.join_all().await.iter().all(Result::is_ok));
    for store in &stores {
        intact(store.tenant(ACME), 100).await;
        assert_eq!(store.tenant(ACME).total("Thing").await.unwrap(), 100);
    }
    assert_eq!(stores[0].tenant(ACME).outbox(0, 1_000).await.unwrap().len(), 100);
}
