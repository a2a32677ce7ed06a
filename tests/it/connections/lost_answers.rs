//! What becomes of a refresh whose answer or whose process is lost.

use serde_json::json;
use testkit::Fault;

use super::stand::Stand;

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.tokens_are_old();
    stand.provider.next(Fault::Lost);
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
    assert_eq!(stand.provider.asked("refresh_token"), 2);
}

/// No token can be saved: what a process does that ends between the provider's answer and the save.
const BREAK: &str = "
    create function secrets.broken() returns trigger language plpgsql as $$ begin
        raise exception 'the process has ended' using errcode = '57P01';
    end $$;
    create trigger broken before update of ciphertext on secrets.connections for each row execute function secrets.broken()";
const MEND: &str = "drop trigger broken on secrets.connections; drop function secrets.broken()";

#[tokio::test]
async fn a_process_that_ends_before_the_save_is_followed_by_another() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.account(&stand.alice, &tool).await;
    stand.tokens_are_old();
    stand.app.sql(BREAK);
    let calls = stand
        .provider
        .requests()
        .iter()
        .filter(|request| request.path() == "/me")
        .count();
    let failed = stand.alice.executes(&tool, json!({})).await;
    assert_eq!(failed.status(), 503, "{}", failed.text());
    assert_eq!(stand.provider.asked("refresh_token"), 1);
    let after = stand
        .provider
        .requests()
        .iter()
        .filter(|request| request.path() == "/me")
        .count();
    assert_eq!(after, calls, "what is not kept is not used");
    stand.app.sql(MEND);

    // That it was begun stands in the row; another process goes on when the lease is over.
    let second = stand.app.second().await;
    assert_eq!(
        stand.single("select refreshing_until > now() from secrets.connections"),
        "t"
    );
    stand.leases_end();
    let done = second.alice().executes(&tool, json!({})).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(stand.provider.asked("refresh_token"), 2);
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
}

#[tokio::test]
async fn where_the_provider_takes_no_token_twice_a_person_connects_again() {
    let stand = Stand::new().await;
    stand.provider.refresh_tokens(true, false);
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.tokens_are_old();
    stand.app.sql(BREAK);
    assert_eq!(stand.alice.executes(&tool, json!({})).await.status(), 503);
    stand.app.sql(MEND);
    stand.leases_end();
    let error = stand.fails(&stand.alice, &tool).await;
    assert_eq!(error["code"], "auth_failed", "{error}");
    assert!(
        error["hint"].as_str().unwrap().contains("Connect again"),
        "{error}"
    );
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
}

#[tokio::test]
async fn tokens_that_need_no_person_are_simply_got_anew() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    stand.app.sql(BREAK);
    assert_eq!(stand.alice.executes(&tool, json!({})).await.status(), 503);
    stand.app.sql(MEND);
    stand.leases_end();
    assert_eq!(stand.account(&stand.alice, &tool).await, "client");
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_lose_the_token() {
    let stand = Stand::new().await;
    stand.provider.refresh_tokens(true, false);
    let tool = stand.personal_tool().await;
    stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.tokens_are_old();
    stand.provider.next(Fault::Held);
    let (alice, same) = (stand.alice.clone(), tool.clone());
    let call = tokio::spawn(async move { alice.executes(&same, json!({})).await });
    while stand.provider.asked("refresh_token") == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    let _ = call.await;
    stand.provider.release();
    // The refresh goes on by itself; who comes next waits for it.
    assert_eq!(stand.account(&stand.alice, &tool).await, "alice@provider");
    assert_eq!(stand.provider.asked("refresh_token"), 1);
}

#[tokio::test]
async fn an_end_during_a_refresh_stays_an_end() {
    let stand = Stand::new().await;
    let tool = stand.personal_tool().await;
    let connection = stand.connects(&stand.alice, &tool, "alice@provider").await;
    stand.tokens_are_old();
    stand.provider.next(Fault::Held);
    let (alice, same) = (stand.alice.clone(), tool.clone());
    let call = tokio::spawn(async move { alice.executes(&same, json!({})).await });
    while stand.provider.asked("refresh_token") == 0 {
        tokio::task::yield_now().await;
    }
    let path = format!("/api/v1/connections/{}", connection["id"].as_str().unwrap());
    assert_eq!(stand.alice.delete(&path).await.status(), 204);
    stand.provider.release();
    let answer = call.await.unwrap();
    assert_eq!(answer.code(), "auth_failed", "{}", answer.text());
    assert_eq!(
        stand.single("select count(*) from secrets.connections"),
        "0"
    );
}

#[tokio::test]
async fn an_end_that_was_cut_short_leaves_room_for_a_new_token() {
    let stand = Stand::new().await;
    let tool = stand.client_tool().await;
    stand.account(&stand.alice, &tool).await;
    // Ended, and the process with it before the row was deleted.
    stand.app.sql(
        "update secrets.connections set status = 'revoked', version = version + 1, nonce = null, ciphertext = null,
                data_key_id = null, refreshing_until = null, refreshing_by = null",
    );
    assert_eq!(stand.account(&stand.alice, &tool).await, "client");
    assert_eq!(stand.provider.asked("client_credentials"), 2);
}
