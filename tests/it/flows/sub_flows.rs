//! Steps that run another flow.

use serde_json::json;
use testkit::TestApp;

use super::acts::{ended, flow, ran, state, step};
use super::saved;

#[tokio::test]
async fn its_output_is_the_steps() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let inner = json!({ "id": "inner", "name": "inner", "input_schema": { "type": "object", "properties": { "n": { "type": "integer" } } }, "steps": [{ "id": "one", "transform": "{{ 100 // input.n }}" }],
                        "output": "{{ steps.one.output }}" });
    saved(&alice, &inner).await;
    flow(&alice, json!([{ "id": "subs", "flow": "inner", "for_each": "{{ input.list }}", "input": { "n": "{{ item }}" } }])).await;
    let run = ran(&alice, "f", json!({ "list": [1, 2, 5] })).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("succeeded"), &json!({ "subs": [100, 50, 20] })),
        "{run:#}"
    );
    let below = step(&run, "subs[1]")["run_id"].as_str().unwrap().to_owned();
    let below = ended(&alice, &format!("/api/v1/flows/inner/runs/{below}")).await;
    assert_eq!(
        (&below["parent_run_id"], &below["parent_step_id"]),
        (&run["run_id"], &json!("subs[1]"))
    );
    assert_eq!(
        (&below["output"], &below["door"]),
        (&json!(50), &json!("flow"))
    );
}

#[tokio::test]
async fn its_failure_is_the_steps() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let inner = json!({ "id": "inner", "name": "inner", "steps": [{ "id": "one", "transform": "{{ input.none }}" }] });
    saved(&alice, &inner).await;
    flow(
        &alice,
        json!([{ "id": "sub", "flow": "inner", "input": {} }]),
    )
    .await;
    let run = ran(&alice, "f", json!({})).await;
    assert_eq!(
        (&run["status"], state(&run, "sub")),
        (&json!("failed"), "failed"),
        "{run:#}"
    );
    let error = &step(&run, "sub")["error"];
    assert_eq!(error["code"], "flow_failed");
    assert_eq!(error["details"]["error"]["step_id"], "one");
    let below = format!(
        "/api/v1/flows/inner/runs/{}",
        error["details"]["run_id"].as_str().unwrap()
    );
    let resumed = alice.post(&format!("{below}/resume"), &json!({})).await;
    assert_eq!(
        (resumed.status().as_u16(), resumed.code().as_str()),
        (409, "run_has_parent")
    );
}

#[tokio::test]
async fn an_input_that_it_refuses_fails_the_step_and_starts_nothing() {
    let (_app, alice, _) = TestApp::with_two_workspaces().await;
    let inner = json!({ "id": "inner", "name": "inner", "input_schema": { "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } },
                        "steps": [{ "id": "one", "transform": "{{ input.n }}" }] });
    saved(&alice, &inner).await;
    flow(
        &alice,
        json!([{ "id": "sub", "flow": "inner", "input": { "n": "{{ input.n }}" } }]),
    )
    .await;
    let run = ran(&alice, "f", json!({ "n": "many" })).await;
    assert_eq!(
        (&run["status"], state(&run, "sub")),
        (&json!("failed"), "failed"),
        "{run:#}"
    );
    let sub = step(&run, "sub");
    assert_eq!(sub["error"]["code"], "invalid_input", "{sub:#}");
    assert_eq!(sub["error"]["details"]["errors"][0]["pointer"], "/n");
    let below = alice.get("/api/v1/flows/inner/runs").await.json();
    assert_eq!(below["runs"], json!([]), "{below:#}");
}
