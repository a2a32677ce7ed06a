//! `POST /api/v1/tools/{tool_id}/execute`.

use serde_json::json;
use testkit::{Answer, TestApp, ToolBuilder, global_quote, logs};

#[tokio::test]
async fn runs_the_specifications_example() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/", global_quote());
    let tool = alice.registers(ToolBuilder::stock_quote()).await;
    alice
        .stores_secret("ALPHA_VANTAGE_API_KEY", "an-alpha-vantage-key")
        .await;

    let response = alice.executes(&tool, json!({ "symbol": "IBM" })).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let body = response.json();
    assert_eq!(body["success"], true);
    assert_eq!(body["output"], json!({ "price": 185.2 }));
    assert!(body["execution_time_ms"].is_u64(), "{body}");

    let sent = app.upstream().last_request();
    assert_eq!(sent.method, "GET");
    let query = sent.query();
    assert!(
        query.contains(&("symbol".into(), "IBM".into())),
        "{query:?}"
    );
    assert!(
        query.contains(&("apikey".into(), "an-alpha-vantage-key".into())),
        "{query:?}"
    );
}

#[tokio::test]
async fn records_the_execution_without_the_secret() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let key = "key-that-must-stay-secret-4711";
    // An upstream that answers with the key that it was sent.
    app.upstream().on(
        "/",
        json!({ "Global Quote": { "05. price": "1", "note": key } }),
    );
    let tool = alice
        .registers(
            ToolBuilder::stock_quote().set("/mapping/response_to_output/note", "Global Quote.note"),
        )
        .await;
    alice.stores_secret("ALPHA_VANTAGE_API_KEY", key).await;
    let response = alice.executes(&tool, json!({ "symbol": "IBM" })).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    assert!(!response.text().contains(key), "{}", response.text());

    let id = response.json()["execution_id"].as_str().unwrap().to_owned();
    let recorded = alice.get(&format!("/api/v1/executions/{id}")).await;
    assert_eq!(recorded.status(), 200, "{}", recorded.text());
    assert_eq!(recorded.json()["tool_id"], tool.id.as_str());
    assert!(!recorded.text().contains(key));
    let rows = app.sql("select e::text from orchestration.executions e");
    assert_eq!(rows.rows.len(), 1);
    assert!(!format!("{rows:?}").contains(key));
    assert!(!logs::contain(key));
}

#[tokio::test]
async fn refuses_input_that_breaks_the_schema() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::stock_quote()).await;
    let response = alice.executes(&tool, json!({ "symbol": 7 })).await;
    assert_eq!(response.status(), 400, "{}", response.text());
    assert_eq!(response.json()["errors"][0]["pointer"], "/input/symbol");
    assert_eq!(app.upstream().connections(), 0);
}

#[tokio::test]
async fn answers_500_with_code_hint_and_details_when_the_upstream_fails() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on(
        "/weather",
        Answer::json(&json!({ "error": "no such place" })).status(404),
    );
    let tool = alice.registers(ToolBuilder::get("/weather")).await;
    let response = alice.executes(&tool, json!({})).await;
    assert_eq!(response.status(), 500, "{}", response.text());
    let body = response.json();
    assert_eq!(body["success"], false);
    let error = &body["error"];
    assert_eq!(error["code"], "upstream_4xx");
    assert!(error["hint"].is_string(), "{error}");
    assert_eq!(error["details"]["status"], 404);
}

#[tokio::test]
async fn warns_when_no_path_finds_anything() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/weather", json!({ "data": [{ "celsius": 7 }] }));
    let tool = ToolBuilder::get("/weather").set(
        "/mapping",
        json!({ "response_to_output": { "celsius": "dta.0.celsius" } }),
    );
    let tool = alice.registers(tool).await;
    let body = alice.executes(&tool, json!({})).await.json();
    assert_eq!(
        (&body["success"], &body["output"]),
        (&json!(true), &json!({}))
    );
    let warning = body["warnings"][0].as_str().unwrap();
    assert!(warning.contains("\"dta.0.celsius\""), "{warning}");
    assert!(warning.contains("nearest key"), "{warning}");
}

#[tokio::test]
async fn blocks_a_private_address_before_a_connection_is_made() {
    let app = TestApp::setup().without_private_upstreams().start().await;
    let alice = app.alice();
    let response = alice.tries_to_register(&ToolBuilder::get("/weather")).await;
    assert_eq!(response.status(), 400, "{}", response.text());
    let metadata = ToolBuilder::get("/latest/meta-data").base_url("http://169.254.169.254");
    assert_eq!(alice.tries_to_register(&metadata).await.status(), 400);
    assert_eq!(app.upstream().connections(), 0);
}
