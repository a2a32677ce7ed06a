//! One request to a model that speaks the OpenAI Responses API, and its answer.

mod answer;
mod events;
mod failure;
mod request;
#[cfg(test)]
mod tests;
mod transport;

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_openai::Client;
use domain::ids::WorkspaceId;
use domain::model::{ModelFailure, ModelFailureCode, Usage};
use domain::retry;
use executor::outbound::{NamedBy, Outbound};
use futures_util::StreamExt as _;
use secrecy::SecretString;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;
use url::Url;

use answer::Reader;
use failure::{Trouble, invalid_answer, timed_out};
use request::Body;
use transport::{Address, Reason, Transport};

/// A model server and the key for it.
#[derive(Clone)]
pub struct Endpoint {
    /// The address before `/responses`, without a slash at the end.
    pub base_url: Url,
    /// Sent as the bearer token.
    pub key: SecretString,
    /// A workspace named it: every rule about where tools may go holds for it too. The operator's own is called as it is.
    pub guarded: bool,
}

/// What is asked of the model in one turn.
#[derive(Clone, Debug, Default)]
pub struct TurnRequest {
    /// The model's name at its provider.
    pub model: String,
    /// The system text.
    pub instructions: Option<String>,
    /// The conversation so far, as items of the Responses API.
    pub input: Vec<Value>,
    /// The functions it may call, as the Responses API describes them.
    pub tools: Vec<Value>,
    /// False: it must answer in words now.
    pub may_call: bool,
    /// `text.format`: how the answer must look.
    pub text_format: Option<Value>,
    /// Most tokens of the answer.
    pub max_output_tokens: Option<u64>,
    /// Whether the answer's text is wanted while it is written.
    pub stream: bool,
}

/// A function that the model wants to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCall {
    /// The provider's name of the call; its output must carry it.
    pub call_id: String,
    /// The function.
    pub name: String,
    /// JSON text as the model wrote it: possibly no JSON at all.
    pub arguments: String,
}

/// Why an answer is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// `max_output_tokens` was reached.
    MaxOutputTokens,
    /// The provider's filter cut it.
    ContentFilter,
}

impl Incomplete {
    /// The failure of a run that needed the whole answer.
    pub fn failure(self) -> ModelFailure {
        match self {
            Self::MaxOutputTokens => ModelFailure::new(
                ModelFailureCode::InvalidAnswer,
                "The model's answer reached its largest size and is cut.",
                "Ask for a shorter answer.",
            ),
            Self::ContentFilter => ModelFailure::new(
                ModelFailureCode::ContentFiltered,
                "The provider's content filter cut the model's answer.",
                "Change the prompt, or what the tools return.",
            ),
        }
    }
}

/// The model's answer to one request.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// The output items as they came: sent back in the next request.
    pub items: Vec<Value>,
    /// The functions to call, in order.
    pub calls: Vec<FunctionCall>,
    /// All text of the answer; a refusal's text too.
    pub text: String,
    /// What it cost.
    pub usage: Usage,
    /// Present when the answer is cut.
    pub incomplete: Option<Incomplete>,
    /// The provider's id of the answer, for the operator's log only.
    pub provider_id: Option<String>,
}

/// How long the parts of a turn are waited for, and how often it is tried; the deadline ends them all.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For name look-up, TCP and TLS.
    pub connect: Duration,
    /// Until a streamed answer begins. One in a single piece begins when it is whole: it has until the deadline.
    pub first_byte: Duration,
    /// Between two parts of a stream; keep-alives count.
    pub idle: Duration,
    /// Between tries, as long as nothing was told of an answer.
    pub retry: retry::Policy,
    /// The longest `Retry-After` that is waited for here; a longer one is told to the caller.
    pub retry_after: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            retry: retry::Policy {
                max_attempts: 3,
                base: Duration::from_millis(500),
                cap: Duration::from_secs(5),
            },
            retry_after: Duration::from_secs(20),
        }
    }
}

/// Models of which it is remembered that they refuse `include`; beyond it all are forgotten.
const MAX_REMEMBERED: usize = 1000;
/// How long the end of a stream is waited for behind its last event: read to its end, the connection serves again.
const END_WITHIN: Duration = Duration::from_millis(20);

/// Asks models. Cheap to clone; connections are made on first use and kept.
#[derive(Clone)]
pub struct Models {
    outbound: Outbound,
    patience: Patience,
    /// Base URL and name of models that have no encrypted reasoning.
    no_reasoning: Arc<RwLock<HashSet<(Url, String)>>>,
}

/// The caller's ear, and whether anything was told yet.
struct Ear<'a> {
    on_text: &'a mut (dyn FnMut(&str) + Send),
    told: bool,
}

impl Ear<'_> {
    fn tell(&mut self, text: &str) {
        if !text.is_empty() {
            self.told = true;
            (self.on_text)(text);
        }
    }
}

impl Models {
    /// Asks through this way out.
    pub fn new(outbound: Outbound) -> Self {
        Self::with_patience(outbound, Patience::default())
    }

    /// The same, with another patience.
    pub fn with_patience(outbound: Outbound, patience: Patience) -> Self {
        Self {
            outbound,
            patience,
            no_reasoning: Arc::default(),
        }
    }

    /// One request and its whole answer; `on_text` gets the text while it is written, if `request.stream`.
    ///
    /// A refusal that may pass (no connection, 429, 5xx) is tried again a few times, as long as nothing was told to
    /// `on_text` and the deadline is not near. The last failure is logged here, without contents.
    ///
    /// # Errors
    /// What the model server answered instead, or why it could not be asked.
    pub async fn turn(
        &self,
        workspace: WorkspaceId,
        endpoint: &Endpoint,
        request: &TurnRequest,
        deadline: Instant,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Turn, ModelFailure> {
        let mut ear = Ear {
            on_text,
            told: false,
        };
        let mut attempt = 1;
        loop {
            let with_reasoning = !self.lacks_reasoning(endpoint, request);
            let asking = self.ask(workspace, endpoint, request, with_reasoning, &mut ear);
            let trouble = match tokio::time::timeout_at(deadline, asking).await {
                Ok(Ok(turn)) => return Ok(turn),
                Ok(Err(trouble)) => trouble,
                Err(_) => Trouble::last(timed_out("the time of this run is over")),
            };
            if trouble.no_reasoning && with_reasoning {
                self.remember_no_reasoning(endpoint, request);
                continue;
            }
            let Some(pause) = self.pause(&trouble, attempt, deadline, ear.told) else {
                log(&trouble.failure, attempt);
                return Err(trouble.failure);
            };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// How long to wait before the next try; none: there is none.
    fn pause(
        &self,
        trouble: &Trouble,
        attempt: u32,
        deadline: Instant,
        told: bool,
    ) -> Option<Duration> {
        if !trouble.again || told {
            return None;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let asked = trouble.failure.retry_after;
        if asked.is_some_and(|asked| asked > self.patience.retry_after) {
            return None;
        }
        self.patience.retry.pause(attempt, random(), asked, left)
    }

    /// One try.
    async fn ask(
        &self,
        workspace: WorkspaceId,
        endpoint: &Endpoint,
        request: &TurnRequest,
        with_reasoning: bool,
        ear: &mut Ear<'_>,
    ) -> Result<Turn, Trouble> {
        let named_by = if endpoint.guarded {
            NamedBy::Workspace(workspace)
        } else {
            NamedBy::Operator
        };
        let way = self
            .outbound
            .way(&endpoint.base_url, named_by, self.patience.connect)
            .map_err(|stopped| failure::stopped(stopped, endpoint.guarded))?;
        let reason = Reason::default();
        let transport = Transport {
            way: way.clone(),
            guarded: endpoint.guarded,
            stream: request.stream,
            patience: self.patience,
            key: endpoint.key.clone(),
            reason: reason.clone(),
        };
        let client = Client::build(way.drafts(), Address::new(endpoint)?);
        let client = client.with_http_service(transport);
        let body = Body::new(request, with_reasoning);
        let unknown = || Trouble::last(invalid_answer("it cannot be read"));
        if !request.stream {
            let answer: Result<Box<RawValue>, _> = client.responses().create_byot(&body).await;
            let answer = answer.map_err(|_| reason.take().unwrap_or_else(unknown))?;
            return answer::of_text(answer.get(), &endpoint.key);
        }
        let events = client.responses().create_stream_byot(&body).await;
        let mut events = events.map_err(|_| reason.take().unwrap_or_else(unknown))?;
        let mut reader = Reader::new(&endpoint.key);
        while let Some(event) = events.next().await {
            let event: Box<RawValue> = event.map_err(|_| reason.take().unwrap_or_else(unknown))?;
            let turn = reader.take(event.get(), &mut |text: &str| ear.tell(text))?;
            if let Some(turn) = turn {
                let end = async { while events.next().await.is_some() {} };
                let _ = tokio::time::timeout(END_WITHIN, end).await;
                return Ok(turn);
            }
        }
        Err(reader.cut())
    }

    fn lacks_reasoning(&self, endpoint: &Endpoint, request: &TurnRequest) -> bool {
        let known = self
            .no_reasoning
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && known.contains(&(endpoint.base_url.clone(), request.model.clone()))
    }

    fn remember_no_reasoning(&self, endpoint: &Endpoint, request: &TurnRequest) {
        let mut known = self
            .no_reasoning
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert((endpoint.base_url.clone(), request.model.clone()));
    }
}

/// Between 0 and 1, for jitter.
fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u64_pair().1 & u64::from(u32::MAX);
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

/// Codes only: what a provider says may quote the prompt.
fn log(failure: &ModelFailure, attempts: u32) {
    let fact = |name: &str| failure.details.get(name).map(tracing::field::display);
    tracing::warn!(
        code = failure.code.as_str(),
        status = fact("status"),
        provider_code = fact("provider_code"),
        provider_request_id = fact("provider_request_id"),
        attempts,
        "a model server failed a turn"
    );
}
