//! `GET /api/v1/workspaces/{workspace_id}/members`.

use testkit::TestApp;

use super::MEMBERS;
use crate::walk::{texts, walk};

#[tokio::test]
async fn shows_everybody_with_their_role_page_by_page() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let listed = app.admin().get(MEMBERS).await;
    assert_eq!(listed.status(), 200, "{}", listed.text());
    let listed = listed.json();
    let members = listed["members"].as_array().unwrap();
    let mut roles = texts(members, "role");
    roles.sort_unstable();
    assert_eq!(roles, ["admin", "member", "owner", "viewer"]);
    assert_eq!(members[0]["user_id"], alice.user_id().to_string());
    assert_eq!(members[0]["email"], "alice@example.com");
    let walked = walk(&alice, MEMBERS, "members", 1).await;
    assert_eq!(&walked, members);
    assert_eq!(app.member().get(MEMBERS).await.status(), 403);
    assert_eq!(bob.get(MEMBERS).await.status(), 404);
}
