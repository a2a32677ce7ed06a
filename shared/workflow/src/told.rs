//! What is told of a worker's time with a run: one line, log and metrics at once.

use std::time::Duration;

use domain::ids::WorkspaceId;
use telemetry::{Facts, Metric, Parent};
use uuid::Uuid;

use crate::outcome::Outcome;

/// What messages said of one run.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// The steps that they named.
    pub(crate) steps: Vec<String>,
    /// The trace that the first of them belongs to that has one.
    pub(crate) parent: Option<Parent>,
}

/// A worker's time with a run. The line is written when it is dropped, however it ends.
pub(crate) struct Told {
    facts: Facts,
    messages: u64,
    failed: bool,
}

impl Told {
    /// It begins.
    pub(crate) fn begin(run: Uuid, looks: &Looks) -> Self {
        Self {
            facts: Facts::of_run(run, looks.parent),
            messages: looks.steps.len() as u64,
            failed: true,
        }
    }

    /// Does the work in the run's trace.
    pub(crate) fn scope<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.facts.scope(work)
    }

    /// It came to an end, well or not.
    pub(crate) fn ended(&mut self, error: Option<&persistence::Error>) {
        self.failed = error.is_some();
        if let Some(error) = error {
            let error: &dyn std::error::Error = error;
            self.facts
                .within(|| tracing::error!(error, "a run stands still for now"));
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let facts = &self.facts;
        let (elapsed, outside) = facts.elapsed();
        let count = |metric| facts.counted(metric);
        let line = || {
            tracing::info!(
                target: "work",
                messages = self.messages,
                messages_failed = if self.failed { self.messages } else { 0 },
                duration_ms = milliseconds(elapsed),
                overhead_ms = milliseconds(elapsed.saturating_sub(outside)),
                workspace_id = facts.workspace().map(tracing::field::display),
                steps_succeeded = count(Metric::StepsSucceeded),
                steps_failed = count(Metric::StepsFailed),
                steps_retried = count(Metric::StepsRetried),
                runs_succeeded = count(Metric::RunsSucceeded),
                runs_failed = count(Metric::RunsFailed),
                runs_cancelled = count(Metric::RunsCancelled),
                tool_successes = count(Metric::ToolSuccesses),
                tool_failures = count(Metric::ToolFailures),
                tool_refusals = count(Metric::ToolRefusals),
                tool_codes = facts.tool_codes(),
                "worked"
            );
        };
        facts.within(line);
    }
}

/// Notes the workspace of the run.
pub(crate) fn workspace(id: WorkspaceId) {
    if let Some(facts) = telemetry::current() {
        facts.set_workspace(id);
    }
}

/// Counts a run's end; whether this state is one.
pub(crate) fn count_end(state: &str) -> bool {
    let metric = match state {
        "succeeded" => Metric::RunsSucceeded,
        "failed" => Metric::RunsFailed,
        "cancelled" => Metric::RunsCancelled,
        _ => return false,
    };
    count(metric);
    true
}

/// Counts what a step came to, if it came to anything.
pub(crate) fn count_step(outcome: &Outcome) {
    match outcome {
        Outcome::Succeeded { .. } => count(Metric::StepsSucceeded),
        Outcome::Failed { .. } | Outcome::Unknown { .. } => count(Metric::StepsFailed),
        Outcome::Retry { .. } => count(Metric::StepsRetried),
        Outcome::Skipped
        | Outcome::Stopped
        | Outcome::Sleep { .. }
        | Outcome::Await { .. }
        | Outcome::Delegate { .. }
        | Outcome::Expand { .. } => {}
    }
}

fn count(metric: Metric) {
    if let Some(facts) = telemetry::current() {
        facts.count(metric, 1);
    }
}

/// To the microsecond.
fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
