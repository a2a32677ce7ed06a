//! `POST /api/v1/tools/saved/{tool_id}/versions/{n}/restore`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

#[tokio::test]
async fn an_earlier_version_becomes_the_next_one() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/first", json!({ "is": "first" }));
    app.upstream().on("/second", json!({ "is": "second" }));
    let tool = alice.registers(ToolBuilder::get("/first")).await;
    let first = alice.get(&tool.path()).await.json()["hash"].clone();
    let mut second = tool.document.clone();
    second["api"]["path"] = json!("/second");
    alice.put(&tool.saved_path(), &second).await;
    let run = alice.executes(&tool, json!({})).await.json();
    assert_eq!(run["output"], json!({ "is": "second" }));

    let restore = format!("{}/versions/1/restore", tool.saved_path());
    let member = app.member();
    let response = member
        .send(member.request(reqwest::Method::POST, &restore))
        .await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let saved = response.json();
    assert_eq!(saved["version"], 3);
    assert_eq!(saved["hash"], first);
    assert_eq!(saved["config"], tool.document);
    assert_eq!(saved["updated_by"], member.user_id().to_string());
    let run = alice.executes(&tool, json!({})).await.json();
    assert_eq!(run["output"], json!({ "is": "first" }));

    let history = alice
        .get(&format!("{}/versions", tool.saved_path()))
        .await
        .json();
    let history = history["versions"].as_array().unwrap();
    assert_eq!(history.len(), 3);
    assert_eq!(history[1]["config"], second);
}

#[tokio::test]
async fn the_current_version_is_restored_already() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let restore = format!("{}/versions/1/restore", tool.saved_path());
    let response = alice.post(&restore, &json!({})).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(response.json()["version"], 1);
}

#[tokio::test]
async fn what_was_never_saved_is_not_found() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let restore = |n: &str| format!("{}/versions/{n}/restore", tool.saved_path());
    for n in ["2", "0", "-1", "one", "99999999999", "1.0", "%31%2F..%2F1"] {
        let response = alice.post(&restore(n), &json!({})).await;
        assert_eq!(response.status(), 404, "{n}: {}", response.text());
    }
    assert_eq!(bob.post(&restore("1"), &json!({})).await.status(), 404);
    alice.delete(&tool.saved_path()).await;
    assert_eq!(alice.post(&restore("1"), &json!({})).await.status(), 404);
}
