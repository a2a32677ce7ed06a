//! The queue in this process. It behaves as SQS does: at least once, invisible while in flight, delays, dead letters.

mod faults;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use self::faults::Faults;
use self::state::State;
pub use self::state::{Counts, DeadLetter};
use super::{Delivery, MAX_BATCH, MAX_DELAY, MAX_INVISIBLE, MAX_RECEIVES, MAX_WAIT};
use super::{Queue, QueueError};
use crate::Hint;

/// What the template says of the queue in the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalSettings {
    /// How long a delivered message stays invisible.
    pub visibility: Duration,
    /// So often a message is delivered before it goes to the dead letters.
    pub max_receives: u32,
}

impl Default for LocalSettings {
    /// As deployed, but for a shorter invisibility: nothing freezes here.
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(120),
            max_receives: MAX_RECEIVES,
        }
    }
}

/// The queue. Clones are the same queue; it ends with the process, and the sweep sends again what was in it.
#[derive(Clone, Debug, Default)]
pub struct LocalQueue {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something became visible, or will sooner than was thought.
    changed: Notify,
}

impl LocalQueue {
    /// A queue with other settings.
    pub fn new(settings: LocalSettings) -> Self {
        Self::of(State::new(settings, None))
    }

    /// **For tests alone**: a queue that loses, doubles and shuffles messages, as SQS may.
    pub fn with_faults(settings: LocalSettings, faults: Faults) -> Self {
        Self::of(State::new(settings, Some(faults)))
    }

    fn of(state: State) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Notify::new(),
            }),
        }
    }

    /// Sends a message with any body, as somebody at the console could.
    pub fn put(&self, body: &str) {
        self.state()
            .send(body.to_owned(), Instant::now(), Duration::ZERO);
        self.shared.changed.notify_waiters();
    }

    /// How many messages there are, for a line of status.
    pub fn counts(&self) -> Counts {
        self.state().counts(Instant::now())
    }

    /// The messages that were delivered too often, the oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.state().dead_letters()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self, most: usize, wait: Duration) -> Vec<Delivery> {
        let end = Instant::now() + wait.min(MAX_WAIT);
        loop {
            // Before the look: what is sent after it wakes.
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            let now = Instant::now();
            let (taken, next) = {
                let mut state = self.state();
                let taken = state.receive(most.min(MAX_BATCH), now);
                (taken, state.look_again(now))
            };
            if !taken.is_empty() || now >= end {
                return taken;
            }
            let until = next.min(end);
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }
}

impl Queue for LocalQueue {
    fn send<'a>(&'a self, hints: &'a [Hint], delay: Duration) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move {
            let (now, delay) = (Instant::now(), delay.min(MAX_DELAY));
            {
                let mut state = self.state();
                for hint in hints {
                    state.send(hint.body(), now, delay);
                }
            }
            self.shared.changed.notify_waiters();
            Vec::new()
        })
    }

    fn receive(
        &self,
        most: usize,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, QueueError>> {
        Box::pin(async move {
            match most {
                0 => Ok(Vec::new()),
                most => Ok(self.take(most, wait).await),
            }
        })
    }

    fn acknowledge<'a>(&'a self, receipts: &'a [String]) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move {
            let mut state = self.state();
            failed(receipts, |receipt| state.delete(receipt))
        })
    }

    fn give_back<'a>(
        &'a self,
        receipts: &'a [String],
        after: Duration,
    ) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move {
            let (now, after) = (Instant::now(), after.min(MAX_INVISIBLE));
            let failed = {
                let mut state = self.state();
                failed(receipts, |receipt| state.give_back(receipt, now, after))
            };
            self.shared.changed.notify_waiters();
            failed
        })
    }
}

/// The indexes of those with which it did not work.
fn failed(receipts: &[String], mut works: impl FnMut(&str) -> bool) -> Vec<usize> {
    let receipts = receipts.iter().enumerate();
    receipts
        .filter(|(_, receipt)| !works(receipt))
        .map(|(index, _)| index)
        .collect()
}

#[cfg(test)]
mod tests;
