//! The failure that a status says, or that a rule says instead of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::failure::{Failure, FailureCode};
use domain::ids::SecretName;
use domain::retry;
use vault::mask::Masker;

use super::told::told;
use crate::outbound::Answer;

/// The failure that a status outside 2xx says.
pub(crate) fn failure(
    answer: &Answer,
    secrets: &[SecretName],
    masker: &Masker,
    now: DateTime<Utc>,
) -> Failure {
    complete(of_status(answer.status, secrets), answer, masker, now)
}

/// What a status outside 2xx says by itself.
pub(super) fn of_status(status: u16, secrets: &[SecretName]) -> Failure {
    match status {
        401 | 403 => auth_failed(status, secrets),
        429 => rate_limited(status),
        500..=599 => Failure::new(
            FailureCode::Upstream5xx,
            format!("The upstream failed with status {status}."),
            "The fault is the upstream's; call again later. Its answer is in details.body.",
        ),
        400..=499 => Failure::new(
            FailureCode::Upstream4xx,
            format!("The upstream refused the call with status {status}."),
            match status {
                404 | 410 => "Check base_url, path and the values in the path.",
                405 => "Check api.method.",
                400 | 422 => {
                    "Check the inputs and their mapping; details.body holds the upstream's words."
                }
                _ => "details.body holds the upstream's words.",
            },
        ),
        _ => Failure::new(
            FailureCode::InvalidResponse,
            format!(
                "The upstream answered with status {status}, which is neither success nor error."
            ),
            "Check base_url and path; write the final URL of a redirect into them.",
        ),
    }
}

/// What a rule's own kind of failure says; `None` for the kinds about which the status says as much.
pub(super) fn of_kind(
    kind: Option<FailureCode>,
    status: u16,
    secrets: &[SecretName],
) -> Option<Failure> {
    match kind? {
        FailureCode::AuthFailed => Some(auth_failed(status, secrets)),
        FailureCode::RateLimited => Some(rate_limited(status)),
        FailureCode::InvalidInput
        | FailureCode::ToolNotFound
        | FailureCode::ToolDisabled
        | FailureCode::QuotaExceeded
        | FailureCode::SecretMissing
        | FailureCode::EgressBlocked
        | FailureCode::ConnectFailed
        | FailureCode::Timeout
        | FailureCode::Upstream4xx
        | FailureCode::Upstream5xx
        | FailureCode::UpstreamError
        | FailureCode::ResponseTooLarge
        | FailureCode::InvalidResponse
        | FailureCode::MappingFailed
        | FailureCode::OutputInvalid
        | FailureCode::UnknownOutcome
        | FailureCode::RepeatedCall
        | FailureCode::FlowFailed
        | FailureCode::FlowRunning => None,
    }
}

/// An error inside an answer whose status says success.
pub(super) fn inside(status: u16) -> Failure {
    Failure::new(
        FailureCode::UpstreamError,
        format!("The upstream answered {status} with an error inside."),
        "details.body holds the upstream's words.",
    )
}

/// The failure with what of the answer is told.
pub(super) fn complete(
    failure: Failure,
    answer: &Answer,
    masker: &Masker,
    now: DateTime<Utc>,
) -> Failure {
    let failure = match retry_after(answer, now) {
        Some(pause) => failure.detail("retry_after_s", pause.as_secs()),
        None => failure,
    };
    told(failure, answer, masker)
}

fn rate_limited(status: u16) -> Failure {
    Failure::new(
        FailureCode::RateLimited,
        format!("The upstream limits the rate of calls ({status})."),
        "Call again later; details.retry_after_s says when, if the upstream said so.",
    )
}

fn auth_failed(status: u16, secrets: &[SecretName]) -> Failure {
    let hint = if secrets.is_empty() {
        "The upstream wants a credential: add api.auth, and store its value as a secret.".to_owned()
    } else {
        let names: Vec<String> = secrets.iter().map(|name| format!("${{{name}}}")).collect();
        let names = names.join(", ");
        if status == 403 {
            format!(
                "The credential {names} is known but lacks a right; check its scopes at the provider."
            )
        } else {
            format!(
                "Check the value of {names} and that api.auth puts it where the upstream wants it."
            )
        }
    };
    Failure::new(
        FailureCode::AuthFailed,
        format!("The upstream refused the credential ({status})."),
        hint,
    )
}

/// How long the upstream asks to wait.
pub(crate) fn retry_after(answer: &Answer, now: DateTime<Utc>) -> Option<Duration> {
    retry::parse_retry_after(answer.retry_after.as_deref()?, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Bytes;

    const NONE: Masker = Masker::none();

    fn answer(status: u16, body: &'static [u8]) -> Answer {
        Answer {
            status,
            content_type: None,
            retry_after: None,
            link: None,
            body: Bytes::from_static(body),
            headers_at: tokio::time::Instant::now(),
        }
    }

    #[test]
    fn statuses_have_codes() {
        for (status, code, retryable) in [
            (304, FailureCode::InvalidResponse, false),
            (400, FailureCode::Upstream4xx, false),
            (401, FailureCode::AuthFailed, false),
            (403, FailureCode::AuthFailed, false),
            (404, FailureCode::Upstream4xx, false),
            (429, FailureCode::RateLimited, true),
            (500, FailureCode::Upstream5xx, true),
            (599, FailureCode::Upstream5xx, true),
        ] {
            let answer = answer(status, b"no");
            let failure = failure(&answer, &[], &NONE, DateTime::UNIX_EPOCH);
            assert_eq!((failure.code, failure.retryable), (code, retryable));
            assert_eq!(failure.details["status"], status);
            assert_eq!(failure.details["body"], "no");
        }
    }

    #[test]
    fn a_refused_credential_is_named() {
        let failure = failure(
            &answer(401, b""),
            &["API_KEY".parse().unwrap()],
            &NONE,
            DateTime::UNIX_EPOCH,
        );
        assert!(failure.hint.contains("${API_KEY}"), "{}", failure.hint);
    }

    #[test]
    fn retry_after_is_told() {
        let mut limited = answer(429, b"");
        limited.retry_after = Some("7".to_owned());
        let failure = failure(&limited, &[], &NONE, DateTime::UNIX_EPOCH);
        assert_eq!(failure.details["retry_after_s"], 7);
    }
}
