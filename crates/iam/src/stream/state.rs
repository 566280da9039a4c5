//! How far a stream is and whose turn with it it is, as a setting of the tenant says it; and what a node saw of the turns of others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::Batch;

use super::Stream;
use crate::error::{Error, Result};
use crate::limits;

/// After the first failure in a row so long is waited, after each further one twice as long, at most the other.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Most characters of why a push failed that are kept.
const ERROR_CHARS_MAX: usize = 300;
/// From so many turns of others on those are forgotten that ended without this node.
const SEEN: usize = 4_096;

/// The setting of a stream.
pub(super) fn setting(stream: &str) -> String {
    format!("delivery/{stream}")
}

/// How far the deliveries of a stream are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// The node whose turn it is.
    pub(super) holder: Option<String>,
    /// How many turns there were, so that no two are alike.
    pub(super) turns: u64,
    /// The last event that was delivered, or need not be.
    pub(super) through: i64,
    /// Events that the receiver said are no good (RFC 8935 §2.3).
    pub(super) refused: u64,
    /// Events that were given up, as more waited than are held.
    lost: u64,
    /// Attempts that failed since one succeeded, the last of them why, and when the next is due.
    failures: u32,
    error: Option<String>,
    due: i64,
    /// The version of the stream that failed: another one need not wait.
    version: i64,
}

impl State {
    pub(super) fn read(text: Option<&str>) -> Result<Self> {
        text.map_or_else(|| Ok(Self::default()), |text| serde_json::from_str(text).map_err(Error::internal))
    }

    pub(super) fn failed(&mut self, now: i64, version: i64, why: &str) {
        let pause = PAUSE.saturating_mul(1 << self.failures.min(20)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.error = Some(why.chars().take(ERROR_CHARS_MAX).collect());
        self.due = now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        self.version = version;
    }

    pub(super) fn succeeded(&mut self) {
        (self.failures, self.error, self.due) = (0, None, 0);
    }

    pub(super) fn is_due(&self, now: i64, version: i64) -> bool {
        // A pause is never so long: another node noted it, whose clock is ahead.
        let is_odd = self.due.saturating_sub(now) > i64::try_from(PAUSE_MAX.as_millis()).unwrap_or(i64::MAX);
        now >= self.due || is_odd || version != self.version
    }

    /// Gives up the oldest events where more wait than are held.
    pub(super) fn give_up(&mut self, newest: i64) {
        let from = newest.saturating_sub(limits::EVENTS_HELD_MAX);
        if from > self.through {
            self.lost = self.lost.saturating_add(from.abs_diff(self.through));
            self.through = from;
        }
    }

    /// Writes it down in place of what was `known`.
    pub(super) fn keep(&self, batch: &mut Batch, stream: &str, known: Option<&str>) -> Result<String> {
        let text = serde_json::to_string(self).map_err(Error::internal)?;
        batch.setting_after(known, &setting(stream), &text);
        Ok(text)
    }

    /// Says with a stream how its last attempts went.
    pub(super) fn explain(&self, mut stream: Stream) -> Stream {
        let mut said: Vec<String> = stream.reason.take().into_iter().collect();
        match &self.error {
            Some(error) if self.failures == 1 => said.push(format!("the last attempt failed: {error}")),
            Some(error) => {
                said.push(format!("the last {} attempts failed, the last of them: {error}", self.failures));
            }
            None => {}
        }
        if self.refused > 0 {
            said.push(format!("events that the receiver refused: {}", self.refused));
        }
        if self.lost > 0 {
            said.push(format!("events that were given up, as too many waited: {}", self.lost));
        }
        stream.reason = (!said.is_empty()).then(|| said.join("; "));
        stream
    }
}

/// What a node saw of the turns of others, and when.
#[derive(Debug)]
pub struct Turns {
    /// Who this node is among those that share the database.
    pub(super) node: String,
    /// Longer than any turn takes.
    longest: Duration,
    /// By stream, the number of the turn.
    seen: Mutex<HashMap<String, (u64, Instant)>>,
}

impl Turns {
    /// Nothing seen yet, by a node of that name. A turn that lasts `longest` is over.
    pub fn new(node: String, longest: Duration) -> Self {
        Self { node, longest, seen: Mutex::default() }
    }

    /// Nobody has the turn with a stream.
    pub(super) fn forget(&self, stream: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
    }

    /// Whether the turn that somebody has is over.
    pub(super) fn is_over(&self, stream: &str, turn: u64) -> bool {
        let now = Instant::now();
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(stream) {
            Some((seen, since)) if *seen == turn => now.duration_since(*since) >= self.longest,
            _ => {
                if all.len() >= SEEN {
                    all.retain(|_, (_, since)| now.duration_since(*since) < 2 * self.longest);
                }
                all.insert(stream.to_owned(), (turn, now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_each_failure_the_pause_is_longer_and_ends_somewhere() {
        let mut state = State::default();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            state.failed(1_000, 3, "no");
            pauses.push((state.due - 1_000) / 1_000);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert!(!state.is_due(1_000, 3));
        assert!(state.is_due(1_000, 4), "somebody has changed it");
        assert!(state.is_due(-1_000_000, 3), "it was noted by a clock that is ahead");
        state.failures = u32::MAX;
        state.failed(0, 3, &"é".repeat(1_000));
        assert_eq!(state.error.as_deref().map(|why| why.chars().count()), Some(ERROR_CHARS_MAX));
        state.succeeded();
        assert!(state.is_due(0, 3));
    }

    #[test]
    fn more_than_are_held_are_given_up_and_counted() {
        let mut state = State { through: 5, ..State::default() };
        state.give_up(limits::EVENTS_HELD_MAX + 5);
        assert_eq!((state.through, state.lost), (5, 0));
        state.give_up(limits::EVENTS_HELD_MAX + 8);
        assert_eq!((state.through, state.lost), (8, 3));
    }

    #[test]
    fn a_turn_is_over_when_nothing_has_changed_for_long() {
        let turns = Turns::new("a".to_owned(), Duration::ZERO);
        assert!(!turns.is_over("x", 1), "it is seen for the first time");
        assert!(turns.is_over("x", 1));
        assert!(!turns.is_over("x", 2));
        assert!(!turns.is_over("y", 2));
        turns.forget("x");
        assert!(!turns.is_over("x", 2));
        let patient = Turns { longest: Duration::from_secs(3_600), ..turns };
        assert!(!patient.is_over("x", 2));
    }
}
