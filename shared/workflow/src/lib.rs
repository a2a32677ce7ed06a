//! Flow runs, and the queue that carries hints about their steps.
//!
//! The row of a step is the debt, a message only a hint: it holds ids, may be lost, doubled or late, and nothing
//! depends on it but how soon a step is worked on.

mod flows;
mod hint;
mod queue;
mod worker;

pub use flows::{Flows, FlowsSwept};
pub use hint::Hint;
pub use queue::{
    Counts, DeadLetter, Delivery, Faults, LocalQueue, LocalSettings, MAX_BATCH, MAX_DELAY,
    MAX_RECEIVES, MAX_WAIT, NoQueue, Queue, QueueError, SqsConfig, SqsQueue,
};
pub use worker::Worker;
