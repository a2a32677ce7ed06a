//! Reads an upstream's answer in the format that a tool names: bytes in, a JSON value out.
//!
//! Whoever sends the bytes may be hostile. Nothing is ever fetched, no reader recurses, depth is bounded, and what
//! a value takes in memory is counted before it is made.

mod charset;
mod csv;
mod ndjson;
mod room;
mod xml;

use serde_json::Value;

use crate::config::{ReadingRules, ResponseFormat};
use crate::json;
use room::Room;

pub use charset::is_known as is_known_charset;

/// Why an answer cannot be read. Holds nothing of the answer but places in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong with it, in one sentence without its full stop.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl Unreadable {
    fn new(message: impl Into<String>, hint: &'static str) -> Self {
        Self {
            message: message.into(),
            hint,
        }
    }
}

/// A format as it is called in sentences.
pub const fn name_of(format: ResponseFormat) -> &'static str {
    match format {
        ResponseFormat::Json => "JSON",
        ResponseFormat::Text => "text",
        ResponseFormat::Xml => "XML",
        ResponseFormat::Csv => "CSV",
        ResponseFormat::Ndjson => "NDJSON",
    }
}

/// Reads a body. JSON and XML give the document's value, text a string, CSV and NDJSON a list.
///
/// The characters are those of, in this order: a byte order mark, `response.charset`, the content type's
/// `charset`, the XML declaration; else UTF-8. JSON is UTF-8 whatever is declared (RFC 8259, 8.1), unless
/// `response.charset` says otherwise.
///
/// # Errors
/// It is not of that format, or larger or deeper than is read.
pub fn read(
    body: &[u8],
    content_type: Option<&str>,
    format: ResponseFormat,
    rules: &ReadingRules,
) -> Result<Value, Unreadable> {
    let text = || charset::decode(body, content_type, rules.charset.as_deref(), format);
    match format {
        ResponseFormat::Json => {
            Room::check_json(body)?;
            match json::parse_response(body) {
                Ok(value) => Ok(value),
                Err(_) if rules.charset.is_some() => ndjson::value(&text()?),
                Err(fault) => {
                    charset::utf8(body)?;
                    Err(ndjson::unreadable(json::reason(&fault).to_owned()))
                }
            }
        }
        ResponseFormat::Text => Ok(text()?.into_owned().into()),
        ResponseFormat::Xml => xml::read(&text()?, &rules.xml),
        ResponseFormat::Csv => csv::read(&text()?, &rules.csv),
        ResponseFormat::Ndjson => ndjson::read(&text()?),
    }
}

/// `line 3`, of the byte at `at`.
fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(body: &str) -> Result<Value, Unreadable> {
        let rules = ReadingRules::default();
        read(body.as_bytes(), None, ResponseFormat::Json, &rules)
    }

    #[test]
    fn json_is_utf_8_unless_the_tool_says_otherwise() {
        let read = |body: &[u8], content_type, charset: Option<&str>| {
            let rules = ReadingRules {
                charset: charset.map(str::to_owned),
                ..ReadingRules::default()
            };
            read(body, content_type, ResponseFormat::Json, &rules)
        };
        let latin = Some("application/json; charset=iso-8859-1");
        for (body, content_type, charset, value) in [
            ("[\"ü\"]".as_bytes(), latin, None, Some("ü")),
            ("[\"ü\"]".as_bytes(), None, Some("iso-8859-1"), Some("ü")),
            (b"[\"\xfc\"]", latin, Some("iso-8859-1"), Some("ü")),
            (b"[\"\xfc\"]", latin, None, None),
            (b"\xff\xfe[\0\"\0a\0\"\0]\0", None, None, None),
            (
                b"\xff\xfe[\0\"\0a\0\"\0]\0",
                None,
                Some("utf-16le"),
                Some("a"),
            ),
        ] {
            let found = read(body, content_type, charset);
            match value {
                Some(value) => assert_eq!(found, Ok(Value::from(vec![value]))),
                None => assert!(found.unwrap_err().message.contains("not UTF-8")),
            }
        }
    }

    #[test]
    fn json_of_very_many_values_is_not_read() {
        let list = |item: &str, count: usize| format!("[{}1]", item.repeat(count));
        for (body, read) in [
            (list("1,", 400_000), true),
            (list("{\"symbol\":\"IBM\",\"price\":185.2},", 40_000), true),
            (list("{\"a\":1},", 2_000_000), false),
            (list("[],", 1_000_000), false),
        ] {
            let found = json(&body);
            assert_eq!(found.is_ok(), read);
            if let Err(unreadable) = found {
                assert!(unreadable.message.contains("megabytes"), "{unreadable:?}");
            }
        }
    }
}
