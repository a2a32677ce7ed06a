//! What ends an execution before the tool could be run at all.

use std::time::Duration;

use domain::fault::Fault;

/// Why a tool was not run. Everything that goes wrong while it runs is an [`Execution`] with a failure.
///
/// [`Execution`]: crate::Execution
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The input does not fit the tool.
    #[error("the input does not fit the tool's input_schema")]
    InvalidInput(Vec<Fault>),
    /// The workspace has no tool of this id.
    #[error("no such tool")]
    ToolNotFound,
    /// The tool is switched off, or its stored config is no longer valid; the text says which.
    #[error("{0}")]
    ToolDisabled(String),
    /// A code-based tool made no request that a preview could show.
    #[error("the tool makes no request with this input")]
    NothingToShow,
    /// The tool does not say how its connection is tested.
    #[error("the tool has no api.auth.verify, which says how its connection is tested")]
    NothingToVerify,
    /// The idempotency key belongs to another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The execution that has this key has not ended yet.
    #[error("the call with this idempotency key is still running")]
    InProgress {
        /// When its answer may be there.
        retry_after: Duration,
    },
    /// The workspace has reached a limit of the tool.
    #[error("{why}")]
    QuotaExceeded {
        /// Which one.
        why: String,
        /// When a call may be made again.
        retry_after: Duration,
    },
    /// The catalog could not be read.
    #[error("the tools could not be read")]
    Database(#[source] persistence::Error),
    /// The use of a secret could not be recorded, so the secret was not used and nothing was sent.
    #[error("the use of a secret could not be recorded")]
    AuditUnavailable(#[source] vault::Error),
    /// The store where a secret's value lives gives no answer, so nothing was sent.
    #[error("the store of secrets does not answer; nothing was sent")]
    SecretStoreUnavailable(#[source] vault::Error),
}

impl From<registry::Error> for ExecuteError {
    fn from(error: registry::Error) -> Self {
        match error {
            registry::Error::Database(error) => Self::Database(error),
            registry::Error::NotFound => Self::ToolNotFound,
            registry::Error::Quarantined(_) => Self::ToolDisabled(error.to_string()),
            // Only writing to the catalog ends with one of these.
            error @ (registry::Error::Invalid(_)
            | registry::Error::Exists { .. }
            | registry::Error::TakenByFlow
            | registry::Error::BuiltIn(_)
            | registry::Error::InstalledCopy
            | registry::Error::Conflict { .. }) => {
                Self::Database(persistence::Error::Corrupt(error.to_string()))
            }
        }
    }
}
