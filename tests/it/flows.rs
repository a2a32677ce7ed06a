//! Flows: their definitions, their runs, and what holds whatever happens to those.

mod acts;
mod as_tools;
mod called;
mod cancel;
mod chaos;
mod engine;
mod execute;
mod failures;
mod for_each;
mod invariants;
mod large;
mod list;
mod list_runs;
mod mutants;
mod pinned;
mod races;
mod random;
mod read;
mod read_run;
mod restore;
mod resume;
mod retire;
mod revise;
mod save;
mod schedules;
mod session;
mod signal;
mod stream_events;
mod sub_flows;
mod versions;

use serde_json::{Value, json};
use testkit::{Persona, Response, ToolBuilder};

const PATH: &str = "/api/v1/flows";
const BRIEF: &str = "/api/v1/flows/ticker_brief";

/// The tools that the flows of these tests call.
async fn with_tools(persona: &Persona) {
    let quote = ToolBuilder::get("/quote").id("quote").input(json!({
        "type": "object",
        "properties": { "symbol": { "type": "string" }, "days": { "type": "integer", "minimum": 1 } },
        "required": ["symbol"],
        "additionalProperties": false,
    }));
    persona.registers(quote).await;
    let mail = ToolBuilder::post("/mail").id("send_mail").input(json!({
        "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"],
    }));
    persona.registers(mail).await;
    let wipe = ToolBuilder::call("DELETE", "/mail").id("delete_mail");
    persona.registers(wipe).await;
}

/// A flow with an input schema, so that it is a tool as well.
fn brief() -> Value {
    json!({
        "id": "ticker_brief",
        "name": "Ticker brief",
        "description": "Quotes of a list of tickers, mailed",
        "tags": ["finance"],
        "input_schema": {
            "type": "object",
            "properties": { "symbols": { "type": "array", "items": { "type": "string" } } },
            "required": ["symbols"],
        },
        "steps": [
            { "id": "quotes", "tool": "quote", "for_each": "{{ input.symbols }}", "input": { "symbol": "{{ item }}" } },
            { "id": "best", "transform": "{{ steps.quotes.output | selectattr('price', 'gt', 100) | list }}" },
            { "id": "mail", "tool": "send_mail", "when": "{{ steps.best.output | length > 0 }}",
              "input": { "text": "Best: {{ steps.best.output }}" }, "on_error": "continue" },
        ],
        "output": { "best": "{{ steps.best.output }}" },
    })
}

/// The flow with another member.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut document = brief();
    document[name] = value.into();
    document
}

/// The flow with these steps only.
#[allow(clippy::needless_pass_by_value, reason = "each is made for it")]
fn of_steps(steps: Value) -> Value {
    json!({ "id": "ticker_brief", "name": "Ticker brief", "steps": steps })
}

/// Saves a flow and insists that it works.
async fn saved(persona: &Persona, document: &Value) -> Response {
    let response = persona.post(PATH, document).await;
    assert_eq!(response.status(), 201, "{}", response.text());
    response
}

/// Tries to save a flow and insists that it is refused.
async fn refused(persona: &Persona, document: &Value) -> Vec<Value> {
    let response = persona.post(PATH, document).await;
    assert_eq!(response.status(), 400, "{}", response.text());
    assert_eq!(response.code(), "invalid_flow");
    response.json()["errors"].as_array().unwrap().clone()
}

/// Where each fault is and what it is.
fn told(faults: &[Value]) -> Vec<(&str, &str)> {
    faults
        .iter()
        .map(|fault| {
            (
                fault["pointer"].as_str().unwrap(),
                fault["code"].as_str().unwrap(),
            )
        })
        .collect()
}
