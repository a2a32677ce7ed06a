//! The hostile inputs of `tests/cases/badinputs.jsonl`, each with its answer.
//!
//! The rule for every line: never a 500 of ours, never a panic, never a hang past the deadline.

mod config;
mod http;
mod input;
mod jwt;
mod mcp;
pub(crate) mod rig;
mod secrets;
mod ssrf;

use serde_json::{Value, json};

use rig::{Answered, Rig};

/// One line of the file.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    id: String,
    what: String,
    payload: Value,
    expect: String,
}

impl Case {
    /// The call to make.
    fn request(&self) -> &Value {
        &self.payload["request"]
    }

    /// A tool id of this case's own, so that cases share an app.
    fn tool_id(&self) -> String {
        self.id.replace('-', "_")
    }
}

/// The lines of one area.
fn cases(area: &str) -> Vec<Case> {
    let cases: Vec<Case> = include_str!("../../cases/badinputs.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["area"] == area)
        .map(|line| Case {
            id: line["id"].as_str().unwrap().to_owned(),
            what: line["what"].as_str().unwrap_or_default().to_owned(),
            payload: line["payload"].clone(),
            expect: line["expect"].as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    assert!(!cases.is_empty(), "no lines of area {area}");
    cases
}

/// The bytes of an even number of hex digits.
fn bytes_of_hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The text with fixtures filled in and generated bulk generated.
fn filled(text: &str, fixtures: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (name, value) in fixtures {
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    match text.as_str() {
        "(64 KB of a)" => "a".repeat(64 * 1024),
        "(100 KB)" => "d".repeat(100 * 1024),
        "(10 KB)" => "k".repeat(10 * 1024),
        "(4.6 MB binary)" => "x".repeat(4_600_000),
        _ if text.ends_with("...(10 KB)") => format!("/{}", "a".repeat(10 * 1024)),
        _ => text,
    }
}

/// The document with fixtures filled in and generated bulk generated.
fn filled_in(value: &Value, fixtures: &[(&str, &str)]) -> Value {
    match value {
        Value::String(text) if text == "(object with 20,000 properties)" => {
            let properties: serde_json::Map<String, Value> = (0..20_000)
                .map(|at| (format!("p{at}"), json!({})))
                .collect();
            json!({ "type": "object", "properties": properties })
        }
        Value::String(text) if text == "(1 MB)" => {
            json!({ "type": "object", "description": "s".repeat(1_000_000) })
        }
        Value::String(text) => filled(text, fixtures).into(),
        Value::Array(items) => items.iter().map(|item| filled_in(item, fixtures)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), filled_in(value, fixtures)))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
