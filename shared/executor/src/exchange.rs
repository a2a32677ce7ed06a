//! One call, from a draft to the upstream's answer: credential obtained, rendered, sent, repeated.

use std::time::Duration;

use chrono::Utc;
use domain::caller::Caller;
use domain::config::{Auth, ResponseFormat};
use domain::failure::Failure;
use domain::ids::{ExecutionId, SecretName, ToolId};
use domain::request::Draft;
use http::{HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::attempt::{self, Tried};
use crate::credentials::{self, Credentials};
use crate::execute::Executor;
use crate::outbound::{Answer, Call, Redirects, Stopped};
use crate::render;
use crate::repetition::{self, Repetition};
use crate::response;
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
    /// Makes the call. An answer of 401 is taken as "not applied" (RFC 9110, 15.5.2): when the credential can be
    /// had fresher and is another one then, the call is made once more.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn send(
        &self,
        draft: &Draft,
        rules: &CallRules<'_>,
        timeline: &mut Timeline,
    ) -> Result<Sent, Ended> {
        let held = credentials::obtain(self, draft, rules.auth, timeline).await?;
        let mut tried = self.once(draft, rules, &held, timeline).await?;
        let refused = tried.result.as_ref().is_ok_and(|it| it.status == 401);
        if refused
            && let Some(fresh) =
                credentials::renew(self, draft, rules.auth, &held, timeline).await?
        {
            let before = tried.attempts;
            tried = self.once(draft, rules, &fresh, timeline).await?;
            tried.attempts += before;
        }
        let attempts = tried.attempts;
        match tried.result {
            Ok(answer) => Ok(Sent { answer, attempts }),
            Err(stopped) => {
                let failure = self.stopped(&stopped, rules);
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
            rendered.headers.entry(name).or_insert_with(|| value.clone());
        }
        credentials::sign(self, rules.auth, draft, held, &mut rendered)?;
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
        let outbound = &self.executor.outbound;
        if !rules.repetition.repeatable {
            self.trace.unsafe_call_begins();
        }
        let tried = attempt::send(outbound, &call, rules.repetition, self.deadline, timeline).await;
        Ok(tried)
    }

    fn stopped(&self, stopped: &Stopped, rules: &CallRules<'_>) -> Failure {
        let repeatable = rules.repetition.repeatable;
        if !repeatable && !stopped.sent {
            self.trace.unsafe_call_was_not_sent();
        }
        repetition::failure(stopped, repeatable)
    }
}

/// The failure that an answer outside 2xx says.
pub(crate) fn refused(sent: &Sent, draft: &Draft, auth: &Auth, trace: &Trace) -> Failure {
    let names = credentials::names(draft, auth);
    let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
    response::failure(&sent.answer, &names, &trace.masker(), Utc::now())
        .detail("attempts", sent.attempts)
        .detail("request", request_line(draft))
}

/// What may be told of a request: no query, which may hold a credential.
pub(crate) fn request_line(draft: &Draft) -> String {
    let method = draft.method.as_str();
    format!("{method} {}", render::url_without_query(draft))
}
