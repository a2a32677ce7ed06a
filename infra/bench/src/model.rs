//! A fast model server on loopback: asks for as many calls as the prompt says, then answers. No thinking, so that only the loop is measured.

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::post};
use serde_json::{Value, json};

use crate::Result;
use crate::serve::serve;

/// The function that it asks for.
pub(crate) const FUNCTION: &str = "bench_quote";

/// Serves until it is killed; prints its base URL first.
pub(crate) async fn run() -> Result<()> {
    let router = Router::new()
        .route("/v1/responses", post(answer))
        .layer(DefaultBodyLimit::disable());
    serve(router, "/v1").await
}

async fn answer(body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let items = request["input"].as_array().map_or(&[][..], Vec::as_slice);
    let is_output = |item: &Value| item["type"] == "function_call_output";
    let output = if items.iter().any(is_output) {
        let text = json!({ "type": "output_text", "text": "185.2", "annotations": [] });
        json!([{ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text] }])
    } else {
        let calls = items
            .last()
            .and_then(|item| item["content"].as_str()?.parse().ok());
        (0..calls.unwrap_or(1)).map(call).collect()
    };
    let response = json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "bench", "output": output,
        "usage": { "input_tokens": 10, "output_tokens": 5, "total_tokens": 15 },
    });
    ([(CONTENT_TYPE, "application/json")], response.to_string()).into_response()
}

fn call(number: usize) -> Value {
    let arguments = json!({ "symbol": format!("S{number}") }).to_string();
    json!({
        "type": "function_call", "id": format!("fc_{number}"), "call_id": format!("call_{number}"), "status": "completed",
        "name": FUNCTION, "arguments": arguments,
    })
}
