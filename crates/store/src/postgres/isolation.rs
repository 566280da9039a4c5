//! What the policies of the tables hold back when a statement does not.

use futures_util::FutureExt;
use scratch::Database;

use super::{Server, Session};
use crate::batch::{Arg, Expect};
use crate::columns::MORE;
use crate::contract::{ACME, GLOBEX, World, batch, creation, intact, new};
use crate::{Batch, CommitError, Store, StoreError, TenantId};

/// The tables of which even the installation sees its own rows only.
const HELD: [&str; 9] =
    ["record", "unique_key", "attr_index", "edge", "counter", "token", "audit", "outbox", "setting"];

/// Two tenants with the same rows.
async fn filled(world: &Database) -> Store {
    let store = world.fresh().await;
    for tenant in [ACME, GLOBEX] {
        let tenant = store.tenant(tenant);
        tenant.commit(creation("a", b"a")).await.unwrap();
        let held = batch(|b| b.insert(&new("Box", "box")).link("holds", "box", "a", &["Thing"]));
        tenant.commit(held).await.unwrap();
    }
    world.run(
        "insert into token (tenant, hash, id, connection, kind, mode, name, settings, created, created_by) \
         select n, '\\x00', 't', '', '', '', '', '{}', 0, '' from generate_series(1, 2) n",
    );
    store
}

async fn tenants_seen(store: &Store, tenant: TenantId, table: &str) -> Vec<i64> {
    let sql = format!("select tenant from {table} order by tenant").leak();
    let mut tenants = Vec::new();
    store
        .tenant(tenant)
        .read(sql, &[], |row| {
            tenants.push(row.int(0)?);
            MORE
        })
        .await
        .unwrap();
    tenants.dedup();
    tenants
}

/// Whichever connection it comes over, and whoever had that before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_condition_shows_nothing_of_another_tenant() {
    let world = Database::new();
    let store = filled(&world).await;
    for table in HELD.into_iter().chain(["tenant", "head"]) {
        for tenant in [ACME, GLOBEX, TenantId(3), ACME] {
            let own = if tenant.0 == 3 { vec![] } else { vec![tenant.0] };
            assert_eq!(tenants_seen(&store, tenant, table).await, own, "{table}");
        }
    }
    for table in HELD {
        let own = if ["counter", "audit"].contains(&table) { vec![0] } else { vec![] };
        assert_eq!(tenants_seen(&store, TenantId::INSTALLATION, table).await, own, "{table}");
    }
    assert_eq!(tenants_seen(&store, TenantId::INSTALLATION, "tenant").await, [1, 2]);
    assert_eq!(tenants_seen(&store, TenantId::INSTALLATION, "head").await, [0, 1, 2]);
    let mixed = (0..100).map(async |number: i64| {
        let tenant = TenantId(number % 2 + 1);
        assert_eq!(tenants_seen(&store, tenant, "record").await, [tenant.0]);
    });
    futures_util::future::join_all(mixed).await;
}

#[tokio::test]
async fn a_forgotten_condition_changes_nothing_of_another_tenant() {
    let world = Database::new();
    let store = filled(&world).await;
    let commit = async |sql: String, args: &[Arg]| {
        let mut batch = Batch::default();
        batch.push(sql.leak(), args, Expect::Any);
        store.tenant(ACME).commit(batch).await
    };
    let foreign = commit("insert into setting values ($1, 'a', 'b')".to_owned(), &[Arg::Int(GLOBEX.0)]).await;
    assert!(matches!(foreign, Err(CommitError::Store(StoreError::Broken(_)))), "{foreign:?}");
    // The tenant last: it commits no more.
    for table in HELD.into_iter().chain(["head", "tenant"]) {
        let of_globex = || world.run(&format!("select * from {table} where tenant = 2"));
        let before = of_globex();
        commit(format!("update {table} set tenant = tenant"), &[]).await.unwrap();
        let moved = commit(format!("update {table} set tenant = 2"), &[]).await;
        assert!(matches!(moved, Err(CommitError::Store(StoreError::Broken(_)))), "{table}: {moved:?}");
        let own = commit(format!("delete from {table}"), &[]).await.unwrap().rows;
        let left: u64 =
            world.run(&format!("select count(*) from {table} where tenant = 1")).trim().parse().unwrap();
        assert!(own > 0 && left == 0, "{table}");
        assert_eq!(of_globex(), before, "{table}");
        assert_ne!(before, "", "{table}");
    }
    intact(store.tenant(GLOBEX), 1).await;
}

#[tokio::test]
async fn who_does_not_say_whose_rows_is_refused() {
    let world = Database::new();
    drop(world.fresh().await);
    for table in HELD.into_iter().chain(["tenant", "head"]) {
        let sql = format!("set role durward; explain analyze select * from {table}");
        let refused = std::panic::catch_unwind(|| world.run(&sql)).unwrap_err();
        let why = refused.downcast_ref::<String>().unwrap();
        assert!(why.contains("unrecognized configuration parameter"), "{table}: {why}");
    }
}

#[tokio::test]
async fn a_read_that_nobody_waits_for_leaves_the_next_its_own_tenant() {
    let world = Database::new();
    drop(filled(&world).await);
    let url = format!("{}?connections=1", world.url());
    let store = Store::open(&url.parse().unwrap(), crate::Options::default()).await.unwrap();
    for polls in 0..12 {
        for tenant in [ACME, GLOBEX] {
            let tenant = store.tenant(tenant);
            let read = tenant.read("select tenant from record", &[], |_| MORE);
            let mut read = std::pin::pin!(read);
            for _ in 0..polls {
                if read.as_mut().now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        for tenant in [GLOBEX, ACME] {
            assert_eq!(tenants_seen(&store, tenant, "record").await, [tenant.0], "after {polls} polls");
        }
    }
}

#[tokio::test]
async fn a_user_above_the_policies_is_known() {
    let world = Database::new();
    for (url, expected) in [(world.url(), false), (world.url_above(), true)] {
        let server = Server::parse(&url).unwrap();
        let (client, task) = server.connect().await.unwrap();
        assert_eq!(Session::new(client, task).is_above_policies().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn every_table_with_a_tenant_has_its_policy() {
    let world = Database::new();
    drop(world.fresh().await);
    let open = world.run(
        "select relname from pg_class c join pg_attribute a on attrelid = c.oid and attname = 'tenant' \
         where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and not (relrowsecurity and \
         relforcerowsecurity and exists (select from pg_policy where polrelid = c.oid))",
    );
    assert_eq!(open, "");
}
