//! `GET /api/v1/analytics/tools/{tool_id}`.

use serde_json::{Value, json};
use testkit::{Answer, TestApp, ToolBuilder};

use super::{logged, report};

#[tokio::test]
async fn calls_are_told_at_once_and_to_the_workspace_alone() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/works", json!({}));
    let tool = alice.registers(ToolBuilder::get("/works")).await;
    for _ in 0..2 {
        alice.executes(&tool, json!({})).await;
    }
    app.upstream().on("/works", Answer::text("no").status(404));
    alice.executes(&tool, json!({})).await;
    let path = format!("tools/{}", tool.id);
    let told = report(&app.viewer(), &path).await;
    assert_eq!(told["calls"], 3);
    assert_eq!(told["successes"], 2);
    assert_eq!(told["failures"], 1);
    assert_eq!(told["success_rate"], 0.6666);
    assert_eq!(
        told["errors"],
        json!([{ "code": "upstream_4xx", "calls": 1 }])
    );
    assert_eq!(told["callers"]["rest"]["calls"], 3);
    assert_eq!(told["callers"].as_object().unwrap().len(), 1);
    assert!(told["p50_ms"].as_f64().unwrap() <= told["p99_ms"].as_f64().unwrap());
    let series = told["series"].as_array().unwrap();
    assert_eq!(series.len(), 30);
    assert_eq!(series[29]["calls"], 3);
    assert_eq!(
        series[28],
        json!({ "at": series[28]["at"], "calls": 0, "successes": 0, "failures": 0 })
    );
    let hours = report(&alice, &format!("{path}?bucket=hour")).await;
    assert_eq!(hours["series"].as_array().unwrap().len(), 24);
    assert_eq!(hours["calls"], 3);
    let foreign = bob.get(&format!("/api/v1/analytics/{path}")).await;
    assert_eq!(foreign.status(), 404);
    let saved = alice.registers(ToolBuilder::get("/never")).await;
    let told = report(&alice, &format!("tools/{}", saved.id)).await;
    assert_eq!((&told["calls"], &told["errors"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn percentiles_are_near_the_exact_ones() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(&logged(&alice, "quote", 1_000, 10));
    app.sweeps().await;
    let told = report(&alice, "tools/quote").await;
    assert_eq!(
        (&told["calls"], &told["failures"]),
        (&json!(1_000), &json!(100))
    );
    assert_eq!(told["mean_ms"], 5.995);
    for (name, exact) in [("p50_ms", 5.99), ("p95_ms", 10.49), ("p99_ms", 10.89)] {
        let ratio = told[name].as_f64().unwrap() / exact;
        assert!((0.84..1.19).contains(&ratio), "{name}: {told}");
    }
    assert_eq!(told["callers"]["rest"]["calls"], 500);
    // All failures came through one door.
    assert_eq!(told["callers"]["rest"]["failures"], 100);
    assert_eq!(told["callers"]["mcp"]["failures"], 0);
}

#[tokio::test]
async fn a_time_is_told_by_itself() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(&logged(&alice, "quote", 100, 10));
    app.sweeps().await;
    let whole = report(&alice, "tools/quote").await;
    let days: Vec<&Value> = whole["series"].as_array().unwrap().iter().collect();
    let called: Vec<&&Value> = days.iter().filter(|day| day["calls"] == 10).collect();
    assert_eq!(called.len(), 10, "{whole}");
    let (from, to) = (&days[25]["at"], &days[27]["at"]);
    let (from, to) = (from.as_str().unwrap(), to.as_str().unwrap());
    let two = report(&alice, &format!("tools/quote?from={from}&to={to}")).await;
    assert_eq!(two["calls"], 20);
    assert_eq!(two["series"], json!([days[25], days[26]]));
    let hours = report(
        &alice,
        &format!("tools/quote?from={from}&to={to}&bucket=hour"),
    )
    .await;
    assert_eq!(hours["calls"], 20);
    assert_eq!(hours["series"].as_array().unwrap().len(), 48);
}

#[tokio::test]
async fn csv_has_a_line_for_each_day() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.sql(&logged(&alice, "quote", 100, 10));
    let answered = alice.get("/api/v1/analytics/tools/quote?format=csv").await;
    assert_eq!(
        answered.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    let text = answered.text();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "at,calls,successes,failures,success_rate,mean_ms,p50_ms,p95_ms,p99_ms"
    );
    assert_eq!(lines.len(), 32, "{text}");
    assert!(lines[1].ends_with("T00:00:00Z,0,0,0,,,,,"), "{}", lines[1]);
    let called = |line: &&&str| line.contains("T00:00:00Z,10,9,1,0.9,");
    assert_eq!(lines.iter().filter(called).count(), 10, "{text}");
    assert_eq!(lines[31], "");
}

#[tokio::test]
async fn a_time_that_cannot_be_told_is_refused() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for (query, pointer, says) in [
        ("from=yesterday", "from", "from"),
        ("bucket=week", "bucket", "hour or day"),
        ("format=xml", "format", "json or csv"),
        (
            "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
            "from",
            "not before",
        ),
        (
            "from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z&bucket=hour",
            "from",
            "744",
        ),
        (
            "from=2020-01-01T00:00:00Z&to=2026-03-01T00:00:00Z",
            "from",
            "731",
        ),
        ("form=2026-01-01T00:00:00Z", "form", "from"),
    ] {
        let answered = alice
            .get(&format!("/api/v1/analytics/tools/quote?{query}"))
            .await;
        assert_eq!(answered.status(), 400, "{query}");
        let problem = answered.json();
        let fault = &problem["errors"][0];
        assert_eq!(fault["pointer"], pointer, "{query}: {problem}");
        assert!(fault.to_string().contains(says), "{query}: {problem}");
    }
}
