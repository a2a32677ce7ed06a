//! The Lambda loop: events in, the router's answers out.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use axum::Router;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::tower::ServiceBuilder;
use lambda_http::{Adapter, Body, StreamAdapter, http};

use crate::{Config, StartError, config, telemetry};

/// How a function's answers leave it.
#[derive(Clone, Copy)]
enum Answers {
    /// Whole, as one JSON document.
    Whole,
    /// Status and headers first, then the body as it comes.
    Streamed,
}

/// Runs a function: reads the configuration, starts the logs, builds the router, answers events
/// until Lambda ends the process. What cannot start says so in one error line and ends with 1.
pub fn serve(build: impl FnOnce(&Config) -> Result<Router, StartError>) -> ExitCode {
    start(build, Answers::Whole)
}

/// The same for a function whose every route has `ResponseTransferMode: RESPONSE_STREAM`: the parts of an
/// answer leave while later ones are still being made. A gateway that waits for whole answers does not
/// understand it, so a function is of one kind or the other.
pub fn serve_streaming(build: impl FnOnce(&Config) -> Result<Router, StartError>) -> ExitCode {
    start(build, Answers::Streamed)
}

fn start(build: impl FnOnce(&Config) -> Result<Router, StartError>, answers: Answers) -> ExitCode {
    launch(|config, phases| run(config, phases, build, answers))
}

/// Reads the configuration, starts the logs, runs until Lambda ends the process.
pub(crate) fn launch(run: impl FnOnce(&Config, &Phases) -> Result<(), StartError>) -> ExitCode {
    let started = Instant::now();
    let config = match config::missing_of_lambda() {
        missing if missing.is_empty() => Config::from_env(),
        missing => Err(StartError::NotLambda(missing)),
    };
    let phases = Phases {
        started,
        config: started.elapsed(),
    };
    let origin = config.as_ref().ok().and_then(Config::origin);
    let level = config.as_ref().map_or("info", |config| &config.log_level);
    telemetry::start(level, origin.as_ref());
    match config.and_then(|config| run(&config, &phases)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            ExitCode::FAILURE
        }
    }
}

/// What a start consists of, for those who measure it.
pub(crate) struct Phases {
    started: Instant,
    config: Duration,
}

impl Phases {
    /// Tells how long the configuration was read, and everything made that answers events.
    pub(crate) fn built(&self) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let built = self.started.elapsed().saturating_sub(self.config);
        tracing::debug!(
            config_us = micros(self.config),
            built_us = micros(built),
            "started"
        );
    }
}

/// One event at a time: one thread. Blocking look-ups have threads of their own.
pub(crate) fn on_one_thread(
    work: impl Future<Output = Result<(), StartError>>,
) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    runtime.block_on(work)
}

fn run(
    config: &Config,
    phases: &Phases,
    build: impl FnOnce(&Config) -> Result<Router, StartError>,
    answers: Answers,
) -> Result<(), StartError> {
    on_one_thread(async {
        let service = ServiceBuilder::new()
            .map_request(as_text)
            .service(build(config)?);
        phases.built();
        let events = ServiceBuilder::new().map_request(with_all_headers);
        let ended = match answers {
            Answers::Whole => lambda_runtime::run(events.service(Adapter::from(service))).await,
            Answers::Streamed => {
                let service = ServiceBuilder::new()
                    .map_response(with_joined_headers)
                    .service(service);
                lambda_runtime::run(events.service(StreamAdapter::from(service))).await
            }
        };
        ended.map_err(|error| StartError::Lambda(error.to_string()))
    })
}

/// The head of a streamed answer is JSON in which a header has one value: several become one list, which
/// means the same (RFC 9110, 5.3). Cookies, which could not be joined, have a place of their own there.
fn with_joined_headers<B>(mut response: http::Response<B>) -> http::Response<B> {
    let headers = response.headers_mut();
    let names: Vec<http::HeaderName> = headers.keys().cloned().collect();
    for name in names {
        if name == http::header::SET_COOKIE || headers.get_all(&name).iter().nth(1).is_none() {
            continue;
        }
        let values: Vec<&[u8]> = headers
            .get_all(&name)
            .iter()
            .map(http::HeaderValue::as_bytes)
            .collect();
        if let Ok(joined) = http::HeaderValue::from_bytes(&values.join(&b", "[..])) {
            headers.insert(name, joined);
        }
    }
    response
}

/// A REST API sends every header twice: all its values, and the last one alone. The adapter lets the
/// last one win, so that two `X-Workspace-Id` or `Authorization` headers would look like one.
fn with_all_headers(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV1(request) = &mut event.payload {
        for name in request.multi_value_headers.keys() {
            request.headers.remove(name);
        }
    }
    event
}

/// API Gateway compresses answers itself; one that is compressed here would be a binary body, which
/// needs other settings there.
fn as_text(mut request: http::Request<Body>) -> http::Request<Body> {
    request.headers_mut().remove(http::header::ACCEPT_ENCODING);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_was_sent_twice_stays_twice() {
        let event = include_str!("../../../events/tools/list.json");
        let mut event: serde_json::Value = serde_json::from_str(event).unwrap();
        event["headers"]["X-Workspace-Id"] = "b".into();
        event["multiValueHeaders"]["X-Workspace-Id"] = serde_json::json!(["a", "b"]);
        let payload: LambdaRequest = serde_json::from_str(&event.to_string()).unwrap();
        let event = with_all_headers(LambdaEvent::new(
            payload,
            lambda_runtime::Context::default(),
        ));
        let request: http::Request<Body> = event.payload.into();
        assert_eq!(
            request.headers().get_all("x-workspace-id").iter().count(),
            2
        );
        assert_eq!(request.headers().get_all("accept").iter().count(), 1);
    }

    #[test]
    fn a_streamed_answer_has_each_header_once() {
        let response = http::Response::builder()
            .header("vary", "origin")
            .header("vary", "accept")
            .header("etag", "\"a\"")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .body(())
            .unwrap();
        let response = with_joined_headers(response);
        let values = |name: &str| response.headers().get_all(name).iter().count();
        assert_eq!(response.headers()["vary"], "origin, accept");
        assert_eq!(
            (values("vary"), values("etag"), values("set-cookie")),
            (1, 1, 2)
        );
    }
}
