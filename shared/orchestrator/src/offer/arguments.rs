//! A function's arguments as the model wrote them: possibly no JSON at all.

use domain::failure::{Failure, FailureCode};
use domain::json;
use serde_json::{Map, Value};

/// Most bytes of one call's arguments: as much as a request may have.
const MAX_BYTES: usize = 1_000_000;

/// The arguments as an object; none is an empty one.
///
/// # Errors
/// What the model did wrong, with the place, and what to do instead.
pub(super) fn object(text: &str) -> Result<Value, Failure> {
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    if text.len() > MAX_BYTES {
        let message = format!("The arguments are longer than {MAX_BYTES} bytes.");
        return Err(invalid(message, "Send less at once."));
    }
    let value = json::parse_request(text.as_bytes()).map_err(|fault| {
        let message = format!("The arguments are not JSON: {}.", json::reason(&fault));
        invalid(
            message,
            "Call again with the arguments as one complete JSON object.",
        )
    })?;
    match value {
        Value::Object(_) => Ok(value),
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let message = format!("The arguments are {}, not a JSON object.", kind(&value));
            Err(invalid(
                message,
                "Call again with the arguments as one JSON object, by their names.",
            ))
        }
    }
}

/// A refusal of arguments.
pub(super) fn invalid(message: impl Into<String>, hint: &str) -> Failure {
    Failure::new(FailureCode::InvalidInput, message, hint)
}

/// What a value is, for a sentence.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
