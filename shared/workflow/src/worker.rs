//! Works on what a queue delivered: each run's hints together, all runs at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::drive::drive_all;
use crate::told::Looks;
use crate::{Delivery, Flows, MAX_BATCH, MAX_WAIT, Queue};

/// How long the worker of a queue that it polls itself stays with one batch.
const STAY: Duration = Duration::from_secs(900);
/// A message that failed comes again after this, doubled with each time.
const COME_AGAIN: Duration = Duration::from_secs(1);
/// Longest pause of a message that failed.
const COME_AGAIN_AT_LAST: Duration = Duration::from_secs(120);
/// Pause after a queue gave no answer.
const QUEUE_AWAY: Duration = Duration::from_secs(1);

/// Works on deliveries. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Worker {
    flows: Flows,
}

impl Worker {
    /// A worker over the runs.
    pub const fn new(flows: Flows) -> Self {
        Self { flows }
    }

    /// The runs.
    pub const fn flows(&self) -> &Flows {
        &self.flows
    }

    /// Works on each delivery; no call lasts beyond `until`. Answers the indexes of those that are to come again: bodies that are no
    /// hint, and runs that could not be read or written.
    pub async fn handle(&self, deliveries: &[Delivery], until: Instant) -> Vec<usize> {
        let mut looks: BTreeMap<Uuid, Looks> = BTreeMap::new();
        for delivery in deliveries {
            match &delivery.hint {
                Ok(hint) => {
                    let looks = looks.entry(hint.run_id).or_default();
                    looks.steps.push(hint.step_id.clone());
                    let parent = hint.trace.map(|trace| trace.as_parent());
                    looks.parent = looks.parent.or(parent);
                }
                Err(why) => tracing::error!(
                    target: "work",
                    message_id = delivery.id,
                    why,
                    messages = 1_u64,
                    messages_failed = 1_u64,
                    "a message is no hint"
                ),
            }
        }
        let failed = drive_all(&self.flows, looks, until).await;
        let comes_again = |delivery: &Delivery| match &delivery.hint {
            Ok(hint) => failed.contains(&hint.run_id),
            Err(_) => true,
        };
        deliveries
            .iter()
            .enumerate()
            .filter(|(_, delivery)| comes_again(delivery))
            .map(|(index, _)| index)
            .collect()
    }

    /// Takes batches from a queue and works on them, for ever. Several of these may serve one queue.
    pub async fn serve(&self, queue: &Arc<dyn Queue>) {
        loop {
            match queue.receive(MAX_BATCH, MAX_WAIT).await {
                Ok(batch) => self.work_off(queue, &batch).await,
                Err(error) => {
                    tracing::warn!(%error, "no messages for now");
                    tokio::time::sleep(QUEUE_AWAY).await;
                }
            }
        }
    }

    async fn work_off(&self, queue: &Arc<dyn Queue>, batch: &[Delivery]) {
        if batch.is_empty() {
            return;
        }
        let failed = self.handle(batch, Instant::now() + STAY).await;
        let mut done = Vec::new();
        for (index, delivery) in batch.iter().enumerate() {
            if failed.contains(&index) {
                let doubled = COME_AGAIN * 2_u32.saturating_pow(delivery.received.min(10));
                let after = doubled.min(COME_AGAIN_AT_LAST);
                let receipt = std::slice::from_ref(&delivery.receipt);
                let _comes_again_by_itself = queue.give_back(receipt, after).await;
            } else {
                done.push(delivery.receipt.clone());
            }
        }
        let _comes_again_and_finds_nothing = queue.acknowledge(&done).await;
    }
}
