//! Many calls, several processes, one refresh.

use serde_json::json;
use testkit::{Answer, Fault, Persona, RegisteredTool, Response};
use tokio::task::JoinSet;

use super::stand::Stand;

const CALLS: usize = 50;

/// Fifty calls at once, half of them by another process.
async fn storm(stand: &Stand, tool: &RegisteredTool) -> Vec<Response> {
    let second = stand.app.second().await;
    let people: [Persona; 2] = [stand.alice.clone(), second.alice()];
    let mut calls = JoinSet::new();
    for at in 0..CALLS {
        let (who, tool) = (people[at % 2].clone(), tool.clone());
        calls.spawn(async move { who.executes(&tool, json!({})).await });
    }
    calls.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_on_an_old_token_refresh_it_once() {
    let stand = Stand::new().await;
    stand.provider.refresh_tokens(true, false);
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.tokens_are_old();
    stand.provider.next(Fault::Held);
    let storming = storm(&stand, &tool);
    let release = async {
        // The answer is held while the others come.
        while stand.provider.asked("refresh_token") == 0 {
            tokio::task::yield_now().await;
        }
        let leases = "select count(*) from secrets.connections where refreshing_until > now()";
        assert_eq!(stand.single(leases), "1");
        stand.provider.release();
    };
    let (answers, ()) = tokio::join!(storming, release);
    for answer in answers {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(stand.provider.asked("refresh_token"), 1);
    assert_eq!(stand.single("select version from secrets.connections"), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_first_calls_get_one_token() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    for answer in storm(&stand, &tool).await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(stand.provider.asked("client_credentials"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_that_are_refused_refresh_once() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    stand.account(&stand.alice, &tool).await;
    stand.provider.ends_access_tokens();
    for answer in storm(&stand, &tool).await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(stand.provider.asked("client_credentials"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_share_one_failure() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.tokens_are_old();
    stand.provider.ends_consents();
    for answer in storm(&stand, &tool).await {
        assert_eq!(answer.code(), "auth_failed", "{}", answer.text());
    }
    assert_eq!(stand.provider.asked("refresh_token"), 1);

    let tool = stand.client_tool().await;
    let wrong = Answer::json(&json!({ "error": "invalid_client" })).status(401);
    for _ in 0..CALLS {
        stand.provider.next(Fault::Answer(wrong.clone()));
    }
    for answer in storm(&stand, &tool).await {
        assert_eq!(answer.code(), "auth_failed", "{}", answer.text());
    }
    let asked = stand.provider.asked("client_credentials");
    assert!(
        asked < CALLS / 2,
        "who waited takes the failure for an answer: {asked}"
    );
}
