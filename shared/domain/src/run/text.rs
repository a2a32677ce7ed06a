//! What a database's JSON cannot hold is taken out before it is stored.

/// JSON text without the escape of U+0000, which Postgres refuses to read. Borrowed where there is none, as nearly always.
pub fn storable(json: String) -> String {
    if !json.contains("\\u0000") {
        return json;
    }
    let mut kept = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        if let Some(after) = from.strip_prefix("\\u0000") {
            rest = after;
            continue;
        }
        // An escape is two characters at least; the second may be a backslash itself.
        let end = from
            .char_indices()
            .nth(2)
            .map_or(from.len(), |(end, _)| end);
        kept.push_str(&from[..end]);
        rest = &from[end..];
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_null_character_is_left_out_and_nothing_else() {
        let value = json!({ "a\0b": "x\0y", "path": "c:\\u0000", "quote": "\\\"\0\\" });
        let text = storable(value.to_string());
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            read,
            json!({ "ab": "xy", "path": "c:\\u0000", "quote": "\\\"\\" })
        );
    }

    #[test]
    fn other_text_is_itself() {
        let text = json!({ "a": ["\u{1}", "ü", "\\"] }).to_string();
        assert_eq!(storable(text.clone()), text);
    }
}
