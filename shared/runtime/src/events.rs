//! The Lambda loop of a function whose events are no HTTP requests: a queue's, a schedule's. JSON in, JSON out.

use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;
use std::time::SystemTime;

use lambda_http::lambda_runtime::{self, Diagnostic, LambdaEvent};
use serde_json::Value;
use tokio::time::Instant;

use crate::lambda::{launch, on_one_thread};
use crate::{Config, StartError};

/// Runs a function: reads the configuration, starts the logs, builds the handler, hands it each event with the moment at
/// which Lambda ends the invocation, until Lambda ends the process. An event whose handling fails is logged once, and told to
/// Lambda, which counts it as an error of the function.
///
/// What cannot start says so in one error line and ends with 1.
pub fn serve_events<H, A, E>(build: impl FnOnce(&Config) -> Result<H, StartError>) -> ExitCode
where
    H: Fn(Value, Instant) -> A,
    A: Future<Output = Result<Value, E>>,
    E: Display,
{
    launch(|config, phases| {
        on_one_thread(async {
            let handle = build(config)?;
            phases.built();
            let service = lambda_runtime::service_fn(|event: LambdaEvent<Value>| {
                let ends = ends_at(event.context.deadline());
                let handled = handle(event.payload, ends);
                async { handled.await.map_err(|error| told(&error)) }
            });
            let ended = lambda_runtime::run(service).await;
            ended.map_err(|error| StartError::Lambda(error.to_string()))
        })
    })
}

/// Lambda says it by the machine's clock; we count by one that nobody sets.
fn ends_at(deadline: SystemTime) -> Instant {
    let left = deadline.duration_since(SystemTime::now());
    Instant::now() + left.unwrap_or_default()
}

/// What Lambda is told; the runtime's own loop logs it.
fn told(error: &impl Display) -> Diagnostic {
    Diagnostic {
        error_type: "EventNotHandled".to_owned(),
        error_message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_that_has_passed_is_now() {
        assert!(ends_at(SystemTime::UNIX_EPOCH) <= Instant::now());
        let hour = Duration::from_secs(3_600);
        assert!(ends_at(SystemTime::now() + hour) > Instant::now() + hour / 2);
    }
}
