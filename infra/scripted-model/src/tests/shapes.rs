//! Every answer and every event against the schemas that OpenAI publishes. Skipped, by name, without them.

use std::fs::OpenOptions;
use std::io::Write as _;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::{Rig, honest};
use crate::{Reply, demo_router, error, say, status};

const DESCRIPTION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/cases/openai/openai-responses-subset.json"
);

/// The published description, if it is here.
fn description(test: &str) -> Option<Value> {
    if let Ok(text) = std::fs::read_to_string(DESCRIPTION) {
        return Some(serde_json::from_str(&text).unwrap());
    }
    let line = format!("SKIPPED scripted_model::{test}: shared/cases/openai is absent\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("SKIP_LOG") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
    None
}

/// Checks values against one of the description's schemas.
fn validator(description: &Value, name: &str) -> Validator {
    let mut schema = description.clone();
    schema["$ref"] = format!("#/components/schemas/{name}").into();
    jsonschema::validator_for(&schema).unwrap()
}

fn holds(validator: &Validator, value: &Value) {
    let faults: Vec<String> = validator
        .iter_errors(value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}\n{value:#}");
}

/// The schema of one event, by its type.
fn event_schema(description: &Value, kind: &str) -> String {
    let schemas = description["components"]["schemas"].as_object().unwrap();
    let of_kind = |schema: &Value| schema["properties"]["type"]["enum"] == json!([kind]);
    let found = schemas
        .iter()
        .find(|(name, schema)| name.ends_with("Event") && of_kind(schema));
    found
        .unwrap_or_else(|| panic!("no schema of {kind}"))
        .0
        .clone()
}

#[tokio::test]
async fn every_answer_has_the_published_shape() {
    let Some(description) = description("every_answer_has_the_published_shape") else {
        return;
    };
    let response = validator(&description, "Response");
    for reply in honest() {
        let rig = Rig::new().await;
        holds(&response, &rig.answers(reply, json!({})).await);
    }
    let rig = Rig::new().await;
    let echoed = json!({
        "instructions": "Be brief.", "max_output_tokens": 100, "tool_choice": "none", "temperature": 0.5,
        "parallel_tool_calls": false, "metadata": { "run": "1" }, "reasoning": { "effort": "low" },
        "text": { "format": { "type": "json_schema", "name": "x", "strict": true, "schema": {
            "type": "object", "properties": {}, "required": [], "additionalProperties": false
        } } }
    });
    holds(&response, &rig.answers(say("{}"), echoed).await);
}

#[tokio::test]
async fn every_event_has_the_published_shape() {
    let Some(description) = description("every_event_has_the_published_shape") else {
        return;
    };
    let any = validator(&description, "ResponseStreamEvent");
    let mut replies: Vec<Reply> = honest();
    replies.push(say("One").error_after(3, "server_error", "Sorry"));
    for reply in replies {
        let rig = Rig::new().await;
        for event in rig.streams(reply).await {
            holds(&any, &event);
            let kind = event["type"].as_str().unwrap();
            holds(
                &validator(&description, &event_schema(&description, kind)),
                &event,
            );
        }
    }
}

#[tokio::test]
async fn every_refusal_has_the_published_shape() {
    let Some(description) = description("every_refusal_has_the_published_shape") else {
        return;
    };
    let refusal = validator(&description, "ErrorResponse");
    let rig = Rig::new().await;
    for code in [400, 401, 403, 404, 429, 500, 503] {
        rig.model.then(status(code));
        let (answered, body) = rig.refuses(json!({})).await;
        assert_eq!(answered, code);
        holds(&refusal, &body);
    }
    rig.model.then(error(
        429,
        "insufficient_quota",
        Some("insufficient_quota"),
        "No money.",
    ));
    holds(&refusal, &rig.refuses(json!({})).await.1);
    holds(&refusal, &rig.refuses(json!({ "prompts": 1 })).await.1);
}

#[tokio::test]
async fn the_demonstration_has_the_published_shape() {
    let Some(description) = description("the_demonstration_has_the_published_shape") else {
        return;
    };
    let rig = Rig::new().await;
    let rig = Rig {
        router: demo_router(),
        ..rig
    };
    let response = validator(&description, "Response");
    let (_, text) = rig.sends(&super::request(json!({}))).await;
    holds(&response, &serde_json::from_str(&text).unwrap());
    let any = validator(&description, "ResponseStreamEvent");
    let (_, text) = rig.sends(&super::request(json!({ "stream": true }))).await;
    for event in super::events(&text) {
        holds(&any, &event);
    }
}
