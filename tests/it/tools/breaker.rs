//! A host that fails call after call is left alone for a while.

use serde_json::json;
use testkit::{Answer, TestApp, ToolBuilder};

#[tokio::test]
async fn ten_failures_in_a_row_pause_the_calls_of_a_workspace_to_a_host() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/quote", Answer::text("down").status(503))
        .on("/orders", json!({}));
    let quote = ToolBuilder::get("/quote").set("/retry", json!({ "max_attempts": 1 }));
    let tool = alice.registers(quote.clone()).await;
    for _ in 0..10 {
        let answer = alice.executes(&tool, json!({})).await;
        assert_eq!(answer.code(), "upstream_5xx", "{}", answer.text());
    }
    // Every tool of that host waits, and nothing is sent, so an unsafe call with a key gives the key back.
    let order = alice.registers(ToolBuilder::post("/orders")).await;
    let request = alice
        .request(reqwest::Method::POST, &order.execute_path())
        .header("content-type", "application/json")
        .header("idempotency-key", "k")
        .body(json!({ "input": {} }).to_string());
    let answer = alice.send(request).await;
    assert_eq!(answer.status(), 500, "{}", answer.text());
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "connect_failed");
    assert_eq!(error["retryable"], true);
    assert_eq!(error["details"]["breaker"], "open");
    assert!((1..=5).contains(&error["details"]["retry_after_s"].as_u64().unwrap()));
    assert_eq!(app.upstream().requests().len(), 10);
    let kept = app.sql("select count(*) from orchestration.idempotency");
    assert_eq!(kept.single(), Some("0"));
    // Neither another workspace nor another process is stopped.
    let his = bob.registers(quote).await;
    assert_eq!(bob.executes(&his, json!({})).await.code(), "upstream_5xx");
    let second = app.second().await;
    let answer = second.alice().executes(&tool, json!({})).await;
    assert_eq!(answer.code(), "upstream_5xx", "{}", answer.text());
}

#[tokio::test]
async fn an_answer_in_between_keeps_the_calls_going() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/down", Answer::text("down").status(503))
        .on("/up", Answer::text("no such thing").status(404));
    let once = json!({ "max_attempts": 1 });
    let down = ToolBuilder::get("/down").set("/retry", once.clone());
    let (down, up) = (
        alice.registers(down).await,
        alice
            .registers(ToolBuilder::get("/up").set("/retry", once))
            .await,
    );
    for _ in 0..3 {
        for _ in 0..6 {
            let answer = alice.executes(&down, json!({})).await;
            assert_eq!(answer.code(), "upstream_5xx", "{}", answer.text());
        }
        assert_eq!(alice.executes(&up, json!({})).await.code(), "upstream_4xx");
    }
}
