//! One call, from a draft to the upstream's answer: credential obtained, rendered, sent, repeated.

use std::time::Duration;

use chrono::Utc;
use domain::caller::Caller;
use domain::config::{Auth, ResponseFormat};
use domain::failure::Failure;
use domain::ids::{ExecutionId, ToolId};
use domain::request::Draft;
use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use telemetry::trace::TRACEPARENT;
use tokio::time::Instant;

use crate::attempt::{self, Prepared, Tried};
use crate::breaker::Health;
use crate::credentials::{self, Credentials, Freshness, Signer};
use crate::execute::Executor;
use crate::outbound::{Answer, Call, Redirects};
use crate::render;
use crate::repetition::{self, Repetition};
use crate::response::{self, Reader};
use crate::run::Ended;
use crate::timeline::Timeline;
use crate::trace::Trace;

/// What all calls of one execution share.
pub(crate) struct Exchange<'a> {
    pub(crate) executor: &'a Executor,
    pub(crate) caller: &'a Caller,
    pub(crate) tool_id: &'a ToolId,
    pub(crate) execution_id: ExecutionId,
    /// Of the whole execution.
    pub(crate) deadline: Instant,
    pub(crate) trace: &'a Trace,
}

/// How a call is made.
pub(crate) struct CallRules<'a> {
    pub(crate) auth: &'a Auth,
    pub(crate) format: ResponseFormat,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_response_bytes: u64,
    pub(crate) redirects: Redirects<'a>,
    pub(crate) repetition: Repetition<'a>,
    /// The idempotency key as the upstream gets it; a header that the tool states itself stays.
    pub(crate) key: Option<(HeaderName, HeaderValue)>,
}

/// An answer of any status.
pub(crate) struct Sent {
    pub(crate) answer: Answer,
    pub(crate) attempts: u32,
}

impl Exchange<'_> {
    /// Makes the call. An answer of 401, or one that the tool's rules call `auth_failed`, is taken as "not applied"
    /// (RFC 9110, 15.5.2): when the credential can be had fresher and is another one then, the call is made once
    /// more.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn send(
        &self,
        draft: &Draft,
        rules: &CallRules<'_>,
        timeline: &mut Timeline,
    ) -> Result<Sent, Ended> {
        let host = format!("{}:{}", draft.host, draft.port);
        let passage = (self.executor.breakers).pass(self.caller.workspace_id, host)?;
        let held = credentials::obtain(self, draft, rules.auth, Freshness::Kept, timeline).await?;
        let mut tried = self.once(draft, rules, &held, timeline).await?;
        let refused = |answer: &Answer| rules.repetition.refuses_credential(answer);
        let refused = tried.result.as_ref().is_ok_and(refused);
        if refused
            && let Some(fresh) =
                credentials::renew(self, draft, rules.auth, &held, timeline).await?
        {
            let before = tried.attempts;
            tried = self.once(draft, rules, &fresh, timeline).await?;
            tried.attempts += before;
        }
        passage.report(Health::of(&tried.result));
        let attempts = tried.attempts;
        match tried.result {
            Ok(answer) => Ok(Sent { answer, attempts }),
            Err(stopped) => {
                let failure = repetition::failure(&stopped, rules.repetition.repeatable);
                Err(failure
                    .detail("attempts", attempts)
                    .detail("request", request_line(draft))
                    .into())
            }
        }
    }

    async fn once(
        &self,
        draft: &Draft,
        rules: &CallRules<'_>,
        held: &Credentials,
        timeline: &mut Timeline,
    ) -> Result<Tried, Ended> {
        let mut rendered = render::render(draft, rules.format, held)?;
        if let Some((name, value)) = &rules.key {
            rendered
                .headers
                .entry(name)
                .or_insert_with(|| value.clone());
        }
        hand_on_the_trace(&mut rendered.headers);
        let signer = Signer::of(rules.auth, held, self.trace)?;
        let masker = self.trace.masker();
        let call = Call {
            workspace_id: self.caller.workspace_id,
            method: draft.method,
            url: rendered.url,
            headers: rendered.headers,
            body: rendered.body,
            connect_timeout: rules.connect_timeout,
            max_response_bytes: rules.max_response_bytes,
            redirects: rules.redirects,
            secrets: (!masker.is_idle()).then_some(&*masker),
            format: rules.format,
        };
        if let Some(signer) = &signer {
            // Told before anything is sent: a key that cannot be used is a failure of its own kind.
            signer.signed(&call)?;
        }
        let outbound = &self.executor.outbound;
        if !rules.repetition.repeatable {
            self.trace.unsafe_call_begins();
        }
        let prepared = Prepared {
            call: &call,
            signer: signer.as_ref(),
        };
        let sending = attempt::send(
            outbound,
            prepared,
            rules.repetition,
            self.deadline,
            timeline,
        );
        let tried = telemetry::outside(sending).await;
        if !rules.repetition.repeatable && rules.repetition.had_no_effect(&tried.result) {
            self.trace.unsafe_call_had_no_effect();
        }
        Ok(tried)
    }
}

/// The upstream is told which trace its call belongs to (`docs/decisions/0019-telemetry.md`): a random number and nothing
/// else. A header of that name that the tool states itself stays.
fn hand_on_the_trace(headers: &mut HeaderMap) {
    if let Entry::Vacant(entry) = headers.entry(TRACEPARENT)
        && let Some(header) = telemetry::handed_on().and_then(|trace| trace.header())
    {
        entry.insert(header);
    }
}

/// The value of an answer as the tool reads it, or the failure that it is.
///
/// # Errors
/// By its status, by the tool's rules, or because it is not what the tool reads.
pub(crate) fn received(
    sent: &Sent,
    draft: &Draft,
    auth: &Auth,
    reader: Reader<'_>,
    trace: &Trace,
) -> Result<Value, Failure> {
    let names = || credentials::names(draft, auth);
    let read = reader.read(&sent.answer, names, &trace.masker(), Utc::now());
    read.map_err(|failure| {
        failure
            .detail("attempts", sent.attempts)
            .detail("request", request_line(draft))
    })
}

/// The failure that an answer outside 2xx says.
pub(crate) fn refused(sent: &Sent, draft: &Draft, auth: &Auth, trace: &Trace) -> Failure {
    let names = credentials::names(draft, auth);
    response::failure(&sent.answer, &names, &trace.masker(), Utc::now())
        .detail("attempts", sent.attempts)
        .detail("request", request_line(draft))
}

/// What may be told of a request: no query, which may hold a credential.
pub(crate) fn request_line(draft: &Draft) -> String {
    let method = draft.method.as_str();
    format!("{method} {}", render::url_without_query(draft))
}
