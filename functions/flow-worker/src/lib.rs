//! The worker of the flows: steps that the queue delivers, and the sweep of each minute.

mod schedule;
mod sqs;

use std::time::Duration;

use persistence::Db;
use runtime::config::Keep;
use runtime::{Config, StartError};
use serde_json::Value;
use tokio::time::Instant;
use vault::Vault;
use workflow::Worker;

/// Before Lambda ends an invocation, nothing may be under way: what is left by then is for the answer.
const RESERVE: Duration = Duration::from_secs(5);

/// What the function's events are handled with.
#[derive(Clone)]
pub struct FlowWorker {
    /// Postgres.
    pub db: Db,
    /// The secrets, of which some chores are about.
    pub vault: Vault,
    /// How long things are kept.
    pub keep: Keep,
    /// Works on deliveries; has the runs.
    pub worker: Worker,
}

impl FlowWorker {
    /// Wires the function as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the configuration; without a queue there is nothing to do.
    pub fn wire(config: &Config) -> Result<Self, StartError> {
        if config.flow_queue.is_none() {
            let why = "is required by the worker of the flows";
            return Err(StartError::variable("FLOW_QUEUE_URL", why));
        }
        let db = config.database()?;
        let registry = config.registry(&db)?;
        let vault = config.vault(&db)?;
        let executor = config.executor(&db, &registry, &vault)?;
        let flows = config.flows(&db, &registry, &executor);
        Ok(Self {
            db,
            vault,
            keep: config.keep,
            worker: Worker::new(flows),
        })
    }
}

/// Why an event was not handled; Lambda counts it as an error of the function.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is neither the queue's nor the schedule's.
    #[error("the event is neither a batch of SQS nor of the schedule: {0}")]
    Unknown(String),
    /// A batch that cannot be answered message by message. All of it comes again.
    #[error("the batch cannot be read: {0}")]
    Malformed(String),
    /// The last round of the sweep failed; why is in the log before it.
    #[error("the sweep failed")]
    SweepFailed,
}

/// Handles one event of Lambda, which ends the invocation at `deadline`.
///
/// A batch of SQS is answered with those messages that are to come again (`ReportBatchItemFailures`), the schedule with what
/// the sweep did.
///
/// # Errors
/// [`EventError`]; then SQS delivers the whole batch again.
pub async fn handle(
    app: &FlowWorker,
    event: Value,
    deadline: Instant,
) -> Result<Value, EventError> {
    let until = deadline.checked_sub(RESERVE).unwrap_or(deadline);
    if event["Records"].is_array() {
        let batch = sqs::read(&event)?;
        let failed = app.worker.handle(batch.deliveries(), until).await;
        Ok(batch.answer(&failed))
    } else if event["detail-type"] == "Scheduled Event" {
        schedule::sweep(app, until).await
    } else {
        let members = event.as_object().into_iter().flatten();
        let members: Vec<&str> = members.map(|(name, _)| name.as_str()).collect();
        Err(EventError::Unknown(format!(
            "it has the members {}",
            members.join(", ")
        )))
    }
}
