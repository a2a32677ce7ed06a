//! The issuer's bad days: rotation, revocation, silence, nonsense.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::forge::Forge;
use super::issuer::Issuer;
use crate::Verifier;
use crate::error::{AuthError, Reason};
use crate::key_set::{COLD_PAUSE, KEYS_TTL, REFETCH_PAUSE, STALE_LIMIT};

fn current(forge: &Forge, issuer: &Issuer) -> String {
    signed_by(forge, issuer, "current")
}

fn signed_by(forge: &Forge, issuer: &Issuer, kid: &str) -> String {
    let header = json!({"alg": "ES256", "kid": kid});
    // A lifetime beyond all the waiting of these tests.
    let claims = json!({"exp": issuer.now() + 30 * 86_400});
    forge.session(issuer.now(), &format!("es256:{kid}"), &header, &claims)
}

fn with_standby(forge: &Forge) -> Value {
    let mut jwks = forge.jwks();
    jwks["keys"]
        .as_array_mut()
        .unwrap()
        .push(forge.standby.jwk("standby"));
    jwks
}

async fn refused(verifier: &Verifier, token: &str) -> bool {
    matches!(
        verifier.verify(token).await,
        Err(AuthError::InvalidToken(Reason::UnknownKey))
    )
}

#[tokio::test]
async fn a_new_key_is_accepted_after_one_question() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    verifier.verify(&current(&forge, &issuer)).await.unwrap();
    issuer.answers(200, with_standby(&forge).to_string());
    verifier
        .verify(&signed_by(&forge, &issuer, "standby"))
        .await
        .unwrap();
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn unknown_keys_are_asked_for_once_in_thirty_seconds_whatever_the_answer() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    verifier.verify(&current(&forge, &issuer)).await.unwrap();
    let unknown = signed_by(&forge, &issuer, "standby");
    for status in [200, 503] {
        issuer.answers(status, forge.jwks().to_string());
        let before = issuer.asked();
        for _ in 0..5 {
            assert!(refused(&verifier, &unknown).await);
        }
        assert_eq!(issuer.asked(), before + 1);
        issuer.seconds_pass(REFETCH_PAUSE.as_secs());
    }
    issuer.answers(200, with_standby(&forge).to_string());
    verifier.verify(&unknown).await.unwrap();
    verifier.verify(&current(&forge, &issuer)).await.unwrap();
}

#[tokio::test]
async fn a_removed_key_is_refused_within_the_time_that_keys_are_believed() {
    let forge = Forge::new();
    let issuer = Issuer::start(&with_standby(&forge)).await;
    let verifier = issuer.verifier();
    let token = signed_by(&forge, &issuer, "standby");
    verifier.verify(&token).await.unwrap();
    issuer.answers(200, forge.jwks().to_string());
    issuer.seconds_pass(KEYS_TTL.as_secs() - 1);
    verifier.verify(&token).await.unwrap();
    assert_eq!(issuer.asked(), 1);
    issuer.seconds_pass(1);
    assert!(refused(&verifier, &token).await);
}

#[tokio::test]
async fn a_removal_that_is_seen_early_counts_at_once() {
    let forge = Forge::new();
    let issuer = Issuer::start(&with_standby(&forge)).await;
    let verifier = issuer.verifier();
    let token = signed_by(&forge, &issuer, "standby");
    verifier.verify(&token).await.unwrap();
    issuer.answers(200, forge.jwks().to_string());
    let header = json!({"alg": "ES256", "kid": "unheard of"});
    let stranger = forge.session(issuer.now(), "es256:attacker", &header, &json!({}));
    assert!(refused(&verifier, &stranger).await);
    assert!(refused(&verifier, &token).await);
}

#[tokio::test]
async fn known_keys_are_used_on_while_the_issuer_is_down() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    let token = current(&forge, &issuer);
    verifier.verify(&token).await.unwrap();
    issuer.answers(503, "");
    issuer.seconds_pass(KEYS_TTL.as_secs());
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let (verifier, token) = (std::sync::Arc::clone(&verifier), token.clone());
        requests.spawn(async move { verifier.verify(&token).await.is_ok() });
    }
    assert!(requests.join_all().await.into_iter().all(|ok| ok));
    assert_eq!(issuer.asked(), 2);
    issuer.seconds_pass(STALE_LIMIT.as_secs());
    assert!(matches!(
        verifier.verify(&token).await,
        Err(AuthError::KeysUnavailable)
    ));
    issuer.answers(200, forge.jwks().to_string());
    issuer.seconds_pass(COLD_PAUSE.as_secs());
    verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn nobody_is_let_in_before_the_issuer_has_answered() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    let token = current(&forge, &issuer);
    for (status, body) in [
        (503, ""),
        (200, "<html>"),
        (302, ""),
        (200, r#"{"keys":{}}"#),
    ] {
        issuer.answers(status, body);
        let before = issuer.asked();
        for _ in 0..3 {
            assert!(matches!(
                verifier.verify(&token).await,
                Err(AuthError::KeysUnavailable)
            ));
        }
        assert_eq!(issuer.asked(), before + 1);
        issuer.seconds_pass(COLD_PAUSE.as_secs());
    }
    issuer.answers(200, format!("{}{}", " ".repeat(300 * 1024), forge.jwks()));
    assert!(matches!(
        verifier.verify(&token).await,
        Err(AuthError::KeysUnavailable)
    ));
    // The legacy secret needs no issuer.
    let legacy = forge.session(
        issuer.now(),
        "hs256:legacy",
        &json!({"alg": "HS256"}),
        &json!({}),
    );
    verifier.verify(&legacy).await.unwrap();
}

#[tokio::test]
async fn those_who_wait_for_the_first_answer_share_one_question() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    let token = current(&forge, &issuer);
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let (verifier, token) = (std::sync::Arc::clone(&verifier), token.clone());
        requests.spawn(async move { verifier.verify(&token).await.is_ok() });
    }
    assert!(requests.join_all().await.into_iter().all(|ok| ok));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn an_answer_without_keys_does_not_displace_fresh_ones_and_lets_nobody_in() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    let token = current(&forge, &issuer);
    verifier.verify(&token).await.unwrap();
    issuer.answers(200, r#"{"keys":[]}"#);
    assert!(refused(&verifier, &signed_by(&forge, &issuer, "standby")).await);
    verifier.verify(&current(&forge, &issuer)).await.unwrap();
    issuer.seconds_pass(KEYS_TTL.as_secs());
    assert!(refused(&verifier, &token).await);
    let cold = issuer.verifier();
    assert!(refused(&cold, &token).await);
}

#[tokio::test]
async fn nonsense_counts_as_silence() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    let token = current(&forge, &issuer);
    verifier.verify(&token).await.unwrap();
    issuer.answers(200, "<!doctype html><title>Bad gateway</title>");
    issuer.seconds_pass(KEYS_TTL.as_secs());
    verifier.verify(&token).await.unwrap();
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn a_session_ends_although_its_token_is_remembered() {
    let forge = Forge::new();
    let issuer = Issuer::start(&forge.jwks()).await;
    let verifier = issuer.verifier();
    let header = json!({"alg": "ES256", "kid": "current"});
    let short = json!({"exp": issuer.now() + 60});
    let token = forge.session(issuer.now(), "es256:current", &header, &short);
    verifier.verify(&token).await.unwrap();
    issuer.seconds_pass(64);
    verifier.verify(&token).await.unwrap();
    issuer.seconds_pass(1);
    assert!(matches!(
        verifier.verify(&token).await,
        Err(AuthError::InvalidToken(Reason::Expired))
    ));
}
