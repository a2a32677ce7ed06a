//! A tool's own limits, counted in the database: for all processes of a workspace together.

use serde_json::json;
use testkit::upstream::Reply;
use testkit::{Response, TestApp, ToolBuilder};

fn limited(limits: serde_json::Value) -> ToolBuilder {
    ToolBuilder::get("/quote").set("/limits", limits)
}

fn over(response: &Response) -> u64 {
    assert_eq!(response.status(), 429, "{}", response.text());
    assert_eq!(response.code(), "quota_exceeded");
    response.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_rate_is_kept_by_all_processes_together() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({}));
    let tool = alice
        .registers(limited(json!({ "rate_per_minute": 2 })))
        .await;
    let second = app.second().await;
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    assert_eq!(
        second.alice().executes(&tool, json!({})).await.status(),
        200
    );
    let wait = over(&alice.executes(&tool, json!({})).await);
    assert!((1..=30).contains(&wait), "{wait}");
    over(&second.alice().executes(&tool, json!({})).await);
    assert_eq!(app.upstream().requests().len(), 2);
    let refused = app.sql(
        "select count(*) from orchestration.executions where error_code = 'quota_exceeded' and not success",
    );
    assert_eq!(refused.single(), Some("2"));
    // Half a minute later there is room for one more.
    app.sql("update orchestration.limits set refilled_at = refilled_at - interval '30 seconds'");
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    over(&alice.executes(&tool, json!({})).await);
    // Another workspace has its own.
    let his = bob
        .registers(limited(json!({ "rate_per_minute": 2 })))
        .await;
    assert_eq!(bob.executes(&his, json!({})).await.status(), 200);
}

#[tokio::test]
async fn a_place_is_free_again_when_its_call_ends() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on_sequence("/quote", vec![Reply::Hang(Vec::new()), json!({}).into()]);
    let tool = alice.registers(limited(json!({ "concurrency": 1 }))).await;
    let second = app.second().await;
    let (who, called) = (alice.clone(), tool.clone());
    let first = tokio::spawn(async move { who.executes(&called, json!({})).await });
    until(|| !app.upstream().requests().is_empty()).await;
    let other = second.alice();
    assert_eq!(over(&other.executes(&tool, json!({})).await), 1);
    // Its caller hangs up.
    first.abort();
    let taken = || app.sql("select count(*) from orchestration.slots");
    until(|| taken().single() == Some("0")).await;
    assert_eq!(other.executes(&tool, json!({})).await.status(), 200);
    assert_eq!(taken().single(), Some("0"));
}

#[tokio::test]
async fn the_place_of_a_killed_process_is_free_when_its_lease_is_over() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({}));
    let tool = alice.registers(limited(json!({ "concurrency": 1 }))).await;
    app.sql(&format!(
        "insert into orchestration.slots (workspace_id, subject, execution_id, until)
         values ('{}', 'tool:{}', gen_random_uuid(), now() + interval '1 hour')",
        alice.workspace_id(),
        tool.id
    ));
    over(&alice.executes(&tool, json!({})).await);
    app.sql("update orchestration.slots set until = now()");
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
}

#[tokio::test]
async fn what_was_not_admitted_takes_no_key() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({}));
    let tool = alice
        .registers(limited(json!({ "rate_per_minute": 1 })))
        .await;
    let call = async || {
        let request = alice
            .request(reqwest::Method::POST, &tool.execute_path())
            .header("content-type", "application/json")
            .header("idempotency-key", "k")
            .body(json!({ "input": {} }).to_string());
        alice.send(request).await
    };
    assert_eq!(alice.executes(&tool, json!({})).await.status(), 200);
    over(&call().await);
    app.sql("update orchestration.limits set level = 1");
    assert_eq!(call().await.status(), 200);
    // What is told again costs nothing.
    let again = call().await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn cached_answers_count_towards_no_limit() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/quote", json!({}));
    let tool = limited(json!({ "rate_per_minute": 1 })).set("/cache", json!({ "ttl_s": 60 }));
    let tool = alice.registers(tool).await;
    let second = app.second().await;
    for who in [alice.clone(), alice.clone(), second.alice()] {
        assert_eq!(who.executes(&tool, json!({})).await.status(), 200);
    }
    over(&alice.executes(&tool, json!({ "other": 1 })).await);
}

/// Waits for something that must come.
async fn until(come: impl Fn() -> bool) {
    let waiting = async {
        while !come() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
        .await
        .unwrap();
}
