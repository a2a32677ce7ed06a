//! `POST /api/v1/prompts/{prompt_id}/render`: a prompt with its variables filled in; no model is asked.

use axum::extract::State;
use domain::ids::PromptId;
use domain::prompt::FilledMessage;
use registry::{Registry, Rendered};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use web::openapi::Missing;
use web::{Allowed, Fields, FromFields, Json, Path, Problem};

use crate::filled_prompt;

/// The values to fill in.
#[derive(Debug, ToSchema)]
#[schema(as = RenderRequest)]
pub(crate) struct RenderRequest {
    /// A value for each variable that has no default.
    #[schema(value_type = Option<Object>, example = json!({ "city": "Oslo" }))]
    variables: Map<String, Value>,
}

impl FromFields for RenderRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let variables = filled_prompt::variables(fields)?;
        Some(Self {
            variables: variables.unwrap_or_default(),
        })
    }
}

/// One message of a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PromptMessage {
    /// `user` or `assistant`.
    #[schema(example = "user")]
    role: &'static str,
    /// What is said.
    #[schema(example = "What is the weather in Oslo in the next 3 days?")]
    content: String,
}

impl From<FilledMessage> for PromptMessage {
    fn from(message: FilledMessage) -> Self {
        Self {
            role: message.role.as_str(),
            content: message.text,
        }
    }
}

/// A prompt with its variables filled in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RenderedPrompt {
    /// The version that was filled in.
    #[schema(example = 1)]
    version: i32,
    /// Its hash.
    hash: String,
    /// The system text.
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    /// The conversation that a model would answer.
    messages: Vec<PromptMessage>,
    /// Only these tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<String>>,
    /// The model that the prompt was written for.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// How the answer must look.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    text_format: Option<Value>,
}

impl From<Rendered> for RenderedPrompt {
    fn from(rendered: Rendered) -> Self {
        let filled = rendered.filled;
        let ids = |tools: Vec<domain::ids::ToolId>| tools.iter().map(ToString::to_string).collect();
        Self {
            version: rendered.version,
            hash: rendered.hash,
            instructions: filled.instructions,
            messages: filled.messages.into_iter().map(Into::into).collect(),
            tools: filled.tools.map(ids),
            model: filled.model,
            text_format: filled.text_format,
        }
    }
}

/// Fill a prompt in
///
/// A dry run: what a model would be asked. Nothing is sent.
#[utoipa::path(
    post, path = "/api/v1/prompts/{prompt_id}/render", operation_id = "render_prompt", tag = "prompts",
    params(("prompt_id" = String, Path, description = "Its id.", example = "weather_report")),
    request_body(content = RenderRequest, example = json!({ "variables": { "city": "Oslo" } })),
    responses((status = 200, description = "The filled-in prompt.", body = RenderedPrompt), Missing)
)]
pub(crate) async fn render_prompt(
    Allowed(caller): Allowed,
    State(registry): State<Registry>,
    Path(id): Path<PromptId>,
    Json(request): Json<RenderRequest>,
) -> Result<Json<RenderedPrompt>, Problem> {
    let prompts = registry.prompts();
    let rendered = prompts.render(&caller, &id, &request.variables).await?;
    Ok(Json(rendered.into()))
}
