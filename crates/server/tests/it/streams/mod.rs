//! Event streams: what changes in a tenant is told to who listens, once, in order, and signed.

mod api;
mod nodes;
pub(crate) mod receiver;
mod told;

use std::sync::Arc;
use std::time::Duration;

use durward_server::client::{Client, Reach};
use durward_server::deliver::Deliverer;
use iam::stream::Turns;
use serde_json::{Value, json};

use crate::rest::Api;
use crate::world::World;

/// What an administrator says of a stream to that URL.
pub(crate) fn stream(url: &str) -> Value {
    json!({ "delivery": { "method": "urn:ietf:rfc:8935", "endpoint_url": url } })
}

/// A stream of all events of acme to that URL; its id.
pub(crate) async fn listen(api: &Api, url: &str) -> String {
    let made = api.post("/ssf/streams", stream(url)).await.check(201).json();
    made["stream_id"].as_str().unwrap().to_owned()
}

/// What hands out events at that server. A turn of another is over after so long.
pub(crate) fn deliverer(world: &World, name: &str, longest: Duration) -> Deliverer {
    reaching(world, name, longest, Client::new(Reach::Any))
}

pub(crate) fn reaching(world: &World, name: &str, longest: Duration, client: Client) -> Deliverer {
    let turns = Turns::new(name.to_owned(), longest);
    Deliverer::with_turns(Arc::clone(&world.iam), "https://id.example", client, Arc::default(), turns)
}

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);
