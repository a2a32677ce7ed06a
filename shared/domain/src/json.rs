//! Reads JSON that others wrote: bounded before it is parsed, and no number is changed on the way.

use serde_json::Value;

use crate::fault::Fault;
use crate::json::scan::{Kind, Scan};

const NOT_JSON: &str = "not JSON: ";

mod scan;

/// How deep a request's JSON may nest.
pub const REQUEST_DEPTH: usize = 64;

/// How deep an upstream's JSON may nest.
pub const RESPONSE_DEPTH: usize = 128;

/// Reads a request body.
///
/// Refused, each as one fault with code `invalid_json`: more than [`REQUEST_DEPTH`] levels (seen
/// before the parser runs), text that is not UTF-8, `\u0000`, lone surrogates, and numbers that
/// would change when stored (integers beyond 64 bits, numbers beyond a double). Of two members with
/// one name the last one counts.
///
/// # Errors
/// The fault, with the line and column of what was wrong.
pub fn parse_request(bytes: &[u8]) -> Result<Value, Fault> {
    let text = utf8(bytes)?;
    let scan = Scan::run(text, REQUEST_DEPTH).map_err(|at| too_deep(text, at, REQUEST_DEPTH))?;
    if let Some(at) = scan.nul {
        return Err(invalid(text, at, "the character U+0000 is not allowed"));
    }
    if let Some(edit) = scan.edits.first() {
        let (at, why) = match edit.kind {
            Kind::LoneSurrogate => (edit.from, "half of a surrogate pair stands alone"),
            Kind::BigNumber => (
                edit.from,
                "this number has no exact form in 64 bits; send it as a string",
            ),
        };
        return Err(invalid(text, at, why));
    }
    parse(text)
}

/// Reads an upstream's answer.
///
/// As exact as [`parse_request`] but forgiving, since nobody can mend the sender: a byte order mark is
/// skipped, numbers that fit neither 64 bits nor a double become strings of their exact digits, and
/// half a surrogate pair becomes U+FFFD. Depth is bounded by [`RESPONSE_DEPTH`].
///
/// # Errors
/// A fault with code `invalid_json` when the bytes are not JSON or too deep.
pub fn parse_response(bytes: &[u8]) -> Result<Value, Fault> {
    let text = utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))?;
    let scan = Scan::run(text, RESPONSE_DEPTH).map_err(|at| too_deep(text, at, RESPONSE_DEPTH))?;
    if scan.edits.is_empty() {
        parse(text)
    } else {
        parse(&scan.mended(text))
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        Fault::new(
            "",
            "invalid_json",
            format!("not UTF-8 at byte {}", error.valid_up_to()),
        )
        .hint("send JSON encoded as UTF-8")
    })
}

fn parse(text: &str) -> Result<Value, Fault> {
    let mut reader = serde_json::Deserializer::from_str(text);
    // The scanner has bounded the depth already; the parser's own limit is one level too low.
    reader.disable_recursion_limit();
    let value = serde::Deserialize::deserialize(&mut reader).and_then(|value| {
        reader.end()?;
        Ok(value)
    });
    value.map_err(|error: serde_json::Error| {
        Fault::new("", "invalid_json", format!("{NOT_JSON}{error}"))
    })
}

/// Why a text is not JSON, for a sentence that says already that it is not.
pub fn reason(fault: &Fault) -> &str {
    fault
        .message
        .strip_prefix(NOT_JSON)
        .unwrap_or(&fault.message)
}

fn too_deep(text: &str, at: usize, limit: usize) -> Fault {
    invalid(text, at, &format!("nested deeper than {limit} levels"))
}

fn invalid(text: &str, at: usize, why: &str) -> Fault {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Fault::new(
        "",
        "invalid_json",
        format!("{why} (line {line} column {column})"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> String {
        "[".repeat(levels) + &"]".repeat(levels)
    }

    #[test]
    fn bounds_depth_before_parsing() {
        assert!(parse_request(nested(64).as_bytes()).is_ok());
        assert!(parse_response(nested(128).as_bytes()).is_ok());
        for (fault, levels) in [
            (parse_request(nested(65).as_bytes()), "64"),
            (parse_request("[".repeat(1_000_000).as_bytes()), "64"),
            (parse_request("{\"a\":".repeat(100_000).as_bytes()), "64"),
            (parse_response(nested(129).as_bytes()), "128"),
        ] {
            let fault = fault.unwrap_err();
            assert_eq!(fault.code, "invalid_json");
            assert!(fault.message.contains(levels), "{}", fault.message);
        }
    }

    #[test]
    fn brackets_in_strings_are_not_depth() {
        let text = format!("\"{}\\\"{}\"", "[".repeat(500), "{".repeat(500));
        assert!(parse_request(text.as_bytes()).is_ok());
    }

    #[test]
    fn refuses_requests_that_could_not_be_stored_as_sent() {
        for (text, why) in [
            (r#"{"a":"x\u0000y"}"#, "U+0000"),
            (r#"{"a\u0000":1}"#, "U+0000"),
            (r#"["\ud800"]"#, "surrogate"),
            (r#"["\udc00"]"#, "surrogate"),
            (r#"["\ud800A"]"#, "surrogate"),
            ("18446744073709551616", "64 bits"),
            ("[-9223372036854775809]", "64 bits"),
            ("1e400", "64 bits"),
            ("-1E+999", "64 bits"),
            (&format!("1{}", "0".repeat(400)), "64 bits"),
            ("NaN", "not JSON"),
            ("{\"a\":1,}", "not JSON"),
            ("01", "not JSON"),
            ("1 2", "not JSON"),
            ("", "not JSON"),
            ("\u{feff}{}", "not JSON"),
        ] {
            let fault = parse_request(text.as_bytes()).unwrap_err();
            assert!(fault.message.contains(why), "{text}: {}", fault.message);
        }
        assert!(parse_request(b"\"\xff\"").is_err());
    }

    #[test]
    fn says_where() {
        let fault = parse_request("{\n  \"a\": 1e999}".as_bytes()).unwrap_err();
        assert!(fault.message.ends_with("(line 2 column 8)"), "{fault:?}");
    }

    #[test]
    fn keeps_what_fits() {
        for (text, value) in [
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("9007199254740993", json!(9_007_199_254_740_993_u64)),
            ("185.20", json!(185.2)),
            ("1e2", json!(100.0)),
            (r#""\\u0000""#, json!("\\u0000")),
            (r#""\ud83d\ude00""#, json!("😀")),
            (r#"{"a":1,"a":2}"#, json!({"a": 2})),
        ] {
            assert_eq!(parse_request(text.as_bytes()).unwrap(), value, "{text}");
            assert_eq!(parse_response(text.as_bytes()).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn answers_keep_their_digits() {
        let big = "123456789012345678901234567890";
        for (text, value) in [
            (big, json!(big)),
            ("1e400", json!("1e400")),
            (
                r#"{"id": 18446744073709551616, "n": -1}"#,
                json!({"id": "18446744073709551616", "n": -1}),
            ),
            (
                r#"["18446744073709551616"]"#,
                json!(["18446744073709551616"]),
            ),
            ("\u{feff}[1]", json!([1])),
            (
                r#"["a\ud800b", "\udc00"]"#,
                json!(["a\u{fffd}b", "\u{fffd}"]),
            ),
        ] {
            assert_eq!(parse_response(text.as_bytes()).unwrap(), value, "{text}");
        }
    }
}
