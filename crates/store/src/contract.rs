//! What every database under the store must do: named cases, written once. A driver's tests say `contract!(Its)`,
//! where `Its` is a [`World`]; nothing here knows which database it is.

pub(crate) mod audit;
pub(crate) mod crash;
pub(crate) mod edges;
pub(crate) mod guards;
pub(crate) mod migrations;
pub(crate) mod paging;
pub(crate) mod records;
pub(crate) mod tenants;

use std::ops::ControlFlow;

use crate::{
    Access, AuditEntry, AuditQuery, AuditVerdict, Batch, Entry, Location, NewRecord, Options, Query, Store,
    TenantId, TenantStore, Update,
};

/// A place for a database, at first empty.
pub(crate) trait World: Sync {
    fn new() -> Self;

    fn location(&self) -> Location;

    /// Changes exactly one row behind the store's back.
    fn tamper(&self, sql: &str);

    /// Changes the schema behind the store's back.
    fn alter(&self, sql: &str);

    /// Opens the database, also when it is open already.
    async fn open(&self, options: Options) -> Store {
        Store::open(&self.location(), options).await.unwrap()
    }

    /// Opens it without any more ado.
    async fn empty(&self) -> Store {
        self.open(Options::default()).await
    }

    /// Opens it, and makes [`ACME`] and [`GLOBEX`] if it is empty, whose events somebody listens to.
    async fn fresh(&self) -> Store {
        let store = self.empty().await;
        if store.tenants().get(ACME).await.unwrap().is_none() {
            for name in ["acme", "globex"] {
                let tenant = store.tenants().create(name, 1, "me").await.unwrap().id;
                store.tenant(tenant).commit(batch(|b| b.listen(1))).await.unwrap();
            }
        }
        store
    }
}

/// Makes a test of every case.
macro_rules! contract {
    ($world:ty) => {
        $crate::contract::cases!($world, records:
            a_record_comes_back_as_it_was_put, a_record_is_read_with_the_one_it_mentions, a_nul_is_kept_as_a_replacement_character, several_records_are_found_at_once, an_update_makes_a_new_version, a_stale_version_is_told_from_a_missing_record,
            an_id_is_inserted_once, a_touch_changes_the_version_alone, a_refused_batch_leaves_no_trace,
            a_key_is_claimed_by_one_of_many, a_released_key_can_be_claimed, a_release_by_another_does_nothing,
            one_of_many_updates_of_a_version_wins, counts_are_exact, settings_are_set_and_unset, a_setting_is_changed_by_one_of_many_who_read_the_same,
            a_secret_is_not_shown, waiting_for_a_place_loses_nothing, a_store_is_asked_from_any_thread, events_keep_their_numbers,
            events_are_kept_while_somebody_listens, tenants_with_events_to_deliver_are_found, two_stores_number_events_of_a_tenant_in_one_row);
        $crate::contract::cases!($world, edges:
            a_link_needs_its_target, a_link_needs_a_target_of_the_kinds, a_link_again_shows_the_new_name,
            edges_are_found_from_both_ends, forgetting_a_target_touches_its_sources, many_links_of_one_source_keep_apart,
            sources_are_direct_and_indirect, sources_are_found_through_another_relation, sources_that_are_cut_off_are_the_first, a_page_of_neighbours_is_led_to,
            walks_survive_cycles, a_relation_is_read_whole_by_pages, what_is_in_use_stays, what_leads_to_itself_is_refused, a_link_and_the_deletion_of_its_target_do_not_both_hold,
            a_link_and_the_deletion_of_what_must_be_unused_do_not_both_hold, what_no_database_can_hold_is_found_in_none);
        $crate::contract::cases!($world, guards:
            a_record_is_kept_under_the_kinds_it_was_planned_with, a_record_goes_while_nothing_is_counted,
            a_token_is_made_for_what_is_there, a_batch_relies_on_a_record_and_an_edge_that_it_does_not_touch, a_provider_goes_while_no_good_token_names_it);
        $crate::contract::cases!($world, audit:
            a_chain_holds, a_chain_is_each_tenants_own, a_changed_entry_is_found, a_missing_entry_is_found,
            a_missing_last_entry_is_found, a_replaced_last_entry_is_found, an_added_entry_is_found,
            a_chain_without_an_end_is_found, a_tenant_gone_with_its_chain_is_found, a_deletion_under_way_breaks_no_chain,
            entries_are_listed_both_ways, two_stores_on_one_database_share_a_chain);
        $crate::contract::cases!($world, crash:
            a_crash_anywhere_leaves_all_or_nothing, a_crash_takes_its_group_along, a_failing_batch_leaves_its_group_alone,
            a_dead_writer_is_unavailable, a_closed_store_is_unavailable, what_is_closed_is_found_again,
            a_read_only_store_commits_nothing);
        $crate::contract::cases!($world, migrations:
            a_database_ahead_of_the_binary_is_refused, an_edited_migration_is_refused, an_empty_database_is_not_taken_as_it_is,
            many_openers_at_once_migrate_once, rows_of_before_a_step_are_read_after_it, who_listens_is_kept_by_a_node_that_does_not_know, a_running_node_goes_on_when_a_later_one_expands_the_schema);
        $crate::contract::cases!($world, tenants:
            a_tenant_is_made_and_found, a_name_is_given_once_an_id_never_twice, a_deleted_tenant_leaves_nothing,
            a_deletion_cut_short_goes_on, tenants_do_not_see_each_other, a_token_opens_its_tenant_alone,
            a_token_is_changed_and_deleted, tokens_are_listed, a_change_of_kinds_is_counted,
            two_stores_finish_a_deletion_at_once, a_tenant_deleted_while_others_commit_leaves_nothing, a_position_learned_is_checked_against_what_others_did);

        #[test]
        fn paging_is_brute_force() {
            $crate::contract::paging::paging_is_brute_force::<$world>();
        }

        #[test]
        fn positions_are_brute_force() {
            $crate::contract::paging::positions_are_brute_force::<$world>();
        }
    };
}
pub(crate) use contract;

macro_rules! cases {
    ($world:ty, $file:ident: $($case:ident),*) => {
        mod $file {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $crate::contract::$file::$case(&<$world as $crate::contract::World>::new()).await;
                }
            )*
        }
    };
}
pub(crate) use cases;

pub(crate) const ACME: TenantId = TenantId(1);
pub(crate) const GLOBEX: TenantId = TenantId(2);

pub(crate) fn new<'a>(kind: &'a str, id: &'a str) -> NewRecord<'a> {
    NewRecord {
        kind,
        id,
        created: 1_000,
        display: id,
        document: "{}",
        connections: None,
        secret: None,
        mentioned: None,
    }
}

pub(crate) fn update<'a>(id: &'a str, expected: Option<i64>, document: &'a str) -> Update<'a> {
    let (kind, display) = ("Thing", id);
    Update {
        kind,
        id,
        expected,
        modified: 2_000,
        display,
        document,
        connections: None,
        secret: None,
        mentioned: None,
    }
}

pub(crate) fn entry(id: &str) -> Entry<'_> {
    Entry {
        at: 1_000,
        actor: "me",
        verb: "create",
        kind: "Thing",
        id,
        before: None,
        after: Some(&[7; 32]),
        trace: "t",
    }
}

/// A batch, built in one expression.
pub(crate) fn batch(build: impl FnOnce(&mut Batch) -> &mut Batch) -> Batch {
    let mut batch = Batch::default();
    build(&mut batch);
    batch
}

/// All that a whole creation does.
pub(crate) fn creation(id: &str, key: &[u8]) -> Batch {
    batch(|b| {
        b.insert(&new("Thing", id))
            .claim("Thing", "name", key, id)
            .index("Thing", "colour", key, id)
            .count("Thing", 1, false)
            .setting("last", id)
            .audit(&entry(id))
            .event("created", id, 1_000)
    })
}

pub(crate) async fn all_ids(tenant: TenantStore<'_>, kind: &str, access: Access<'_>) -> Vec<String> {
    let query = Query { kind, access, descending: false, after: None, skip: 0, take: 10_000 };
    let mut ids = Vec::new();
    tenant
        .ids(&query, |_, id| {
            ids.push(id.to_owned());
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    ids
}

pub(crate) async fn entries(tenant: TenantStore<'_>, descending: bool) -> Vec<AuditEntry> {
    let mut entries = Vec::new();
    let query = AuditQuery { after: 0, before: i64::MAX, descending, take: 10_000 };
    tenant
        .audit(&query, |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    entries
}

pub(crate) async fn intact(tenant: TenantStore<'_>, entries: i64) {
    let newest = self::entries(tenant, false).await.pop();
    let hash = newest.map_or([0; 32], |entry| entry.hash.try_into().unwrap());
    assert_eq!(tenant.verify_audit().await.unwrap(), AuditVerdict::Intact { entries, hash });
}
