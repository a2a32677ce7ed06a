//! `POST /api/v1/workspaces/{workspace_id}/members`.

use serde_json::json;
use testkit::TestApp;

use super::{INVITATIONS, MEMBERS, invitation, joins};

#[tokio::test]
async fn makes_a_pending_invitation_and_no_member() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let body = json!({ "email": "Carol@Example.com", "role": "admin" });
    let made = app.admin().post(MEMBERS, &body).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["email"], "Carol@Example.com");
    assert_eq!(
        (&made["role"], &made["status"]),
        (&json!("admin"), &json!("pending"))
    );
    assert_eq!(made["invited_by"], app.admin().user_id().to_string());
    let days =
        app.sql("select extract(day from expires_at - created_at)::text from identity.invitations");
    assert_eq!(days.single(), Some("14"));
    // The role is member unless it is said.
    let by_id = json!({ "user_id": bob.user_id() });
    let by_id = alice.post(MEMBERS, &by_id).await.json();
    assert_eq!(by_id["user_id"], bob.user_id().to_string());
    assert_eq!(by_id["role"], "member");
    assert_eq!(bob.get("/api/v1/workspaces/a").await.status(), 404);
    let members = alice.get(MEMBERS).await.json();
    assert_eq!(members["members"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn refuses_what_names_nobody() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    for (body, pointer) in [
        (json!({}), "/email"),
        (json!({ "email": "carol" }), "/email"),
        (json!({ "email": "@example.com" }), "/email"),
        (json!({ "email": "carol @example.com" }), "/email"),
        (json!({ "email": "carol\u{202e}@example.com" }), "/email"),
        (
            json!({ "email": format!("{}@example.com", "c".repeat(250)) }),
            "/email",
        ),
        (json!({ "user_id": "carol" }), "/user_id"),
        (
            json!({ "email": "carol@example.com", "user_id": bob.user_id() }),
            "/user_id",
        ),
        (
            json!({ "email": "carol@example.com", "role": "god" }),
            "/role",
        ),
        (json!({ "mail": "carol@example.com" }), "/mail"),
    ] {
        let refused = alice.post(MEMBERS, &body).await;
        assert_eq!(refused.status(), 400, "{body}: {}", refused.text());
        let errors = refused.json()["errors"].clone();
        let mut errors = errors.as_array().unwrap().iter();
        assert!(
            errors.any(|error| error["pointer"] == pointer),
            "{body}: {}",
            refused.text()
        );
    }
}

#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let owner = json!({ "user_id": bob.user_id(), "role": "owner" });
    let refused = app.admin().post(MEMBERS, &owner).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert_eq!(refused.code(), "role_required");
    // Nor does an owner's key.
    let key = json!({ "name": "ci", "role": "admin" });
    let key = alice.post("/api/v1/workspaces/a/keys", &key).await.json();
    let machine = alice.with_token(key["value"].as_str().unwrap());
    assert_eq!(machine.post(MEMBERS, &owner).await.status(), 403);
    joins(&alice, &bob, "owner").await;
    let read = bob.get("/api/v1/workspaces/a").await.json();
    assert_eq!(read["role"], "owner");
}

#[tokio::test]
async fn who_is_in_already_is_not_invited() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    for body in [
        json!({ "user_id": app.viewer().user_id(), "role": "admin" }),
        json!({ "email": "VIEWER@example.com", "role": "admin" }),
    ] {
        let refused = alice.post(MEMBERS, &body).await;
        assert_eq!(refused.status(), 409, "{}", refused.text());
        assert_eq!(refused.code(), "already_member");
    }
}

#[tokio::test]
async fn inviting_again_replaces_the_open_invitation() {
    let (_app, alice, bob) = TestApp::with_two_workspaces().await;
    let first = invitation(&alice, &bob, "admin").await;
    let second = invitation(&alice, &bob, "viewer").await;
    let open = alice.get(INVITATIONS).await.json();
    assert_eq!(open["invitations"].as_array().unwrap().len(), 1);
    assert_eq!(open["invitations"][0]["id"], second["id"]);
    let over = bob
        .post(&super::answering(&first, "accept"), &json!({}))
        .await;
    assert_eq!(over.status(), 409, "{}", over.text());
    assert_eq!(over.code(), "invitation_over");
}
