//! Asking a token endpoint: through the one way out, repeated where that can help and do no harm.

use std::time::Duration;

use domain::caller::Caller;
use domain::config::{Effects, Method, ResponseFormat, RetryOn, RetryRules};
use domain::failure::{Failure, FailureCode};
use domain::ids::{ExecutionId, SecretName, ToolId};
use tokio::time::Instant;
use url::Url;
use vault::mask::Masker;

use super::answer::{self, Refusal};
use super::request::Request;
use crate::attempt::{self, Prepared};
use crate::credentials::Credentials;
use crate::execute::Executor;
use crate::outbound::{Bytes, Call, Redirects};
use crate::repetition::{self, Repetition};
use crate::run::Ended;
use crate::timeline::Timeline;

/// For all attempts of one token request; the lease of a refresh is longer.
pub(crate) const WITHIN: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Largest answer.
const MAX_BYTES: u64 = 64 * 1024;

/// For whom and for what a token endpoint is asked.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) executor: Executor,
    pub(crate) caller: Caller,
    pub(crate) tool_id: ToolId,
    pub(crate) execution_id: ExecutionId,
}

/// An answer of 2xx, and what hides the secrets of its request.
pub(crate) struct Answered {
    pub(crate) body: Bytes,
    pub(crate) masker: Masker,
}

impl Asking {
    /// The secrets of a request to this URL; that the URL may be called is checked first.
    pub(crate) async fn secrets(
        &self,
        url: &Url,
        names: &[SecretName],
    ) -> Result<Credentials, Ended> {
        let outbound = &self.executor.outbound;
        outbound.check(url).map_err(|why| {
            Failure::new(
                FailureCode::EgressBlocked,
                format!("The token endpoint is not allowed: {}.", why.0),
                "Tokens are got from public HTTPS hosts; a private one needs the operator's EGRESS_ALLOW.",
            )
        })?;
        let host = bound_host(url);
        let purpose = vault::Use {
            tool_id: self.tool_id.as_str(),
            execution_id: self.execution_id,
            host: &host,
        };
        let vault = &self.executor.vault;
        // A value that was changed counts at once: tokens are rarely asked for.
        let opened = vault.open_fresh(&self.caller, names, purpose).await;
        Ok(Credentials {
            secrets: opened.map_err(crate::credentials::refused)?,
            token: None,
        })
    }

    /// Sends the request. `repeatable`: twice is as good as once. What is told of a failure holds no secret.
    pub(crate) async fn send(
        &self,
        request: Request,
        repeatable: bool,
        deadline: Instant,
    ) -> Result<Answered, Refusal> {
        let masker = Masker::with_basic(&request.seen, &request.pairs);
        let rules = rules();
        let effects = Effects {
            read_only: false,
            destructive: false,
            idempotent: repeatable,
            open_world: true,
        };
        let host = bound_host(&request.url);
        let call = Call {
            workspace_id: self.caller.workspace_id,
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            connect_timeout: CONNECT_WITHIN,
            max_response_bytes: MAX_BYTES,
            redirects: Redirects {
                follow: 0,
                cross_host: false,
                allowed_hosts: &[],
            },
            secrets: Some(&masker),
            // Whatever it is declared as, it is looked into.
            format: ResponseFormat::Text,
        };
        let repetition = Repetition::of(&rules, Method::Post, effects, false);
        let outbound = &self.executor.outbound;
        let mut timeline = Timeline::start();
        let prepared = Prepared {
            call: &call,
            signer: None,
        };
        let tried = attempt::send(outbound, prepared, repetition, deadline, &mut timeline).await;
        let attempts = tried.attempts;
        let told = |refusal: Refusal| Refusal {
            failure: refusal
                .failure
                .detail("token_endpoint", host.as_str())
                .detail("token_attempts", attempts),
            ..refusal
        };
        match tried.result {
            Ok(answer) if (200..=299).contains(&answer.status) => Ok(Answered {
                body: answer.body,
                masker,
            }),
            Ok(answer) => Err(told(answer::refused(answer.status, &answer.body, &masker))),
            Err(stopped) => {
                // To ask for a token again is safe, even where the same request is not.
                let mut failure = repetition::failure(&stopped, true);
                failure.message = format!("No token: {}", failure.message);
                failure.message = masker.text(&failure.message).into_owned();
                Err(told(failure.into()))
            }
        }
    }
}

/// The host as secrets are bound to it: with its port unless that is 443.
pub(crate) fn bound_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        None | Some(443) => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    }
}

/// 5xx, no connection, and 429 with its `Retry-After`; never another 4xx.
fn rules() -> RetryRules {
    RetryRules {
        max_attempts: 3,
        on: vec![
            RetryOn::ConnectFailed,
            RetryOn::ServerError,
            RetryOn::Status(429),
        ],
        backoff_ms: 200,
        max_backoff_ms: 2_000,
    }
}
