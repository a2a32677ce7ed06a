//! Which problem a run is that did not end well.

use std::time::Duration;

use domain::fault::Fault;
use orchestrator::OrchestrateError;
use web::{Code, Problem};

/// The problem; its status is the problem's own matter.
pub(crate) fn problem(error: OrchestrateError) -> Problem {
    match error {
        OrchestrateError::Invalid(faults) => Problem::invalid_request(faults),
        OrchestrateError::ConversationNotFound => {
            let message = "this workspace has no such conversation";
            let hint = "send the id of an answer of POST /api/v1/orchestrate";
            let fault = Fault::new("/previous_id", "not_found", message).hint(hint);
            Problem::with_faults(Code::ConversationNotFound, vec![fault])
        }
        OrchestrateError::Model(failure) => failure.into(),
        OrchestrateError::Registry(error) => error.into(),
        OrchestrateError::Database(error) => error.into(),
        OrchestrateError::Vault(error) => error.into(),
        OrchestrateError::Execute(error) => error.into(),
        // Who hung up reads nothing: it is a reader that is told this.
        OrchestrateError::Cancelled => {
            let why = "the reader of the stream fell too far behind: more than 16 MB waited";
            Problem::new(Code::QuotaExceeded, why).retry_after(Duration::from_secs(1))
        }
        error @ OrchestrateError::Broken => Problem::internal(&error),
    }
}
