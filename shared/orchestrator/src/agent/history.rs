//! The items of a conversation: what was said before, what is asked now, and what of it is kept. Pure.

use std::collections::BTreeMap;

use domain::prompt::{FilledMessage, Role};
use serde_json::{Value, json};

/// Most bytes of a conversation that are kept; a longer one is answered but not continued.
const MAX_KEPT: usize = 4 << 20;

/// In the place of an output that is not kept.
const NOT_KEPT: &str = "not kept: this conversation's outputs are too large";

/// Most bytes of all calls that are kept with a conversation.
const MAX_CALLS: usize = 1 << 20;

/// A message of the Responses API (`EasyInputMessage`).
pub(super) fn message(role: Role, text: &str) -> Value {
    json!({ "type": "message", "role": role.as_str(), "content": text })
}

/// What the model reads first: the conversation so far, the template's messages, the prompt.
pub(super) fn opening(earlier: Vec<Value>, before: &[FilledMessage], prompt: &str) -> Vec<Value> {
    let mut items = earlier;
    items.extend(before.iter().map(|said| message(said.role, &said.text)));
    items.push(message(Role::User, prompt));
    items
}

/// A conversation for another model than the one that wrote it: sealed reasoning is no use to it, and items name the reasoning that they
/// came from by their ids.
pub(super) fn for_another_model(mut items: Vec<Value>) -> Vec<Value> {
    items.retain(|item| item["type"] != "reasoning");
    for item in &mut items {
        if let Value::Object(members) = item {
            members.remove("id");
        }
    }
    items
}

/// A function's output.
pub(super) fn output(call_id: &str, text: &str) -> Value {
    json!({ "type": "function_call_output", "call_id": call_id, "output": text })
}

/// The conversation as JSON text, with those items replaced that are not kept as they were sent; `null` when it is too large.
pub(super) fn kept(items: &[Value], instead: &BTreeMap<usize, Value>) -> String {
    let mut text = String::from("[");
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&instead.get(&place).unwrap_or(item).to_string());
        if text.len() > MAX_KEPT {
            return "null".to_owned();
        }
    }
    text.push(']');
    text
}

/// The calls as JSON text; outputs give way when they are too large.
pub(super) fn kept_calls(mut calls: Vec<Value>) -> String {
    let text = Value::from(calls.clone()).to_string();
    if text.len() <= MAX_CALLS {
        return text;
    }
    for member in ["output", "input"] {
        for call in calls.iter_mut().filter(|call| call.get(member).is_some()) {
            call[member] = NOT_KEPT.into();
        }
        let text = Value::from(calls.clone()).to_string();
        if text.len() <= MAX_CALLS {
            return text;
        }
    }
    "[]".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_comes_last() {
        let before = [FilledMessage {
            role: Role::Assistant,
            text: "Hello".to_owned(),
        }];
        let items = opening(vec![json!({ "type": "reasoning" })], &before, "Weather?");
        let said: Vec<&Value> = items.iter().map(|item| &item["content"]).collect();
        assert_eq!(said, [&Value::Null, &json!("Hello"), &json!("Weather?")]);
    }

    #[test]
    fn another_model_gets_no_foreign_reasoning() {
        let items = vec![
            json!({ "type": "reasoning", "id": "rs_1" }),
            json!({ "type": "function_call", "id": "fc_1", "call_id": "c" }),
        ];
        let expected = [json!({ "type": "function_call", "call_id": "c" })];
        assert_eq!(for_another_model(items), expected);
    }

    #[test]
    fn what_is_redacted_or_too_large_is_not_kept() {
        let items = [json!({ "a": "secret" }), json!({ "b": 1 })];
        let instead = BTreeMap::from([(0, json!({ "a": "[redacted]" }))]);
        assert_eq!(kept(&items, &instead), r#"[{"a":"[redacted]"},{"b":1}]"#);
        assert_eq!(
            kept(&[json!("x".repeat(MAX_KEPT))], &BTreeMap::new()),
            "null"
        );
        let large = json!({ "tool": "a", "input": {}, "output": "x".repeat(MAX_CALLS) });
        let kept = kept_calls(vec![large]);
        assert!(
            kept.contains(NOT_KEPT) && kept.contains("\"input\":{}"),
            "{kept}"
        );
    }
}
