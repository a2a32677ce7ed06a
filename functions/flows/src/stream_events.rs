//! `GET /api/v1/flows/{flow_id}/runs/{run_id}/events`: what happens in a run, as it happens.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use domain::caller::Caller;
use domain::ids::ToolId;
use futures_util::stream;
use http::HeaderMap;
use persistence::run_events::EventRow;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;
use web::openapi::Missing;
use web::{Allowed, PathPair, Problem};
use workflow::{FlowError, Flows};

/// The first and the longest pause between two looks, while nothing happens.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Events that one look reads.
const AT_ONCE: i64 = 200;
/// Before the gateway ends a stream: the client comes back with `Last-Event-ID`.
const LONGEST: Duration = Duration::from_secs(14 * 60);

/// A stream under way.
struct Telling {
    flows: Flows,
    caller: Caller,
    flow: ToolId,
    run: Uuid,
    /// The last number that was told.
    seq: i64,
    ready: VecDeque<Event>,
    ended: bool,
    until: Instant,
}

/// Watch a run
///
/// Server-sent events: every transition of the run and its steps, `id` its number, `event` its kind (`run.started`, `step.running`,
/// `step.succeeded`, `step.retrying`, …), data `{seq, at, kind, step_id?, …}`. The first ones are told at once, the next as they happen. After
/// the run's end an `end` event with its state closes the stream. `Last-Event-ID` resumes behind that number. A comment comes every 15 s.
#[utoipa::path(
    get, path = "/api/v1/flows/{flow_id}/runs/{run_id}/events", operation_id = "stream_events", tag = "flows",
    params(
        ("flow_id" = String, Path, description = "The flow.", example = "ticker_brief"),
        ("run_id" = Uuid, Path, description = "The run."),
        ("Last-Event-ID" = Option<String>, Header, description = "The number of the last event that arrived."),
    ),
    responses(
        (status = 200, description = "The events.", body = String, content_type = "text/event-stream"),
        Missing,
    )
)]
pub(crate) async fn stream_events(
    Allowed(caller): Allowed,
    State(flows): State<Flows>,
    PathPair(flow, run): PathPair<ToolId, Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let mut telling = Telling {
        flows,
        caller,
        flow,
        run,
        // One that is no number is none of ours: everything is told.
        seq: last
            .and_then(|it| it.trim().parse().ok())
            .map_or(0, |it: i64| it.max(0)),
        ready: VecDeque::new(),
        ended: false,
        until: Instant::now() + LONGEST,
    };
    telling.look().await?;
    let events = stream::unfold(telling, async |mut telling| {
        let next = telling.next().await?;
        Some((next, telling))
    });
    Ok(web::events(events, "running"))
}

impl Telling {
    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        let mut pause = LOOKS.0;
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            if self.ended || Instant::now() > self.until {
                return None;
            }
            if let Err(error) = self.look().await {
                // The client comes back and reads on from the last number that it has.
                tracing::warn!(run = %self.run, error = &error as &dyn std::error::Error, "a stream ends early");
                return None;
            }
            if self.ready.is_empty() && !self.ended {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LOOKS.1);
            }
        }
    }

    /// Reads what has happened since.
    async fn look(&mut self) -> Result<(), FlowError> {
        let (run, events) = self
            .flows
            .events(&self.caller, &self.flow, self.run, self.seq, AT_ONCE)
            .await?;
        if self.seq > run.last_seq {
            // No number of this run's: everything is told.
            self.seq = 0;
            return Ok(());
        }
        for event in events {
            self.seq = event.seq;
            self.ready.push_back(told(event));
        }
        // With a younger event behind the end that was read, somebody has resumed the run.
        if run.finished_at.is_some() && self.seq == run.last_seq {
            self.ended = true;
            let end = json!({ "run_id": self.run, "status": run.status });
            let end = Event::default().event("end").data(end.to_string());
            self.ready.push_back(end);
        }
        Ok(())
    }
}

fn told(row: EventRow) -> Event {
    let mut data = json!({ "seq": row.seq, "at": row.at, "kind": row.kind });
    if let Some(step) = row.step_id {
        data["step_id"] = step.into();
    }
    if let (Some(data), Some(payload)) = (data.as_object_mut(), row.payload.as_object()) {
        for (name, value) in payload {
            data.entry(name).or_insert_with(|| value.clone());
        }
    }
    Event::default()
        .id(row.seq.to_string())
        .event(row.kind)
        .data(data.to_string())
}
