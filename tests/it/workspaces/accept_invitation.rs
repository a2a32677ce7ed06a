//! `POST /api/v1/invitations/{invitation_id}/accept`.

use serde_json::json;
use testkit::{Persona, TestApp};

use super::{INVITATIONS, MEMBERS, answering, invitation, member_path};

#[tokio::test]
async fn makes_a_member_and_answers_the_same_again() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let open = invitation(&alice, &bob, "member").await;
    let path = answering(&open, "accept");
    let first = bob.post(&path, &json!({})).await;
    assert_eq!(first.status(), 200, "{}", first.text());
    assert_eq!(first.json()["slug"], "a");
    assert_eq!(first.json()["role"], "member");
    let again = bob.post(&path, &json!({})).await;
    assert_eq!(again.status(), 200, "{}", again.text());
    assert_eq!(again.json(), first.json());
    let none = alice.get(INVITATIONS).await.json();
    assert_eq!(none, json!({ "invitations": [] }));
    let joined = app.sql(
        "select string_agg(actor::text || ' ' || (detail ->> 'role'), ',') from secrets.audit where action = 'member.join'",
    );
    let expected = format!("{} member", bob.user_id());
    assert_eq!(joined.single(), Some(expected.as_str()));
    // It is no way back in.
    assert_eq!(alice.delete(&member_path(&bob)).await.status(), 204);
    let over = bob.post(&path, &json!({})).await;
    assert_eq!(over.status(), 409, "{}", over.text());
    assert_eq!(bob.get("/api/v1/workspaces/a").await.status(), 404);
}

/// Somebody new whose token says this of their address.
fn newcomer(app: &TestApp, claims: &[(&str, serde_json::Value)]) -> Persona {
    let stranger = app.stranger();
    let mut token = app.token_of(&stranger);
    for (name, value) in claims {
        token = token.claim(name, value.clone());
    }
    stranger.with_token(&token.signed(&app.signer()))
}

#[tokio::test]
async fn an_address_counts_in_any_case_if_it_is_verified() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let body = json!({ "email": "Carol@Example.COM", "role": "viewer" });
    let open = alice.post(MEMBERS, &body).await.json();
    let path = answering(&open, "accept");
    let mail = json!("carol@example.com");
    for claims in [
        vec![("email", json!("mallory@example.com"))],
        vec![("email", json!("carol@example.com.evil.example"))],
        vec![("email", mail.clone()), ("email_verified", json!(false))],
        vec![
            ("email", mail.clone()),
            ("user_metadata", json!({ "email_verified": false })),
        ],
        vec![
            ("email", json!("mallory@example.com")),
            (
                "user_metadata",
                json!({ "email": "carol@example.com", "email_verified": true }),
            ),
        ],
        vec![
            ("email", json!("absent@example.com")),
            ("sub_email", mail.clone()),
        ],
    ] {
        let refused = newcomer(&app, &claims).post(&path, &json!({})).await;
        assert_eq!(refused.status(), 404, "{claims:?}: {}", refused.text());
        assert_eq!(refused.code(), "invitation_not_found");
    }
    let carol = newcomer(
        &app,
        &[
            ("email", mail),
            ("user_metadata", json!({ "email_verified": true })),
        ],
    );
    let accepted = carol.post(&path, &json!({})).await;
    assert_eq!(accepted.status(), 200, "{}", accepted.text());
    assert_eq!(carol.get("/api/v1/tools").await.status(), 200);
}

#[tokio::test]
async fn a_foreign_one_is_as_one_that_does_not_exist() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let open = invitation(&alice, &bob, "admin").await;
    let path = answering(&open, "accept");
    let mut answers = Vec::new();
    for (who, path) in [
        (app.stranger(), path.as_str()),
        (app.viewer(), path.as_str()),
        (
            bob.clone(),
            "/api/v1/invitations/0190f6c0-7b2a-7c31-b1a3-3f1d2f0c9f11/accept",
        ),
    ] {
        let response = who.post(path, &json!({})).await;
        assert_eq!(response.status(), 404, "{}", response.text());
        let mut problem = response.json();
        problem["request_id"].take();
        answers.push(problem);
    }
    assert!(answers.iter().all(|one| *one == answers[0]), "{answers:?}");
    // A machine answers nothing for its maker.
    let key = json!({ "name": "ci", "role": "admin" });
    let key = bob.post("/api/v1/workspaces/b/keys", &key).await.json();
    let machine = bob.with_token(key["value"].as_str().unwrap());
    let refused = machine.post(&path, &json!({})).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert_eq!(refused.code(), "person_required");
}

#[tokio::test]
async fn one_that_is_over_says_so() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let open = invitation(&alice, &bob, "member").await;
    app.sql("update identity.invitations set expires_at = now()");
    let expired = bob.post(&answering(&open, "accept"), &json!({})).await;
    assert_eq!(expired.status(), 409, "{}", expired.text());
    assert_eq!(expired.json()["detail"], "it has expired");
    let open = invitation(&alice, &bob, "member").await;
    let revoked = format!("{INVITATIONS}/{}", open["id"].as_str().unwrap());
    assert_eq!(alice.delete(&revoked).await.status(), 204);
    let revoked = bob.post(&answering(&open, "accept"), &json!({})).await;
    assert_eq!(revoked.status(), 409, "{}", revoked.text());
    assert_eq!(revoked.json()["detail"], "it was taken back");
    let open = invitation(&alice, &bob, "member").await;
    let declined = bob.post(&answering(&open, "decline"), &json!({})).await;
    assert_eq!(declined.status(), 204, "{}", declined.text());
    let late = bob.post(&answering(&open, "accept"), &json!({})).await;
    assert_eq!(late.status(), 409, "{}", late.text());
    assert_eq!(late.json()["detail"], "it was answered before");
    assert_eq!(bob.get("/api/v1/workspaces/a").await.status(), 404);
}

#[tokio::test]
async fn gives_no_more_than_the_inviter_may_give_now() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let open = invitation(&alice, &bob, "owner").await;
    // Past all that revokes it with the inviter's own rights.
    app.sql(&format!(
        "alter table identity.memberships disable trigger user;
         update identity.memberships set role = 'admin' where user_id = '{}' and role = 'owner';
         alter table identity.memberships enable trigger user",
        alice.user_id()
    ));
    let refused = bob.post(&answering(&open, "accept"), &json!({})).await;
    assert_eq!(refused.status(), 409, "{}", refused.text());
    assert_eq!(bob.get("/api/v1/workspaces/a").await.status(), 404);
}

#[tokio::test]
async fn many_at_once_make_one_member() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let open = invitation(&alice, &bob, "viewer").await;
    let (path, nothing) = (answering(&open, "accept"), json!({}));
    let (a, b, c) = tokio::join!(
        bob.post(&path, &nothing),
        bob.post(&path, &nothing),
        bob.post(&path, &nothing)
    );
    for answer in [a, b, c] {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    let joined = app.sql("select count(*) from secrets.audit where action = 'member.join'");
    assert_eq!(joined.single(), Some("1"));
}
