//! `DELETE /api/v1/workspaces/{workspace_id}/members/{user_id}`.

use serde_json::json;
use testkit::TestApp;

use super::{invitation, joins, member_path};

#[tokio::test]
async fn ends_a_membership_at_once_with_its_keys() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let (second, admin) = (app.second().await, app.admin());
    let key = json!({ "name": "ci", "role": "admin" });
    let key = admin.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = second.admin().with_token(key["value"].as_str().unwrap());
    assert_eq!(machine.get("/api/v1/tools").await.status(), 200);
    let removed = alice.delete(&member_path(&admin)).await;
    assert_eq!(removed.status(), 204, "{}", removed.text());
    assert_eq!(
        second.admin().get("/api/v1/workspaces/a").await.status(),
        404
    );
    assert_eq!(machine.get("/api/v1/tools").await.status(), 401);
    assert_eq!(alice.delete(&member_path(&admin)).await.status(), 404);
    // Who comes back begins anew.
    joins(&alice, &admin, "admin").await;
    assert_eq!(second.admin().get("/api/v1/tools").await.status(), 200);
    assert_eq!(machine.get("/api/v1/tools").await.status(), 401);
    let lines = app.sql(
        "select string_agg(action, ' ' order by id) from secrets.audit where action like 'member.%' or action = 'key.revoke'",
    );
    assert_eq!(lines.single(), Some("member.remove key.revoke member.join"));
}

#[tokio::test]
async fn anybody_may_leave_and_nobody_below_admin_removes_another() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let (viewer, member) = (app.viewer(), app.member());
    for (who, whom, status) in [
        (&viewer, &member, 403),
        (&member, &viewer, 403),
        (&app.admin(), &alice, 403),
        (&bob, &viewer, 404),
        (&app.anon(), &viewer, 401),
    ] {
        let answer = who.delete(&member_path(whom)).await;
        assert_eq!(answer.status(), status, "{} {}", who.name(), whom.name());
    }
    // A machine does not leave for its maker.
    let key = json!({ "name": "ci", "role": "member" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = alice.with_token(key["value"].as_str().unwrap());
    assert_eq!(machine.delete(&member_path(&alice)).await.status(), 403);
    let gone = viewer.delete(&member_path(&viewer)).await;
    assert_eq!(gone.status(), 204, "{}", gone.text());
    assert_eq!(viewer.get("/api/v1/workspaces/a").await.status(), 404);
    let line = app.sql("select actor::text from secrets.audit where action = 'member.remove'");
    assert_eq!(line.single(), Some(viewer.user_id().to_string().as_str()));
}

#[tokio::test]
async fn the_last_owner_cannot_leave() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let refused = alice.delete(&member_path(&alice)).await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
    assert_eq!(refused.code(), "last_owner");
    joins(&alice, &bob, "owner").await;
    // Both at once: one of them stays.
    let (mine, theirs) = (member_path(&alice), member_path(&bob));
    let (one, other) = tokio::join!(alice.delete(&mine), bob.delete(&theirs));
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "{} {}", one.text(), other.text());
    let owners = app.sql(
        "select count(*) from identity.memberships m join identity.workspaces w on w.id = m.workspace_id
         where w.slug = 'a' and m.role = 'owner'",
    );
    assert_eq!(owners.single(), Some("1"));
}

#[tokio::test]
async fn who_leaves_takes_open_invitations_along() {
    let (app, _, bob) = TestApp::with_two_workspaces().await;
    let admin = app.admin();
    let open = invitation(&admin, &bob, "member").await;
    assert_eq!(admin.delete(&member_path(&admin)).await.status(), 204);
    let refused = bob
        .post(&super::answering(&open, "accept"), &json!({}))
        .await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
}
