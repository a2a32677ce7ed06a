//! Bytes become a value or the failure that they are, by format and by the rules of the tool.

use domain::config::{Condition, ErrorRule, ResponsePath, Test};
use serde_json::json;

use super::*;
use crate::outbound::Bytes;

const NONE: Masker = Masker::none();

fn answer(status: u16, content_type: &str, body: &[u8]) -> Answer {
    Answer {
        status,
        content_type: (!content_type.is_empty()).then(|| content_type.to_owned()),
        retry_after: None,
        link: None,
        body: Bytes::copy_from_slice(body),
        headers_at: tokio::time::Instant::now(),
    }
}

fn rules(format: ResponseFormat) -> ResponseRules {
    ResponseRules {
        format,
        empty_ok: false,
        reading: ReadingRules::default(),
        success_when: None,
        errors: Vec::new(),
        pagination: None,
    }
}

fn read(rules: &ResponseRules, method: Method, answer: &Answer) -> Result<Value, Failure> {
    let judge = Judge::compile(rules);
    let reader = Reader {
        method,
        rules,
        judge: &judge,
        graphql: false,
    };
    reader.read(answer, Vec::new, &NONE, DateTime::UNIX_EPOCH)
}

fn exists(path: &str) -> Condition {
    Condition::Body {
        path: ResponsePath(path.to_owned()),
        test: Test::Exists(true),
    }
}

fn telling(when: Condition, path: &str) -> ErrorRule {
    ErrorRule {
        when,
        kind: None,
        code: None,
        message_from: Some(ResponsePath(path.to_owned())),
        hint: None,
        retryable: None,
    }
}

#[test]
fn no_content_is_null_in_every_format() {
    for format in [
        ResponseFormat::Json,
        ResponseFormat::Text,
        ResponseFormat::Xml,
        ResponseFormat::Csv,
        ResponseFormat::Ndjson,
    ] {
        let rules = rules(format);
        for (status, method) in [(204, Method::Get), (205, Method::Post), (200, Method::Head)] {
            let value = read(&rules, method, &answer(status, "", b""));
            assert_eq!(value, Ok(Value::Null), "{format:?} {status}");
        }
    }
}

#[test]
fn an_empty_body_is_a_value_where_it_can_be() {
    for (format, strict, lenient) in [
        (ResponseFormat::Json, None, json!(null)),
        (ResponseFormat::Xml, None, json!(null)),
        (ResponseFormat::Text, Some(json!(" \n")), json!(" \n")),
        (ResponseFormat::Csv, Some(json!([])), json!([])),
        (ResponseFormat::Ndjson, Some(json!([])), json!([])),
    ] {
        let answer = answer(200, "", b" \n");
        let mut rules = rules(format);
        let value = read(&rules, Method::Get, &answer);
        match strict {
            Some(strict) => assert_eq!(value, Ok(strict), "{format:?}"),
            None => assert_eq!(value.unwrap_err().code, FailureCode::InvalidResponse),
        }
        rules.empty_ok = true;
        assert_eq!(
            read(&rules, Method::Get, &answer),
            Ok(lenient),
            "{format:?}"
        );
    }
}

#[test]
fn bodies_are_read_in_their_format() {
    for (format, content_type, body, value) in [
        (
            ResponseFormat::Json,
            "",
            &b"\xef\xbb\xbf{\"a\":1}"[..],
            json!({"a": 1}),
        ),
        (
            ResponseFormat::Text,
            "",
            "\u{feff}grüß".as_bytes(),
            json!("grüß"),
        ),
        (
            ResponseFormat::Text,
            "text/plain; charset=windows-1252",
            b"\x80",
            json!("€"),
        ),
        (
            ResponseFormat::Xml,
            "text/xml",
            b"<a><b>1</b></a>",
            json!({"a": {"b": "1"}}),
        ),
        (
            ResponseFormat::Csv,
            "text/csv",
            b"a,b\n1,2\n",
            json!([{"a": "1", "b": "2"}]),
        ),
        (
            ResponseFormat::Ndjson,
            "",
            b"1\n{\"a\":2}\n",
            json!([1, {"a": 2}]),
        ),
    ] {
        let answer = answer(200, content_type, body);
        assert_eq!(
            read(&rules(format), Method::Get, &answer),
            Ok(value),
            "{format:?}"
        );
    }
}

#[test]
fn what_is_not_the_format_is_an_invalid_response() {
    for (format, content_type, body, hint) in [
        (ResponseFormat::Json, "", &b"{}{}"[..], "json, text, xml"),
        (ResponseFormat::Json, "", b"{\"a\":NaN}", "json, text, xml"),
        (
            ResponseFormat::Json,
            "",
            b"{\"a\":\"\xff\"}",
            "response.charset",
        ),
        (ResponseFormat::Json, "text/csv", b"a,b\n1,2", "\"csv\""),
        (
            ResponseFormat::Json,
            "application/x-ndjson",
            b"1\n2",
            "\"ndjson\"",
        ),
        (
            ResponseFormat::Text,
            "",
            b"\xff\xfe{\0\0",
            "response.charset",
        ),
        (
            ResponseFormat::Xml,
            "",
            b"<html><br></html>",
            "not well-formed",
        ),
        (ResponseFormat::Xml, "application/json", b"{}", "\"json\""),
        (
            ResponseFormat::Csv,
            "application/json",
            b"{\"error\": 1}",
            "\"json\"",
        ),
        (ResponseFormat::Ndjson, "", b"{\n}", "Every line"),
    ] {
        let failure = read(
            &rules(format),
            Method::Get,
            &answer(200, content_type, body),
        );
        let failure = failure.unwrap_err();
        assert_eq!(failure.code, FailureCode::InvalidResponse);
        assert!(failure.hint.contains(hint), "{failure:?}");
    }
}

#[test]
fn an_error_inside_a_success_is_told_by_its_rule() {
    let mut rules = rules(ResponseFormat::Json);
    rules.errors = vec![telling(exists("Error Message"), "Error Message")];
    let body = json!({"Error Message": "Invalid API call"}).to_string();
    let failed = answer(200, "application/json", body.as_bytes());
    let failure = read(&rules, Method::Get, &failed).unwrap_err();
    assert_eq!(failure.code, FailureCode::UpstreamError);
    assert_eq!(failure.message, "The upstream says: Invalid API call");
    assert_eq!(failure.details["status"], 200);
    assert_eq!(failure.details["body"], body);
    let fine = answer(200, "application/json", b"{\"a\":1}");
    assert_eq!(read(&rules, Method::Get, &fine), Ok(json!({"a": 1})));
}

#[test]
fn a_rule_speaks_for_a_status_too() {
    let mut rules = rules(ResponseFormat::Csv);
    let limited = ErrorRule {
        kind: Some(FailureCode::RateLimited),
        ..telling(Condition::Status(vec![403..=403]), "message")
    };
    rules.errors = vec![
        limited,
        telling(exists("error"), "error"),
        telling(exists("$"), "$"),
    ];
    let (json, text) = ("application/problem+json", "text/plain");
    for (status, content_type, body, code, message) in [
        (
            403,
            json,
            "{\"message\":\"slow down\"}",
            FailureCode::RateLimited,
            "slow down",
        ),
        (
            403,
            "text/html",
            "<html>",
            FailureCode::RateLimited,
            "The upstream limits the rate of calls (403).",
        ),
        (
            400,
            json,
            "{\"error\":\"bad day\"}",
            FailureCode::Upstream4xx,
            "bad day",
        ),
        (
            500,
            "",
            "{\"error\":\"oops\"}",
            FailureCode::Upstream5xx,
            "oops",
        ),
        (
            401,
            "text/xml",
            "<error>who?</error>",
            FailureCode::AuthFailed,
            "who?",
        ),
        (
            404,
            text,
            "No such day",
            FailureCode::Upstream4xx,
            "No such day",
        ),
        (
            404,
            "text/html",
            "<html>",
            FailureCode::Upstream4xx,
            "The upstream refused the call with status 404.",
        ),
        (
            200,
            json,
            "{\"error\":\"no data\"}",
            FailureCode::UpstreamError,
            "no data",
        ),
    ] {
        let answer = answer(status, content_type, body.as_bytes());
        let failure = read(&rules, Method::Get, &answer).unwrap_err();
        assert_eq!(failure.code, code, "{status} {body}");
        assert!(failure.message.ends_with(message), "{}", failure.message);
        assert_eq!(failure.details["status"], status);
    }
}

#[test]
fn a_success_must_be_one_by_the_tools_word() {
    let mut rules = rules(ResponseFormat::Json);
    rules.success_when = Some(exists("data"));
    let fails = |body: &[u8]| read(&rules, Method::Get, &answer(200, "", body)).unwrap_err();
    assert_eq!(fails(b"{}").code, FailureCode::UpstreamError);
    assert_eq!(fails(b"<html>").code, FailureCode::InvalidResponse);
    let fine = read(&rules, Method::Get, &answer(201, "", b"{\"data\":[]}"));
    assert_eq!(fine, Ok(json!({"data": []})));
}

#[test]
fn rules_say_whether_a_call_is_made_again() {
    let is = |word: &str| Condition::Body {
        path: ResponsePath("error".to_owned()),
        test: Test::In(vec![json!(word)]),
    };
    let rule = |word, kind, retryable| ErrorRule {
        kind,
        retryable,
        ..telling(is(word), "error")
    };
    let mut rules = rules(ResponseFormat::Json);
    rules.errors = vec![
        rule("busy", None, Some(true)),
        rule("quota", None, Some(false)),
        rule("slow", Some(FailureCode::RateLimited), None),
        rule("who", Some(FailureCode::AuthFailed), None),
        rule("broken", Some(FailureCode::Upstream5xx), None),
        rule("plain", None, None),
    ];
    let judge = Judge::compile(&rules);
    let reader = Reader {
        method: Method::Get,
        rules: &rules,
        judge: &judge,
        graphql: false,
    };
    for (status, word, again, refused) in [
        (200, "busy", Some(Again::Later), false),
        (503, "quota", Some(Again::Never), false),
        (200, "slow", Some(Again::LikeStatus(429)), false),
        (200, "who", Some(Again::Never), true),
        (401, "slow", Some(Again::LikeStatus(429)), false),
        (200, "broken", Some(Again::LikeStatus(500)), false),
        (503, "plain", None, false),
        (200, "none", None, false),
        (401, "none", None, true),
    ] {
        let answer = answer(status, "", format!("{{\"error\":\"{word}\"}}").as_bytes());
        assert_eq!(reader.again(&answer), again, "{status} {word}");
        assert_eq!(
            reader.refuses_credential(&answer),
            refused,
            "{status} {word}"
        );
    }
}

#[test]
fn secrets_are_hidden_before_anything_is_told() {
    let secret = "secretsecretsecretsecretsecretsecretsecret";
    let masker = Masker::new(&[secret.into()]);
    let mut rules = rules(ResponseFormat::Json);
    rules.errors = vec![telling(exists("error"), "error")];
    let judge = Judge::compile(&rules);
    let reader = Reader {
        method: Method::Get,
        rules: &rules,
        judge: &judge,
        graphql: false,
    };
    for before in [0, 280, 2_030] {
        let body = json!({"error": format!("{} {secret}", "x".repeat(before))}).to_string();
        for status in [200, 400] {
            let answer = answer(status, "", body.as_bytes());
            let failure = reader.read(&answer, Vec::new, &masker, DateTime::UNIX_EPOCH);
            let told = serde_json::to_string(&failure.unwrap_err()).unwrap();
            assert!(!told.contains("sec"), "{told}");
        }
    }
    let answer = answer(200, "", format!("\"x {secret}\"").as_bytes());
    let value = reader.read(&answer, Vec::new, &masker, DateTime::UNIX_EPOCH);
    assert_eq!(value, Ok(json!("x •••")));
}

#[test]
fn errors_of_graphql_are_failures_and_its_data_is_the_value() {
    let rules = rules(ResponseFormat::Json);
    let judge = Judge::compile(&rules);
    let reader = Reader {
        method: Method::Post,
        rules: &rules,
        judge: &judge,
        graphql: true,
    };
    let read = |status, body: Value| {
        let answer = answer(status, "application/json", body.to_string().as_bytes());
        reader.read(&answer, Vec::new, &NONE, DateTime::UNIX_EPOCH)
    };
    assert_eq!(read(200, json!({"data": {"a": 1}})), Ok(json!({"a": 1})));
    for (status, code) in [
        (200, FailureCode::UpstreamError),
        (400, FailureCode::Upstream4xx),
        (401, FailureCode::AuthFailed),
        (502, FailureCode::Upstream5xx),
    ] {
        let failure = read(
            status,
            json!({"errors": [{"message": "no field"}], "data": {"a": 1}}),
        );
        let failure = failure.unwrap_err();
        assert_eq!(failure.code, code);
        assert_eq!(failure.message, "The upstream says: no field");
        assert_eq!(failure.details["status"], status);
    }
}
