//! `GET /api/v1/workspaces/{workspace_id}`.

use serde_json::json;
use testkit::TestApp;

#[tokio::test]
async fn is_found_by_id_and_by_slug() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let id = alice.workspace_id().to_string();
    for (who, role) in [(&alice, "owner"), (&app.viewer(), "viewer")] {
        for selector in [id.as_str(), "a"] {
            let response = who.get(&format!("/api/v1/workspaces/{selector}")).await;
            assert_eq!(response.status(), 200, "{}", response.text());
            let mut found = response.json();
            assert!(found["created_at"].take().is_string());
            assert_eq!(
                found,
                json!({ "id": id, "name": "Workspace A", "slug": "a", "role": role, "created_at": null })
            );
        }
    }
}

#[tokio::test]
async fn a_foreign_one_is_as_one_that_does_not_exist() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let foreign = format!("/api/v1/workspaces/{}", bob.workspace_id());
    let mut answers = Vec::new();
    for path in [
        foreign.as_str(),
        "/api/v1/workspaces/b",
        "/api/v1/workspaces/nowhere",
        "/api/v1/workspaces/0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11",
    ] {
        let response = alice.get(path).await;
        assert_eq!(response.status(), 404, "{path}: {}", response.text());
        let mut problem = response.json();
        problem["request_id"].take();
        answers.push(problem);
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(app.anon().get("/api/v1/workspaces/a").await.status(), 401);
}
