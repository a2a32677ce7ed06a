//! The response object: what the published description calls `Response`, as the service fills it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::captured::Captured;
use crate::reply::{End, Part, Reply, Tokens};

/// A composed answer.
pub(crate) struct Answer {
    /// The response as it is told when it begins: in progress, without output.
    pub(crate) opening: Value,
    /// The output items.
    pub(crate) items: Vec<Value>,
    /// The whole response.
    pub(crate) closing: Value,
}

/// What seals the reasoning of an item: nothing but the item's own id, so that it can be checked when it comes back.
pub(crate) fn sealed(id: &str) -> String {
    format!("gAAAAAB{}==", id.replace('_', "-"))
}

/// Composes the answer to a request.
pub(crate) fn compose(reply: &Reply, request: &Captured) -> Answer {
    let items = items(reply, request);
    let opening = response(reply, request);
    let mut closing = opening.clone();
    closing["service_tier"] = "default".into();
    closing["output"] = items.clone().into();
    closing["usage"] = usage(reply.tokens.unwrap_or_else(|| estimate(request, &items)));
    match &reply.end {
        End::Completed => {
            closing["status"] = "completed".into();
            closing["completed_at"] = now().into();
        }
        End::Incomplete(cause) => {
            closing["status"] = "incomplete".into();
            closing["incomplete_details"] = json!({ "reason": cause.name() });
        }
        End::Failed { code, message } => {
            closing["status"] = "failed".into();
            closing["error"] = json!({ "code": code, "message": message });
        }
    }
    Answer {
        opening,
        items,
        closing,
    }
}

fn items(reply: &Reply, request: &Captured) -> Vec<Value> {
    let last = reply.parts.len().saturating_sub(1);
    let parts = reply.parts.iter().enumerate();
    parts
        .map(|(index, part)| {
            let whole = index < last || matches!(reply.end, End::Completed);
            let status = if whole { "completed" } else { "incomplete" };
            output_item(
                part,
                status,
                &format!("{:08x}{index:04x}", request.number),
                request,
            )
        })
        .collect()
}

fn output_item(part: &Part, status: &str, unique: &str, request: &Captured) -> Value {
    let message = |content: Value| {
        json!({
            "id": format!("msg_{unique}"), "type": "message", "status": status, "role": "assistant",
            "content": [content],
        })
    };
    match part {
        Part::Think(summary) => {
            let id = format!("rs_{unique}");
            let mut item = json!({ "id": id, "type": "reasoning", "summary": [] });
            if !summary.is_empty() {
                item["summary"] = json!([{ "type": "summary_text", "text": summary }]);
            }
            if request.wants_sealed_reasoning() {
                item["encrypted_content"] = sealed(&id).into();
            }
            item
        }
        Part::Say(text) => message(json!({
            "type": "output_text", "annotations": [], "logprobs": [], "text": text,
        })),
        Part::Refuse(text) => message(json!({ "type": "refusal", "refusal": text })),
        Part::Call {
            name,
            arguments,
            call_id,
        } => {
            let call_id = call_id.clone().unwrap_or_else(|| format!("call_{unique}"));
            json!({
                "id": format!("fc_{unique}"), "type": "function_call", "status": status,
                "call_id": call_id, "name": name, "arguments": arguments,
            })
        }
        Part::Item(item) => item.clone(),
    }
}

/// The response with what it repeats of its request.
fn response(reply: &Reply, request: &Captured) -> Value {
    let asked = &request.body;
    let or = |name: &str, otherwise: Value| match &asked[name] {
        Value::Null => otherwise,
        given => given.clone(),
    };
    let model = match &reply.model {
        Some(name) => name.as_str().into(),
        None => asked["model"].clone(),
    };
    let text = json!({ "format": { "type": "text" }, "verbosity": "medium" });
    let mut text = or("text", text);
    if text["format"].is_null() {
        text["format"] = json!({ "type": "text" });
    }
    let mut tools = or("tools", json!([]));
    for tool in tools.as_array_mut().into_iter().flatten() {
        // A function without the word is made strict by the service.
        if tool["strict"].is_null() {
            tool["strict"] = true.into();
        }
    }
    json!({
        "id": format!("resp_{:032x}", request.number),
        "object": "response",
        "created_at": now(),
        "status": "in_progress",
        "background": false,
        "completed_at": null,
        "error": null,
        "incomplete_details": null,
        "instructions": asked["instructions"],
        "max_output_tokens": asked["max_output_tokens"],
        "max_tool_calls": asked["max_tool_calls"],
        "model": model,
        "output": [],
        "parallel_tool_calls": or("parallel_tool_calls", true.into()),
        "previous_response_id": null,
        "prompt_cache_key": asked["prompt_cache_key"],
        "reasoning": or("reasoning", json!({ "effort": null, "summary": null })),
        "safety_identifier": asked["safety_identifier"],
        "service_tier": "auto",
        "store": or("store", true.into()),
        "temperature": or("temperature", 1.0.into()),
        "text": text,
        "tool_choice": or("tool_choice", "auto".into()),
        "tools": tools,
        "top_logprobs": 0,
        "top_p": or("top_p", 1.0.into()),
        "truncation": or("truncation", "disabled".into()),
        "metadata": or("metadata", json!({})),
    })
}

fn usage(tokens: Tokens) -> Value {
    json!({
        "input_tokens": tokens.input,
        "input_tokens_details": { "cached_tokens": tokens.cached, "cache_write_tokens": 0 },
        "output_tokens": tokens.output,
        "output_tokens_details": { "reasoning_tokens": tokens.reasoning },
        "total_tokens": tokens.input + tokens.output,
    })
}

/// Four characters are about a token.
fn estimate(request: &Captured, items: &[Value]) -> Tokens {
    let size = |value: &Value| match value {
        Value::Null => 0,
        value => (value.to_string().len() as u64).div_ceil(4),
    };
    let asked = ["instructions", "input", "tools"];
    let reasoning = items.iter().filter(|item| item["type"] == "reasoning");
    Tokens {
        input: asked
            .into_iter()
            .map(|name| size(&request.body[name]))
            .sum(),
        cached: 0,
        output: items.iter().map(size).sum(),
        reasoning: reasoning.map(size).sum(),
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
