//! The queue: SQS in the cloud, in this process locally. Both deliver at least once, in no order that anybody may rely on.

mod local;
mod sqs;

use std::fmt::Debug;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use local::{Counts, DeadLetter, Faults, LocalQueue, LocalSettings};
pub use sqs::{SqsConfig, SqsQueue};

use crate::Hint;

/// Most messages of one request, and of one delivery (SQS: quotas of messages).
pub const MAX_BATCH: usize = 10;

/// The longest that a message is held back (SQS: `DelaySeconds`). What waits longer is sent again by the sweep.
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// The longest that a receiver waits for a message (SQS: `WaitTimeSeconds`).
pub const MAX_WAIT: Duration = Duration::from_secs(20);

/// The longest that a delivered message stays invisible (SQS: `VisibilityTimeout`).
const MAX_INVISIBLE: Duration = Duration::from_secs(43_200);

/// So often a message is delivered before it goes to the dead letters (`maxReceiveCount` of the template).
pub const MAX_RECEIVES: u32 = 5;

/// One message, delivered. It comes again when it is not acknowledged in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What it is about, or why the body is no hint.
    pub hint: Result<Hint, String>,
    /// The message's id, the same in every delivery.
    pub id: String,
    /// What this delivery is acknowledged or given back with.
    pub receipt: String,
    /// How often the message was delivered, this time included.
    pub received: u32,
}

/// Why the queue delivered nothing. The text names codes, never a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// No answer, throttled, a fault of theirs: may pass.
    #[error("the queue is unavailable: {0}")]
    Unavailable(String),
    /// No such queue, no permission: will not pass by itself.
    #[error("the queue refused: {0}")]
    Refused(String),
}

/// Carries hints from whoever made a step ready to a worker.
///
/// What a method answers are the indexes of what was **not** done, in ascending order; each failure is logged there.
/// None of them is a reason to undo anything: the sweep sends again what is ready, and a worker that gets a hint
/// twice finds the step claimed.
pub trait Queue: Send + Sync + Debug {
    /// Sends each hint, to be delivered after `delay` ([`MAX_DELAY`] at most).
    fn send<'a>(&'a self, hints: &'a [Hint], delay: Duration) -> BoxFuture<'a, Vec<usize>>;

    /// Takes up to `most` messages ([`MAX_BATCH`] at most), waiting up to `wait` ([`MAX_WAIT`] at most; SQS: whole
    /// seconds, rounded up) for the first.
    ///
    /// # Errors
    /// The queue cannot be asked.
    fn receive(
        &self,
        most: usize,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, QueueError>>;

    /// Deletes the messages. Only the latest receipt of a message is sure to.
    fn acknowledge<'a>(&'a self, receipts: &'a [String]) -> BoxFuture<'a, Vec<usize>>;

    /// Makes the deliveries visible again after `after` (whole seconds at SQS, rounded up).
    fn give_back<'a>(
        &'a self,
        receipts: &'a [String],
        after: Duration,
    ) -> BoxFuture<'a, Vec<usize>>;
}

/// Where no queue is configured: takes nothing. Steps stay ready and unsent until a sweep that has one sends them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoQueue;

impl Queue for NoQueue {
    fn send<'a>(&'a self, hints: &'a [Hint], _delay: Duration) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async { (0..hints.len()).collect() })
    }

    fn receive(
        &self,
        _most: usize,
        _wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, QueueError>> {
        let why = "none is configured (FLOW_QUEUE_URL)".to_owned();
        Box::pin(async { Err(QueueError::Refused(why)) })
    }

    fn acknowledge<'a>(&'a self, receipts: &'a [String]) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async { (0..receipts.len()).collect() })
    }

    fn give_back<'a>(
        &'a self,
        receipts: &'a [String],
        _after: Duration,
    ) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async { (0..receipts.len()).collect() })
    }
}
