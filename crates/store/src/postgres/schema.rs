//! What the migrated schema must be like for a distributed PostgreSQL to shard it by tenant.

use std::collections::BTreeSet;

use scratch::{Database, ask};

use crate::contract::{ACME, GLOBEX, World, creation, intact};

/// What Citus' functions refuse, as its documentation says, without distributing anything.
const STAND_INS: &str = include_str!("citus.sql");
const GUIDE: &str = include_str!("../../../../docs/guides/sharding.md");

async fn migrated() -> Database {
    let world = Database::new();
    drop(world.fresh().await);
    world
}

/// The words of the guide between two others.
fn guide(before: &str, after: &str) -> BTreeSet<String> {
    let found =
        GUIDE.lines().filter_map(|line| Some(line.split_once(before)?.1.split_once(after)?.0.to_owned()));
    found.collect()
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_unique_index_begins_with_the_tenant() {
    let others = migrated().await.run(
        "select indexrelid::regclass from pg_index join pg_class c on c.oid = indrelid \
         join pg_attribute a on attrelid = indrelid and attnum = indkey[0] \
         where relnamespace = 'public'::regnamespace and indisunique and attname <> 'tenant' order by 1",
    );
    // The list of migrations is the schema's, and a name is unique among all tenants.
    assert_eq!(others, "migration_pkey\ntenant_name_key\n");
}

#[tokio::test]
async fn every_table_has_a_primary_key() {
    let without = migrated().await.run(
        "select relname from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r' \
         and not exists (select from pg_index where indrelid = c.oid and indisprimary)",
    );
    assert_eq!(without, "");
}

#[tokio::test]
async fn nothing_ties_one_table_to_another() {
    let ties = migrated().await.run(
        "select conname from pg_constraint where contype = 'f' union all select tgname from pg_trigger \
         union all select relname from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace",
    );
    assert_eq!(ties, "");
}

#[tokio::test]
async fn the_guide_distributes_every_table_and_lifts_every_policy() {
    let world = migrated().await;
    let tables = lines(&world.run(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'migration'",
    ));
    let (everywhere, sharded) =
        (guide("create_reference_table('", "')"), guide("create_distributed_table('", "', 'tenant'"));
    assert_eq!(&everywhere | &sharded, tables);
    assert!(everywhere.is_disjoint(&sharded));
    assert_eq!(guide("alter table ", " disable row level security;"), tables);
    let together = guide("colocate_with => '", "')");
    assert_eq!(together, BTreeSet::from(["record".to_owned()]));
    assert_eq!(GUIDE.matches("colocate_with").count(), sharded.len() - 1);
}

/// Every statement of the guide, as it stands there.
fn statements() -> Vec<&'static str> {
    let blocks = GUIDE.split("```").skip(1).step_by(2).map(|block| block.trim_start_matches("sql"));
    let single = GUIDE.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2));
    blocks.chain(single.filter(|code| code.starts_with("select "))).collect()
}

#[tokio::test]
async fn the_statements_of_the_guide_can_be_run_and_the_store_goes_on() {
    let world = migrated().await;
    world.run(STAND_INS);
    let statements = statements();
    assert_eq!(statements.len(), 2, "a block, and how a tenant gets a shard of its own: {statements:?}");
    for statement in &statements {
        // As the guide says: as the owner.
        ask(&world.url_above(), &format!("set role durward; {statement}"));
    }
    assert_eq!(world.run("select count(*) from pg_class where relrowsecurity").trim(), "0");
    let store = world.fresh().await;
    for tenant in [ACME, GLOBEX] {
        store.tenant(tenant).commit(creation("a", b"a")).await.unwrap();
        intact(store.tenant(tenant), 1).await;
    }
    store.tenants().delete(ACME, 7, "me").await.unwrap();
    assert_eq!(store.tenant(GLOBEX).total("Thing").await.unwrap(), 1);
}

#[tokio::test]
async fn what_could_not_be_distributed_is_found() {
    let world = migrated().await;
    world.run(STAND_INS);
    for (change, statement, why) in [
        ("create unique index record_display on record (display)", "record", "a unique index without"),
        (
            "drop policy tenant on token; alter table token alter tenant type text",
            "token",
            "another type than",
        ),
        ("create table other (name text primary key)", "other", "has no column"),
    ] {
        let distribute = format!(
            "begin; {change}; select create_distributed_table('head', 'tenant'); \
             select create_distributed_table('{statement}', 'tenant', colocate_with => 'head'); rollback"
        );
        let outcome = std::panic::catch_unwind(|| world.run(&distribute));
        let refused = outcome.err().and_then(|error| error.downcast::<String>().ok()).map(|error| *error);
        assert!(refused.is_some_and(|error| error.contains(why)), "{change}");
    }
}
