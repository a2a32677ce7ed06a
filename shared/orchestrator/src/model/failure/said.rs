//! What a server said about its refusal, and which kind of failure that is. Pure.

use domain::model::ModelFailureCode;
use serde_json::Value;

/// What a server said about its refusal, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) code: String,
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) param: Option<String>,
}

impl Said {
    /// Out of a body: `{error:{…}}` as OpenAI has it, a flat object, a list of one, or plain text.
    pub(super) fn in_body(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::in_value(&value),
            Err(_) => Self {
                message: str::from_utf8(body)
                    .ok()
                    .filter(|text| !text.trim_start().starts_with('<'))
                    .unwrap_or_default()
                    .to_owned(),
                ..Self::default()
            },
        }
    }

    /// Out of an event or a response: the error is the member `error`, or the object itself.
    pub(super) fn in_value(value: &Value) -> Self {
        let value = value.get(0).unwrap_or(value);
        let error = match value.get("error") {
            Some(Value::String(message)) => {
                return Self {
                    message: message.clone(),
                    ..Self::default()
                };
            }
            Some(error @ Value::Object(_)) => error,
            _ => value,
        };
        let text = |name: &str| match error.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        Self {
            code: text("code").unwrap_or_default(),
            kind: text("type").unwrap_or_default(),
            message: text("message")
                .or_else(|| text("detail"))
                .unwrap_or_default(),
            param: text("param"),
        }
    }

    pub(super) fn is_any(&self, codes: &[&str]) -> bool {
        codes
            .iter()
            .any(|code| self.code == *code || self.kind == *code)
    }

    pub(super) fn speaks_of(&self, words: &[&str]) -> bool {
        let message = self.message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    }
}

/// The kind of failure behind a status that is no success.
pub(super) fn of_status(status: u16, said: &Said) -> ModelFailureCode {
    use ModelFailureCode as Code;
    match status {
        401 => Code::AuthFailed,
        402 => Code::QuotaUsedUp,
        300..=399 => Code::InvalidAnswer,
        // The server's own trouble, whatever it calls it; 408 and 409 are of that kind at OpenAI.
        408 | 409 | 500..=599 => Code::Unavailable,
        _ => of_words(said).unwrap_or(match status {
            403 => Code::AuthFailed,
            413 => Code::ContextTooLarge,
            429 => Code::RateLimited,
            _ => Code::InvalidRequest,
        }),
    }
}

/// The kind of failure that the provider names, if it is one that is known.
pub(super) fn of_words(said: &Said) -> Option<ModelFailureCode> {
    use ModelFailureCode as Code;
    if said.is_any(&[
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "quota_exceeded",
    ]) {
        return Some(Code::QuotaUsedUp);
    }
    if said.is_any(&[
        "invalid_api_key",
        "authentication_error",
        "permission_error",
    ]) {
        return Some(Code::AuthFailed);
    }
    if said.is_any(&[
        "rate_limit_exceeded",
        "rate_limit_error",
        "too_many_requests",
    ]) {
        return Some(Code::RateLimited);
    }
    if said.is_any(&[
        "content_filter",
        "content_policy_violation",
        "invalid_prompt",
        "responsible_ai_policy_violation",
    ]) {
        return Some(Code::ContentFiltered);
    }
    if said.is_any(&["context_length_exceeded", "string_above_max_length"])
        || said.speaks_of(&["context length", "context window", "maximum context"])
    {
        return Some(Code::ContextTooLarge);
    }
    if said.is_any(&[
        "server_error",
        "internal_error",
        "overloaded_error",
        "slow_down",
    ]) {
        return Some(Code::Unavailable);
    }
    said.is_any(&["model_not_found"])
        .then_some(Code::InvalidRequest)
}
