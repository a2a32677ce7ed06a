//! Flow runs, and the queue that carries hints about their steps; [`Flows::call`] runs a tool or a flow by its id.
//!
//! The row of a step is the debt, a message only a hint: it holds ids, may be lost, doubled or late, and nothing
//! depends on it but how soon a step is worked on. What happens to rows is in the database's functions
//! (`infra/migrations/0029_flow_engine.sql`, `0030_flow_doors.sql`); here are the effects around them.

mod attempt;
mod call;
mod context;
mod drive;
mod error;
mod flows;
mod hint;
mod later;
mod outcome;
mod queue;
mod read;
mod start;
mod steer;
mod sweep;
mod told;
mod worker;

pub use error::FlowError;
pub use flows::{Flows, PARALLEL, RESEND};
pub use hint::Hint;
pub use later::Accepted;
pub use queue::{
    Counts, DeadLetter, Delivery, Faults, LocalQueue, LocalSettings, MAX_BATCH, MAX_DELAY,
    MAX_RECEIVES, MAX_WAIT, NoQueue, Queue, QueueError, SqsConfig, SqsQueue,
};
pub use read::RunView;
pub use start::{StartOptions, StartedRun};
pub use steer::{Answer, Answered};
pub use sweep::FlowsSwept;
pub use worker::Worker;
