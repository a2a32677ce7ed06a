//! The measure of the agent loop: the least that a web service must do for the same run, without database, auth, schemas or records.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::post};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::Result;
use crate::model::FUNCTION;
use crate::serve::serve;

#[derive(Clone)]
struct Loop {
    client: reqwest::Client,
    upstream: String,
    model: String,
}

/// Serves until it is killed; prints its base URL first.
pub(crate) async fn run(upstream: String, model: String) -> Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .build()?;
    let state = Loop {
        client,
        upstream,
        model,
    };
    let router = Router::new()
        .route("/orchestrate", post(orchestrate))
        .with_state(state);
    serve(router, "").await
}

async fn orchestrate(State(state): State<Loop>, body: Bytes) -> Response {
    match answer(&state, &body).await {
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn answer(state: &Loop, body: &[u8]) -> Result<Value> {
    let request: Value = serde_json::from_slice(body)?;
    let mut items = vec![json!({ "role": "user", "content": request["prompt"] })];
    loop {
        let asked = json!({ "model": "bench", "input": items, "tools": [{ "type": "function", "name": FUNCTION }] });
        let url = format!("{}/responses", state.model);
        let sent = state
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json");
        let answer = sent.body(asked.to_string()).send().await?.bytes().await?;
        let mut answer: Value = serde_json::from_slice(&answer)?;
        let output = answer["output"]
            .as_array_mut()
            .map(std::mem::take)
            .unwrap_or_default();
        let calls = output.iter().filter(|item| item["type"] == "function_call");
        let outputs = try_join_all(calls.map(|item| call(state, item))).await?;
        if outputs.is_empty() {
            return Ok(json!({ "response": output[0]["content"][0]["text"] }));
        }
        items.extend(output);
        items.extend(outputs);
    }
}

async fn call(state: &Loop, item: &Value) -> Result<Value> {
    let input: Value = serde_json::from_str(item["arguments"].as_str().unwrap_or_default())?;
    let symbol = input["symbol"].as_str().unwrap_or_default();
    let url = reqwest::Url::parse_with_params(
        &format!("{}/query", state.upstream),
        [("function", "GLOBAL_QUOTE"), ("symbol", symbol)],
    )?;
    let answer = state.client.get(url).send().await?.bytes().await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let price: f64 = answer["Global Quote"]["05. price"]
        .as_str()
        .unwrap_or_default()
        .parse()?;
    let output = json!({ "price": price }).to_string();
    Ok(json!({ "type": "function_call_output", "call_id": item["call_id"], "output": output }))
}
