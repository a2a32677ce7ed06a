//! From an answer's bytes to a JSON value, or to the failure that its status says; pure.

use chrono::{DateTime, Utc};
use domain::config::{Method, ResponseFormat, ResponseRules};
use domain::failure::{Failure, FailureCode};
use domain::{json, retry};
use serde_json::Value;
use vault::mask::Masker;

use crate::outbound::{Answer, Cause};

/// Bytes of an upstream's body that are told in a failure's details.
const EXCERPT: usize = 2048;
/// Bytes of it that are searched for secrets that stand across the end of the excerpt.
const SEARCHED: usize = 64 * 1024;
/// Longest media type that is told.
const MAX_TYPE: usize = 100;

/// Why a successful answer of this declared type is not read at all, if so.
///
/// Only types that can be neither JSON nor text are refused: many APIs declare JSON as `text/html` or
/// `application/octet-stream`.
pub(crate) fn unreadable(content_type: Option<&str>, format: ResponseFormat) -> Option<Cause> {
    let essence = essence(content_type?);
    let (family, kind) = essence.split_once('/').unwrap_or((essence, ""));
    let is = |names: &[&str]| names.iter().any(|name| kind.eq_ignore_ascii_case(name));
    let refused = ["multipart", "image", "audio", "video", "font", "message"]
        .iter()
        .any(|name| family.eq_ignore_ascii_case(name))
        && !kind.to_ascii_lowercase().ends_with("+json")
        || is(&["event-stream", "pdf", "zip", "gzip", "x-tar", "wasm"]);
    refused.then(|| {
        let wanted = match format {
            ResponseFormat::Json => "JSON",
            ResponseFormat::Text => "text",
            ResponseFormat::Xml => "XML",
            ResponseFormat::Csv => "CSV",
            ResponseFormat::Ndjson => "NDJSON",
        };
        Cause::invalid(
            if essence.len() > MAX_TYPE {
                format!("The upstream answered something else than {wanted}.")
            } else {
                format!("The upstream answered {essence}, not {wanted}.")
            },
            format!("Choose an endpoint that answers {wanted}; response.format names the format."),
        )
    })
}

/// Reads a 2xx answer's body. Secrets in it are hidden here, before any part of it can get into a
/// message: there a value may be cut, and half a secret is not recognised.
///
/// # Errors
/// `invalid_response`: not the format that the tool reads, or empty where a value was expected.
pub(crate) fn decode(
    answer: &Answer,
    method: Method,
    rules: &ResponseRules,
    masker: &Masker,
) -> Result<Value, Failure> {
    let mut value = read(answer, method, rules, masker)?;
    masker.value(&mut value);
    Ok(value)
}

fn read(
    answer: &Answer,
    method: Method,
    rules: &ResponseRules,
    masker: &Masker,
) -> Result<Value, Failure> {
    let no_content = matches!(answer.status, 204 | 205) || method == Method::Head;
    if no_content {
        return Ok(Value::Null);
    }
    match rules.format {
        ResponseFormat::Text
        | ResponseFormat::Xml
        | ResponseFormat::Csv
        | ResponseFormat::Ndjson => text(answer, masker),
        ResponseFormat::Json if answer.body.trim_ascii().is_empty() => {
            if rules.empty_ok {
                Ok(Value::Null)
            } else {
                Err(invalid(
                    answer,
                    masker,
                    "The upstream answered with an empty body.",
                    "If an empty answer is a success, set response.empty_ok to true.",
                ))
            }
        }
        ResponseFormat::Json => json::parse_response(&answer.body).map_err(|fault| {
            invalid(
                answer,
                masker,
                &format!("The upstream's answer is not JSON: {}", fault.message),
                "Check the path; an HTML page or plain text needs response.format \"text\".",
            )
        }),
    }
}

fn text(answer: &Answer, masker: &Masker) -> Result<Value, Failure> {
    let body = answer
        .body
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&answer.body);
    match std::str::from_utf8(body) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(invalid(
            answer,
            masker,
            "The upstream's answer is not UTF-8 text.",
            "Ask the upstream for UTF-8, such as with an Accept or Accept-Charset header.",
        )),
    }
}

fn invalid(answer: &Answer, masker: &Masker, message: &str, hint: &str) -> Failure {
    told(
        Failure::new(FailureCode::InvalidResponse, message, hint),
        answer,
        masker,
    )
}

/// The failure that a status outside 2xx says.
pub(crate) fn failure(
    answer: &Answer,
    secrets: &[&str],
    masker: &Masker,
    now: DateTime<Utc>,
) -> Failure {
    let status = answer.status;
    let failure = match status {
        401 | 403 => auth_failed(status, secrets),
        429 => Failure::new(
            FailureCode::RateLimited,
            "The upstream limits the rate of calls (429).",
            "Call again later; details.retry_after_s says when, if the upstream said so.",
        ),
        500..=599 => Failure::new(
            FailureCode::Upstream5xx,
            format!("The upstream failed with status {status}."),
            "The fault is the upstream's; call again later. Its answer is in details.body.",
        ),
        400..=499 => Failure::new(
            FailureCode::Upstream4xx,
            format!("The upstream refused the call with status {status}."),
            match status {
                404 | 410 => "Check base_url, path and the values in the path.",
                405 => "Check api.method.",
                400 | 422 => {
                    "Check the inputs and their mapping; details.body holds the upstream's words."
                }
                _ => "details.body holds the upstream's words.",
            },
        ),
        _ => Failure::new(
            FailureCode::InvalidResponse,
            format!(
                "The upstream answered with status {status}, which is neither success nor error."
            ),
            "Check base_url and path; write the final URL of a redirect into them.",
        ),
    };
    let failure = match retry_after(answer, now) {
        Some(pause) => failure.detail("retry_after_s", pause.as_secs()),
        None => failure,
    };
    told(failure, answer, masker)
}

fn auth_failed(status: u16, secrets: &[&str]) -> Failure {
    let hint = if secrets.is_empty() {
        "The upstream wants a credential: add api.auth, and store its value as a secret.".to_owned()
    } else {
        let names: Vec<String> = secrets.iter().map(|name| format!("${{{name}}}")).collect();
        let names = names.join(", ");
        if status == 401 {
            format!(
                "Check the value of {names} and that api.auth puts it where the upstream wants it."
            )
        } else {
            format!(
                "The credential {names} is known but lacks a right; check its scopes at the provider."
            )
        }
    };
    Failure::new(
        FailureCode::AuthFailed,
        format!("The upstream refused the credential ({status})."),
        hint,
    )
}

/// How long the upstream asks to wait.
pub(crate) fn retry_after(answer: &Answer, now: DateTime<Utc>) -> Option<std::time::Duration> {
    retry::parse_retry_after(answer.retry_after.as_deref()?, now)
}

/// The failure with what the upstream said: status and the beginning of its body.
fn told(failure: Failure, answer: &Answer, masker: &Masker) -> Failure {
    let failure = failure.detail("status", answer.status);
    let failure = match &answer.content_type {
        Some(content_type) => failure.detail(
            "content_type",
            excerpt(content_type.as_bytes(), MAX_TYPE, masker),
        ),
        None => failure,
    };
    if answer.body.is_empty() {
        return failure;
    }
    failure.detail("body", excerpt(&answer.body, EXCERPT, masker))
}

/// At most `limit` bytes as text, cut at a character, without secrets.
fn excerpt(bytes: &[u8], limit: usize, masker: &Masker) -> String {
    let searched = String::from_utf8_lossy(&bytes[..bytes.len().min(SEARCHED)]);
    masker.beginning(&searched, limit).into_owned()
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Bytes;
    use serde_json::json;

    const NONE: Masker = Masker::none();

    fn answer(status: u16, body: &'static [u8]) -> Answer {
        Answer {
            status,
            content_type: None,
            retry_after: None,
            link: None,
            body: Bytes::from_static(body),
            headers_at: tokio::time::Instant::now(),
        }
    }

    fn rules(format: ResponseFormat, empty_ok: bool) -> ResponseRules {
        ResponseRules {
            format,
            empty_ok,
            success_when: None,
            errors: Vec::new(),
            pagination: None,
        }
    }

    #[test]
    fn types_that_are_neither_json_nor_text_are_not_read() {
        for (declared, read) in [
            ("application/json", true),
            ("application/problem+json; charset=utf-8", true),
            ("text/html", true),
            ("application/octet-stream", true),
            ("", true),
            ("multipart/mixed; boundary=x", false),
            ("image/png", false),
            ("Text/Event-Stream", false),
            ("application/pdf", false),
        ] {
            let refused = unreadable(Some(declared), ResponseFormat::Json);
            assert_eq!(refused.is_none(), read, "{declared}");
        }
        assert_eq!(unreadable(None, ResponseFormat::Json), None);
    }

    #[test]
    fn no_content_is_null() {
        let json = rules(ResponseFormat::Json, false);
        assert_eq!(
            decode(&answer(204, b""), Method::Get, &json, &NONE),
            Ok(Value::Null)
        );
        assert_eq!(
            decode(&answer(200, b""), Method::Head, &json, &NONE),
            Ok(Value::Null)
        );
        let empty = decode(&answer(200, b" \n"), Method::Get, &json, &NONE).unwrap_err();
        assert_eq!(empty.code, FailureCode::InvalidResponse);
        let ok = rules(ResponseFormat::Json, true);
        assert_eq!(
            decode(&answer(200, b""), Method::Get, &ok, &NONE),
            Ok(Value::Null)
        );
    }

    #[test]
    fn json_and_text_are_read() {
        let json = rules(ResponseFormat::Json, false);
        let text = rules(ResponseFormat::Text, false);
        let read = |body, rules| decode(&answer(200, body), Method::Get, rules, &NONE);
        assert_eq!(read(b"\xef\xbb\xbf{\"a\":1}", &json), Ok(json!({"a": 1})));
        assert_eq!(read("\u{feff}grüß".as_bytes(), &text), Ok(json!("grüß")));
        for bad in [
            &b"{}{}"[..],
            b"{\"a\":NaN}",
            b"{\"a\":\"\xff\"}",
            b"\x89PNG",
            b"<html>",
        ] {
            let failure = read(bad, &json).unwrap_err();
            assert_eq!(failure.code, FailureCode::InvalidResponse);
        }
        assert!(read(b"\xff\xfe{\0", &text).is_err());
    }

    #[test]
    fn statuses_have_codes() {
        for (status, code, retryable) in [
            (304, FailureCode::InvalidResponse, false),
            (400, FailureCode::Upstream4xx, false),
            (401, FailureCode::AuthFailed, false),
            (403, FailureCode::AuthFailed, false),
            (404, FailureCode::Upstream4xx, false),
            (429, FailureCode::RateLimited, true),
            (500, FailureCode::Upstream5xx, true),
            (599, FailureCode::Upstream5xx, true),
        ] {
            let failure = failure(
                &answer(status, b"no"),
                &["KEY"],
                &NONE,
                DateTime::UNIX_EPOCH,
            );
            assert_eq!((failure.code, failure.retryable), (code, retryable));
            assert_eq!(failure.details["status"], status);
            assert_eq!(failure.details["body"], "no");
        }
    }

    #[test]
    fn a_refused_credential_is_named() {
        let failure = failure(&answer(401, b""), &["API_KEY"], &NONE, DateTime::UNIX_EPOCH);
        assert!(failure.hint.contains("${API_KEY}"), "{}", failure.hint);
    }

    #[test]
    fn retry_after_is_told() {
        let mut limited = answer(429, b"");
        limited.retry_after = Some("7".to_owned());
        let failure = failure(&limited, &[], &NONE, DateTime::UNIX_EPOCH);
        assert_eq!(failure.details["retry_after_s"], 7);
    }

    #[test]
    fn excerpts_end_at_a_character() {
        assert_eq!(excerpt("aä".as_bytes(), 2, &NONE), "a");
        assert_eq!(excerpt(b"a\xffb", 5, &NONE), "a\u{fffd}b");
        assert_eq!(excerpt(&[b'x'; 5000], EXCERPT, &NONE).len(), EXCERPT);
    }

    #[test]
    fn no_part_of_a_secret_is_told() {
        let masker = Masker::new(&["secretsecretsecretsecretsecretsecretsecret".into()]);
        let echo = |before: usize| -> &'static [u8] {
            let before = "x".repeat(before);
            format!("\"{before} secretsecretsecretsecretsecretsecretsecret\"")
                .leak()
                .as_bytes()
        };
        for before in [0, EXCERPT - 20, EXCERPT - 3, EXCERPT, 3 * EXCERPT] {
            let failure = failure(
                &answer(400, echo(before)),
                &[],
                &masker,
                DateTime::UNIX_EPOCH,
            );
            let body = failure.details["body"].as_str().unwrap();
            assert!(!body.contains("sec"), "{before}");
        }
        let json = rules(ResponseFormat::Json, false);
        let value = decode(&answer(200, echo(1)), Method::Get, &json, &masker);
        assert_eq!(value, Ok(json!("x •••")));
    }
}
