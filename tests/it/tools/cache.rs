//! Answers of read-only tools that serve again: by process and across processes, asked for once however many ask.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::upstream::Reply;
use testkit::{Answer, TestApp, ToolBuilder};

fn quote() -> ToolBuilder {
    ToolBuilder::get("/quote")
        .set("/cache", json!({ "ttl_s": 60 }))
        .set("/retry", json!({ "max_attempts": 1 }))
}

fn numbered() -> Vec<Reply> {
    (1..=9).map(|n| json!({ "n": n }).into()).collect()
}

#[tokio::test]
async fn an_answer_serves_again_in_every_process() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on_sequence("/quote", numbered());
    let tool = alice.registers(quote()).await;
    let input = json!({ "symbol": "IBM" });
    let first = alice.executes(&tool, input.clone()).await.json();
    assert_eq!(first["output"], json!({ "n": 1 }));
    assert_eq!(first.get("cached"), None);
    let mut ids = BTreeSet::from([first["execution_id"].to_string()]);
    let second = app.second().await;
    for who in [alice.clone(), app.member(), second.alice(), second.alice()] {
        let again = who.executes(&tool, input.clone()).await.json();
        assert_eq!(again["output"], json!({ "n": 1 }));
        assert_eq!(again["cached"], true);
        ids.insert(again["execution_id"].to_string());
    }
    assert_eq!(app.upstream().requests().len(), 1);
    assert_eq!(ids.len(), 5, "each is an execution of its own");
    let rows = app.sql("select id from orchestration.executions where success");
    assert_eq!(rows.rows.len(), 5);
}

#[tokio::test]
async fn another_question_version_or_workspace_has_another_answer() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on_sequence("/quote", numbered());
    let tool = alice.registers(quote()).await;
    let output = async |input: Value| alice.executes(&tool, input).await.json()["output"].clone();
    assert_eq!(output(json!({ "symbol": "IBM" })).await["n"], 1);
    assert_eq!(output(json!({ "symbol": "MSFT" })).await["n"], 2);
    assert_eq!(output(json!({ "symbol": "IBM" })).await["n"], 1);
    let his = bob.registers(quote()).await;
    let answer = bob.executes(&his, json!({ "symbol": "IBM" })).await;
    assert_eq!(answer.json()["output"]["n"], 3);
    let mut changed = tool.document.clone();
    changed["description"] = "Changed.".into();
    assert_eq!(alice.put(&tool.saved_path(), &changed).await.status(), 200);
    assert_eq!(output(json!({ "symbol": "IBM" })).await["n"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_asks() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let second = app.second().await;
    app.upstream().on_sequence("/quote", numbered());
    let tool = alice.registers(quote()).await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..40 {
        let who = if number % 2 == 0 {
            alice.clone()
        } else {
            second.alice()
        };
        let tool = tool.clone();
        calls.spawn(async move { who.executes(&tool, json!({})).await });
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json()["output"]["n"], 1);
    }
    assert_eq!(app.upstream().requests().len(), 1);
}

#[tokio::test]
async fn failures_are_not_kept() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on_sequence(
        "/quote",
        vec![
            Answer::text("down").status(503).into(),
            json!({ "n": 1 }).into(),
        ],
    );
    let tool = alice.registers(quote()).await;
    let failed = alice.executes(&tool, json!({})).await;
    assert_eq!(failed.code(), "upstream_5xx", "{}", failed.text());
    let answer = alice.executes(&tool, json!({})).await.json();
    assert_eq!(answer["output"]["n"], 1);
    assert_eq!(answer.get("cached"), None);
}

#[tokio::test]
async fn who_waits_for_a_call_that_fails_is_told_its_failure() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let second = app.second().await;
    app.upstream().on("/quote", Reply::Hang(Vec::new()));
    let tool = alice.registers(quote().set("/api/timeout_ms", 1500)).await;
    let mut calls = tokio::task::JoinSet::new();
    for who in [alice.clone(), alice.clone(), second.alice(), second.alice()] {
        let tool = tool.clone();
        calls.spawn(async move { who.executes(&tool, json!({})).await });
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.code(), "timeout", "{}", answer.text());
    }
    assert_eq!(app.upstream().requests().len(), 1, "no stampede");
}

#[tokio::test]
async fn an_answer_is_over_when_its_time_is() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on_sequence("/quote", numbered());
    let tool = alice.registers(quote()).await;
    alice.executes(&tool, json!({})).await;
    app.sql("update orchestration.idempotency set expires_at = now() - interval '1 second'");
    let later = app.second().await;
    let answer = later.alice().executes(&tool, json!({})).await.json();
    assert_eq!(answer["output"]["n"], 2);
}

#[tokio::test]
async fn large_answers_are_asked_for_each_time() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/quote", json!({ "text": "x".repeat(300_000) }));
    let tool = alice.registers(quote()).await;
    for _ in 0..2 {
        let answer = alice.executes(&tool, json!({})).await.json();
        assert_eq!(answer["success"], true);
        assert_eq!(answer.get("cached"), None);
    }
    assert_eq!(app.upstream().requests().len(), 2);
    let rows = app.sql("select count(*) from orchestration.idempotency");
    assert_eq!(rows.single(), Some("0"));
}

#[tokio::test]
async fn an_answer_does_not_outlive_the_right_to_run_the_tool() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({ "n": 1 }));
    let tool = alice.registers(quote()).await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    let viewer = app.viewer().executes(&tool, json!({})).await;
    assert_eq!(viewer.status(), 403, "{}", viewer.text());
    let mut off = tool.document.clone();
    off["enabled"] = false.into();
    assert_eq!(alice.put(&tool.saved_path(), &off).await.status(), 200);
    let answer = alice.executes(&tool, json!({})).await;
    assert_eq!(answer.code(), "tool_disabled", "{}", answer.text());
}

#[tokio::test]
async fn a_call_with_a_key_of_its_own_is_made() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on_sequence("/quote", numbered());
    let tool = alice.registers(quote()).await;
    alice.executes(&tool, json!({})).await;
    let request = alice
        .request(reqwest::Method::POST, &tool.execute_path())
        .header("content-type", "application/json")
        .header("idempotency-key", "k")
        .body(json!({ "input": {} }).to_string());
    let answer = alice.send(request).await.json();
    assert_eq!(answer["output"]["n"], 2);
}
