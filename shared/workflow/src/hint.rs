//! What a message holds: the ids of one step that is ready and of the trace that made it so, nothing else.

use serde::Deserialize;
use serde_json::{Value, json};
use telemetry::TraceContext;
use uuid::Uuid;

/// A step that may be claimed. Whoever gets it looks at the row; it may long have been done.
///
/// As a message: `{"run_id":"…","step_id":"quotes[3]","traceparent":"00-…"}`; the last is absent in messages of the sweep and of
/// older senders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hint {
    /// The run.
    pub run_id: Uuid,
    /// The step of the run, as its row is called.
    pub step_id: String,
    /// The trace that made it ready, if that is known.
    pub trace: Option<TraceContext>,
}

/// A message's body.
#[derive(Deserialize)]
struct Message {
    run_id: Uuid,
    step_id: String,
    /// Whatever stands there: what cannot be read is as good as absent.
    #[serde(default)]
    traceparent: Value,
}

impl Hint {
    /// About this step; of no trace yet.
    pub fn new(run_id: Uuid, step_id: impl Into<String>) -> Self {
        Self {
            run_id,
            step_id: step_id.into(),
            trace: None,
        }
    }

    /// The same as part of the work that goes on here, unless it is of a trace already.
    #[must_use]
    pub(crate) fn traced(self) -> Self {
        Self {
            trace: self.trace.or_else(telemetry::handed_on),
            ..self
        }
    }

    /// The message's body.
    pub fn body(&self) -> String {
        let mut body = json!({ "run_id": self.run_id, "step_id": self.step_id });
        if let Some(trace) = &self.trace {
            body["traceparent"] = trace.to_string().into();
        }
        body.to_string()
    }

    /// Reads a message's body. Members that are not known are passed over: a newer sender may add some.
    ///
    /// # Errors
    /// Why the body is no hint, without any part of it.
    pub fn read(body: &str) -> Result<Self, String> {
        let read: Result<Message, _> = serde_json::from_str(body);
        let read = read.map_err(|error| {
            format!(
                "the body is no hint with run_id and step_id ({:?} error in line {}, column {})",
                error.classify(),
                error.line(),
                error.column()
            )
        })?;
        let trace = read.traceparent.as_str();
        Ok(Self {
            run_id: read.run_id,
            step_id: read.step_id,
            trace: trace.and_then(TraceContext::of_traceparent),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_it_was_written() {
        let hint = Hint::new(Uuid::from_u128(7), "quotes[3]");
        let body = hint.body();
        assert_eq!(
            body,
            r#"{"run_id":"00000000-0000-0000-0000-000000000007","step_id":"quotes[3]"}"#
        );
        assert_eq!(Hint::read(&body), Ok(hint.clone()));
        let newer = body.replace('}', r#","priority":1}"#);
        assert_eq!(Hint::read(&newer), Ok(hint));
    }

    #[test]
    fn a_trace_goes_along_and_a_bad_one_is_as_good_as_none() {
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let plain = Hint::new(Uuid::from_u128(7), "a");
        let traced = Hint {
            trace: TraceContext::of_traceparent(traceparent),
            ..plain.clone()
        };
        let body = traced.body();
        assert!(body.contains(traceparent), "{body}");
        assert_eq!(Hint::read(&body), Ok(traced));
        for bad in ["\"00-hunter22\"", "\"\"", "7", "null", "{\"a\":[]}"] {
            let body = body.replace(&format!("\"{traceparent}\""), bad);
            assert_eq!(Hint::read(&body), Ok(plain.clone()), "{body}");
        }
    }

    #[tokio::test]
    async fn what_is_sent_is_of_the_work_that_sends_it() {
        let hint = Hint::new(Uuid::nil(), "a");
        assert_eq!(hint.clone().traced(), hint);
        let facts = telemetry::Facts::of_request("r", None);
        let sent = facts.scope(async { hint.clone().traced() }).await;
        let told = sent.trace.map(|trace| trace.trace_id());
        assert_eq!(told, Some(facts.trace().trace_id()));
        // One that was passed on stays of its own trace.
        let other = telemetry::Facts::of_request("r", None);
        let again = other.scope(async { sent.clone().traced() }).await;
        assert_eq!(again, sent);
    }

    #[test]
    fn what_is_no_hint_is_told_without_the_body() {
        for body in [
            "",
            "hunter22",
            "[]",
            r#"{"run_id":"hunter22","step_id":"a"}"#,
            r#"{"run_id":"00000000-0000-0000-0000-000000000007"}"#,
        ] {
            let told = Hint::read(body).unwrap_err();
            assert!(!told.contains("hunter22"), "{told}");
        }
    }
}
