//! The way out of a code-based tool: its calls are checked, credentialed, sent, recorded and masked as any tool's.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use domain::caller::Caller;
use domain::code::{self, CodeTool, Request, ToolContext, ToolError};
use domain::config::{Effects, Method, ResponseFormat, RetryOn, RetryRules};
use domain::failure::{Failure, FailureCode};
use domain::ids::{ExecutionId, SecretName, ToolId};
use domain::request::Draft;
use http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;
use url::Url;
use vault::mask::Masker;

use crate::error::ExecuteError;
use crate::execute::Executor;
use crate::outbound::{Answer, Call, Redirects};
use crate::preview::{self, Preview};
use crate::render::{self, IDEMPOTENCY_KEY};
use crate::repetition::{self, Repetition};
use crate::run::{Ended, MAX_DEADLINE};
use crate::timeline::Timeline;
use crate::{attempt, credentials, response};

/// What a config has unless it says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_RESPONSE_BYTES: u64 = 5_000_000;
const MAX_REDIRECTS: u8 = 3;

/// What is outside of one execution of a code-based tool. Its calls may run beside one another.
pub(crate) struct Outside {
    pub(crate) executor: Executor,
    pub(crate) caller: Caller,
    pub(crate) tool_id: ToolId,
    pub(crate) effects: Effects,
    pub(crate) execution_id: ExecutionId,
    pub(crate) deadline: Instant,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) state: Mutex<State>,
}

/// What has happened outside.
#[derive(Default)]
pub(crate) struct State {
    /// The execution has ended: nothing goes out any more.
    pub(crate) closed: bool,
    /// Every secret that was read.
    pub(crate) secrets: Vec<(SecretName, SecretString)>,
    /// Phases of the calls that ended.
    pub(crate) timelines: Vec<Timeline>,
    /// Calls that may have had an effect, and to make them again would not be safe.
    pub(crate) unsafe_calls: u32,
    /// Why no call can be made at all: this ends the execution, whatever the tool makes of it.
    pub(crate) refused: Option<ExecuteError>,
    /// Calls that carried the caller's idempotency key.
    keyed: u32,
}

impl Outside {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one call of the tool.
    pub(crate) async fn call(self: Arc<Self>, request: Request) -> Result<code::Answer, ToolError> {
        if self.state().closed {
            return Err(ended());
        }
        let any_status = request.takes_any_status();
        let draft = request.into_draft()?;
        let mut timeline = Timeline::start();
        let sent = self.send(&draft, &mut timeline).await;
        let masker = {
            let mut state = self.state();
            state.timelines.push(timeline);
            credentials::masker(&state.secrets, &draft)
        };
        let failure = match sent {
            Ok(answer) if any_status || (200..=299).contains(&answer.status) => {
                return Ok(hidden(&masker, answer));
            }
            Ok(answer) => {
                let names = credentials::names(&draft);
                let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
                response::failure(&answer, &names, Utc::now())
            }
            Err(Ended::Failed(failure)) => *failure,
            Err(Ended::Refused(error)) => {
                self.state().refused = Some(error);
                return Err(ended());
            }
        };
        let request = format!(
            "{} {}",
            draft.method.as_str(),
            render::url_without_query(&draft)
        );
        let mut failed = Err(failure.detail("request", request));
        credentials::mask(&masker, &mut failed);
        match failed {
            Err(failure) => Err(failure.into()),
            Ok(_) => Err(ended()),
        }
    }

    async fn send(&self, draft: &Draft, timeline: &mut Timeline) -> Result<Answer, Ended> {
        let secrets = self.secrets(draft, timeline).await?;
        let mut rendered = render::render(draft, ResponseFormat::Json, &secrets)?;
        let keyed = self.add_key(draft.method, &mut rendered.headers);
        let masker = (!secrets.is_empty()).then(|| credentials::masker(&secrets, draft));
        let call = Call {
            workspace_id: self.caller.workspace_id,
            method: draft.method,
            url: rendered.url,
            headers: rendered.headers,
            body: rendered.body,
            connect_timeout: CONNECT_TIMEOUT,
            max_response_bytes: MAX_RESPONSE_BYTES,
            redirects: Redirects {
                follow: MAX_REDIRECTS,
                cross_host: false,
                allowed_hosts: &[],
            },
            secrets: masker.as_ref(),
            format: ResponseFormat::Json,
        };
        let rules = retry_rules();
        let repetition = Repetition::of(&rules, draft.method, self.effects, keyed);
        let outbound = &self.executor.outbound;
        let unsafe_call = u32::from(!repetition.repeatable);
        self.state().unsafe_calls += unsafe_call;
        let tried = attempt::send(outbound, &call, repetition, self.deadline, timeline).await;
        tried.result.map_err(|stopped| {
            if !stopped.sent {
                self.state().unsafe_calls -= unsafe_call;
            }
            repetition::failure(&stopped, repetition.repeatable)
                .detail("attempts", tried.attempts)
                .into()
        })
    }

    /// Reads the call's secrets: the destination is checked first, and the use is recorded before any is read.
    async fn secrets(
        &self,
        draft: &Draft,
        timeline: &mut Timeline,
    ) -> Result<Vec<(SecretName, SecretString)>, Ended> {
        let names = credentials::names(draft);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let url = Url::parse(&render::url_without_query(draft));
        let url = url.map_err(|error| blocked(&error.to_string()))?;
        let checked = self.executor.outbound.check(&url);
        checked.map_err(|refused| blocked(&refused.0))?;
        let host = credentials::host_and_port(draft);
        let for_use = vault::Use {
            tool_id: self.tool_id.as_str(),
            execution_id: self.execution_id,
            host: &host,
        };
        let vault = &self.executor.vault;
        let opened = vault.open_for_use(&self.caller, &names, for_use).await;
        let secrets = opened.map_err(credentials::refused)?;
        self.state().secrets.extend(secrets.iter().cloned());
        timeline.mark("secrets");
        Ok(secrets)
    }

    /// The caller's idempotency key goes with every call that could change something; from the second one on
    /// with its number, since these are other calls.
    fn add_key(&self, method: Method, headers: &mut HeaderMap) -> bool {
        let Some(key) = &self.idempotency_key else {
            return false;
        };
        if matches!(method, Method::Get | Method::Head) {
            return false;
        }
        let number = {
            let mut state = self.state();
            state.keyed += 1;
            state.keyed
        };
        let key = match number {
            1 => key.clone(),
            number => format!("{key}-{number}"),
        };
        match HeaderValue::from_str(&key) {
            Ok(value) => {
                headers.entry(IDEMPOTENCY_KEY).or_insert(value);
                true
            }
            Err(_) => false,
        }
    }
}

/// The first request that the tool would send. Nothing is sent, no secret is read.
pub(crate) async fn preview(code: &CodeTool, input: Value) -> Result<Preview, ExecuteError> {
    let (sender, first) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let context = ToolContext::new(Utc::now(), move |request| {
        let sender = sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            let _ = sender.send(request);
        }
        // No answer ever comes: the tool is dropped where it waits.
        Box::pin(pending())
    });
    let running = tokio::time::timeout(MAX_DEADLINE, code.run(context, input));
    let request = tokio::select! {
        ended = running => match ended {
            Ok(Err(ToolError::Input(faults))) => return Err(ExecuteError::InvalidInput(faults)),
            Ok(Ok(_) | Err(ToolError::Failed(_))) | Err(_) => None,
        },
        request = first => request.ok(),
    };
    match request.map(Request::into_draft) {
        Some(Ok(draft)) => Ok(preview::show(&draft, ResponseFormat::Json)),
        Some(Err(_)) | None => Err(ExecuteError::NothingToShow),
    }
}

/// What the tool gets to see of an answer: an upstream may say a secret that it was sent.
fn hidden(masker: &Masker, answer: Answer) -> code::Answer {
    let body = match std::str::from_utf8(&answer.body) {
        Ok(text) => masker.text(text).into_owned().into_bytes(),
        Err(_) => answer.body.to_vec(),
    };
    code::Answer {
        status: answer.status,
        content_type: answer.content_type,
        body,
    }
}

fn blocked(why: &str) -> Failure {
    Failure::new(
        FailureCode::EgressBlocked,
        format!("The destination is not allowed: {why}."),
        "Tools reach public HTTPS hosts; a private upstream needs the operator's EGRESS_ALLOW.",
    )
}

fn ended() -> ToolError {
    ToolError::failed(
        FailureCode::Timeout,
        "The execution has ended.",
        "Call the tool again.",
    )
}

/// As of a config that states none.
fn retry_rules() -> RetryRules {
    RetryRules {
        max_attempts: 4,
        on: vec![
            RetryOn::ConnectFailed,
            RetryOn::Timeout,
            RetryOn::Status(429),
            RetryOn::Status(502),
            RetryOn::Status(503),
            RetryOn::Status(504),
        ],
        backoff_ms: 200,
        max_backoff_ms: 5_000,
    }
}
