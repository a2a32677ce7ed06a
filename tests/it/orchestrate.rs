//! Prompts in, answers out: the agent loop through the door.

mod cancel;
mod conversations;
mod failures;
mod hidden;
mod limits;
mod many_tools;
mod mending;
mod nothing_leaks;
mod sdk;
mod setting;
mod turns;
mod weather;

use serde_json::{Value, json};
use testkit::scripted_model::Captured;
use testkit::{Persona, Response, TestApp, ToolBuilder};

const PATH: &str = "/api/v1/orchestrate";
const STREAM: &str = "/api/v1/orchestrate/stream";

/// A tool without inputs that answers what the upstream has at this path.
fn plain(id: &str) -> ToolBuilder {
    ToolBuilder::get(&format!("/{id}"))
        .id(id)
        .set("/description", "Tells something.")
        .set("/retry", json!({ "max_attempts": 1 }))
}

/// Asks and insists on an answer.
async fn answered(persona: &Persona, body: &Value) -> Value {
    let response = persona.post(PATH, body).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

/// Asks and insists on a problem.
async fn refused(persona: &Persona, body: &Value) -> Response {
    let response = persona.post(PATH, body).await;
    assert!(response.status().as_u16() >= 400, "{}", response.text());
    assert_eq!(
        response.header("content-type"),
        Some("application/problem+json")
    );
    response
}

fn prompt(text: &str) -> Value {
    json!({ "prompt": text })
}

/// The error that the model was told for its calls in the last request, in order.
fn errors_told(app: &TestApp) -> Vec<Value> {
    let last = app.model().last_request().unwrap();
    let outputs = last.outputs().into_iter();
    outputs
        .map(|(_, output)| {
            let told: Value = serde_json::from_str(output.as_str().unwrap()).unwrap();
            told["error"].clone()
        })
        .collect()
}

/// No request that the model server would have refused.
fn assert_clean(app: &TestApp) {
    assert_eq!(app.model().refusals(), [""; 0]);
    assert_eq!(app.model().left(), 0);
}

/// The types of the items that the model was sent.
fn kinds(request: &Captured) -> Vec<&str> {
    let items = request.items().iter();
    items
        .map(|item| item["type"].as_str().unwrap_or("message"))
        .collect()
}
