//! What can be seen from outside: traces, one line for each piece of work, metrics in it.

mod lines;
mod metrics;
mod traces;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Persona, Response, logs};
use uuid::Uuid;

/// Far beyond anything that these tests wait for; only a defect comes so far.
const NEVER: Duration = Duration::from_secs(60);

/// A trace that nobody else has, and the header that names it.
fn trace() -> (String, String) {
    let trace = Uuid::new_v4().simple().to_string();
    let header = format!("00-{trace}-00f067aa0ba902b7-01");
    (trace, header)
}

/// Sends with these headers.
async fn sent(
    persona: &Persona,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Response {
    let mut request = persona.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    persona.send(request).await
}

/// Runs a tool as part of a trace.
async fn executed(persona: &Persona, path: &str, headers: &[(&str, &str)]) -> Response {
    let path = format!("{path}/execute");
    sent(
        persona,
        Method::POST,
        &path,
        headers,
        Some(&json!({ "input": {} })),
    )
    .await
}

/// The lines of a target, of those that are given.
fn of_target(lines: &[Value], target: &str) -> Vec<Value> {
    let of_target = lines.iter().filter(|line| line["target"] == target);
    of_target.cloned().collect()
}

/// The lines of this kind in which a member has this value, as soon as there are any: a line is written when its work is
/// over, which whoever hears of the end may know sooner.
async fn lines_with(target: &str, member: &str, value: &str) -> Vec<Value> {
    let looking = async {
        loop {
            let log = logs::text();
            let lines = log.lines().filter(|line| line.contains(value));
            let lines = lines.filter_map(|line| serde_json::from_str(line).ok());
            let lines: Vec<Value> = lines
                .filter(|line: &Value| line["target"] == target && line[member] == value)
                .collect();
            if !lines.is_empty() {
                return lines;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(NEVER, looking).await;
    found.unwrap_or_else(|_| panic!("no line {target} with {member} {value}"))
}

/// The line of a request, and no second one.
async fn line_of(request_id: &str) -> Value {
    let mut lines = lines_with("access", "request_id", request_id).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

/// Saves a flow.
async fn saved(persona: &Persona, document: &Value) {
    let saved = persona.post("/api/v1/flows", document).await;
    assert_eq!(saved.status(), 201, "{}", saved.text());
}

/// The run when it has ended.
async fn ended(persona: &Persona, path: &str) -> Value {
    let looking = async {
        loop {
            let run = persona.get(path).await.json();
            if ["succeeded", "failed", "cancelled"].contains(&run["status"].as_str().unwrap()) {
                return run;
            }
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(NEVER, looking).await;
    ended.unwrap_or_else(|_| panic!("{path} does not end"))
}
