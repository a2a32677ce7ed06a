//! The Lambda loop: events in, the router's answers out.

use std::process::ExitCode;

use axum::Router;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::tower::ServiceBuilder;
use lambda_http::{Adapter, Body, http};

use crate::{Config, StartError, config, telemetry};

/// Runs a function: reads the configuration, starts the logs, builds the router, answers events
/// until Lambda ends the process. What cannot start says so in one error line and ends with 1.
pub fn serve(build: impl FnOnce(&Config) -> Result<Router, StartError>) -> ExitCode {
    let config = match config::missing_of_lambda() {
        missing if missing.is_empty() => Config::from_env(),
        missing => Err(StartError::NotLambda(missing)),
    };
    telemetry::start(config.as_ref().map_or("info", |config| &config.log_level));
    match config.and_then(|config| run(&config, build)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            ExitCode::FAILURE
        }
    }
}

fn run(
    config: &Config,
    build: impl FnOnce(&Config) -> Result<Router, StartError>,
) -> Result<(), StartError> {
    // One request at a time: one thread. Blocking look-ups have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    runtime.block_on(async {
        let service = ServiceBuilder::new()
            .map_request(as_text)
            .service(build(config)?);
        let events = ServiceBuilder::new()
            .map_request(with_all_headers)
            .service(Adapter::from(service));
        lambda_runtime::run(events)
            .await
            .map_err(|error| StartError::Lambda(error.to_string()))
    })
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
}
