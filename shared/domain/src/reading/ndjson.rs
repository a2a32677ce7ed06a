//! JSON values one a line (NDJSON, JSON Lines), as a list.

use serde_json::Value;

use super::Unreadable;
use super::room::Room;
use crate::json;

/// Reads one value a line; lines without any are passed over.
pub(super) fn read(text: &str) -> Result<Value, Unreadable> {
    let mut room = Room::full();
    let mut values = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() {
            continue;
        }
        room.json(line.as_bytes())?;
        let value = json::parse_response(line.as_bytes()).map_err(|fault| {
            Unreadable::new(
                format!("line {} is not one: {}", index + 1, fault.message),
                "Every line is one JSON value; a single document needs response.format \"json\".",
            )
        })?;
        values.push(value);
    }
    Ok(Value::Array(values))
}

/// Reads one JSON document of characters.
pub(super) fn value(text: &str) -> Result<Value, Unreadable> {
    json::parse_response(text.as_bytes())
        .map_err(|fault| unreadable(json::reason(&fault).to_owned()))
}

/// JSON that is none.
pub(super) fn unreadable(why: String) -> Unreadable {
    Unreadable::new(
        why,
        "Check the path, and response.format: json, text, xml, csv or ndjson.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_line_is_a_value() {
        for (text, values) in [
            ("", json!([])),
            ("\n \r\n\t\n", json!([])),
            ("{\"a\":1}\r\n\n[2]\nnull", json!([{"a": 1}, [2], null])),
            ("{\"a\":\"x\\ny\"}\n", json!([{"a": "x\ny"}])),
            ("18446744073709551616", json!(["18446744073709551616"])),
        ] {
            assert_eq!(read(text), Ok(values), "{text}");
        }
    }

    #[test]
    fn a_broken_line_is_named() {
        for (text, line) in [
            ("{}\n{\"a\":", "line 2"),
            ("{} {}", "line 1"),
            ("{\n\"a\": 1\n}", "line 1"),
            ("1\n\n\nNaN", "line 4"),
        ] {
            let unreadable = read(text).unwrap_err();
            assert!(unreadable.message.starts_with(line), "{unreadable:?}");
        }
        assert!(
            read(&"[".repeat(129))
                .unwrap_err()
                .message
                .contains("128 levels")
        );
    }

    #[test]
    fn too_many_values_are_not_read() {
        assert!(read(&"1\n".repeat(1_000_000)).is_ok());
        assert!(
            read(&"1\n".repeat(3_000_000))
                .unwrap_err()
                .message
                .contains("megabytes")
        );
    }
}
