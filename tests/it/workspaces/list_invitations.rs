//! `GET /api/v1/workspaces/{workspace_id}/invitations`.

use serde_json::json;
use testkit::TestApp;

use super::{INVITATIONS, MEMBERS};
use crate::walk::{texts, walk};

#[tokio::test]
async fn shows_admins_what_is_open_oldest_first() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    for name in ["one", "two", "three"] {
        let body = json!({ "email": format!("{name}@example.com") });
        assert_eq!(alice.post(MEMBERS, &body).await.status(), 201);
    }
    app.sql("update identity.invitations set expires_at = now() where email like 'two@%'");
    let listed = app.admin().get(INVITATIONS).await.json();
    let open = listed["invitations"].as_array().unwrap();
    assert_eq!(
        texts(open, "email"),
        ["one@example.com", "three@example.com"]
    );
    assert_eq!(&walk(&alice, INVITATIONS, "invitations", 1).await, open);
    assert_eq!(app.member().get(INVITATIONS).await.status(), 403);
    assert_eq!(bob.get(INVITATIONS).await.status(), 404);
}
