//! Executions as they are answered.

use chrono::{DateTime, Utc};
use persistence::executions::{ExecutionRow, ExecutionSummary};
use persistence::run_steps::StepRow;
use persistence::runs::RunRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// One line of the execution log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExecutionSummary)]
pub(crate) struct SummaryView {
    /// Its id; sorts by time.
    pub(crate) id: Uuid,
    /// Which tool was called; kept when the tool is gone.
    #[schema(example = "get_weather")]
    pub(crate) tool_id: String,
    /// Which version of it; absent when there was none of that id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1)]
    pub(crate) tool_version: Option<i32>,
    /// Through which door: `rest`, `model`, `mcp` or `flow`.
    #[schema(example = "rest")]
    pub(crate) door: String,
    /// Whether it succeeded.
    pub(crate) success: bool,
    /// The failure's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "upstream_5xx")]
    pub(crate) error_code: Option<String>,
    /// When it began.
    pub(crate) started_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    #[schema(example = 247.318)]
    pub(crate) duration_ms: f64,
    /// Who called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<Uuid>,
    /// With which API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<Uuid>,
    /// The run that it belongs to: the `id` of a conversation with a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_id: Option<Uuid>,
    /// What the asking side calls it: a model's `call_id`, the request id of an MCP client.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "call_4kJ2")]
    pub(crate) call_id: Option<String>,
}

/// One execution, whole. Secrets and redacted members are replaced.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExecutionRecord)]
pub(crate) struct ExecutionView {
    #[serde(flatten)]
    summary: SummaryView,
    /// What it was called with.
    #[schema(example = json!({ "city": "Oslo" }))]
    input: Value,
    /// What it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({ "temperature": 21.4 }))]
    output: Option<Value>,
    /// Why it failed: code, message, hint, retryable, details.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    /// What took how long; the first phase says to which trace the call belongs.
    timeline: Value,
    /// What was odd but no failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Value>,
}

/// An execution that was accepted with `Prefer: respond-async`, without a call that could be told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwedExecution)]
pub(crate) struct OwedView {
    /// Its id.
    id: Uuid,
    /// Which tool is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "get_weather")]
    tool_id: Option<String>,
    /// `running`, `failing`, `cancelling`, `succeeded`, `failed` or `cancelled`.
    #[schema(example = "running")]
    status: String,
    /// Attempts so far.
    #[schema(example = 0)]
    attempt: i32,
    /// What it answered, where the log has no entry of its call any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    /// When it was accepted.
    created_at: DateTime<Utc>,
}

impl OwedView {
    pub(crate) fn new(run: &RunRow, step: Option<&StepRow>) -> Self {
        Self {
            id: run.id,
            tool_id: step.and_then(|step| step.tool_id.clone()),
            status: run.status.clone(),
            attempt: step.map_or(0, |step| step.attempt),
            output: step
                .filter(|_| run.finished_at.is_some())
                .and_then(|step| step.output.clone()),
            error: run.error.as_ref().map(|error| error["error"].clone()),
            created_at: run.created_at,
        }
    }
}

impl ExecutionView {
    /// The call of an accepted execution, under the id that was answered when it was accepted.
    pub(crate) fn of_owed(row: ExecutionRow, id: Uuid) -> Self {
        let mut view = Self::from(row);
        view.summary.id = id;
        view.summary.run_id = None;
        view.summary.call_id = None;
        view
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "an execution takes less than a year"
)]
fn milliseconds(micros: i64) -> f64 {
    micros as f64 / 1000.0
}

impl From<ExecutionSummary> for SummaryView {
    fn from(row: ExecutionSummary) -> Self {
        Self {
            id: row.id,
            tool_id: row.tool_id,
            tool_version: row.tool_version,
            door: row.door,
            success: row.success,
            error_code: row.error_code,
            started_at: row.started_at,
            duration_ms: milliseconds(row.duration_us),
            user_id: row.user_id,
            key_id: row.key_id,
            run_id: row.run_id,
            call_id: row.call_id,
        }
    }
}

impl From<ExecutionRow> for ExecutionView {
    fn from(row: ExecutionRow) -> Self {
        Self {
            summary: SummaryView {
                id: row.id,
                tool_id: row.tool_id,
                tool_version: row.tool_version,
                door: row.door,
                success: row.success,
                error_code: row.error_code,
                started_at: row.started_at,
                duration_ms: milliseconds(row.duration_us),
                user_id: row.user_id,
                key_id: row.key_id,
                run_id: row.run_id,
                call_id: row.call_id,
            },
            input: row.input,
            output: row.output,
            error: row.error,
            timeline: row.timeline,
            warnings: row.warnings,
        }
    }
}
