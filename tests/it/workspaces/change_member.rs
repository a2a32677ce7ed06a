//! `PATCH /api/v1/workspaces/{workspace_id}/members/{user_id}`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

use super::{MEMBERS, invitation, joins, member_path};

#[tokio::test]
async fn counts_from_the_next_request_on_in_every_process() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let second = app.second().await;
    let tool = alice.registers(ToolBuilder::get("/x")).await;
    let member = second.member();
    assert_eq!(member.delete(&tool.saved_path()).await.status(), 403);
    let path = member_path(&member);
    let changed = app.admin().patch(&path, &json!({ "role": "admin" })).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    let changed = changed.json();
    assert_eq!(changed["role"], "admin");
    assert_eq!(changed["user_id"], member.user_id().to_string());
    assert_eq!(member.get("/api/v1/secrets").await.status(), 200);
    let lowered = alice.patch(&path, &json!({ "role": "viewer" })).await;
    assert_eq!(lowered.status(), 200, "{}", lowered.text());
    assert_eq!(member.delete(&tool.saved_path()).await.status(), 403);
    assert_eq!(member.get("/api/v1/secrets").await.status(), 403);
    let lines = app.sql(
        "select string_agg(detail ->> 'before' || ' ' || (detail ->> 'role'), ', ' order by id)
         from secrets.audit where action = 'member.role'",
    );
    assert_eq!(lines.single(), Some("member admin, admin viewer"));
}

#[tokio::test]
async fn owners_are_made_and_changed_by_owners_alone() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let (admin, owner) = (app.admin(), json!({ "role": "owner" }));
    for (path, body) in [
        (member_path(&admin), owner.clone()),
        (member_path(&app.viewer()), owner.clone()),
        (member_path(&alice), json!({ "role": "viewer" })),
    ] {
        let refused = admin.patch(&path, &body).await;
        assert_eq!(refused.status(), 403, "{}", refused.text());
        assert_eq!(refused.code(), "role_required");
    }
    assert_eq!(
        alice.patch(&member_path(&admin), &owner).await.status(),
        200
    );
    let lowered = admin
        .patch(&member_path(&alice), &json!({ "role": "viewer" }))
        .await;
    assert_eq!(lowered.status(), 200, "{}", lowered.text());
    for (path, status) in [
        (member_path(&bob), 404),
        (format!("{MEMBERS}/nobody"), 404),
        (member_path(&app.viewer()), 200),
    ] {
        let body = json!({ "role": "member" });
        assert_eq!(admin.patch(&path, &body).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn the_last_owner_stays_one() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let body = json!({ "role": "admin" });
    let refused = alice.patch(&member_path(&alice), &body).await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
    assert_eq!(refused.code(), "last_owner");
    assert_eq!(
        app.sql("select count(*) from secrets.audit where action = 'member.role'")
            .single(),
        Some("0")
    );
}

#[tokio::test]
async fn who_is_lowered_takes_their_open_invitations_along() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let admin = app.admin();
    let by_admin = invitation(&admin, &bob, "member").await;
    let body = json!({ "role": "member" });
    assert_eq!(alice.patch(&member_path(&admin), &body).await.status(), 200);
    let refused = bob
        .post(&super::answering(&by_admin, "accept"), &json!({}))
        .await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
    assert_eq!(bob.get("/api/v1/workspaces/a").await.status(), 404);
    joins(&alice, &bob, "member").await;
}
