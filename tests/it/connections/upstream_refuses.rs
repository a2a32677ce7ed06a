//! A 401 from the API although the token should be good.

use serde_json::json;
use testkit::{Answer, ToolBuilder};

use super::stand::Stand;

#[tokio::test]
async fn a_refused_token_is_refreshed_once_and_the_call_made_again() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.provider.ends_access_tokens();
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
    assert_eq!(stand.provider.asked("refresh_token"), 1);
}

#[tokio::test]
async fn an_api_that_refuses_every_token_makes_no_storm_of_refreshes() {
    let stand = Stand::new().await;
    let hosts =
        json!({ "allowed_hosts": [stand.provider.host_port(), stand.app.upstream().host_port()] });
    stand
        .alice
        .put("/api/v1/secrets/CLIENT_SECRET", &hosts)
        .await;
    stand
        .app
        .upstream()
        .on("*", Answer::json(&json!({ "no": true })).status(401));
    let auth = stand.provider.client_credentials(&json!({}));
    let tool = stand
        .alice
        .registers(ToolBuilder::get("/never").auth(auth))
        .await;
    for _ in 0..5 {
        let error = stand.fails(&stand.alice, &tool).await;
        assert_eq!(error["code"], "auth_failed", "{error}");
    }
    assert_eq!(
        stand.provider.asked("client_credentials"),
        2,
        "the first token, and one more"
    );
    assert_eq!(stand.app.upstream().requests().len(), 6);
}

#[tokio::test]
async fn a_refused_token_that_cannot_be_refreshed_is_not_thrown_away() {
    let stand = Stand::new().await;
    stand.provider.gives_no_refresh_tokens();
    stand.provider.tokens_last(None);
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand
        .app
        .upstream()
        .on("*", Answer::json(&json!({})).status(401));
    let mut document = tool.document.clone();
    document["api"]["path"] = "/not/for/you".into();
    stand.alice.put(&tool.saved_path(), &document).await;
    let error = stand.fails(&stand.alice, &tool).await;
    assert!(
        error["code"] == "auth_failed" || error["code"] == "upstream_4xx",
        "{error}"
    );
    stand.alice.put(&tool.saved_path(), &tool.document).await;
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
}
