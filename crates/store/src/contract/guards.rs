//! Guards: a batch that was decided upon what is no longer so leaves nothing behind.

use super::{ACME, GLOBEX, World, batch, new};
use crate::{CommitError, NewToken};

fn token<'a>(
    id: &'a str,
    hash: &'a [u8; 32],
    provider: Option<&'a str>,
    expires: Option<i64>,
) -> NewToken<'a> {
    NewToken {
        hash,
        id,
        connection: id,
        kind: "scim",
        mode: "write",
        name: "n",
        provider,
        settings: "{}",
        subject: None,
        created: 1,
        created_by: "me",
        expires,
    }
}

pub(crate) async fn a_record_is_kept_under_the_kinds_it_was_planned_with(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    let insert = |id: &'static str, known: i64| {
        batch(move |b| b.insert(&new("Thing", id)).under_kinds("Thing", id, known))
    };
    acme.commit(insert("a", 0)).await.unwrap();
    acme.commit(batch(|b| b.bump_kinds(0))).await.unwrap();
    assert_eq!(acme.commit(insert("b", 0)).await, Err(CommitError::Changed));
    assert_eq!(acme.record("Thing", "b").await.unwrap(), None);
    acme.commit(insert("b", 1)).await.unwrap();
    assert_eq!(acme.record("Thing", "b").await.unwrap().unwrap().version, 1, "a guard makes no version");
}

pub(crate) async fn a_record_goes_while_nothing_is_counted(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| b.insert(&new("Type", "t")))).await.unwrap();
    let remove = || batch(|b| b.while_uncounted("Type", "t", "Thing").delete("Type", "t", None));
    acme.commit(batch(|b| b.count("Thing", 1, false))).await.unwrap();
    assert_eq!(acme.commit(remove()).await, Err(CommitError::Changed));
    assert!(acme.record("Type", "t").await.unwrap().is_some());
    acme.commit(batch(|b| b.count("Thing", -1, false).count("Other", 1, false))).await.unwrap();
    acme.commit(remove()).await.unwrap();
}

pub(crate) async fn a_token_is_made_for_what_is_there(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| b.insert(&new("Provider", "p")))).await.unwrap();
    let make = |id: &'static str, hash: u8, version: i64| {
        let hash = [hash; 32];
        batch(|b| {
            b.token_insert(&token(id, &hash, Some("x"), None)).token_for(id, ("Provider", "p", version))
        })
    };
    acme.commit(make("a", 1, 1)).await.unwrap();
    acme.commit(batch(|b| b.touch("Provider", "p", None, 9))).await.unwrap();
    assert_eq!(acme.commit(make("b", 2, 1)).await, Err(CommitError::Changed));
    assert_eq!(acme.token("b").await.unwrap(), None);
    acme.commit(batch(|b| b.delete("Provider", "p", None))).await.unwrap();
    assert_eq!(acme.commit(make("b", 2, 2)).await, Err(CommitError::Changed));
}

pub(crate) async fn a_provider_goes_while_no_good_token_names_it(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| {
        b.insert(&new("Provider", "p"))
            .token_insert(&token("a", &[1; 32], Some("x"), Some(50)))
            .token_insert(&token("b", &[2; 32], Some("y"), None))
            .token_insert(&token("c", &[3; 32], None, None))
    }))
    .await
    .unwrap();
    let remove = |now: i64, provider: &'static str| {
        batch(move |b| b.while_untokened("Provider", "p", provider, now).delete("Provider", "p", None))
    };
    assert_eq!(acme.commit(remove(49, "x")).await, Err(CommitError::Changed));
    assert_eq!(acme.commit(remove(49, "y")).await, Err(CommitError::Changed));
    acme.commit(remove(50, "x")).await.unwrap();
}

pub(crate) async fn a_batch_relies_on_a_record_and_an_edge_that_it_does_not_touch(world: &impl World) {
    let store = world.fresh().await;
    let acme = store.tenant(ACME);
    acme.commit(batch(|b| {
        b.insert(&new("Thing", "a"))
            .insert(&new("Thing", "b"))
            .link("Thing.parts", "a", "b", &["Thing"])
            .count("Thing", 2, false)
    }))
    .await
    .unwrap();
    let held = |version: i64| batch(move |b| b.while_held("Thing", "a", version).setting("done", "held"));
    let linked = |target: &'static str| {
        batch(move |b| b.while_linked("Thing", "Thing.parts", "a", target).setting("done", "linked"))
    };
    for refused in [held(2), held(0), linked("c")] {
        assert_eq!(acme.commit(refused).await, Err(CommitError::Changed));
    }
    // The same of another tenant says nothing here.
    assert_eq!(store.tenant(GLOBEX).commit(held(1)).await, Err(CommitError::Changed));
    assert!(acme.settings().await.unwrap().is_empty());
    acme.commit(held(1)).await.unwrap();
    acme.commit(linked("b")).await.unwrap();
    // It sees what stands before it in its own batch.
    let both = batch(|b| b.unlink("Thing.parts", "a", "b").while_linked("Thing", "Thing.parts", "a", "b"));
    assert_eq!(acme.commit(both).await, Err(CommitError::Changed));
    assert_eq!(acme.record("Thing", "a").await.unwrap().unwrap().version, 1, "a guard makes no version");
}
