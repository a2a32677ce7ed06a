//! `POST /api/v1/workspaces`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

#[tokio::test]
async fn whoever_makes_a_workspace_owns_it() {
    let app = TestApp::start().await;
    let stranger = app.stranger();
    // Nobody is told about a workspace that they do not have.
    let before = stranger.get("/api/v1/tools").await;
    assert_eq!(before.status(), 400, "{}", before.text());
    assert_eq!(before.code(), "workspace_required");

    let made = stranger
        .post(
            "/api/v1/workspaces",
            &json!({ "name": "  Öffentliche  Daten! " }),
        )
        .await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["name"], "Öffentliche  Daten!");
    assert_eq!(made["slug"], "ffentliche-daten");
    assert_eq!(made["role"], "owner");
    let tool = stranger.registers(ToolBuilder::get("/weather")).await;
    assert_eq!(stranger.delete(&tool.saved_path()).await.status(), 204);
    assert_eq!(app.alice().get(&tool.path()).await.status(), 404);
}

#[tokio::test]
async fn a_slug_is_given_once() {
    let app = TestApp::start().await;
    let slug = json!({ "name": "Mine", "slug": "research" });
    let first = app.stranger().post("/api/v1/workspaces", &slug).await;
    assert_eq!(first.status(), 201, "{}", first.text());
    let second = app.stranger().post("/api/v1/workspaces", &slug).await;
    assert_eq!(second.status(), 409, "{}", second.text());
    assert_eq!(second.code(), "already_exists");
}

#[tokio::test]
async fn refuses_names_and_slugs_that_would_confuse() {
    let app = TestApp::start().await;
    let stranger = app.stranger();
    for (body, pointer) in [
        (json!({}), "/name"),
        (json!({ "name": "" }), "/name"),
        (json!({ "name": "   " }), "/name"),
        (json!({ "name": "a\u{202e}b" }), "/name"),
        (json!({ "name": "x".repeat(101) }), "/name"),
        (json!({ "name": "日本" }), "/slug"),
        (json!({ "name": "a", "slug": "Upper" }), "/slug"),
        (
            json!({ "name": "a", "slug": "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11" }),
            "/slug",
        ),
        (json!({ "name": "a", "owner": "me" }), "/owner"),
    ] {
        let response = stranger.post("/api/v1/workspaces", &body).await;
        assert_eq!(response.status(), 400, "{body}: {}", response.text());
        assert_eq!(response.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let none = stranger.get("/api/v1/workspaces").await.json();
    assert_eq!(none, json!({ "workspaces": [] }));
}

#[tokio::test]
async fn needs_a_person() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let body = json!({ "name": "More" });
    assert_eq!(
        app.anon().post("/api/v1/workspaces", &body).await.status(),
        401
    );
    let key = json!({ "name": "ci", "role": "admin" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = alice.with_token(key["value"].as_str().unwrap());
    let refused = machine.post("/api/v1/workspaces", &body).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert_eq!(refused.code(), "person_required");
}
