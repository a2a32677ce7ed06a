//! Works on what a queue delivered. (A placeholder of the queue's author: the engine replaces this file.)

use tokio::time::Instant;

use crate::{Delivery, Flows};

/// Works on deliveries.
#[derive(Clone, Debug)]
pub struct Worker {
    _flows: Flows,
}

impl Worker {
    /// A worker over the runs.
    pub const fn new(flows: Flows) -> Self {
        Self { _flows: flows }
    }

    /// Works on each delivery; no call lasts beyond `until`. Answers the indexes of those that are to come again.
    #[allow(clippy::unused_async, reason = "the engine's is asynchronous")]
    pub async fn handle(&self, deliveries: &[Delivery], _until: Instant) -> Vec<usize> {
        (0..deliveries.len()).collect()
    }
}
