//! SIGTERM under load: what was sent is answered, what comes later is refused, nothing acknowledged is lost.

use std::io::ErrorKind;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::load::{Client, group, settle, state};
use super::process::{Server, prints, token};
use super::rows;

const ROUNDS: u64 = 3;
const CLIENTS: u64 = 24;

#[test]
fn a_stopped_server_cuts_no_request_and_loses_no_acknowledged_write() {
    let folder = TempDir::new().unwrap();
    let data = folder.path();
    let mut server = Server::start(data, "error", Stdio::inherit());
    let token = token(data, "default");
    let group = group(server.address, &token);
    let mut clients: Vec<_> =
        (0..CLIENTS).map(|n| Client::new(server.address, &token, &group, format!("u{n}"), n + 1)).collect();
    for round in 0..ROUNDS {
        thread::scope(|scope| {
            let running: Vec<_> = clients.iter_mut().map(|client| scope.spawn(|| client.run())).collect();
            // Not waiting for something: the moment is what the test varies.
            thread::sleep(Duration::from_millis(100 + 70 * round));
            server.terminate();
            for client in running {
                let error = client.join().unwrap();
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "a request was cut: {error}");
            }
            server.ended();
        });
        assert!(clients.iter().all(|client| client.open.is_none()), "every request was answered");
        assert!(prints(data, &["audit", "verify"]).contains("intact"));
        rows::agree(data);
        server = Server::start(data, "error", Stdio::inherit());
        settle(&mut clients, &state(server.address, &token, &group));
        clients.iter_mut().for_each(|client| client.moved(server.address));
    }
    server.kill();
}
