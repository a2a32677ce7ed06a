//! `POST /api/v1/tools`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

#[tokio::test]
async fn answers_201_with_the_id_and_keeps_the_document_as_it_was_written() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = ToolBuilder::stock_quote();
    let response = alice.tries_to_register(&tool).await;
    assert_eq!(response.status(), 201, "{}", response.text());
    assert_eq!(
        response.json(),
        json!({ "tool_id": "get_stock_quote", "registered": true, "version": 1 })
    );

    let read = alice.get("/api/v1/tools/get_stock_quote").await;
    assert_eq!(read.status(), 200);
    let document = tool.document(&app.upstream().base_url());
    assert_eq!(read.json()["config"], document);
    assert!(read.header("etag").is_some());
}

#[tokio::test]
async fn refuses_an_id_that_exists() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = ToolBuilder::get("/weather");
    alice.registers(tool.clone()).await;
    let again = alice.tries_to_register(&tool).await;
    assert_eq!(again.status(), 409, "{}", again.text());
}

#[tokio::test]
async fn tells_every_fault_at_once() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = ToolBuilder::get("/weather")
        .set("/descripton", "misspelt")
        .set("/api/method", "FETCH")
        .set("/api/timeout_ms", -1);
    let response = alice.tries_to_register(&tool).await;
    assert_eq!(response.status(), 400, "{}", response.text());
    let problem = response.json();
    let faults = problem["errors"].as_array().unwrap();
    let about = |pointer: &str| faults.iter().find(|fault| fault["pointer"] == pointer);
    let misspelt = about("/descripton").unwrap();
    let hint = misspelt["hint"].as_str().unwrap();
    assert!(hint.contains("description"), "{hint}");
    assert!(about("/api/method").is_some(), "{problem}");
    assert!(about("/api/timeout_ms").is_some(), "{problem}");
}

#[tokio::test]
async fn hides_tools_of_other_workspaces() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    assert_eq!(bob.get(&tool.path()).await.status(), 404);
    assert_eq!(bob.executes(&tool, json!({})).await.status(), 404);
    assert_eq!(alice.get(&tool.path()).await.status(), 200);
}

#[tokio::test]
async fn lets_a_viewer_read_but_not_register() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    assert_eq!(app.viewer().get(&tool.path()).await.status(), 200);
    let refused = app
        .viewer()
        .tries_to_register(&ToolBuilder::get("/other"))
        .await;
    assert_eq!(refused.status(), 403);
    let unknown = app.anon().get(&tool.path()).await;
    assert_eq!(unknown.status(), 401);
}

#[tokio::test]
async fn tools_survive_a_restart() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/weather", json!({ "celsius": 9 }));
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let app = app.restarted().await;
    let response = app.alice().executes(&tool, json!({})).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert_eq!(response.json()["output"], json!({ "celsius": 9 }));
}

#[tokio::test]
async fn a_tool_is_live_in_another_process_on_its_next_request() {
    let (first, alice, _) = TestApp::with_two_workspaces().await;
    let second = first.second().await;
    first.upstream().on("/weather", json!({ "celsius": 9 }));
    first.upstream().on("/elsewhere", json!({ "celsius": 30 }));
    // Both know the catalog as it was before.
    for app in [&first, &second] {
        let listed = app.alice().get("/api/v1/tools").await.json();
        let listed = listed["tools"].as_array().unwrap();
        assert!(listed.iter().all(|tool| tool["source"] == "builtin"));
    }
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let there = second.alice().executes(&tool, json!({})).await;
    assert_eq!(there.status(), 200, "{}", there.text());
    assert_eq!(there.json()["output"], json!({ "celsius": 9 }));

    let revised = ToolBuilder::raw(tool.document.clone()).set("/api/path", "/elsewhere");
    let document = revised.document(&first.upstream().base_url());
    let saved = second.alice().put(&tool.saved_path(), &document).await;
    assert_eq!(saved.status(), 200, "{}", saved.text());
    let here = alice.executes(&tool, json!({})).await;
    assert_eq!(here.json()["output"], json!({ "celsius": 30 }));
}
