//! The product specification's own question, answered in exactly the documented shape, plain and as a stream.

use serde_json::{Value, json};
use testkit::scripted_model::{say, think};
use testkit::{Persona, SentEvent, TestApp, ToolBuilder};

use super::kinds;

const ANSWER: &str = "It is 18.5 °C in SF, with a light wind.";

/// A workspace with the tool, and a model that calls it once and then answers.
async fn scene() -> (TestApp, Persona) {
    let (app, alice) = TestApp::with_model().await;
    app.upstream()
        .on("/weather", json!({ "temp_c": 18.5, "sky": "clear" }));
    let city = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let output = json!({
        "type": "object", "properties": { "temperature": { "type": "number" } }, "required": ["temperature"]
    });
    let tool = ToolBuilder::get("/weather").id("weather_api");
    let mapping = json!({ "response_to_output": { "temperature": "temp_c" } });
    let tool = tool.input(city).output(output).mapping(mapping);
    alice.registers(tool).await;
    alice
        .registers(ToolBuilder::get("/other").id("other_api"))
        .await;
    let asks = think("The weather is asked for.").call([("weather_api", json!({ "city": "SF" }))]);
    app.model()
        .then(asks.tokens(50, 20).of_them(32, 8))
        .then(say(ANSWER).tokens(80, 12));
    (app, alice)
}

fn asked() -> Value {
    json!({ "prompt": "What's the weather in SF?", "tools": ["weather_api"] })
}

fn usage() -> Value {
    json!({
        "input_tokens": 130, "cached_input_tokens": 32, "output_tokens": 32, "reasoning_tokens": 8,
        "total_tokens": 162
    })
}

/// What the model was asked, both times.
fn assert_well_asked(app: &TestApp) {
    assert_eq!(app.model().refusals(), [""; 0]);
    assert_eq!(app.model().left(), 0);
    let requests = app.model().requests();
    let [first, second] = &requests[..] else {
        panic!("{requests:#?}");
    };
    for request in [first, second] {
        assert_eq!(request.tool_names(), ["weather_api"]);
        assert_eq!(request.body["store"], false);
        assert_eq!(request.body["parallel_tool_calls"], true);
        assert_eq!(
            request.body["include"],
            json!(["reasoning.encrypted_content"])
        );
        assert!(request.tool("weather_api").unwrap()["strict"].is_boolean());
        assert_eq!(request.prompt(), "What's the weather in SF?");
    }
    assert_eq!(kinds(first), ["message"]);
    assert_eq!(
        kinds(second),
        [
            "message",
            "reasoning",
            "function_call",
            "function_call_output"
        ]
    );
    assert!(second.outputs()[0].1.to_string().contains("18.5"));
}

/// The value at a place that differs each time, checked and then replaced.
fn settle(value: &mut Value, pointer: &str, right: impl Fn(&Value) -> bool, settled: Value) {
    let place = value.pointer_mut(pointer).unwrap();
    assert!(right(place), "{pointer}: {place}");
    *place = settled;
}

fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() >= 16)
}

#[tokio::test]
async fn a_plain_answer_has_exactly_the_documented_shape() {
    let (app, alice) = scene().await;
    let response = alice.post("/api/v1/orchestrate", &asked()).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let mut answer = response.json();
    settle(&mut answer, "/id", is_id, "ID".into());
    settle(
        &mut answer,
        "/tool_calls/0/execution_time_ms",
        Value::is_u64,
        0.into(),
    );
    assert_eq!(
        answer,
        json!({
            "response": ANSWER,
            "tool_calls": [{
                "tool": "weather_api", "input": { "city": "SF" }, "output": { "temperature": 18.5 },
                "execution_time_ms": 0
            }],
            "usage": usage(),
            "id": "ID",
        })
    );
    assert_well_asked(&app);
}

async fn is_streamed(path: &str, body: &Value) {
    let (app, alice) = scene().await;
    let stream = alice.streams(path, body).await;
    assert_eq!(stream.status(), 200);
    let kind = stream.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let events = stream.rest().await;
    let (deltas, mut others): (Vec<SentEvent>, Vec<SentEvent>) = events
        .into_iter()
        .partition(|event| event.name == "response.delta");
    let text: String = deltas
        .iter()
        .map(|event| event.data["text"].as_str().unwrap())
        .collect();
    assert_eq!(text, ANSWER);
    assert!(
        deltas.len() > 1,
        "the text comes while it is written: {deltas:?}"
    );
    assert!(
        deltas
            .iter()
            .all(|event| event.data.as_object().unwrap().len() == 1)
    );
    let call_id = others[0].data["call_id"].clone();
    settle(
        &mut others.last_mut().unwrap().data,
        "/id",
        is_id,
        "ID".into(),
    );
    let told: Vec<(&str, &Value)> = others
        .iter()
        .map(|event| (event.name.as_str(), &event.data))
        .collect();
    assert_eq!(
        told,
        [
            (
                "tool_call",
                &json!({ "tool": "weather_api", "call_id": call_id, "input": { "city": "SF" }, "status": "running" })
            ),
            (
                "tool_result",
                &json!({ "tool": "weather_api", "call_id": call_id, "output": { "temperature": 18.5 } })
            ),
            ("response", &json!({ "text": ANSWER })),
            ("done", &json!({ "usage": usage(), "id": "ID" })),
        ]
    );
    assert_well_asked(&app);
}

#[tokio::test]
async fn a_stream_has_exactly_the_documented_events() {
    is_streamed("/api/v1/orchestrate/stream", &asked()).await;
}

#[tokio::test]
async fn asking_for_a_stream_streams() {
    let mut body = asked();
    body["stream"] = true.into();
    is_streamed("/api/v1/orchestrate", &body).await;
}
