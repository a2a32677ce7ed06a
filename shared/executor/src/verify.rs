//! "Test connection": the call of `auth.verify`, with the tool's credential and nothing of an input.
//!
//! It is no run of the tool, so it is not in the execution log; the use of its secrets is in the audit like any.

use std::time::Duration;

use domain::caller::Caller;
use domain::config::{ResponseRules, RetryRules, ToolConfig, Verify};
use domain::failure::{Failure, FailureCode};
use domain::ids::{ExecutionId, ToolId};
use domain::request::verify_draft;
use domain::verdict::Judge;
use serde_json::Value;
use uuid::Uuid;

use crate::credentials;
use crate::error::ExecuteError;
use crate::exchange::{self, CallRules, Exchange, Sent};
use crate::execute::{Executor, usable};
use crate::outbound::Redirects;
use crate::repetition::Repetition;
use crate::response::Reader;
use crate::run::{Ended, MAX_DEADLINE};
use crate::timeline::Timeline;
use crate::trace::Trace;

/// A test is made once: whoever waits for it can press the button again.
static ONCE: RetryRules = RetryRules {
    max_attempts: 1,
    on: Vec::new(),
    backoff_ms: 1,
    max_backoff_ms: 1,
};

/// How the test of a connection went.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The upstream's status, when it answered.
    pub status: Option<u16>,
    /// What is wrong; `None`: the connection works.
    pub failure: Option<Failure>,
    /// Wall time.
    pub took: Duration,
}

impl Executor {
    /// Makes the call that a tool's `auth.verify` describes.
    ///
    /// # Errors
    /// The test could not be made at all. A connection that does not work is a [`Verified`] with a failure.
    pub async fn verify(
        &self,
        caller: &Caller,
        tool_id: &ToolId,
    ) -> Result<Verified, ExecuteError> {
        let tool = self.tool(caller, tool_id).await?;
        usable(&tool)?;
        let config = &tool.config;
        let verify = match &config.api.verify {
            Some(verify) if tool.code.is_none() => verify,
            Some(_) | None => return Err(ExecuteError::NothingToVerify),
        };
        let trace = Trace::default();
        let mut timeline = Timeline::start();
        let limit = Duration::from_millis(config.api.timeout_ms).min(MAX_DEADLINE);
        let exchange = Exchange {
            executor: self,
            caller,
            tool_id,
            execution_id: ExecutionId(Uuid::now_v7()),
            deadline: timeline.started() + limit,
            trace: &trace,
        };
        let (status, outcome) = match call(&exchange, config, verify, &mut timeline).await {
            Ok((status, outcome)) => (Some(status), outcome),
            Err(Ended::Failed(failure)) => (None, Err(*failure)),
            Err(Ended::Refused(error)) => return Err(error),
        };
        let mut outcome = outcome.map(|()| Value::Null);
        credentials::mask(&trace.masker(), &mut outcome);
        Ok(Verified {
            status,
            failure: outcome.err(),
            took: timeline.total(),
        })
    }
}

/// The status of the answer, and what is wrong with it.
async fn call(
    exchange: &Exchange<'_>,
    config: &ToolConfig,
    verify: &Verify,
    timeline: &mut Timeline,
) -> Result<(u16, Result<(), Failure>), Ended> {
    let draft = verify_draft(config, verify).map_err(|fault| {
        let hint = fault.hint.unwrap_or_default();
        Failure::new(FailureCode::InvalidInput, fault.message, hint)
    })?;
    let response = ResponseRules {
        empty_ok: true,
        success_when: verify.success_when.clone(),
        pagination: None,
        ..config.response.clone()
    };
    let judge = Judge::compile(&response);
    let reader = Reader {
        method: verify.method,
        rules: &response,
        judge: &judge,
        graphql: false,
    };
    let api = &config.api;
    let rules = CallRules {
        auth: &api.auth,
        format: response.format,
        connect_timeout: Duration::from_millis(api.connect_timeout_ms),
        max_response_bytes: api.max_response_bytes,
        redirects: Redirects {
            follow: api.follow_redirects,
            cross_host: api.cross_host_redirects,
            allowed_hosts: &api.allowed_hosts,
        },
        repetition: Repetition::of(&ONCE, verify.method, config.effects, false).judged_by(reader),
        key: None,
    };
    let sent = exchange.send(&draft, &rules, timeline).await?;
    let works = |sent: &Sent| judge.is_idle() && (200..=299).contains(&sent.answer.status);
    if works(&sent) {
        // Without rules the status is the whole answer, whatever its body is.
        return Ok((sent.answer.status, Ok(())));
    }
    let read = exchange::received(&sent, &draft, &api.auth, reader, exchange.trace);
    Ok((sent.answer.status, read.map(|_| ())))
}
