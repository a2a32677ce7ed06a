//! `GET /api/v1/executions`.

use serde_json::{Value, json};
use testkit::{Answer, Persona, RegisteredTool, TestApp, ToolBuilder};

use crate::walk::{texts, walk};

/// Six executions: of two tools, half of them failed. Answers their ids, newest first, and the tools.
async fn log(app: &TestApp, alice: &Persona) -> (Vec<String>, RegisteredTool, RegisteredTool) {
    app.upstream().on("/works", json!({}));
    app.upstream().on("/fails", Answer::text("no").status(404));
    let works = alice.registers(ToolBuilder::get("/works")).await;
    let fails = alice.registers(ToolBuilder::get("/fails")).await;
    let mut ids = Vec::new();
    for tool in [&works, &fails, &works, &fails, &fails, &works] {
        let done = alice.executes(tool, json!({})).await.json();
        ids.push(done["execution_id"].as_str().expect("an id").to_owned());
    }
    ids.reverse();
    (ids, works, fails)
}

async fn ids(persona: &Persona, query: &str) -> Vec<String> {
    let path = format!("/api/v1/executions{query}");
    texts(&walk(persona, &path, "executions", 2).await, "id")
}

#[tokio::test]
async fn lists_newest_first_and_filters() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    let (all, works, fails) = log(&app, &alice).await;
    let at = |places: &[usize]| places.iter().map(|at| all[*at].clone()).collect::<Vec<_>>();
    let viewer = app.viewer();
    assert_eq!(ids(&viewer, "").await, all);
    assert_eq!(ids(&viewer, "?success=true").await, at(&[0, 3, 5]));
    assert_eq!(ids(&viewer, "?success=false").await, at(&[1, 2, 4]));
    let of_works = format!("?tool_id={}", works.id);
    assert_eq!(ids(&viewer, &of_works).await, at(&[0, 3, 5]));
    let both = format!("?success=true&tool_id={}", fails.id);
    assert!(ids(&viewer, &both).await.is_empty());
    assert!(ids(&viewer, "?tool_id=nothing").await.is_empty());
    assert!(ids(&bob, "").await.is_empty());
    for limit in [1, 4, 6, 200] {
        let walked = walk(&alice, "/api/v1/executions", "executions", limit).await;
        assert_eq!(texts(&walked, "id"), all, "{limit} at a time");
    }
}

#[tokio::test]
async fn a_line_tells_who_called_what_with_which_end() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    log(&app, &alice).await;
    let listed = alice
        .get("/api/v1/executions?success=false&limit=1")
        .await
        .json();
    let mut line = listed["executions"][0].clone();
    assert!(line["id"].take().is_string());
    assert!(line["started_at"].take().is_string());
    assert!(line["duration_ms"].take().as_f64().unwrap() > 0.0);
    assert_eq!(
        line,
        json!({
            "id": null, "tool_id": "get_fails", "tool_version": 1, "door": "rest", "success": false,
            "error_code": "upstream_4xx", "started_at": null, "duration_ms": null,
            "user_id": alice.user_id().to_string()
        })
    );
}

#[tokio::test]
async fn calls_that_were_refused_are_in_it_too() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::stock_quote()).await;
    let off = alice
        .registers(ToolBuilder::get("/off").set("/enabled", false))
        .await;
    assert_eq!(
        alice.executes(&tool, json!({ "symbol": 7 })).await.status(),
        400
    );
    assert_eq!(
        alice
            .executes(&tool, json!({ "symbol": "IBM" }))
            .await
            .status(),
        500
    );
    assert_eq!(alice.executes(&off, json!({})).await.status(), 409);
    let listed = walk(&alice, "/api/v1/executions", "executions", 50).await;
    assert_eq!(
        texts(&listed, "error_code"),
        ["tool_disabled", "secret_missing", "invalid_input"]
    );
}

#[tokio::test]
async fn the_log_outlives_the_tool() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let (all, works, _) = log(&app, &alice).await;
    alice.delete(&works.saved_path()).await;
    assert_eq!(ids(&alice, "").await, all);
    assert_eq!(
        ids(&alice, &format!("?tool_id={}", works.id)).await.len(),
        3
    );
}

#[tokio::test]
async fn a_walk_is_not_disturbed_by_new_executions() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let (all, works, _) = log(&app, &alice).await;
    let first = alice.get("/api/v1/executions?limit=3").await.json();
    alice.executes(&works, json!({})).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest: Value = alice
        .get(&format!("/api/v1/executions?limit=3&cursor={cursor}"))
        .await
        .json();
    assert_eq!(
        texts(rest["executions"].as_array().unwrap(), "id"),
        all[3..]
    );
}

#[tokio::test]
async fn refuses_filters_that_mean_nothing() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for query in [
        "success=maybe",
        "sucess=true",
        "limit=0",
        "cursor=AAAA",
        "tool_id=a&tool_id=b",
    ] {
        let response = alice.get(&format!("/api/v1/executions?{query}")).await;
        assert_eq!(response.status(), 400, "{query}: {}", response.text());
    }
}
