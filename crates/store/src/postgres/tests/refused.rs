//! What a server does not let us, and how that is said.

use expect_test::expect;
use scratch::Database;

use crate::contract::{ACME, GLOBEX, World, creation, intact};
use crate::{Options, Store, StoreError};

/// A role that owns nothing; it goes with the test.
struct Role<'w> {
    world: &'w Database,
    name: String,
}

impl<'w> Role<'w> {
    fn new(world: &'w Database) -> Self {
        let name = format!("{}_role", world.run("select current_database()").trim());
        world.run(&format!("create role {name} login"));
        Self { world, name }
    }

    fn url(&self) -> String {
        self.world.url().replace("durward@", &format!("{}@", self.name))
    }

    async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.url().parse().unwrap(), Options::default()).await
    }

    fn grant(&self, what: &str) {
        self.world.run(&format!("grant {what} to {}", self.name));
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        self.world.run(&format!("drop owned by {0}; drop role {0}", self.name));
    }
}

fn said(opened: Result<Store, StoreError>) -> String {
    let error = opened.unwrap_err();
    assert!(matches!(error, StoreError::Denied(_) | StoreError::Migration(_)), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_make_no_tables_is_told_what_it_needs() {
    let world = Database::new();
    let role = Role::new(&world);
    world.run("revoke create on schema public from public");
    expect!["the database refuses it: permission denied for schema public; its user has to own the database, or to be granted what the guide to PostgreSQL says"]
        .assert_eq(&said(role.open().await));
    world.run("revoke usage on schema public from public");
    expect!["the database refuses it: no schema has been selected to create in; its user has to own the database, or to be granted what the guide to PostgreSQL says"]
        .assert_eq(&said(role.open().await));
}

/// By the statements of the guide to PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_owns_nothing_needs_to_read_and_change_rows_alone() {
    let world = Database::new();
    let role = Role::new(&world);
    let owner = world.fresh().await;
    expect!["the database refuses it: permission denied for table migration; its user has to own the database, or to be granted what the guide to PostgreSQL says"]
        .assert_eq(&said(role.open().await));
    role.grant("usage on schema public");
    role.grant("select, insert, update, delete on all tables in schema public");
    let store = role.open().await.unwrap();
    store.healthy().await.unwrap();
    for tenant in [ACME, GLOBEX] {
        store.tenant(tenant).commit(creation("a", b"a")).await.unwrap();
        intact(owner.tenant(tenant), 1).await;
    }
    // Row security holds for it, too.
    assert_eq!(
        world
            .run(&format!("set role {}; set durward.tenant = 1; select count(*) from record", role.name))
            .lines()
            .last(),
        Some("1")
    );
    // What is taken from it later is not the requests' fault.
    world.run(&format!("revoke select on record from {}", role.name));
    let refused = store.tenant(ACME).record("Thing", "a").await.unwrap_err();
    assert!(matches!(refused, StoreError::Denied(_)), "{refused:?}");
}

#[tokio::test]
async fn tables_of_somebody_else_are_left_alone() {
    let world = Database::new();
    world.run("create table record (id int)");
    expect!["relation \"record\" already exists, and is not durward's; name an empty database"]
        .assert_eq(&said(Store::open(&world.location(), Options::default()).await));
    assert_eq!(world.run("select count(*) from pg_tables where schemaname = 'public'").trim(), "1");
}

#[tokio::test]
async fn of_several_servers_it_is_said_of_each_why_it_is_not_used() {
    let world = Database::new();
    let folder = tempfile::TempDir::new().unwrap();
    let nobody = folder.path().display().to_string().replace('/', "%2F");
    let (host, name) = (world.url(), "no_such_role");
    let (before, rest) = host.split_once('@').unwrap();
    let (host, database) = rest.rsplit_once('/').unwrap();
    let url = format!("{before}@{host},{nobody}/{database}").replace("durward@", &format!("{name}@"));
    let denied = Store::open(&url.parse().unwrap(), Options::default()).await.unwrap_err();
    let both = denied.to_string();
    assert!(matches!(denied, StoreError::Denied(_)), "{denied:?}");
    assert!(both.contains("role \"no_such_role\" does not exist; `"), "{both}");
    assert!(both.contains("No such file or directory"), "{both}");
    let away = format!("postgres://durward@{nobody},{nobody}%2Fother/{database}");
    let away = Store::open(&away.parse().unwrap(), Options::default()).await.unwrap_err();
    assert!(matches!(&away, StoreError::Unavailable(both) if both.matches("`: ").count() == 2), "{away:?}");
}
