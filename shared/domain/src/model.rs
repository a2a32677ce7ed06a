//! What goes wrong between us and a model server, and what a run costs in tokens.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Every way in which a model server can fail a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelFailureCode {
    /// Neither the workspace nor the operator named a model server and its key.
    #[serde(rename = "model_not_configured")]
    NotConfigured,
    /// The server refused the key.
    #[serde(rename = "model_auth_failed")]
    AuthFailed,
    /// The provider's credit or quota is used up: waiting a moment does not help.
    #[serde(rename = "model_quota_used_up")]
    QuotaUsedUp,
    /// The server wants to be asked later.
    #[serde(rename = "model_rate_limited")]
    RateLimited,
    /// No connection, or a failure of the server's own.
    #[serde(rename = "model_unavailable")]
    Unavailable,
    /// The server did not answer in time.
    #[serde(rename = "model_timed_out")]
    TimedOut,
    /// The provider's filter refused the prompt or the answer.
    #[serde(rename = "model_content_filtered")]
    ContentFiltered,
    /// Prompt, history and tools are more than the model reads.
    #[serde(rename = "model_context_too_large")]
    ContextTooLarge,
    /// The server's answer makes no sense, or ends in the middle.
    #[serde(rename = "model_invalid_answer")]
    InvalidAnswer,
    /// The server refuses the request as it is: an unknown model, a setting it does not have.
    #[serde(rename = "model_invalid_request")]
    InvalidRequest,
    /// The run's tokens are used up.
    #[serde(rename = "model_budget_exceeded")]
    BudgetExceeded,
    /// The run's turns are used up.
    #[serde(rename = "model_too_many_turns")]
    TooManyTurns,
    /// The server's address may not be called.
    #[serde(rename = "model_egress_blocked")]
    EgressBlocked,
}

impl ModelFailureCode {
    /// Every code.
    pub const ALL: [Self; 13] = [
        Self::NotConfigured,
        Self::AuthFailed,
        Self::QuotaUsedUp,
        Self::RateLimited,
        Self::Unavailable,
        Self::TimedOut,
        Self::ContentFiltered,
        Self::ContextTooLarge,
        Self::InvalidAnswer,
        Self::InvalidRequest,
        Self::BudgetExceeded,
        Self::TooManyTurns,
        Self::EgressBlocked,
    ];

    /// The code as it stands in problems, events and stored conversations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotConfigured => "model_not_configured",
            Self::AuthFailed => "model_auth_failed",
            Self::QuotaUsedUp => "model_quota_used_up",
            Self::RateLimited => "model_rate_limited",
            Self::Unavailable => "model_unavailable",
            Self::TimedOut => "model_timed_out",
            Self::ContentFiltered => "model_content_filtered",
            Self::ContextTooLarge => "model_context_too_large",
            Self::InvalidAnswer => "model_invalid_answer",
            Self::InvalidRequest => "model_invalid_request",
            Self::BudgetExceeded => "model_budget_exceeded",
            Self::TooManyTurns => "model_too_many_turns",
            Self::EgressBlocked => "model_egress_blocked",
        }
    }

    /// Whether the same run may succeed later without being changed.
    pub const fn retryable(self) -> bool {
        match self {
            Self::RateLimited | Self::Unavailable | Self::TimedOut | Self::InvalidAnswer => true,
            Self::NotConfigured
            | Self::AuthFailed
            | Self::QuotaUsedUp
            | Self::ContentFiltered
            | Self::ContextTooLarge
            | Self::InvalidRequest
            | Self::BudgetExceeded
            | Self::TooManyTurns
            | Self::EgressBlocked => false,
        }
    }
}

/// A run that the model did not finish. Holds no secret: whoever fills it masks first.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFailure {
    /// What kind of failure.
    pub code: ModelFailureCode,
    /// What happened, in a sentence or two; the server's own words are bounded.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// When to ask again, if the server said so.
    pub retry_after: Option<Duration>,
    /// Facts for the repair: `status`, and the provider's own `provider_code`, `provider_message`, `param`.
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

    /// The same failure with one more fact.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Whether the same run may succeed later without being changed.
    pub const fn retryable(&self) -> bool {
        self.code.retryable()
    }
}

impl fmt::Display for ModelFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for ModelFailure {}

/// Tokens, as the provider counts them. Sums stop at the largest number: the counts are a foreign server's word.
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

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_input_tokens: self
                .cached_input_tokens
                .saturating_add(other.cached_input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(turns: I) -> Self {
        turns.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_they_are_named() {
        for code in ModelFailureCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn usage_of_turns_is_summed_and_never_overflows() {
        let turn = Usage {
            input_tokens: u64::MAX,
            output_tokens: 2,
            total_tokens: 5,
            ..Usage::default()
        };
        let sum: Usage = [turn, turn].into_iter().sum();
        assert_eq!(
            (sum.input_tokens, sum.output_tokens, sum.total_tokens),
            (u64::MAX, 4, 10)
        );
    }
}
