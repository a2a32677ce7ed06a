//! The protocol's official Python SDK as a client: a URL and a key are all it is given.

use serde_json::{Value, json};
use testkit::{TestApp, ToolBuilder};
use tokio::process::Command;

use super::{LEGACY, MODERN};
use crate::skip::skip;

const SCRIPT: &str = include_str!("sdk.py");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_sdk_lists_calls_and_gets_a_prompt() {
    let Some(python) = testkit::python_with("mcp").await else {
        return skip(
            "mcp::sdk",
            "the mcp package is not installed (.ci/run installs it)",
        );
    };
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/weather", json!({ "degrees": 21.5 }));
    let city = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let output = json!({ "type": "object", "properties": { "degrees": { "type": "number" } } });
    alice
        .registers(ToolBuilder::get("/weather").input(city).output(output))
        .await;
    let prompt = json!({
        "id": "forecast", "name": "Forecast", "description": "Asks", "template": "Weather in {{city}}?",
        "variables": { "city": { "type": "string" } },
    });
    let saved = alice.post("/api/v1/prompts", &prompt).await;
    assert_eq!(saved.status(), 201, "{}", saved.text());
    let path = format!("/api/v1/workspaces/{}/keys", alice.workspace_id());
    let key = alice
        .post(&path, &json!({ "name": "a client", "role": "member" }))
        .await
        .json();
    let key = key["value"].as_str().unwrap();

    for (mode, version) in [("auto", MODERN), ("legacy", LEGACY)] {
        let url = format!("{}/mcp", app.url());
        let mut command = Command::new(&python);
        let output = command
            .args(["-c", SCRIPT, &url, key, mode])
            .output()
            .await
            .unwrap();
        assert!(
            output.status.success(),
            "{mode}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(seen["version"], version, "{seen}");
        let tools = seen["tools"].as_array().unwrap();
        assert!(tools.contains(&json!("get_weather")), "{seen}");
        assert_eq!(seen["output"], json!({ "degrees": 21.5 }));
        assert_eq!(
            seen["progress"],
            json!([[0.0, 2.0], [1.0, 2.0], [2.0, 2.0]])
        );
        assert_eq!(seen["failed"], true);
        assert_eq!(seen["prompts"], json!(["forecast"]));
        assert_eq!(seen["said"], json!(["Weather in Oslo?"]));
    }
}
