//! Executions that fail: each with its code, and recorded.

use std::time::Duration;

use domain::caller::Door;
use domain::failure::{Failure, FailureCode};
use executor::{ExecuteError, ExecuteOptions};
use serde_json::{Value, json};

use crate::stand::Stand;
use crate::upstream::{Reply, http};

async fn failure(stand: &Stand, api: Value, rest: Value) -> Failure {
    let done = stand.run(stand.tool(api, rest), json!({})).await;
    let failure = done.outcome.unwrap_err();
    let row = stand.stored(done.execution_id).await;
    assert!(!row.success);
    assert_eq!(row.error_code.as_deref(), Some(failure.code.as_str()));
    assert_eq!(row.error.unwrap()["message"], failure.message.as_str());
    failure
}

#[tokio::test]
async fn an_error_status_tells_what_the_upstream_said() {
    let answer = http(
        "500 Oops",
        "Content-Type: text/html\r\n",
        "<pre>stack</pre>",
    );
    let stand = Stand::with(vec![Reply::Raw(answer.into_bytes())]).await;
    let failure = failure(&stand, json!({ "params": { "a": "b" } }), json!({})).await;
    assert_eq!(failure.code, FailureCode::Upstream5xx);
    assert!(failure.retryable);
    let request = format!("GET http://{}/", stand.upstream.address);
    assert_eq!(
        Value::from(failure.details),
        json!({
            "status": 500,
            "content_type": "text/html",
            "body": "<pre>stack</pre>",
            "attempts": 1,
            "request": request,
        })
    );
}

#[tokio::test]
async fn a_wrong_answer_is_told_by_its_stage() {
    let price = json!({ "properties": { "price": { "type": "number" } }, "required": ["price"] });
    let mapping = json!({ "response_to_output": { "price": "quote.price" } });
    for (body, rest, code) in [
        ("<html>", json!({}), FailureCode::InvalidResponse),
        (
            r#"{"quote": {"prize": 1}}"#,
            json!({ "output_schema": price, "mapping": mapping }),
            FailureCode::MappingFailed,
        ),
        (
            r#"{"prize": 1}"#,
            json!({ "output_schema": price }),
            FailureCode::OutputInvalid,
        ),
    ] {
        let stand = Stand::answering(body).await;
        assert_eq!(failure(&stand, json!({}), rest).await.code, code);
    }
}

#[tokio::test]
async fn an_output_that_only_warns_succeeds() {
    let stand = Stand::answering(r#"{"prize": 1}"#).await;
    let rest = json!({
        "output_schema": { "required": ["price"] },
        "output": { "validation": "warn" },
    });
    let done = stand.run(stand.tool(json!({}), rest), json!({})).await;
    assert!(done.outcome.is_ok());
    assert_eq!(done.warnings.len(), 1);
    let row = stand.stored(done.execution_id).await;
    assert_eq!(row.warnings, Some(json!(done.warnings)));
}

#[tokio::test]
async fn a_refused_input_is_recorded_and_not_sent() {
    let stand = Stand::answering("{}").await;
    let options = ExecuteOptions::through(Door::Rest);
    let refused = stand
        .try_run(stand.tool(json!({}), json!({})), json!({ "q": 1 }), options)
        .await;
    let Err(ExecuteError::InvalidInput(faults)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(faults[0].pointer, "/q");
    let row = stand.newest().await.unwrap();
    assert_eq!(row.error_code.as_deref(), Some("invalid_input"));
    assert_eq!(row.input, json!({ "q": 1 }));
    assert_eq!(stand.upstream.connections(), 0);
}

#[tokio::test]
async fn absent_and_disabled_tools_are_not_run() {
    let stand = Stand::answering("{}").await;
    let options = || ExecuteOptions::through(Door::Rest);
    let off = stand.tool(json!({}), json!({ "enabled": false }));
    let disabled = stand.try_run(off, json!({}), options()).await;
    assert!(matches!(disabled, Err(ExecuteError::ToolDisabled(_))));
    let row = stand.newest().await.unwrap();
    assert_eq!(row.error_code.as_deref(), Some("tool_disabled"));
    let absent = "absent".parse().unwrap();
    let alice = stand.alice().await;
    let missing = stand
        .executor
        .execute(&alice, &absent, json!({}), options())
        .await;
    assert!(matches!(missing, Err(ExecuteError::ToolNotFound)));
}

#[tokio::test]
async fn a_lost_answer_of_an_unsafe_call_is_an_unknown_outcome() {
    let stand = Stand::with(vec![Reply::Raw(Vec::new())]).await;
    let api = json!({ "method": "POST" });
    let rest = json!({ "retry": { "max_attempts": 3 } });
    let failure = failure(&stand, api, rest).await;
    assert_eq!(failure.code, FailureCode::UnknownOutcome);
    assert!(!failure.retryable);
    assert_eq!(stand.upstream.heads().len(), 1);
}

#[tokio::test]
async fn a_keyed_call_is_repeated_with_the_same_key() {
    let answer = http("200 OK", "", "{}").into_bytes();
    let stand = Stand::with(vec![Reply::Hang(Vec::new()), Reply::Raw(answer)]).await;
    let document = stand.tool(
        json!({ "method": "POST", "timeout_ms": 3000 }),
        json!({ "retry": { "max_attempts": 2, "backoff_ms": 1 }, "idempotency": {} }),
    );
    let options = ExecuteOptions {
        idempotency_key: Some("order-7".to_owned()),
        ..ExecuteOptions::through(Door::Rest)
    };
    let done = stand.try_run(document, json!({}), options).await.unwrap();
    assert_eq!(done.outcome, Ok(json!({})));
    let heads = stand.upstream.heads();
    assert_eq!(heads.len(), 2);
    assert!(
        heads
            .iter()
            .all(|head| head.contains("idempotency-key: order-7\r\n"))
    );
}

#[tokio::test]
async fn the_deadline_of_the_door_holds() {
    let stand = Stand::with(vec![Reply::Hang(Vec::new())]).await;
    let options = ExecuteOptions {
        deadline: Some(Duration::from_millis(200)),
        ..ExecuteOptions::through(Door::Flow)
    };
    let document = stand.tool(json!({}), json!({}));
    let done = stand.try_run(document, json!({}), options).await.unwrap();
    assert_eq!(done.outcome.unwrap_err().code, FailureCode::Timeout);
}

#[tokio::test]
async fn an_execution_whose_caller_hung_up_is_recorded() {
    let stand = Stand::with(vec![Reply::Hang(Vec::new())]).await;
    let id = stand
        .registers(stand.tool(json!({ "method": "POST" }), json!({})))
        .await;
    let (executor, alice) = (stand.executor.clone(), stand.alice().await);
    let caller = tokio::spawn(async move {
        let options = ExecuteOptions::through(Door::Rest);
        executor.execute(&alice, &id, json!({}), options).await
    });
    until(async || !stand.upstream.heads().is_empty()).await;
    caller.abort();
    until(async || stand.newest().await.is_some()).await;
    let row = stand.newest().await.unwrap();
    assert_eq!(row.error_code.as_deref(), Some("unknown_outcome"));
}

/// Waits for something that must come.
async fn until(come: impl AsyncFn() -> bool) {
    let waiting = async {
        while !come().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap();
}
