//! Runs of flows. (A placeholder of the queue's author: the engine replaces this file.)

use std::sync::Arc;

use executor::Executor;
use persistence::{Db, Error};
use registry::Registry;

use crate::Queue;

/// Runs of flows.
#[derive(Clone)]
pub struct Flows {
    _queue: Arc<dyn Queue>,
}

impl std::fmt::Debug for Flows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flows").finish_non_exhaustive()
    }
}

/// What one round of the sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowsSwept {
    /// Hints that were sent again.
    pub resent: usize,
    /// Steps whose worker was lost.
    pub recovered: usize,
    /// Waiting steps whose time came.
    pub woken: usize,
    /// Runs past their deadline.
    pub expired: usize,
    /// Runs that were closed.
    pub closed: usize,
    /// Whether runs are unfinished.
    pub open: bool,
}

impl Flows {
    /// Over these rooms.
    pub fn new(_db: Db, _registry: Registry, _executor: Executor, queue: Arc<dyn Queue>) -> Self {
        Self { _queue: queue }
    }

    /// One round of the sweep.
    ///
    /// # Errors
    /// The database cannot be asked.
    #[allow(clippy::unused_async, reason = "the engine's is asynchronous")]
    pub async fn sweep(&self) -> Result<FlowsSwept, Error> {
        Ok(FlowsSwept::default())
    }
}
