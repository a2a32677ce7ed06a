//! What the real service refuses about `input`: unknown items and members, calls without outputs, reasoning torn from its item.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::answer::sealed;
use crate::error::ApiError;

/// The item types known here, with their members and how their ids begin.
const ITEMS: [(&str, &[&str], &str); 4] = [
    (
        "message",
        &["type", "role", "content", "id", "status", "phase"],
        "msg",
    ),
    (
        "function_call",
        &[
            "type",
            "id",
            "call_id",
            "name",
            "arguments",
            "status",
            "namespace",
            "caller",
        ],
        "fc",
    ),
    (
        "function_call_output",
        &[
            "type",
            "id",
            "call_id",
            "output",
            "status",
            "name",
            "namespace",
            "caller",
        ],
        "fc",
    ),
    (
        "reasoning",
        &[
            "type",
            "id",
            "summary",
            "encrypted_content",
            "content",
            "status",
        ],
        "rs",
    ),
];

/// Longest call id, in characters (`FunctionCallOutputItemParam`).
const MAX_CALL_ID: usize = 64;

pub(crate) fn check(body: &Value, reasons: &HashMap<String, String>) -> Result<(), ApiError> {
    let items = match &body["input"] {
        Value::Null => {
            let message = "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation_id' must be provided.";
            return Err(ApiError::invalid(
                "input",
                "missing_required_parameter",
                message,
            ));
        }
        Value::String(_) => return Ok(()),
        Value::Array(items) => items,
        other => {
            return Err(ApiError::type_of(
                "input",
                "a string or an array of input items",
                other,
            ));
        }
    };
    for (index, item) in items.iter().enumerate() {
        item_alone(item, &format!("input[{index}]"))?;
    }
    reasoning_beside_its_item(items, reasons)?;
    calls_and_outputs(items)
}

fn missing(at: &str, member: &str) -> ApiError {
    let at = format!("{at}.{member}");
    let message = format!("Missing required parameter: '{at}'.");
    ApiError::invalid(at, "missing_required_parameter", message)
}

fn item_alone(item: &Value, at: &str) -> Result<(), ApiError> {
    let Some(members) = item.as_object() else {
        return Err(ApiError::type_of(at, "an input item", item));
    };
    // A message may leave its type out.
    let kind = match &item["type"] {
        Value::Null if item["role"].is_string() => "message",
        kind => kind.as_str().unwrap_or_default(),
    };
    let Some((_, known, begins)) = ITEMS.iter().find(|(name, ..)| *name == kind) else {
        let message = format!(
            "Invalid value: '{kind}'. This server knows messages, function calls, their outputs and reasoning."
        );
        return Err(ApiError::invalid(
            format!("{at}.type"),
            "invalid_value",
            message,
        ));
    };
    if let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(ApiError::unknown(format!("{at}.{unknown}")));
    }
    if let Some(id) = item["id"].as_str().filter(|id| !id.starts_with(begins)) {
        let message =
            format!("Invalid '{at}.id': '{id}'. Expected an ID that begins with '{begins}'.");
        return Err(ApiError::invalid(
            format!("{at}.id"),
            "invalid_value",
            message,
        ));
    }
    if let Some(status) = item["status"].as_str()
        && !["in_progress", "completed", "incomplete"].contains(&status)
    {
        let message = format!(
            "Invalid value: '{status}'. Supported values are: 'in_progress', 'completed', and 'incomplete'."
        );
        return Err(ApiError::invalid(
            format!("{at}.status"),
            "invalid_value",
            message,
        ));
    }
    match kind {
        "message" => message(item, at),
        "reasoning" => reasoning(item, at),
        _ => call_or_output(item, kind, at),
    }
}

fn message(item: &Value, at: &str) -> Result<(), ApiError> {
    let role = item["role"].as_str().unwrap_or_default();
    if !["user", "assistant", "system", "developer"].contains(&role) {
        let message = format!(
            "Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
        );
        return Err(ApiError::invalid(
            format!("{at}.role"),
            "invalid_value",
            message,
        ));
    }
    let allowed: &[&str] = match role {
        "assistant" => &["output_text", "refusal"],
        _ => &["input_text", "input_image", "input_file"],
    };
    let parts = match &item["content"] {
        Value::String(_) => return Ok(()),
        Value::Array(parts) => parts,
        Value::Null => return Err(missing(at, "content")),
        other => {
            let at = format!("{at}.content");
            return Err(ApiError::type_of(
                at,
                "a string or an array of content parts",
                other,
            ));
        }
    };
    for (index, part) in parts.iter().enumerate() {
        let kind = part["type"].as_str().unwrap_or_default();
        if !allowed.contains(&kind) {
            let supported = allowed.join("', '");
            return Err(ApiError::invalid(
                format!("{at}.content[{index}]"),
                "invalid_value",
                format!("Invalid value: '{kind}'. Supported values are: '{supported}'."),
            ));
        }
        let member = if kind == "refusal" { "refusal" } else { "text" };
        if kind.ends_with("text") && !part[member].is_string() {
            return Err(missing(&format!("{at}.content[{index}]"), member));
        }
    }
    Ok(())
}

fn call_or_output(item: &Value, kind: &str, at: &str) -> Result<(), ApiError> {
    let needed: &[&str] = match kind {
        "function_call" => &["call_id", "name", "arguments"],
        _ => &["call_id", "output"],
    };
    for member in needed {
        match &item[*member] {
            Value::String(_) => {}
            Value::Array(_) if *member == "output" => {}
            Value::Null => return Err(missing(at, member)),
            other => {
                return Err(ApiError::type_of(
                    format!("{at}.{member}"),
                    "a string",
                    other,
                ));
            }
        }
    }
    let call_id = item["call_id"].as_str().unwrap_or_default();
    if call_id.is_empty() || call_id.chars().count() > MAX_CALL_ID {
        return Err(ApiError::invalid(
            format!("{at}.call_id"),
            "string_above_max_length",
            format!(
                "Invalid '{at}.call_id': string too long. Expected a string with maximum length {MAX_CALL_ID}."
            ),
        ));
    }
    Ok(())
}

/// Nothing is stored, so reasoning must bring its sealed content along, and it must be the one that was given.
fn reasoning(item: &Value, at: &str) -> Result<(), ApiError> {
    let Some(id) = item["id"].as_str() else {
        return Err(missing(at, "id"));
    };
    if !item["summary"].is_array() {
        return Err(missing(at, "summary"));
    }
    match item["encrypted_content"].as_str() {
        None => Err(ApiError {
            status: 404,
            ..ApiError::invalid(
                "input",
                "item_not_found",
                format!(
                    "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input."
                ),
            )
        }),
        Some(content) if content == sealed(id) => Ok(()),
        Some(_) => Err(ApiError::invalid(
            format!("{at}.encrypted_content"),
            "invalid_encrypted_content",
            format!(
                "The encrypted content for item {id} could not be verified. Reason: Encrypted content could not be decrypted or parsed."
            ),
        )),
    }
}

fn reasoning_beside_its_item(
    items: &[Value],
    reasons: &HashMap<String, String>,
) -> Result<(), ApiError> {
    let mut earlier = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let id = item["id"].as_str().unwrap_or_default();
        let kind = item["type"].as_str().unwrap_or("message");
        if let Some(reasoning) = reasons.get(id)
            && !earlier.contains(reasoning.as_str())
        {
            let message = format!(
                "Item '{id}' of type '{kind}' was provided without its required 'reasoning' item: '{reasoning}'."
            );
            return Err(ApiError::invalid("input", "invalid_value", message));
        }
        if kind == "reasoning" {
            earlier.insert(id);
            let next = items.get(index + 1);
            let follows = next.is_some_and(|next| {
                next["type"] == "function_call"
                    || next["type"] == "reasoning"
                    || next["role"] == "assistant"
            });
            if !follows {
                let message = format!(
                    "Item '{id}' of type 'reasoning' was provided without its required following item."
                );
                return Err(ApiError::invalid("input", "invalid_value", message));
            }
        }
    }
    Ok(())
}

fn calls_and_outputs(items: &[Value]) -> Result<(), ApiError> {
    let mut open = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for item in items {
        let call_id = item["call_id"].as_str().unwrap_or_default();
        match item["type"].as_str() {
            Some("function_call") if !seen.insert(call_id) => {
                let message = format!("Duplicate function call with call_id {call_id}.");
                return Err(ApiError::invalid("input", "invalid_value", message));
            }
            Some("function_call") => {
                open.insert(call_id);
            }
            Some("function_call_output") if !open.remove(call_id) => {
                let message =
                    format!("No tool call found for function call output with call_id {call_id}.");
                return Err(ApiError::invalid("input", "invalid_value", message));
            }
            _ => {}
        }
    }
    match open.first() {
        None => Ok(()),
        Some(call_id) => {
            let message = format!("No tool output found for function call {call_id}.");
            Err(ApiError::invalid("input", "invalid_value", message))
        }
    }
}
