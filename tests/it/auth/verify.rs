//! `POST /api/v1/tools/{tool_id}/verify`: the test of a connection.

use serde_json::{Value, json};
use testkit::{Answer, Persona, RegisteredTool, Response, TestApp, ToolBuilder};

const KEY: &str = "a-key-of-some-length";

async fn tests(alice: &Persona, tool: &RegisteredTool) -> Response {
    let path = format!("{}/verify", tool.path());
    alice
        .send(alice.request(reqwest::Method::POST, &path))
        .await
}

fn tool(verify: &Value) -> ToolBuilder {
    let auth = json!({ "method": "bearer", "secret_ref": "${KEY}", "verify": verify });
    ToolBuilder::post("/v1/orders/{id}")
        .auth(auth)
        .set("/api/headers", json!({ "X-Version": "7" }))
        .input(json!({ "type": "object", "properties": { "id": {} }, "required": ["id"] }))
}

#[tokio::test]
async fn makes_its_own_call_with_the_tools_credential_and_no_input() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/me", json!({ "name": "me" }));
    alice.stores_secret("KEY", KEY).await;
    let tool = alice.registers(tool(&json!({ "path": "/me" }))).await;
    let told = tests(&alice, &tool).await;
    assert_eq!(told.status(), 200, "{}", told.text());
    let mut told = told.json();
    assert!(told["duration_ms"].take().is_u64());
    assert_eq!(
        told,
        json!({ "ok": true, "status": 200, "duration_ms": null })
    );
    let sent = app.upstream().requests();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].method.as_str(), sent[0].target.as_str()),
        ("GET", "/me")
    );
    assert_eq!(
        sent[0].header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    assert_eq!(sent[0].header("x-version"), Some("7"));
    assert!(sent[0].body.is_empty());
    // No run of the tool, but a use of the secret.
    let count = |of: &str| app.sql(&format!("select count(*) from {of}")).rows[0][0].clone();
    let uses = "secrets.audit where action = 'secret.use'";
    assert_eq!(count("orchestration.executions").as_deref(), Some("0"));
    assert_eq!(count(uses).as_deref(), Some("1"));
}

#[tokio::test]
async fn tells_what_is_wrong() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    alice.stores_secret("KEY", KEY).await;
    let rule = json!({ "path": "/me", "success_when": { "path": "ok", "equals": true } });
    let tool = alice.registers(tool(&rule)).await;
    let refused = json!({ "echo": KEY });
    for (reply, status, code) in [
        (
            Answer::json(&refused).status(401),
            json!(401),
            "auth_failed",
        ),
        (
            Answer::json(&refused).status(403),
            json!(403),
            "auth_failed",
        ),
        (
            Answer::json(&refused).status(404),
            json!(404),
            "upstream_4xx",
        ),
        (
            Answer::json(&json!({ "ok": false })),
            json!(200),
            "upstream_error",
        ),
        (
            Answer::text("<html>").header("X-A", "b"),
            json!(null),
            "invalid_response",
        ),
    ] {
        app.upstream().on("/me", reply);
        let told = tests(&alice, &tool).await;
        assert_eq!(told.status(), 200, "{}", told.text());
        assert!(!told.text().contains(KEY));
        let told = told.json();
        assert_eq!(told["ok"], false, "{told}");
        assert_eq!(told["error"]["code"], code, "{told}");
        assert!(
            !told["error"]["hint"].as_str().unwrap().is_empty(),
            "{told}"
        );
        if !status.is_null() {
            assert_eq!(told["status"], status, "{told}");
        }
    }
    app.upstream().on("/me", json!({ "ok": true }));
    assert_eq!(tests(&alice, &tool).await.json()["ok"], true);
}

#[tokio::test]
async fn a_missing_secret_is_told_and_nothing_is_sent() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(tool(&json!({ "path": "/me" }))).await;
    let told = tests(&alice, &tool).await.json();
    assert_eq!(told["error"]["code"], "secret_missing", "{told}");
    assert_eq!(told.get("status"), None);
    assert!(app.upstream().requests().is_empty());
}

#[tokio::test]
async fn a_tool_without_a_test_says_so() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let plain = alice.registers(ToolBuilder::get("/x")).await;
    let told = tests(&alice, &plain).await;
    assert_eq!(
        (told.status().as_u16(), told.code()),
        (409, "nothing_to_verify".to_owned())
    );
    assert!(told.text().contains("api.auth.verify"), "{}", told.text());
    assert_eq!(tests(&bob, &plain).await.status(), 404);
    let code = RegisteredTool {
        id: "current_time".to_owned(),
        document: json!({}),
    };
    assert_eq!(tests(&alice, &code).await.code(), "nothing_to_verify");
}
