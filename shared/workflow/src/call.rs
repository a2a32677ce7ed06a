//! Running a tool or a flow by its id: what every door calls. A flow is called like a tool, and answers like one.

use std::time::Duration;

use domain::caller::{Caller, Door};
use domain::failure::{Failure, FailureCode};
use domain::ids::{ExecutionId, ToolId};
use domain::run::{self, RunStatus};
use executor::{ExecuteError, ExecuteOptions, Execution, MAX_DEADLINE, Origin};
use persistence::runs::{self, RunEnd};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{FlowError, Flows, StartOptions};

/// The first and the longest pause between two looks at a run.
const LOOKS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

impl Flows {
    /// Runs a tool once, or a flow to its end: whichever has this id.
    ///
    /// # Errors
    /// It could not be run at all. A call that failed is an [`Execution`] whose outcome is a failure; so is a run that has not
    /// ended in time, which goes on.
    pub async fn call(
        &self,
        caller: &Caller,
        id: &ToolId,
        input: Value,
        options: ExecuteOptions,
    ) -> Result<Execution, ExecuteError> {
        let catalog = self.registry.catalog(caller).await?;
        match catalog.tool(id) {
            Some(tool) if tool.is_flow() => self.call_flow(caller, id, input, options).await,
            None if self.ran(caller, id, &input, &options).await => {
                self.call_flow(caller, id, input, options).await
            }
            Some(_) | None => self.executor.execute(caller, id, input, options).await,
        }
    }

    /// Whether a flow that is gone by now was started by this very call.
    async fn ran(
        &self,
        caller: &Caller,
        id: &ToolId,
        input: &Value,
        options: &ExecuteOptions,
    ) -> bool {
        let Some(key) = &options.idempotency_key else {
            return false;
        };
        let asked = run::input_hash(id.as_str(), input);
        let before = self.started_before(caller, key, asked).await;
        matches!(before, Ok(Some(_)))
    }

    async fn call_flow(
        &self,
        caller: &Caller,
        id: &ToolId,
        input: Value,
        options: ExecuteOptions,
    ) -> Result<Execution, ExecuteError> {
        let began = Instant::now();
        let wait = options.deadline.unwrap_or(MAX_DEADLINE).min(MAX_DEADLINE);
        let start = StartOptions {
            door: options.door,
            idempotency_key: options.idempotency_key,
        };
        let started = self
            .start(caller, id, input, start)
            .await
            .map_err(not_started)?;
        let end = self
            .wait(caller, started.id, began + wait)
            .await
            .map_err(ExecuteError::Database)?;
        let elapsed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Execution {
            execution_id: ExecutionId(started.id),
            execution_time_ms: elapsed,
            outcome: outcome(id, started.id, end, is_model(options.door)),
            cut: None,
            warnings: Vec::new(),
            origin: if started.existing {
                Origin::Replayed
            } else {
                Origin::Made
            },
        })
    }

    /// Waits until a run has ended, or until then; how it stands.
    ///
    /// # Errors
    /// The database's.
    pub async fn wait(
        &self,
        caller: &Caller,
        run: Uuid,
        until: Instant,
    ) -> Result<Option<RunEnd>, persistence::Error> {
        let _others_work = telemetry::Outside::begin();
        let workspace = caller.workspace_id;
        let mut pause = LOOKS.0;
        loop {
            let mut tx = self.db.begin_as(&caller.principal, Some(workspace)).await?;
            let end = runs::end(&mut tx, workspace, run).await?;
            tx.commit().await?;
            let is_final = end.as_ref().is_none_or(|end| is_final(&end.status));
            if is_final || Instant::now() + pause > until {
                return Ok(end);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOKS.1);
        }
    }
}

/// Whether a model hears the answer.
const fn is_model(door: Door) -> bool {
    match door {
        Door::Model | Door::Mcp => true,
        Door::Rest | Door::Flow => false,
    }
}

fn is_final(status: &str) -> bool {
    status.parse().is_ok_and(RunStatus::is_final)
}

/// A run's end as a tool's.
fn outcome(id: &ToolId, run: Uuid, end: Option<RunEnd>, to_model: bool) -> Result<Value, Failure> {
    let failed = |code, message: String, hint: &str| {
        Failure::new(code, message, hint)
            .detail("run_id", run.to_string())
            .detail("flow_id", id.as_str())
    };
    let Some(end) = end else {
        return Err(failed(
            FailureCode::FlowFailed,
            "The flow's run is gone.".to_owned(),
            "Start it again.",
        ));
    };
    let error = end.error.unwrap_or_default();
    // A step's failure may name hosts and secrets, which are no model's business.
    let error = match to_model {
        true => json!({ "step_id": error["step_id"], "code": error["error"]["code"] }),
        false => error,
    };
    match end.status.parse() {
        Ok(RunStatus::Succeeded) => Ok(end.output.unwrap_or_default()),
        Ok(status @ (RunStatus::Failed | RunStatus::Cancelled)) => Err(failed(
            FailureCode::FlowFailed,
            if status == RunStatus::Failed {
                "The flow's run failed.".to_owned()
            } else {
                "The flow's run was cancelled.".to_owned()
            },
            "details.error says which step and why.",
        )
        .detail("error", error)),
        Ok(
            RunStatus::Running
            | RunStatus::Failing
            | RunStatus::Cancelling
            | RunStatus::Compensating,
        )
        | Err(_) => Err(failed(
            FailureCode::FlowRunning,
            "The flow's run has not ended yet; it goes on.".to_owned(),
            "Look at the run later: its id is in details.run_id. Do not call again for the same purpose.",
        )),
    }
}

/// Why a flow was not started, as a tool's door says it.
pub(crate) fn not_started(error: FlowError) -> ExecuteError {
    match error {
        FlowError::NotFound => ExecuteError::ToolNotFound,
        FlowError::Disabled(why) => ExecuteError::ToolDisabled(why),
        FlowError::InvalidInput(faults) => ExecuteError::InvalidInput(faults),
        FlowError::KeyReused => ExecuteError::KeyReused,
        FlowError::Database(error) => ExecuteError::Database(error),
        error @ FlowError::Missing(_) => {
            ExecuteError::ToolDisabled(format!("The flow cannot be run: {error}."))
        }
        // A start ends with none of these.
        error @ (FlowError::RunNotFound
        | FlowError::StepNotFound
        | FlowError::NotStopped(_)
        | FlowError::Compensated
        | FlowError::Unconfirmed(_)
        | FlowError::HasParent
        | FlowError::ParentStopped
        | FlowError::Answered
        | FlowError::NotWaiting) => {
            ExecuteError::Database(persistence::Error::Corrupt(error.to_string()))
        }
    }
}
