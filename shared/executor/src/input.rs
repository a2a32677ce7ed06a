//! The input on its way to the request: hidden inputs filled in, checked against the schema; pure.

use std::borrow::Cow;

use domain::caller::Door;
use domain::fault::Fault;
use domain::formats::is_hidden;
use domain::path::escape_token;
use serde_json::{Map, Value};

use crate::error::ExecuteError;

/// Fills `x-hidden` inputs from their `const` or `default`.
///
/// A model neither sees nor sets a hidden input, so one that comes through its doors is a fault.
///
/// # Errors
/// A fault for each hidden input that was set through a model's door; a fault when the input is no object.
pub(crate) fn fill(schema: &Value, input: &mut Value, door: Door) -> Result<(), Vec<Fault>> {
    let Value::Object(input) = input else {
        return Err(vec![
            Fault::new("", "type", "The input must be an object.").hint("Send {\"input\": {…}}."),
        ]);
    };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Ok(());
    };
    let mut faults = Vec::new();
    for (name, property) in properties
        .iter()
        .filter(|(_, property)| is_hidden(property))
    {
        if input.contains_key(name) {
            if by_model(door) {
                faults.push(not_yours(name));
            }
        } else if let Some(value) = property.get("const").or_else(|| property.get("default")) {
            input.insert(name.clone(), value.clone());
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Checks an idempotency key, if there is one.
///
/// # Errors
/// [`ExecuteError::InvalidInput`].
pub fn accept_key(key: Option<&str>) -> Result<(), ExecuteError> {
    key.map_or(Ok(()), check_key)
        .map_err(|fault| ExecuteError::InvalidInput(vec![fault]))
}

/// Checks an idempotency key: 1 to 255 printable ASCII characters.
///
/// # Errors
/// The fault.
pub(crate) fn check_key(key: &str) -> Result<(), Fault> {
    let printable = key.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if printable && (1..=255).contains(&key.len()) && key.trim() == key {
        Ok(())
    } else {
        Err(Fault::new(
            "",
            "invalid_idempotency_key",
            "An idempotency key has 1 to 255 printable ASCII characters.",
        ))
    }
}

/// The object inside, as [`fill`] has made sure of.
pub(crate) fn members(input: &Value) -> Cow<'_, Map<String, Value>> {
    match input.as_object() {
        Some(members) => Cow::Borrowed(members),
        None => Cow::Owned(Map::new()),
    }
}

const fn by_model(door: Door) -> bool {
    match door {
        Door::Model | Door::Mcp => true,
        Door::Rest | Door::Flow => false,
    }
}

fn not_yours(name: &str) -> Fault {
    Fault::new(
        format!("/{}", escape_token(name)),
        "unknown_field",
        format!("There is no input {name}."),
    )
    .hint("Remove it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({"properties": {
            "q": {"type": "string", "default": "not filled in"},
            "region": {"x-hidden": true, "default": "eu"},
            "version": {"x-hidden": true, "const": 2, "default": 1},
        }})
    }

    #[test]
    fn hidden_inputs_are_filled_in() {
        let mut input = json!({"q": "a"});
        fill(&schema(), &mut input, Door::Model).unwrap();
        assert_eq!(input, json!({"q": "a", "region": "eu", "version": 2}));
        let mut empty = json!({});
        fill(&schema(), &mut empty, Door::Rest).unwrap();
        assert_eq!(empty, json!({"region": "eu", "version": 2}));
    }

    #[test]
    fn a_model_does_not_set_hidden_inputs() {
        for (door, ok) in [
            (Door::Model, false),
            (Door::Mcp, false),
            (Door::Rest, true),
            (Door::Flow, true),
        ] {
            let mut input = json!({"region": "us"});
            assert_eq!(fill(&schema(), &mut input, door).is_ok(), ok, "{door:?}");
        }
    }

    #[test]
    fn an_input_is_an_object() {
        for mut input in [json!(null), json!([]), json!("x")] {
            assert!(fill(&schema(), &mut input, Door::Rest).is_err());
        }
        assert!(fill(&json!({}), &mut json!({}), Door::Rest).is_ok());
    }

    #[test]
    fn keys_are_short_and_printable() {
        for (key, ok) in [
            ("a", true),
            ("order 12/ä", false),
            ("", false),
            (" a", false),
            ("a\r\nX: y", false),
        ] {
            assert_eq!(check_key(key).is_ok(), ok, "{key:?}");
        }
        assert!(check_key(&"x".repeat(255)).is_ok());
        assert!(check_key(&"x".repeat(256)).is_err());
    }
}
