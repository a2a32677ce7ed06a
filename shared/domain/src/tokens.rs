//! How many tokens of a model a value takes: an estimate that needs no model's vocabulary.
//!
//! The value is counted as compact JSON, byte by byte: three letters or spaces to a token, two of all else (digits,
//! punctuation, escapes, and each byte of a character beyond ASCII). So a word of English counts a little more than it
//! costs, an identifier or a number about what it costs, and a Chinese, Japanese or Korean character one and a half
//! tokens. Today's vocabularies need fewer for nearly all texts: a bound in these tokens is on the safe side. It adds up:
//! the estimate of a whole is the sum of its parts.

use serde_json::Value;

/// Weight of one token, in sixths of one.
const TOKEN: u64 = 6;
/// Weight of a letter or a space.
const LETTER: u64 = 2;
/// Weight of any other byte.
const OTHER: u64 = 3;

/// Tokens, about, of the value as compact JSON.
pub fn estimate(value: &Value) -> u64 {
    tokens(weigh(value))
}

/// A weight in whole tokens.
pub(crate) const fn tokens(weight: u64) -> u64 {
    weight.div_ceil(TOKEN)
}

/// Tokens as a weight.
pub(crate) const fn weight(tokens: u64) -> u64 {
    tokens.saturating_mul(TOKEN)
}

/// What brackets or braces weigh.
pub(crate) const BRACKETS: u64 = 2 * OTHER;
/// What an element weighs besides itself: its comma.
pub(crate) const ELEMENT: u64 = OTHER;

/// The weight of a value.
pub(crate) fn weigh(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) => 5 * LETTER,
        Value::Number(number) => OTHER * number.to_string().len() as u64,
        Value::String(text) => weigh_text(text),
        Value::Array(items) => {
            let each = items.iter().map(|item| ELEMENT + weigh(item));
            BRACKETS + each.sum::<u64>()
        }
        Value::Object(members) => {
            let each = members
                .iter()
                .map(|(name, value)| weigh_name(name) + weigh(value));
            BRACKETS + each.sum::<u64>()
        }
    }
}

/// The weight of a member's name with its colon and comma.
pub(crate) fn weigh_name(name: &str) -> u64 {
    weigh_text(name) + 2 * OTHER
}

/// The weight of a text with its quotation marks.
pub(crate) fn weigh_text(text: &str) -> u64 {
    2 * OTHER + text.bytes().map(weigh_byte).sum::<u64>()
}

/// The weight of one byte of a text.
pub(crate) const fn weigh_byte(byte: u8) -> u64 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b' ' => LETTER,
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2 * OTHER,
        0..=31 => 6 * OTHER,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn estimates_are_on_the_safe_side() {
        for (value, least, most) in [
            (json!("The quick brown fox jumps over the lazy dog"), 12, 18),
            (json!("天気予報によると明日は雨です"), 14, 24),
            (json!("550e8400-e29b-41d4-a716-446655440000"), 15, 24),
            (
                json!({"id": 12345, "name": "Ada", "tags": ["a", "b"]}),
                15,
                25,
            ),
            (json!(vec![0.5; 100]), 200, 260),
            (json!(null), 1, 2),
        ] {
            let tokens = estimate(&value);
            assert!((least..=most).contains(&tokens), "{value}: {tokens}");
        }
    }

    #[test]
    fn nothing_is_lighter_than_its_json() {
        let value = json!({"a\n\"": ["x\u{1}", "é", {}], "b": -1.5e300});
        let json = value.to_string();
        assert!(weigh(&value) >= LETTER * json.len() as u64);
    }
}
