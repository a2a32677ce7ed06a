//! `DELETE /api/v1/workspaces/{workspace_id}/invitations/{invitation_id}`.

use serde_json::json;
use testkit::TestApp;

use super::{INVITATIONS, invitation};

#[tokio::test]
async fn ends_an_open_invitation_through_its_own_workspace_only() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let open = invitation(&alice, &bob, "member").await;
    let id = open["id"].as_str().unwrap();
    let path = format!("{INVITATIONS}/{id}");
    for (who, path, status) in [
        (&bob, path.clone(), 404),
        (&bob, format!("/api/v1/workspaces/b/invitations/{id}"), 404),
        (&app.member(), path.clone(), 403),
        (&app.anon(), path.clone(), 401),
        (&alice, format!("{INVITATIONS}/no-id"), 404),
        (&app.admin(), path.clone(), 204),
        (&app.admin(), path.clone(), 404),
    ] {
        let response = who.delete(&path).await;
        assert_eq!(response.status(), status, "{} {path}", who.name());
    }
    let none = json!({ "invitations": [] });
    assert_eq!(bob.get("/api/v1/invitations").await.json(), none);
}
