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

row! {
    /// A step, and how much there is to say of it.
    #[derive(PartialEq, Eq)]
    pub struct StepSize {
        /// The step.
        pub step_id: String,
        /// Its input, output and error together, in bytes of JSON.
        pub bytes: i64,
    }
}

/// Steps in the definition's order, each followed by its items. They are found before they are weighed: only what may be told is read.
const SIZES: &str = "
    select p.step_id,
           (coalesce(octet_length(s.input::text), 0)::bigint + coalesce(octet_length(s.output::text), 0)
            + coalesce(octet_length(s.error::text), 0)) as bytes
    from (
        select o.step_id, o.position, coalesce(o.item_index, -1) as item
        from orchestration.run_steps o
        where o.workspace_id = $1
          and o.run_id = $2
          and (o.position, coalesce(o.item_index, -1), o.step_id) > ($3, $4, $5)
          and o.kind <> 'output'
        order by o.position, coalesce(o.item_index, -1), o.step_id
        limit $6
    ) as p
    join orchestration.run_steps s
      on s.workspace_id = $1 and s.run_id = $2 and s.step_id = p.step_id
    order by p.position, p.item, p.step_id";

const NAMED: &str = "
    select s.step_id, s.kind, s.status, s.position, s.tool_id, s.call_key, s.effect, s.parent_step_id, s.item_index,
           s.children, s.children_open, s.child_run_id, s.attempt, s.max_attempts, s.awaits,
           case when isfinite(s.not_before) then s.not_before end as not_before, s.input, s.output, s.error,
           s.started_at, s.finished_at
    from orchestration.run_steps s
    where s.workspace_id = $1
      and s.run_id = $2
      and s.step_id = any ($3)
    order by s.position, coalesce(s.item_index, -1), s.step_id";

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
    statement!("run_steps::sizes", SIZES, Authenticated, StepSize),
    statement!("run_steps::named", NAMED, Authenticated, StepRow),
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

/// How much one page of steps may hold.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Steps.
    pub steps: usize,
    /// Bytes of their inputs, outputs and errors; one step may be larger.
    pub bytes: u64,
}

impl Most {
    /// How many of these steps, which follow one another, are within it: one at least, where there may be any.
    fn of(self, sizes: &[StepSize]) -> usize {
        let mut left = self.bytes;
        let fits = |(place, size): &(usize, &StepSize)| {
            let bytes = u64::try_from(size.bytes).unwrap_or_default();
            let fits = *place == 0 || bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        };
        let fitting = sizes.iter().take(self.steps).enumerate();
        fitting.take_while(fits).count()
    }
}

/// Some steps of a run.
#[derive(Clone, Debug, Default)]
pub struct StepPage {
    /// The steps, in the definition's order, each followed by its items.
    pub steps: Vec<StepRow>,
    /// Others follow.
    pub more: bool,
}

/// Steps of a run, as many as there may be at once.
///
/// # Errors
/// The database's.
pub async fn page(
    tx: &mut Tx,
    workspace: WorkspaceId,
    run: Uuid,
    after: Option<After<'_>>,
    most: Most,
) -> Result<StepPage, Error> {
    if most.steps == 0 {
        return Ok(StepPage::default());
    }
    let after = after.unwrap_or(After {
        position: -1,
        item: -1,
        step_id: "",
    });
    // One more, to see whether there is one.
    let limit = i64::try_from(most.steps).map_or(i64::MAX, |steps| steps.saturating_add(1));
    let query = query_as(SIZES)
        .bind(workspace.0)
        .bind(run)
        .bind(after.position)
        .bind(after.item)
        .bind(after.step_id)
        .bind(limit);
    let mut sizes: Vec<StepSize> = tx.all(query).await?;
    let fitting = most.of(&sizes);
    let more = sizes.len() > fitting;
    sizes.truncate(fitting);
    if sizes.is_empty() {
        return Ok(StepPage {
            steps: Vec::new(),
            more,
        });
    }
    let ids: Vec<String> = sizes.into_iter().map(|size| size.step_id).collect();
    let named = query_as(NAMED).bind(workspace.0).bind(run).bind(ids);
    let steps = tx.all(named).await?;
    Ok(StepPage { steps, more })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_by_count_and_by_bytes() {
        let of = |steps: usize, bytes: u64, sizes: &[i64]| {
            let sizes: Vec<StepSize> = sizes
                .iter()
                .map(|bytes| StepSize {
                    step_id: "a".to_owned(),
                    bytes: *bytes,
                })
                .collect();
            Most { steps, bytes }.of(&sizes)
        };
        assert_eq!(of(5, 100, &[]), 0);
        assert_eq!(of(0, 100, &[1]), 0);
        assert_eq!(of(2, 100, &[1, 1, 1]), 2);
        assert_eq!(of(5, 100, &[60, 40, 1]), 2);
        assert_eq!(of(5, 100, &[60, 40, 0, 1]), 3);
        // One is told however large it is, and nothing beside it.
        assert_eq!(of(5, 100, &[500, 0]), 2);
        assert_eq!(of(5, 100, &[500, 1]), 1);
        assert_eq!(of(5, 100, &[1, 500, 1]), 1);
    }
}
