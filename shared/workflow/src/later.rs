//! A tool's execution that is owed to the queue (`Prefer: respond-async`): a run of one step and of no flow, so that it is claimed,
//! kept and recovered like every other step.

use std::time::Duration;

use domain::caller::{Caller, Door};
use domain::ids::ToolId;
use domain::run::{self, Kind, PlannedStep, call_key};
use executor::ExecuteError;
use persistence::run_keys::KeyedRun;
use persistence::runs::{self, NewRun, Started};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Flows, Hint, StartOptions, context};

/// The one step.
const CALL: &str = "call";
/// An execution must have ended so long after it was asked for.
const TIMEOUT: Duration = Duration::from_secs(3_600);

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A tool's execution; its id.
    Execution(Uuid),
    /// A flow's run; its id.
    Run(Uuid),
}

impl Flows {
    /// Accepts a tool's execution, or a flow's run, to be made by a worker. The input is checked now.
    ///
    /// # Errors
    /// It could not be accepted.
    pub async fn call_later(
        &self,
        caller: &Caller,
        id: &ToolId,
        mut input: Value,
        idempotency_key: Option<String>,
    ) -> Result<Accepted, ExecuteError> {
        executor::accept_key(idempotency_key.as_deref())?;
        // Of what was sent, before anything is filled in: the tool may have other defaults by now.
        let input_hash = run::execution_hash(id.as_str(), &input);
        if let Some(key) = &idempotency_key
            && let Some(found) = self
                .keyed(caller, key)
                .await
                .map_err(ExecuteError::Database)?
        {
            return accepted_before(&found, input_hash, run::input_hash(id.as_str(), &input));
        }
        let catalog = self.registry.catalog(caller).await?;
        let tool = catalog.tool(id).ok_or(ExecuteError::ToolNotFound)?;
        if tool.is_flow() {
            let options = StartOptions {
                door: Door::Rest,
                idempotency_key,
            };
            let started = self.start(caller, id, input, options).await;
            return match started {
                Ok(started) => Ok(Accepted::Run(started.id)),
                Err(error) => Err(crate::call::not_started(error)),
            };
        }
        executor::callable(&tool)?;
        executor::accept(&tool, &mut input, Door::Rest).map_err(ExecuteError::InvalidInput)?;
        executor::placed(&tool, &input).map_err(ExecuteError::InvalidInput)?;
        let run = Uuid::now_v7();
        let step = PlannedStep {
            step_id: CALL
                .parse()
                .map_err(|_| corrupt("the step of an execution"))?,
            kind: Kind::Tool,
            position: 0,
            effect: executor::effect(&tool),
            tool_id: Some(id.clone()),
            call_key: call_key(run, CALL, None),
            timeout_ms: executor::timeout_ms(&tool),
            dependants: Vec::new(),
            reads: Vec::new(),
            needs: 0,
            always: false,
            handles: false,
            fallback: None,
            undo: None,
            max_attempts: 1,
            input: Some(input.clone()),
        };
        let new = NewRun {
            id: run,
            flow: None,
            pinned: &context::write(&json!({ id.as_str(): tool.version }))
                .map_err(ExecuteError::Database)?,
            input: &context::write(&input).map_err(ExecuteError::Database)?,
            door: Door::Rest,
            idempotency_key: idempotency_key.as_deref(),
            input_hash,
            timeout: TIMEOUT,
            max_concurrency: None,
            parent: None,
            depth: 0,
            output_reads: &[CALL.to_owned()],
            steps: &context::write(&[step]).map_err(ExecuteError::Database)?,
        };
        let (principal, workspace) = (&caller.principal, caller.workspace_id);
        let started = runs::start(&self.db, principal, workspace, &new, self.resend)
            .await
            .map_err(ExecuteError::Database)?;
        let id = match started {
            Started::New { .. } => run,
            Started::Existing(id) => id,
            Started::Reused => return Err(ExecuteError::KeyReused),
            Started::Over => {
                return Err(corrupt("a run without a parent is below a stopped one"));
            }
        };
        // Also when it was there already under this id: the answer was lost, and the statement made twice.
        if id == run {
            self.send([Hint::new(run, CALL)]).await;
        }
        Ok(Accepted::Execution(id))
    }
}

/// What a key was used for, if that is what is asked for now: as a tool's execution, or as a flow's run.
fn accepted_before(
    found: &KeyedRun,
    as_execution: [u8; 32],
    as_run: [u8; 32],
) -> Result<Accepted, ExecuteError> {
    if found.asks(as_execution) {
        Ok(Accepted::Execution(found.id))
    } else if found.asks(as_run) {
        Ok(Accepted::Run(found.id))
    } else {
        Err(ExecuteError::KeyReused)
    }
}

fn corrupt(what: &str) -> ExecuteError {
    ExecuteError::Database(persistence::Error::Corrupt(what.to_owned()))
}
