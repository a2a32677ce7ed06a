//! Tokens and keys against a real database: who is let into which workspace, with which rights.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stand;

use auth::{AuthError, Reason, api_key};
use domain::caller::{Caller, Principal, Role};
use persistence::keys::{self, NewKey};
use secrecy::ExposeSecret;

use self::stand::{Stand, somebody};

/// Makes a key as this caller and answers its text.
async fn key(stand: &Stand, caller: &Caller, role: Role) -> (keys::Key, String) {
    let made = api_key::generate().unwrap();
    let workspace = caller.workspace_id;
    let mut tx = stand
        .db
        .begin_as(&caller.principal, Some(workspace))
        .await
        .unwrap();
    let row = NewKey {
        workspace_id: workspace,
        name: "machine",
        prefix: &made.prefix,
        hash: &made.hash,
        role,
        scopes: &[],
        expires_at: None,
    };
    let stored = keys::insert(&mut tx, &row).await.unwrap();
    tx.commit().await.unwrap();
    (stored, made.value.expose_secret().to_owned())
}

fn refused(result: Result<Caller, AuthError>) -> Reason {
    match result {
        Err(AuthError::InvalidToken(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_person_enters_their_workspaces_only() {
    let stand = Stand::new("workspaces");
    let authenticator = &stand.authenticator;
    let (alice, token) = somebody();
    let (bob, _) = somebody();
    let nowhere = authenticator.enter(&token, None).await;
    assert!(matches!(nowhere, Err(AuthError::NoWorkspace)));
    assert_eq!(
        authenticator.principal(&token).await.unwrap().user_id,
        alice
    );

    let first = stand.workspace(alice, "first").await;
    let foreign = stand.workspace(bob, "foreign").await;
    let caller = authenticator.enter(&token, None).await.unwrap();
    assert_eq!((caller.workspace_id, caller.role), (first, Role::Owner));
    assert_eq!(caller.principal.user_id, alice);

    let second = stand.workspace(alice, "second").await;
    let unclear = authenticator.enter(&token, None).await;
    assert!(matches!(unclear, Err(AuthError::WorkspaceRequired)));
    for selector in ["second", &second.to_string()] {
        let caller = authenticator.enter(&token, Some(selector)).await.unwrap();
        assert_eq!(caller.workspace_id, second);
    }
    let long = "a".repeat(500);
    for selector in [
        "foreign",
        &foreign.to_string(),
        "none",
        "",
        "'; drop table x",
        &long,
    ] {
        let entered = authenticator.enter(&token, Some(selector)).await;
        assert!(
            matches!(entered, Err(AuthError::WorkspaceNotFound)),
            "{selector}"
        );
    }
}

#[tokio::test]
async fn a_disabled_account_is_refused_with_a_good_token() {
    let stand = Stand::new("disabled");
    let (alice, token) = somebody();
    stand.workspace(alice, "home").await;
    let caller = stand.authenticator.enter(&token, None).await.unwrap();
    let (_, text) = key(&stand, &caller, Role::Member).await;
    stand.sql("update identity.profiles set disabled_at = now()");
    let entered = stand.authenticator.enter(&token, None).await;
    assert_eq!(refused(entered), Reason::AccountDisabled);
    let known = stand.authenticator.principal(&token).await;
    assert!(matches!(
        known,
        Err(AuthError::InvalidToken(Reason::AccountDisabled))
    ));
    let entered = stand.authenticator.enter(&text, None).await;
    assert_eq!(refused(entered), Reason::UnknownApiKey);
}

#[tokio::test]
async fn a_key_acts_in_its_workspace_with_its_role() {
    let stand = Stand::new("keys");
    let authenticator = &stand.authenticator;
    let (alice, token) = somebody();
    let home = stand.workspace(alice, "home").await;
    stand.workspace(alice, "other").await;
    let owner = authenticator.enter(&token, Some("home")).await.unwrap();
    let (stored, text) = key(&stand, &owner, Role::Viewer).await;
    for selector in [None, Some("home"), Some("HOME")] {
        let machine = authenticator.enter(&text, selector).await.unwrap();
        assert_eq!((machine.workspace_id, machine.role), (home, Role::Viewer));
        assert_eq!(machine.principal.user_id, alice);
        assert_eq!(machine.principal.key.unwrap().id, stored.id);
    }
    let principal: Principal = authenticator.principal(&text).await.unwrap();
    assert_eq!(principal.key.unwrap().role, Role::Viewer);
    let elsewhere = authenticator.enter(&text, Some("other")).await;
    assert!(matches!(elsewhere, Err(AuthError::WorkspaceNotFound)));

    let stranger = api_key::generate().unwrap();
    for bad in [
        "dtk_",
        "dtk_short",
        &text[..46],
        stranger.value.expose_secret(),
    ] {
        for selector in [None, Some("home"), Some("")] {
            let entered = authenticator.enter(bad, selector).await;
            assert_eq!(refused(entered), Reason::UnknownApiKey);
        }
    }

    let mut tx = stand
        .db
        .begin_as(&owner.principal, Some(home))
        .await
        .unwrap();
    assert!(keys::revoke(&mut tx, home, stored.id).await.unwrap());
    tx.commit().await.unwrap();
    let revoked = authenticator.enter(&text, None).await;
    assert_eq!(refused(revoked), Reason::UnknownApiKey);
    let (_, expired) = key(&stand, &owner, Role::Viewer).await;
    stand.sql("update identity.api_keys set expires_at = now()");
    let entered = authenticator.enter(&expired, None).await;
    assert_eq!(refused(entered), Reason::UnknownApiKey);
}

#[tokio::test]
async fn a_bad_token_is_told_before_anything_is_asked() {
    let stand = Stand::new("order");
    let (_, token) = somebody();
    stand.db.close().await;
    let entered = stand
        .authenticator
        .enter(&token[..token.len() - 3], Some(""))
        .await;
    assert_eq!(refused(entered), Reason::Signature);
    let entered = stand.authenticator.enter(&token, None).await;
    assert!(matches!(entered, Err(AuthError::Database(error)) if error.is_unavailable()));
}
