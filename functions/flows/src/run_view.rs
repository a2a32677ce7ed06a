//! Runs as they are answered.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use persistence::run_steps::{After, AttemptRow, StepRow};
use persistence::runs::RunSummary;
use serde::Serialize;
use serde_json::Value;
use std::fmt::{self, Display};
use std::str::FromStr;
use utoipa::ToSchema;
use uuid::Uuid;
use workflow::StartedRun;

/// Steps in one answer, unless a caller asks for another number.
pub(crate) const STEPS: usize = 200;
/// The list of a run's steps, in cursors.
pub(crate) const STEP_LIST: &str = "steps";

/// A run that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunStarted {
    /// Its id.
    run_id: Uuid,
    /// Its state: mostly `running`.
    #[schema(example = "running")]
    status: String,
    /// The flow's version that it follows.
    #[schema(example = 1)]
    flow_version: i32,
    /// Present (and true) when it was started before, with the same `Idempotency-Key`.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false, example = false)]
    existing: bool,
    /// Present (and true) when it waits for other runs of the flow: `max_concurrency`.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false, example = false)]
    held: bool,
}

impl RunStarted {
    pub(crate) const fn new(started: &StartedRun, status: String) -> Self {
        Self {
            run_id: started.id,
            status,
            flow_version: started.version,
            existing: started.existing,
            held: started.held,
        }
    }
}

/// One line of a list of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedRun {
    /// Its id.
    run_id: Uuid,
    /// Its state: `running`, `failing`, `cancelling`, `compensating`, `succeeded`, `failed` or `cancelled`.
    #[schema(example = "succeeded")]
    status: String,
    /// The flow's version that it follows.
    #[schema(example = 1, required)]
    flow_version: Option<i32>,
    /// Through which door it was started: `rest`, `model`, `mcp` or `flow`.
    #[schema(example = "rest")]
    door: String,
    /// Why it failed: `step_id` and that step's `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    /// Present (and true) when it waits for other runs of the flow.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false, example = false)]
    held: bool,
    /// Who started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_by: Option<Uuid>,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
}

impl From<RunSummary> for ListedRun {
    fn from(row: RunSummary) -> Self {
        Self {
            run_id: row.id,
            status: row.status,
            flow_version: row.flow_version,
            door: row.door,
            error: row.error,
            held: row.held,
            started_by: row.started_by,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

/// A run with its steps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunView {
    /// Its id.
    pub(crate) run_id: Uuid,
    /// The flow.
    #[schema(example = "ticker_brief", required)]
    flow_id: Option<String>,
    /// The flow's version that it follows.
    #[schema(example = 1, required)]
    flow_version: Option<i32>,
    /// Its state: `running`, `failing`, `cancelling`, `compensating`, `succeeded`, `failed` or `cancelled`.
    #[schema(example = "succeeded")]
    status: String,
    /// Through which door it was started.
    #[schema(example = "rest")]
    door: String,
    /// The versions of everything that it calls, as they were at its start.
    #[schema(value_type = Object)]
    pinned: Value,
    /// What it was started with.
    #[schema(value_type = Object)]
    input: Value,
    /// What it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// Why it failed: `step_id` and that step's `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    /// Present (and true) when it waits for other runs of the flow.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false, example = false)]
    held: bool,
    /// The run whose step started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_run_id: Option<Uuid>,
    /// That step.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_step_id: Option<String>,
    /// Who started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_by: Option<Uuid>,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When it must have ended; then it is cancelled.
    deadline_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
    /// The number of its last event.
    last_event: i64,
    /// Its steps in the definition's order, each followed by its items; compensations last.
    steps: Vec<StepView>,
    /// Where the next page of steps starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One step of a run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunStep)]
pub(crate) struct StepView {
    /// Its id; of an item `quotes[3]`, of a compensation `mail~compensate`.
    #[schema(example = "quotes")]
    step_id: String,
    /// `tool`, `transform`, `flow`, `wait`, `map` (a for_each) or `compensation`.
    #[schema(example = "tool")]
    kind: String,
    /// Its state: `waiting`, `ready`, `running`, `succeeded`, `failed`, `skipped`, `cancelled`, `unknown` or `compensated`.
    #[schema(example = "succeeded")]
    status: String,
    /// The tool or flow that it calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_id: Option<String>,
    /// What a lost answer means: `read` and `keyed` calls are made again, `unsafe` ones are not.
    #[schema(example = "read")]
    effect: String,
    /// The `Idempotency-Key` of its call.
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<Uuid>,
    /// The step whose item it is, or which it undoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_step_id: Option<String>,
    /// Which item, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    item_index: Option<i32>,
    /// Items of a for_each.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<i32>,
    /// Those of them that have not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    items_open: Option<i32>,
    /// The run that it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<Uuid>,
    /// Attempts so far.
    #[schema(example = 1)]
    attempt: i32,
    /// Attempts at most.
    #[schema(example = 3)]
    max_attempts: i32,
    /// Present (and true) while it awaits a signal or an approval.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false, example = false)]
    awaits_signal: bool,
    /// While it sleeps or is to be tried again: not before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<DateTime<Utc>>,
    /// What it was called with.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Value>,
    /// What it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// Why it failed, or why its last attempt did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    /// When its last attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
    /// Attempts that ended, in order.
    attempts: Vec<AttemptView>,
}

/// One attempt of a step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StepAttempt)]
pub(crate) struct AttemptView {
    /// Counted from 1.
    #[schema(example = 1)]
    attempt: i32,
    /// `succeeded`, `failed`, `retried`, `skipped`, `lease_expired`, `cancelled` or `unknown`.
    #[schema(example = "succeeded")]
    outcome: String,
    /// Its entry in the execution log.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<Uuid>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<DateTime<Utc>>,
    /// When it ended.
    finished_at: DateTime<Utc>,
}

impl From<AttemptRow> for AttemptView {
    fn from(row: AttemptRow) -> Self {
        Self {
            attempt: row.attempt,
            outcome: row.outcome,
            execution_id: row.execution_id,
            error: row.error,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

impl StepView {
    fn new(row: StepRow, attempts: Vec<AttemptView>) -> Self {
        let open = matches!(row.status.as_str(), "ready" | "running");
        Self {
            step_id: row.step_id,
            kind: row.kind,
            status: row.status,
            tool_id: row.tool_id,
            effect: row.effect,
            idempotency_key: row.call_key,
            parent_step_id: row.parent_step_id,
            item_index: row.item_index,
            items: row.children,
            items_open: row.children.map(|_| row.children_open),
            run_id: row.child_run_id,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            awaits_signal: row.awaits,
            not_before: row.not_before.filter(|_| open),
            input: row.input,
            output: row.output,
            error: row.error,
            started_at: row.started_at,
            finished_at: row.finished_at,
            attempts,
        }
    }
}

impl RunView {
    pub(crate) fn new(view: workflow::RunView) -> Self {
        let workflow::RunView {
            run,
            steps,
            more,
            attempts,
        } = view;
        let next_cursor = steps
            .last()
            .filter(|_| more)
            .map(|last| web::cursor::encode(STEP_LIST, &StepPlace::of(last)));
        let mut by_step: BTreeMap<String, Vec<AttemptView>> = BTreeMap::new();
        for attempt in attempts {
            let of_step = by_step.entry(attempt.step_id.clone()).or_default();
            of_step.push(attempt.into());
        }
        let steps = steps.into_iter().map(|step| {
            let attempts = by_step.remove(&step.step_id).unwrap_or_default();
            StepView::new(step, attempts)
        });
        Self {
            run_id: run.id,
            flow_id: run.flow_id,
            flow_version: run.flow_version,
            status: run.status,
            door: run.door,
            pinned: run.pinned,
            input: run.input,
            output: run.output,
            error: run.error,
            held: run.held,
            parent_run_id: run.parent_run_id,
            parent_step_id: run.parent_step_id,
            started_by: run.started_by,
            created_at: run.created_at,
            deadline_at: run.deadline_at,
            finished_at: run.finished_at,
            last_event: run.last_seq,
            steps: steps.collect(),
            next_cursor,
        }
    }
}

/// Where a page of steps begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepPlace {
    position: i32,
    item: i32,
    step_id: String,
}

impl StepPlace {
    fn of(row: &StepRow) -> Self {
        Self {
            position: row.position,
            item: row.item_index.unwrap_or(-1),
            step_id: row.step_id.clone(),
        }
    }

    /// The same as the database takes it.
    pub(crate) fn after(&self) -> After<'_> {
        After {
            position: self.position,
            item: self.item,
            step_id: &self.step_id,
        }
    }
}

impl Display for StepPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.position, self.item, self.step_id)
    }
}

impl FromStr for StepPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '.');
        let mut number = || parts.next()?.parse().ok();
        let (position, item) = (number().ok_or(())?, number().ok_or(())?);
        let step_id = parts.next().ok_or(())?.to_owned();
        Ok(Self {
            position,
            item,
            step_id,
        })
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
