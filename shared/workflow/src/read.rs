//! Runs as people read them.

use std::collections::BTreeMap;

use domain::caller::Caller;
use domain::ids::ToolId;
use persistence::flows;
use persistence::run_events::{self, EventRow, Watched};
use persistence::run_steps::{self, After, AttemptRow, Most, StepPage, StepRow};
use persistence::runs::{self, Before, RunRow, RunSummary};
use uuid::Uuid;

use crate::steer::run_in;
use crate::{FlowError, Flows};

/// Inputs, outputs and errors of one page of steps, in bytes of JSON; one step may be larger, up to what it may hold.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// A run with a page of its steps.
#[derive(Clone, Debug)]
pub struct RunView {
    /// The run.
    pub run: RunRow,
    /// Steps in the definition's order, each followed by its items.
    pub steps: Vec<StepRow>,
    /// Others follow these.
    pub more: bool,
    /// Ended attempts of those steps.
    pub attempts: Vec<AttemptRow>,
}

impl Flows {
    /// A flow's runs, newest first; of a retired flow too.
    ///
    /// # Errors
    /// [`FlowError::NotFound`]; the database's.
    pub async fn runs(
        &self,
        caller: &Caller,
        flow: &ToolId,
        status: Option<&str>,
        before: Option<Before>,
        limit: i64,
    ) -> Result<Vec<RunSummary>, FlowError> {
        let workspace = caller.workspace_id;
        let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
        let page = runs::page(&mut tx, workspace, flow.as_str(), status, before, limit).await?;
        // Of a retired flow too there are versions.
        let known = !page.is_empty()
            || !flows::versions(&mut tx, workspace, flow, None, 1)
                .await?
                .is_empty();
        tx.commit().await?;
        match known {
            true => Ok(page),
            false => Err(FlowError::NotFound),
        }
    }

    /// A run and a page of its steps: so many at most, and fewer where they are large.
    ///
    /// # Errors
    /// [`FlowError::RunNotFound`]; the database's.
    pub async fn run(
        &self,
        caller: &Caller,
        flow: &ToolId,
        run: Uuid,
        after: Option<After<'_>>,
        limit: usize,
    ) -> Result<RunView, FlowError> {
        let workspace = caller.workspace_id;
        let mut tx = self
            .db
            .snapshot_as(&caller.principal, Some(workspace))
            .await?;
        let row = run_in(&mut tx, caller, flow, run).await?;
        let most = Most {
            steps: limit,
            bytes: MOST_BYTES,
        };
        let StepPage { steps, more } =
            run_steps::page(&mut tx, workspace, run, after, most).await?;
        let ids: Vec<String> = steps.iter().map(|step| step.step_id.clone()).collect();
        let attempts = run_steps::attempts(&mut tx, workspace, run, &ids).await?;
        tx.commit().await?;
        Ok(RunView {
            run: row,
            steps,
            more,
            attempts,
        })
    }

    /// The run's steps and their states, for a drawing; with the flow's definition in the run's version.
    ///
    /// # Errors
    /// [`FlowError::RunNotFound`]; the database's.
    pub async fn drawn(
        &self,
        caller: &Caller,
        flow: &ToolId,
        run: Uuid,
    ) -> Result<String, FlowError> {
        let workspace = caller.workspace_id;
        let row = self.run_of(caller, flow, run).await?;
        let version = row.flow_version.ok_or(FlowError::RunNotFound)?;
        let defined = self.registry.flow_at(caller, flow, version).await?;
        let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
        let states = run_steps::states(&mut tx, workspace, run).await?;
        tx.commit().await?;
        let states: BTreeMap<String, String> = states
            .into_iter()
            .map(|state| (state.step_id, state.status))
            .collect();
        Ok(domain::flow::mermaid(&defined.flow, Some(&states)))
    }

    /// How a run stands, and its events behind that number, in order.
    ///
    /// # Errors
    /// [`FlowError::RunNotFound`]; the database's.
    pub async fn events(
        &self,
        caller: &Caller,
        flow: &ToolId,
        run: Uuid,
        seq: i64,
        limit: i64,
    ) -> Result<(Watched, Vec<EventRow>), FlowError> {
        let workspace = caller.workspace_id;
        let mut tx = self
            .db
            .snapshot_as(&caller.principal, Some(workspace))
            .await?;
        let row = run_events::watched(&mut tx, workspace, run)
            .await?
            .filter(|row| row.flow_id.as_deref() == Some(flow.as_str()))
            .ok_or(FlowError::RunNotFound)?;
        let events = run_events::after(&mut tx, workspace, run, seq, limit).await?;
        tx.commit().await?;
        Ok((row, events))
    }
}
