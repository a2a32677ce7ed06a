//! Tokens that are got by secrets: client credentials, assertions, logins.

use serde_json::json;
use testkit::{Answer, Client, Fault, ToolBuilder};

use super::stand::Stand;

#[tokio::test]
async fn client_credentials_are_got_once_and_shared() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    let auth = stand.provider.client_credentials(&json!({}));
    let other = stand.alice.registers(stand.tool("who_else", auth)).await;
    assert_eq!(stand.account(&stand.alice, &tool).await, "client");
    assert_eq!(stand.account(&stand.alice, &other).await, "client");
    assert_eq!(stand.account(&stand.app.member(), &tool).await, "client");
    assert_eq!(stand.provider.asked("client_credentials"), 1);
    // Other settings, another token.
    let auth = stand
        .provider
        .client_credentials(&json!({ "scopes": ["read"] }));
    let narrow = stand.alice.registers(stand.tool("who_less", auth)).await;
    assert_eq!(stand.account(&stand.alice, &narrow).await, "client");
    assert_eq!(stand.provider.asked("client_credentials"), 2);
}

#[tokio::test]
async fn every_form_of_a_lifetime_is_kept_to() {
    for (expires_in, stored) in [
        (Some(json!(3600)), "3540"),
        (Some(json!("3600")), "3540"),
        (Some(json!(30)), "24"),
        (None, ""),
        (Some(json!(null)), ""),
        (Some(json!("soon")), ""),
    ] {
        let stand = Stand::new().await;
        stand.provider.tokens_last(expires_in.clone());
        let tool = stand.client_tool().await;
        stand.account(&stand.alice, &tool).await;
        let usable = stand.single(
            "select coalesce(round(extract(epoch from usable_until - updated_at))::text, '') from secrets.connections",
        );
        assert_eq!(usable, stored, "{expires_in:?}");
    }
}

#[tokio::test]
async fn tokens_that_end_as_they_are_given_are_not_asked_for_without_end() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    // As from a provider whose tokens last less than the way to them takes.
    stand.app.sql(
        "create function public.at_once() returns trigger language plpgsql as
             $$ begin new.usable_until := now() - interval '1 second'; return new; end $$;
         create trigger at_once before update of usable_until on secrets.connections
             for each row execute function public.at_once()",
    );
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["code"], "auth_failed", "{error}");
    assert!(
        error["hint"].as_str().unwrap().contains("lifetime"),
        "{error}"
    );
    assert_eq!(stand.provider.asked("client_credentials"), 2);
    // Nobody's turn was lost with it.
    stand.app.sql("drop trigger at_once on secrets.connections");
    assert_eq!(stand.account(&stand.alice, &tool).await, "client");
    assert_eq!(stand.provider.asked("client_credentials"), 3);
}

#[tokio::test]
async fn an_assertion_is_exchanged() {
    let stand = Stand::new().await;
    stand
        .stores("SHARED_KEY", "a-key-that-is-shared-with-the-provider")
        .await;
    let auth = json!({ "method": "jwt_bearer", "jwt": {
        "token_url": stand.provider.url("/token"), "issuer": "robot@provider", "subject": "robot@provider",
        "key_ref": "${SHARED_KEY}", "algorithm": "HS256",
    } });
    let tool = stand.alice.registers(stand.tool("who_signs", auth)).await;
    assert_eq!(stand.account(&stand.alice, &tool).await, "robot@provider");
    assert_eq!(stand.account(&stand.alice, &tool).await, "robot@provider");
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    assert_eq!(stand.provider.asked(grant), 1);
    stand.tokens_are_old();
    assert_eq!(stand.account(&stand.alice, &tool).await, "robot@provider");
    assert_eq!(stand.provider.asked(grant), 2);
}

#[tokio::test]
async fn a_login_gives_a_token() {
    let stand = Stand::new().await;
    stand.stores("ROBOTS_PASSWORD", "the-robots-password").await;
    let auth = |password: &str| {
        json!({ "method": "two_step", "two_step": {
        "url": stand.provider.url("/login"),
        "login": { "body": { "user": "robot", "password": password } },
        "token_path": "data.token", "expires_in_path": "data.expires_in",
    } })
    };
    let tool = stand
        .alice
        .registers(stand.tool("who_logs_in", auth("${ROBOTS_PASSWORD}")))
        .await;
    assert_eq!(stand.account(&stand.alice, &tool).await, "robot");
    assert_eq!(stand.account(&stand.alice, &tool).await, "robot");
    assert_eq!(stand.provider.logins(), 1);

    stand.stores("WRONG_PASSWORD", "another-password").await;
    let tool = stand
        .alice
        .registers(stand.tool("who_fails", auth("${WRONG_PASSWORD}")))
        .await;
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["code"], "auth_failed", "{error}");
    assert_eq!(error["retryable"], false);
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_with_what_to_do() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    stand.provider.clients_are(Client::Post);
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["code"], "auth_failed", "{error}");
    assert_eq!(error["details"]["error"], "invalid_client");
    assert!(
        error["hint"].as_str().unwrap().contains("client_auth"),
        "{error}"
    );
    assert_eq!(
        stand.provider.asked("client_credentials"),
        1,
        "a refusal is not repeated"
    );
    stand.provider.clients_are(Client::Basic);
    assert_eq!(stand.account(&stand.alice, &tool).await, "client");
}

#[tokio::test]
async fn a_provider_that_stumbles_is_asked_again() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    stand
        .provider
        .next(Fault::Answer(Answer::text("busy").status(503)));
    stand.provider.next(Fault::Answer(
        Answer::text("slow").status(429).header("Retry-After", "0"),
    ));
    assert_eq!(stand.account(&stand.alice, &tool).await, "client");
    assert_eq!(stand.provider.asked("client_credentials"), 3);
}

#[tokio::test]
async fn a_provider_that_is_down_is_no_fault_of_the_credential() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    for _ in 0..3 {
        stand
            .provider
            .next(Fault::Answer(Answer::text("down").status(500)));
    }
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(
        (error["code"].as_str(), error["retryable"].as_bool()),
        (Some("upstream_5xx"), Some(true)),
        "{error}"
    );
    assert_eq!(
        stand.account(&stand.alice, &tool).await,
        "client",
        "and nothing of it stays"
    );
    for answer in [
        Answer::text("<html>hello</html>"),
        Answer::json(&json!({ "access_token": "short" })),
        Answer::bytes("application/json", vec![b'x'; 100_000]),
    ] {
        stand.tokens_are_old();
        stand.provider.next(Fault::Answer(answer));
        let error = stand.fails(&stand.alice, &tool).await;
        let code = error["code"].as_str().unwrap();
        assert!(
            matches!(code, "invalid_response" | "response_too_large"),
            "{error}"
        );
    }
    // Nobody listens there.
    let auth = stand
        .provider
        .client_credentials(&json!({ "token_url": "http://127.0.0.1:1/token" }));
    let app = testkit::TestApp::setup()
        .allow(&stand.provider.host_port())
        .allow("127.0.0.1:1")
        .start_on_database_of(&stand.app)
        .await;
    let tool = ToolBuilder::get("/me")
        .id("nobody")
        .base_url(&stand.provider.base_url())
        .auth(auth);
    let hosts = json!({ "allowed_hosts": [stand.provider.host_port(), "127.0.0.1:1"] });
    let changed = stand
        .alice
        .put("/api/v1/secrets/CLIENT_SECRET", &hosts)
        .await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    let tool = app.alice().registers(tool).await;
    let error = app.alice().executes(&tool, json!({})).await.json()["error"].clone();
    assert_eq!(
        (error["code"].as_str(), error["retryable"].as_bool()),
        (Some("connect_failed"), Some(true)),
        "{error}"
    );
}

#[tokio::test]
async fn no_token_is_in_any_answer_log_or_row() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.account(&stand.alice, &tool).await;
    stand.tokens_are_old();
    stand.account(&stand.alice, &tool).await;
    let client = stand.client_tool().await;
    // An upstream that says back what it was sent.
    stand.account(&stand.alice, &client).await;
    let echo = stand.provider.client_credentials(&json!({}));
    let hosts =
        json!({ "allowed_hosts": [stand.provider.host_port(), stand.app.upstream().host_port()] });
    stand
        .alice
        .put("/api/v1/secrets/CLIENT_SECRET", &hosts)
        .await;
    stand.app.upstream().on("/echo", testkit::Reply::Echo);
    let tool = stand
        .alice
        .registers(ToolBuilder::get("/echo").auth(echo))
        .await;
    let told = stand.alice.executes(&tool, json!({})).await;
    assert_eq!(told.status(), 200, "{}", told.text());
    stand.holds_no_token(&told.text());
    let rows = stand.single(
        "select (select json_agg(e) from orchestration.executions e)::text || (select json_agg(a) from secrets.audit a)::text
             || (select json_agg(c) from secrets.connections c)::text",
    );
    assert!(rows.len() > 1000);
    stand.holds_no_token(&rows);
}
