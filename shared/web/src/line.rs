//! The one line that is written of a request: what was asked, what came of it, how long it took; log and metrics at once.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use futures_util::Stream;
use http::Method;
use telemetry::{Facts, Metric, Parent};

use crate::problem;

/// Operations that register a tool.
pub const REGISTRATIONS: [(&str, &str); 2] =
    [("POST", "/api/v1/tools"), ("POST", "/api/v1/tools/saved")];

/// The line of a request, while it is answered. It is written when it is dropped: with the last byte of a stream, or
/// when whoever asked has hung up.
pub(crate) struct Line {
    facts: Facts,
    method: &'static str,
    route: Option<MatchedPath>,
    /// The trace of the invocation, where the caller's is followed.
    xray: Option<String>,
    head: Option<Head>,
    streamed: bool,
    cut_short: bool,
}

/// What the head of an answer says.
struct Head {
    status: u16,
    fault: bool,
    /// What of the time until then was ours.
    overhead: Duration,
}

impl Line {
    /// A request begins to be answered.
    pub(crate) fn begin(request: &Request, facts: Facts) -> Self {
        let xray = Parent::of_xray_header(request.headers());
        let xray = xray.map(|parent| parent.trace_id);
        let route = request.extensions().get::<MatchedPath>();
        Self {
            method: known(request.method()),
            route: route.cloned(),
            xray: xray
                .filter(|id| *id != facts.trace().trace_id())
                .map(telemetry::TraceId::xray),
            facts,
            head: None,
            streamed: false,
            cut_short: true,
        }
    }

    /// The head of the answer is there; the problem in it is not written yet.
    pub(crate) fn head(&mut self, response: &Response) {
        let (elapsed, outside) = self.facts.elapsed();
        self.head = Some(Head {
            status: response.status().as_u16(),
            fault: problem::is_fault(response),
            overhead: elapsed.saturating_sub(outside),
        });
    }

    /// The answer; of one that comes in parts, the line is written with the last of them.
    pub(crate) fn with(mut self, response: Response) -> Response {
        if response.body().size_hint().exact().is_some() {
            self.cut_short = false;
            return response;
        }
        self.streamed = true;
        let (parts, body) = response.into_parts();
        let parts_of_body = Watched {
            body: body.into_data_stream(),
            line: self,
        };
        Response::from_parts(parts, Body::from_stream(parts_of_body))
    }

    fn write(&self) {
        let facts = &self.facts;
        let (elapsed, outside) = facts.elapsed();
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        // Whoever hangs up before there is a head is told nothing any more.
        let status = self.head.as_ref().map(|head| head.status);
        let is = |class: u16| u64::from(status.is_some_and(|status| status / 100 == class));
        let fault = facts.has_fault() || self.head.as_ref().is_some_and(|head| head.fault);
        let overhead = self.head.as_ref().map(|head| head.overhead);
        let registers = REGISTRATIONS.contains(&(self.method, route));
        // What the author of a config can mend is neither a success of ours nor a failure.
        let registered = (registers && (fault || is(2) == 1)).then_some(1_u64);
        let count = |metric| facts.counted(metric);
        tracing::info!(
            target: "access",
            method = self.method,
            route,
            status,
            requests = 1_u64,
            errors_4xx = is(4),
            errors_5xx = is(5),
            faults = u64::from(fault),
            duration_ms = milliseconds(elapsed),
            overhead_ms = milliseconds(overhead.unwrap_or(elapsed.saturating_sub(outside))),
            workspace_id = facts.workspace().map(tracing::field::display),
            streamed = self.streamed.then_some(true),
            cut_short = self.cut_short.then_some(true),
            registrations = registered,
            registrations_failed = registered.map(|_| u64::from(fault)),
            tool_successes = count(Metric::ToolSuccesses),
            tool_failures = count(Metric::ToolFailures),
            tool_refusals = count(Metric::ToolRefusals),
            tool_codes = facts.tool_codes(),
            model_input_tokens = count(Metric::ModelInputTokens),
            model_output_tokens = count(Metric::ModelOutputTokens),
            runs_succeeded = count(Metric::RunsSucceeded),
            runs_failed = count(Metric::RunsFailed),
            runs_cancelled = count(Metric::RunsCancelled),
            xray_trace_id = self.xray,
            "answered"
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.facts.clone().within(|| self.write());
    }
}

/// A method as it is counted: those that anybody may make up are one.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("other")
}

/// To the microsecond.
fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// A body that comes in parts, each made as a part of its request.
struct Watched {
    body: BodyDataStream,
    line: Line,
}

impl Stream for Watched {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { body, line } = self.get_mut();
        let next = line.facts.within(|| Pin::new(body).poll_next(context));
        if let Poll::Ready(None) = next {
            line.cut_short = false;
        }
        next
    }
}
