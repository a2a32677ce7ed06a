//! One request to a model that speaks the OpenAI Responses API, and its answer.

use domain::ids::WorkspaceId;
use domain::model::{ModelFailure, ModelFailureCode, Usage};
use executor::outbound::Outbound;
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

/// A model server and the key for it.
#[derive(Clone)]
pub struct Endpoint {
    /// The address before `/responses`, without a slash at the end.
    pub base_url: Url,
    /// Sent as the bearer token.
    pub key: SecretString,
    /// A workspace named it: every rule about where tools may go holds for it too. The operator's own is called as it is.
    pub guarded: bool,
}

/// What is asked of the model in one turn.
#[derive(Clone, Debug, Default)]
pub struct TurnRequest {
    /// The model's name at its provider.
    pub model: String,
    /// The system text.
    pub instructions: Option<String>,
    /// The conversation so far, as items of the Responses API.
    pub input: Vec<Value>,
    /// The functions it may call, as the Responses API describes them.
    pub tools: Vec<Value>,
    /// False: it must answer in words now.
    pub may_call: bool,
    /// `text.format`: how the answer must look.
    pub text_format: Option<Value>,
    /// Most tokens of the answer.
    pub max_output_tokens: Option<u64>,
    /// Whether the answer's text is wanted while it is written.
    pub stream: bool,
}

/// A function that the model wants to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCall {
    /// The provider's name of the call; its output must carry it.
    pub call_id: String,
    /// The function.
    pub name: String,
    /// JSON text as the model wrote it: possibly no JSON at all.
    pub arguments: String,
}

/// Why an answer is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// `max_output_tokens` was reached.
    MaxOutputTokens,
    /// The provider's filter cut it.
    ContentFilter,
}

/// The model's answer to one request.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// The output items as they came: sent back in the next request.
    pub items: Vec<Value>,
    /// The functions to call, in order.
    pub calls: Vec<FunctionCall>,
    /// All text of the answer; a refusal's text too.
    pub text: String,
    /// What it cost.
    pub usage: Usage,
    /// Present when the answer is cut.
    pub incomplete: Option<Incomplete>,
    /// The provider's id of the answer, for the operator's log only.
    pub provider_id: Option<String>,
}

/// Asks models. Cheap to clone; connections are made on first use and kept.
#[derive(Clone)]
pub struct Models {
    outbound: Outbound,
}

impl Models {
    /// Asks through this way out.
    pub fn new(outbound: Outbound) -> Self {
        Self { outbound }
    }

    /// One request and its whole answer; `on_text` gets the text while it is written, if `request.stream`.
    ///
    /// # Errors
    /// What the model server answered instead, or why it could not be asked.
    pub async fn turn(
        &self,
        _workspace: WorkspaceId,
        endpoint: &Endpoint,
        _request: &TurnRequest,
        _deadline: Instant,
        _on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Turn, ModelFailure> {
        let _ = self.outbound.check(&endpoint.base_url);
        Err(ModelFailure::new(
            ModelFailureCode::Unavailable,
            "the model server is not asked yet",
            "",
        ))
    }
}
