//! Calls without an outcome, as the model is told of them. Pure.

use domain::failure::{Failure, FailureCode};
use executor::ExecuteError;

/// What stands in the place of an outcome while a call is under way.
pub(super) fn left_alone() -> Failure {
    let message = "The run ended while this call was under way.";
    let hint = "Its execution, found by run_id, says what became of it.";
    Failure::new(FailureCode::UnknownOutcome, message, hint)
}

/// What a call that was not made is to the model; and whether the run ends with it.
pub(super) fn refused(error: ExecuteError) -> (Failure, Option<ExecuteError>) {
    let failure = |code, message: String, hint: &str| (Failure::new(code, message, hint), None);
    match error {
        ExecuteError::InvalidInput(faults) => {
            let message = "The arguments do not fit the tool; nothing was called.".to_owned();
            let hint = "Mend each of details.faults and call again.";
            let invalid = Failure::new(FailureCode::InvalidInput, message, hint);
            let faults = serde_json::to_value(faults).unwrap_or_default();
            (invalid.detail("faults", faults), None)
        }
        ExecuteError::ToolNotFound => failure(
            FailureCode::ToolNotFound,
            "The tool does not exist any more.".to_owned(),
            "Go on without it.",
        ),
        ExecuteError::QuotaExceeded { why, retry_after } => {
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            let hint = "Call again after details.retry_after_s seconds, or go on without it.";
            let limited = Failure::new(FailureCode::QuotaExceeded, why, hint);
            (limited.detail("retry_after_s", seconds), None)
        }
        error @ (ExecuteError::ToolDisabled(_)
        | ExecuteError::NothingToShow
        | ExecuteError::NothingToVerify
        | ExecuteError::KeyReused
        | ExecuteError::InProgress { .. }) => failure(
            FailureCode::ToolDisabled,
            error.to_string(),
            "Go on without it.",
        ),
        error @ (ExecuteError::Database(_)
        | ExecuteError::AuditUnavailable(_)
        | ExecuteError::SecretStoreUnavailable(_)) => {
            let message = "The tool cannot be run now; nothing was called.".to_owned();
            let failure = Failure::new(FailureCode::ConnectFailed, message, "Try again later.");
            (failure, Some(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_not_called_is_told_and_only_an_outage_ends_the_run() {
        let outage = || persistence::Error::Corrupt("sealed by sk-secret".to_owned());
        let cases = [
            (
                ExecuteError::InvalidInput(Vec::new()),
                FailureCode::InvalidInput,
                false,
            ),
            (ExecuteError::ToolNotFound, FailureCode::ToolNotFound, false),
            (
                ExecuteError::ToolDisabled("It is off.".to_owned()),
                FailureCode::ToolDisabled,
                false,
            ),
            (ExecuteError::KeyReused, FailureCode::ToolDisabled, false),
            (
                ExecuteError::Database(outage()),
                FailureCode::ConnectFailed,
                true,
            ),
            (
                ExecuteError::AuditUnavailable(vault::Error::Unavailable(outage())),
                FailureCode::ConnectFailed,
                true,
            ),
        ];
        for (error, code, ends) in cases {
            let (told, ending) = refused(error);
            assert_eq!((told.code, ending.is_some()), (code, ends));
            let told = serde_json::to_string(&told).unwrap();
            assert!(!told.contains("sk-secret"), "{told}");
        }
    }

    #[test]
    fn a_limit_is_told_with_whole_seconds_that_are_long_enough() {
        for (after, seconds) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            let limited = ExecuteError::QuotaExceeded {
                why: "Twice a minute.".to_owned(),
                retry_after: Duration::from_millis(after),
            };
            let told = serde_json::to_value(refused(limited).0).unwrap();
            assert_eq!(told["details"]["retry_after_s"], seconds, "{told}");
        }
    }
}
