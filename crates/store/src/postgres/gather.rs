//! Questions of many, gathered: who asks while others of the same sort are on their way waits, and then asks together with
//! all who came meanwhile.
//!
//! Nobody gets an answer that is older than its question: what is asked about is taken from those who wait, and then asked.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit, oneshot};

/// Who has waited so long for another's question asks beside it: it may be a long one, or on a connection that fell silent.
const LONG: Duration = Duration::from_millis(20);
/// So many ask beside another at once.
const BESIDE: usize = 7;

/// Who waits, by what the questions have in common (`Q`). They are about `K`s.
pub(super) struct Gather<Q, K, V> {
    lanes: Mutex<HashMap<Q, Arc<Lane<K, V>>>>,
}

struct Lane<K, V> {
    /// How many are in it. Who comes is counted while the lanes are locked.
    stays: AtomicUsize,
    turn: Semaphore,
    beside: Semaphore,
    queue: Mutex<Queue<K, V>>,
}

/// Those that nobody is asking for yet.
struct Queue<K, V> {
    waiting: VecDeque<Waiting<K, V>>,
    /// How many have gone from it.
    gone: u64,
}

struct Waiting<K, V> {
    key: K,
    tell: oneshot::Sender<V>,
}

/// What is asked about, and who waits for it.
type Taken<K, V> = (Vec<K>, Vec<Waiting<K, V>>);

impl<K, V> Default for Lane<K, V> {
    fn default() -> Self {
        let queue = Queue { waiting: VecDeque::new(), gone: 0 };
        let (stays, turn, beside) = (AtomicUsize::new(0), Semaphore::new(1), Semaphore::new(BESIDE));
        Self { stays, turn, beside, queue: Mutex::new(queue) }
    }
}

/// Forgets a lane when nobody waits in it any more.
struct Stay<'g, Q: Eq + Hash, K, V> {
    gather: &'g Gather<Q, K, V>,
    question: Q,
    lane: Arc<Lane<K, V>>,
}

impl<Q, K, V> Default for Gather<Q, K, V> {
    fn default() -> Self {
        Self { lanes: Mutex::default() }
    }
}

impl<Q: Eq + Hash + Clone, K: Eq + Clone, V: Clone> Gather<Q, K, V> {
    /// The answer to a question about a thing, as `ask` finds it of several things, of at most `room`, at once: this one's, or
    /// that of somebody else who asks the same.
    pub(super) async fn ask<F>(&self, question: Q, key: K, room: usize, ask: impl Fn(Vec<K>) -> F) -> V
    where
        F: Future<Output = V>,
    {
        let stay = self.stay(question);
        let lane = &stay.lane;
        let (mut number, mut told) = lane.wait(key.clone());
        loop {
            let turn = tokio::select! {
                biased;
                answer = &mut told => Err(answer),
                turn = lane.turn.acquire() => Ok(turn),
                turn = lane.turn_beside() => Ok(turn),
            };
            let answer = match turn {
                Err(answer) => answer,
                Ok(turn) => match lane.take(number, room) {
                    Some((keys, waiting)) => {
                        let answer = ask(keys).await;
                        for one in waiting {
                            // Who has stopped waiting is told nothing.
                            drop(one.tell.send(answer.clone()));
                        }
                        continue;
                    }
                    // It is on its way.
                    None => {
                        drop(turn);
                        (&mut told).await
                    }
                },
            };
            match answer {
                Ok(answer) => return answer,
                // Who was asking has stopped.
                Err(_) => (number, told) = lane.wait(key.clone()),
            }
        }
    }

    fn stay(&self, question: Q) -> Stay<'_, Q, K, V> {
        let mut lanes = self.lanes();
        let lane = Arc::clone(lanes.entry(question.clone()).or_default());
        lane.stays.fetch_add(1, Ordering::Relaxed);
        Stay { gather: self, question, lane }
    }
}

impl<Q, K, V> Gather<Q, K, V> {
    fn lanes(&self) -> MutexGuard<'_, HashMap<Q, Arc<Lane<K, V>>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Clone, V> Lane<K, V> {
    fn queue(&self) -> MutexGuard<'_, Queue<K, V>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn_beside(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        tokio::time::sleep(LONG).await;
        self.beside.acquire().await
    }

    /// Puts a key at the end of the queue: its number there, and where the answer comes.
    fn wait(&self, key: K) -> (u64, oneshot::Receiver<V>) {
        let (tell, told) = oneshot::channel();
        let mut queue = self.queue();
        let before = u64::try_from(queue.waiting.len()).unwrap_or(u64::MAX);
        queue.waiting.push_back(Waiting { key, tell });
        (queue.gone.saturating_add(before), told)
    }

    /// Those who have waited longest, as many as there is room for what they ask about. None when that number has gone.
    fn take(&self, number: u64, room: usize) -> Option<Taken<K, V>> {
        let mut queue = self.queue();
        if number < queue.gone {
            return None;
        }
        let (mut keys, mut taken): (Vec<K>, _) = (Vec::new(), Vec::new());
        while let Some(next) = queue.waiting.front() {
            // Who has stopped waiting is not asked for.
            let is_waiting = !next.tell.is_closed();
            if is_waiting && !keys.contains(&next.key) {
                if keys.len() == room {
                    break;
                }
                keys.push(next.key.clone());
            }
            taken.extend(queue.waiting.pop_front().filter(|_| is_waiting));
            queue.gone += 1;
        }
        Some((keys, taken))
    }
}

impl<Q: Eq + Hash, K, V> Drop for Stay<'_, Q, K, V> {
    fn drop(&mut self) {
        if self.lane.stays.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        let mut lanes = self.gather.lanes();
        // Somebody may have come meanwhile, or have come, gone and closed it.
        if lanes.get(&self.question).is_some_and(|lane| lane.stays.load(Ordering::Relaxed) == 0) {
            lanes.remove(&self.question);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;

    use super::*;

    /// Answers when it is told to, with what there was when it was asked.
    #[derive(Default)]
    struct World {
        gather: Gather<&'static str, u32, String>,
        is: Cell<u32>,
        asked: RefCell<Vec<Vec<u32>>>,
        turns: RefCell<VecDeque<oneshot::Receiver<()>>>,
    }

    impl World {
        /// The next to ask waits until it is told.
        fn slow(&self) -> oneshot::Sender<()> {
            let (tell, told) = oneshot::channel();
            self.turns.borrow_mut().push_back(told);
            tell
        }

        fn ask(&self, question: &'static str, key: u32) -> LocalBoxFuture<'_, String> {
            let ask = move |keys: Vec<u32>| async move {
                let seen = format!("{keys:?} at {}", self.is.get());
                self.asked.borrow_mut().push(keys);
                let turn = self.turns.borrow_mut().pop_front();
                match turn {
                    Some(turn) => {
                        turn.await.unwrap();
                        seen
                    }
                    None => seen,
                }
            };
            Box::pin(self.gather.ask(question, key, 3, ask))
        }
    }

    /// Lets all go on as far as they can.
    fn poll(all: &mut [LocalBoxFuture<'_, String>]) -> Vec<Option<String>> {
        let mut told = vec![None; all.len()];
        for _ in 0..3 {
            for (one, told) in all.iter_mut().zip(&mut told) {
                if told.is_none() {
                    *told = one.now_or_never();
                }
            }
        }
        told
    }

    #[tokio::test]
    async fn who_comes_while_others_are_asked_about_asks_together_afterwards() {
        let world = World::default();
        let tell = world.slow();
        let mut first = [world.ask("a", 1)];
        assert_eq!(poll(&mut first), [None]);
        world.is.set(1);
        let mut late = [3, 4, 4, 5, 6].map(|key| world.ask("a", key));
        assert_eq!(poll(&mut late), vec![None; 5]);
        let other = world.ask("b", 3).now_or_never();
        assert_eq!(other, Some("[3] at 1".to_owned()), "another sort does not wait");
        tell.send(()).unwrap();
        assert_eq!(poll(&mut first), [Some("[1] at 0".to_owned())]);
        let told = poll(&mut late);
        let (three, six) = ("[3, 4, 5] at 1".to_owned(), "[6] at 1".to_owned());
        assert_eq!(told, [&three, &three, &three, &three, &six].map(|told| Some(told.clone())));
        assert_eq!(*world.asked.borrow(), [vec![1], vec![3], vec![3, 4, 5], vec![6]]);
        drop((first, late));
        assert!(world.gather.lanes().is_empty());
    }

    #[tokio::test]
    async fn who_waits_for_long_asks_beside() {
        let world = World::default();
        let _never = world.slow();
        let mut first = world.ask("a", 1);
        assert_eq!(first.as_mut().now_or_never(), None);
        assert_eq!(world.ask("a", 2).await, "[2] at 0".to_owned());
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_it_to_the_others() {
        let world = World::default();
        let _never = [world.slow(), world.slow()];
        let mut first = world.ask("a", 1);
        assert_eq!(first.as_mut().now_or_never(), None);
        let mut late = vec![world.ask("a", 2), world.ask("a", 3), world.ask("a", 4), world.ask("a", 5)];
        assert_eq!(poll(&mut late), [None, None, None, None]);
        drop((first, late.remove(0)));
        assert_eq!(poll(&mut late), [None, None, None]);
        assert_eq!(*world.asked.borrow(), [vec![1], vec![3, 4, 5]]);
        // The one that asks for all three.
        drop(late.remove(0));
        assert_eq!(poll(&mut late), vec![Some("[4, 5] at 0".to_owned()); 2]);
        drop(late);
        assert!(world.gather.lanes().is_empty());
    }
}
