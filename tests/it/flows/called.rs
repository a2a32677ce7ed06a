//! Flows that are called like tools: by programs, by models, by MCP clients.

use serde_json::{Value, json};
use testkit::scripted_model::{call, say};
use testkit::{Answer, Persona, TestApp};

use super::acts::plain;
use super::saved;

/// A flow that is a tool: it calls one that the upstream answers or refuses.
async fn callable(persona: &Persona) {
    persona
        .stores_secret("PRIVATE_KEY_NAME", "the-value-of-it")
        .await;
    let auth = json!({ "method": "bearer", "secret_ref": "${PRIVATE_KEY_NAME}" });
    persona
        .registers(plain("GET", "/n", "inner_call").auth(auth))
        .await;
    let flow = json!({
        "id": "f", "name": "f", "description": "Answers a number.",
        "input_schema": { "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] },
        "steps": [{ "id": "one", "tool": "inner_call" }],
        "output": { "n": "{{ steps.one.output.n + input.n }}" },
    });
    saved(persona, &flow).await;
}

async fn mcp(persona: &Persona, input: Value) -> Value {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "f", "arguments": input } });
    let request = persona
        .request(reqwest::Method::POST, "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(message.to_string());
    persona.send(request).await.json()["result"].clone()
}

fn assert_silent(app: &TestApp, text: &str) {
    for word in [
        "PRIVATE_KEY_NAME",
        "the-value-of-it",
        app.upstream().host_port().as_str(),
        "a private word",
    ] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[tokio::test]
async fn answers_like_a_tool() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/n", json!({ "n": 40 }));
    callable(&alice).await;
    let path = "/api/v1/tools/f/execute";
    let made = alice.post(path, &json!({ "input": { "n": 2 } })).await;
    assert_eq!(made.status(), 200, "{}", made.text());
    let made = made.json();
    assert_eq!(
        (&made["success"], &made["output"]),
        (&json!(true), &json!({ "n": 42 }))
    );
    let run = alice
        .get(&format!(
            "/api/v1/flows/f/runs/{}",
            made["execution_id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(run.json()["status"], "succeeded");
    let bad = alice.post(path, &json!({ "input": {} })).await;
    assert_eq!(
        (bad.status().as_u16(), bad.code().as_str()),
        (400, "invalid_input")
    );
    app.upstream()
        .on("/n", Answer::text("a private word").status(404));
    let failed = alice.post(path, &json!({ "input": { "n": 2 } })).await;
    assert_eq!(
        (failed.status().as_u16(), failed.code().as_str()),
        (500, "flow_failed"),
        "{}",
        failed.text()
    );
    assert_eq!(failed.json()["error"]["details"]["error"]["step_id"], "one");
}

#[tokio::test]
async fn a_model_gets_its_output_and_no_private_details_of_its_failure() {
    let (app, alice) = TestApp::with_model().await;
    app.upstream().on("/n", json!({ "n": 40 }));
    callable(&alice).await;
    let prompt = json!({ "prompt": "The number", "tools": ["f"] });
    app.model()
        .then(call([("f", json!({ "n": 2 }))]))
        .then(say("It is 42."));
    let answer = alice.post("/api/v1/orchestrate", &prompt).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(
        answer.json()["tool_calls"][0]["output"],
        json!({ "n": 42 }),
        "{}",
        answer.text()
    );
    let told = app.model().last_request().unwrap();
    assert!(told.outputs()[0].1.to_string().contains("42"));

    app.upstream()
        .on("/n", Answer::text("a private word").status(401));
    app.model()
        .then(call([("f", json!({ "n": 2 }))]))
        .then(say("It failed."));
    assert_eq!(
        alice.post("/api/v1/orchestrate", &prompt).await.status(),
        200
    );
    let told = app.model().last_request().unwrap();
    let output = told.outputs()[0].1.to_string();
    assert!(output.contains("flow_failed"), "{output}");
    assert_silent(&app, &told.everything());
    assert_eq!(app.model().refusals(), [""; 0]);
}

#[tokio::test]
async fn an_mcp_client_gets_its_output_and_no_private_details_of_its_failure() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/n", json!({ "n": 40 }));
    callable(&alice).await;
    let result = mcp(&alice, json!({ "n": 2 })).await;
    assert_eq!(result["isError"], false, "{result}");
    assert_eq!(result["structuredContent"], json!({ "n": 42 }), "{result}");
    app.upstream()
        .on("/n", Answer::text("a private word").status(401));
    let result = mcp(&alice, json!({ "n": 2 })).await;
    assert_eq!(result["isError"], true, "{result}");
    assert!(result.to_string().contains("flow_failed"), "{result}");
    assert_silent(&app, &result.to_string());
}
