//! The way out of a code-based tool: its calls are checked, credentialed, sent, recorded and masked as any tool's.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use domain::caller::Caller;
use domain::code::{self, CodeTool, Request, ToolContext, ToolError};
use domain::config::{Auth, Effects, Method, ResponseFormat, RetryOn, RetryRules};
use domain::failure::FailureCode;
use domain::ids::{ExecutionId, ToolId};
use domain::request::Draft;
use domain::rest::Rest;
use http::{HeaderName, HeaderValue};
use persistence::outputs;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;
use vault::mask::Masker;

use crate::credentials;
use crate::error::ExecuteError;
use crate::exchange::{self, CallRules, Exchange, Sent};
use crate::execute::Executor;
use crate::outbound::{Answer, Redirects};
use crate::preview::{self, Preview};
use crate::render::IDEMPOTENCY_KEY;
use crate::repetition::Repetition;
use crate::run::{Ended, MAX_DEADLINE};
use crate::timeline::Timeline;
use crate::trace::Trace;

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
    pub(crate) trace: Trace,
    pub(crate) state: Mutex<State>,
}

/// What has happened outside.
#[derive(Default)]
pub(crate) struct State {
    /// The execution has ended: nothing goes out any more.
    pub(crate) closed: bool,
    /// Phases of the calls that ended.
    pub(crate) timelines: Vec<Timeline>,
    /// Why no call can be made at all: this ends the execution, whatever the tool makes of it.
    pub(crate) refused: Option<ExecuteError>,
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
        self.state().timelines.push(timeline);
        let failure = match sent {
            Ok(sent) if any_status || (200..=299).contains(&sent.answer.status) => {
                return Ok(hidden(&self.trace.masker(), sent.answer));
            }
            Ok(sent) => exchange::refused(&sent, &draft, &Auth::None, &self.trace),
            Err(Ended::Failed(failure)) => *failure,
            Err(Ended::Refused(error)) => {
                self.state().refused = Some(error);
                return Err(ended());
            }
        };
        let mut failed = Err(failure);
        credentials::mask(&self.trace.masker(), &mut failed);
        match failed {
            Err(failure) => Err(failure.into()),
            Ok(_) => Err(ended()),
        }
    }

    /// What was taken out of an earlier output of the caller's workspace.
    pub(crate) async fn kept(self: Arc<Self>, id: Uuid) -> Result<Option<Vec<Rest>>, ToolError> {
        let (principal, workspace) = (&self.caller.principal, self.caller.workspace_id);
        let found = async {
            let mut tx = self
                .executor
                .db
                .begin_as(principal, Some(workspace))
                .await?;
            let found = outputs::by_id(&mut tx, workspace, id).await?;
            tx.commit().await?;
            Ok(found)
        };
        found.await.map_err(|error| {
            self.state().refused = Some(ExecuteError::Database(error));
            ended()
        })
    }

    async fn send(&self, draft: &Draft, timeline: &mut Timeline) -> Result<Sent, Ended> {
        let key = self.key(draft.method);
        let retry = retry_rules();
        let rules = CallRules {
            auth: &Auth::None,
            format: ResponseFormat::Json,
            connect_timeout: CONNECT_TIMEOUT,
            max_response_bytes: MAX_RESPONSE_BYTES,
            redirects: Redirects {
                follow: MAX_REDIRECTS,
                cross_host: false,
                allowed_hosts: &[],
            },
            repetition: Repetition::of(&retry, draft.method, self.effects, false),
            key,
        };
        let exchange = Exchange {
            executor: &self.executor,
            caller: &self.caller,
            tool_id: &self.tool_id,
            execution_id: self.execution_id,
            deadline: self.deadline,
            trace: &self.trace,
        };
        exchange.send(draft, &rules, timeline).await
    }

    /// The caller's idempotency key goes with every call that could change something; from the second one on
    /// with its number, since these are other calls. It makes none of them safe to repeat: nobody says that their
    /// upstreams honour it.
    fn key(&self, method: Method) -> Option<(HeaderName, HeaderValue)> {
        let key = self.idempotency_key.as_deref()?;
        if matches!(method, Method::Get | Method::Head) {
            return None;
        }
        let value = match self.trace.next_keyed_call() {
            1 => HeaderValue::from_str(key),
            number => HeaderValue::from_str(&format!("{key}-{number}")),
        };
        Some((IDEMPOTENCY_KEY, value.ok()?))
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
