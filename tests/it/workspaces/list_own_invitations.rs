//! `GET /api/v1/invitations`.

use serde_json::json;
use testkit::TestApp;

use super::{MEMBERS, invitation};
use crate::walk::walk;

const OWN: &str = "/api/v1/invitations";

#[tokio::test]
async fn shows_what_is_open_for_the_person_and_where() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let by_id = invitation(&alice, &bob, "viewer").await;
    let listed = bob.get(OWN).await.json();
    let one = &listed["invitations"][0];
    assert_eq!(one["id"], by_id["id"]);
    assert_eq!(one["role"], "viewer");
    assert_eq!(
        one["workspace"],
        json!({ "id": alice.workspace_id().to_string(), "name": "Workspace A", "slug": "a" })
    );
    let by_mail = json!({ "email": "STRANGER@example.com", "role": "member" });
    assert_eq!(alice.post(MEMBERS, &by_mail).await.status(), 201);
    let stranger = app.stranger();
    assert_eq!(walk(&stranger, OWN, "invitations", 1).await.len(), 1);
    let none = json!({ "invitations": [] });
    assert_eq!(app.viewer().get(OWN).await.json(), none);
    // A deleted workspace invites nobody.
    assert_eq!(alice.delete("/api/v1/workspaces/a").await.status(), 204);
    assert_eq!(bob.get(OWN).await.json(), none);
    let accept = super::answering(&by_id, "accept");
    assert_eq!(bob.post(&accept, &json!({})).await.status(), 404);
}
