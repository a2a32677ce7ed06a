//! The few pages that people see in a browser: plain HTML without scripts, nothing loaded, nothing kept.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::problem::Code;

/// A page of these paragraphs; the title stands on it too. With a code, it tells of that problem and has its
/// status. All text is escaped here.
pub fn page(code: Option<Code>, title: &str, paragraphs: &[&str]) -> Response {
    let title = escaped(title);
    let paragraphs: String = paragraphs
        .iter()
        .map(|text| format!("<p>{}</p>\n", escaped(text)))
        .collect();
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n{paragraphs}</body>\n</html>\n"
    );
    let mut response = Response::new(Body::from(html));
    if let Some(code) = code {
        *response.status_mut() = code.status();
    }
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Text in HTML, in an element or an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn what_others_say_is_text_and_nothing_else() {
        let page = page(
            Some(Code::InvalidRequest),
            "<b>",
            &["\"'&<script>alert(1)</script>"],
        );
        assert_eq!(page.status(), 400);
        let body = page.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            text.contains("<p>&quot;&#39;&amp;&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
            "{text}"
        );
        assert!(text.contains("<h1>&lt;b&gt;</h1>"), "{text}");
    }
}
