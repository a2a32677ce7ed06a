//! A token goes only where it was meant to go, whoever writes the tool.

use serde_json::json;
use testkit::{Reply, ToolBuilder};

use super::stand::Stand;

#[tokio::test]
async fn a_member_cannot_carry_the_workspaces_token_away() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    assert_eq!(stand.account(&stand.alice, &tool).await, "client");
    let member = stand.app.member();
    stand.app.upstream().on("*", Reply::Echo);
    let auth = stand.provider.client_credentials(&json!({}));
    let trap = member.registers(ToolBuilder::get("/trap").auth(auth)).await;
    let error = stand.fails(&member, &trap).await;
    assert_eq!(error["code"], "egress_blocked", "{error}");
    assert_eq!(error["details"]["secret"], "CLIENT_SECRET");
    stand.tokens_are_old();
    let error = stand.fails(&member, &trap).await;
    assert_eq!(error["code"], "egress_blocked", "{error}");
    assert_eq!(stand.app.upstream().requests().len(), 0);
    assert_eq!(stand.provider.asked("client_credentials"), 1);
    assert_eq!(stand.account(&stand.alice, &tool).await, "client");
}

#[tokio::test]
async fn a_tool_that_moves_takes_nobodys_token_with_it() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.app.upstream().on("*", Reply::Echo);
    let mut document = tool.document.clone();
    document["api"]["base_url"] = stand.app.upstream().base_url().into();
    let saved = stand.app.member().put(&tool.saved_path(), &document).await;
    assert_eq!(saved.status(), 200, "{}", saved.text());
    for _ in 0..2 {
        let error = stand.fails(&stand.alice, &tool).await;
        assert_eq!(error["code"], "egress_blocked", "{error}");
        assert_eq!(error["details"]["connect"]["body"]["tool_id"], "who_am_i");
        stand.tokens_are_old();
    }
    assert_eq!(stand.app.upstream().requests().len(), 0);
    assert_eq!(stand.provider.asked("refresh_token"), 0);

    // A person who trusts the new host says so by connecting again; then the old one is fine too.
    let connection = stand.connects(&stand.alice, &tool, "alice@provider").await;
    assert_eq!(connection["allowed_hosts"].as_array().unwrap().len(), 2);
    let done = stand.alice.executes(&tool, json!({})).await;
    assert_eq!(done.status(), 200, "{}", done.text());
}

#[tokio::test]
async fn a_tool_that_moves_during_a_consent_gets_no_tokens() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let begun = stand.begins(&stand.alice, &tool).await;
    let link = begun["connect_url"].as_str().unwrap();
    let query = stand.provider.consents(link, "alice@provider");
    let mut document = tool.document.clone();
    document["api"]["base_url"] = stand.app.upstream().base_url().into();
    let saved = stand.app.member().put(&tool.saved_path(), &document).await;
    assert_eq!(saved.status(), 200, "{}", saved.text());
    let page = stand.returns(&query).await;
    assert_eq!(page.status(), 400, "{}", page.text());
    assert!(page.text().contains("changed meanwhile"), "{}", page.text());
    assert_eq!(stand.provider.asked("authorization_code"), 0);
}

#[tokio::test]
async fn a_tool_whose_host_is_not_certain_is_not_connected() {
    let stand = Stand::new().await;
    let auth = stand.provider.authorization_code(&json!({}));
    let regions = json!({ "region": { "enum": ["eu", "us"] } });
    let tool = ToolBuilder::get("/me")
        .base_url("https://{region}.example.com")
        .auth(auth)
        .set("/api/connection_vars", regions);
    let tool = stand.alice.registers(tool).await;
    let wanted = json!({ "tool_id": tool.id });
    let begun = stand.alice.post("/api/v1/connections", &wanted).await;
    assert_eq!(begun.status(), 400, "{}", begun.text());
    assert!(begun.text().contains("not_connectable"), "{}", begun.text());
}

#[tokio::test]
async fn other_settings_are_another_connection() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    let mut document = tool.document.clone();
    document["api"]["auth"]["oauth2"]["token_url"] = stand.provider.url("/steal").into();
    let saved = stand.app.member().put(&tool.saved_path(), &document).await;
    assert_eq!(saved.status(), 200, "{}", saved.text());
    stand.tokens_are_old();
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["code"], "auth_failed", "{error}");
    assert!(
        !stand
            .provider
            .requests()
            .iter()
            .any(|request| request.path() == "/steal")
    );
    // And back again, it is there.
    let saved = stand.alice.put(&tool.saved_path(), &tool.document).await;
    assert_eq!(saved.status(), 200, "{}", saved.text());
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
}

#[tokio::test]
async fn a_deleted_secret_ends_the_tokens_that_were_made_from_it() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    stand.account(&stand.alice, &tool).await;
    let deleted = stand.alice.delete("/api/v1/secrets/CLIENT_SECRET").await;
    assert_eq!(deleted.status(), 204, "{}", deleted.text());
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["code"], "secret_missing", "{error}");
}

#[tokio::test]
async fn a_secret_whose_value_outside_still_goes_ends_its_tokens_too() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    stand.account(&stand.alice, &tool).await;
    stand.app.sql(
        "update secrets.secrets set state = 'deleting', attempt = gen_random_uuid(), settling_until = now()",
    );
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["code"], "secret_missing", "{error}");
}
