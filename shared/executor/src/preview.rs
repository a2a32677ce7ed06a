//! The dry run: the exact request and the equal curl line, with secrets as `${NAME}`.

mod body;

use std::convert::Infallible;

use domain::config::{ResponseFormat, Template, TemplatePiece};
use domain::request::{Body, Draft};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::render::{self, Boundary, Hole};

/// Stands for the token that is obtained when the call is made.
const TOKEN: &str = "${ACCESS_TOKEN}";

/// What would be sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Preview {
    /// The HTTP method.
    pub method: &'static str,
    /// The whole URL; secrets stand as `${NAME}`.
    pub url: String,
    /// Header names and values; secrets stand as `${NAME}`.
    pub headers: Map<String, Value>,
    /// The body: JSON as it is, a form, text or XML as it is sent, the parts of a multipart body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The same call for a shell, whose environment holds the secrets.
    pub curl: String,
}

/// Shows the draft.
pub(crate) fn show(draft: &Draft, format: ResponseFormat) -> Preview {
    let url = url(draft);
    let mut curl = String::from("curl");
    match draft.method.as_str() {
        "GET" => {}
        "HEAD" => curl.push_str(" --head"),
        other => {
            curl.push_str(" -X ");
            curl.push_str(other);
        }
    }
    curl.push_str(" --compressed \"");
    curl.push_str(&url);
    curl.push('"');
    let mut headers = Map::new();
    for (name, template) in &draft.headers {
        put(&mut headers, name, &shown(template));
        curl.push_str(" \\\n  -H ");
        curl.push_str(&quoted(&format!("{name}: "), template));
    }
    if let Some((username, password)) = &draft.basic {
        let pair = joined(username, password);
        let value = format!("Basic base64({})", shown(&pair));
        headers.insert("Authorization".to_owned(), value.into());
        curl.push_str(" \\\n  -u ");
        curl.push_str(&quoted("", &pair));
    }
    for (name, value) in render::defaults(draft, format, &Boundary::shown()) {
        let known = headers.keys().any(|known| name == known.as_str());
        let Ok(value) = value.to_str() else { continue };
        if known {
            continue;
        }
        headers.insert(name.to_string(), value.into());
        // `--compressed` sends the one, and curl chooses the boundary of the other.
        let multipart = matches!(draft.body, Some(Body::Multipart(_)));
        let curls_own = name == http::header::ACCEPT_ENCODING
            || multipart && name == http::header::CONTENT_TYPE;
        if !curls_own {
            curl.push_str(" \\\n  -H ");
            curl.push_str(&single(&format!("{name}: {value}")));
        }
    }
    if let Some(body) = &draft.body {
        for option in body::curl(body) {
            curl.push_str(" \\\n  ");
            curl.push_str(&option);
        }
    }
    Preview {
        method: draft.method.as_str(),
        url,
        headers,
        body: draft.body.as_ref().map(body::shown),
        curl,
    }
}

fn url(draft: &Draft) -> String {
    let written = render::write_url(draft, |text, hole| {
        match hole {
            Hole::Secret(name) => text.push_str(&format!("${{{name}}}")),
            Hole::Token => text.push_str(TOKEN),
        }
        Ok::<_, Infallible>(())
    });
    match written {
        Ok(url) => url,
        Err(never) => match never {},
    }
}

/// One entry a name; repeated headers are one list (RFC 9110, 5.3).
fn put(headers: &mut Map<String, Value>, name: &str, value: &str) {
    match headers.get_mut(name) {
        Some(Value::String(known)) => {
            known.push_str(", ");
            known.push_str(value);
        }
        _ => {
            headers.insert(name.to_owned(), value.into());
        }
    }
}

fn joined(username: &Template, password: &Template) -> Template {
    let colon = TemplatePiece::Text(":".to_owned());
    let pieces = username.0.iter().chain([&colon]).chain(&password.0);
    Template(pieces.cloned().collect())
}

fn shown(template: &Template) -> String {
    template
        .0
        .iter()
        .map(|piece| match piece {
            TemplatePiece::Text(text) => text.clone(),
            TemplatePiece::Secret(name) => format!("${{{name}}}"),
            TemplatePiece::Token => TOKEN.to_owned(),
        })
        .collect()
}

/// A shell word in which only the secrets are expanded.
fn quoted(prefix: &str, template: &Template) -> String {
    let is_text = |piece: &TemplatePiece| matches!(piece, TemplatePiece::Text(_));
    if template.0.iter().all(is_text) {
        return single(&format!("{prefix}{}", shown(template)));
    }
    let mut word = String::from("\"");
    push_escaped(&mut word, prefix);
    for piece in &template.0 {
        match piece {
            TemplatePiece::Text(text) => push_escaped(&mut word, text),
            TemplatePiece::Secret(name) => word.push_str(&format!("${{{name}}}")),
            TemplatePiece::Token => word.push_str(TOKEN),
        }
    }
    word.push('"');
    word
}

fn push_escaped(word: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            word.push('\\');
        }
        word.push(c);
    }
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::{draft, secret, text};
    use domain::config::Method;
    use serde_json::json;

    #[test]
    fn shows_the_request_and_its_curl() {
        let mut draft = draft();
        draft.method = Method::Post;
        draft.query.push(("q".to_owned(), text("a b")));
        draft.query.push(("apikey".to_owned(), secret("", "KEY")));
        draft
            .headers
            .push(("X-Token".to_owned(), secret("Token ", "TOKEN")));
        draft
            .headers
            .push(("X-Note".to_owned(), text("it's ${KEY}")));
        draft.body = Some(Body::Json(json!({"a": "it's"})));
        let preview = show(&draft, ResponseFormat::Json);
        assert_eq!(
            preview.url,
            "https://api.example.com/v1?q=a%20b&apikey=${KEY}"
        );
        assert_eq!(preview.headers["X-Token"], "Token ${TOKEN}");
        assert_eq!(preview.headers["accept"], "application/json");
        let lines: Vec<&str> = preview
            .curl
            .lines()
            .map(|line| line.trim_end_matches(" \\"))
            .collect();
        assert_eq!(
            lines,
            [
                r#"curl -X POST --compressed "https://api.example.com/v1?q=a%20b&apikey=${KEY}""#,
                r#"  -H "X-Token: Token ${TOKEN}""#,
                r"  -H 'X-Note: it'\''s ${KEY}'",
                "  -H 'accept: application/json'",
                concat!(
                    "  -H 'user-agent: tool-executor/",
                    env!("CARGO_PKG_VERSION"),
                    "'"
                ),
                "  -H 'content-type: application/json'",
                r#"  --data-raw '{"a":"it'\''s"}'"#,
            ]
        );
    }

    #[test]
    fn basic_is_shown_unencoded() {
        let mut draft = draft();
        draft.basic = Some((text("me"), secret("", "PASSWORD")));
        let preview = show(&draft, ResponseFormat::Json);
        assert_eq!(
            preview.headers["Authorization"],
            "Basic base64(me:${PASSWORD})"
        );
        assert!(preview.curl.contains(r#"-u "me:${PASSWORD}""#));
    }

    #[test]
    fn the_tools_own_header_replaces_the_default() {
        let mut draft = draft();
        draft.headers.push(("Accept".to_owned(), text("text/csv")));
        let preview = show(&draft, ResponseFormat::Json);
        assert_eq!(preview.headers["Accept"], "text/csv");
        assert!(!preview.headers.contains_key("accept"));
    }
}
