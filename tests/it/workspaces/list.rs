//! `GET /api/v1/workspaces`.

use serde_json::json;
use testkit::TestApp;

use crate::walk::texts;

#[tokio::test]
async fn lists_ones_own_oldest_first_with_ones_role() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let more = json!({ "name": "A second one" });
    assert_eq!(alice.post("/api/v1/workspaces", &more).await.status(), 201);
    let mine = alice.get("/api/v1/workspaces").await.json();
    let mine = mine["workspaces"].as_array().unwrap();
    assert_eq!(texts(mine, "slug"), ["a", "a-second-one"]);
    assert_eq!(texts(mine, "role"), ["owner", "owner"]);
    for (who, slug, role) in [
        (app.viewer(), "a", "viewer"),
        (app.member(), "a", "member"),
        (app.admin(), "a", "admin"),
        (bob, "b", "owner"),
    ] {
        let listed = who.get("/api/v1/workspaces").await.json();
        let listed = listed["workspaces"].as_array().unwrap();
        assert_eq!(texts(listed, "slug"), [slug], "{}", who.name());
        assert_eq!(texts(listed, "role"), [role], "{}", who.name());
    }
    let none = app.stranger().get("/api/v1/workspaces").await.json();
    assert_eq!(none, json!({ "workspaces": [] }));
}
