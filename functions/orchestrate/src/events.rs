//! A run as server-sent events.

use std::collections::VecDeque;
use std::time::Duration;

use axum::response::Response;
use axum::response::sse::Event as Sent;
use futures_util::stream;
use orchestrator::{Ending, Event, OrchestrateError, Running};
use serde_json::{Value, json};
use web::Problem;

use crate::failed;

/// How long the answer's head waits for the first event: a run that fails at once is a problem with its status.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// What is still to be told.
struct Telling {
    running: Option<Running>,
    ready: VecDeque<Sent>,
}

/// The answer whose body is the run's events. Dropping the body cancels the run.
///
/// # Errors
/// What ended the run before its first event.
pub(crate) async fn answer(mut running: Running) -> Result<Response, Problem> {
    let mut telling = Telling {
        running: None,
        ready: VecDeque::new(),
    };
    match tokio::time::timeout(HEAD_WITHIN, running.next_event()).await {
        Ok(Some(first)) => {
            telling.ready.push_back(event(first));
            telling.running = Some(running);
        }
        Ok(None) => {
            let ending = running.finish().await;
            if let Err(error) = ending.outcome {
                return Err(failed::problem(error).conversation(ending.id.0));
            }
            telling.ready.extend(end(ending));
        }
        Err(_) => telling.running = Some(running),
    }
    let events = stream::unfold(telling, async |mut telling| {
        let next = telling.next().await?;
        Some((next, telling))
    });
    Ok(web::events(events, "working"))
}

impl Telling {
    async fn next(&mut self) -> Option<Sent> {
        if let Some(ready) = self.ready.pop_front() {
            return Some(ready);
        }
        match self.running.as_mut()?.next_event().await {
            Some(next) => Some(event(next)),
            None => {
                let ending = self.running.take()?.finish().await;
                self.ready.extend(end(ending));
                self.ready.pop_front()
            }
        }
    }
}

fn event(event: Event) -> Sent {
    match event {
        Event::ToolCall {
            tool,
            call_id,
            input,
        } => named(
            "tool_call",
            &json!({ "tool": tool, "call_id": call_id, "input": input, "status": "running" }),
        ),
        Event::ToolResult {
            tool,
            call_id,
            outcome,
        } => {
            let told = match outcome {
                Ok(output) => json!({ "tool": tool, "call_id": call_id, "output": output }),
                Err(failure) => json!({ "tool": tool, "call_id": call_id, "error": failure }),
            };
            named("tool_result", &told)
        }
        Event::Delta { text } => named("response.delta", &json!({ "text": text })),
    }
}

/// The last events of a run.
fn end(ending: Ending) -> [Sent; 2] {
    let Ending { id, usage, outcome } = ending;
    let mut done = json!({ "usage": usage, "id": id });
    let last = match outcome {
        Ok(answer) => {
            if !answer.withheld.is_empty() {
                let withheld = answer.withheld.iter();
                done["withheld"] = withheld
                    .map(|it| json!({ "tool": it.tool, "reason": it.reason }))
                    .collect();
            }
            if !answer.warnings.is_empty() {
                done["warnings"] = answer.warnings.into();
            }
            named("response", &json!({ "text": answer.response }))
        }
        Err(error) => named("error", &failure(error)),
    };
    [last, named("done", &done)]
}

/// A failure as an event: its status cannot be told any more, its code can.
fn failure(error: OrchestrateError) -> Value {
    let said = match &error {
        OrchestrateError::Model(failure) => Some((failure.message.clone(), failure.hint.clone())),
        OrchestrateError::Invalid(_)
        | OrchestrateError::ConversationNotFound
        | OrchestrateError::Registry(_)
        | OrchestrateError::Database(_)
        | OrchestrateError::Vault(_)
        | OrchestrateError::Execute(_)
        | OrchestrateError::Cancelled
        | OrchestrateError::Broken => None,
    };
    let problem = failed::problem(error).within_an_answer();
    let entry = problem.code().entry();
    let (message, hint) =
        said.unwrap_or_else(|| (problem.detail().to_owned(), entry.todo.to_owned()));
    let mut told = json!({
        "code": entry.code, "title": entry.title, "message": message, "hint": hint, "status": entry.status,
    });
    if let Some(wait) = problem.retry_after_seconds() {
        told["retry_after_s"] = wait.into();
    }
    told
}

fn named(name: &str, data: &Value) -> Sent {
    Sent::default().event(name).data(data.to_string())
}
