//! One run on one worker: claims, attempts and results until there is nothing left for it here.
//!
//! What ends while a commit is under way goes with the next one, so that a chain takes one commit per step and a fan-out one per
//! group; what becomes ready is claimed in the very transaction that made it so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::flow::{self, Flow, Scope, StepView};
use domain::ids::ToolId;
use persistence::runs::{self, Turned};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::attempt::{Ended, Known, Scene};
use crate::context::{self, Claimed, RunContext};
use crate::flows::PARALLEL;
use crate::outcome::{Outcome, StepResult};
use crate::{Flows, Hint};

/// Kept from a step's time for writing down what came of it.
const RESERVE: Duration = Duration::from_secs(5);
/// With less time left than this, what becomes ready is left to the next invocation.
const LEAST: Duration = Duration::from_secs(30);
/// Pauses between attempts to write results down: they are worth some patience.
const PATIENCE: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// What a worker tells the engine, and asks of it.
#[derive(Clone, Copy, Default)]
struct Ask<'a> {
    /// Steps that messages named; none but in the first turn.
    looks: Option<&'a [String]>,
    results: &'a [StepResult],
    /// What the run answers if it ends with these results.
    output: Option<&'a str>,
    /// Steps that this worker has in hand besides.
    busy: u32,
}

impl Flows {
    /// Works on these steps of a run, and on what becomes ready by that, until there is nothing or `until` is near.
    ///
    /// # Errors
    /// The database's: results may not have been written, and the messages should come again.
    pub(crate) async fn drive(
        &self,
        run: Uuid,
        looks: &[String],
        until: Instant,
    ) -> Result<(), persistence::Error> {
        let ask = Ask {
            looks: Some(looks),
            ..Ask::default()
        };
        let first = self.turn(run, ask, until).await?;
        let Some(known) = self.known(&first).await? else {
            return self.after(&first).await;
        };
        let known = Arc::new(known);
        let scene = Scene {
            flows: self.clone(),
            known: Arc::clone(&known),
        };
        let mut views = BTreeMap::new();
        let mut under_way = JoinSet::new();
        let mut turned = first;
        loop {
            for step in claimed(&turned)? {
                under_way.spawn(scene.clone().attempt(step, left(until)));
            }
            self.after(&turned).await?;
            if let (Some(true), Some(flow)) = (turned.admits, &known.context.flow_id) {
                self.admit(known.context.workspace_id, flow.as_str())
                    .await?;
            }
            let Some(first) = under_way.join_next().await else {
                return Ok(());
            };
            let mut ended = vec![first];
            while let Some(another) = under_way.try_join_next() {
                ended.push(another);
            }
            let mut results = Vec::with_capacity(ended.len());
            for ended in ended {
                match ended {
                    Ok(ended) => results.push(keep(ended, &mut views)),
                    Err(error) => {
                        tracing::error!(%run, %error, "a step broke; its lease will end");
                    }
                }
            }
            let output = match under_way.is_empty() {
                true => answer(&known, &views),
                false => None,
            };
            let ask = Ask {
                looks: None,
                results: &results,
                output: output.as_deref(),
                busy: u32::try_from(under_way.len()).unwrap_or(u32::MAX),
            };
            turned = self.persistent_turn(run, ask, until).await?;
            self.send_sleepers(run, &results).await;
        }
    }

    /// Writes results down, again if the database is away for a moment: what a call came to must not be lost.
    async fn persistent_turn(
        &self,
        run: Uuid,
        ask: Ask<'_>,
        until: Instant,
    ) -> Result<Turned, persistence::Error> {
        let mut pauses = PATIENCE.iter();
        loop {
            let turned = self.turn(run, ask, until).await;
            match (turned, pauses.next()) {
                (Err(error), Some(pause)) if error.is_unavailable() => {
                    tracing::warn!(%run, %error, "results are not written down yet");
                    tokio::time::sleep(*pause).await;
                }
                (turned, _) => return turned,
            }
        }
    }

    /// One turn of a run. The first one is always claimed in: a fresh invocation has the most time that there is.
    async fn turn(
        &self,
        run: Uuid,
        ask: Ask<'_>,
        until: Instant,
    ) -> Result<Turned, persistence::Error> {
        let is_first = ask.looks.is_some();
        let enough = is_first || until.saturating_duration_since(Instant::now()) >= LEAST;
        let turn = runs::Turn {
            run,
            looks: ask.looks.unwrap_or_default(),
            results: &context::write(ask.results)?,
            output: ask.output,
            token: Uuid::new_v4(),
            most: if enough {
                PARALLEL.saturating_sub(ask.busy)
            } else {
                0
            },
            left: left(until),
            resend: self.resend,
            with_context: is_first,
        };
        runs::advance(&self.db, &turn).await
    }

    /// The run's context and definition; `None` when there is nothing to do here.
    async fn known(&self, turned: &Turned) -> Result<Option<Known>, persistence::Error> {
        let (Some(text), Some(_)) = (&turned.context, &turned.claimed) else {
            return Ok(None);
        };
        let context: RunContext = context::read("the context", text)?;
        let flow = match (&context.flow_id, context.flow_version) {
            (Some(id), Some(version)) => Some(self.definition(&context, id, version).await?),
            _ => None,
        };
        let shown = context.shown();
        Ok(Some(Known {
            context,
            flow,
            shown,
        }))
    }

    async fn definition(
        &self,
        context: &RunContext,
        id: &ToolId,
        version: i32,
    ) -> Result<Arc<Flow>, persistence::Error> {
        let caller = context.reader();
        match self.registry.flow_at(&caller, id, version).await {
            Ok(found) => Ok(Arc::clone(&found.flow)),
            Err(registry::Error::Database(error)) => Err(error),
            Err(error) => Err(persistence::Error::Corrupt(format!(
                "version {version} of the flow {id}: {error}"
            ))),
        }
    }

    /// After a commit: others are told of what is ready, and of what they waited for.
    async fn after(&self, turned: &Turned) -> Result<(), persistence::Error> {
        self.send_owed(turned.owed.as_deref()).await?;
        if let (Some(run_id), Some(step_id)) = (turned.parent_run, turned.parent_step.clone()) {
            self.send(&[Hint { run_id, step_id }]).await;
        }
        Ok(())
    }

    /// Hints for steps that sleep or are tried again, so that they are looked at in time; the sweep would come later.
    async fn send_sleepers(&self, run: Uuid, results: &[StepResult]) {
        for result in results {
            let delay_ms = match &result.outcome {
                Outcome::Sleep { delay_ms, .. }
                | Outcome::Retry { delay_ms, .. }
                | Outcome::Await {
                    delay_ms: Some(delay_ms),
                } => *delay_ms,
                Outcome::Succeeded { .. }
                | Outcome::Failed { .. }
                | Outcome::Skipped
                | Outcome::Unknown { .. }
                | Outcome::Await { delay_ms: None }
                | Outcome::Delegate { .. }
                | Outcome::Expand { .. } => continue,
            };
            let hint = Hint {
                run_id: run,
                step_id: result.step_id.clone(),
            };
            self.send_later(hint, Duration::from_millis(delay_ms)).await;
        }
    }
}

/// Notes what later steps may read, and gives the result on.
fn keep(ended: Ended, views: &mut BTreeMap<String, StepView>) -> StepResult {
    views.extend(ended.reads);
    if let Outcome::Succeeded { output } = &ended.result.outcome {
        let view = StepView {
            status: "succeeded".to_owned(),
            output: output.clone(),
            error: Value::Null,
        };
        views.insert(ended.result.step_id.clone(), view);
    }
    ended.result
}

/// What the run answers, where everything that it reads has been seen here.
fn answer(known: &Known, views: &BTreeMap<String, StepView>) -> Option<String> {
    let reads = &known.context.output_reads;
    if !reads.iter().all(|step| views.contains_key(step.as_str())) {
        return None;
    }
    let output = match &known.flow {
        None => reads
            .first()
            .and_then(|step| views.get(step.as_str()))?
            .output
            .clone(),
        Some(flow) => {
            let scope = Scope {
                input: &known.context.input,
                run: &known.shown,
                steps: views,
                item: None,
                index: None,
            };
            flow::output(flow, &scope).ok()?
        }
    };
    context::write(&output).ok()
}

fn claimed(turned: &Turned) -> Result<Vec<Claimed>, persistence::Error> {
    match &turned.claimed {
        None => Ok(Vec::new()),
        Some(text) => context::read("the claimed steps", text),
    }
}

/// Time for a step that begins now.
fn left(until: Instant) -> Duration {
    until
        .saturating_duration_since(Instant::now())
        .saturating_sub(RESERVE)
        .max(Duration::from_secs(1))
}

/// Drives several runs at the same time; answers those that failed. One that panics does not take the others with it.
pub(crate) async fn drive_all(
    flows: &Flows,
    runs: BTreeMap<Uuid, Vec<String>>,
    until: Instant,
) -> BTreeSet<Uuid> {
    let mut driven = JoinSet::new();
    let mut failed: BTreeSet<Uuid> = runs.keys().copied().collect();
    for (run, looks) in runs {
        let flows = flows.clone();
        driven.spawn(async move { (run, flows.drive(run, &looks, until).await) });
    }
    while let Some(ended) = driven.join_next().await {
        match ended {
            Ok((run, Ok(()))) => {
                failed.remove(&run);
            }
            Ok((run, Err(error))) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%run, error, "a run stands still for now");
            }
            Err(error) => {
                tracing::error!(%error, "a worker broke; the leases of its steps will end");
            }
        }
    }
    failed
}
