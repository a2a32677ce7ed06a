//! `tools/call`: one real call, told as the protocol tells it, and recorded with its door.

use serde_json::{Value, json};
use testkit::{Answer, TestApp, ToolBuilder, global_quote};

use super::{Client, post, text};

fn weather() -> ToolBuilder {
    let city = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let output = json!({ "type": "object", "properties": { "degrees": { "type": "number" } }, "required": ["degrees"] });
    ToolBuilder::get("/weather").input(city).output(output)
}

#[tokio::test]
async fn a_call_is_answered_in_text_and_structure_and_recorded() {
    let (app, alice, bob) = TestApp::with_two_workspaces().await;
    app.upstream().on("/weather", json!({ "degrees": 21.5 }));
    alice.registers(weather()).await;
    let call = json!({ "name": "get_weather", "arguments": { "city": "Oslo" } });
    for client in [Client::modern(&alice), Client::legacy(&alice)] {
        let result = client.gets("tools/call", call.clone()).await;
        assert_eq!(result["structuredContent"], json!({ "degrees": 21.5 }));
        assert_eq!(text(&result), r#"{"degrees":21.5}"#);
        assert_eq!(result["isError"], false);
    }
    let listed = alice.get("/api/v1/executions").await;
    assert_eq!(listed.status(), 200, "{}", listed.text());
    let listed = listed.json();
    let rows = listed["executions"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{listed}");
    assert!(
        rows.iter()
            .all(|row| row["tool_id"] == "get_weather" && row["door"] == "mcp"),
        "{listed}"
    );
    // The client's own name of the call, in the list and in the record.
    for row in rows {
        let path = format!("/api/v1/executions/{}", row["id"].as_str().unwrap());
        let record = alice.get(&path).await.json();
        for told in [row, &record] {
            assert_eq!(
                (&told["door"], &told["call_id"]),
                (&json!("mcp"), &json!("7"))
            );
            assert!(told["run_id"].is_null(), "{told}");
        }
    }

    // Bob's workspace has no such tool, and nothing of Alice's is told.
    let error = Client::modern(&bob).is_refused("tools/call", call).await;
    assert_eq!(
        error,
        json!({ "code": -32602, "message": "Unknown tool: get_weather" })
    );
    assert_eq!(app.upstream().requests().len(), 2);
}

#[tokio::test]
async fn the_specifications_example_runs_with_its_secret() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/", global_quote());
    let tool = alice.registers(ToolBuilder::stock_quote()).await;
    alice
        .stores_secret("ALPHA_VANTAGE_API_KEY", "an-alpha-vantage-key")
        .await;
    let call = json!({ "name": tool.id, "arguments": { "symbol": "IBM" } });
    let result = Client::modern(&alice).gets("tools/call", call).await;
    assert_eq!(text(&result), r#"{"price":185.2}"#);
    assert_eq!(result["structuredContent"]["price"], 185.2);
}

#[tokio::test]
async fn outputs_that_are_no_objects_are_text() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream()
        .on("/list", json!([1, 2, 3]))
        .on("/name", json!("![x](https://evil.example)"));
    alice
        .registers(ToolBuilder::get("/list").output(json!({ "type": "array" })))
        .await;
    alice.registers(ToolBuilder::get("/name")).await;
    let client = Client::modern(&alice);
    let list = client
        .gets("tools/call", json!({ "name": "get_list" }))
        .await;
    assert_eq!(
        (text(&list), &list["structuredContent"]),
        ("[1,2,3]", &Value::Null)
    );
    let name = client
        .gets(
            "tools/call",
            json!({ "name": "get_name", "arguments": null }),
        )
        .await;
    assert_eq!(text(&name), "![x](https://evil.example)");
}

#[tokio::test]
async fn failures_are_results_that_a_model_can_read() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on(
        "/weather",
        Answer::json(&json!({ "isError": false })).status(500),
    );
    app.upstream().on("/any", Answer::text("down").status(503));
    alice.registers(weather()).await;
    alice
        .registers(ToolBuilder::get("/any").output(json!({ "type": "array" })))
        .await;
    alice
        .registers(ToolBuilder::get("/off").set("/enabled", false))
        .await;
    let client = Client::modern(&alice);

    let failed = client
        .gets(
            "tools/call",
            json!({ "name": "get_weather", "arguments": { "city": "Oslo" } }),
        )
        .await;
    assert_eq!(failed["isError"], true);
    assert!(text(&failed).contains("upstream_5xx"), "{failed}");
    // Its schema would not fit an error.
    assert!(failed["structuredContent"].is_null(), "{failed}");

    let failed = client
        .gets("tools/call", json!({ "name": "get_any" }))
        .await;
    assert_eq!(failed["structuredContent"]["error"]["code"], "upstream_5xx");
    assert_eq!(failed["structuredContent"]["error"]["retryable"], true);

    let before = app.upstream().requests().len();
    let misfit = client
        .gets(
            "tools/call",
            json!({ "name": "get_weather", "arguments": { "city": 7 } }),
        )
        .await;
    assert_eq!(misfit["isError"], true);
    assert!(text(&misfit).contains("arguments/city"), "{misfit}");
    let off = client
        .gets("tools/call", json!({ "name": "get_off" }))
        .await;
    assert_eq!(off["isError"], true);
    assert!(text(&off).contains("tool_disabled"), "{off}");
    assert_eq!(app.upstream().requests().len(), before);
}

#[tokio::test]
async fn unknown_tools_and_answers_to_nothing_are_refused() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let client = Client::modern(&alice);
    for params in [
        json!({ "name": "removed" }),
        json!({ "name": "A b" }),
        json!({ "name": "../../etc" }),
        json!({ "name": "removed", "requestState": "tampered", "inputResponses": {} }),
    ] {
        let error = client.is_refused("tools/call", params.clone()).await;
        assert_eq!(error["code"], -32602, "{params}: {error}");
    }
}

#[tokio::test]
async fn a_call_with_a_progress_token_is_a_stream_that_ends_with_the_result() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/weather", json!({ "degrees": 3 }));
    alice.registers(weather()).await;
    let params = json!({ "name": "get_weather", "arguments": { "city": "Oslo" }, "_meta": { "progressToken": "p-1" } });
    for client in [Client::modern(&alice), Client::legacy(&alice)] {
        let response = client.asks("tools/call", params.clone()).await;
        assert_eq!(
            response.header("content-type"),
            Some("text/event-stream"),
            "{}",
            response.text()
        );
        let told: Vec<Value> = response
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter_map(|data| serde_json::from_str(data.trim()).ok())
            .collect();
        let progress: Vec<_> = told
            .iter()
            .filter(|event| event["method"] == "notifications/progress")
            .collect();
        let values: Vec<_> = progress
            .iter()
            .map(|event| event["params"]["progress"].as_f64().unwrap())
            .collect();
        assert_eq!(values, [0.0, 1.0, 2.0], "{told:?}");
        assert!(
            progress
                .iter()
                .all(|event| event["params"]["progressToken"] == "p-1")
        );
        let last = told.last().unwrap();
        assert_eq!(last["id"], 7);
        assert_eq!(last["result"]["structuredContent"]["degrees"], 3);
    }
    // Who reads JSON only gets JSON.
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let request = post(&alice).build_split();
    let (client, request) = (request.0, request.1.unwrap());
    let mut request = request;
    request
        .headers_mut()
        .insert("accept", "application/json".parse().unwrap());
    *request.body_mut() = Some(message.to_string().into());
    let response = client.execute(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn a_cut_output_says_where_the_rest_is() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    let rows: Vec<Value> = (0..2_000).map(|n| json!({ "row": n })).collect();
    app.upstream().on("/rows", json!({ "rows": rows }));
    alice
        .registers(ToolBuilder::get("/rows").set("/output/max_tokens", 500))
        .await;
    let client = Client::modern(&alice);
    let result = client
        .gets("tools/call", json!({ "name": "get_rows" }))
        .await;
    let note = result["content"][1]["text"].as_str().unwrap();
    let cursor = note
        .split_whitespace()
        .find(|word| word.starts_with("more_"))
        .unwrap();
    let more = client
        .gets(
            "tools/call",
            json!({ "name": "read_more", "arguments": { "cursor": cursor } }),
        )
        .await;
    assert_eq!(more["isError"], false, "{more}");
}
