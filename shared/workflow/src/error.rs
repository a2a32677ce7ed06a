//! Why a flow was not started, or a run not changed.

use domain::fault::Fault;
use domain::run::PlanError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The workspace has no flow of this id.
    #[error("no such flow")]
    NotFound,
    /// The flow has no such run.
    #[error("no such run")]
    RunNotFound,
    /// The run has no such step.
    #[error("no such step")]
    StepNotFound,
    /// The flow is switched off, or its stored definition is no longer valid; the text says which.
    #[error("{0}")]
    Disabled(String),
    /// The input does not fit the flow, or a signal its step.
    #[error("the input does not fit")]
    InvalidInput(Vec<Fault>),
    /// Something that the flow calls is gone.
    #[error(transparent)]
    Missing(#[from] PlanError),
    /// The idempotency key belongs to another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The run is not failed or cancelled, so there is nothing to resume.
    #[error("the run is {0}")]
    NotStopped(String),
    /// What the run did was undone: it cannot go on from there.
    #[error("what the run did was undone")]
    Compensated,
    /// These steps may have had their effect, and must be confirmed by name to be called again.
    #[error("steps whose outcome is unknown must be confirmed: {}", .0.join(", "))]
    Unconfirmed(Vec<String>),
    /// The run belongs to a step of another run, which is to be resumed instead.
    #[error("the run belongs to another run")]
    HasParent,
    /// The run that starts it is being stopped, or has ended.
    #[error("the run that starts it is being stopped")]
    ParentStopped,
    /// The step was answered before, with something else.
    #[error("the step was answered before")]
    Answered,
    /// The step does not wait (any more).
    #[error("the step does not wait")]
    NotWaiting,
    /// The database, or a defect of ours.
    #[error("the run could not be read or changed")]
    Database(#[source] persistence::Error),
}

impl From<persistence::Error> for FlowError {
    fn from(error: persistence::Error) -> Self {
        Self::Database(error)
    }
}

impl From<registry::Error> for FlowError {
    fn from(error: registry::Error) -> Self {
        match error {
            registry::Error::Database(error) => Self::Database(error),
            registry::Error::NotFound => Self::NotFound,
            registry::Error::Quarantined(_) => Self::Disabled(error.to_string()),
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
