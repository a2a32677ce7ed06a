//! What of an execution is stored: bounded, redacted, and clean enough for jsonb; pure.

use std::borrow::Cow;
use std::time::Duration;

use domain::failure::Failure;
use domain::fault::Fault;
use serde_json::{Map, Value, json};

/// Largest input, output or error that is stored, in bytes of JSON (about).
const LIMIT: usize = 64 * 1024;
const REDACTED: &str = "[redacted]";

/// The value as it is stored: without `\u0000`, which jsonb cannot hold, and replaced by a note when it is
/// too large.
pub(crate) fn stored(value: &Value) -> Cow<'_, Value> {
    let mut weight = Weight::default();
    weight.add(value);
    if weight.bytes > LIMIT {
        let note = format!("not stored: larger than {} KB", LIMIT / 1024);
        return Cow::Owned(json!({ "omitted": note }));
    }
    if weight.nul {
        return Cow::Owned(clean(value));
    }
    Cow::Borrowed(value)
}

/// The output as it is stored: the values at these pointers, a tool's `output.redact`, replaced.
pub fn redacted<'a>(output: &'a Value, pointers: &[String]) -> Cow<'a, Value> {
    if !pointers
        .iter()
        .any(|pointer| output.pointer(pointer).is_some())
    {
        return Cow::Borrowed(output);
    }
    let mut output = output.clone();
    for pointer in pointers {
        if let Some(value) = output.pointer_mut(pointer) {
            *value = REDACTED.into();
        }
    }
    Cow::Owned(output)
}

/// A failure as a stored error.
pub(crate) fn error(failure: &Failure) -> Value {
    serde_json::to_value(failure).unwrap_or_default()
}

/// Faults of an input as a stored error.
pub(crate) fn input_error(faults: &[Fault]) -> Value {
    json!({
        "code": "invalid_input",
        "message": "The input does not fit the tool's input_schema.",
        "errors": faults,
    })
}

/// A switched-off tool as a stored error.
pub(crate) fn disabled(why: &str) -> Value {
    json!({ "code": "tool_disabled", "message": why })
}

/// A call over one of our limits as a stored error.
pub(crate) fn over(why: &str, retry_after: Duration) -> Value {
    let retry_after_s = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    json!({ "code": "quota_exceeded", "message": why, "details": { "retry_after_s": retry_after_s } })
}

#[derive(Default)]
struct Weight {
    bytes: usize,
    nul: bool,
}

impl Weight {
    fn add(&mut self, value: &Value) {
        if self.bytes > LIMIT {
            return;
        }
        self.bytes += match value {
            Value::Null | Value::Bool(_) => 5,
            Value::Number(_) => 8,
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                items.iter().for_each(|item| self.add(item));
                items.len() + 2
            }
            Value::Object(members) => {
                let mut names = 0;
                for (name, member) in members {
                    names += self.text(name) + 2;
                    self.add(member);
                }
                names + 2
            }
        };
    }

    fn text(&mut self, text: &str) -> usize {
        self.nul |= text.as_bytes().contains(&0);
        text.len() + 2
    }
}

fn clean(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => items.iter().map(clean).collect(),
        Value::Object(members) => {
            let members: Map<String, Value> = members
                .iter()
                .map(|(name, member)| (without_nul(name), clean(member)))
                .collect();
            Value::Object(members)
        }
    }
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_clean_values_are_stored_as_they_are() {
        let value = json!({"a": [1, null, "x"]});
        assert!(matches!(stored(&value), Cow::Borrowed(_)));
    }

    #[test]
    fn nul_is_replaced_in_names_and_values() {
        let value = json!({"a\0": ["b\0c", 1]});
        assert_eq!(*stored(&value), json!({"a\u{fffd}": ["b\u{fffd}c", 1]}));
    }

    #[test]
    fn large_values_become_a_note() {
        for value in [json!("x".repeat(LIMIT)), json!(vec![1; LIMIT])] {
            assert!(stored(&value)["omitted"].is_string());
        }
    }

    #[test]
    fn pointers_are_redacted_where_they_lead_somewhere() {
        let output = json!({"token": "abc", "user": {"mail": "a@b.c"}});
        let pointers = ["/user/mail".to_owned(), "/absent".to_owned()];
        assert_eq!(
            *redacted(&output, &pointers),
            json!({"token": "abc", "user": {"mail": "[redacted]"}})
        );
        assert!(matches!(
            redacted(&output, &pointers[1..]),
            Cow::Borrowed(_)
        ));
    }
}
