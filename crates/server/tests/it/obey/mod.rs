//! Durward obeys its own engine: what tokens carry, what users are granted, who administers.

mod administrators;
mod carried;
mod granted;

use serde_json::{Value, json};

use crate::world::{Answer, Caller, World, user};

/// A user's id, and a caller with a token that stands for the user and carries these actions.
async fn person(world: &World, name: &str, actions: &[&str]) -> (String, Caller) {
    let admin = world.admin("acme").await;
    let id = admin.make("/Users", user(name)).await;
    let caller = standing_for(world, &id, actions).await;
    (id, caller)
}

/// A caller with a token that stands for a user and carries these actions, or all when there are none.
async fn standing_for(world: &World, id: &str, actions: &[&str]) -> Caller {
    let draft = iam::token::Draft {
        subject: Some(id.to_owned()),
        actions: (!actions.is_empty()).then(|| names(actions)),
        ..iam::token::Draft::new(iam::cx::TokenKind::Admin, "theirs")
    };
    world.caller("acme", draft).await
}

fn names(actions: &[&str]) -> Vec<String> {
    actions.iter().map(ToString::to_string).collect()
}

fn policy(subject: &str, action: &str) -> Value {
    json!({ "subject": subject, "scope": "durward:/", "action": action })
}

/// What became of each operation of a bulk request.
fn statuses(answer: &Value) -> Vec<&str> {
    let operations = answer["Operations"].as_array().unwrap();
    operations.iter().map(|done| done["status"].as_str().unwrap()).collect()
}

/// What a refusal says.
#[track_caller]
fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}
