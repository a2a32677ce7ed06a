//! What is known of a piece of work while it goes on, and how it is told: trace ids, log lines, metrics.
//!
//! A request, or what a worker does with a run, has [`Facts`]: its trace, the time it spent waiting for others, and
//! what it counts. They are found by [`current`] wherever the work goes, and written as one line at its end. That line
//! is a log line and, where metrics are wanted, CloudWatch's Embedded Metric Format at once ([`Lines`]).

mod busy;
mod facts;
mod lines;
pub mod metrics;
pub mod trace;

pub use busy::Busy;
pub use facts::{Carrier, Facts, Outside, carried, current, handed_on, outside};
pub use lines::{Lines, Origin};
pub use metrics::Metric;
pub use trace::{Parent, TraceContext, TraceId};
