//! Where an execution's time went: phases in order, in microseconds.

use std::time::Duration;

use serde::{Serialize, Serializer};
use telemetry::TraceId;
use tokio::time::Instant;

use crate::outbound::{Answer, Stopped};

#[derive(Serialize)]
struct Phase {
    #[serde(rename = "phase")]
    name: &'static str,
    #[serde(rename = "us", serialize_with = "as_micros")]
    took: Duration,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Of the first one alone: the trace that the execution belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

/// Phases in the order in which they ended.
pub(crate) struct Timeline {
    started: Instant,
    last: Instant,
    phases: Vec<Phase>,
    trace: Option<TraceId>,
}

impl Timeline {
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            last: now,
            phases: Vec::with_capacity(8),
            trace: None,
        }
    }

    /// The same, which says of which trace it is.
    pub(crate) fn of_current_trace(mut self) -> Self {
        self.trace = telemetry::current().map(|facts| facts.trace().trace_id());
        self
    }

    /// When the execution began.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Since the beginning.
    pub(crate) fn total(&self) -> Duration {
        self.started.elapsed()
    }

    /// A phase ends now.
    pub(crate) fn mark(&mut self, name: &'static str) {
        self.until(name, Instant::now(), None, None);
    }

    /// The phases of something that went on beside this one's next phase.
    pub(crate) fn adopt(&mut self, other: Self) {
        self.phases.extend(other.phases);
    }

    /// An attempt ended: `send` until the headers (connecting included), `receive` for the body.
    pub(crate) fn sent(&mut self, attempt: u32, result: &Result<Answer, Stopped>) {
        let now = Instant::now();
        match result {
            Ok(answer) => {
                let status = Some(answer.status);
                self.until("send", answer.headers_at, Some(attempt), status);
                self.until("receive", now, Some(attempt), status);
            }
            Err(stopped) => self.until("send", now, Some(attempt), stopped.status),
        }
    }

    fn until(
        &mut self,
        name: &'static str,
        end: Instant,
        attempt: Option<u32>,
        status: Option<u16>,
    ) {
        self.phases.push(Phase {
            name,
            took: end.saturating_duration_since(self.last),
            attempt,
            status,
            trace_id: self.trace.take().map(|trace| trace.to_string()),
        });
        self.last = end;
    }

    /// `[{"phase":"validate","us":12,"trace_id":"4bf9…"}, {"phase":"send","us":900,"attempt":1,"status":200}, …]`
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&self.phases).unwrap_or_else(|_| "[]".to_owned())
    }
}

/// Whole microseconds, as stored.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn as_micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(micros(*duration))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Cause;

    #[test]
    fn phases_keep_their_order_and_attempts() {
        let mut timeline = Timeline::start();
        timeline.mark("validate");
        timeline.sent(1, &Err(Stopped::sent(Cause::Timeout)));
        timeline.mark("pause");
        let json: serde_json::Value = serde_json::from_str(&timeline.to_json()).unwrap();
        let names: Vec<_> = json
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["phase"].clone())
            .collect();
        assert_eq!(names, ["validate", "send", "pause"]);
        assert_eq!(json[1]["attempt"], 1);
        assert_eq!(json[0].get("attempt"), None);
        assert_eq!(json[0].get("trace_id"), None);
    }

    #[tokio::test]
    async fn the_first_phase_says_of_which_trace_it_is() {
        let facts = telemetry::Facts::of_request("r", None);
        let timeline = async { Timeline::start().of_current_trace() };
        let mut timeline = facts.scope(timeline).await;
        timeline.mark("validate");
        timeline.mark("map");
        let json: serde_json::Value = serde_json::from_str(&timeline.to_json()).unwrap();
        assert_eq!(json[0]["trace_id"], facts.trace().trace_id().to_string());
        assert_eq!(json[1].get("trace_id"), None);
    }
}
