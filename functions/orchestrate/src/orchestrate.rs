//! `POST /api/v1/orchestrate`: a prompt goes in, a model works with the workspace's tools, its answer comes out.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::ids::ConversationId;
use domain::model::Usage;
use orchestrator::{Agent, Answer, Ending, ToolCall};
use registry::Registry;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use web::openapi::{Busy, Missing};
use web::{Allowed, Json, Problem};

use crate::request::{OrchestrateRequest, example};
use crate::{events, failed};

/// A model's answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrchestrateResponse {
    /// What the model says.
    #[schema(example = "It is 18.5 °C in SF.")]
    response: String,
    /// Every call of a tool, in the order in which the model asked for them.
    #[schema(value_type = Vec<ModelToolCall>)]
    tool_calls: Vec<ToolCall>,
    /// Tokens of all requests to the model together, as its provider counts them.
    #[schema(value_type = ModelUsage)]
    usage: Usage,
    /// Continue the conversation with it, as `previous_id`.
    #[schema(value_type = Uuid)]
    id: ConversationId,
    /// Tools that the model was not given, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    withheld: Vec<WithheldTool>,
    /// What is worth knowing besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<String>,
}

/// One call of a tool.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes orchestrator::ToolCall")]
pub(crate) struct ModelToolCall {
    /// Its id.
    #[schema(example = "weather_api")]
    tool: String,
    /// What the model gave it.
    #[schema(value_type = Object, example = json!({ "city": "SF" }))]
    input: Value,
    /// What came out; absent when it failed.
    #[schema(required = false, example = json!({ "temperature": 18.5 }))]
    output: Value,
    /// Why it failed; the model was told and could go on.
    #[schema(value_type = Object, required = false)]
    error: Value,
    /// Wall time, in milliseconds.
    #[schema(example = 247)]
    execution_time_ms: u64,
}

/// Tokens, as the model's provider counts them.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "describes domain::model::Usage")]
pub(crate) struct ModelUsage {
    /// Of everything sent.
    #[schema(example = 130)]
    input_tokens: u64,
    /// Those of them that the provider had cached.
    #[schema(example = 32)]
    cached_input_tokens: u64,
    /// Of everything written, reasoning too.
    #[schema(example = 32)]
    output_tokens: u64,
    /// Those of them that were reasoning.
    #[schema(example = 8)]
    reasoning_tokens: u64,
    /// Both together.
    #[schema(example = 162)]
    total_tokens: u64,
}

/// A tool that the model was not given.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WithheldTool {
    /// Its id.
    #[schema(example = "delete_everything")]
    tool: String,
    /// Why, and what to do about it.
    #[schema(
        example = "It can destroy something (annotations.destructive). Name it in tools to allow it."
    )]
    reason: String,
}

impl OrchestrateResponse {
    fn new(id: ConversationId, usage: Usage, answer: Answer) -> Self {
        let withheld = answer.withheld.into_iter();
        Self {
            response: answer.response,
            tool_calls: answer.tool_calls,
            usage,
            id,
            withheld: withheld
                .map(|it| WithheldTool {
                    tool: it.tool,
                    reason: it.reason,
                })
                .collect(),
            warnings: answer.warnings,
        }
    }
}

/// Ask a model
///
/// The model calls the workspace's tools as often as it needs to, several at once where it can, and answers. A tool that fails does not
/// end the run: the model is told what is wrong and may mend its call. With `stream: true` the answer is that of
/// `POST /api/v1/orchestrate/stream`.
#[utoipa::path(
    post, path = "/api/v1/orchestrate", operation_id = "orchestrate", tag = "orchestrate",
    request_body(content = OrchestrateRequest, example = example),
    responses(
        (status = 200, description = "The model's answer; with `stream: true`, events.", content(
            (OrchestrateResponse = "application/json"),
            (String = "text/event-stream"),
        )),
        Missing, Busy,
    )
)]
pub(crate) async fn orchestrate(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    State(agent): State<Agent>,
    Json(request): Json<OrchestrateRequest>,
) -> Result<Response, Problem> {
    let stream = request.stream;
    let ask = request.ask(&registry, &caller, stream).await?;
    let running = agent.start(caller, ask).await.map_err(failed::problem)?;
    if stream {
        return events::answer(running).await;
    }
    let Ending { id, usage, outcome } = running.finish().await;
    let answer = outcome.map_err(|error| failed::problem(error).conversation(id.0))?;
    Ok(Json(OrchestrateResponse::new(id, usage, answer)).into_response())
}
