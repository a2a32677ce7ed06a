//! `POST /api/v1/invitations/{invitation_id}/decline`.

use serde_json::json;
use testkit::TestApp;

use super::{INVITATIONS, answering, invitation};

#[tokio::test]
async fn ends_an_invitation_for_good() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let open = invitation(&alice, &bob, "member").await;
    let path = answering(&open, "decline");
    assert_eq!(app.viewer().post(&path, &json!({})).await.status(), 404);
    for _ in 0..2 {
        let declined = bob.post(&path, &json!({})).await;
        assert_eq!(declined.status(), 204, "{}", declined.text());
    }
    let none = json!({ "invitations": [] });
    assert_eq!(alice.get(INVITATIONS).await.json(), none);
    assert_eq!(bob.get("/api/v1/invitations").await.json(), none);
    let lines = app.sql(
        "select string_agg(actor::text, ',') from secrets.audit where action = 'invitation.decline'",
    );
    assert_eq!(lines.single(), Some(bob.user_id().to_string().as_str()));
    // Another one may be accepted.
    super::joins(&alice, &bob, "member").await;
    let late = bob.post(&path, &json!({})).await;
    assert_eq!(late.status(), 204, "{}", late.text());
    assert_eq!(bob.get("/api/v1/workspaces/a").await.status(), 200);
}
