//! A gate: what waits there goes on when a test says so.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

struct Inner {
    permits: Semaphore,
    arrived: watch::Sender<usize>,
}

/// Holds an answer, or each of its events, back. Clones are the same gate. It begins closed.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            permits: Semaphore::new(0),
            arrived: watch::Sender::new(0),
        }))
    }

    /// Lets so many pass; whoever waits longest first.
    pub fn release(&self, count: usize) {
        self.0.permits.add_permits(count);
    }

    /// Lets everybody pass from now on.
    pub fn open(&self) {
        self.0.permits.close();
    }

    /// Waits until so many have come to the gate since it was made, passed or not.
    pub async fn reached(&self, count: usize) {
        let mut arrived = self.0.arrived.subscribe();
        let _ = arrived.wait_for(|arrived| *arrived >= count).await;
    }

    pub(crate) async fn pass(&self) {
        self.0.arrived.send_modify(|arrived| *arrived += 1);
        // An error means that the gate was opened for good.
        if let Ok(permit) = self.0.permits.acquire().await {
            permit.forget();
        }
    }
}
