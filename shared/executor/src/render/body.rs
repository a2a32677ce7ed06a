//! The body's bytes and media type, by its kind.

use domain::failure::{Failure, FailureCode};
use domain::request::{Body, FormPart, MAX_BODY_BYTES};
use http::header::HeaderValue;

use super::JSON;
use crate::outbound::Bytes;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const XML: HeaderValue = HeaderValue::from_static("application/xml");

/// Separates the parts of a multipart body.
#[derive(Debug)]
pub(crate) struct Boundary(String);

impl Boundary {
    /// One that nobody can guess, so that no input can hold it: 122 random bits.
    pub(crate) fn random() -> Self {
        Self(format!("part-{}", uuid::Uuid::new_v4().simple()))
    }

    /// What stands for it where nothing is sent.
    pub(crate) fn shown() -> Self {
        Self("chosen-when-sent".to_owned())
    }
}

/// The media type that goes with a body unless the tool states its own.
pub(crate) fn content_type(body: &Body, boundary: &Boundary) -> HeaderValue {
    match body {
        Body::Json(_) => JSON,
        Body::Form(_) => FORM,
        Body::Multipart(_) => {
            let text = format!("multipart/form-data; boundary={}", boundary.0);
            HeaderValue::from_str(&text).unwrap_or(FORM)
        }
        Body::Text(_) => TEXT,
        Body::Xml(_) => XML,
    }
}

/// The body as it is sent.
///
/// # Errors
/// `invalid_input`: it is longer than 1 MB.
pub(crate) fn bytes(body: &Body, boundary: &Boundary) -> Result<Bytes, Failure> {
    let bytes = match body {
        Body::Json(value) => json(value)?,
        Body::Form(pairs) => form(pairs).into_bytes(),
        Body::Multipart(parts) => multipart(parts, boundary),
        Body::Text(text) | Body::Xml(text) => text.clone().into_bytes(),
    };
    if bytes.len() > MAX_BODY_BYTES {
        return Err(Failure::new(
            FailureCode::InvalidInput,
            format!("The body would be {} bytes long.", bytes.len()),
            format!("Send less: a body has at most {MAX_BODY_BYTES} bytes (1 MB)."),
        ));
    }
    Ok(bytes.into())
}

fn json(value: &serde_json::Value) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|error| {
        Failure::new(
            FailureCode::InvalidInput,
            format!("The body cannot be written as JSON: {error}."),
            "Check the input.",
        )
    })
}

/// Pairs as browsers write them, a space as `%20`: every server reads it as one.
pub(crate) fn form(pairs: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.extend(super::in_query(name));
        text.push('=');
        text.extend(super::in_query(value));
    }
    text
}

/// RFC 7578; names and file names as the HTML standard escapes them.
fn multipart(parts: &[FormPart], boundary: &Boundary) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        let mut head = format!(
            "--{}\r\ncontent-disposition: form-data; name=\"{}\"",
            boundary.0,
            in_header(&part.name)
        );
        if let Some(filename) = &part.filename {
            head.push_str(&format!("; filename=\"{}\"", in_header(filename)));
        }
        if let Some(kind) = &part.content_type {
            head.push_str(&format!("\r\ncontent-type: {kind}"));
        }
        head.push_str("\r\n\r\n");
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&part.content);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{}--\r\n", boundary.0).as_bytes());
    bytes
}

/// Quotes and line breaks end a parameter of a header; there is no other way to say them.
pub(crate) fn in_header(text: &str) -> String {
    text.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn part(name: &str, filename: Option<&str>, content: &str) -> FormPart {
        FormPart {
            name: name.to_owned(),
            filename: filename.map(str::to_owned),
            content_type: filename.map(|_| "text/csv".to_owned()),
            content: content.as_bytes().to_vec(),
        }
    }

    #[test]
    fn every_kind_has_its_bytes_and_its_type() {
        let boundary = Boundary("b".to_owned());
        let pairs = vec![
            ("a b".to_owned(), "c&d=é".to_owned()),
            ("a b".to_owned(), String::new()),
        ];
        for (body, kind, expected) in [
            (
                Body::Json(json!({"a": 1})),
                "application/json",
                r#"{"a":1}"#,
            ),
            (
                Body::Form(pairs),
                "application/x-www-form-urlencoded",
                "a%20b=c%26d%3D%C3%A9&a%20b=",
            ),
            (
                Body::Text("a\nb".to_owned()),
                "text/plain; charset=utf-8",
                "a\nb",
            ),
            (Body::Xml("<a/>".to_owned()), "application/xml", "<a/>"),
            (
                Body::Multipart(vec![
                    part("a", None, "1"),
                    part("f\"", Some("x\".csv"), "2"),
                ]),
                "multipart/form-data; boundary=b",
                concat!(
                    "--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n",
                    "--b\r\ncontent-disposition: form-data; name=\"f%22\"; filename=\"x%22.csv\"\r\n",
                    "content-type: text/csv\r\n\r\n2\r\n--b--\r\n",
                ),
            ),
        ] {
            assert_eq!(content_type(&body, &boundary), kind);
            let bytes = bytes(&body, &boundary).unwrap();
            assert_eq!(std::str::from_utf8(&bytes), Ok(expected));
        }
    }

    #[test]
    fn a_body_has_at_most_a_megabyte() {
        let boundary = Boundary::random();
        let fits = Body::Text("x".repeat(MAX_BODY_BYTES));
        assert!(bytes(&fits, &boundary).is_ok());
        for body in [
            Body::Text("x".repeat(MAX_BODY_BYTES + 1)),
            Body::Json("\u{1}".repeat(MAX_BODY_BYTES / 4).into()),
            Body::Form(vec![("a".to_owned(), "é".repeat(MAX_BODY_BYTES / 4))]),
            Body::Multipart(vec![part("a", None, &"x".repeat(MAX_BODY_BYTES))]),
        ] {
            let failure = bytes(&body, &boundary).unwrap_err();
            assert_eq!(failure.code, FailureCode::InvalidInput);
        }
    }

    #[test]
    fn no_two_boundaries_are_the_same() {
        assert_ne!(Boundary::random().0, Boundary::random().0);
    }
}
