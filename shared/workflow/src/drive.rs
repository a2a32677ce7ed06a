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

use crate::attempt::{self, Claim, Ended, Known, Scene};
use crate::context::{self, Claimed, RunContext};
use crate::flows::PARALLEL;
use crate::outcome::{Outcome, StepResult};
use crate::told::{self, Looks, Told};
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

/// Results of one turn together, in bytes of JSON, unless one alone has more.
const MOST_WRITTEN: usize = 8 * 1024 * 1024;
/// Outputs that are kept for what the run answers, in bytes of JSON; beyond that it is made by a step of its own.
const MOST_KEPT: usize = 8 * 1024 * 1024;

/// What a worker tells the engine, and asks of it.
#[derive(Clone, Copy, Default)]
struct Ask<'a> {
    /// Steps that messages named; none but in the first turn.
    looks: Option<&'a [String]>,
    results: &'a [Written],
    /// What the run answers if it ends with these results.
    output: Option<&'a str>,
    /// Steps that this worker has in hand besides.
    busy: u32,
}

/// A result as the engine is told of it.
struct Written {
    text: String,
    /// It is looked at again after so long.
    again: Option<(Hint, Duration)>,
}

/// A turn, and the claim of the steps that came with it.
struct Taken {
    turned: Turned,
    claim: Claim,
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
        let Some(text) = &first.turned.context else {
            return Ok(());
        };
        let context: RunContext = context::read("the context", text)?;
        told::workspace(context.workspace_id);
        if first.turned.claimed.is_none() {
            self.after(&first.turned, &context).await;
            return Ok(());
        }
        let flow = match self.flow_of(&context).await {
            Ok(flow) => flow,
            Err(error) => {
                let why = error.to_string();
                let outcome = |step: &Claimed| match context.caller() {
                    Some(_) => attempt::later(&why, step.attempt),
                    // Whoever may not run tools here any more may not read definitions either.
                    None => attempt::not_permitted(),
                };
                return self
                    .give_back(run, &first.turned, &context, until, outcome)
                    .await;
            }
        };
        let known = Arc::new(Known {
            shown: context.shown(),
            context,
            flow,
        });
        let mut under_way = JoinSet::new();
        let driven = self
            .drive_on(run, known, first, &mut under_way, until)
            .await;
        // Calls that are under way are not cut off: what they came to is at least in the ledger of keyed calls.
        while under_way.join_next().await.is_some() {}
        driven
    }

    async fn drive_on(
        &self,
        run: Uuid,
        known: Arc<Known>,
        first: Taken,
        under_way: &mut JoinSet<Ended>,
        until: Instant,
    ) -> Result<(), persistence::Error> {
        let scene = Scene {
            flows: self.clone(),
            known: Arc::clone(&known),
        };
        let mut seen = Seen::of(&known.context);
        let mut taken = first;
        let mut written: Vec<Written> = Vec::new();
        loop {
            for step in claimed(&taken.turned)? {
                under_way.spawn(telemetry::carried(scene.clone().attempt(step, taken.claim)));
            }
            self.after(&taken.turned, &known.context).await;
            for (hint, delay) in written.drain(..).filter_map(|written| written.again) {
                self.send_later(hint, delay).await;
            }
            let mut next = under_way.join_next().await;
            if next.is_none() {
                return Ok(());
            }
            let mut bytes = 0;
            while let Some(ended) = next {
                match ended {
                    Ok(ended) => {
                        let result = write(run, &ended.result)?;
                        told::count_step(&ended.result.outcome);
                        bytes += result.text.len();
                        seen.keep(ended, result.text.len());
                        written.push(result);
                    }
                    Err(error) => {
                        tracing::error!(%run, %error, "a step broke; its lease will end");
                    }
                }
                if bytes > MOST_WRITTEN {
                    break;
                }
                next = under_way.try_join_next();
            }
            let output = match under_way.is_empty() {
                true => seen.answer(&known),
                false => None,
            };
            let ask = Ask {
                looks: None,
                results: &written,
                output: output.as_deref(),
                busy: u32::try_from(under_way.len()).unwrap_or(u32::MAX),
            };
            taken = match self.persistent_turn(run, ask, until).await {
                // Something about one of them; the others must not be lost with it.
                Err(error) if written.len() > 1 && !error.is_unavailable() => {
                    tracing::error!(%run, %error, "results are written down one by one");
                    self.one_by_one(run, &known, &written, until).await?
                }
                taken => taken?,
            };
            if taken.turned.fenced != Some(0) {
                // Another worker has had some of these steps, and may have come to something else.
                seen = Seen::of(&known.context);
            }
        }
    }

    /// Writes each result down by itself; what becomes ready is left to others. The last turn's answer.
    async fn one_by_one(
        &self,
        run: Uuid,
        known: &Known,
        written: &[Written],
        until: Instant,
    ) -> Result<Taken, persistence::Error> {
        let mut last = Ok(None);
        for one in written {
            let ask = Ask {
                results: std::slice::from_ref(one),
                busy: PARALLEL,
                ..Ask::default()
            };
            match self.persistent_turn(run, ask, until).await {
                Ok(taken) => {
                    self.after(&taken.turned, &known.context).await;
                    last = Ok(Some(taken));
                }
                Err(error) => {
                    tracing::error!(%run, %error, "a result is not written down; its lease will end");
                    last = last.and_then(|taken: Option<Taken>| match taken {
                        Some(taken) => Ok(Some(taken)),
                        None => Err(error),
                    });
                }
            }
        }
        match last? {
            Some(taken) => Ok(taken),
            None => Err(persistence::Error::Corrupt("no result to write".to_owned())),
        }
    }

    /// Nothing was sent for the claimed steps, and this is said of them, so that they are not lost with their leases.
    async fn give_back(
        &self,
        run: Uuid,
        turned: &Turned,
        context: &RunContext,
        until: Instant,
        outcome: impl Fn(&Claimed) -> Outcome,
    ) -> Result<(), persistence::Error> {
        let results = claimed(turned)?.into_iter().map(|step| {
            let result = StepResult {
                outcome: outcome(&step),
                step_id: step.step_id,
                attempt: step.attempt,
                input: None,
                execution_id: None,
            };
            write(run, &result)
        });
        let results = results.collect::<Result<Vec<_>, _>>()?;
        let ask = Ask {
            results: &results,
            busy: PARALLEL,
            ..Ask::default()
        };
        let taken = self.persistent_turn(run, ask, until).await?;
        self.after(turned, context).await;
        self.after(&taken.turned, context).await;
        for (hint, delay) in results.into_iter().filter_map(|result| result.again) {
            self.send_later(hint, delay).await;
        }
        Ok(())
    }

    /// Writes results down, again if the database is away for a moment: what a call came to must not be lost.
    async fn persistent_turn(
        &self,
        run: Uuid,
        ask: Ask<'_>,
        until: Instant,
    ) -> Result<Taken, persistence::Error> {
        let mut pauses = PATIENCE.iter();
        loop {
            let taken = self.turn(run, ask, until).await;
            match (taken, pauses.next()) {
                (Err(error), Some(pause)) if error.is_unavailable() => {
                    tracing::warn!(%run, %error, "results are not written down yet");
                    tokio::time::sleep(*pause).await;
                }
                (taken, _) => return taken,
            }
        }
    }

    /// One turn of a run. The first one is always claimed in: a fresh invocation has the most time that there is.
    async fn turn(
        &self,
        run: Uuid,
        ask: Ask<'_>,
        until: Instant,
    ) -> Result<Taken, persistence::Error> {
        let is_first = ask.looks.is_some();
        let claim = Claim {
            asked: Instant::now(),
            left: left(until),
        };
        let enough = is_first || until.saturating_duration_since(claim.asked) >= LEAST;
        let results: Vec<&str> = ask.results.iter().map(|one| one.text.as_str()).collect();
        let turn = runs::Turn {
            run,
            looks: ask.looks.unwrap_or_default(),
            results: &format!("[{}]", results.join(",")),
            output: ask.output,
            token: Uuid::new_v4(),
            most: if enough {
                PARALLEL.saturating_sub(ask.busy)
            } else {
                0
            },
            left: claim.left,
            resend: self.resend,
            with_context: is_first,
        };
        let turned = runs::advance(&self.db, &turn).await?;
        // What ended before, or by another worker, is none of this one's.
        let late = usize::try_from(turned.fenced.unwrap_or_default()).unwrap_or_default();
        if let Some(state) = turned.state.as_deref()
            && ask.results.len() > late
        {
            told::count_end(state);
        }
        Ok(Taken { turned, claim })
    }

    /// The definition in the run's version; none of a tool's execution.
    async fn flow_of(&self, context: &RunContext) -> Result<Option<Arc<Flow>>, persistence::Error> {
        match (&context.flow_id, context.flow_version) {
            (Some(id), Some(version)) => self.definition(context, id, version).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Read again if the database is away for a moment: steps wait for it that are claimed.
    async fn definition(
        &self,
        context: &RunContext,
        id: &ToolId,
        version: i32,
    ) -> Result<Arc<Flow>, persistence::Error> {
        let caller = context.reader();
        let mut pauses = PATIENCE.iter().take(3);
        loop {
            match (
                self.registry.flow_at(&caller, id, version).await,
                pauses.next(),
            ) {
                (Ok(found), _) => return Ok(Arc::clone(&found.flow)),
                (Err(registry::Error::Database(error)), Some(pause)) if error.is_unavailable() => {
                    tokio::time::sleep(*pause).await;
                }
                (Err(registry::Error::Database(error)), _) => return Err(error),
                (Err(error), _) => {
                    return Err(persistence::Error::Corrupt(format!(
                        "version {version} of the flow {id}: {error}"
                    )));
                }
            }
        }
    }

    /// After a commit: others are told of what is ready, and of what they waited for. What cannot be told is left to the sweep.
    async fn after(&self, turned: &Turned, context: &RunContext) {
        let mut told = self.send_owed(turned.owed.as_deref()).await;
        if let (Some(run_id), Some(step_id)) = (turned.parent_run, turned.parent_step.clone()) {
            self.send([Hint::new(run_id, step_id)]).await;
        }
        if let (Some(true), Some(flow)) = (turned.admits, &context.flow_id) {
            told = told.and(self.admit(context.workspace_id, flow.as_str()).await);
        }
        if let Err(error) = told {
            let error = &error as &dyn std::error::Error;
            tracing::error!(run = %context.id, error, "others are not told; the sweep will");
        }
    }
}

/// What the run answers is made of these results, as far as they were seen here.
struct Seen {
    wanted: BTreeSet<String>,
    views: BTreeMap<String, StepView>,
    bytes: usize,
}

impl Seen {
    fn of(context: &RunContext) -> Self {
        Self {
            wanted: context.output_reads.iter().cloned().collect(),
            views: BTreeMap::new(),
            bytes: 0,
        }
    }

    fn keep(&mut self, ended: Ended, bytes: usize) {
        let before = self.views.len();
        let reads = ended.reads.into_iter();
        self.views
            .extend(reads.filter(|(step, _)| self.wanted.contains(step)));
        if let Outcome::Succeeded { output } = ended.result.outcome
            && self.wanted.contains(&ended.result.step_id)
        {
            let view = StepView {
                status: "succeeded".to_owned(),
                output,
                error: Value::Null,
            };
            self.views.insert(ended.result.step_id, view);
        }
        if self.views.len() > before {
            self.bytes += bytes;
        }
        if self.bytes > MOST_KEPT {
            self.views.clear();
        }
    }

    /// What the run answers, where everything that it reads has been seen here.
    fn answer(&self, known: &Known) -> Option<String> {
        let reads = &known.context.output_reads;
        if !reads.iter().all(|step| self.views.contains_key(step)) {
            return None;
        }
        let output = match &known.flow {
            None => reads
                .first()
                .and_then(|step| self.views.get(step))?
                .output
                .clone(),
            Some(flow) => {
                let scope = Scope {
                    input: &known.context.input,
                    run: &known.shown,
                    steps: &self.views,
                    item: None,
                    index: None,
                };
                flow::output(flow, &scope).ok()?
            }
        };
        context::write(&output).ok()
    }
}

/// A result as text, and when its step is looked at again; the sweep would come later.
fn write(run: Uuid, result: &StepResult) -> Result<Written, persistence::Error> {
    let delay_ms = match &result.outcome {
        Outcome::Sleep { delay_ms, .. }
        | Outcome::Retry { delay_ms, .. }
        | Outcome::Await {
            delay_ms: Some(delay_ms),
        } => Some(*delay_ms),
        Outcome::Succeeded { .. }
        | Outcome::Failed { .. }
        | Outcome::Skipped
        | Outcome::Stopped
        | Outcome::Unknown { .. }
        | Outcome::Await { delay_ms: None }
        | Outcome::Delegate { .. }
        | Outcome::Expand { .. } => None,
    };
    let hint = Hint::new(run, result.step_id.clone());
    Ok(Written {
        text: context::write(result)?,
        again: delay_ms.map(|delay_ms| (hint, Duration::from_millis(delay_ms))),
    })
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
    runs: BTreeMap<Uuid, Looks>,
    until: Instant,
) -> BTreeSet<Uuid> {
    let mut driven = JoinSet::new();
    let mut failed: BTreeSet<Uuid> = runs.keys().copied().collect();
    for (run, looks) in runs {
        let flows = flows.clone();
        driven.spawn(async move {
            let mut told = Told::begin(run, &looks);
            let result = told.scope(flows.drive(run, &looks.steps, until)).await;
            told.ended(result.as_ref().err());
            (run, result.is_ok())
        });
    }
    while let Some(ended) = driven.join_next().await {
        match ended {
            Ok((run, true)) => {
                failed.remove(&run);
            }
            Ok((_, false)) => {}
            Err(error) => {
                tracing::error!(%error, "a worker broke; the leases of its steps will end");
            }
        }
    }
    failed
}
