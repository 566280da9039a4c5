//! Many at once: nothing is lost, and what is unique stays so.

use std::collections::BTreeSet;

use serde_json::json;

use crate::world::{Answer, Caller, World, group, operations, user};

async fn all(tasks: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

async fn users(acme: &Caller, most: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..most {
        ids.push(acme.make("/Users", user(&format!("u{n}"))).await);
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_clients_that_patch_one_group_lose_nothing() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ids = users(&acme, 100).await;
    let old: Vec<&str> = ids[..50].iter().map(String::as_str).collect();
    let crew = acme.make("/Groups", group("crew", &old)).await;
    let path = format!("/Groups/{crew}");
    // The second half comes while the first half goes.
    let mut tasks = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let (acme, path) = (acme.clone(), path.clone());
        let operation = match n {
            0..50 => json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }),
            _ => json!({ "op": "add", "path": "members", "value": [{ "value": id }] }),
        };
        tasks.push(tokio::spawn(async move { acme.patch(&path, operations(json!([operation]))).await }));
    }
    for answer in all(tasks).await {
        answer.check(204);
    }
    let now = acme.get(&path).await.check(200).json();
    let members: BTreeSet<_> =
        now["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(members, ids[50..].iter().cloned().collect());
    assert_eq!(now["meta"]["version"], "W/\"101\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_clients_that_patch_one_user_are_all_served() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let path = format!("/Users/{}", acme.make("/Users", user("ada")).await);
    let mut tasks = Vec::new();
    for n in 0..100 {
        let (acme, path) = (acme.clone(), path.clone());
        let add = json!([{ "op": "add", "path": "roles", "value": [{ "value": n.to_string() }] }]);
        // Again and again: whoever is done comes back and overtakes nobody.
        tasks.push(tokio::spawn(async move {
            for _ in 0..3 {
                acme.patch(&path, operations(add.clone())).await.check(200);
            }
            acme.patch(
                &path,
                operations(json!([{ "op": "replace", "path": "title", "value": n.to_string() }])),
            )
            .await
        }));
    }
    for answer in all(tasks).await {
        answer.check(200);
    }
    let now = acme.get(&path).await.check(200).json();
    assert_eq!(now["roles"].as_array().unwrap().len(), 100);
    // Each added its role once, and its title; what was there already changed nothing.
    assert_eq!(now["meta"]["version"], "W/\"201\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_take_one_name_one_gets_it() {
    let world = World::new().await;
    let (acme, other, globex) =
        (world.provider("acme").await, world.provider("acme").await, world.provider("globex").await);
    let mut tasks = Vec::new();
    for n in 0..24 {
        let caller = [&acme, &other][n % 2].clone();
        let name = if n % 3 == 0 { "ADA" } else { "ada" };
        tasks.push(tokio::spawn(async move { caller.post("/Users", user(name)).await }));
    }
    tasks.push(tokio::spawn(async move { globex.post("/Users", user("ada")).await.check(201) }));
    let answers = all(tasks).await;
    let made = answers.iter().filter(|a| a.status == 201).count();
    assert_eq!(made, 2, "one in acme, one in globex");
    for refused in answers.iter().filter(|a| a.status != 201) {
        assert_eq!(refused.json()["scimType"], "uniqueness", "{}", refused.text);
        assert_eq!(refused.status, 409);
    }
    assert_eq!(acme.find("/Users", "userName pr").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_activate_one_user_again_one_does() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let id = acme.make("/Users", json!({ "userName": "ada", "active": false })).await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let acme = acme.clone();
        tasks.push(tokio::spawn(async move { acme.post("/Users", user("ada")).await }));
    }
    let answers = all(tasks).await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1);
    assert!(answers.iter().all(|a| a.status == 201 || a.status == 409), "{answers:?}");
    let now = acme.get(&format!("/Users/{id}")).await.check(200).json();
    assert_eq!((&now["active"], &now["meta"]["version"]), (&json!(true), &json!("W/\"2\"")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn patches_of_different_attributes_all_count() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let id = acme.make("/Users", user("ada")).await;
    let names = ["title", "nickName", "userType", "locale", "timezone", "displayName", "preferredLanguage"];
    let mut tasks = Vec::new();
    for name in names {
        let (acme, path) = (acme.clone(), format!("/Users/{id}"));
        let body = operations(json!([{ "op": "replace", "path": name, "value": name }]));
        tasks.push(tokio::spawn(async move { acme.patch(&path, body).await }));
    }
    for answer in all(tasks).await {
        answer.check(200);
    }
    let now = acme.get(&format!("/Users/{id}")).await.check(200).json();
    for name in names {
        assert_eq!(now[name], name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_member_that_is_deleted_while_it_is_added_is_in_no_group() {
    let world = World::new().await;
    let acme = world.provider("acme").await;
    let ids = users(&acme, 12).await;
    let crew = acme.make("/Groups", group("crew", &[])).await;
    let mut tasks = Vec::new();
    for id in &ids {
        let (caller, path) = (acme.clone(), format!("/Groups/{crew}"));
        let add = operations(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
        tasks.push(tokio::spawn(async move { caller.patch(&path, add).await }));
        let (caller, path) = (acme.clone(), format!("/Users/{id}"));
        tasks.push(tokio::spawn(async move { caller.delete(&path).await }));
    }
    for answer in all(tasks).await {
        assert!([204, 400].contains(&answer.status.as_u16()), "{} {}", answer.asked, answer.text);
    }
    let now = acme.get(&format!("/Groups/{crew}")).await.check(200).json();
    assert!(now.get("members").is_none(), "{now}");
}
