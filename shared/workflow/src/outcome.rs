//! What a worker tells the engine about a step: the results of `orchestration.advance_run`.

use domain::run::{Effect, Kind, Undo};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// One result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StepResult {
    pub(crate) step_id: String,
    pub(crate) attempt: u32,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_id: Option<Uuid>,
}

/// How an attempt ended.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    Succeeded {
        output: Value,
    },
    Failed {
        error: Value,
    },
    /// It may go better later.
    Retry {
        error: Value,
        delay_ms: u64,
        /// Attempts that it may have besides its own, because it is not at fault.
        spare: u32,
    },
    Skipped,
    /// It did not begin, because its run is being stopped.
    Stopped,
    /// It was sent, there is no answer, and it is not safe to repeat.
    Unknown {
        error: Value,
    },
    /// It waits for time.
    Sleep {
        output: Value,
        delay_ms: u64,
    },
    /// It waits for a signal, and for how long.
    Await {
        #[serde(skip_serializing_if = "Option::is_none")]
        delay_ms: Option<u64>,
    },
    /// It waits for a run of its own.
    Delegate {
        child_run: Uuid,
    },
    /// It waits for its items.
    Expand {
        children: Vec<Child>,
        window: u32,
        child: ChildRules,
    },
}

/// One item of a `for_each`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Child {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<Value>,
    pub(crate) input: Value,
    pub(crate) call_key: Uuid,
}

/// What all items share.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChildRules {
    pub(crate) kind: Kind,
    pub(crate) effect: Effect,
    pub(crate) max_attempts: u32,
    pub(crate) undo: Option<Undo>,
}

impl Outcome {
    /// A failure that no repetition mends.
    pub(crate) fn failed(code: &str, message: impl Into<String>, hint: &str) -> Self {
        Self::Failed {
            error: error(code, message.into(), hint, false),
        }
    }
}

/// An error as later steps and people read it.
#[allow(
    clippy::needless_pass_by_value,
    reason = "nearly every message is made for it"
)]
pub(crate) fn error(code: &str, message: String, hint: &str, retryable: bool) -> Value {
    json!({ "code": code, "message": message, "hint": hint, "retryable": retryable })
}
