//! A flow's run, from its start to its end.

use serde_json::json;
use testkit::{TestApp, ToolBuilder};

use super::{of_steps, saved};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_a_fan_out_and_a_join_come_to_one_output() {
    let (app, alice, _) = TestApp::with_two_workspaces().await;
    app.upstream().on("/price", json!({ "price": 185.2 }));
    let tool = ToolBuilder::get("/price").id("quote");
    let tool = tool.mapping(json!({ "response_to_output": { "price": "price" } }));
    alice.registers(tool).await;
    let flow = of_steps(json!([
        { "id": "quotes", "tool": "quote", "for_each": "{{ input.symbols }}", "max_concurrency": 3 },
        { "id": "prices", "transform": "{{ steps.quotes.output | map(attribute='price') | list }}" },
        { "id": "count", "transform": "{{ steps.prices.output | length }}" },
    ]));
    let view = saved(&alice, &flow).await.json();
    let path = format!(
        "/api/v1/flows/{}/execute",
        view["flow_id"].as_str().unwrap()
    );
    let request = alice
        .request(reqwest::Method::POST, &path)
        .header("prefer", "wait=20")
        .json(&json!({ "input": { "symbols": ["A", "B", "C", "D", "E", "F", "G"] } }));
    let run = alice.send(request).await;
    assert_eq!(run.status(), 200, "{}", run.text());
    let run = run.json();
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert_eq!(run["output"], json!({ "count": 7 }), "{run:#}");
    assert_eq!(app.upstream().requests().len(), 7);
}
