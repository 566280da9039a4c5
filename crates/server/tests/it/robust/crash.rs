//! kill -9 under load, many times over the same data.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::load::{Client, Dice, count, group, settle, state};
use super::process::{Server, prints, token};
use super::rows;

const ROUNDS: usize = 16;
const CLIENTS: u64 = 24;

#[test]
fn a_killed_server_has_every_acknowledged_write_and_no_half_one() {
    let folder = TempDir::new().unwrap();
    let data = folder.path();
    let mut dice = Dice(4);
    let mut server = Server::start(data, "error", Stdio::inherit());
    let (token, other) = (token(data, "default"), token(data, "default"));
    let group = group(server.address, &token);
    let mut clients: Vec<_> =
        (0..CLIENTS).map(|n| Client::new(server.address, &token, &group, format!("u{n}"), n + 1)).collect();
    for round in 0..ROUNDS {
        let moment = Duration::from_millis(30 + dice.below(700));
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| client.run());
            }
            // Not waiting for something: the moment is what the test varies.
            thread::sleep(moment);
            server.kill();
        });
        assert!(prints(data, &["audit", "verify"]).contains("intact"), "round {round}");
        rows::agree(data);
        server = Server::start(data, "error", Stdio::inherit());
        let found = state(server.address, &token, &group);
        settle(&mut clients, &found);
        for (user, known) in found.iter().take(20) {
            assert_eq!(count(server.address, &token, &format!("userName eq \"{}\"", user.to_uppercase())), 1);
            assert_eq!(count(server.address, &token, &format!("externalId eq \"{user}\"")), 1);
            assert_eq!(count(server.address, &token, &format!("emails.value eq \"{}\"", known.email)), 1);
            assert_eq!(count(server.address, &other, &format!("externalId eq \"{user}\"")), 0);
        }
        clients.iter_mut().for_each(|client| client.moved(server.address));
    }
    server.kill();
    let acknowledged: usize = clients.iter().map(|client| client.acknowledged).sum();
    assert!(acknowledged > ROUNDS * 20, "too little was written for this to prove anything: {acknowledged}");
}
