//! The server as a client sees it: shapes against OpenAI's published description, refusals, and misbehaviour.

mod shapes;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{Cause, Gate, Reply, ScriptedModel, Step, call, call_text, refuse, say, status, think};

/// A good request, with changes.
fn request(change: Value) -> Value {
    let mut body = json!({
        "model": "gpt-5", "store": false, "stream": false,
        "include": ["reasoning.encrypted_content"],
        "input": [{ "role": "user", "content": "What's the weather in SF?" }],
        "tools": [{
            "type": "function", "name": "weather_api", "description": "Weather", "strict": true,
            "parameters": {
                "type": "object", "properties": { "city": { "type": "string" } },
                "required": ["city"], "additionalProperties": false
            }
        }]
    });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// A server whose router is called directly.
struct Rig {
    router: Router,
    model: ScriptedModel,
}

impl Rig {
    async fn new() -> Self {
        let model = ScriptedModel::start().await.unwrap();
        let router = model.router();
        Self { router, model }
    }

    async fn sends(&self, body: &Value) -> (u16, String) {
        let request = Request::post("/v1/responses")
            .header("authorization", "Bearer sk-any")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn answers(&self, step: impl Into<Step>, change: Value) -> Value {
        self.model.then(step);
        let (status, text) = self.sends(&request(change)).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The events of a stream; each has its name twice.
    async fn streams(&self, step: impl Into<Step>) -> Vec<Value> {
        self.model.then(step);
        let (status, text) = self.sends(&request(json!({ "stream": true }))).await;
        assert_eq!(status, 200, "{text}");
        events(&text)
    }

    async fn refuses(&self, change: Value) -> (u16, Value) {
        let (status, text) = self.sends(&request(change)).await;
        (status, serde_json::from_str(&text).unwrap())
    }
}

fn events(text: &str) -> Vec<Value> {
    let blocks = text.split("\n\n").filter(|block| !block.is_empty());
    blocks
        .map(|block| {
            let (name, data) = block.split_once('\n').unwrap();
            let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: ").unwrap(), event["type"]);
            event
        })
        .collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

/// Answers of every sort that are no misbehaviour.
fn honest() -> Vec<Reply> {
    let city = json!({ "city": "SF" });
    vec![
        say("It is 18 °C in San Francisco."),
        say(""),
        think("Weather is asked for.").call([
            ("weather_api", city.clone()),
            ("weather_api", json!({ "city": "Rome" })),
        ]),
        think("").say("Done."),
        call_text("weather_api", "{\"city\": "),
        refuse("I cannot help with that."),
        say("One").say("Two").tokens(100, 20).of_them(64, 8),
        say("It is").incomplete(Cause::MaxOutputTokens),
        say("It is").incomplete(Cause::ContentFilter),
        call([("weather_api", city)]).incomplete(Cause::MaxOutputTokens),
        Reply::default().failed("server_error", "The model failed."),
        Reply::default(),
    ]
}

#[tokio::test]
async fn a_stream_is_the_real_sequence() {
    let rig = Rig::new().await;
    let reply = think("Hm")
        .call([("weather_api", json!({ "city": "SF" }))])
        .say("Yes");
    let events = rig.streams(reply).await;
    assert_eq!(
        kinds(&events),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let numbers: Vec<u64> = events
        .iter()
        .map(|event| event["sequence_number"].as_u64().unwrap())
        .collect();
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64));
}

#[tokio::test]
async fn a_stream_ends_with_what_the_plain_answer_is() {
    for reply in honest() {
        let (plain, streaming) = (Rig::new().await, Rig::new().await);
        let mut whole = plain.answers(reply.clone(), json!({})).await;
        let events = streaming.streams(reply).await;
        let mut last = events.last().unwrap()["response"].clone();
        for told in [&mut whole, &mut last] {
            told["created_at"] = 0.into();
            told["completed_at"] = Value::Null;
            told["usage"] = Value::Null;
        }
        assert_eq!(whole, last);
    }
}

#[tokio::test]
async fn what_the_real_one_refuses_is_refused() {
    let rig = Rig::new().await;
    let user = json!({ "role": "user", "content": "Hello" });
    let called =
        json!({ "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}" });
    let output = json!({ "type": "function_call_output", "call_id": "c1", "output": "1" });
    let torn = json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": crate::answer::sealed("rs_1") });
    for (change, status, code, said) in [
        (
            json!({ "prompts": 1 }),
            400,
            "unknown_parameter",
            "Unknown parameter: 'prompts'.",
        ),
        (
            json!({ "stream": "yes" }),
            400,
            "invalid_type",
            "expected a boolean, but got a string",
        ),
        (
            json!({ "model": null }),
            400,
            "missing_required_parameter",
            "'model'",
        ),
        (
            json!({ "input": null }),
            400,
            "missing_required_parameter",
            "One of 'input'",
        ),
        (
            json!({ "max_output_tokens": 3 }),
            400,
            "integer_below_min_value",
            ">= 16",
        ),
        (
            json!({ "previous_response_id": "resp_1" }),
            400,
            "previous_response_not_found",
            "resp_1",
        ),
        (
            json!({ "include": ["all"] }),
            400,
            "invalid_value",
            "Supported values",
        ),
        (
            json!({ "input": [user, called] }),
            400,
            "invalid_value",
            "No tool output found for function call c1.",
        ),
        (
            json!({ "input": [user, output] }),
            400,
            "invalid_value",
            "No tool call found for function call output with call_id c1.",
        ),
        (
            json!({ "input": [user, torn] }),
            400,
            "invalid_value",
            "without its required following item",
        ),
        (
            json!({ "input": [{ "type": "reasoning", "id": "rs_1", "summary": [] }] }),
            404,
            "item_not_found",
            "store",
        ),
        (
            json!({ "input": [{ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x" }] }),
            400,
            "invalid_encrypted_content",
            "rs_1",
        ),
        (
            json!({ "input": [{ "role": "user", "content": "x", "mood": "good" }] }),
            400,
            "unknown_parameter",
            "input[0].mood",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "output_text", "text": "x" }] }] }),
            400,
            "invalid_value",
            "input_text",
        ),
        (
            json!({ "input": [{ "type": "message", "id": "x", "role": "assistant", "content": "x" }] }),
            400,
            "invalid_value",
            "begins with 'msg'",
        ),
        (
            json!({ "tools": [{ "type": "function", "name": "a b", "strict": false, "parameters": { "type": "object" } }] }),
            400,
            "invalid_value",
            "tools[0].name",
        ),
        (
            json!({ "tools": [{ "type": "function", "name": "a", "strict": true, "parameters": { "type": "object" } }] }),
            400,
            "invalid_function_parameters",
            "additionalProperties",
        ),
        (
            json!({ "tools": [{ "type": "function", "name": "a", "url": "x" }] }),
            400,
            "unknown_parameter",
            "tools[0].url",
        ),
        (
            json!({ "tool_choice": { "type": "function", "name": "gone" } }),
            400,
            "invalid_value",
            "not found in 'tools'",
        ),
        (
            json!({ "text": { "format": { "type": "json_schema", "name": "x", "strict": true, "schema": { "type": "object" } } } }),
            400,
            "invalid_json_schema",
            "response_format 'x'",
        ),
    ] {
        let (answered, body) = rig.refuses(change).await;
        let error = &body["error"];
        assert_eq!(
            (answered, error["code"].as_str()),
            (status, Some(code)),
            "{body}"
        );
        assert!(error["message"].as_str().unwrap().contains(said), "{body}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!(rig.model.refusals().len(), 20);
}

#[tokio::test]
async fn what_it_answered_may_come_back() {
    let rig = Rig::new().await;
    let first = rig
        .answers(
            think("Hm").call([("weather_api", json!({ "city": "SF" }))]),
            json!({}),
        )
        .await;
    let items = first["output"].as_array().unwrap();
    let mut input = vec![json!({ "role": "user", "content": "Weather?" })];
    input.extend(items.iter().cloned());
    input.push(json!({ "type": "function_call_output", "call_id": items[1]["call_id"], "output": "{\"celsius\":18}" }));
    let second = rig.answers(say("18 °C"), json!({ "input": input })).await;
    assert_eq!(second["output"][0]["content"][0]["text"], "18 °C");
    let captured = rig.model.last_request().unwrap();
    let call_id = items[1]["call_id"].as_str().unwrap();
    assert_eq!(captured.output_of(call_id), Some(json!({ "celsius": 18 })));
    assert_eq!(captured.prompt(), "Weather?");
    // Without the reasoning that the call came with, it is refused.
    input.remove(1);
    let (status, body) = rig.refuses(json!({ "input": input })).await;
    assert_eq!(status, 400);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("without its required 'reasoning' item")
    );
}

#[tokio::test]
async fn keys_are_asked_for() {
    let rig = Rig::new().await;
    let body = Body::from(request(json!({})).to_string());
    let request_without = Request::post("/v1/responses").body(body).unwrap();
    let response = rig.router.clone().oneshot(request_without).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    rig.model.takes_only("sk-right");
    let (status, text) = rig.sends(&request(json!({}))).await;
    assert_eq!(status, 401);
    assert!(text.contains("invalid_api_key"), "{text}");
}

#[tokio::test]
async fn misbehaviour_comes_where_it_was_asked_for() {
    let rig = Rig::new().await;
    rig.model
        .then(say("One two three").malformed_after(5))
        .then(say("One").error_after(3, "server_error", "Sorry"))
        .then(say("One").ends_after(4))
        .then(status(429).retry_after(7));
    let body = request(json!({ "stream": true }));
    let (_, text) = rig.sends(&body).await;
    assert!(
        text.split("\n\n")
            .nth(5)
            .unwrap()
            .ends_with("\"response.outp")
    );
    assert!(text.contains("response.completed"));
    let (_, text) = rig.sends(&body).await;
    assert_eq!(
        kinds(&events(&text)),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "error"
        ]
    );
    let (_, text) = rig.sends(&body).await;
    assert_eq!(events(&text).len(), 4);
    let (status, text) = rig.sends(&body).await;
    assert_eq!(status, 429);
    assert!(text.contains("rate_limit_exceeded"));
}

#[tokio::test]
async fn pieces_put_together_are_the_stream() {
    let (whole, cut) = (Rig::new().await, Rig::new().await);
    let reply = say("18 °C in Köln").tokens(1, 1);
    let told = whole.streams(reply.clone()).await;
    let pieces = cut.streams(reply.in_pieces_of(7)).await;
    assert_eq!(kinds(&told), kinds(&pieces));
}

#[tokio::test]
async fn a_gate_holds_each_event_back() {
    let rig = Rig::new().await;
    let gate = Gate::new();
    rig.model.then(say("One two").drip(&gate));
    let request = Request::post("/v1/responses")
        .header("authorization", "Bearer sk-any")
        .header("content-type", "application/json")
        .body(Body::from(request(json!({ "stream": true })).to_string()))
        .unwrap();
    let response = rig.router.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body();
    for number in 0..3 {
        gate.release(1);
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        assert_eq!(events(&text)[0]["sequence_number"], number);
    }
    drop(body);
    rig.model.abandoned(1).await;
}

#[tokio::test]
async fn cut_streams_break() {
    let rig = Rig::new().await;
    rig.model
        .then(say("One").cut_after(2))
        .then(say("One").cut_after(0));
    for stream in [true, false] {
        let request = Request::post("/v1/responses")
            .header("authorization", "Bearer sk-any")
            .header("content-type", "application/json")
            .body(Body::from(request(json!({ "stream": stream })).to_string()))
            .unwrap();
        let response = rig.router.clone().oneshot(request).await.unwrap();
        assert!(response.into_body().collect().await.is_err());
    }
}
