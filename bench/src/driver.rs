//! The load driver: N connections, each of which sends its next request when its last one is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Result;
use crate::http::Connection;

/// A run that takes longer has met a server that hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// What to send, and until when.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) requests: Arc<[Vec<u8>]>,
    /// The status every answer must have.
    pub(crate) expected: u16,
}

/// When a run ends.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// All requests were answered, beginning with this one and leaving out those from the second on.
    Sent(usize, usize),
    /// This time has passed; the requests are sent over and over.
    Passed(Duration),
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) elapsed: Duration,
    /// In ascending order, one for each answer.
    pub(crate) latencies: Vec<Duration>,
    /// Bytes of all bodies.
    pub(crate) bytes: usize,
    /// What `keep` found in the answers, by the number of the request.
    pub(crate) kept: Vec<(usize, String)>,
}

/// Looks for something in an answer's body.
pub(crate) type Keep = fn(&[u8]) -> Option<String>;

/// Sends the load. `keep` looks at every answer.
pub(crate) async fn drive(load: &Load, until: Until, keep: Option<Keep>) -> Result<Outcome> {
    let (first, end, span) = match until {
        Until::Sent(first, end) => (first, end.min(load.requests.len()), None),
        Until::Passed(span) => (0, usize::MAX, Some(span)),
    };
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Connection::open(load.address).await?);
    }
    let next = Arc::new(AtomicUsize::new(first));
    let begin = Instant::now();
    let deadline = begin + span.unwrap_or(PATIENCE);
    let mut tasks = JoinSet::new();
    for connection in connections {
        tasks.spawn(one(connection, load.clone(), Arc::clone(&next), end, deadline, keep));
    }
    let mut outcome = Outcome { elapsed: Duration::ZERO, latencies: Vec::new(), bytes: 0, kept: Vec::new() };
    let all = async {
        while let Some(done) = tasks.join_next().await {
            let part = done??;
            outcome.latencies.extend(part.latencies);
            outcome.bytes += part.bytes;
            outcome.kept.extend(part.kept);
        }
        Ok::<_, crate::Error>(())
    };
    let late = |_| format!("the server did not answer within {} seconds", PATIENCE.as_secs());
    tokio::time::timeout(PATIENCE, all).await.map_err(late)??;
    outcome.elapsed = begin.elapsed();
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

/// What came of one connection.
#[derive(Default)]
struct Part {
    latencies: Vec<Duration>,
    bytes: usize,
    kept: Vec<(usize, String)>,
}

/// One connection.
async fn one(
    mut connection: Connection,
    load: Load,
    next: Arc<AtomicUsize>,
    end: usize,
    deadline: Instant,
    keep: Option<Keep>,
) -> Result<Part> {
    let mut part = Part::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let sent = Instant::now();
        if number >= end || sent >= deadline {
            return Ok(part);
        }
        let Some(request) = load.requests.get(number % load.requests.len()) else {
            return Ok(part);
        };
        let answer = connection.exchange(request).await?;
        if answer.status != load.expected {
            return Err(answer.unexpected(load.expected, request));
        }
        part.latencies.push(sent.elapsed());
        part.bytes += answer.body.len();
        if let Some(found) = keep.and_then(|keep| keep(answer.body)) {
            part.kept.push((number, found));
        }
    }
}
