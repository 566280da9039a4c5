//! What was read a moment ago, and is asked for again by every request: so long it need not be read again.
//!
//! It is no older than [`store::LATELY`], and not from before a commit of this process that may have changed it. Nothing has to
//! be told to anybody for that: who remembers notes the store's number for such commits before it reads, and what was
//! remembered with another number is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use store::LATELY;

/// Most tokens that are remembered.
pub(crate) const TOKENS_MAX: usize = 4_096;
/// Most tenants of which the newest entry is remembered.
pub(crate) const TENANTS_MAX: usize = 4_096;

/// Values that were read lately, by what they were asked for.
pub(crate) struct Lately<K, V> {
    kept: RwLock<HashMap<K, (Since, V)>>,
    most: usize,
}

/// Before what was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    at: Instant,
    commits: u64,
}

impl Since {
    /// Now, when the store's number of commits is this.
    pub(crate) fn now(commits: u64) -> Self {
        Self { at: Instant::now(), commits }
    }

    /// Whether what was read after it is still good.
    fn holds(self, now: Self) -> bool {
        self.commits == now.commits && self.age(now.at) < LATELY
    }

    fn age(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.at)
    }
}

impl<K: Eq + Hash, V: Clone> Lately<K, V> {
    /// Nothing yet, and never more than so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { kept: RwLock::default(), most }
    }

    /// What was read lately.
    pub(crate) fn get(&self, key: &K, now: Since) -> Option<V> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(since, _)| since.holds(now)).map(|(_, value)| value.clone())
    }

    /// Remembers what was read since then; where there is no room, what is no longer good goes, or all.
    pub(crate) fn put(&self, key: K, since: Since, value: V) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.most && !kept.contains_key(&key) {
            // The count of another tenant's commits says nothing here.
            kept.retain(|_, (known, _)| known.age(since.at) < LATELY);
            if kept.len() >= self.most {
                kept.clear();
            }
        }
        kept.insert(key, (since, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(since: Since, by: Duration) -> Since {
        Since { at: since.at + by, ..since }
    }

    #[test]
    fn it_is_good_for_a_moment() {
        let lately = Lately::new(8);
        let since = Since::now(7);
        assert_eq!(lately.get(&"a", since), None);
        lately.put("a", since, 1);
        assert_eq!(lately.get(&"a", since), Some(1));
        assert_eq!(lately.get(&"a", later(since, LATELY - Duration::from_nanos(1))), Some(1));
        assert_eq!(lately.get(&"a", later(since, LATELY)), None);
        assert_eq!(lately.get(&"b", since), None);
    }

    #[test]
    fn a_commit_ends_it_also_for_who_was_reading_meanwhile() {
        let lately = Lately::new(8);
        let before = Since::now(7);
        let after = Since { commits: 8, ..before };
        lately.put("a", before, 1);
        assert_eq!(lately.get(&"a", after), None);
        lately.put("a", after, 2);
        lately.put("a", before, 1);
        assert_eq!(lately.get(&"a", after), None);
    }

    #[test]
    fn it_has_room_for_so_many() {
        let lately = Lately::new(2);
        let since = Since::now(0);
        lately.put("old", since, 1);
        let since = later(since, LATELY);
        for key in ["a", "b", "b"] {
            lately.put(key, since, 2);
        }
        assert_eq!(lately.get(&"a", since), Some(2));
        lately.put("c", since, 3);
        assert_eq!((lately.get(&"b", since), lately.get(&"c", since)), (None, Some(3)));
    }
}
