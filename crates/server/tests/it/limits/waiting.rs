//! The limits of what waits: for a password to be hashed, or for its turn to write.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use iam::limits::*;
use serde_json::json;

use super::{acme, refused, with};
use crate::world::{Answer, operations, user};

#[tokio::test]
async fn passwords_that_wait() {
    let (_world, caller) = acme().await;
    let create = async |n: usize| {
        let body = with(user(&format!("u{n}")), "password", "Correct-Horse-7");
        (n, caller.post("/Users", body).await)
    };
    // All at once, on one thread: all but a few wait. The first to be turned away is enough.
    let mut all: FuturesUnordered<_> = (0..PASSWORD_QUEUE_MAX + 64).map(create).collect();
    let (n, turned_away) = loop {
        let (n, answer) = all.next().await.expect("somebody is turned away");
        if answer.status != 201 {
            break (n, answer);
        }
    };
    drop(all);
    assert_eq!(turned_away.header("retry-after"), Some("1"));
    refused(turned_away, 503, None, "try again");
    assert!(caller.find("/Users", &format!("userName eq \"u{n}\"")).await.is_empty());
    // Whoever went away left the queue.
    create(1_000).await.1.check(201);
}

/// A write without a condition that meets others waits for its turn and is planned anew. When too many wait it is asked to
/// come again; it never fails as if it had required a version.
#[tokio::test]
async fn writes_that_meet() {
    let (_world, caller) = acme().await;
    let path = format!("/Users/{}", caller.make("/Users", user("ada")).await);
    let change = async |title: String| {
        let body = operations(json!([{ "op": "replace", "path": "title", "value": title }]));
        caller.patch(&path, body).await
    };
    // All at once, on one thread: each looks at the same version, one wins, and the others meet.
    let all = async |round: &str, many: usize| {
        let all: FuturesUnordered<_> = (0..many).map(|n| change(format!("{round} {n}"))).collect();
        all.collect::<Vec<Answer>>().await
    };
    let answers = all("first", QUEUE_MAX).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "all have their turn");
    let answers = all("second", QUEUE_MAX * 2).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((QUEUE_MAX..QUEUE_MAX * 2).contains(&done), "{done}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            (answer.status.as_u16(), answer.header("retry-after")),
            (503, Some("1")),
            "{}",
            answer.text
        );
    }
    let version = caller.get(&path).await.json()["meta"]["version"].clone();
    assert_eq!(
        version,
        format!("W/\"{}\"", QUEUE_MAX + done + 1),
        "each that was acknowledged happened once"
    );
}

/// Another process over the same database knows nothing of turns: what meets its writes is planned anew, so many times.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_that_meet_those_of_another_process() {
    let (world, here) = acme().await;
    let there = here.through(world.beside().await.router);
    let path = format!("/Users/{}", here.make("/Users", user("ada")).await);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..usize::try_from(RETRIES_MAX).unwrap() * 4 {
        let (caller, path) = ([&here, &there][n % 2].clone(), path.clone());
        let title = json!([{ "op": "replace", "path": "title", "value": format!("t{n}") }]);
        tasks.spawn(async move { caller.patch(&path, operations(title)).await });
    }
    let answers = tasks.join_all().await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    let late = answers.iter().filter(|answer| answer.status == 503).count();
    assert_eq!(done + late, answers.len());
    assert!(done > answers.len() / 2, "{done}");
    let version = here.get(&path).await.json()["meta"]["version"].clone();
    assert_eq!(version, format!("W/\"{}\"", done + 1), "each that was acknowledged happened once");
}
