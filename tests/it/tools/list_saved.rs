//! `GET /api/v1/tools/saved`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

use crate::walk::{texts, walk};

#[tokio::test]
async fn a_walk_by_cursors_meets_each_tool_once() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let mut ids = Vec::new();
    for name in ["e", "b", "a-1", "a_1", "d", "c", "0"] {
        ids.push(alice.registers(ToolBuilder::get("/x").id(name)).await.id);
    }
    bob.registers(ToolBuilder::get("/x").id("bobs")).await;
    // By bytes: `-` before digits before `_` before letters.
    ids.sort();
    for limit in [1, 2, 3, 7, 50] {
        let walked = walk(&app.viewer(), "/api/v1/tools/saved", "tools", limit).await;
        assert_eq!(texts(&walked, "id"), ids, "{limit} at a time");
    }
}

#[tokio::test]
async fn tells_version_author_and_source() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let member = app.member();
    let tool = member.registers(ToolBuilder::get("/weather")).await;
    let mut document = tool.document.clone();
    document["description"] = json!("Another one.");
    alice.put(&tool.saved_path(), &document).await;
    let listed = alice.get("/api/v1/tools/saved").await.json();
    let saved = &listed["tools"][0];
    assert_eq!(saved["version"], 2);
    assert_eq!(saved["description"], "Another one.");
    assert_eq!(saved["source"], "api");
    assert_eq!(saved["published"], false);
    assert_eq!(saved["created_by"], member.user_id().to_string());
    assert_eq!(saved["updated_by"], alice.user_id().to_string());
    assert_eq!(saved["config"], document);
    assert_ne!(saved["created_at"], saved["updated_at"]);
}

#[tokio::test]
async fn pages_hold_fifty_unless_told_otherwise() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for number in 0..52 {
        alice
            .registers(ToolBuilder::get("/x").id(&format!("tool_{number}")))
            .await;
    }
    let page = alice.get("/api/v1/tools/saved").await.json();
    assert_eq!(page["tools"].as_array().unwrap().len(), 50);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = alice
        .get(&format!("/api/v1/tools/saved?cursor={cursor}"))
        .await
        .json();
    assert_eq!(rest["tools"].as_array().unwrap().len(), 2);
    assert_eq!(rest.get("next_cursor"), None);
}
