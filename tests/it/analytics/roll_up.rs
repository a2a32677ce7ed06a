//! Calls are counted into hours and days once, whoever counts, and a report is the same before and after.

use serde_json::Value;
use testkit::TestApp;

use super::{logged, logged_at, report};

/// Everything that a report tells, of days and of hours.
async fn told(app: &TestApp) -> [Value; 3] {
    let alice = app.alice();
    [
        report(&alice, "tools/quote").await,
        report(&alice, "workspace").await,
        report(&alice, "tools/quote?bucket=hour").await,
    ]
}

/// Rows whose sums are the log's.
fn counted(app: &TestApp) -> String {
    let counted = app.sql(
        "select coalesce(string_agg(grain || ' ' || (tool_id <> '')::text || ' ' || calls, ', ' order by grain, tool_id <> ''), '')
         from (
             select r.grain, r.tool_id <> '' as one, max(r.tool_id) as tool_id, sum(r.calls) as calls
             from orchestration.execution_rollups r
             group by r.grain, one
         ) as s",
    );
    counted.single().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_report_is_the_same_before_and_after() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(&logged(&alice, "quote", 3_000, 20));
    let before = told(&app).await;
    assert_eq!(before[0]["calls"], 3_000);
    assert_eq!(counted(&app), "");
    app.sweeps().await;
    assert_eq!(
        counted(&app),
        "day false 3000, day true 3000, hour false 3000, hour true 3000"
    );
    assert_eq!(told(&app).await, before);
    app.sweeps().await;
    assert_eq!(told(&app).await, before);
}

#[tokio::test]
async fn calls_are_counted_once_by_many() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(&logged(&alice, "quote", 2_000, 20));
    // One that counted and died before its commit has counted nothing.
    app.sql("begin; select orchestration.roll_up('20 minutes', 100); rollback");
    tokio::join!(app.sweeps(), app.sweeps(), app.sweeps(), app.sweeps());
    assert_eq!(
        counted(&app),
        "day false 2000, day true 2000, hour false 2000, hour true 2000"
    );
}

#[tokio::test]
async fn a_few_at_once_come_to_all() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(&logged(&alice, "quote", 500, 20));
    let mut rounds = 0;
    while app
        .sql("select orchestration.roll_up('20 minutes', 50) > 0")
        .single()
        == Some("t")
    {
        rounds += 1;
    }
    assert!((5..=10).contains(&rounds), "{rounds} rounds");
    assert_eq!(
        counted(&app),
        "day false 500, day true 500, hour false 500, hour true 500"
    );
}

#[tokio::test]
async fn calls_that_may_still_end_are_left_for_later() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(&logged_at(
        &alice,
        "quote",
        10,
        "now() - interval '19 minutes'",
    ));
    app.sweeps().await;
    assert_eq!(counted(&app), "");
    app.sql("delete from orchestration.executions");
    app.sql(&logged_at(
        &alice,
        "quote",
        10,
        "now() - interval '21 minutes'",
    ));
    app.sql("update orchestration.rollup_state set done_until = now() - interval '1 hour'");
    app.sweeps().await;
    assert_eq!(
        counted(&app),
        "day false 10, day true 10, hour false 10, hour true 10"
    );
}

#[tokio::test]
async fn sql_and_code_count_in_the_same_buckets() {
    let (app, _, _) = TestApp::with_two_workspaces().await;
    let mut duration = 1_u64;
    while duration < 10_000_000_000 {
        let said = app.sql(&format!("select orchestration.duration_bucket({duration})"));
        let bucket = domain::latency::bucket(duration).to_string();
        assert_eq!(said.single(), Some(bucket.as_str()), "{duration} µs");
        duration = duration * 9 / 8 + 1;
    }
}
