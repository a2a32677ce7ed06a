//! `DELETE /api/v1/tools/saved/{tool_id}`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

#[tokio::test]
async fn takes_a_tool_out_of_use() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let kept = alice.registers(ToolBuilder::get("/kept")).await;
    let gone = app.admin().delete(&tool.saved_path()).await;
    assert_eq!(gone.status(), 204, "{}", gone.text());
    assert!(gone.bytes().is_empty());

    assert_eq!(alice.get(&tool.path()).await.status(), 404);
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 404);
    let body = json!({ "input": {} });
    assert_eq!(alice.post(&tool.preview_path(), &body).await.status(), 404);
    let put = alice.put(&tool.saved_path(), &tool.document).await;
    assert_eq!(put.status(), 404, "{}", put.text());
    for path in [
        "/api/v1/tools",
        "/api/v1/tools/saved",
        "/api/v1/tools?format=openai",
    ] {
        let listed = alice.get(path).await.text();
        assert!(!listed.contains("get_weather"), "{path}: {listed}");
        assert!(listed.contains("get_kept"), "{path}: {listed}");
    }
    assert_eq!(alice.get(&kept.path()).await.status(), 200);
    assert_eq!(app.upstream().connections(), 0);
    // Once.
    assert_eq!(alice.delete(&tool.saved_path()).await.status(), 404);
}

#[tokio::test]
async fn the_history_stays_and_goes_on_when_the_id_is_registered_again() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    alice.delete(&tool.saved_path()).await;
    let versions = format!("{}/versions", tool.saved_path());
    let history = alice.get(&versions).await;
    assert_eq!(history.status(), 200, "{}", history.text());
    let first = history.json()["versions"][0].clone();
    assert_eq!(first["version"], 1);
    assert_eq!(first["config"], tool.document);

    // Even the very same document is a new beginning.
    let again = alice.post("/api/v1/tools", &tool.document).await;
    assert_eq!(again.status(), 201, "{}", again.text());
    assert_eq!(
        again.json(),
        json!({ "tool_id": "get_weather", "registered": true, "version": 2 })
    );
    let history = alice.get(&versions).await.json();
    let history = history["versions"].as_array().unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[1], first);
    assert_eq!(alice.get(&tool.path()).await.json()["version"], 2);
}

#[tokio::test]
async fn belongs_to_admins() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    for (who, status) in [
        (app.viewer(), 403),
        (app.member(), 403),
        (bob, 404),
        (app.anon(), 401),
    ] {
        let response = who.delete(&tool.saved_path()).await;
        assert_eq!(
            response.status(),
            status,
            "{}: {}",
            who.name(),
            response.text()
        );
    }
    assert_eq!(alice.get(&tool.path()).await.status(), 200);
}
