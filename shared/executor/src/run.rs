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
use domain::ids::{ExecutionId, SecretName};
use domain::request::Draft;
use registry::CompiledTool;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;
use uuid::Uuid;
use vault::mask::Masker;

use crate::attempt;
use crate::code::Outside;
use crate::credentials;
use crate::error::ExecuteError;
use crate::execute::{ExecuteOptions, Executor, accept, draft};
use crate::outbound::{Answer, Call, Redirects};
use crate::render::{self, IDEMPOTENCY_KEY};
use crate::repetition::{self, Repetition};
use crate::timeline::Timeline;
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
    /// Set as soon as a secret was read: from then on nothing leaves unmasked.
    masker: Option<Masker>,
    warnings: Vec<String>,
    /// The request may have been sent, and to send it again would not be safe.
    uncertain: bool,
    /// What a code-based tool did outside.
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
            masker: None,
            warnings: Vec::new(),
            uncertain: false,
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
        let value = response::decode(&answer, config.api.method, &config.response)
            .map_err(|failure| failure.detail("request", self.request_line(&draft)))?;
        let output = self.tool.output_plan.apply(&value)?;
        let output = self.checked(output)?;
        self.timeline.mark("map");
        Ok(output)
    }

    /// Resolves the secrets, sends, and reads the status.
    async fn answer(&mut self, draft: &Draft) -> Result<Answer, Ended> {
        let names = credentials::names(draft);
        let secrets = self.secrets(draft, &names).await?;
        let config = &self.tool.config;
        let mut rendered = render::render(draft, config.response.format, &secrets)?;
        let keyed = self.add_key(&mut rendered.headers);
        let call = Call {
            workspace_id: self.caller.workspace_id,
            method: config.api.method,
            url: rendered.url,
            headers: rendered.headers,
            body: rendered.body,
            connect_timeout: Duration::from_millis(config.api.connect_timeout_ms),
            max_response_bytes: config.api.max_response_bytes,
            redirects: Redirects {
                follow: config.api.follow_redirects,
                cross_host: config.api.cross_host_redirects,
                allowed_hosts: &config.api.allowed_hosts,
            },
            secrets: self.masker.as_ref(),
            format: config.response.format,
        };
        let repetition = Repetition::of(&config.retry, config.api.method, config.effects, keyed);
        let deadline = self.timeline.started()
            + Duration::from_millis(config.api.timeout_ms)
                .min(self.options.deadline.unwrap_or(MAX_DEADLINE));
        let outbound = &self.executor.outbound;
        self.uncertain = !repetition.repeatable;
        let tried = attempt::send(outbound, &call, repetition, deadline, &mut self.timeline).await;
        let failure = match tried.result {
            Ok(answer) if (200..=299).contains(&answer.status) => return Ok(answer),
            Ok(answer) => {
                let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
                response::failure(&answer, &names, Utc::now())
            }
            Err(stopped) => repetition::failure(&stopped, repetition.repeatable),
        };
        Err(failure
            .detail("attempts", tried.attempts)
            .detail("request", self.request_line(draft))
            .into())
    }

    /// What may be told of the request: no query, which may hold a credential.
    fn request_line(&self, draft: &Draft) -> String {
        let method = self.tool.config.api.method.as_str();
        format!("{method} {}", render::url_without_query(draft))
    }

    /// Reads the secrets: the destination is checked first, and the use is recorded before any is read.
    async fn secrets(
        &mut self,
        draft: &Draft,
        names: &[SecretName],
    ) -> Result<Vec<(SecretName, SecretString)>, Ended> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        self.check_destination(draft)?;
        let host = credentials::host_and_port(draft);
        let for_use = vault::Use {
            tool_id: self.tool.id.as_str(),
            execution_id: self.id,
            host: &host,
        };
        let vault = &self.executor.vault;
        let opened = vault.open_for_use(self.caller, names, for_use).await;
        let secrets = opened.map_err(credentials::refused)?;
        self.masker = Some(credentials::masker(&secrets, draft));
        self.timeline.mark("secrets");
        Ok(secrets)
    }

    fn check_destination(&self, draft: &Draft) -> Result<(), Failure> {
        let blocked = |why: String| {
            Failure::new(
                FailureCode::EgressBlocked,
                format!("The destination is not allowed: {why}."),
                "Tools reach public HTTPS hosts; a private upstream needs the operator's EGRESS_ALLOW.",
            )
        };
        let url = Url::parse(&render::url_without_query(draft))
            .map_err(|error| blocked(error.to_string()))?;
        self.executor
            .outbound
            .check(&url)
            .map_err(|refused| blocked(refused.0))
    }

    /// The caller's idempotency key goes with every request that could change something.
    fn add_key(&self, headers: &mut http::HeaderMap) -> bool {
        let Some(key) = &self.options.idempotency_key else {
            return false;
        };
        if matches!(self.tool.config.api.method, Method::Get | Method::Head) {
            return false;
        }
        match http::HeaderValue::from_str(key) {
            Ok(value) => {
                headers.entry(IDEMPOTENCY_KEY).or_insert(value);
                true
            }
            Err(_) => false,
        }
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
