//! Session tokens as a Supabase project signs them, through the door.

use testkit::{Jwks, Signer, TestApp};

/// The app knows the published keys and no secret.
async fn app_with(keys: &Jwks) -> TestApp {
    let url = keys.url();
    TestApp::setup()
        .config(move |config| {
            config.jwks_url = Some(url);
            config.jwt_secret = None;
        })
        .start()
        .await
}

#[tokio::test]
async fn are_accepted_when_a_published_key_signed_them() {
    let (elliptic, rsa) = (Signer::es256("e-1"), Signer::rs256("r-1"));
    let keys = Jwks::publish(&[&elliptic, &rsa]).await;
    let app = app_with(&keys).await;
    let alice = app.alice();
    for signer in [&elliptic, &rsa] {
        let token = app.token_of(&alice).signed(signer);
        let response = alice.with_token(&token).get("/api/v1/tools").await;
        assert_eq!(response.status(), 200, "{}", response.text());
    }
    // The secret that signs the other apps' tokens is not configured here.
    assert_eq!(alice.get("/api/v1/tools").await.status(), 401);
    // The keys were fetched once.
    assert_eq!(keys.server().requests().len(), 1);
}

#[tokio::test]
async fn are_refused_when_another_key_of_the_same_id_signed_them() {
    let keys = Jwks::publish(&[&Signer::es256("e-1")]).await;
    let app = app_with(&keys).await;
    let alice = app.alice();
    let token = app.token_of(&alice).signed(&Signer::es256("e-1"));
    let response = alice.with_token(&token).get("/api/v1/tools").await;
    assert_eq!(response.status(), 401, "{}", response.text());
}
