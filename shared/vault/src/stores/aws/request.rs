//! One request to AWS: repeated while its failure may pass, and what an answer means to us.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use chrono::Utc;
use domain::retry::{Policy, parse_retry_after};
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;
use uuid::Uuid;

use crate::stores::StoreError;

/// How often a passing failure is tried, and how patiently.
const POLICY: Policy = Policy {
    max_attempts: 4,
    base: Duration::from_millis(100),
    cap: Duration::from_secs(1),
};

/// What came of one request.
#[derive(Debug)]
pub(super) enum Told {
    /// `ResourceNotFoundException`.
    NotFound,
    /// `ResourceExistsException`.
    Exists,
    /// `InvalidRequestException`: of what we ask, a name that is marked for deletion.
    Marked,
    /// May pass: no answer, throttled, their fault. With the wait they wish.
    Passing(String, Option<Duration>),
    /// Will not pass by itself: no permission, wrong credentials.
    Refused(String),
}

impl From<Told> for StoreError {
    fn from(told: Told) -> Self {
        match told {
            Told::NotFound | Told::Marked => Self::Gone,
            Told::Exists => Self::Unavailable("AWS says that the name is taken".to_owned()),
            Told::Passing(why, _) | Told::Refused(why) => Self::Unavailable(why),
        }
    }
}

/// Makes a request until it succeeds, fails for good, or the time is over.
pub(super) async fn patiently<T, E, F>(call: impl Fn() -> F, deadline: Instant) -> Result<T, Told>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let mut attempt = 1;
    loop {
        // At trace level the client writes what it signs with: the session token of the function's role.
        let silent = call().with_subscriber(NoSubscriber::default());
        let told = match silent.await {
            Ok(answer) => return Ok(answer),
            Err(error) => told(&error),
        };
        let Told::Passing(why, wish) = told else {
            return Err(told);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(pause) = POLICY.pause(attempt, random(), wish, left) else {
            return Err(Told::Passing(why, wish));
        };
        tracing::debug!(attempt, why, "AWS Secrets Manager is asked again");
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// What an error means to us. Its text names codes, never a value.
fn told<E>(error: &SdkError<E, HttpResponse>) -> Told
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let Some(answer) = error.raw_response() else {
        return Told::Passing("AWS Secrets Manager does not answer".to_owned(), None);
    };
    let status = answer.status().as_u16();
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code);
    let why = format!(
        "AWS Secrets Manager answered {status} {}",
        code.unwrap_or_default()
    );
    match code.unwrap_or_default() {
        "ResourceNotFoundException" => Told::NotFound,
        "ResourceExistsException" => Told::Exists,
        "InvalidRequestException" => Told::Marked,
        code if status >= 500 || status == 429 || is_throttling(code) => {
            let wish = answer.headers().get("retry-after");
            Told::Passing(
                why,
                wish.and_then(|text| parse_retry_after(text, Utc::now())),
            )
        }
        _ => Told::Refused(why),
    }
}

/// The codes with which AWS services say "slower".
fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottledException"
            | "RequestThrottled"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "SlowDown"
    )
}

/// Between 0 and 1, for jitter.
fn random() -> f64 {
    let bits = Uuid::new_v4().as_u64_pair().1 & u64::from(u32::MAX);
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}
