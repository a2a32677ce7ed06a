//! Executions that succeed, and what is kept of them.

use domain::caller::Door;
use executor::{ExecuteError, ExecuteOptions};
use serde_json::{Value, json};

use crate::stand::Stand;

#[tokio::test]
async fn a_call_is_made_mapped_and_recorded() {
    let stand = Stand::answering(r#"{"Global Quote": {"05. price": "185.2000"}}"#).await;
    let document = stand.tool(
        json!({ "path": "/query", "params": { "function": "GLOBAL_QUOTE" } }),
        json!({
            "output_schema": { "properties": { "price": { "type": "number" } } },
            "mapping": {
                "input_to_params": { "q": "symbol" },
                "response_to_output": { "price": "Global Quote.05. price" }
            }
        }),
    );
    let done = stand.run(document, json!({ "q": "IBM" })).await;
    assert_eq!(done.outcome, Ok(json!({ "price": 185.2 })));
    assert!(done.warnings.is_empty());
    let head = &stand.upstream.heads()[0];
    assert!(
        head.starts_with("get /query?function=global_quote&symbol=ibm http/1.1"),
        "{head}"
    );
    assert!(head.contains("accept-encoding: gzip\r\n"));

    let row = stand.stored(done.execution_id).await;
    assert!(row.success);
    assert_eq!((row.tool_id.as_str(), row.tool_version), ("t", Some(1)));
    assert_eq!(row.door, "rest");
    assert_eq!(row.input, json!({ "q": "IBM" }));
    assert_eq!(row.output, Some(json!({ "price": 185.2 })));
    let phases: Vec<&Value> = row
        .timeline
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["phase"])
        .collect();
    assert_eq!(phases, ["validate", "build", "send", "receive", "map"]);
}

#[tokio::test]
async fn a_preview_sends_and_records_nothing() {
    let stand = Stand::answering("{}").await;
    let auth = json!({ "method": "bearer", "secret_ref": "${API_KEY}" });
    let id = stand
        .registers(stand.tool(json!({ "auth": auth }), json!({})))
        .await;
    let alice = stand.alice().await;
    let preview = stand
        .executor
        .preview(&alice, &id, json!({ "q": "a b" }))
        .await
        .unwrap();
    let expected = format!("http://{}/?q=a%20b", stand.upstream.address);
    assert_eq!((preview.method, preview.url), ("GET", expected));
    assert_eq!(preview.headers["Authorization"], "Bearer ${API_KEY}");
    let bad = stand.executor.preview(&alice, &id, json!({ "q": 1 })).await;
    assert!(matches!(bad, Err(ExecuteError::InvalidInput(_))));
    assert_eq!(stand.upstream.connections(), 0);
    assert_eq!(stand.newest().await, None);
}

#[tokio::test]
async fn a_mock_answers_without_a_call() {
    let stand = Stand::answering("{}").await;
    let mock = json!({ "mock": { "enabled": true, "output": { "price": 1 } } });
    let done = stand.run(stand.tool(json!({}), mock), json!({})).await;
    assert_eq!(done.outcome, Ok(json!({ "price": 1 })));
    assert_eq!(stand.upstream.connections(), 0);
    assert!(stand.stored(done.execution_id).await.success);
}

#[tokio::test]
async fn redacted_values_are_answered_but_not_stored() {
    let stand = Stand::answering(r#"{"user": {"mail": "a@b.c", "id": 1}}"#).await;
    let rules = json!({ "output": { "redact": ["/user/mail"] } });
    let done = stand.run(stand.tool(json!({}), rules), json!({})).await;
    assert_eq!(
        done.outcome,
        Ok(json!({ "user": { "mail": "a@b.c", "id": 1 } }))
    );
    let row = stand.stored(done.execution_id).await;
    assert_eq!(
        row.output,
        Some(json!({ "user": { "mail": "[redacted]", "id": 1 } }))
    );
}

#[tokio::test]
async fn what_jsonb_cannot_hold_is_stored_all_the_same() {
    let stand =
        Stand::answering(r#"{"a": "b\u0000c", "big": "BIG"}"#.replace("BIG", "x").as_str()).await;
    let done = stand.run(stand.tool(json!({}), json!({})), json!({})).await;
    assert_eq!(done.outcome, Ok(json!({ "a": "b\0c", "big": "x" })));
    let row = stand.stored(done.execution_id).await;
    assert_eq!(row.output, Some(json!({ "a": "b\u{fffd}c", "big": "x" })));

    let stand = Stand::answering(&json!({ "big": "x".repeat(100_000) }).to_string()).await;
    let done = stand.run(stand.tool(json!({}), json!({})), json!({})).await;
    let row = stand.stored(done.execution_id).await;
    assert!(done.outcome.is_ok());
    assert!(row.output.unwrap()["omitted"].is_string());
}

#[tokio::test]
async fn hidden_inputs_are_sent_but_not_taken_from_a_model() {
    let stand = Stand::answering("{}").await;
    let schema = json!({ "input_schema": { "properties": {
        "q": { "type": "string" },
        "region": { "type": "string", "x-hidden": true, "default": "eu" }
    }, "required": ["region"] } });
    let document = stand.tool(json!({}), schema);
    let options = ExecuteOptions::through(Door::Model);
    let done = stand
        .try_run(document, json!({ "q": "a" }), options)
        .await
        .unwrap();
    assert!(done.outcome.is_ok());
    assert!(stand.upstream.heads()[0].starts_with("get /?q=a&region=eu "));
    let (alice, id) = (stand.alice().await, "t".parse().unwrap());
    let options = ExecuteOptions::through(Door::Mcp);
    let set = stand
        .executor
        .execute(&alice, &id, json!({ "region": "us" }), options)
        .await;
    assert!(matches!(set, Err(ExecuteError::InvalidInput(_))));
}

#[tokio::test]
async fn an_answer_outlives_a_record_that_cannot_be_written() {
    let stand = Stand::answering("{}").await;
    let id = stand.registers(stand.tool(json!({}), json!({}))).await;
    let alice = stand.alice().await;
    let rest = || ExecuteOptions::through(Door::Rest);
    stand
        .executor
        .execute(&alice, &id, json!({}), rest())
        .await
        .unwrap();
    stand.loses_its_database().await;
    let done = stand
        .executor
        .execute(&alice, &id, json!({}), rest())
        .await
        .unwrap();
    assert_eq!(done.outcome, Ok(json!({})));
    assert_eq!(done.warnings, ["This execution could not be recorded."]);
}
