//! One question for many who ask it at once, where asking is dear.
//!
//! Nobody gets an answer that is older than its question: who comes while a question is on its way waits for it, and then shares
//! the answer to the next with all who came meanwhile.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Mutex as Fair;

/// The questions that somebody waits for the answer to.
pub(crate) struct Joint<K, V> {
    asked: Mutex<HashMap<K, Arc<Asked<V>>>>,
}

struct Asked<V> {
    /// How often it was begun to ask it.
    begun: AtomicU64,
    /// The last answer, and which it was. Who asks holds this until it is there.
    last: Fair<(u64, Option<V>)>,
}

/// Forgets a question that nobody waits for any more.
struct Waiting<'j, K: Eq + Hash, V> {
    joint: &'j Joint<K, V>,
    key: K,
    asked: Arc<Asked<V>>,
}

impl<K: Eq + Hash, V> Default for Joint<K, V> {
    fn default() -> Self {
        Self { asked: Mutex::default() }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Joint<K, V> {
    /// The answer to a question, as `ask` finds it or somebody else's that began after this. Whoever stops waiting while it
    /// asks leaves it to the next.
    pub(crate) async fn ask(&self, key: K, ask: impl Future<Output = V>) -> V {
        let waiting = self.wait(key);
        let asked = &waiting.asked;
        let next = asked.begun.load(Ordering::SeqCst) + 1;
        let mut last = asked.last.lock().await;
        if let (number, Some(answer)) = &*last
            && *number >= next
        {
            return answer.clone();
        }
        let number = asked.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = ask.await;
        *last = (number, Some(answer.clone()));
        answer
    }

    fn wait(&self, key: K) -> Waiting<'_, K, V> {
        let new = || Arc::new(Asked { begun: AtomicU64::new(0), last: Fair::new((0, None)) });
        let asked = Arc::clone(self.asked().entry(key.clone()).or_insert_with(new));
        Waiting { joint: self, key, asked }
    }
}

impl<K: Eq + Hash, V> Joint<K, V> {
    fn asked(&self) -> MutexGuard<'_, HashMap<K, Arc<Asked<V>>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Drop for Waiting<'_, K, V> {
    fn drop(&mut self) {
        let mut asked = self.joint.asked();
        // The map's, and its own. Others come by the map alone, which is locked.
        if Arc::strong_count(&self.asked) == 2 {
            asked.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    /// Answers when it is told to, with what there was when it was asked.
    struct World {
        joint: Joint<&'static str, u32>,
        is: Cell<u32>,
        asked: Cell<u32>,
    }

    impl World {
        fn new() -> Self {
            Self { joint: Joint::default(), is: Cell::new(1), asked: Cell::new(0) }
        }

        async fn ask(&self, key: &'static str, told: oneshot::Receiver<()>) -> u32 {
            let question = async {
                self.asked.set(self.asked.get() + 1);
                let seen = self.is.get();
                told.await.unwrap();
                seen
            };
            self.joint.ask(key, question).await
        }
    }

    fn told() -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        tell.send(()).unwrap();
        told
    }

    #[test]
    fn who_comes_while_it_is_asked_shares_the_next_answer() {
        let world = World::new();
        let (tell, later) = oneshot::channel();
        let mut first = pin!(world.ask("a", later));
        assert_eq!(first.as_mut().now_or_never(), None);
        world.is.set(2);
        let mut late = [told(), told(), told()].map(|told| Box::pin(world.ask("a", told)));
        assert!(late.iter_mut().all(|late| late.now_or_never().is_none()));
        assert_eq!(world.ask("b", told()).now_or_never(), Some(2), "another question does not wait");
        tell.send(()).unwrap();
        assert_eq!(first.now_or_never(), Some(1));
        assert_eq!(late.map(|late| late.now_or_never()), [Some(2); 3]);
        assert_eq!(world.asked.get(), 3, "the first, the other question, and one for three");
        assert!(world.joint.asked().is_empty());
    }

    #[test]
    fn who_stops_waiting_leaves_it_to_the_next() {
        let world = World::new();
        let (_tell, never) = oneshot::channel();
        let mut first = Box::pin(world.ask("a", never));
        assert_eq!(first.as_mut().now_or_never(), None);
        let mut second = Box::pin(world.ask("a", told()));
        assert_eq!(second.as_mut().now_or_never(), None);
        drop(first);
        world.is.set(2);
        assert_eq!(second.now_or_never(), Some(2));
        assert_eq!(world.ask("a", told()).now_or_never(), Some(2));
        assert_eq!(world.asked.get(), 3);
        assert!(world.joint.asked().is_empty());
    }
}
