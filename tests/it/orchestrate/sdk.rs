//! OpenAI's own Python SDK at the scripted model server: what the server streams is what a real client understands.

use serde_json::{Value, json};
use testkit::ScriptedModel;
use testkit::scripted_model::{Cause, hang_up, refuse, say, status, think};
use tokio::process::Command;

use crate::skip::skip;

const SCRIPT: &str = include_str!("sdk.py");

/// Runs the script at the server; without the SDK there is nothing to run.
async fn understood(model: &ScriptedModel, test: &str) -> Option<Value> {
    let Some(python) = testkit::python_with("openai").await else {
        skip(
            test,
            "the openai package is not installed (.ci/run installs it)",
        );
        return None;
    };
    let mut command = Command::new(python);
    command
        .args(["-c", SCRIPT, &model.base_url(), model.key()])
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .env("NO_PROXY", "127.0.0.1");
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn weather(city: &str) -> (&str, Value) {
    ("weather_api", json!({ "city": city }))
}

#[tokio::test]
async fn the_official_sdk_understands_everything() {
    let model = ScriptedModel::start().await.unwrap();
    model
        .then(
            think("Two cities")
                .call([weather("SF"), weather("Rome")])
                .tokens(50, 10),
        )
        .then(say("18 °C in both.").tokens(70, 5));
    for _ in 0..2 {
        let reply = think("Hm").say("I look it up.").call([weather("SF")]);
        model.then(reply.tokens(50, 20).of_them(32, 8));
    }
    model
        .then(refuse("I cannot help with that.").tokens(9, 3))
        .then(say("It is").incomplete(Cause::MaxOutputTokens).tokens(9, 2))
        .then(status(401))
        .then(status(429).retry_after(7))
        .then(status(500))
        .then(hang_up())
        .then(say("One").error_after(3, "server_error", "Sorry"))
        .then(say("One").nested_error_after(3, "server_error", "Sorry"))
        .then(say("One").cut_after(4))
        .then(status(503));
    let Some(told) = understood(&model, "orchestrate::sdk").await else {
        return;
    };
    assert_eq!(model.refusals(), [""; 0]);
    assert_eq!(
        told["turns"],
        json!([
            { "status": "completed", "types": ["reasoning", "function_call", "function_call"], "text": "",
              "calls": [weather("SF"), weather("Rome")], "sealed": true, "tokens": 60 },
            { "status": "completed", "types": ["message"], "text": "18 °C in both.", "calls": [], "sealed": true,
              "tokens": 75 },
        ])
    );
    let whole = json!({
        "status": "completed", "types": ["reasoning", "message", "function_call"], "text": "I look it up.",
        "calls": [weather("SF")], "sealed": true, "tokens": 70,
    });
    assert_eq!(told["assembled"], whole);
    assert_eq!(told["streamed"]["deltas"], "I look it up.");
    assert_eq!(told["streamed"]["arguments"], r#"{"city":"SF"}"#);
    assert_eq!(told["streamed"]["last"], "response.completed");
    assert_eq!(told["refused"]["types"], json!(["message"]));
    assert_eq!(told["cut_short"]["last"], "response.incomplete");
    assert_eq!(told["cut_short"]["text"], "It is");
    assert_eq!(
        told["failures"],
        json!([
            ["AuthenticationError", 401, "invalid_api_key", null],
            ["RateLimitError", 429, "rate_limit_exceeded", "7"],
            ["InternalServerError", 500, null, null],
            ["APIConnectionError", null],
            ["error event", "server_error", "Sorry"],
            ["APIError", "server_error"],
            ["APIConnectionError", null],
            ["InternalServerError", 503, null, null],
        ])
    );
    // Behind the script's end: the demonstration, which says what it is.
    let demonstration = told["demonstration"].to_string();
    assert!(demonstration.contains("completed"), "{demonstration}");
}
