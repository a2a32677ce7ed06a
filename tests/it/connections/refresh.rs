//! Tokens that end are refreshed; what cannot be refreshed asks for a new consent.

use serde_json::json;
use testkit::{Answer, Fault};

use super::stand::Stand;

#[tokio::test]
async fn an_old_token_is_refreshed_and_the_new_refresh_token_kept() {
    let stand = Stand::new().await;
    stand.provider.refresh_tokens(true, false);
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    for round in 1..=3 {
        stand.tokens_are_old();
        assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
        assert_eq!(stand.provider.asked("refresh_token"), round);
    }
    assert_eq!(stand.single("select version from secrets.connections"), "5");
}

#[tokio::test]
async fn a_provider_without_new_refresh_tokens_keeps_the_old_one_good() {
    let stand = Stand::new().await;
    stand.provider.refresh_tokens(false, false);
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    for _ in 0..3 {
        stand.tokens_are_old();
        assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
    }
}

#[tokio::test]
async fn a_consent_that_was_withdrawn_asks_for_a_new_one() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let connection = stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.provider.ends_consents();
    stand.tokens_are_old();
    for asked in [1, 1] {
        let error = stand.fails(&stand.alice, &tool).await;
        assert_eq!(error["code"], "auth_failed", "{error}");
        assert!(
            error["hint"]
                .as_str()
                .unwrap()
                .contains("POST /api/v1/connections"),
            "{error}"
        );
        assert_eq!(error["details"]["connect"]["body"]["tool_id"], "who_am_i");
        assert_eq!(
            stand.provider.asked("refresh_token"),
            asked,
            "asked once, then known"
        );
    }
    let path = format!("/api/v1/connections/{}", connection["id"].as_str().unwrap());
    assert_eq!(stand.alice.get(&path).await.json()["status"], "expired");
    let kept =
        stand.single("select count(*) from secrets.connections where ciphertext is not null");
    assert_eq!(kept, "0");
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
}

#[tokio::test]
async fn without_a_refresh_token_the_end_is_the_end() {
    let stand = Stand::new().await;
    stand.provider.gives_no_refresh_tokens();
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
    stand.tokens_are_old();
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["code"], "auth_failed", "{error}");
    assert_eq!(
        stand.single("select status from secrets.connections"),
        "expired"
    );
    assert_eq!(stand.provider.asked("refresh_token"), 0);
}

#[tokio::test]
async fn a_passing_fault_costs_no_consent() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.tokens_are_old();
    for _ in 0..3 {
        stand
            .provider
            .next(Fault::Answer(Answer::text("down").status(502)));
    }
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["retryable"], true, "{error}");
    let wrong = json!({ "error": "invalid_client" });
    stand
        .provider
        .next(Fault::Answer(Answer::json(&wrong).status(401)));
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["details"]["error"], "invalid_client", "{error}");
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
}
