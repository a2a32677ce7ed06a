//! `DELETE /api/v1/workspaces/{workspace_id}/keys/{key_id}`.

use serde_json::json;
use testkit::TestApp;

#[tokio::test]
async fn ends_a_key_at_once_everywhere() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let second = app.second().await;
    let path = "/api/v1/workspaces/a/keys";
    let key = alice.post(path, &json!({ "name": "ci" })).await.json();
    let value = key["value"].as_str().unwrap();
    let machines = [alice.with_token(value), second.alice().with_token(value)];
    for machine in &machines {
        assert_eq!(machine.get("/api/v1/tools").await.status(), 200);
    }
    let one = format!("{path}/{}", key["id"].as_str().unwrap());
    let revoked = app.admin().delete(&one).await;
    assert_eq!(revoked.status(), 204, "{}", revoked.text());
    for machine in &machines {
        let refused = machine.get("/api/v1/tools").await;
        assert_eq!(refused.status(), 401, "{}", refused.text());
    }
    let listed = alice.get(path).await.json();
    assert_eq!(listed, json!({ "keys": [] }));
    assert_eq!(alice.delete(&one).await.status(), 404);
    let audited = app.sql("select actor::text from secrets.audit where action = 'key.revoke'");
    assert_eq!(
        audited.single(),
        Some(app.admin().user_id().to_string().as_str())
    );
}

#[tokio::test]
async fn a_key_is_reached_through_its_own_workspace_only() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let key = json!({ "name": "ci" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let id = key["id"].as_str().unwrap();
    for (who, workspace, status) in [
        (&bob, "b", 404),
        (&bob, "a", 404),
        (&app.member(), "a", 403),
        (&app.anon(), "a", 401),
        (&alice, "b", 404),
    ] {
        let response = who
            .delete(&format!("/api/v1/workspaces/{workspace}/keys/{id}"))
            .await;
        assert_eq!(response.status(), status, "{} {workspace}", who.name());
    }
    assert_eq!(
        alice
            .delete("/api/v1/workspaces/a/keys/no-id")
            .await
            .status(),
        404
    );
    let machine = alice.with_token(key["value"].as_str().unwrap());
    assert_eq!(machine.get("/api/v1/tools").await.status(), 200);
}
