//! `POST /api/v1/tools/{tool_id}/test`: a tool's recorded fixtures.

use serde_json::{Value, json};
use testkit::{Persona, TestApp, ToolBuilder};

use super::quote;

async fn tested(alice: &Persona, tests: Value) -> Value {
    tested_as(alice, quote(), tests).await
}

async fn tested_as(alice: &Persona, tool: ToolBuilder, tests: Value) -> Value {
    let tool = tool
        .set("/tests", tests)
        .document("https://api.example.com");
    let saved = match alice.post("/api/v1/tools", &tool).await {
        answer if answer.status() == 409 => alice.put("/api/v1/tools/saved/quote", &tool).await,
        answer => answer,
    };
    assert!(saved.status().is_success(), "{}", saved.text());
    let report = alice.post("/api/v1/tools/quote/test", &json!({})).await;
    assert_eq!(report.status(), 200, "{}", report.text());
    report.json()
}

#[tokio::test]
async fn fixtures_that_hold_pass_without_anything_being_sent() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let report = tested(
        &alice,
        json!([
            {
                "name": "asks for the symbol", "input": { "symbol": "IBM" },
                "request": {
                    "method": "GET", "url": "https://api.example.com/quote?symbol=IBM",
                    "headers": { "Authorization": "Bearer ${API_KEY}" },
                },
            },
            { "name": "reads the price", "input": { "symbol": "IBM" },
              "response": { "status": 200, "body": { "price": "185.20" } }, "output": { "price": 185.2 } },
            { "name": "knows a failure", "input": { "symbol": "IBM" },
              "response": { "status": 429, "body": {} }, "error": "rate_limited" },
            { "name": "refuses", "input": { "symbol": 7 }, "error": { "code": "invalid_input" } },
            { "name": "no price", "input": { "symbol": "IBM" }, "response": { "body": { "cost": 1 } }, "error": "mapping_failed" },
            { "name": "no JSON", "input": { "symbol": "IBM" }, "response": { "body": "<html>", "content_type": "text/html" }, "error": "invalid_response" },
        ]),
    )
    .await;
    assert_eq!(report["passed"], true, "{report}");
    assert_eq!(report["tests"].as_array().unwrap().len(), 6);
    assert_eq!(app.upstream().connections(), 0);
    assert_eq!(
        app.sql("select count(*) from orchestration.executions")
            .single(),
        Some("0")
    );
}

#[tokio::test]
async fn what_does_not_hold_is_told_with_its_place() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    for (test, pointer, code) in [
        (
            json!({ "request": { "method": "POST" } }),
            "/tests/0/request/method",
            "different",
        ),
        (
            json!({ "request": { "headers": { "X-None": "1" } } }),
            "/tests/0/request/headers/X-None",
            "different",
        ),
        (
            json!({ "request": { "query": {} } }),
            "/tests/0/request/query",
            "unknown_field",
        ),
        (
            json!({ "response": { "body": { "price": 1 } }, "output": { "price": 2 } }),
            "/tests/0/output",
            "different",
        ),
        (
            json!({ "response": { "body": { "price": 1 } }, "error": "upstream_4xx" }),
            "/tests/0/error",
            "no_failure",
        ),
        (
            json!({ "response": { "status": 404, "body": {} } }),
            "/tests/0/response",
            "failed",
        ),
        (
            json!({ "response": { "status": 404, "body": {} }, "error": "timeout" }),
            "/tests/0/error",
            "failed",
        ),
        (
            json!({ "response": { "status": 99 } }),
            "/tests/0/response/status",
            "invalid_value",
        ),
        (
            json!({ "output": {} , "request": {} }),
            "/tests/0/response",
            "required",
        ),
        (json!({}), "/tests/0", "empty_test"),
        (
            json!({ "error": "invalid_input" }),
            "/tests/0/error",
            "no_failure",
        ),
    ] {
        let mut test = test;
        test["name"] = "one".into();
        test["input"] = json!({ "symbol": "IBM" });
        let report = tested(&alice, json!([test])).await;
        assert_eq!(report["passed"], false, "{report}");
        let error = &report["tests"][0]["errors"][0];
        assert_eq!(
            (&error["pointer"], &error["code"]),
            (&json!(pointer), &json!(code)),
            "{report}"
        );
    }
    let wrong = tested(
        &alice,
        json!([{ "name": "input", "input": { "symbol": 7 }, "request": {} }]),
    )
    .await;
    assert_eq!(
        wrong["tests"][0]["errors"][0]["pointer"],
        "/tests/0/input/symbol"
    );
    assert_eq!(
        tested(&alice, json!([])).await,
        json!({ "passed": true, "tests": [] })
    );
    assert_eq!(
        alice
            .post("/api/v1/tools/none/test", &json!({}))
            .await
            .code(),
        "tool_not_found"
    );
}

#[tokio::test]
async fn a_recorded_page_is_the_first_and_the_last() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = ToolBuilder::get("/list").id("quote")
        .set("/response", json!({ "pagination": { "type": "cursor", "cursor_param": "c", "cursor_path": "next", "items_path": "items" } }));
    let report = tested_as(
        &alice,
        tool,
        json!([{ "name": "page", "response": { "body": { "items": [1, 2], "next": "more" } },
                 "output": { "items": [1, 2], "next": "more" } }]),
    )
    .await;
    assert_eq!(report["passed"], true, "{report}");
    assert_eq!(report["tests"].as_array().unwrap().len(), 1, "{report}");
}
