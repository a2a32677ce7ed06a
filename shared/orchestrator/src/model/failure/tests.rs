//! What servers say when they refuse, and what is told of it.

use super::*;
use serde_json::json;

fn key() -> SecretString {
    "sk-live-0123456789abcdef".to_owned().into()
}

fn of(status: u16, body: &Value) -> Trouble {
    refused(
        status,
        &HeaderMap::new(),
        body.to_string().as_bytes(),
        &key(),
    )
}

fn error(code: &str) -> Value {
    json!({ "error": { "message": "No.", "type": "x", "code": code, "param": null } })
}

#[test]
fn each_refusal_has_its_code() {
    use ModelFailureCode as Code;
    for (status, body, code, again) in [
        (401, error("invalid_api_key"), Code::AuthFailed, false),
        (403, error("unsupported_country"), Code::AuthFailed, false),
        (403, error("model_not_found"), Code::InvalidRequest, false),
        (404, error("model_not_found"), Code::InvalidRequest, false),
        (
            400,
            error("context_length_exceeded"),
            Code::ContextTooLarge,
            false,
        ),
        (413, json!({}), Code::ContextTooLarge, false),
        (400, error("content_filter"), Code::ContentFiltered, false),
        (400, error("invalid_prompt"), Code::ContentFiltered, false),
        (
            400,
            error("invalid_function_parameters"),
            Code::InvalidRequest,
            false,
        ),
        (429, error("rate_limit_exceeded"), Code::RateLimited, true),
        (429, json!("slow down"), Code::RateLimited, true),
        (429, error("insufficient_quota"), Code::QuotaUsedUp, false),
        (402, json!({}), Code::QuotaUsedUp, false),
        (
            413,
            json!({ "error": { "type": "invalid_request_error", "message": "m" } }),
            Code::ContextTooLarge,
            false,
        ),
        (408, json!({}), Code::Unavailable, true),
        (500, error("server_error"), Code::Unavailable, true),
        (503, json!([]), Code::Unavailable, true),
        (529, error("overloaded_error"), Code::Unavailable, true),
        (307, json!({}), Code::InvalidAnswer, false),
        (418, json!(null), Code::InvalidRequest, false),
        // As servers of other makers write it.
        (
            400,
            json!({ "object": "error", "message": "This model's maximum context length is 4096 tokens.", "type": "BadRequestError", "code": 400 }),
            Code::ContextTooLarge,
            false,
        ),
        (
            404,
            json!({ "error": "model 'x' not found" }),
            Code::InvalidRequest,
            false,
        ),
    ] {
        let trouble = of(status, &body);
        assert_eq!(
            (trouble.failure.code, trouble.again),
            (code, again),
            "{status} {body}"
        );
        assert_eq!(trouble.failure.details["status"], status);
        assert!(!trouble.failure.hint.is_empty());
    }
}

#[test]
fn errors_inside_an_answer_have_theirs() {
    use ModelFailureCode as Code;
    for (value, code) in [
        (
            json!({ "type": "error", "error": { "type": "invalid_request_error", "code": "context_length_exceeded", "message": "m" } }),
            Code::ContextTooLarge,
        ),
        (
            json!({ "type": "error", "code": "rate_limit_exceeded", "message": "m", "param": null }),
            Code::RateLimited,
        ),
        (
            json!({ "code": "server_error", "message": "m" }),
            Code::Unavailable,
        ),
        (
            json!({ "code": "something_new", "message": "m" }),
            Code::Unavailable,
        ),
        (
            json!({ "error": { "type": "invalid_request_error", "message": "m" } }),
            Code::InvalidRequest,
        ),
        (json!(null), Code::Unavailable),
    ] {
        assert_eq!(told(&value, &key()).failure.code, code, "{value}");
    }
}

#[test]
fn the_key_and_its_owner_are_not_told() {
    let long = "x".repeat(5000);
    let words = format!(
        "Key sk-live-0123456789abcdef of organization org-Ab12\n\u{7} is (sk-proj-***abc). {long}"
    );
    let body = json!({ "error": { "message": words, "code": "rate_limit_exceeded sk-live-0123456789abcdef" } });
    let failure = of(429, &body).failure;
    let all = format!("{failure:?}");
    assert!(!all.contains("sk-live") && !all.contains("org-Ab12") && !all.contains("sk-proj"));
    assert!(failure.message.contains("organization") && failure.message.len() < 700);
    let failure = of(
        401,
        &json!({ "error": { "message": "Incorrect API key: 01234***cdef" } }),
    )
    .failure;
    assert!(!format!("{failure:?}").contains("cdef"));
}

#[test]
fn html_is_not_repeated() {
    let trouble = refused(502, &HeaderMap::new(), b"<html>Bad gateway</html>", &key());
    assert_eq!(
        trouble.failure.message,
        "The model server failed or is overloaded."
    );
}

#[test]
fn the_wish_to_wait_is_read() {
    for (name, value, expected) in [
        ("retry-after", "7", Some(7000)),
        ("retry-after-ms", "250", Some(250)),
        ("retry-after", "soon", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let failure = refused(429, &headers, b"", &key()).failure;
        assert_eq!(failure.retry_after, expected.map(Duration::from_millis));
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-should-retry", "false".parse().unwrap());
    assert!(!refused(503, &headers, b"", &key()).again);
}

#[test]
fn a_model_without_reasoning_is_noticed() {
    let body = json!({ "error": { "message": "Encrypted content is not supported with this model.", "type": "invalid_request_error", "param": "include", "code": null } });
    assert!(of(400, &body).no_reasoning);
    assert!(!of(400, &error("invalid_function_parameters")).no_reasoning);
}
