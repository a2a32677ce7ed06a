//! Prompt templates: saving, versioning, filling in, and who sees them.

mod hostile;
mod lists;
mod orchestrate;
mod render;
mod save;
mod versions;

use serde_json::{Value, json};
use testkit::{Persona, Response};

/// A prompt with a variable of each kind.
fn weather() -> Value {
    json!({
        "id": "weather_report",
        "name": "Weather report",
        "description": "The weather at a place",
        "instructions": "Write for {{audience}}.",
        "template": "Weather in {{city}} in {{days}} days?",
        "variables": {
            "city": { "type": "string", "description": "Where", "maxLength": 20 },
            "days": { "type": "integer", "minimum": 1, "maximum": 7, "default": 3 },
            "audience": { "enum": ["sailors", "farmers"], "default": "farmers" },
        },
    })
}

/// The document with another member.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut document = weather();
    document[name] = value.into();
    document
}

/// Saves a prompt and insists that it works.
async fn saved(persona: &Persona, document: &Value) -> Response {
    let response = persona.post("/api/v1/prompts", document).await;
    assert_eq!(response.status(), 201, "{}", response.text());
    response
}

/// Where each fault is and what it is.
fn told(response: &Response) -> Vec<(String, String)> {
    let body = response.json();
    let text = |fault: &Value, name: &str| fault[name].as_str().unwrap().to_owned();
    let faults = body["errors"].as_array().cloned().unwrap_or_default();
    faults
        .iter()
        .map(|fault| (text(fault, "pointer"), text(fault, "code")))
        .collect()
}
