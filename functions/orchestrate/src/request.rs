//! What `POST /api/v1/orchestrate` and its stream are asked.

use domain::caller::Caller;
use domain::ids::{ConversationId, PromptId, ToolId};
use orchestrator::Ask;
use registry::Registry;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use web::{Fields, FromFields, Problem};

use crate::filled_prompt;

/// Most tools that a request names.
const MAX_TOOLS: usize = 500;

/// What a model is asked.
#[derive(Debug, ToSchema)]
#[schema(as = OrchestrateRequest)]
pub(crate) struct OrchestrateRequest {
    /// The question. May be left out when `prompt_id` names a prompt that ends with one.
    #[schema(example = "What's the weather in SF?")]
    prompt: Option<String>,
    /// Only these tools, by their ids; 500 at most. Left out: all tools but those that destroy something; naming one of these allows it. `[]`: none.
    #[schema(value_type = Option<Vec<String>>, example = json!(["weather_api"]))]
    tools: Option<Vec<ToolId>>,
    /// True: answer as `POST /api/v1/orchestrate/stream` does.
    #[schema(value_type = Option<bool>, example = false)]
    pub(crate) stream: bool,
    /// Another model than the usual one, as its provider names it.
    #[schema(example = "gpt-5")]
    model: Option<String>,
    /// The system text: what the model is and how it answers.
    #[schema(example = "Answer in one sentence.")]
    instructions: Option<String>,
    /// The `id` of an earlier answer: the conversation goes on from there. Its instructions do not come along.
    #[schema(value_type = Option<Uuid>)]
    previous_id: Option<ConversationId>,
    /// Most requests to the model, 1 to 50; in the last one it must answer.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 50, example = 10)]
    max_turns: Option<u64>,
    /// Most tokens of this run, all requests together; at most what the operator allows.
    #[schema(value_type = Option<u64>, minimum = 500, example = 50_000)]
    token_budget: Option<u64>,
    /// A saved prompt: what it says stands where this request says nothing.
    #[schema(value_type = Option<String>, example = "weather_report")]
    prompt_id: Option<PromptId>,
    /// The values of its variables.
    #[schema(value_type = Option<Object>)]
    variables: Option<Map<String, Value>>,
    /// How the answer must look, as `text.format` of the OpenAI Responses API: `{"type": "json_schema", "name": …, "schema": …, "strict": true}`.
    #[schema(value_type = Option<Object>)]
    text_format: Option<Value>,
}

impl FromFields for OrchestrateRequest {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            prompt: fields.optional("prompt"),
            tools: tools(fields),
            stream: fields.optional("stream").unwrap_or(false),
            model: fields.optional("model"),
            instructions: fields.optional("instructions"),
            previous_id: fields.optional_as("previous_id"),
            max_turns: fields.optional("max_turns"),
            token_budget: fields.optional("token_budget"),
            prompt_id: fields.optional_as("prompt_id"),
            text_format: fields.optional("text_format"),
            variables: filled_prompt::variables(fields)?,
        })
    }
}

/// The ids; one that no tool can have is a fault with its place.
fn tools(fields: &mut Fields) -> Option<Vec<ToolId>> {
    let names: Vec<String> = fields.optional("tools")?;
    if names.len() > MAX_TOOLS {
        let message = format!("\"tools\" names at most {MAX_TOOLS} tools");
        fields.refuse("tools", message, "leave it out to offer all of them");
        return None;
    }
    let mut tools = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        match name.parse::<ToolId>() {
            Ok(id) => tools.push(id),
            Err(why) => {
                let hint = "GET /api/v1/tools lists the ids";
                fields.refuse_at(&format!("/tools/{place}"), why.to_string(), hint);
            }
        }
    }
    Some(tools)
}

impl OrchestrateRequest {
    /// What the agent is asked: the request, with its prompt filled in.
    ///
    /// # Errors
    /// As [`filled_prompt::fill`].
    pub(crate) async fn ask(
        self,
        registry: &Registry,
        caller: &Caller,
        stream: bool,
    ) -> Result<Ask, Problem> {
        let whole = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let ask = Ask {
            before: Vec::new(),
            prompt: self.prompt.unwrap_or_default(),
            tools: self.tools,
            model: self.model,
            instructions: self.instructions,
            previous_id: self.previous_id,
            max_turns: self.max_turns.map(whole),
            text_format: self.text_format,
            token_budget: self.token_budget,
            stream,
        };
        let (id, variables) = (self.prompt_id.as_ref(), self.variables.as_ref());
        filled_prompt::fill(registry, caller, id, variables, ask).await
    }
}

/// The example of both operations.
pub(crate) fn example() -> Value {
    serde_json::json!({ "prompt": "What's the weather in SF?", "tools": ["weather_api"] })
}
