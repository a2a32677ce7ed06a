//! The parts of a `multipart/form-data` body (RFC 7578): text fields, files, and JSON for what has no text.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::room::Room;
use super::styles;
use crate::schema::cut;

/// Padding may be left out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormPart {
    /// The field's name; holds no control character.
    pub name: String,
    /// Of a file; holds no control character.
    pub filename: Option<String>,
    /// A media type (RFC 9110, 8.3.1); `None` for plain text.
    pub content_type: Option<String>,
    /// What is sent.
    pub content: Vec<u8>,
}

/// The parts of one field: an array is the field repeated, `{filename, content_type, base64 | text}` a file,
/// another object a part of JSON; `null` is left out.
pub(super) fn parts(
    name: &str,
    value: &Value,
    room: &mut Room,
    parts: &mut Vec<FormPart>,
) -> Result<(), String> {
    match value {
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| single(name, item, room, parts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            single(name, value, room, parts)
        }
    }
}

fn single(
    name: &str,
    value: &Value,
    room: &mut Room,
    parts: &mut Vec<FormPart>,
) -> Result<(), String> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err("a field's name is not empty and has no control characters".to_owned());
    }
    let part = match value {
        Value::Null => return Ok(()),
        Value::Object(members) if is_file(members) => file(name, members)?,
        Value::Object(_) | Value::Array(_) => FormPart {
            name: name.to_owned(),
            filename: None,
            content_type: Some("application/json".to_owned()),
            content: value.to_string().into_bytes(),
        },
        Value::Bool(_) | Value::Number(_) | Value::String(_) => FormPart {
            name: name.to_owned(),
            filename: None,
            content_type: None,
            content: styles::scalar(value).unwrap_or_default().into_bytes(),
        },
    };
    // Boundary and header lines are about 150 bytes.
    let described = part.filename.as_deref().map_or(0, str::len);
    room.take(part.content.len() + name.len() + described + 150)?;
    parts.push(part);
    Ok(())
}

/// A file says its name and, in one way, its content; and nothing else.
fn is_file(members: &Map<String, Value>) -> bool {
    let known = |name: &String| {
        matches!(
            name.as_str(),
            "filename" | "content_type" | "base64" | "text"
        )
    };
    let content = members.contains_key("base64") != members.contains_key("text");
    members.contains_key("filename") && content && members.keys().all(known)
}

fn file(name: &str, members: &Map<String, Value>) -> Result<FormPart, String> {
    let text = |member: &str| match members.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("\"{member}\" of a file is a text")),
    };
    let filename = text("filename")?.unwrap_or_default();
    if filename.is_empty() || filename.len() > 255 || filename.chars().any(char::is_control) {
        return Err("a file's name has 1 to 255 bytes and no control characters".to_owned());
    }
    let content_type = text("content_type")?;
    if let Some(kind) = content_type.filter(|kind| !is_media_type(kind)) {
        return Err(format!("\"{}\" is no media type", cut(kind).escape_debug()));
    }
    let content = match text("base64")? {
        Some(encoded) => BASE64
            .decode(encoded)
            .map_err(|_| "\"base64\" of a file is not base64".to_owned())?,
        None => text("text")?.unwrap_or_default().as_bytes().to_vec(),
    };
    Ok(FormPart {
        name: name.to_owned(),
        filename: Some(filename.to_owned()),
        content_type: Some(
            content_type
                .unwrap_or("application/octet-stream")
                .to_owned(),
        ),
        content,
    })
}

/// `type/subtype`, and parameters of plain characters.
fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        let byte = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        !text.is_empty() && text.bytes().all(byte)
    };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().and_then(|essence| essence.split_once('/'));
    text.len() <= 255
        && essence.is_some_and(|(kind, subtype)| token(kind) && token(subtype))
        && parts.all(|part| {
            part.split_once('=')
                .is_some_and(|(name, value)| token(name) && token(value))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: &Value) -> Result<Vec<FormPart>, String> {
        let mut found = Vec::new();
        parts("f", value, &mut Room::body(), &mut found)?;
        Ok(found)
    }

    #[test]
    fn fields_files_and_json() {
        let texts = of(&json!(["a", 1, null, true])).unwrap();
        let contents: Vec<&[u8]> = texts.iter().map(|part| &*part.content).collect();
        assert_eq!(contents, [&b"a"[..], b"1", b"true"]);
        assert!(texts.iter().all(|part| part.content_type.is_none()));

        let file = of(&json!({"filename": "ä.bin", "base64": "AP8"})).unwrap();
        assert_eq!(file[0].content, [0, 255]);
        assert_eq!(file[0].filename.as_deref(), Some("ä.bin"));
        assert_eq!(
            file[0].content_type.as_deref(),
            Some("application/octet-stream")
        );
        let file = json!({"filename": "a", "text": "x", "content_type": "text/csv; charset=utf-8"});
        assert_eq!(of(&file).unwrap()[0].content, b"x");

        for object in [
            json!({"a": 1}),
            json!({"text": "x"}),
            json!({"filename": "a", "text": "x", "more": 1}),
        ] {
            let part = &of(&object).unwrap()[0];
            assert_eq!(part.content_type.as_deref(), Some("application/json"));
            assert_eq!(part.filename, None);
        }
    }

    #[test]
    fn what_would_break_a_header_is_refused() {
        for file in [
            json!({"filename": "a\r\nX: y", "text": ""}),
            json!({"filename": "", "text": ""}),
            json!({"filename": "a", "text": "", "content_type": "text/plain\r\nX: y"}),
            json!({"filename": "a", "text": "", "content_type": "text"}),
            json!({"filename": "a", "text": "", "content_type": "text/plain; a=\"b\""}),
            json!({"filename": "a", "base64": "not base64!"}),
            json!({"filename": "a", "text": 7}),
        ] {
            assert!(of(&file).is_err(), "{file}");
        }
        let long = json!({"filename": "a", "text": "x".repeat(2 * 1024 * 1024)});
        assert!(of(&long).is_err());
    }
}
