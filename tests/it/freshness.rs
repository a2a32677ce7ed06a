//! Two processes on one database: what one changes, the other knows on its very next request.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

#[tokio::test]
async fn a_change_in_one_process_is_live_in_another_on_its_next_request() {
    let (first, alice, _) = TestApp::with_two_empty_workspaces().await;
    let second = first.second().await;
    let there = second.alice();
    for path in ["/one", "/two"] {
        first.upstream().on(path, json!({ "path": path }));
    }
    // Both are warm.
    for who in [&alice, &there] {
        assert_eq!(
            who.get("/api/v1/tools").await.json(),
            json!({ "tools": [] })
        );
    }

    let tool = alice.registers(ToolBuilder::get("/one")).await;
    let run = there.executes(&tool, json!({})).await;
    assert_eq!(
        run.json()["output"],
        json!({ "path": "/one" }),
        "{}",
        run.text()
    );

    let mut revised = tool.document.clone();
    revised["api"]["path"] = json!("/two");
    assert_eq!(alice.put(&tool.saved_path(), &revised).await.status(), 200);
    let run = there.executes(&tool, json!({})).await;
    assert_eq!(
        run.json()["output"],
        json!({ "path": "/two" }),
        "{}",
        run.text()
    );
    assert_eq!(there.get(&tool.path()).await.json()["version"], 2);

    let restore = format!("{}/versions/1/restore", tool.saved_path());
    assert_eq!(there.post(&restore, &json!({})).await.status(), 200);
    let run = alice.executes(&tool, json!({})).await;
    assert_eq!(
        run.json()["output"],
        json!({ "path": "/one" }),
        "{}",
        run.text()
    );

    let mut off = tool.document.clone();
    off["enabled"] = json!(false);
    assert_eq!(alice.put(&tool.saved_path(), &off).await.status(), 200);
    let run = there.executes(&tool, json!({})).await;
    assert_eq!(run.status(), 409, "{}", run.text());
    assert_eq!(run.code(), "tool_disabled");

    assert_eq!(alice.delete(&tool.saved_path()).await.status(), 204);
    assert_eq!(there.executes(&tool, json!({})).await.status(), 404);
    assert_eq!(
        there.get("/api/v1/tools").await.json(),
        json!({ "tools": [] })
    );
    assert_eq!(
        there.post("/api/v1/tools", &tool.document).await.status(),
        201
    );
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
}

#[tokio::test]
async fn rights_that_were_taken_are_gone_on_the_next_request() {
    let (first, alice, _) = TestApp::with_two_workspaces().await;
    let second = first.second().await;
    let member = second.member();
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    first.upstream().on("*", json!({}));
    assert_eq!(member.executes(&tool, json!({})).await.status(), 200);
    let id = member.user_id();
    first.sql(&format!(
        "update identity.memberships set role = 'viewer' where user_id = '{id}'"
    ));
    assert_eq!(member.executes(&tool, json!({})).await.status(), 403);
    assert_eq!(member.get(&tool.path()).await.status(), 200);
    first.sql(&format!(
        "delete from identity.memberships where user_id = '{id}'"
    ));
    assert_eq!(member.get(&tool.path()).await.code(), "workspace_required");
}

#[tokio::test]
async fn while_nothing_changed_no_tool_is_read_from_the_database() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let cold = app.second().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let listed = alice.get("/api/v1/tools").await.text();
    // From here on, whoever reads a tool from the database fails.
    app.sql("revoke select on catalog.tools, catalog.tool_versions from authenticated");
    assert_ne!(cold.alice().get("/api/v1/tools").await.status(), 200);
    for _ in 0..3 {
        assert_eq!(alice.get("/api/v1/tools").await.text(), listed);
        assert_eq!(app.viewer().get(&tool.path()).await.status(), 200);
        assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
        let body = json!({ "input": {} });
        assert_eq!(alice.post(&tool.preview_path(), &body).await.status(), 200);
    }
}
