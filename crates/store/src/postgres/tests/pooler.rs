//! Durward behind pgbouncer.

use scratch::{Bouncer, Database};

use super::CUT;
use crate::contract::{ACME, World, creation, intact};
use crate::sqlite::tests::File;
use crate::{Location, Options, Store, StoreError};

async fn open(bouncer: &Bouncer) -> Result<Store, StoreError> {
    let location: Location = bouncer.url().parse().unwrap();
    Store::open(&location, Options::default()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_work_behind_a_pooler_of_sessions() {
    let world = Database::new();
    drop(world.fresh().await);
    let bouncer = Bouncer::before(&world, "session");
    // Connections that one has closed serve the next.
    for round in 0..3_u8 {
        let stores = [open(&bouncer).await.unwrap(), open(&bouncer).await.unwrap()];
        let commits = (0..20_u8).map(async |number| {
            let (id, key) = (format!("{round}-{number}"), [round, number]);
            let store = &stores[usize::from(number % 2)];
            store.tenant(ACME).commit(creation(&id, &key)).await.unwrap();
            assert!(stores[0].tenant(ACME).record("Thing", &id).await.unwrap().is_some());
        });
        futures_util::future::join_all(commits).await;
        intact(stores[1].tenant(ACME), 20 * (i64::from(round) + 1)).await;
        world.run(CUT);
        while let Err(error) = stores[0].tenant(ACME).record("Thing", "x").await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        }
        for store in stores {
            store.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_of_transactions_is_refused() {
    for mode in ["transaction", "statement"] {
        let world = Database::new();
        let bouncer = Bouncer::before(&world, mode);
        for _ in 0..3 {
            let error = open(&bouncer).await.unwrap_err();
            assert!(error.to_string().contains("pool_mode = session"), "{mode}: {error}");
        }
        let (file, location) = (File::new(), bouncer.url().parse().unwrap());
        drop(file.fresh().await);
        let to = crate::copy(&file.location(), &location, 1, |_| ()).await.unwrap_err();
        assert!(to.to_string().contains("pool_mode = session"), "{mode}: {to}");
        assert_eq!(world.run("select count(*) from pg_tables where schemaname = 'public'").trim(), "0");
        world.fresh().await.healthy().await.unwrap();
        let from = crate::copy(&location, &File::new().location(), 1, |_| ()).await.unwrap_err();
        assert!(from.to_string().contains("pool_mode = session"), "{mode}: {from}");
    }
}
