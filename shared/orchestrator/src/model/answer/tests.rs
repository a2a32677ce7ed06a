//! Answers as providers write them, whole and in events, good and bad.

use domain::model::ModelFailureCode as Code;
use serde_json::json;

use super::*;

fn key() -> SecretString {
    "sk-0123456789".to_owned().into()
}

fn response(output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "status": "completed", "error": null, "incomplete_details": null,
        "output": output,
        "usage": {
            "input_tokens": 10, "input_tokens_details": { "cached_tokens": 4 },
            "output_tokens": 6, "output_tokens_details": { "reasoning_tokens": 2 }, "total_tokens": 16,
        },
    })
}

fn message(text: &str) -> Value {
    json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{ "type": "output_text", "text": text, "annotations": [] }] })
}

fn function_call(call_id: &str, arguments: &str) -> Value {
    json!({ "type": "function_call", "id": "fc_1", "call_id": call_id, "name": "weather", "arguments": arguments,
        "status": "completed" })
}

fn read(value: &Value) -> Result<Turn, Code> {
    of_text(&value.to_string(), &key()).map_err(|trouble| trouble.failure.code)
}

/// The turn, and what was told on the way.
fn stream(events: &[Value]) -> Result<(Turn, Vec<String>), Code> {
    let key = key();
    let mut reader = Reader::new(&key);
    let mut told = Vec::new();
    for event in events {
        let taken = reader.take(&event.to_string(), &mut |text| told.push(text.to_owned()));
        match taken {
            Ok(None) => {}
            Ok(Some(turn)) => return Ok((turn, told)),
            Err(trouble) => return Err(trouble.failure.code),
        }
    }
    Err(reader.cut().failure.code)
}

fn done(index: u64, item: &Value) -> Value {
    json!({ "type": "response.output_item.done", "output_index": index, "item": item })
}

fn completed(output: &Value) -> Value {
    json!({ "type": "response.completed", "response": response(output) })
}

fn delta(text: &str) -> Value {
    json!({ "type": "response.output_text.delta", "delta": text })
}

#[test]
fn a_whole_answer_is_read() {
    let reasoning =
        json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA" });
    let new = json!({ "type": "something_new", "x": 1 });
    let output = json!([
        reasoning,
        message("It is "),
        new,
        function_call("call_1", "{\"city\":\"SF\"}"),
        { "type": "message", "content": [{ "type": "refusal", "refusal": "no." }, { "type": "new" }] },
    ]);
    let turn = read(&response(&output)).unwrap();
    assert_eq!(turn.items, *output.as_array().unwrap());
    assert_eq!(turn.text, "It is no.");
    assert_eq!(turn.calls.len(), 1);
    assert_eq!(turn.calls[0].call_id, "call_1");
    assert_eq!(turn.calls[0].arguments, "{\"city\":\"SF\"}");
    assert_eq!(turn.provider_id.as_deref(), Some("resp_1"));
    let usage = turn.usage;
    assert_eq!((usage.input_tokens, usage.cached_input_tokens), (10, 4));
    assert_eq!(
        (
            usage.output_tokens,
            usage.reasoning_tokens,
            usage.total_tokens
        ),
        (6, 2, 16)
    );
}

#[test]
fn a_stream_gives_the_same_turn() {
    let items = [
        message("Hello"),
        function_call("call_1", "{}"),
        function_call("call_2", "{}"),
    ];
    let (turn, told) = stream(&[
        json!({ "type": "response.created", "response": {} }),
        delta("Hel"),
        json!({ "type": "response.brand_new", "x": { "type": "error" } }),
        json!([]),
        json!({ "no": "type" }),
        delta("lo"),
        done(2, &items[2]),
        done(0, &items[0]),
        done(1, &items[1]),
        completed(&json!([])),
    ])
    .unwrap();
    assert_eq!(told, ["Hel", "lo"]);
    let whole = read(&response(&items.iter().cloned().collect())).unwrap();
    assert_eq!(turn.items, whole.items);
    assert_eq!(turn.calls, whole.calls);
    assert_eq!((turn.text, turn.usage), (whole.text, whole.usage));
}

#[test]
fn servers_that_leave_events_out_are_understood() {
    let (turn, told) = stream(&[completed(&json!([message("Hello")]))]).unwrap();
    assert_eq!(
        (turn.text.as_str(), told),
        ("Hello", vec!["Hello".to_owned()])
    );
    let (turn, told) = stream(&[delta("Hello"), completed(&json!([]))]).unwrap();
    assert_eq!((turn.text.as_str(), told.len()), ("Hello", 1));
    let bare = json!({ "output": [message("Hi")] });
    let turn = read(&bare).unwrap();
    assert_eq!((turn.text.as_str(), turn.usage), ("Hi", Usage::default()));
}

#[test]
fn a_cut_answer_says_why() {
    for (reason, expected) in [
        ("max_output_tokens", Some(Incomplete::MaxOutputTokens)),
        ("content_filter", Some(Incomplete::ContentFilter)),
        ("the_weather", None),
    ] {
        let mut cut = function_call("call_1", "{\"ci");
        cut["status"] = "incomplete".into();
        let mut answer = response(&json!([message("Hel"), cut]));
        answer["status"] = "incomplete".into();
        answer["incomplete_details"] = json!({ "reason": reason });
        let event = json!({ "type": "response.incomplete", "response": answer });
        for turn in [read(&answer), stream(&[event]).map(|(turn, _)| turn)] {
            match (turn, expected) {
                (Ok(turn), Some(_)) => {
                    assert_eq!(turn.incomplete, expected);
                    assert!(turn.calls.is_empty() && turn.text == "Hel");
                }
                (Err(code), None) => assert_eq!(code, Code::InvalidAnswer),
                (turn, expected) => panic!("{turn:?} instead of {expected:?}"),
            }
        }
    }
}

#[test]
fn failures_inside_an_answer_are_failures() {
    let failed = json!({ "status": "failed", "error": { "code": "server_error", "message": "m" }, "output": [] });
    let error = json!({ "message": "m", "type": "invalid_request_error", "code": "context_length_exceeded" });
    assert_eq!(read(&failed).unwrap_err(), Code::Unavailable);
    assert_eq!(
        read(&json!({ "error": error })).unwrap_err(),
        Code::ContextTooLarge
    );
    for (event, code) in [
        (
            json!({ "type": "response.failed", "response": failed }),
            Code::Unavailable,
        ),
        (
            json!({ "type": "error", "error": error }),
            Code::ContextTooLarge,
        ),
        (
            json!({ "type": "error", "code": "rate_limit_exceeded", "message": "m" }),
            Code::RateLimited,
        ),
    ] {
        assert_eq!(stream(&[delta("a"), event]).unwrap_err(), code);
    }
}

#[test]
fn nonsense_is_an_invalid_answer() {
    let nameless = json!({ "type": "function_call", "arguments": "{}" });
    let many: Value = (0..129)
        .map(|n| function_call(&format!("call_{n}"), "{}"))
        .collect();
    for answer in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "output": "text" }),
        json!({ "choices": [{ "message": { "content": "chat" } }] }),
        response(&json!([nameless])),
        response(&many),
        json!({ "status": "queued", "output": [] }),
        json!({ "status": "cancelled", "output": [] }),
    ] {
        assert_eq!(read(&answer).unwrap_err(), Code::InvalidAnswer, "{answer}");
    }
    assert_eq!(stream(&[]).unwrap_err(), Code::InvalidAnswer);
    assert_eq!(stream(&[delta("half")]).unwrap_err(), Code::InvalidAnswer);
    assert_eq!(
        stream(&[json!({ "type": "response.completed" })]).unwrap_err(),
        Code::InvalidAnswer
    );
    let deep = format!("{{\"output\":{}{}}}", "[".repeat(500), "]".repeat(500));
    assert!(of_text(&deep, &key()).is_err());
}

#[test]
fn an_answer_has_an_end() {
    let long = "x".repeat(1 << 20);
    let deltas: Vec<Value> = (0..9).map(|_| delta(&long)).collect();
    assert_eq!(stream(&deltas).unwrap_err(), Code::InvalidAnswer);
}

#[test]
fn arguments_need_not_be_text_and_nul_is_replaced() {
    let mut call = function_call("call_1", "");
    call["arguments"] = json!({ "a\u{0}": "b\u{0}" });
    let turn = read(&response(&json!([call, message("a\u{0}b"), null, 7]))).unwrap();
    assert_eq!(turn.calls[0].arguments, "{\"a\u{fffd}\":\"b\u{fffd}\"}");
    assert_eq!(turn.text, "a\u{fffd}b");
    assert_eq!(turn.items.len(), 2);
    assert_eq!(
        stream(&[delta("\u{0}"), completed(&json!([]))]).unwrap().1,
        ["\u{fffd}"]
    );
}
