//! `PATCH /api/v1/workspaces/{workspace_id}`.

use serde_json::json;
use testkit::TestApp;

#[tokio::test]
async fn changes_what_is_named_and_nothing_else() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let id = alice.workspace_id().to_string();
    let named = json!({ "name": "  Research  " });
    let named = app.admin().patch("/api/v1/workspaces/a", &named).await;
    assert_eq!(named.status(), 200, "{}", named.text());
    let named = named.json();
    assert_eq!(
        (&named["name"], &named["slug"], &named["role"]),
        (&json!("Research"), &json!("a"), &json!("admin"))
    );
    let moved = json!({ "slug": "research" });
    let moved = alice.patch("/api/v1/workspaces/a", &moved).await;
    assert_eq!(moved.status(), 200, "{}", moved.text());
    assert_eq!(alice.get("/api/v1/workspaces/a").await.status(), 404);
    for selector in ["research", id.as_str()] {
        let read = alice.get(&format!("/api/v1/workspaces/{selector}")).await;
        assert_eq!(read.json()["name"], "Research");
    }
    let slug = json!({ "slug": "research" });
    let taken = bob.patch("/api/v1/workspaces/b", &slug).await;
    assert_eq!(taken.status(), 409, "{}", taken.text());
    assert_eq!(taken.code(), "already_exists");
    assert_eq!(bob.get("/api/v1/workspaces/b").await.status(), 200);
}

#[tokio::test]
async fn refuses_names_and_slugs_that_would_confuse() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    for (body, pointer) in [
        (json!({}), "/name"),
        (json!({ "name": " " }), "/name"),
        (json!({ "name": "a\u{202e}b" }), "/name"),
        (json!({ "slug": "Upper" }), "/slug"),
        (
            json!({ "slug": "0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11" }),
            "/slug",
        ),
        (json!({ "nmae": "x" }), "/nmae"),
    ] {
        let refused = alice.patch("/api/v1/workspaces/a", &body).await;
        assert_eq!(refused.status(), 400, "{body}: {}", refused.text());
        let errors = refused.json()["errors"].clone();
        let mut errors = errors.as_array().unwrap().iter();
        assert!(errors.any(|error| error["pointer"] == pointer), "{body}");
    }
    let body = json!({ "name": "Mine" });
    for (who, status) in [(app.member(), 403), (bob, 404), (app.anon(), 401)] {
        let refused = who.patch("/api/v1/workspaces/a", &body).await;
        assert_eq!(refused.status(), status, "{}", who.name());
    }
}
