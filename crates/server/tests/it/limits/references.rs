//! The limits of what resources refer to, and of the names they are given.

use super::*;

/// An action and a resource type of it.
async fn sort(caller: &Caller) -> (String, String) {
    let action = caller.make("/Actions", json!({ "name": "a" })).await;
    let sort = caller.make("/Resource-Types", json!({ "name": "t", "actions": [action] })).await;
    (action, sort)
}

/// So many actions, beginning with `a1000001`.
fn actions(world: &World, many: usize) -> Vec<String> {
    records(world, many, "Action", "a", "name");
    (1..=many).map(|n| format!("a{}", 1_000_000 + n)).collect()
}

#[tokio::test]
async fn references_of_one_resource() {
    let (world, caller) = acme().await;
    let all = actions(&world, REFERENCES_MAX + 1);
    // Half of them in each of two statements, and the resource.
    let (_, sort) = sort(&caller).await;
    let thing = caller.make("/Resources", json!({ "name": "r", "type": sort })).await;
    let permission = |name: &str, many: usize| {
        let statements: Vec<_> = all[..many]
            .chunks(VALUES_MAX / 2)
            .map(|part| json!({ "actions": part, "resource": thing }))
            .collect();
        json!({ "name": name, "statements": statements })
    };
    let said = format!("at most {REFERENCES_MAX} others");
    refused(
        caller.post("/Permissions", permission("p", REFERENCES_MAX)).await,
        400,
        Some("invalidValue"),
        &said,
    );
    let made =
        caller.post("/Permissions?attributes=name", permission("p", REFERENCES_MAX - 1)).await.check(201);
    let add = json!([{ "op": "add", "path": "statements", "value": { "actions": [all.last()], "resource": thing } }]);
    let path = format!("/Permissions/{}", made.id());
    refused(caller.patch(&path, operations(add)).await, 400, Some("invalidValue"), &said);
}

#[tokio::test]
async fn references_that_are_shown_with_what_they_refer_to() {
    let (world, caller) = acme().await;
    // As many resource types of a thousand actions each as make one reference too many.
    let all = actions(&world, 1_000);
    let kinds = EXPANSIONS_MAX / all.len() + 1;
    for n in 0..kinds {
        caller.make("/Resource-Types", json!({ "name": format!("t{n}"), "actions": all })).await;
    }
    let page = caller.get("/Resource-Types?attributes=actions").await.check(200).json();
    let shown: usize = page["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sort| {
            let actions = sort["actions"].as_array().unwrap();
            assert_eq!(actions.len(), all.len(), "none is left out");
            actions.iter().filter(|action| action.get("name").is_some()).count()
        })
        .sum();
    assert_eq!((shown, kinds * all.len() - EXPANSIONS_MAX), (EXPANSIONS_MAX, 1_000));
}

#[tokio::test]
async fn depth_of_what_is_shown() {
    let (_world, caller) = acme().await;
    let (action, sort) = sort(&caller).await;
    let thing = caller.make("/Resources", json!({ "name": "r", "type": sort })).await;
    let statements = json!([{ "actions": [action], "resource": thing }]);
    let permission = caller.make("/Permissions", json!({ "name": "p", "statements": statements })).await;
    caller.post("/Roles", json!({ "id": "r", "name": "r", "permissions": [permission] })).await.check(201);
    // How many references deep something is shown by its name.
    fn depth(value: &Value) -> usize {
        let inner = match value {
            Value::Array(items) => items.iter().map(depth).max(),
            Value::Object(object) => object.values().map(depth).max(),
            _ => None,
        };
        let is_shown = value.get("$ref").is_some() && value.get("name").is_some();
        inner.unwrap_or(0) + usize::from(is_shown)
    }
    let role = caller.get("/Roles/r").await.check(200).json();
    assert_eq!(depth(&role), EXPANSION_DEPTH_MAX, "{role}");
}

#[tokio::test]
async fn slugs() {
    let (_world, caller) = acme().await;
    let (_, sort) = sort(&caller).await;
    let thing = |slug: Option<String>| json!({ "name": "Press", "type": sort, "slug": slug });
    caller.post("/Resources", thing(Some(text(SLUG_BYTES_MAX)))).await.check(201);
    let over = thing(Some(text(SLUG_BYTES_MAX + 1)));
    refused(caller.post("/Resources", over).await, 400, Some("invalidValue"), "`slug`");
    for _ in 0..SLUG_NUMBER_MAX {
        caller.post("/Resources", thing(None)).await.check(201);
    }
    // Further ones have an ending of their own; what has no letter or digit is called after its kind.
    let sign = json!({ "name": "?!", "type": sort });
    for (draft, stem, many) in [(thing(None), "press-", 2), (sign, "resource", SLUG_NUMBER_MAX + 2)] {
        for _ in 0..many {
            let made = caller.post("/Resources", draft.clone()).await.check(201).json();
            let ending = made["slug"].as_str().and_then(|slug| slug.strip_prefix(stem)).unwrap();
            assert!(stem == "resource" || ending.len() == 8, "{made}");
        }
    }
    let mut names = caller.find("/Resources", &format!(r#"slug eq "press-{SLUG_NUMBER_MAX}""#)).await;
    assert!(names.pop().is_some());
    // A long name is cut, so that a number has room.
    let long = json!({ "name": text(3 * SLUG_BYTES_MAX), "type": sort });
    for _ in 0..2 {
        let made = caller.post("/Resources", long.clone()).await.check(201).json();
        assert!(made["slug"].as_str().unwrap().len() <= SLUG_BYTES_MAX);
    }
}

#[tokio::test]
async fn chosen_ids() {
    let (_world, caller) = acme().await;
    let role = |bytes: usize| json!({ "id": text(bytes), "name": format!("role {bytes}") });
    let over = caller.post("/Roles", role(CHOSEN_ID_BYTES_MAX + 1)).await;
    refused(over, 400, Some("invalidValue"), &format!("at most {CHOSEN_ID_BYTES_MAX} letters"));
    let id = caller.post("/Roles", role(CHOSEN_ID_BYTES_MAX)).await.check(201).id();
    caller.get(&format!("/Roles/{id}")).await.check(200);
}
