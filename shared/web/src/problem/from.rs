//! Which problem each error of the rooms below is.

use auth::AuthError;
use domain::fault::Fault;
use domain::model::{ModelFailure, ModelFailureCode};
use executor::{ConnectError, ExecuteError};

use super::{Code, Problem};

impl From<persistence::Error> for Problem {
    fn from(error: persistence::Error) -> Self {
        use persistence::Error;
        match error {
            Error::Unavailable(_) => unavailable(Code::DatabaseUnavailable, &error),
            Error::Conflict { .. } if error.is_conflict_on(persistence::members::LAST_OWNER) => {
                Self::new(Code::LastOwner, "the last owner cannot leave")
            }
            Error::Conflict { .. } => {
                Self::new(Code::AlreadyExists, "something of this name exists")
            }
            Error::Forbidden => Self::new(Code::Forbidden, "the database's policies refuse this"),
            Error::Corrupt(_) | Error::Configuration(_) | Error::Query(_) => Self::internal(&error),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let code = match error {
            AuthError::MissingToken => Code::MissingToken,
            AuthError::InvalidToken(_) => Code::InvalidToken,
            AuthError::WorkspaceRequired | AuthError::NoWorkspace => Code::WorkspaceRequired,
            AuthError::WorkspaceNotFound => Code::WorkspaceNotFound,
            AuthError::KeysUnavailable => return unavailable(Code::KeysUnavailable, &error),
            AuthError::Database(source) => return source.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl From<registry::Error> for Problem {
    fn from(error: registry::Error) -> Self {
        use registry::Error;
        let text = error.to_string();
        match error {
            Error::Invalid(faults) => Self::with_faults(Code::InvalidConfig, faults),
            Error::Exists { version, hash } => {
                Self::new(Code::AlreadyExists, text).current(version, hash)
            }
            Error::TakenByFlow => Self::new(Code::AlreadyExists, text),
            Error::BuiltIn(_) => Self::new(Code::BuiltInTool, text),
            Error::Conflict { version, hash } => {
                Self::new(Code::VersionConflict, text).current(version, hash)
            }
            Error::InstalledCopy => Self::new(Code::InstalledCopy, text),
            Error::NotFound => tool_not_found(),
            Error::Quarantined(_) => Self::new(Code::ToolDisabled, text),
            Error::Database(source) => source.into(),
        }
    }
}

impl From<registry::FlowError> for Problem {
    fn from(error: registry::FlowError) -> Self {
        use registry::FlowError;
        let text = error.to_string();
        match error {
            FlowError::Invalid(faults) => Self::with_faults(Code::InvalidFlow, faults),
            FlowError::Exists { version, hash } => {
                Self::new(Code::AlreadyExists, text).current(version, hash)
            }
            FlowError::TakenByTool(_) => Self::new(Code::AlreadyExists, text),
            FlowError::BuiltIn(_) => Self::new(Code::BuiltInTool, text),
            FlowError::Conflict { version, hash } => {
                Self::new(Code::VersionConflict, text).current(version, hash)
            }
            FlowError::InstalledCopy => Self::new(Code::InstalledCopy, text),
            FlowError::NotFound => Self::new(Code::FlowNotFound, "this workspace has no such flow"),
            FlowError::Catalog(source) => source.into(),
            FlowError::Database(source) => source.into(),
        }
    }
}

impl From<workflow::FlowError> for Problem {
    fn from(error: workflow::FlowError) -> Self {
        use workflow::FlowError;
        let text = error.to_string();
        match error {
            FlowError::NotFound => Self::new(Code::FlowNotFound, "this workspace has no such flow"),
            FlowError::RunNotFound => Self::new(Code::RunNotFound, "this flow has no such run"),
            FlowError::StepNotFound => Self::new(Code::StepNotFound, "this run has no such step"),
            FlowError::InvalidInput(faults) => Self::with_faults(Code::InvalidInput, faults),
            FlowError::Disabled(_) | FlowError::Missing(_) => {
                Self::new(Code::FlowNotRunnable, text)
            }
            FlowError::KeyReused => Self::new(Code::IdempotencyKeyReused, text),
            FlowError::NotStopped(_) => Self::new(Code::RunNotStopped, text),
            FlowError::Compensated => Self::new(Code::RunCompensated, text),
            FlowError::Unconfirmed(_) => Self::new(Code::StepsUnconfirmed, text),
            FlowError::HasParent | FlowError::ParentStopped => Self::new(Code::RunHasParent, text),
            FlowError::Answered => Self::new(Code::StepAnswered, text),
            FlowError::NotWaiting => Self::new(Code::StepNotWaiting, text),
            FlowError::Database(source) => source.into(),
        }
    }
}

impl From<registry::PromptError> for Problem {
    fn from(error: registry::PromptError) -> Self {
        use registry::PromptError;
        let text = error.to_string();
        match error {
            PromptError::Invalid(faults) => Self::with_faults(Code::InvalidPrompt, faults),
            PromptError::Variables(faults) => Self::invalid_request(faults),
            PromptError::Exists { version, hash } => {
                Self::new(Code::AlreadyExists, text).current(version, hash)
            }
            PromptError::Conflict { version, hash } => {
                Self::new(Code::VersionConflict, text).current(version, hash)
            }
            PromptError::InstalledCopy => Self::new(Code::InstalledCopy, text),
            PromptError::NotFound => {
                Self::new(Code::PromptNotFound, "this workspace has no such prompt")
            }
            PromptError::Database(source) => source.into(),
        }
    }
}

impl From<registry::MarketError> for Problem {
    fn from(error: registry::MarketError) -> Self {
        use domain::publication::Kind;
        use registry::MarketError;
        let text = error.to_string();
        match error {
            MarketError::NothingThere(kind) | MarketError::NotInstalled(kind) => {
                let code = match kind {
                    Kind::Tool => Code::ToolNotFound,
                    Kind::Flow => Code::FlowNotFound,
                    Kind::Prompt => Code::PromptNotFound,
                };
                Self::new(code, text)
            }
            MarketError::NotPublic => Self::new(Code::PublicationNotFound, text),
            MarketError::Refused(faults) => Self::with_faults(Code::PublicationRefused, faults),
            MarketError::Invalid(faults) => Self::invalid_request(faults),
            MarketError::Changing => Self::new(Code::PublicationRefused, text),
            MarketError::SlugTaken(_)
            | MarketError::PublisherTaken(_)
            | MarketError::IdTaken { .. } => Self::new(Code::AlreadyExists, text),
            MarketError::OwnPublication => Self::new(Code::OwnPublication, text),
            MarketError::Stale { version, hash } => {
                Self::new(Code::VersionConflict, text).current(version, hash)
            }
            MarketError::Withdrawn => Self::new(Code::PublicationWithdrawn, text),
            MarketError::Unaccepted(changes) => {
                let faults = changes.into_iter().map(|change| {
                    let message = match change.detail {
                        Some(detail) => format!("{}: {detail}", change.subject),
                        None => change.subject,
                    };
                    Fault::new("/accept", change.kind.as_str(), message)
                        .hint("send accept: true if this is wanted")
                });
                Self::with_faults(Code::ChangesUnaccepted, faults.collect())
            }
            MarketError::MayNotReview => Self::new(Code::ReviewRefused, text),
            MarketError::Database(source) => source.into(),
        }
    }
}

impl From<vault::Error> for Problem {
    fn from(error: vault::Error) -> Self {
        use vault::Error;
        match error {
            Error::Invalid(faults) if faults.iter().all(needs_hosts) => {
                Self::with_faults(Code::HostsRequired, faults)
            }
            Error::Invalid(faults) => Self::invalid_request(faults),
            Error::Exists => Self::new(Code::AlreadyExists, error.to_string()),
            Error::Busy => Self::new(Code::SecretBusy, error.to_string()),
            Error::ProviderInUse { .. } => Self::new(Code::ProviderInUse, error.to_string()),
            Error::StoreUnavailable(_) => unavailable(Code::SecretStoreUnavailable, &error),
            Error::NotFound => Self::not_found(),
            Error::Forbidden => Self::new(Code::Forbidden, error.to_string()),
            Error::Unavailable(_) => unavailable(Code::DatabaseUnavailable, &error),
            Error::Database(source) => source.into(),
            // The executor tells these as failures of an execution; elsewhere they cannot happen.
            Error::Missing { .. } | Error::HostNotAllowed { .. } | Error::Sealed(_) => {
                Self::internal(&error)
            }
        }
    }
}

/// The hosts of a new secret are not certain and were not stated.
fn needs_hosts(fault: &Fault) -> bool {
    fault.pointer == "/allowed_hosts" && fault.code == "required"
}

/// Every operation that runs a tool takes what the tool is given as its member `input`.
impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::InvalidInput(mut faults) => {
                for fault in &mut faults {
                    fault.pointer.insert_str(0, "/input");
                }
                Self::with_faults(Code::InvalidInput, faults)
            }
            ExecuteError::ToolNotFound => tool_not_found(),
            ExecuteError::KeyReused => Self::new(Code::IdempotencyKeyReused, error.to_string()),
            ExecuteError::InProgress { retry_after } => {
                Self::new(Code::IdempotencyInProgress, error.to_string()).retry_after(retry_after)
            }
            ExecuteError::QuotaExceeded { why, retry_after } => {
                Self::new(Code::QuotaExceeded, why).retry_after(retry_after)
            }
            ExecuteError::NothingToShow => Self::new(Code::NothingToShow, error.to_string()),
            ExecuteError::NothingToVerify => Self::new(Code::NothingToVerify, error.to_string()),
            ExecuteError::ToolDisabled(why) => Self::new(Code::ToolDisabled, why),
            ExecuteError::Database(source) => source.into(),
            ExecuteError::AuditUnavailable(_) => unavailable(Code::AuditUnavailable, &error),
            ExecuteError::SecretStoreUnavailable(_) => {
                unavailable(Code::SecretStoreUnavailable, &error)
            }
        }
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        let text = error.to_string();
        match error {
            ConnectError::Invalid(faults) => Self::invalid_request(faults),
            ConnectError::NotFound => Self::not_found(),
            ConnectError::NeedsPerson => Self::new(Code::PersonRequired, text),
            ConnectError::NeedsAdmin => Self::new(Code::RoleRequired, text),
            ConnectError::NothingToConfirm => Self::new(Code::NothingToConfirm, text),
            ConnectError::Tool(error) => error.into(),
            ConnectError::Vault(error) => error.into(),
        }
    }
}

/// The room that asked the model has logged it.
impl From<ModelFailure> for Problem {
    fn from(failure: ModelFailure) -> Self {
        let code = match failure.code {
            ModelFailureCode::NotConfigured => Code::ModelNotConfigured,
            ModelFailureCode::AuthFailed => Code::ModelAuthFailed,
            ModelFailureCode::QuotaUsedUp => Code::ModelQuotaUsedUp,
            ModelFailureCode::RateLimited => Code::ModelRateLimited,
            ModelFailureCode::Unavailable => Code::ModelUnavailable,
            ModelFailureCode::TimedOut => Code::ModelTimedOut,
            ModelFailureCode::ContentFiltered => Code::ModelContentFiltered,
            ModelFailureCode::ContextTooLarge => Code::ModelContextTooLarge,
            ModelFailureCode::InvalidAnswer => Code::ModelInvalidAnswer,
            ModelFailureCode::InvalidRequest => Code::ModelInvalidRequest,
            ModelFailureCode::BudgetExceeded => Code::ModelBudgetExceeded,
            ModelFailureCode::TooManyTurns => Code::ModelTooManyTurns,
            ModelFailureCode::EgressBlocked => Code::ModelEgressBlocked,
        };
        let detail = format!("{} {}", failure.message, failure.hint);
        let problem = Self::new(code, detail.trim());
        match failure.retry_after {
            Some(wait) if code.is_passing() => problem.retry_after(wait),
            _ => problem,
        }
    }
}

/// The same for an id that exists nowhere and for one of another workspace.
fn tool_not_found() -> Problem {
    Problem::new(Code::ToolNotFound, "this workspace has no such tool")
}

/// A dependency is down: a warning, since it may pass; the detail is the error's own text, which
/// names no host and no statement.
fn unavailable(code: Code, error: &(dyn std::error::Error + 'static)) -> Problem {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    tracing::warn!(%error, ?causes, "a dependency is unavailable");
    Problem::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(problem: impl Into<Problem>) -> (u16, &'static str) {
        let entry = problem.into().code().entry();
        (entry.status, entry.code)
    }

    #[test]
    fn errors_have_their_statuses() {
        use persistence::Error as Database;
        let down = || Database::Unavailable("connection refused".into());
        let exists = || registry::Error::Exists {
            version: 1,
            hash: "h".to_owned(),
        };
        let stale = || registry::Error::Conflict {
            version: 2,
            hash: "h".to_owned(),
        };
        assert_eq!(status(down()), (503, "database_unavailable"));
        assert_eq!(status(Database::Forbidden), (403, "forbidden"));
        for (constraint, code) in [
            (persistence::members::LAST_OWNER, "last_owner"),
            ("workspaces_slug_key", "already_exists"),
        ] {
            let constraint = constraint.to_owned();
            assert_eq!(status(Database::Conflict { constraint }), (409, code));
        }
        assert_eq!(status(Database::Query("x".into())), (500, "internal"));
        assert_eq!(status(AuthError::MissingToken), (401, "missing_token"));
        assert_eq!(status(AuthError::NoWorkspace), (400, "workspace_required"));
        assert_eq!(
            status(AuthError::WorkspaceNotFound),
            (404, "workspace_not_found")
        );
        assert_eq!(
            status(AuthError::KeysUnavailable),
            (503, "keys_unavailable")
        );
        assert_eq!(
            status(AuthError::Database(down())),
            (503, "database_unavailable")
        );
        assert_eq!(
            status(registry::Error::Invalid(Vec::new())),
            (400, "invalid_config")
        );
        assert_eq!(status(exists()), (409, "already_exists"));
        assert_eq!(status(stale()), (409, "version_conflict"));
        assert_eq!(status(registry::Error::NotFound), (404, "tool_not_found"));
        assert_eq!(
            status(registry::Error::BuiltIn("calculate".parse().unwrap())),
            (409, "built_in_tool")
        );
        assert_eq!(
            status(ExecuteError::NothingToShow),
            (409, "nothing_to_show")
        );
        assert_eq!(
            status(ExecuteError::NothingToVerify),
            (409, "nothing_to_verify")
        );
        assert_eq!(status(vault::Error::Exists), (409, "already_exists"));
        assert_eq!(status(ExecuteError::ToolNotFound), (404, "tool_not_found"));
        let retry_after = std::time::Duration::from_millis(1500);
        let why = String::new();
        assert_eq!(
            status(ExecuteError::KeyReused),
            (409, "idempotency_key_reused")
        );
        assert_eq!(
            status(ExecuteError::InProgress { retry_after }),
            (409, "idempotency_in_progress")
        );
        assert_eq!(
            status(ExecuteError::QuotaExceeded { why, retry_after }),
            (429, "quota_exceeded")
        );
        assert_eq!(
            status(ExecuteError::ToolDisabled(String::new())),
            (409, "tool_disabled")
        );
    }

    #[test]
    fn faults_of_an_input_point_into_the_body() {
        let fault = Fault::new("/city", "required", "\"city\" is required");
        let problem = Problem::from(ExecuteError::InvalidInput(vec![fault]));
        assert!(problem.body(None).contains("\"pointer\":\"/input/city\""));
    }

    #[test]
    fn failures_of_a_model_keep_their_code_and_their_wish() {
        for code in ModelFailureCode::ALL {
            assert_eq!(status(ModelFailure::new(code, "m", "h")).1, code.as_str());
        }
        let mut failure = ModelFailure::new(ModelFailureCode::RateLimited, "Full.", "Wait.");
        failure.retry_after = Some(std::time::Duration::from_millis(6100));
        let problem = Problem::from(failure);
        assert!(problem.body(None).contains("\"detail\":\"Full. Wait.\""));
        let headers = problem.answer(None).headers().clone();
        assert_eq!(headers[http::header::RETRY_AFTER], "7");
        let failure = ModelFailure::new(ModelFailureCode::QuotaUsedUp, "m", "h");
        let answer = Problem::from(failure).answer(None);
        assert!(!answer.headers().contains_key(http::header::RETRY_AFTER));
    }

    #[test]
    fn a_problem_tells_nothing_of_the_database() {
        let problem = Problem::from(persistence::Error::Query(
            "relation \"x\" is missing".into(),
        ));
        assert!(!problem.body(None).contains("relation"));
    }
}
