//! Why running a tool failed: the closed list of codes that callers, models and stored executions share.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Every way in which an execution can fail (design "Tool config v1", *Failures of an execution*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The input does not fit the tool's `input_schema`.
    InvalidInput,
    /// No tool of that id in the workspace.
    ToolNotFound,
    /// The tool exists but `enabled` is false.
    ToolDisabled,
    /// One of our own limits is used up; not the upstream's.
    QuotaExceeded,
    /// A `${NAME}` has no secret of that name in the workspace.
    SecretMissing,
    /// The upstream refused the credential (401 or 403).
    AuthFailed,
    /// The egress guard refused the destination before a connection was made.
    EgressBlocked,
    /// No connection: DNS, TCP or TLS failed.
    ConnectFailed,
    /// The total deadline passed.
    Timeout,
    /// The upstream answered 429.
    RateLimited,
    /// The upstream answered another 4xx.
    #[serde(rename = "upstream_4xx")]
    Upstream4xx,
    /// The upstream answered 5xx.
    #[serde(rename = "upstream_5xx")]
    Upstream5xx,
    /// The upstream answered 200 with an error inside.
    UpstreamError,
    /// The answer is over `max_response_bytes` after decompression.
    ResponseTooLarge,
    /// The answer breaks HTTP or is not the format that the tool reads.
    InvalidResponse,
    /// A mapping rule found no value, or one that cannot be coerced.
    MappingFailed,
    /// The mapped output does not fit `output_schema`.
    OutputInvalid,
    /// Sent, no answer, and not safe to repeat.
    UnknownOutcome,
    /// A model asked for the very same call again in one run.
    RepeatedCall,
    /// The run of a flow, called like a tool, failed or was cancelled.
    FlowFailed,
    /// The run of a flow, called like a tool, had not ended in time; it goes on.
    FlowRunning,
}

impl FailureCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 21] = [
        Self::InvalidInput,
        Self::ToolNotFound,
        Self::ToolDisabled,
        Self::QuotaExceeded,
        Self::SecretMissing,
        Self::AuthFailed,
        Self::EgressBlocked,
        Self::ConnectFailed,
        Self::Timeout,
        Self::RateLimited,
        Self::Upstream4xx,
        Self::Upstream5xx,
        Self::UpstreamError,
        Self::ResponseTooLarge,
        Self::InvalidResponse,
        Self::MappingFailed,
        Self::OutputInvalid,
        Self::UnknownOutcome,
        Self::RepeatedCall,
        Self::FlowFailed,
        Self::FlowRunning,
    ];

    /// The code as it stands in answers, rows and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::ToolNotFound => "tool_not_found",
            Self::ToolDisabled => "tool_disabled",
            Self::QuotaExceeded => "quota_exceeded",
            Self::SecretMissing => "secret_missing",
            Self::AuthFailed => "auth_failed",
            Self::EgressBlocked => "egress_blocked",
            Self::ConnectFailed => "connect_failed",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::Upstream4xx => "upstream_4xx",
            Self::Upstream5xx => "upstream_5xx",
            Self::UpstreamError => "upstream_error",
            Self::ResponseTooLarge => "response_too_large",
            Self::InvalidResponse => "invalid_response",
            Self::MappingFailed => "mapping_failed",
            Self::OutputInvalid => "output_invalid",
            Self::UnknownOutcome => "unknown_outcome",
            Self::RepeatedCall => "repeated_call",
            Self::FlowFailed => "flow_failed",
            Self::FlowRunning => "flow_running",
        }
    }

    /// What happened, in one sentence; stands in `docs/errors.md`.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InvalidInput => "The input does not fit the tool's input_schema.",
            Self::ToolNotFound => "The workspace has no tool of that id.",
            Self::ToolDisabled => "The tool exists, but is switched off.",
            Self::QuotaExceeded => "One of this product's own limits is used up.",
            Self::SecretMissing => "The tool names a secret that the workspace does not have.",
            Self::AuthFailed => "The upstream refused the credential (401 or 403).",
            Self::EgressBlocked => "The destination is not allowed; no connection was made.",
            Self::ConnectFailed => "No connection: DNS, TCP or TLS failed.",
            Self::Timeout => "The call's total deadline passed.",
            Self::RateLimited => "The upstream answered 429.",
            Self::Upstream4xx => "The upstream refused the request with another 4xx status.",
            Self::Upstream5xx => "The upstream failed with a 5xx status.",
            Self::UpstreamError => "The upstream answered 200 with an error inside.",
            Self::ResponseTooLarge => "The answer is larger than max_response_bytes.",
            Self::InvalidResponse => {
                "The answer breaks HTTP or is not in the format that the tool reads."
            }
            Self::MappingFailed => "A mapping rule found no value, or one of another type.",
            Self::OutputInvalid => "The mapped output does not fit the tool's output_schema.",
            Self::UnknownOutcome => {
                "The request was sent and no answer came; it may have had its effect."
            }
            Self::RepeatedCall => {
                "The model asked for the very same call again in one run; it was not made again."
            }
            Self::FlowFailed => "The flow's run failed or was cancelled.",
            Self::FlowRunning => "The flow's run has not ended in time; it goes on.",
        }
    }

    /// What a caller does about it; stands in `docs/errors.md`.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::InvalidInput => "Mend each fault; its pointer says where and its hint how.",
            Self::ToolNotFound => "List the tools for their ids; check the workspace.",
            Self::ToolDisabled => "Save the tool with enabled: true.",
            Self::QuotaExceeded => "Wait for the seconds of Retry-After.",
            Self::SecretMissing => "Create the secret that details names.",
            Self::AuthFailed => "Check the secret's value and the tool's auth section.",
            Self::EgressBlocked => {
                "Use a public https host; let an admin add the host to the secret's allowed_hosts; or let the operator \
                 list a private upstream in EGRESS_ALLOW."
            }
            Self::ConnectFailed => "Check the host of base_url; try again.",
            Self::Timeout => "Try again; raise api.timeout if the upstream is slow.",
            Self::RateLimited => "Wait as long as details.retry_after_s says.",
            Self::Upstream4xx => "Read details: the upstream says what it does not accept.",
            Self::Upstream5xx => "Try again later.",
            Self::UpstreamError => "Read details: the upstream says what went wrong.",
            Self::ResponseTooLarge => "Ask for less, or raise api.max_response_bytes.",
            Self::InvalidResponse => {
                "Check path and response.format of the tool against the upstream's answer."
            }
            Self::MappingFailed => {
                "Mend the rule that details names; nearest is the closest key in the answer."
            }
            Self::OutputInvalid => {
                "Mend output_schema or the mapping; output.validation: warn lets it pass."
            }
            Self::UnknownOutcome => {
                "Look at the upstream whether it was done before you call again."
            }
            Self::RepeatedCall => {
                "Work with the first call's result; if it is meant twice, ask for it in a run of its own."
            }
            Self::FlowFailed => "Read details.error: it names the step and why.",
            Self::FlowRunning => {
                "Look at the run later, by details.run_id; do not call again for the same purpose."
            }
        }
    }

    /// Whether the same call may succeed later without being changed.
    pub const fn retryable(self) -> bool {
        match self {
            Self::QuotaExceeded
            | Self::ConnectFailed
            | Self::Timeout
            | Self::RateLimited
            | Self::Upstream5xx => true,
            Self::InvalidInput
            | Self::ToolNotFound
            | Self::ToolDisabled
            | Self::SecretMissing
            | Self::AuthFailed
            | Self::EgressBlocked
            | Self::Upstream4xx
            | Self::UpstreamError
            | Self::ResponseTooLarge
            | Self::InvalidResponse
            | Self::MappingFailed
            | Self::OutputInvalid
            | Self::UnknownOutcome
            | Self::RepeatedCall
            | Self::FlowFailed
            | Self::FlowRunning => false,
        }
    }
}

/// A failed execution as told to people and models. Holds no secret: whoever fills it masks first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure.
    pub code: FailureCode,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Whether the same call may succeed later without being changed.
    pub retryable: bool,
    /// Facts for the repair: upstream status, a part of its body, pointer, rule. Never secrets.
    pub details: Map<String, Value>,
}

impl Failure {
    /// A failure with the code's own retryability and no details.
    pub fn new(code: FailureCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            retryable: code.retryable(),
            details: Map::new(),
        }
    }

    /// The same failure with one more fact.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Failure {}
