//! What workspaces show to everybody, copies of it, and what those who ran them say.

mod browse;
mod bundles;
mod fixtures;
mod health;
mod install;
mod journey;
mod publish;
mod real_descriptions;
mod reviews;
mod update_install;

use serde_json::{Value, json};
use testkit::{Persona, RegisteredTool, Response, TestApp, ToolBuilder};

const SECRET: &str = "a-quote-key-of-some-length";

/// A tool with a secret: what alice publishes in most tests.
fn quote() -> ToolBuilder {
    ToolBuilder::get("/quote")
        .id("quote")
        .set("/description", "The last price of a share.")
        .set("/tags", json!(["finance", "shares"]))
        .auth(json!({ "method": "bearer", "secret_ref": "${API_KEY}" }))
        .input(json!({
            "type": "object", "properties": { "symbol": { "type": "string" } }, "required": ["symbol"],
        }))
        .output(json!({ "type": "object", "properties": { "price": { "type": "number" } }, "required": ["price"] }))
        .mapping(json!({
            "input_to_params": { "symbol": "symbol" }, "response_to_output": { "price": "price" },
        }))
}

/// The path at which something of one's own is published.
fn publishing(kind: &str, id: &str) -> String {
    format!("/api/v1/{kind}/{id}/publish")
}

async fn publishes(who: &Persona, tool: &str) -> Value {
    let answer = who.post(&publishing("tools", tool), &json!({})).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

async fn installs(who: &Persona, public_id: &str, body: &Value) -> Response {
    let path = format!("/api/v1/marketplace/{public_id}/install");
    who.post(&path, body).await
}

async fn reviews(who: &Persona, public_id: &str, body: &Value) -> Response {
    let path = format!("/api/v1/marketplace/{public_id}/reviews");
    who.post(&path, body).await
}

async fn runs(who: &Persona, id: &str, input: Value) -> Response {
    let path = format!("/api/v1/tools/{id}/execute");
    who.post(&path, &json!({ "input": input })).await
}

/// What the database says to somebody who writes past the API, with the rights of their token.
fn as_person(app: &TestApp, who: &Persona, statement: &str) -> String {
    let done = app.database().try_sql(&format!(
        "begin; select set_config('role', 'authenticated', true),
             set_config('request.jwt.claims', '{{\"sub\":\"{}\"}}', true); {statement}; commit",
        who.user_id()
    ));
    done.err().unwrap_or_default()
}

/// The tool's next version.
async fn revises(who: &Persona, tool: &RegisteredTool, document: &Value) {
    let answer = who.put(&tool.saved_path(), document).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// The pointers and codes of a problem's faults.
fn faults(problem: &Response) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let body = problem.json();
    let faults = body["errors"].as_array().into_iter().flatten();
    let mut told: Vec<_> = faults
        .map(|fault| (text(&fault["pointer"]), text(&fault["code"])))
        .collect();
    told.sort();
    told
}
