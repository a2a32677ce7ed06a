//! One execution under way: the sequence of its effects.

mod admission;
mod code;
mod cut;
mod ending;
mod pages;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::caller::Caller;
use domain::config::{BodyKind, Method, Validation};
use domain::failure::{Failure, FailureCode};
use domain::fault::Fault;
use domain::ids::ExecutionId;
use domain::request::Draft;
use registry::CompiledTool;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) use admission::Given;

use admission::Admission;

use crate::code::Outside;
use crate::effect::timeout_ms;
use crate::error::ExecuteError;
use crate::exchange::{self, CallRules, Exchange, Sent};
use crate::execute::{ExecuteOptions, Executor, accept, callable, requested};
use crate::outbound::Redirects;
use crate::render::IDEMPOTENCY_KEY;
use crate::repetition::Repetition;
use crate::response::Reader;
use crate::timeline::Timeline;
use crate::trace::Trace;
use crate::{input, repetition};

/// Longest synchronous execution: below the gateway's 29 s.
pub const MAX_DEADLINE: Duration = Duration::from_secs(25);
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

/// What an execution has at its end.
pub(crate) enum Came {
    /// The output of going out.
    Fresh(Value),
    /// An answer that was there already.
    Given(Given),
}

/// The answer to one call, read.
pub(crate) struct Page {
    pub(crate) value: Value,
    /// Of its body after decompression.
    pub(crate) bytes: u64,
    /// Its header `Link`.
    pub(crate) link: Option<String>,
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
    /// The key that it has: its caller's, or one made of its input.
    key_text: Option<String>,
    /// What it has taken and must give back.
    admission: Admission,
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
            timeline: Timeline::start().of_current_trace(),
            input,
            warnings: Vec::new(),
            trace: Trace::default(),
            outside: None,
            key_text: None,
            admission: Admission::default(),
            closed: false,
        }
    }

    /// The whole sequence up to the checked output, within one deadline.
    pub(crate) async fn outcome(&mut self) -> Result<Came, Ended> {
        let end = self.ends_at();
        let sequence = async {
            let draft = self.prepared()?;
            match self.admitted().await? {
                Some(given) => Ok(Came::Given(given)),
                None => self.output(draft).await.map(Came::Fresh),
            }
        };
        match tokio::time::timeout_at(end, sequence).await {
            Ok(came) => came,
            Err(_) => Err(repetition::overdue(self.trace.is_uncertain()).into()),
        }
    }

    /// Everything that can be said without going out: the request of a tool that makes one.
    fn prepared(&mut self) -> Result<Option<Draft>, Ended> {
        callable(self.tool).map_err(Ended::Refused)?;
        if let Some(key) = &self.options.idempotency_key {
            input::check_key(key).map_err(|fault| vec![fault])?;
        }
        accept(self.tool, &mut self.input, self.options.door)?;
        self.timeline.mark("validate");
        let draft = requested(self.tool, &self.input)?;
        if draft.is_some() {
            self.timeline.mark("build");
        }
        Ok(draft)
    }

    /// What comes of going out.
    async fn output(&mut self, draft: Option<Draft>) -> Result<Value, Ended> {
        let config = &self.tool.config;
        if let Some(code) = &self.tool.code {
            let output = self.code(code).await?;
            return self.checked(output);
        }
        if let Some(output) = &config.mock {
            return self.checked(output.clone());
        }
        let Some(draft) = draft else {
            return self.checked(Value::Null);
        };
        let value = match &config.response.pagination {
            None => {
                let most = config.api.max_response_bytes;
                self.page(&draft, most, 1).await?.value
            }
            Some(rules) => self.pages(rules, draft).await?,
        };
        let plan = &self.tool.output_plan;
        let output = plan.apply(&value)?;
        self.warnings.extend(plan.hint_of_nothing(&value, &output));
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
            deadline: self.ends_at(),
            trace,
        }
    }

    /// When everything must have ended: by the tool's own limit and the caller's.
    fn ends_at(&self) -> Instant {
        let own = Duration::from_millis(timeout_ms(self.tool));
        let limit = self.options.deadline.unwrap_or(MAX_DEADLINE);
        self.timeline.started() + own.min(limit)
    }

    /// Makes one call, the first or that of a later page, and reads its answer of at most so many bytes.
    pub(crate) async fn page(
        &mut self,
        draft: &Draft,
        most: u64,
        number: u32,
    ) -> Result<Page, Ended> {
        let sent = self.sent(draft, most, number).await?;
        let auth = &self.tool.config.api.auth;
        let value = exchange::received(&sent, draft, auth, self.reader(), &self.trace)?;
        Ok(Page {
            value,
            bytes: sent.answer.body.len() as u64,
            link: sent.answer.link,
        })
    }

    /// How its answers are read and judged.
    fn reader(&self) -> Reader<'a> {
        Reader {
            method: self.tool.config.api.method,
            rules: &self.tool.config.response,
            judge: &self.tool.judge,
            graphql: self.tool.config.body.kind == BodyKind::GraphQl,
        }
    }

    /// Sends the request.
    async fn sent(&mut self, draft: &Draft, most: u64, number: u32) -> Result<Sent, Ended> {
        let config = &self.tool.config;
        let key = self.key(number);
        let rules = CallRules {
            auth: &config.api.auth,
            format: config.response.format,
            connect_timeout: Duration::from_millis(config.api.connect_timeout_ms),
            max_response_bytes: most,
            redirects: Redirects {
                follow: config.api.follow_redirects,
                cross_host: config.api.cross_host_redirects,
                allowed_hosts: &config.api.allowed_hosts,
            },
            repetition: Repetition::of(
                &config.retry,
                config.api.method,
                config.effects,
                key.is_some() && config.idempotency.is_some(),
            )
            .judged_by(self.reader()),
            key,
        };
        let trace = self.trace.clone();
        let exchange = self.exchange(&trace);
        exchange.send(draft, &rules, &mut self.timeline).await
    }

    /// The execution's idempotency key goes with every request that could change something; from the second page on with
    /// its number, since these are other calls.
    fn key(&self, number: u32) -> Option<(http::HeaderName, http::HeaderValue)> {
        let key = self.key_text.as_deref()?;
        if matches!(self.tool.config.api.method, Method::Get | Method::Head) {
            return None;
        }
        let value = match number {
            1 => http::HeaderValue::from_str(key),
            number => http::HeaderValue::try_from(format!("{key}-{number}")),
        };
        let value = value.ok()?;
        let name = match &self.tool.config.idempotency {
            Some(rules) => http::HeaderName::from_bytes(rules.header.as_bytes()).ok()?,
            None => IDEMPOTENCY_KEY,
        };
        Some((name, value))
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
