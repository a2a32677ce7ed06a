//! `orchestration.run_steps` and `orchestration.step_attempts`, as they are read; they change through [`crate::runs`].

use chrono::{DateTime, Utc};
use domain::ids::WorkspaceId;
use serde_json::Value;
use sqlx::query_as;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::Error;
use crate::statements::{Statement, row, statement};

row! {
    /// One step of a run.
    #[derive(PartialEq)]
    pub struct StepRow {
        /// `quotes`, `quotes[3]`, `mail~compensate`.
        pub step_id: String,
        /// `tool`, `transform`, `flow`, `wait`, `map`, `compensation` or `output`.
        pub kind: String,
        /// The state.
        pub status: String,
        /// Its place in the definition.
        pub position: i32,
        /// The tool or flow that it calls.
        pub tool_id: Option<String>,
        /// The key of its call.
        pub call_key: Option<Uuid>,
        /// `read`, `keyed` or `unsafe`.
        pub effect: String,
        /// The step whose item it is, or which it undoes.
        pub parent_step_id: Option<String>,
        /// Which item.
        pub item_index: Option<i32>,
        /// Items of a for_each.
        pub children: Option<i32>,
        /// Those of them that have not ended.
        pub children_open: i32,
        /// The run that it started.
        pub child_run_id: Option<Uuid>,
        /// Attempts so far.
        pub attempt: i32,
        /// Attempts at most.
        pub max_attempts: i32,
        /// It awaits a signal.
        pub awaits: bool,
        /// It sleeps until then, or is not tried again before.
        pub not_before: Option<DateTime<Utc>>,
        /// What it was called with.
        pub input: Option<Value>,
        /// What it answered.
        pub output: Option<Value>,
        /// Why it failed.
        pub error: Option<Value>,
        /// When its last attempt began.
        pub started_at: Option<DateTime<Utc>>,
        /// When it ended.
        pub finished_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// A step's state, for a drawing.
    #[derive(PartialEq, Eq)]
    pub struct StepState {
        /// The step.
        pub step_id: String,
        /// Its state.
        pub status: String,
    }
}

row! {
    /// One attempt that ended.
    #[derive(PartialEq)]
    pub struct AttemptRow {
        /// Of which step.
        pub step_id: String,
        /// Which one, counted from 1.
        pub attempt: i32,
        /// `succeeded`, `failed`, `retried`, `skipped`, `fenced`, `lease_expired`, `cancelled` or `unknown`.
        pub outcome: String,
        /// The tool's execution in the log.
        pub execution_id: Option<Uuid>,
        /// What went wrong.
        pub error: Option<Value>,
        /// When it began.
        pub started_at: Option<DateTime<Utc>>,
        /// When it ended.
        pub finished_at: DateTime<Utc>,
    }
}

/// Steps in the definition's order, each followed by its items.
const PAGE: &str = "
    select s.step_id, s.kind, s.status, s.position, s.tool_id, s.call_key, s.effect, s.parent_step_id, s.item_index,
           s.children, s.children_open, s.child_run_id, s.attempt, s.max_attempts, s.awaits,
           case when isfinite(s.not_before) then s.not_before end as not_before, s.input, s.output, s.error,
           s.started_at, s.finished_at
    from orchestration.run_steps s
    where s.workspace_id = $1
      and s.run_id = $2
      and (s.position, coalesce(s.item_index, -1), s.step_id) > ($3, $4, $5)
      and s.kind <> 'output'
    order by s.position, coalesce(s.item_index, -1), s.step_id
    limit $6";

const BY_ID: &str = "
    select s.step_id, s.kind, s.status, s.position, s.tool_id, s.call_key, s.effect, s.parent_step_id, s.item_index,
           s.children, s.children_open, s.child_run_id, s.attempt, s.max_attempts, s.awaits,
           case when isfinite(s.not_before) then s.not_before end as not_before, s.input, s.output, s.error,
           s.started_at, s.finished_at
    from orchestration.run_steps s
    where s.workspace_id = $1
      and s.run_id = $2
      and s.step_id = $3";

const STATES: &str = "
    select s.step_id, s.status
    from orchestration.run_steps s
    where s.workspace_id = $1
      and s.run_id = $2
      and s.parent_step_id is null
      and s.kind <> 'output'";

const ATTEMPTS: &str = "
    select a.step_id, a.attempt, a.outcome, a.execution_id, a.error, a.started_at, a.finished_at
    from orchestration.step_attempts a
    where a.workspace_id = $1
      and a.run_id = $2
      and a.step_id = any ($3)
    order by a.step_id, a.attempt";

pub(crate) const STATEMENTS: &[Statement] = &[
    statement!("run_steps::page", PAGE, Authenticated, StepRow),
    statement!("run_steps::by_id", BY_ID, Authenticated, StepRow),
    statement!("run_steps::states", STATES, Authenticated, StepState),
    statement!("run_steps::attempts", ATTEMPTS, Authenticated, AttemptRow),
];

/// Where a page of steps begins: behind this one.
#[derive(Clone, Copy, Debug)]
pub struct After<'a> {
    /// Its place in the definition.
    pub position: i32,
    /// Which item; -1 for a step itself.
    pub item: i32,
    /// Its id.
    pub step_id: &'a str,
}

/// Steps of a run.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    run: Uuid,
    after: Option<After<'_>>,
    limit: i64,
) -> Result<Vec<StepRow>, Error> {
    let after = after.unwrap_or(After {
        position: -1,
        item: -1,
        step_id: "",
    });
    let query = query_as(PAGE)
        .bind(workspace.0)
        .bind(run)
        .bind(after.position)
        .bind(after.item)
        .bind(after.step_id)
        .bind(limit);
    tx.all(query).await
}

/// One step.
///
/// # Errors
/// The database's.
pub async fn by_id(
    tx: &mut Tx,
    workspace: WorkspaceId,
    run: Uuid,
    step: &str,
) -> Result<Option<StepRow>, Error> {
    tx.maybe(query_as(BY_ID).bind(workspace.0).bind(run).bind(step))
        .await
}

/// The states of all steps of a run, items left out.
///
/// # Errors
/// The database's.
pub async fn states(
    tx: &mut Tx,
    workspace: WorkspaceId,
    run: Uuid,
) -> Result<Vec<StepState>, Error> {
    tx.all(query_as(STATES).bind(workspace.0).bind(run)).await
}

/// The ended attempts of these steps.
///
/// # Errors
/// The database's.
pub async fn attempts(
    tx: &mut Tx,
    workspace: WorkspaceId,
    run: Uuid,
    steps: &[String],
) -> Result<Vec<AttemptRow>, Error> {
    let query = query_as(ATTEMPTS).bind(workspace.0).bind(run).bind(steps);
    tx.all(query).await
}
