//! Runs of flows: where they are started, steered and read. How a run moves on is in `drive`, what is due in `sweep`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use executor::Executor;
use persistence::Db;
use registry::Registry;

use crate::context::{self, Owed};
use crate::{Hint, Queue};

/// A message that nobody followed is sent again after this, then after twice this, and so on.
pub const RESEND: Duration = Duration::from_secs(30);
/// Steps of one run that one worker has at once.
pub const PARALLEL: u32 = 64;

/// Runs of flows. Cheap to clone.
#[derive(Clone)]
pub struct Flows {
    pub(crate) db: Db,
    pub(crate) registry: Registry,
    pub(crate) executor: Executor,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) resend: Duration,
}

impl fmt::Debug for Flows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flows")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl Flows {
    /// Over these rooms.
    pub fn new(db: Db, registry: Registry, executor: Executor, queue: Arc<dyn Queue>) -> Self {
        Self {
            db,
            registry,
            executor,
            queue,
            resend: RESEND,
        }
    }

    /// The same with another patience for messages: shorter where a queue loses many (tests of chaos), longer where it is slow.
    #[must_use]
    pub fn resending_after(self, resend: Duration) -> Self {
        Self { resend, ..self }
    }

    /// Sends what a turn owes. What the queue does not take is left to the sweep.
    pub(crate) async fn send_owed(&self, owed: Option<&str>) -> Result<(), persistence::Error> {
        let Some(owed) = owed else {
            return Ok(());
        };
        let owed: Vec<Owed> = context::read("what is owed", owed)?;
        let (now, later): (Vec<_>, Vec<_>) = owed.into_iter().partition(|owed| owed.delay_ms == 0);
        self.send(now.into_iter().map(Hint::from)).await;
        for owed in later {
            let delay = Duration::from_millis(owed.delay_ms);
            self.send_later(owed.into(), delay).await;
        }
        Ok(())
    }

    /// Sends hints at once, as part of the work that goes on here.
    pub(crate) async fn send(&self, hints: impl IntoIterator<Item = Hint>) {
        let hints: Vec<Hint> = hints.into_iter().map(Hint::traced).collect();
        if hints.is_empty() {
            return;
        }
        let refused = self.queue.send(&hints, Duration::ZERO).await;
        if !refused.is_empty() {
            tracing::warn!(
                refused = refused.len(),
                "the queue did not take every hint; the sweep sends them again"
            );
        }
    }

    /// Sends a hint that is due later; one that is due later than a queue keeps messages is left to the sweep.
    pub(crate) async fn send_later(&self, hint: Hint, delay: Duration) {
        if delay <= crate::MAX_DELAY {
            let _left_to_the_sweep = self.queue.send(&[hint.traced()], delay).await;
        }
    }
}
