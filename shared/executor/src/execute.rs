//! Running one tool once: from the caller's input to the recorded execution.

use std::sync::Arc;
use std::time::Duration;

use domain::caller::{Caller, Door};
use domain::failure::Failure;
use domain::fault::Fault;
use domain::ids::{ExecutionId, ToolId};
use domain::request::Draft;
use persistence::{Db, executions};
use registry::{CompiledTool, Registry};
use serde_json::Value;
use telemetry::Metric;
use uuid::Uuid;
use vault::Vault;

use crate::breaker::Breakers;
use crate::cache::Answers;
use crate::code;
use crate::credentials;
use crate::cut::Cut;
use crate::error::ExecuteError;
use crate::input;
use crate::outbound::Outbound;
use crate::preview::{self, Preview};
use crate::run::{Came, Ended, Run};

/// How an execution is asked for.
#[derive(Clone, Debug)]
pub struct ExecuteOptions {
    /// Through which door.
    pub door: Door,
    /// Names the call: with the same key it is made once, and sent upstream with it on every attempt.
    pub idempotency_key: Option<String>,
    /// Upper limit of the tool's own timeout; 25 s when absent.
    pub deadline: Option<Duration>,
    /// For whom, where the asking side has names of its own; recorded.
    pub asked: Option<Asked>,
    /// Most estimated tokens of the output, besides the tool's own `output.max_tokens`.
    pub max_output_tokens: Option<u32>,
}

/// The asking side's names of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The run that it belongs to: a conversation's, or a flow's.
    pub run_id: Option<Uuid>,
    /// The call: a model's `call_id`, an MCP client's request id. Longer than 128 characters, its beginning is recorded.
    pub call_id: String,
}

impl Asked {
    /// The call's name as it is stored.
    pub(crate) fn stored(&self) -> String {
        let kept = self.call_id.chars().take(executions::MAX_CALL_ID);
        kept.filter(|it| *it != '\0').collect()
    }
}

impl ExecuteOptions {
    /// Through this door, without a key, with the usual deadline.
    pub const fn through(door: Door) -> Self {
        Self {
            door,
            idempotency_key: None,
            deadline: None,
            asked: None,
            max_output_tokens: None,
        }
    }
}

/// One finished execution.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Its row in the execution log.
    pub execution_id: ExecutionId,
    /// Wall time from the accepted call to the mapped output, in milliseconds.
    pub execution_time_ms: u64,
    /// The mapped output, or why there is none.
    pub outcome: Result<Value, Failure>,
    /// What was taken out of the output because it was too large.
    pub cut: Option<Cut>,
    /// What is worth knowing though it did not fail.
    pub warnings: Vec<String>,
    /// Where the outcome comes from.
    pub origin: Origin,
}

/// Where an outcome comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This call was made.
    Made,
    /// An earlier call with the same idempotency key was made; it is that execution that is told.
    Replayed,
    /// A call that asked for the same was made, at most `cache.ttl_s` ago.
    Cached,
}

/// Runs tools. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    pub(crate) db: Db,
    pub(crate) registry: Registry,
    pub(crate) vault: Vault,
    pub(crate) outbound: Outbound,
    pub(crate) answers: Answers,
    pub(crate) breakers: Breakers,
}

impl Executor {
    /// An executor over these rooms.
    pub fn new(db: Db, registry: Registry, vault: Vault, outbound: Outbound) -> Self {
        Self {
            db,
            registry,
            vault,
            outbound,
            answers: Answers::default(),
            breakers: Breakers::default(),
        }
    }

    /// Runs a tool once and records it.
    ///
    /// # Errors
    /// The tool could not be run at all. A run that failed is an [`Execution`] whose outcome is a failure.
    pub async fn execute(
        &self,
        caller: &Caller,
        tool_id: &ToolId,
        input: Value,
        options: ExecuteOptions,
    ) -> Result<Execution, ExecuteError> {
        let tool = self.tool(caller, tool_id).await?;
        self.execute_version(caller, &tool, input, options).await
    }

    /// The same with this very version of a tool, which need not be the current one: a flow's run keeps to the versions that it
    /// began with.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn execute_version(
        &self,
        caller: &Caller,
        tool: &CompiledTool,
        input: Value,
        options: ExecuteOptions,
    ) -> Result<Execution, ExecuteError> {
        let mut run = Run::new(self, caller, tool, input, options);
        let executed = match run.outcome().await {
            Ok(Came::Fresh(output)) => Ok(run.finish(Ok(output)).await),
            Ok(Came::Given(given)) => Ok(run.given_away(given).await),
            Err(Ended::Failed(failure)) => Ok(run.finish(Err(*failure)).await),
            Err(Ended::Refused(error)) => {
                run.refused(&error).await;
                Err(error)
            }
        };
        count(&executed);
        executed
    }

    /// Shows the request that [`Self::execute`] would send. Nothing is sent, no secret is read, nothing is
    /// recorded.
    ///
    /// # Errors
    /// The tool could not be run with this input.
    pub async fn preview(
        &self,
        caller: &Caller,
        tool_id: &ToolId,
        mut input: Value,
    ) -> Result<Preview, ExecuteError> {
        let tool = self.tool(caller, tool_id).await?;
        usable(&tool)?;
        accept(&tool, &mut input, Door::Rest).map_err(ExecuteError::InvalidInput)?;
        if let Some(code) = &tool.code {
            return code::preview(code, input).await;
        }
        let mut draft = draft(&tool, &input).map_err(ExecuteError::InvalidInput)?;
        credentials::show(&tool.config.api.auth, &mut draft);
        Ok(preview::show(&draft, tool.config.response.format))
    }

    /// A flow is no tool here: it is started, not executed. A quarantined one is answered, so that its owner hears why.
    pub(crate) async fn tool(
        &self,
        caller: &Caller,
        tool_id: &ToolId,
    ) -> Result<Arc<CompiledTool>, ExecuteError> {
        let catalog = self.registry.catalog(caller).await?;
        let tool = catalog.tool(tool_id).filter(|tool| tool.flow.is_none());
        tool.ok_or(ExecuteError::ToolNotFound)
    }
}

/// For the line of the request, or of the run, that asked for it.
fn count(executed: &Result<Execution, ExecuteError>) {
    let Some(facts) = telemetry::current() else {
        return;
    };
    match executed.as_ref().map(|execution| &execution.outcome) {
        Ok(Ok(_)) => facts.count(Metric::ToolSuccesses, 1),
        Ok(Err(failure)) => facts.tool_failed(failure.code.as_str()),
        Err(_) => facts.count(Metric::ToolRefusals, 1),
    }
}

/// A quarantined tool has no config that could be followed.
///
/// # Errors
/// [`ExecuteError::ToolDisabled`].
pub(crate) fn usable(tool: &CompiledTool) -> Result<(), ExecuteError> {
    match &tool.quarantined {
        None => Ok(()),
        Some(why) => Err(ExecuteError::ToolDisabled(format!(
            "The stored config of this tool is no longer valid: {why}"
        ))),
    }
}

/// Whether a tool may be called: it can be read, and is switched on.
///
/// # Errors
/// [`ExecuteError::ToolDisabled`] with the reason.
pub fn callable(tool: &CompiledTool) -> Result<(), ExecuteError> {
    usable(tool)?;
    match tool.config.enabled {
        true => Ok(()),
        false => Err(ExecuteError::ToolDisabled(
            "The tool is disabled.".to_owned(),
        )),
    }
}

/// Whether an accepted input has its place in the request that is made of it.
///
/// # Errors
/// Every fault of the input.
pub fn placed(tool: &CompiledTool, input: &Value) -> Result<(), Vec<Fault>> {
    requested(tool, input).map(drop)
}

/// The request of a tool that makes one.
pub(crate) fn requested(tool: &CompiledTool, input: &Value) -> Result<Option<Draft>, Vec<Fault>> {
    if tool.code.is_some() || tool.config.mock.is_some() {
        return Ok(None);
    }
    draft(tool, input).map(Some)
}

/// Hidden inputs filled in, the whole checked against the schema.
///
/// # Errors
/// Every fault of the input.
pub fn accept(tool: &CompiledTool, input: &mut Value, door: Door) -> Result<(), Vec<Fault>> {
    input::fill(&tool.config.input_schema, input, door)?;
    let schema = tool.input_schema();
    let faults = match door {
        Door::Model | Door::Mcp => schema.faults(input),
        Door::Rest | Door::Flow => schema.faults_to_author(input),
    };
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// The request, of a list in pages the first one's.
pub(crate) fn draft(tool: &CompiledTool, input: &Value) -> Result<Draft, Vec<Fault>> {
    let mut draft = tool
        .request_plan
        .build(&tool.config, &input::members(input))?;
    if let Some(rules) = &tool.config.response.pagination {
        domain::pages::first(rules, &mut draft);
    }
    Ok(draft)
}
