//! The Lambda loop: events in, the router's answers out.

use std::process::ExitCode;

use axum::Router;
use lambda_http::tower::ServiceBuilder;
use lambda_http::{Body, http};

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
        lambda_http::run(service)
            .await
            .map_err(|error| StartError::Lambda(error.to_string()))
    })
}

/// API Gateway compresses answers itself; one that is compressed here would be a binary body, which
/// needs other settings there.
fn as_text(mut request: http::Request<Body>) -> http::Request<Body> {
    request.headers_mut().remove(http::header::ACCEPT_ENCODING);
    request
}
