//! `response`: how it is read, and what it may not say.

use serde_json::json;

use super::*;
use crate::failure::FailureCode;

fn response(value: Value) -> ResponseRules {
    read(&with(&[("/response", value)]), &Policy::default())
        .unwrap()
        .response
}

#[test]
fn formats_and_their_details_are_read() {
    let plain = response(json!({}));
    assert_eq!(plain.format, ResponseFormat::Json);
    assert_eq!(plain.reading, ReadingRules::default());
    let csv = |value| response(json!({"format": "csv", "csv": value})).reading.csv;
    for (value, delimiter, header) in [
        (json!({}), b',', CsvHeader::FirstRow),
        (
            json!({"delimiter": ";", "header": true}),
            b';',
            CsvHeader::FirstRow,
        ),
        (
            json!({"delimiter": "tab", "header": false}),
            b'\t',
            CsvHeader::None,
        ),
        (
            json!({"delimiter": "|", "header": ["a", "b"]}),
            b'|',
            CsvHeader::Names(vec!["a".to_owned(), "b".to_owned()]),
        ),
    ] {
        assert_eq!(csv(value), CsvRules { delimiter, header });
    }
    let xml = response(json!({"format": "xml", "xml": {"arrays": ["a.b"]}, "charset": "Latin1"}));
    assert_eq!(xml.reading.xml.arrays, ["a.b"]);
    assert_eq!(xml.reading.charset.as_deref(), Some("Latin1"));
}

#[test]
fn conditions_and_rules_are_read() {
    let body = |path: &str, test| Condition::Body {
        path: ResponsePath(path.to_owned()),
        test,
    };
    for (value, condition) in [
        (
            json!({"path": "a", "exists": false}),
            body("a", Test::Exists(false)),
        ),
        (
            json!({"path": "a", "equals": null}),
            body("a", Test::In(vec![Value::Null])),
        ),
        (
            json!({"path": "a", "in": [1, "b"]}),
            body("a", Test::In(vec![json!(1), json!("b")])),
        ),
        (
            json!({"path": "a", "matches": "^b"}),
            body("a", Test::Matches("^b".to_owned())),
        ),
        (
            json!({"status": [200, "202", "2xx"]}),
            Condition::Status(vec![200..=200, 202..=202, 200..=299]),
        ),
        (
            json!({"any": [{"not": {"status": 201}}, {"all": [{"status": 200}]}]}),
            Condition::Any(vec![
                Condition::Not(Box::new(Condition::Status(vec![201..=201]))),
                Condition::All(vec![Condition::Status(vec![200..=200])]),
            ]),
        ),
    ] {
        let read = response(json!({ "success_when": value }));
        assert_eq!(read.success_when, Some(condition));
    }
    let rule = json!({"when": {"status": 403}, "kind": "rate_limited", "code": "a-1", "message_from": "m",
        "hint": "Wait.", "retryable": false});
    assert_eq!(
        response(json!({"errors": [rule, {"when": {"status": "5xx"}}]})).errors,
        [
            ErrorRule {
                when: Condition::Status(vec![403..=403]),
                kind: Some(FailureCode::RateLimited),
                code: Some("a-1".to_owned()),
                message_from: Some(ResponsePath("m".to_owned())),
                hint: Some("Wait.".to_owned()),
                retryable: Some(false),
            },
            ErrorRule {
                when: Condition::Status(vec![500..=599]),
                kind: None,
                code: None,
                message_from: None,
                hint: None,
                retryable: None,
            }
        ]
    );
}

#[test]
fn rules_are_bounded() {
    let leaf = json!({"status": 200});
    let many = json!({"any": vec![leaf.clone(); 64]});
    let several = json!({"all": vec![json!({"path": "$..a", "exists": true}); 5]});
    let deep = (0..200).fold(leaf, |below, _| json!({ "not": below }));
    for (condition, pointer) in [
        (many, "/response/success_when/any/63"),
        (several, "/response/success_when/all/4/path"),
        (
            deep,
            "/response/success_when/not/not/not/not/not/not/not/not/not",
        ),
    ] {
        let found = faults(&with(&[("/response/success_when", condition)]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].pointer.as_str(), found[0].code),
            (pointer, "too_large")
        );
    }
}
