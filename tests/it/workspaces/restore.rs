//! `POST /api/v1/workspaces/{workspace_id}/restore`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

const PATH: &str = "/api/v1/workspaces/a/restore";

#[tokio::test]
async fn an_owner_finds_what_was_deleted_and_has_it_back_as_it_was() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let second = app.second().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let key = json!({ "name": "ci", "role": "viewer" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = alice.with_token(key["value"].as_str().unwrap());
    let before = alice.get("/api/v1/workspaces/a").await.json();
    assert_eq!(alice.delete("/api/v1/workspaces/a").await.status(), 204);

    let deleted = alice.get("/api/v1/workspaces?deleted=true").await.json();
    let one = &deleted["workspaces"][0];
    assert_eq!(one["slug"], "a");
    let days = app.sql(&format!(
        "select round(extract(epoch from '{}'::timestamptz - deleted_at) / 86400)::text
         from identity.workspaces where slug = 'a'",
        one["restorable_until"].as_str().unwrap()
    ));
    assert_eq!(days.single(), Some("30"));
    let none = json!({ "workspaces": [] });
    let admins = app.admin().get("/api/v1/workspaces?deleted=true").await;
    assert_eq!(admins.json(), none);

    for _ in 0..2 {
        let restored = alice.post(PATH, &json!({})).await;
        assert_eq!(restored.status(), 200, "{}", restored.text());
        assert_eq!(restored.json(), before);
    }
    assert_eq!(second.viewer().get(&tool.path()).await.status(), 200);
    assert_eq!(machine.get(&tool.path()).await.status(), 200);
    let deleted = alice.get("/api/v1/workspaces?deleted=true").await.json();
    assert_eq!(deleted, none);
    let lines = app.sql(
        "select string_agg(action, ' ' order by id) from secrets.audit where action in ('workspace.delete', 'workspace.restore')",
    );
    assert_eq!(lines.single(), Some("workspace.delete workspace.restore"));
}

#[tokio::test]
async fn to_all_others_a_deleted_workspace_does_not_exist() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let key = json!({ "name": "ci", "role": "admin" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = alice.with_token(key["value"].as_str().unwrap());
    // While it is there, the role is what counts.
    assert_eq!(app.admin().post(PATH, &json!({})).await.status(), 403);
    assert_eq!(alice.delete("/api/v1/workspaces/a").await.status(), 204);
    for (who, status) in [
        (&app.admin(), 404),
        (&app.viewer(), 404),
        (&bob, 404),
        (&machine, 401),
        (&app.anon(), 401),
    ] {
        let refused = who.post(PATH, &json!({})).await;
        assert_eq!(refused.status(), status, "{}", refused.text());
    }
    assert_eq!(alice.post(PATH, &json!({})).await.status(), 200);
}
