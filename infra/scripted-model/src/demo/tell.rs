//! A function's output as a sentence.

use serde_json::Value;

/// Most values of one sentence.
const VALUES: usize = 8;

/// Longest text of one value, in characters.
const LONGEST: usize = 120;

/// A function and what it told.
pub(super) struct Answered {
    pub(super) name: String,
    pub(super) output: Value,
}

/// The calls among the items, with their outputs.
pub(super) fn answered(items: &[Value]) -> Vec<Answered> {
    let outputs = items
        .iter()
        .filter(|item| item["type"] == "function_call_output");
    outputs
        .map(|output| {
            let called = items.iter().find(|item| {
                item["type"] == "function_call" && item["call_id"] == output["call_id"]
            });
            let name = called.and_then(|call| call["name"].as_str());
            let mut name = name.unwrap_or("a tool").to_owned();
            if name == "call_tool" {
                let arguments = called.and_then(|call| call["arguments"].as_str());
                let arguments: Value =
                    serde_json::from_str(arguments.unwrap_or_default()).unwrap_or_default();
                let inner = ["name", "tool"]
                    .iter()
                    .find_map(|member| arguments[*member].as_str());
                name = inner.unwrap_or(&name).to_owned();
            }
            Answered {
                name,
                output: output["output"].clone(),
            }
        })
        .collect()
}

/// The value in what came back: JSON, possibly within a text that says what it is.
pub(super) fn output(told: &Value) -> Value {
    let Some(text) = told.as_str() else {
        return told.clone();
    };
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    let within = |open: char, close: char| {
        let (from, to) = (text.find(open)?, text.rfind(close)?);
        read(text.get(from..=to)?)
    };
    let value = read(text)
        .or_else(|| within('{', '}'))
        .or_else(|| within('[', ']'));
    match value {
        None => text.into(),
        Some(Value::Object(mut members))
            if members
                .get("output")
                .is_some_and(|output| !output.is_null()) =>
        {
            members.remove("output").unwrap_or_default()
        }
        Some(value) => value,
    }
}

/// One sentence.
pub(super) fn sentence(answered: &Answered) -> String {
    let name = &answered.name;
    let value = output(&answered.output);
    let error = &value["error"];
    if !error.is_null() {
        let message = error["message"].as_str().unwrap_or("it failed");
        let hint = error["hint"].as_str().unwrap_or_default();
        let message = shortened(message, LONGEST);
        let message = message.trim_end_matches('.');
        return match hint {
            "" => format!("{name} failed: {message}."),
            hint => format!(
                "{name} failed: {message}. Hint: {}",
                shortened(hint, LONGEST)
            ),
        };
    }
    let mut values = Vec::new();
    leaves("", &value, &mut values);
    let more = values.len().saturating_sub(VALUES);
    values.truncate(VALUES);
    match (values.as_slice(), more) {
        ([], _) => format!("{name} answered with nothing."),
        (values, 0) => format!("{name} answered: {}.", values.join(", ")),
        (values, more) => format!(
            "{name} answered: {}, and {more} more values.",
            values.join(", ")
        ),
    }
}

/// The values with their names, in order.
fn leaves(name: &str, value: &Value, found: &mut Vec<String>) {
    let named = |text: String| match name {
        "" => text,
        name => format!("{} {text}", name.replace('_', " ")),
    };
    match value {
        Value::Null => {}
        Value::Bool(true) => found.push(named("yes".to_owned())),
        Value::Bool(false) => found.push(named("no".to_owned())),
        Value::Number(number) => found.push(named(number.to_string())),
        Value::String(text) => found.push(named(shortened(text, LONGEST))),
        Value::Array(items) => {
            for item in items {
                leaves(name, item, found);
            }
        }
        Value::Object(members) => {
            for (member, value) in members {
                let below = match name {
                    "" => member.clone(),
                    name => format!("{name} {member}"),
                };
                leaves(&below, value, found);
            }
        }
    }
}

/// The text, or its beginning.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
