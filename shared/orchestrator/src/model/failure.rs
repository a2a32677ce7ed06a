//! What a model server's refusal means: status, headers and the provider's own words in, a failure with a hint out.

mod said;

use std::time::Duration;

use chrono::Utc;
use domain::model::{ModelFailure, ModelFailureCode};
use domain::retry::parse_retry_after;
use executor::outbound::{Cause, Stopped};
use http::header::{HeaderMap, RETRY_AFTER};
use secrecy::SecretString;
use serde_json::Value;
use vault::mask::{MASK, Masker};

use said::{Said, of_status, of_words};

/// Most bytes of the provider's own words in a failure.
const MAX_WORDS: usize = 500;
/// Words that begin so name the provider's customer or its key.
const PRIVATE: [&str; 4] = ["sk-", "org-", "proj_", "sess-"];

/// A failure, and whether to try once more.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trouble {
    pub(super) failure: ModelFailure,
    /// Asking again may help, and nothing has been done twice then that matters.
    pub(super) again: bool,
    /// The model has no reasoning that could be included: ask without.
    pub(super) no_reasoning: bool,
}

impl Trouble {
    pub(super) fn last(failure: ModelFailure) -> Self {
        Self {
            failure,
            again: false,
            no_reasoning: false,
        }
    }

    pub(super) fn passing(failure: ModelFailure) -> Self {
        Self {
            again: true,
            ..Self::last(failure)
        }
    }
}

/// The answer makes no sense.
pub(super) fn invalid_answer(what: &str) -> ModelFailure {
    ModelFailure::new(
        ModelFailureCode::InvalidAnswer,
        format!("The model server's answer is not usable: {what}."),
        "Try again. If it stays so, check that base_url names a server of the OpenAI Responses API (its POST /responses).",
    )
}

/// The server did not answer in time; `what` says at which point.
pub(super) fn timed_out(what: &str) -> ModelFailure {
    ModelFailure::new(
        ModelFailureCode::TimedOut,
        format!("The model server did not answer in time: {what}."),
        "Try again, ask for less at once, or use a faster model.",
    )
}

/// Why there was no answer at all. Of the operator's own server no name and no address is told.
pub(super) fn stopped(stopped: Stopped, guarded: bool) -> Trouble {
    let unavailable = |message: String, hint: &str| {
        Trouble::passing(ModelFailure::new(
            ModelFailureCode::Unavailable,
            message,
            hint,
        ))
    };
    match stopped.cause {
        Cause::Blocked(why) => Trouble::last(ModelFailure::new(
            ModelFailureCode::EgressBlocked,
            format!("The model server may not be called: {why}."),
            "Use a public https address as base_url, or let the operator list a private server in EGRESS_ALLOW.",
        )),
        Cause::Connect { message, hint } if guarded => unavailable(
            format!("The model server cannot be reached. {message}"),
            &hint,
        ),
        Cause::Connect { message, .. } => {
            tracing::warn!(why = message, "the model server cannot be reached");
            unavailable(
                "The model server cannot be reached.".to_owned(),
                "Try again later; the operator's log says more.",
            )
        }
        Cause::Lost => unavailable(
            "The connection to the model server was lost before its answer.".to_owned(),
            "Try again later.",
        ),
        Cause::Timeout => Trouble::last(timed_out("the time of this run is over")),
        Cause::TooLarge(limit) => {
            Trouble::last(invalid_answer(&format!("it is larger than {limit} bytes")))
        }
        Cause::Invalid { message, .. } => {
            Trouble::last(invalid_answer(message.trim_end_matches('.')))
        }
    }
}

/// A refusal by status.
pub(super) fn refused(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    key: &SecretString,
) -> Trouble {
    let said = Said::in_body(body);
    let code = of_status(status, &said);
    let mut failure = failure(code, Some(status), &said, key);
    failure.retry_after = retry_after(headers);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(id) = header("x-request-id") {
        let id = id.get(..id.len().min(100)).unwrap_or_default();
        failure = failure.detail("provider_request_id", masked(id, key));
    }
    Trouble {
        again: passes(code) && header("x-should-retry") != Some("false"),
        no_reasoning: code == ModelFailureCode::InvalidRequest
            && (said.param.as_deref() == Some("include")
                || said.speaks_of(&["encrypted content is not supported"])),
        failure,
    }
}

/// An error inside an answer of status 200: an `error` event, or a response that failed.
pub(super) fn told(error: &Value, key: &SecretString) -> Trouble {
    let said = Said::in_value(error);
    let code = of_words(&said).unwrap_or(if said.is_any(&["invalid_request_error"]) {
        ModelFailureCode::InvalidRequest
    } else {
        ModelFailureCode::Unavailable
    });
    Trouble {
        again: passes(code),
        ..Trouble::last(failure(code, None, &said, key))
    }
}

const fn passes(code: ModelFailureCode) -> bool {
    matches!(
        code,
        ModelFailureCode::RateLimited | ModelFailureCode::Unavailable
    )
}

/// The sentence and the advice for this kind of failure.
fn words(code: ModelFailureCode, status: Option<u16>, said: &Said) -> (&'static str, &'static str) {
    use ModelFailureCode as Code;
    match code {
        Code::AuthFailed => (
            "The model server refused the key.",
            "Check the key of the model server (the workspace's setting at PUT /api/v1/model, else the operator's OPENAI_API_KEY) and what it may use.",
        ),
        Code::QuotaUsedUp => (
            "The model provider's quota or credit is used up.",
            "Waiting does not help: add credit or raise the limit at the provider, or set another key.",
        ),
        Code::RateLimited => (
            "The model server is over its rate limit.",
            "Ask again after a while (Retry-After), or raise the limit at the provider.",
        ),
        Code::Unavailable => (
            "The model server failed or is overloaded.",
            "Try again later.",
        ),
        Code::ContentFiltered => (
            "The provider's content filter refused the request.",
            "Change the prompt, or what the tools return.",
        ),
        Code::ContextTooLarge => (
            "Prompt, history and tools are more than the model reads at once.",
            "Begin a new conversation, offer fewer tools, let tools return less, or use a model with a larger context.",
        ),
        Code::InvalidRequest if status == Some(404) || said.is_any(&["model_not_found"]) => (
            "The model server has no such model, or nothing at this address.",
            "Check the model's name, and that base_url is the address before /responses.",
        ),
        Code::InvalidRequest => (
            "The model server refused the request.",
            "Read what it says; the model may not have a setting that was asked for.",
        ),
        Code::InvalidAnswer => (
            "The model server answered with a redirect, which is not followed.",
            "Write the final address into base_url.",
        ),
        Code::TimedOut => ("The model server did not answer in time.", "Try again."),
        // Not of a server's making.
        Code::NotConfigured | Code::BudgetExceeded | Code::TooManyTurns | Code::EgressBlocked => {
            ("The model could not be asked.", "Try again.")
        }
    }
}

fn failure(
    code: ModelFailureCode,
    status: Option<u16>,
    said: &Said,
    key: &SecretString,
) -> ModelFailure {
    let (sentence, hint) = words(code, status, said);
    let mut failure = ModelFailure::new(code, sentence, hint);
    if let Some(status) = status {
        failure = failure.detail("status", status);
    }
    for (name, text) in [("provider_code", &said.code), ("provider_type", &said.kind)] {
        if !text.is_empty() {
            failure = failure.detail(name, masked(text, key));
        }
    }
    if let Some(param) = &said.param {
        failure = failure.detail("param", masked(param, key));
    }
    // What is said about a key tells parts of it.
    if !said.message.is_empty() && code != ModelFailureCode::AuthFailed {
        let message = masked(&said.message, key);
        failure.message = format!("{sentence} It says: {message}");
        failure = failure.detail("provider_message", message);
    }
    failure
}

/// A provider's words as they may be shown: bounded, on one line, without the key and without names of its customer.
pub(super) fn masked(text: &str, key: &SecretString) -> String {
    let masker = Masker::new(std::slice::from_ref(key));
    let text = masker.beginning(text, MAX_WORDS);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.filter(|word| !word.is_empty()).map(|word| {
        let bare = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        if PRIVATE.iter().any(|private| bare.starts_with(private)) {
            MASK
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// When the server wants to be asked again: OpenAI's milliseconds, else `Retry-After` (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("retry-after-ms")
        .and_then(|ms| ms.trim().parse().ok().map(Duration::from_millis))
        .or_else(|| parse_retry_after(text(RETRY_AFTER.as_str())?, Utc::now()))
}

#[cfg(test)]
mod tests;
