//! Values stay where they were put; secrets are encoded and marked.

use super::*;
use domain::config::Method;
use secrecy::SecretString;
use serde_json::json;

pub(crate) fn draft() -> Draft {
    Draft {
        method: Method::Get,
        scheme: Scheme::Https,
        host: "api.example.com".to_owned(),
        port: 443,
        segments: vec!["v1".into()],
        trailing_slash: false,
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        basic: None,
    }
}

pub(crate) fn text(text: &str) -> Template {
    Template(vec![TemplatePiece::Text(text.to_owned())])
}

pub(crate) fn secret(prefix: &str, name: &str) -> Template {
    let mut pieces = vec![TemplatePiece::Secret(name.parse().unwrap())];
    if !prefix.is_empty() {
        pieces.insert(0, TemplatePiece::Text(prefix.to_owned()));
    }
    Template(pieces)
}

fn none() -> Credentials {
    held(Vec::new())
}

fn held(secrets: Vec<(SecretName, SecretString)>) -> Credentials {
    Credentials {
        secrets,
        token: None,
    }
}

fn key(value: &str) -> Credentials {
    held(vec![("KEY".parse().unwrap(), value.into())])
}

fn rendered(draft: &Draft, secrets: &Credentials) -> Rendered {
    render(draft, ResponseFormat::Json, secrets).unwrap()
}

#[test]
fn values_stay_inside_their_segment_and_parameter() {
    let mut draft = draft();
    draft.segments.push("a/b?c#d%2e\\é ${KEY}".into());
    draft.query.push(("q[x]".to_owned(), text("a&b=c+d e/é#,")));
    assert_eq!(
        rendered(&draft, &none()).url.as_str(),
        "https://api.example.com/v1/a%2Fb%3Fc%23d%252e%5C%C3%A9%20%24%7BKEY%7D?q%5Bx%5D=a%26b%3Dc%2Bd%20e%2F%C3%A9%23%2C"
    );
}

#[test]
fn dot_segments_are_refused() {
    for bad in ["", ".", ".."] {
        let mut draft = draft();
        draft.segments.push(bad.into());
        let failure = render(&draft, ResponseFormat::Json, &none()).unwrap_err();
        assert_eq!(failure.code, FailureCode::EgressBlocked, "{bad:?}");
    }
}

#[test]
fn a_host_that_is_more_than_a_host_is_refused() {
    for bad in ["a@b.example", "b.example/x", "b.example:1", "b.example?x"] {
        let mut draft = draft();
        draft.host = bad.to_owned();
        assert!(
            render(&draft, ResponseFormat::Json, &none()).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn secrets_are_encoded_where_they_stand_and_marked_sensitive() {
    let mut draft = draft();
    draft.query.push(("apikey".to_owned(), secret("", "KEY")));
    draft
        .headers
        .push(("X-Token".to_owned(), secret("Token ", "KEY")));
    draft.basic = Some((text("me"), secret("", "KEY")));
    let rendered = rendered(&draft, &key("s3cret&x=1"));
    assert_eq!(rendered.url.query(), Some("apikey=s3cret%26x%3D1"));
    assert_eq!(rendered.headers["x-token"], "Token s3cret&x=1");
    assert!(rendered.headers["x-token"].is_sensitive());
    assert_eq!(
        rendered.headers["authorization"],
        "Basic bWU6czNjcmV0Jng9MQ=="
    );
}

#[test]
fn a_secret_that_cannot_be_a_header_is_refused() {
    let mut draft = draft();
    draft
        .headers
        .push(("X-Token".to_owned(), secret("", "KEY")));
    for secrets in [key("two\r\nlines"), none()] {
        let failure = render(&draft, ResponseFormat::Json, &secrets).unwrap_err();
        assert_eq!(failure.code, FailureCode::SecretMissing);
        assert!(!failure.to_string().contains("two"));
    }
}

#[test]
fn framing_headers_are_never_a_tools() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "a b",
        "Accept-Encoding",
    ] {
        let mut draft = draft();
        draft.headers.push((name.to_owned(), text("x")));
        assert!(
            render(&draft, ResponseFormat::Json, &none()).is_err(),
            "{name}"
        );
    }
}

#[test]
fn defaults_give_way_to_the_tools_own() {
    let mut draft = draft();
    draft
        .headers
        .push(("accept".to_owned(), text("application/vnd.x+json")));
    draft.body = Some(domain::request::Body::Json(json!({"a": 1})));
    let rendered = rendered(&draft, &none());
    assert_eq!(rendered.headers["accept"], "application/vnd.x+json");
    assert_eq!(rendered.headers.get_all("accept").iter().count(), 1);
    assert_eq!(rendered.headers["content-type"], "application/json");
    assert_eq!(rendered.headers["accept-encoding"], "gzip");
    assert_eq!(rendered.body.as_deref(), Some(&br#"{"a":1}"#[..]));
}

#[test]
fn an_unusual_port_is_kept_and_the_query_left_out() {
    let mut draft = draft();
    draft.port = 8443;
    draft.query.push(("apikey".to_owned(), secret("", "KEY")));
    assert_eq!(url_without_query(&draft), "https://api.example.com:8443/v1");
}
