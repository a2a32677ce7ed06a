//! `POST /api/v1/tools/{tool_id}/preview`.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

#[tokio::test]
async fn shows_the_request_with_secrets_by_name_and_sends_nothing() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice
        .registers(
            ToolBuilder::post("/orders")
                .auth(json!({ "method": "bearer", "secret_ref": "${SHOP_TOKEN}" }))
                .set("/api/headers", json!({ "X-Trace": "Token ${TRACE_TOKEN}" }))
                .input(json!({ "type": "object", "properties": {
                    "note": { "type": "string" }, "page": { "type": "integer" } } }))
                .mapping(json!({
                    "input_to_params": { "page": "p" },
                    "input_to_body": { "note": "order.note" } })),
        )
        .await;
    // The secrets need not even exist.
    let input = json!({ "note": "it's ${SHOP_TOKEN}", "page": 2 });
    let response = alice
        .post(&tool.preview_path(), &json!({ "input": input }))
        .await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let preview = response.json();
    assert_eq!(preview["method"], "POST");
    let url = format!("{}/orders?p=2", app.upstream().base_url());
    assert_eq!(preview["url"], url);
    assert_eq!(preview["headers"]["Authorization"], "Bearer ${SHOP_TOKEN}");
    assert_eq!(preview["headers"]["X-Trace"], "Token ${TRACE_TOKEN}");
    assert_eq!(
        preview["body"],
        json!({ "order": { "note": "it's ${SHOP_TOKEN}" } })
    );
    let curl = preview["curl"].as_str().unwrap();
    assert!(curl.starts_with("curl -X POST"), "{curl}");
    assert!(
        curl.contains("Authorization: Bearer ${SHOP_TOKEN}"),
        "{curl}"
    );
    // What a caller wrote is quoted: a shell expands the tool's own secrets only.
    assert!(
        curl.contains(r#"'{"order":{"note":"it'\''s ${SHOP_TOKEN}"}}'"#),
        "{curl}"
    );
    assert_eq!(app.upstream().connections(), 0);
}

#[tokio::test]
async fn leaves_no_trace_of_a_call() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::stock_quote()).await;
    alice
        .stores_secret("ALPHA_VANTAGE_API_KEY", "value-that-no-preview-shows")
        .await;
    let body = json!({ "input": { "symbol": "IBM" } });
    let response = alice.post(&tool.preview_path(), &body).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let url = response.json()["url"].clone();
    let expected = format!(
        "{}/?symbol=IBM&apikey=${{ALPHA_VANTAGE_API_KEY}}",
        app.upstream().base_url()
    );
    assert_eq!(url, expected);
    assert!(!response.text().contains("value-that-no-preview-shows"));
    let executions = alice.get("/api/v1/executions").await.json();
    assert_eq!(executions, json!({ "executions": [] }));
    let used = app.sql("select count(*) from secrets.audit where action = 'secret.use'");
    assert_eq!(used.single(), Some("0"));
    assert_eq!(app.upstream().connections(), 0);
}

#[tokio::test]
async fn shows_exactly_what_an_execution_sends() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("*", json!({}));
    let tool = alice
        .registers(
            ToolBuilder::call("PUT", "/places/{place}/notes")
                .input(json!({ "type": "object", "properties": {
                    "place": { "type": "string" }, "tags": { "type": "array" },
                    "lang": { "type": "string" }, "text": {} } }))
                .mapping(json!({
                    "input_to_path": { "place": "place" },
                    "input_to_params": { "tags": "tag" },
                    "input_to_headers": { "lang": "Accept-Language" },
                    "input_to_body": { "text": "/text" } })),
        )
        .await;
    let input = json!({ "place": "São Paulo/Süd?#%", "tags": ["a b", "c&d=e", "ü"], "lang": "pt-BR",
                        "text": { "n": 1.5, "s": "\"quoted\"" } });
    let body = json!({ "input": input });
    let preview = alice.post(&tool.preview_path(), &body).await;
    assert_eq!(preview.status(), 200, "{}", preview.text());
    let preview = preview.json();
    let done = alice.post(&tool.execute_path(), &body).await;
    assert_eq!(done.status(), 200, "{}", done.text());

    let sent = app.upstream().last_request();
    assert_eq!(preview["method"], sent.method.as_str());
    let url = format!("{}{}", app.upstream().base_url(), sent.target);
    assert_eq!(preview["url"], url);
    assert_eq!(preview["body"], sent.json());
    for (name, value) in preview["headers"].as_object().unwrap() {
        assert_eq!(sent.header(name), value.as_str(), "{name}");
    }
}

#[tokio::test]
async fn refuses_the_input_that_an_execution_refuses() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let tool = alice.registers(ToolBuilder::stock_quote()).await;
    let body = json!({ "input": { "symbol": 7 } });
    for path in [tool.preview_path(), tool.execute_path()] {
        let response = alice.post(&path, &body).await;
        assert_eq!(response.status(), 400, "{}", response.text());
        assert_eq!(response.code(), "invalid_input");
        assert_eq!(response.json()["errors"][0]["pointer"], "/input/symbol");
    }
    let missing = alice.post("/api/v1/tools/nothing/preview", &body).await;
    assert_eq!(missing.status(), 404);
}
