//! Clients that write as fast as they are answered, each keeping a ledger of what it was told is done.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::process::Wire;

pub(super) const BASE: &str = "/default/scim";

/// A sequence of numbers that looks random and is the same each time (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// A user as its client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) is_member: bool,
}

/// By user name; none for one that is not there (any more).
pub(super) type State = BTreeMap<String, Option<Known>>;

/// One of the clients.
pub(super) struct Client {
    address: SocketAddr,
    token: String,
    group: String,
    dice: Dice,
    name: String,
    made: usize,
    /// What was acknowledged.
    pub(super) ledger: State,
    /// What was sent last and not answered: the user it was about, and what that would be.
    pub(super) open: Option<(String, Option<Known>)>,
    /// How many writes were acknowledged.
    pub(super) acknowledged: usize,
}

/// A write: what is sent, and what is then true of which user.
struct Write {
    method: &'static str,
    path: String,
    body: Option<Value>,
    user: String,
    after: Option<Known>,
}

impl Client {
    pub(super) fn new(address: SocketAddr, token: &str, group: &str, name: String, seed: u64) -> Self {
        let (token, group) = (token.to_owned(), group.to_owned());
        let (ledger, open) = (State::new(), None);
        Self { address, token, group, dice: Dice(seed), name, made: 0, ledger, open, acknowledged: 0 }
    }

    /// The same client at a server that was started again.
    pub(super) fn moved(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// Writes until a request is refused because the database is away. What became of it is not known.
    pub(super) fn run_until_away(&mut self) {
        let mut wire = Wire::open(self.address).unwrap();
        while self.try_step(&mut wire).unwrap() {}
    }

    /// Writes so often, which must succeed.
    pub(super) fn write(&mut self, times: usize) {
        let mut wire = Wire::open(self.address).unwrap();
        for _ in 0..times {
            self.step(&mut wire).unwrap();
        }
    }

    /// Writes until a request is not answered. Connections that the server closes are opened again.
    pub(super) fn run(&mut self) -> io::Error {
        loop {
            let mut wire = match Wire::open(self.address) {
                Ok(wire) => wire,
                Err(error) => return error,
            };
            while !wire.is_closing {
                if let Err(error) = self.step(&mut wire) {
                    return error;
                }
            }
        }
    }

    fn step(&mut self, wire: &mut Wire) -> io::Result<()> {
        assert!(self.try_step(wire)?, "the server says that its database is away");
        Ok(())
    }

    /// One write, and whether it was done.
    fn try_step(&mut self, wire: &mut Wire) -> io::Result<bool> {
        let write = self.choose();
        self.open = Some((write.user.clone(), write.after.clone()));
        let body = write.body.map(|body| body.to_string());
        let (status, answer) = wire.ask(write.method, &write.path, Some(&self.token), body.as_deref())?;
        if status == 503 {
            refused(wire, &answer);
            return Ok(false);
        }
        assert!(
            (200..300).contains(&status),
            "{} {} was answered {status} {answer}",
            write.method,
            write.path
        );
        let mut after = write.after;
        if let (201, Some(known)) = (status, &mut after) {
            let made: Value = serde_json::from_str(&answer).unwrap();
            known.id = made["id"].as_str().unwrap().to_owned();
        }
        self.ledger.insert(write.user, after);
        self.open = None;
        self.acknowledged += 1;
        Ok(true)
    }

    fn choose(&mut self) -> Write {
        let there: Vec<_> =
            self.ledger.iter().filter_map(|(user, known)| Some((user, known.as_ref()?))).collect();
        let roll = self.dice.below(10);
        if there.len() < 3 || roll < 3 {
            return self.create();
        }
        let at = usize::try_from(self.dice.below(there.len() as u64)).unwrap();
        let (user, known) = (there[at].0.clone(), there[at].1.clone());
        let path = format!("{BASE}/Users/{}", known.id);
        match roll {
            3..6 => {
                let email = format!("{user}.{}@example.com", self.dice.below(1_000_000));
                let body = patch(
                    json!({ "op": "replace", "path": "emails[type eq \"work\"].value", "value": email }),
                );
                Write { method: "PATCH", path, body: Some(body), user, after: Some(Known { email, ..known }) }
            }
            6..9 => {
                let operation = match known.is_member {
                    true => json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", known.id) }),
                    false => json!({ "op": "add", "path": "members", "value": [{ "value": known.id }] }),
                };
                let path = format!("{BASE}/Groups/{}", self.group);
                let after = Known { is_member: !known.is_member, ..known };
                Write { method: "PATCH", path, body: Some(patch(operation)), user, after: Some(after) }
            }
            _ => Write { method: "DELETE", path, body: None, user, after: None },
        }
    }

    fn create(&mut self) -> Write {
        self.made += 1;
        let user = format!("{}-{}", self.name, self.made);
        let email = format!("{user}@example.com");
        let body = json!({
            "userName": user,
            "externalId": user,
            "name": { "familyName": user },
            "emails": [{ "value": email, "type": "work" }],
        });
        let after = Known { id: String::new(), email, is_member: false };
        Write { method: "POST", path: format!("{BASE}/Users"), body: Some(body), user, after: Some(after) }
    }
}

/// Sees that an answer asks for another try, as SCIM says it (RFC 7644 §3.12).
pub(super) fn refused(wire: &Wire, answer: &str) {
    assert_eq!(wire.retry_after.as_deref(), Some("1"), "{answer}");
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(answer["status"], "503");
}

fn patch(operation: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] })
}

/// What the server says is there, over HTTP.
pub(super) fn state(address: SocketAddr, token: &str, group: &str) -> BTreeMap<String, Known> {
    let mut wire = Wire::open(address).unwrap();
    let mut get = |path: &str| -> Value {
        let (status, body) = wire.ask("GET", &format!("{BASE}{path}"), Some(token), None).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    };
    let group = get(&format!("/Groups/{group}"));
    let members = group["members"].as_array().into_iter().flatten();
    let members: Vec<_> = members.map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    let mut found = BTreeMap::new();
    let mut total = 1;
    while found.len() < total {
        let page = get(&format!("/Users?count=1000&startIndex={}", found.len() + 1));
        total = usize::try_from(page["totalResults"].as_u64().unwrap()).unwrap();
        let before = found.len();
        for user in page["Resources"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            assert_eq!(user["externalId"], user["userName"]);
            let id = text(&user["id"]);
            let is_member = members.contains(&id);
            assert_eq!(user["groups"].is_array(), is_member, "the two ends of a membership differ: {user}");
            let known = Known { id, email: text(&user["emails"][0]["value"]), is_member };
            found.insert(text(&user["userName"]), known);
        }
        assert!(
            found.len() > before || found.len() == total,
            "totalResults is {total}, found {}",
            found.len()
        );
    }
    assert!(
        members.iter().all(|id| found.values().any(|known| known.id == *id)),
        "a member who is not there"
    );
    found
}

/// How many a filter finds.
pub(super) fn count(address: SocketAddr, token: &str, filter: &str) -> u64 {
    let path = format!("{BASE}/Users?count=0&filter={}", crate::world::encoded(filter));
    let (status, body) = Wire::open(address).unwrap().ask("GET", &path, Some(token), None).unwrap();
    assert_eq!(status, 200, "{filter}: {body}");
    serde_json::from_str::<Value>(&body).unwrap()["totalResults"].as_u64().unwrap()
}

/// A group without members; its id.
pub(super) fn group(address: SocketAddr, token: &str) -> String {
    let body = json!({ "displayName": "crew" }).to_string();
    let mut wire = Wire::open(address).unwrap();
    let (status, answer) = wire.ask("POST", &format!("{BASE}/Groups"), Some(token), Some(&body)).unwrap();
    assert_eq!(status, 201, "{answer}");
    serde_json::from_str::<Value>(&answer).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Compares what is there with what the clients were told. What was not answered may have happened or not, but not in
/// part; the ledgers then learn which.
pub(super) fn settle(clients: &mut [Client], found: &BTreeMap<String, Known>) {
    let mut expected = 0;
    for client in clients {
        if let Some((user, after)) = client.open.take() {
            let there = found.get(&user).cloned();
            let before = client.ledger.get(&user).cloned().flatten();
            let mut after = after;
            if let (Some(after), Some(there)) = (&mut after, &there) {
                after.id.clone_from(&there.id);
            }
            assert!(there == before || there == after, "half a write: {user} is {there:?}");
            client.ledger.insert(user, there);
        }
        for (user, known) in &client.ledger {
            assert_eq!(found.get(user), known.as_ref(), "an acknowledged write is lost: {user}");
            expected += usize::from(known.is_some());
        }
    }
    assert_eq!(found.len(), expected, "users whom nobody made");
}
