//! What stands in the database outlives the process.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

#[tokio::test]
async fn tools_secrets_keys_and_the_log_survive() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({ "celsius": 9 }));
    alice
        .stores_secret("API_KEY", "a-value-that-survives")
        .await;
    let auth = json!({ "method": "bearer", "secret_ref": "${API_KEY}" });
    let tool = alice
        .registers(ToolBuilder::get("/weather").auth(auth))
        .await;
    let mut revised = tool.document.clone();
    revised["description"] = json!("Changed.");
    alice.put(&tool.saved_path(), &revised).await;
    let retired = alice.registers(ToolBuilder::get("/retired")).await;
    alice.delete(&retired.saved_path()).await;
    let key = json!({ "name": "ci" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let done = alice.executes(&tool, json!({})).await.json();
    let record = format!(
        "/api/v1/executions/{}",
        done["execution_id"].as_str().unwrap()
    );
    let paths = [
        "/api/v1/tools".to_owned(),
        "/api/v1/tools?format=openai".to_owned(),
        "/api/v1/tools/saved".to_owned(),
        tool.path(),
        format!("{}/versions", tool.saved_path()),
        record,
        "/api/v1/workspaces".to_owned(),
    ];
    let mut before = Vec::new();
    for path in &paths {
        let response = alice.get(path).await;
        assert_eq!(response.status(), 200, "{path}: {}", response.text());
        before.push(response.text());
    }
    let machine_token = key["value"].as_str().unwrap().to_owned();

    let app = app.restarted().await;
    let alice = app.alice();
    for (path, before) in paths.iter().zip(&before) {
        assert_eq!(&alice.get(path).await.text(), before, "{path}");
    }
    assert_eq!(alice.get(&retired.path()).await.status(), 404);
    let machine = alice.with_token(&machine_token);
    let run = machine.executes(&tool, json!({})).await;
    assert_eq!(
        run.json()["output"],
        json!({ "celsius": 9 }),
        "{}",
        run.text()
    );
    let sent = app.upstream().last_request();
    assert_eq!(
        sent.header("authorization"),
        Some("Bearer a-value-that-survives")
    );
}
