//! One execution under way: the sequence of its effects.

mod code;
mod ending;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::caller::Caller;
use domain::config::{Method, Validation};
use domain::failure::{Failure, FailureCode};
use domain::fault::Fault;
use domain::ids::ExecutionId;
use domain::request::Draft;
use registry::CompiledTool;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use crate::code::Outside;
use crate::error::ExecuteError;
use crate::exchange::{self, CallRules, Exchange};
use crate::execute::{ExecuteOptions, Executor, accept, draft};
use crate::outbound::{Answer, Redirects};
use crate::render::IDEMPOTENCY_KEY;
use crate::repetition::Repetition;
use crate::timeline::Timeline;
use crate::trace::Trace;
use crate::{input, response};

/// Longest synchronous execution: below the gateway's 29 s.
pub(crate) const MAX_DEADLINE: Duration = Duration::from_secs(25);
/// Faults of an output that are told.
const MAX_OUTPUT_FAULTS: usize = 10;

/// Why a run has no output.
pub(crate) enum Ended {
    Failed(Box<Failure>),
    Refused(ExecuteError),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<Vec<Fault>> for Ended {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Refused(ExecuteError::InvalidInput(faults))
    }
}

/// One execution under way.
pub(crate) struct Run<'a> {
    executor: &'a Executor,
    caller: &'a Caller,
    tool: &'a CompiledTool,
    options: ExecuteOptions,
    id: ExecutionId,
    started_at: DateTime<Utc>,
    timeline: Timeline,
    input: Value,
    warnings: Vec<String>,
    /// What it did outside.
    trace: Trace,
    /// The way out of a code-based tool.
    outside: Option<Arc<Outside>>,
    /// Its row is written, or there is nothing to write.
    closed: bool,
}

impl<'a> Run<'a> {
    /// An execution that begins now.
    pub(crate) fn new(
        executor: &'a Executor,
        caller: &'a Caller,
        tool: &'a CompiledTool,
        input: Value,
        options: ExecuteOptions,
    ) -> Self {
        Self {
            executor,
            caller,
            tool,
            options,
            id: ExecutionId(Uuid::now_v7()),
            started_at: Utc::now(),
            timeline: Timeline::start(),
            input,
            warnings: Vec::new(),
            trace: Trace::default(),
            outside: None,
            closed: false,
        }
    }

    /// The whole sequence up to the checked output.
    pub(crate) async fn output(&mut self) -> Result<Value, Ended> {
        let config = &self.tool.config;
        if let Some(why) = &self.tool.quarantined {
            let why = format!("The stored config of this tool is no longer valid: {why}");
            return Err(Ended::Refused(ExecuteError::ToolDisabled(why)));
        }
        if !config.enabled {
            let why = "The tool is disabled.".to_owned();
            return Err(Ended::Refused(ExecuteError::ToolDisabled(why)));
        }
        if let Some(key) = &self.options.idempotency_key {
            input::check_key(key).map_err(|fault| vec![fault])?;
        }
        accept(self.tool, &mut self.input, self.options.door)?;
        self.timeline.mark("validate");
        if let Some(code) = &self.tool.code {
            let output = self.code(code).await?;
            return self.checked(output);
        }
        if let Some(output) = &config.mock {
            return self.checked(output.clone());
        }
        let draft = draft(self.tool, &self.input)?;
        self.timeline.mark("build");
        let answer = self.answer(&draft).await?;
        let masker = self.trace.masker();
        let value = response::decode(&answer, config.api.method, &config.response, &masker)
            .map_err(|failure| failure.detail("request", exchange::request_line(&draft)))?;
        let output = self.tool.output_plan.apply(&value)?;
        let output = self.checked(output)?;
        self.timeline.mark("map");
        Ok(output)
    }

    /// What all of its calls share.
    fn exchange<'t>(&self, trace: &'t Trace) -> Exchange<'t>
    where
        'a: 't,
    {
        Exchange {
            executor: self.executor,
            caller: self.caller,
            tool_id: &self.tool.id,
            execution_id: self.id,
            deadline: self.deadline(self.tool.config.api.timeout_ms),
            trace,
        }
    }

    /// When everything must have ended: by the tool's own limit and the caller's.
    fn deadline(&self, timeout_ms: u64) -> Instant {
        let limit = self.options.deadline.unwrap_or(MAX_DEADLINE);
        self.timeline.started() + Duration::from_millis(timeout_ms).min(limit)
    }

    /// Sends the request and reads the status.
    async fn answer(&mut self, draft: &Draft) -> Result<Answer, Ended> {
        let config = &self.tool.config;
        let key = self.key();
        let rules = CallRules {
            auth: &config.api.auth,
            format: config.response.format,
            connect_timeout: Duration::from_millis(config.api.connect_timeout_ms),
            max_response_bytes: config.api.max_response_bytes,
            redirects: Redirects {
                follow: config.api.follow_redirects,
                cross_host: config.api.cross_host_redirects,
                allowed_hosts: &config.api.allowed_hosts,
            },
            repetition: Repetition::of(
                &config.retry,
                config.api.method,
                config.effects,
                key.is_some(),
            ),
            key,
        };
        let trace = self.trace.clone();
        let exchange = self.exchange(&trace);
        let sent = exchange.send(draft, &rules, &mut self.timeline).await?;
        if (200..=299).contains(&sent.answer.status) {
            return Ok(sent.answer);
        }
        Err(exchange::refused(&sent, draft, rules.auth, &trace).into())
    }

    /// The caller's idempotency key goes with every request that could change something.
    fn key(&self) -> Option<(http::HeaderName, http::HeaderValue)> {
        let key = self.options.idempotency_key.as_deref()?;
        if matches!(self.tool.config.api.method, Method::Get | Method::Head) {
            return None;
        }
        let value = http::HeaderValue::from_str(key).ok()?;
        Some((IDEMPOTENCY_KEY, value))
    }

    /// Checks the output as the tool's `output.validation` says.
    fn checked(&mut self, output: Value) -> Result<Value, Ended> {
        let validation = self.tool.config.output.validation;
        if validation == Validation::Off {
            return Ok(output);
        }
        let mut faults = self.tool.output_schema().faults(&output);
        if faults.is_empty() {
            return Ok(output);
        }
        let count = faults.len();
        faults.truncate(MAX_OUTPUT_FAULTS);
        match validation {
            Validation::Strict => Err(Failure::new(
                FailureCode::OutputInvalid,
                format!("The output does not fit output_schema ({count} faults)."),
                "Change output_schema or the mapping, or set output.validation to \"warn\".",
            )
            .detail("errors", serde_json::to_value(&faults).unwrap_or_default())
            .into()),
            Validation::Warn | Validation::Off => {
                self.warnings.extend(
                    faults
                        .iter()
                        .map(|fault| format!("output{}: {}", fault.pointer, fault.message)),
                );
                Ok(output)
            }
        }
    }
}
