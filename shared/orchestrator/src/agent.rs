//! One run of the agent loop, from the prompt to the answer.
//!
//! [`Agent::start`] checks what is asked and writes down that the run begins; the run itself (`run`) is a task of its own that ends by
//! itself, or when its [`Running`] is dropped. Deciding is pure and stands in rooms of its own: what may be asked (`ask`), how many tokens
//! are left (`budget`), which calls are made again (`repetition`), what the model is told of a call (`told`).

mod ask;
mod budget;
mod calls;
mod ears;
mod ending;
mod history;
mod plan;
mod refusals;
mod repetition;
mod run;
mod running;
mod told;

use std::sync::Arc;

use domain::caller::Caller;
use domain::egress::Policy;
use domain::failure::Failure;
use domain::fault::Fault;
use domain::ids::{ConversationId, ToolId};
use domain::model::{ModelFailure, Usage};
use domain::price::PriceList;
use domain::prompt::FilledMessage;
use executor::ExecuteError;
use persistence::Db;
use registry::Registry;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;
use vault::Vault;
use workflow::Flows;

pub(crate) use ask::model_fault;
pub use running::Running;

use crate::model::Models;
use crate::offer::Withheld;

/// What the operator allows and provides.
#[derive(Clone)]
pub struct AgentRules {
    /// The operator's model server.
    pub base_url: Url,
    /// The operator's key; without it only workspaces with a model server of their own are served.
    pub api_key: Option<SecretString>,
    /// The model of requests that name none.
    pub model: Option<String>,
    /// Most estimated tokens of all function definitions of one request.
    pub tool_tokens: u64,
    /// Most estimated tokens of one tool's output, as the model gets it.
    pub output_tokens: u32,
    /// Turns of a run that names no number.
    pub max_turns: u32,
    /// Most tokens of one run, all turns together.
    pub token_budget: u64,
    /// Seconds until a run is ended.
    pub deadline_s: u32,
    /// What tokens of the operator's server cost.
    pub prices: PriceList,
}

/// What somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Messages of a prompt template, said before the prompt.
    pub before: Vec<FilledMessage>,
    /// The prompt.
    pub prompt: String,
    /// Only these tools; none named: all that do no harm.
    pub tools: Option<Vec<ToolId>>,
    /// Another model.
    pub model: Option<String>,
    /// The system text.
    pub instructions: Option<String>,
    /// Continue this conversation.
    pub previous_id: Option<ConversationId>,
    /// Most requests to the model.
    pub max_turns: Option<u32>,
    /// How the answer must look.
    pub text_format: Option<Value>,
    /// Most tokens of this run.
    pub token_budget: Option<u64>,
    /// Whether text is wanted while it is written.
    pub stream: bool,
}

/// What happens during a run, told at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A tool begins.
    ToolCall {
        /// Which tool.
        tool: String,
        /// The model's name of the call.
        call_id: String,
        /// Its input.
        input: Value,
    },
    /// A tool ended.
    ToolResult {
        /// Which tool.
        tool: String,
        /// The model's name of the call.
        call_id: String,
        /// Its output, or why there is none.
        outcome: Result<Value, Failure>,
    },
    /// More of the answer's text.
    Delta {
        /// The new part.
        text: String,
    },
}

/// One call of a tool, as the answer tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// Which tool.
    pub tool: String,
    /// Its input.
    pub input: Value,
    /// Its output, or why there is none.
    pub outcome: Result<Value, Failure>,
    /// Wall time, in milliseconds.
    pub execution_time_ms: u64,
}

/// A run that is over.
#[derive(Debug)]
pub struct Ending {
    /// Its conversation; one that ended well is continued by it, as `previous_id`.
    pub id: ConversationId,
    /// All turns together.
    pub usage: Usage,
    /// The answer, or why there is none.
    pub outcome: Result<Answer, OrchestrateError>,
}

/// What a run that ended well brought.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The model's answer.
    pub response: String,
    /// Every call, in the order in which the model asked.
    pub tool_calls: Vec<ToolCall>,
    /// Tools that the model was not given.
    pub withheld: Vec<Withheld>,
    /// What is worth knowing besides.
    pub warnings: Vec<String>,
}

/// Why a run did not end well.
#[derive(Debug, thiserror::Error)]
pub enum OrchestrateError {
    /// The request makes no sense.
    #[error("the request is not valid")]
    Invalid(Vec<Fault>),
    /// No conversation of this id here.
    #[error("no such conversation")]
    ConversationNotFound,
    /// The model did not do it.
    #[error("{}", .0.message)]
    Model(ModelFailure),
    /// The tools could not be read.
    #[error("the tools could not be read")]
    Registry(#[from] registry::Error),
    /// The conversation could not be kept.
    #[error("the conversation could not be kept")]
    Database(#[from] persistence::Error),
    /// The model server's key could not be opened.
    #[error("the model server's key could not be opened")]
    Vault(#[from] vault::Error),
    /// A tool could not be run because this product cannot work now.
    #[error("a tool could not be run")]
    Execute(#[source] ExecuteError),
    /// Nobody waits for the run any more.
    #[error("nobody waits for the run any more")]
    Cancelled,
    /// A defect ended the run.
    #[error("a defect ended the run")]
    Broken,
}

/// The rooms that runs use.
struct Inner {
    db: Db,
    registry: Registry,
    flows: Flows,
    vault: Vault,
    models: Models,
    rules: AgentRules,
}

/// Runs prompts. Cheap to clone.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

impl Agent {
    /// An agent over these rooms.
    pub fn new(
        db: Db,
        registry: Registry,
        flows: Flows,
        vault: Vault,
        models: Models,
        rules: AgentRules,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            registry,
            flows,
            vault,
            models,
            rules,
        }))
    }

    /// Begins a run: what is asked is checked, the tools are chosen, the conversation is found and the new one written down. The model
    /// is asked by the run itself.
    ///
    /// # Errors
    /// What is wrong with the request; that there is no such conversation, no model server or no model; the database's.
    pub async fn start(&self, caller: Caller, ask: Ask) -> Result<Running, OrchestrateError> {
        let rooms = Arc::clone(&self.0);
        // A task of its own: whoever hangs up meanwhile leaves no beginning without an end.
        let start = async move {
            let plan = plan::made(&rooms, &caller, ask).await?;
            Ok(Running::begin(rooms, caller, plan))
        };
        let started = tokio::spawn(telemetry::carried(start)).await;
        started.unwrap_or(Err(OrchestrateError::Broken))
    }
}

/// For the recipes beside this one.
impl Agent {
    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(crate) fn policy(&self) -> &Policy {
        self.0.registry.policy()
    }
}
