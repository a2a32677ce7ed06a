//! What goes wrong between us and a model server, and what a run costs in tokens.

use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Every way in which a model server can fail a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelFailureCode {
    /// Neither the workspace nor the operator named a model server and its key.
    NotConfigured,
    /// The server refused the key.
    AuthFailed,
    /// The server wants to be asked later, or its quota is used up.
    RateLimited,
    /// No connection, or a failure of the server's own.
    Unavailable,
    /// The server did not answer in time.
    TimedOut,
    /// The provider's filter refused the prompt or the answer.
    ContentFiltered,
    /// Prompt, history and tools are more than the model reads.
    ContextTooLarge,
    /// The server's answer makes no sense, or ends in the middle.
    InvalidAnswer,
    /// The server refuses the request as it is: an unknown model, a setting it does not have.
    InvalidRequest,
    /// The run's tokens are used up.
    BudgetExceeded,
    /// The run's turns are used up.
    TooManyTurns,
    /// The server's address may not be called.
    EgressBlocked,
}

/// A run that the model did not finish. Holds no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFailure {
    /// What kind of failure.
    pub code: ModelFailureCode,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// When to ask again, if the server said so.
    pub retry_after: Option<Duration>,
    /// Facts for the repair: status, the provider's own code.
    pub details: Map<String, Value>,
}

impl ModelFailure {
    /// A failure without details.
    pub fn new(
        code: ModelFailureCode,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            retry_after: None,
            details: Map::new(),
        }
    }
}

/// Tokens, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Of everything sent.
    pub input_tokens: u64,
    /// Those of them that the provider had cached.
    pub cached_input_tokens: u64,
    /// Of everything written, reasoning too.
    pub output_tokens: u64,
    /// Those of them that were reasoning.
    pub reasoning_tokens: u64,
    /// Both together.
    pub total_tokens: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.cached_input_tokens += other.cached_input_tokens;
        self.output_tokens += other.output_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.total_tokens += other.total_tokens;
    }
}
