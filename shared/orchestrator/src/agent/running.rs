//! A run as whoever asked for it holds it.

use std::sync::Arc;

use domain::caller::Caller;
use domain::ids::ConversationId;
use domain::model::Usage;
use tokio::sync::oneshot;

use super::ears::{self, Ears};
use super::plan::Plan;
use super::run::Run;
use super::{Ending, Event, Inner, OrchestrateError};

/// A run under way. Dropping it cancels it: the model is asked nothing more, calls under way are left, and the conversation says so.
#[derive(Debug)]
pub struct Running {
    id: ConversationId,
    events: Option<Ears>,
    ending: oneshot::Receiver<Ending>,
    /// Dropped together with the rest.
    _cancel: oneshot::Sender<()>,
}

impl Running {
    /// Begins it, as a task of its own: it must be able to write down that nobody waits any more.
    pub(super) fn begin(rooms: Arc<Inner>, caller: Caller, plan: Plan) -> Self {
        let (cancel, cancelled) = oneshot::channel();
        let (ended, ending) = oneshot::channel();
        let id = plan.id;
        let (mouth, events) = match plan.request.stream {
            true => {
                let (mouth, ears) = ears::pair();
                (Some(mouth), Some(ears))
            }
            false => (None, None),
        };
        let run = Run::new(rooms, caller, plan, mouth);
        let task = async move {
            let ending = run.until_it_ends(cancelled).await;
            // Nobody listens when it was cancelled.
            let _ = ended.send(ending);
        };
        tokio::spawn(telemetry::carried(task));
        Self {
            id,
            events,
            ending,
            _cancel: cancel,
        }
    }

    /// Its conversation.
    pub const fn id(&self) -> ConversationId {
        self.id
    }

    /// The next thing that happens. None: the run is over, or was not asked to stream.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.as_mut()?.next().await
    }

    /// How the run ended; events that were not asked for are lost.
    pub async fn finish(mut self) -> Ending {
        let ended = (&mut self.ending).await;
        ended.unwrap_or_else(|_| Ending {
            id: self.id,
            usage: Usage::default(),
            outcome: Err(OrchestrateError::Broken),
        })
    }
}
