//! A run as it is read later.

use chrono::{DateTime, Utc};
use persistence::conversations::ConversationRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::orchestrate::{ModelToolCall, ModelUsage, WithheldTool};

/// A run of the agent loop: what was asked, what was done, how it ended. What the model server itself needs to continue stays inside.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Conversation)]
pub(crate) struct ConversationView {
    /// Continue it as `previous_id`, if it succeeded.
    id: Uuid,
    /// What it continues.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_id: Option<Uuid>,
    /// The model, as its provider names it.
    #[schema(example = "gpt-5")]
    model: String,
    /// `running`, `succeeded`, `failed` or `cancelled`.
    #[schema(example = "succeeded")]
    status: String,
    /// What was asked.
    #[schema(example = "What's the weather in SF?")]
    prompt: String,
    /// What the model said.
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<String>,
    /// Every call of a tool; what `output.redact` of a tool names is not kept.
    #[schema(value_type = Vec<ModelToolCall>)]
    tool_calls: Value,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    /// Tokens of all requests together.
    #[schema(value_type = ModelUsage)]
    usage: UsageView,
    /// Requests to the model.
    #[schema(example = 2)]
    turns: i32,
    /// Tools that the model was not given, each with the reason.
    #[schema(value_type = Vec<WithheldTool>)]
    withheld: Value,
    /// What is worth knowing besides.
    #[schema(value_type = Vec<String>)]
    warnings: Value,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Uuid>,
    /// With which API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<Uuid>,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
}

/// As [`ModelUsage`], which describes it.
#[derive(Debug, Serialize)]
struct UsageView {
    input_tokens: i64,
    cached_input_tokens: i64,
    output_tokens: i64,
    reasoning_tokens: i64,
    total_tokens: i64,
}

impl From<ConversationRow> for ConversationView {
    fn from(row: ConversationRow) -> Self {
        Self {
            id: row.id,
            previous_id: row.previous_id,
            model: row.model,
            status: row.status,
            prompt: row.prompt,
            response: row.response,
            tool_calls: row.tool_calls,
            error: row.error,
            usage: UsageView {
                input_tokens: row.input_tokens,
                cached_input_tokens: row.cached_input_tokens,
                output_tokens: row.output_tokens,
                reasoning_tokens: row.reasoning_tokens,
                total_tokens: row.total_tokens,
            },
            turns: row.turns,
            withheld: row.withheld,
            warnings: row.warnings,
            created_by: row.created_by,
            key_id: row.key_id,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}
