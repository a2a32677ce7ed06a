//! What the tests of runs do again and again: start, wait on a condition, look at a step.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Persona, Response, TestApp, ToolBuilder};

use super::saved;

/// Far beyond anything that these tests wait for; only a defect comes so far.
const NEVER: Duration = Duration::from_secs(240);

/// Saves a flow `f` of these steps.
pub(super) async fn flow(persona: &Persona, steps: Value) {
    saved(persona, &json!({ "id": "f", "name": "f", "steps": steps })).await;
}

/// A tool that is tried once per attempt of its step.
pub(super) fn plain(method: &str, path: &str, id: &str) -> ToolBuilder {
    let tool = ToolBuilder::call(method, path).id(id);
    tool.set("/retry", json!({ "max_attempts": 1 }))
}

/// Starts a flow with one more header.
pub(super) async fn starts_with(
    persona: &Persona,
    id: &str,
    input: &Value,
    header: (&str, &str),
) -> Response {
    let request = persona
        .request(Method::POST, &format!("/api/v1/flows/{id}/execute"))
        .header(header.0, header.1)
        .json(&json!({ "input": input }));
    persona.send(request).await
}

/// Starts a flow; the run's path.
pub(super) async fn started(persona: &Persona, id: &str, input: Value) -> String {
    let path = format!("/api/v1/flows/{id}/execute");
    let response = persona.post(&path, &json!({ "input": input })).await;
    assert_eq!(response.status(), 202, "{}", response.text());
    response.header("location").unwrap().to_owned()
}

/// Starts a flow and waits for its end; the run.
pub(super) async fn ran(persona: &Persona, id: &str, input: Value) -> Value {
    ended(persona, &started(persona, id, input).await).await
}

/// The run as soon as it is so.
pub(super) async fn until(persona: &Persona, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let mut seen = Value::Null;
    let looking = async {
        loop {
            let run = persona.get(&format!("{path}?limit=200")).await;
            assert_eq!(run.status(), 200, "{}", run.text());
            seen = run.json();
            if holds(&seen) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let came = tokio::time::timeout(NEVER, looking).await;
    assert!(came.is_ok(), "never so: {seen:#}");
    seen
}

/// The run at its end, which ends the stream of its events too.
pub(super) async fn ended(persona: &Persona, path: &str) -> Value {
    let events = tokio::time::timeout(NEVER, persona.get(&format!("{path}/events"))).await;
    let events = events.expect("an end of the stream");
    assert_eq!(events.status(), 200, "{}", events.text());
    until(persona, path, |run| run["finished_at"].is_string()).await
}

/// Waits on a condition.
pub(super) async fn comes(what: &str, holds: impl Fn() -> bool) {
    let looking = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    let came = tokio::time::timeout(NEVER, looking).await;
    assert!(came.is_ok(), "{what}");
}

/// One step of a run.
pub(super) fn step<'a>(run: &'a Value, id: &str) -> &'a Value {
    let steps = run["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["step_id"] == id);
    found.unwrap_or_else(|| panic!("a step {id}: {run:#}"))
}

/// The state of one step.
pub(super) fn state<'a>(run: &'a Value, id: &str) -> &'a str {
    step(run, id)["status"].as_str().unwrap()
}

/// Every step's time has come: what sleeps or waits to be tried again is due.
pub(super) async fn time_passes(app: &TestApp) {
    app.sql(
        "update orchestration.run_steps set not_before = now() - interval '1 second', due_at = now() - interval '1 second'
         where status in ('ready', 'running') and lease_until is null and not_before <> 'infinity'",
    );
    app.sweeps().await;
}

/// How many requests there were for each path, in the order of the first.
pub(super) fn paths(app: &TestApp) -> Vec<String> {
    let requests = app.upstream().requests();
    requests
        .iter()
        .map(|request| request.path().to_owned())
        .collect()
}
