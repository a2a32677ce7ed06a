//! The body of a dry run: what is shown of it, and how curl sends the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::request::{Body, FormPart};
use serde_json::{Map, Value};

use super::single;
use crate::render::body::form;

/// JSON as it is; forms, texts and XML as they are sent; of a multipart body its parts.
pub(super) fn shown(body: &Body) -> Value {
    match body {
        Body::Json(value) => value.clone(),
        Body::Form(pairs) => form(pairs).into(),
        Body::Text(text) | Body::Xml(text) => text.as_str().into(),
        Body::Multipart(parts) => parts.iter().map(part).collect(),
    }
}

/// A part; of a file only how long it is.
fn part(part: &FormPart) -> Value {
    let mut shown = Map::new();
    shown.insert("name".to_owned(), part.name.as_str().into());
    for (name, value) in [
        ("filename", &part.filename),
        ("content_type", &part.content_type),
    ] {
        if let Some(value) = value {
            shown.insert(name.to_owned(), value.as_str().into());
        }
    }
    match (&part.filename, std::str::from_utf8(&part.content)) {
        (None, Ok(text)) => shown.insert("text".to_owned(), text.into()),
        (Some(_), _) | (None, Err(_)) => {
            shown.insert("bytes".to_owned(), part.content.len().into())
        }
    };
    Value::Object(shown)
}

/// The options with which curl sends the body.
pub(super) fn curl(body: &Body) -> Vec<String> {
    let text = match body {
        Body::Json(value) => value.to_string(),
        Body::Form(pairs) => form(pairs),
        Body::Text(text) | Body::Xml(text) => text.clone(),
        Body::Multipart(parts) => return parts.iter().map(field).collect(),
    };
    vec![format!("--data-raw {}", single(&text))]
}

/// A part as curl reads one; a file comes from a process substitution (bash, zsh).
fn field(part: &FormPart) -> String {
    let text = String::from_utf8_lossy(&part.content);
    let kind = part.content_type.as_deref();
    let kind = kind.map(|kind| format!(";type={kind}")).unwrap_or_default();
    match &part.filename {
        None if kind.is_empty() => {
            format!("--form-string {}", single(&format!("{}={text}", part.name)))
        }
        None => {
            let field = format!("{}={}{kind}", part.name, in_quotes(&text));
            format!("-F {}", single(&field))
        }
        Some(filename) => {
            let before = single(&format!("{}=@", part.name));
            let content = single(&STANDARD.encode(&part.content));
            let behind = single(&format!(";filename={}{kind}", in_quotes(filename)));
            format!("-F {before}<(printf %s {content} | base64 -d){behind}")
        }
    }
}

/// A value in curl's own quotes.
fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_is_shown_as_it_is_sent() {
        for (body, expected, line) in [
            (
                Body::Form(vec![("a b".to_owned(), "it's".to_owned())]),
                json!("a%20b=it%27s"),
                "--data-raw 'a%20b=it%27s'",
            ),
            (
                Body::Text("it's\n".to_owned()),
                json!("it's\n"),
                "--data-raw 'it'\\''s\n'",
            ),
            (
                Body::Xml("<a/>".to_owned()),
                json!("<a/>"),
                "--data-raw '<a/>'",
            ),
        ] {
            assert_eq!(shown(&body), expected);
            assert_eq!(curl(&body), [line]);
        }
    }

    #[test]
    fn files_are_shown_by_their_length() {
        let file =
            |name: &str, filename: Option<&str>, kind: Option<&str>, content: &[u8]| FormPart {
                name: name.to_owned(),
                filename: filename.map(str::to_owned),
                content_type: kind.map(str::to_owned),
                content: content.to_vec(),
            };
        let body = Body::Multipart(vec![
            file("note", None, None, b"@it's"),
            file("meta", None, Some("application/json"), br#"{"a":1}"#),
            file("f", Some("a\".bin"), Some("image/png"), &[0, 255]),
        ]);
        assert_eq!(
            shown(&body),
            json!([
                {"name": "note", "text": "@it's"},
                {"name": "meta", "content_type": "application/json", "text": "{\"a\":1}"},
                {"name": "f", "filename": "a\".bin", "content_type": "image/png", "bytes": 2},
            ])
        );
        assert_eq!(
            curl(&body),
            [
                r"--form-string 'note=@it'\''s'",
                r#"-F 'meta="{\"a\":1}";type=application/json'"#,
                r#"-F 'f=@'<(printf %s 'AP8=' | base64 -d)';filename="a\".bin";type=image/png'"#,
            ]
        );
    }
}
