//! The log is dropped when its time is over, after it was counted; reports stay what they were.

use serde_json::{Value, json};
use testkit::{TestApp, ToolBuilder};

use super::{logged_at, report};

/// Eight months of parts.
const PARTS: &str = include_str!("parts.sql");

/// What is left of the log, and what is counted of it by the day.
fn left(app: &TestApp) -> (String, String) {
    let count = |sql: &str| app.sql(sql).single().unwrap_or_default().to_owned();
    (
        count("select count(*) from orchestration.executions"),
        count(
            "select coalesce(sum(calls), 0) from orchestration.execution_rollups where grain = 'day' and tool_id <> ''",
        ),
    )
}

#[tokio::test]
async fn a_report_outlives_the_log() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(PARTS);
    // Two hundred days, one call each.
    let at = "date_trunc('day', now(), 'UTC') - i * interval '1 day' - interval '1 hour'";
    app.sql(&logged_at(&alice, "quote", 200, at));
    let long_ago = app
        .sql("select to_char(now() - interval '200 days', 'YYYY-MM-DD')")
        .single()
        .unwrap()
        .to_owned();
    let told = async || -> [Value; 3] {
        [
            report(&alice, &format!("tools/quote?from={long_ago}T00:00:00Z")).await,
            report(&alice, &format!("workspace?from={long_ago}T00:00:00Z")).await,
            report(&alice, "tools/quote").await,
        ]
    };
    let before = told().await;
    assert_eq!(before[0]["calls"], 200);
    // Of a sweep that died before the log was counted, nothing is dropped; nor of one that died while it dropped.
    app.sql("select orchestration.drop_execution_parts('90 days')");
    assert_eq!(left(&app), ("200".to_owned(), "0".to_owned()));
    app.sql(
        "begin; select orchestration.roll_up('20 minutes', 1000000); select orchestration.drop_execution_parts('90 days'); rollback",
    );
    assert_eq!(left(&app), ("200".to_owned(), "0".to_owned()));

    tokio::join!(app.sweeps(), app.sweeps(), app.sweeps());

    let (log, counted) = left(&app);
    let log: u32 = log.parse().unwrap();
    // Ninety days, and the rest of the month in which they begin.
    assert!((90..=121).contains(&log), "{log}");
    assert_eq!(counted, "200");
    assert_eq!(told().await, before);
}

#[tokio::test]
async fn what_was_dropped_is_not_found_and_replayed_all_the_same() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(PARTS);
    app.upstream().on("/order", json!({ "number": 1 }));
    let tool = alice.registers(ToolBuilder::post("/order")).await;
    let order = async || {
        let request = alice
            .request(reqwest::Method::POST, &tool.execute_path())
            .header("content-type", "application/json")
            .header("idempotency-key", "order-1")
            .body(r#"{"input":{}}"#);
        alice.send(request).await.json()
    };
    let first = order().await;
    let path = format!(
        "/api/v1/executions/{}",
        first["execution_id"].as_str().unwrap()
    );
    assert_eq!(alice.get(&path).await.status(), 200);
    // As the log will be when this month is long over: keeping what ends later than in two months keeps nothing of it.
    let over = "update orchestration.rollup_state set done_until = now() + interval '1 year';
         select orchestration.drop_execution_parts('-60 days') > 7";
    assert_eq!(app.sql(over).single(), Some("t"));

    assert_eq!(alice.get(&path).await.status(), 404);
    let listed = alice.get("/api/v1/executions").await.json();
    assert_eq!(listed, json!({ "executions": [] }));
    assert_eq!(order().await, first);
    assert_eq!(app.upstream().requests().len(), 1);
    // A call of now is written and read as ever.
    let next = alice.executes(&tool, json!({})).await.json();
    let path = format!(
        "/api/v1/executions/{}",
        next["execution_id"].as_str().unwrap()
    );
    assert_eq!(alice.get(&path).await.status(), 200);
}

#[tokio::test]
async fn hours_and_days_that_are_gone_are_refused() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(&logged_at(
        &alice,
        "quote",
        100,
        "now() - i * interval '10 days'",
    ));
    app.sweeps().await;
    let day = |ago: u32| {
        let sql = format!("select to_char(now() - interval '{ago} days', 'YYYY-MM-DD')");
        format!("{}T00:00:00Z", app.sql(&sql).single().unwrap())
    };
    for (bucket, kept, gone) in [("hour", 88, 91), ("day", 798, 801)] {
        for what in ["tools/quote", "workspace"] {
            let told = async |from: u32| {
                let (from, to) = (day(from), day(from - 10));
                let query = format!("bucket={bucket}&from={from}&to={to}");
                alice
                    .get(&format!("/api/v1/analytics/{what}?{query}"))
                    .await
            };
            let answered = told(kept).await;
            assert_eq!(answered.status(), 200, "{}", answered.text());
            assert_eq!(answered.json()["calls"], 1, "{bucket} {what}");
            let answered = told(gone).await;
            assert_eq!(answered.status(), 400, "{}", answered.text());
            let fault = &answered.json()["errors"][0];
            assert_eq!(fault["pointer"], "from", "{fault}");
            let said = fault["message"].as_str().unwrap();
            assert_eq!(said, format!("each {bucket} is kept for {} days", kept + 2));
        }
    }
}

#[tokio::test]
async fn hours_go_and_days_stay() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(PARTS);
    let at = "date_trunc('day', now(), 'UTC') - i * interval '1 day' - interval '1 hour'";
    app.sql(&logged_at(&alice, "quote", 300, at));
    app.sweeps().await;
    let hours = "select count(*) filter (where grain = 'hour') || ' ' || count(*) filter (where grain = 'day')
         from orchestration.execution_rollups where tool_id <> ''";
    assert_eq!(app.sql(hours).single(), Some("90 300"));
}
