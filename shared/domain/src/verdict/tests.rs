//! Answers are judged by the rules of the tool, whatever they hold.

use serde_json::json;

use super::words::MAX_WORDS;
use super::*;
use crate::config::{ReadingRules, ResponseFormat};

fn body(path: &str, test: Test) -> Condition {
    Condition::Body {
        path: ResponsePath(path.to_owned()),
        test,
    }
}

fn is(path: &str, value: Value) -> Condition {
    body(path, Test::In(vec![value]))
}

fn rule(when: Condition) -> ErrorRule {
    ErrorRule {
        when,
        kind: None,
        code: None,
        message_from: None,
        hint: None,
        retryable: None,
    }
}

fn judge(success_when: Option<Condition>, errors: Vec<ErrorRule>) -> Judge {
    Judge::compile(&ResponseRules {
        format: ResponseFormat::Json,
        empty_ok: false,
        reading: ReadingRules::default(),
        success_when,
        errors,
        pagination: None,
    })
}

fn holds(condition: &Condition, found: &Value) -> Option<bool> {
    Compiled::of(condition).holds(200, Some(found))
}

#[test]
fn tests_of_a_value() {
    let answer = json!({
        "ok": true, "status": "200", "code": 7, "big": 9_007_199_254_740_993_u64, "rate": 0.5,
        "nothing": null, "message": "Invalid API call", "list": [], "items": [{"s": "a"}, {"s": "b"}]
    });
    let exists = |path, wanted| body(path, Test::Exists(wanted));
    let matches = |path, pattern: &str| body(path, Test::Matches(pattern.to_owned()));
    for (condition, expected) in [
        (exists("ok", true), true),
        (exists("ok", false), false),
        (exists("none", true), false),
        (exists("none", false), true),
        (exists("nothing", true), false),
        (exists("list", true), true),
        (exists("$.items[*].s", true), true),
        (exists("$.items[*].t", true), false),
        (exists("$.items[*].t", false), true),
        (is("ok", json!(true)), true),
        (is("ok", json!("true")), true),
        (is("status", json!(200)), true),
        (is("status", json!(200.0)), true),
        (is("status", json!("200")), true),
        (is("code", json!("7")), true),
        (is("code", json!(7.0)), true),
        (is("code", json!(8)), false),
        (is("big", json!(9_007_199_254_740_992_u64)), false),
        (is("rate", json!("0.5")), true),
        (is("message", json!(0)), false),
        (is("nothing", json!(null)), true),
        (is("none", json!(null)), true),
        (is("items", json!("a")), false),
        (is("$.items[*].s", json!("b")), true),
        (body("code", Test::In(vec![json!(1), json!(7)])), true),
        (body("code", Test::In(vec![])), false),
        (matches("message", "(?i)^invalid"), true),
        (matches("message", "^call"), false),
        (matches("code", "^7$"), true),
        (matches("ok", "true"), false),
        (matches("none", ".*"), false),
        (matches("$.items[*].s", "^b$"), true),
    ] {
        assert_eq!(holds(&condition, &answer), Some(expected), "{condition:?}");
    }
}

#[test]
fn conditions_are_joined() {
    let answer = json!({"a": 1});
    let (yes, no) = (is("a", json!(1)), is("a", json!(2)));
    let unknown = || is("$[", json!(1));
    let status = |from, to| Condition::Status(vec![from..=to]);
    let not = |condition| Condition::Not(Box::new(condition));
    for (condition, expected) in [
        (Condition::All(vec![yes.clone(), yes.clone()]), Some(true)),
        (Condition::All(vec![yes.clone(), no.clone()]), Some(false)),
        (Condition::All(vec![unknown(), no.clone()]), Some(false)),
        (Condition::All(vec![unknown(), yes.clone()]), None),
        (Condition::Any(vec![no.clone(), yes.clone()]), Some(true)),
        (Condition::Any(vec![no.clone(), no.clone()]), Some(false)),
        (Condition::Any(vec![unknown(), yes.clone()]), Some(true)),
        (Condition::Any(vec![unknown(), no.clone()]), None),
        (not(no), Some(true)),
        (not(yes), Some(false)),
        (not(unknown()), None),
        (status(200, 200), Some(true)),
        (status(400, 499), Some(false)),
    ] {
        assert_eq!(holds(&condition, &answer), expected, "{condition:?}");
    }
}

#[test]
fn of_a_body_that_could_not_be_read_nothing_is_known() {
    let absent = body("data", Test::Exists(false));
    let judge = judge(
        Some(Condition::Not(Box::new(is("error", json!(true))))),
        vec![rule(absent.clone()), rule(Condition::Not(Box::new(absent)))],
    );
    assert!(matches!(judge.judge(502, None), Verdict::Silent));
    assert!(matches!(judge.judge(200, None), Verdict::NoSuccess));
    assert!(matches!(
        judge.judge(200, Some(&json!({}))),
        Verdict::Failure(_)
    ));
}

#[test]
fn the_first_rule_that_applies_counts() {
    let named = |code: &str, when| ErrorRule {
        code: Some(code.to_owned()),
        ..rule(when)
    };
    let judge = judge(
        Some(is("ok", json!(true))),
        vec![
            named("limit", is("error", json!("limit"))),
            named("any", body("error", Test::Exists(true))),
            named("gone", Condition::Status(vec![410..=410])),
        ],
    );
    for (status, answer, code) in [
        (200, json!({"ok": true, "error": "limit"}), Some("limit")),
        (400, json!({"error": "limit"}), Some("limit")),
        (400, json!({"error": "x"}), Some("any")),
        (410, json!({}), Some("gone")),
        (404, json!({"ok": false}), None),
        (200, json!({"ok": true}), None),
    ] {
        let found = match judge.judge(status, Some(&answer)) {
            Verdict::Failure(rule) => rule.code.as_deref(),
            Verdict::Silent | Verdict::NoSuccess => None,
        };
        assert_eq!(found, code, "{status} {answer}");
    }
    let unmet = judge.judge(200, Some(&json!({"ok": 0})));
    assert!(matches!(unmet, Verdict::NoSuccess));
}

fn told(rule: &ErrorRule, base: FailureCode, answer: &Value) -> Failure {
    let base = Failure::new(base, "The upstream refused the call.", "Look.");
    Rule::of(rule).tell(base, Some(answer))
}

#[test]
fn a_rule_tells_kind_code_words_and_hint() {
    let answer = json!({"error": {"message": "  no such\u{202e}\n symbol\u{0} ", "code": 7, "why": {"a": [1]}}});
    let plain = rule(Condition::Status(vec![200..=299]));
    let failure = told(&plain, FailureCode::Upstream5xx, &answer);
    assert_eq!(failure.message, "The upstream refused the call.");
    assert!(failure.retryable && failure.details.is_empty());

    let path = |path: &str| Some(ResponsePath(path.to_owned()));
    let full = ErrorRule {
        kind: Some(FailureCode::RateLimited),
        code: Some("bad_symbol".to_owned()),
        message_from: path("error.message"),
        hint: Some("Use a listed symbol.".to_owned()),
        retryable: Some(false),
        ..plain.clone()
    };
    let failure = told(&full, FailureCode::UpstreamError, &answer);
    assert_eq!(failure.code, FailureCode::RateLimited);
    assert_eq!(failure.message, "The upstream says: no such symbol");
    assert_eq!(failure.hint, "Use a listed symbol.");
    assert_eq!(failure.details["upstream_code"], "bad_symbol");
    assert!(!failure.retryable);

    for (path, message) in [
        (path("error.code"), "The upstream says: 7"),
        (path("error.why"), "The upstream says: {\"a\":[1]}"),
        (path("$.error[?@ == 7]"), "The upstream says: 7"),
        (
            path("error.none"),
            "The upstream answered with the error bad_symbol.",
        ),
        (None, "The upstream answered with the error bad_symbol."),
    ] {
        let rule = ErrorRule {
            message_from: path,
            ..full.clone()
        };
        assert_eq!(
            told(&rule, FailureCode::UpstreamError, &answer).message,
            message
        );
    }
}

#[test]
fn words_are_bounded() {
    let rule = ErrorRule {
        message_from: Some(ResponsePath("$".to_owned())),
        ..rule(Condition::Status(vec![200..=299]))
    };
    for answer in [json!("ä".repeat(1 << 20)), json!(vec!["word"; 100_000])] {
        let failure = told(&rule, FailureCode::UpstreamError, &answer);
        assert_eq!(
            failure.message.chars().count(),
            "The upstream says: ".len() + MAX_WORDS + 1
        );
        assert!(failure.message.ends_with('…'));
    }
    let exact = "x".repeat(MAX_WORDS);
    assert_eq!(said(&exact), format!("The upstream says: {exact}"));
}

#[test]
fn patterns_are_linear_and_bounded() {
    for (pattern, fine) in [
        ("^(ok|fine)$", true),
        ("(a+)+$", true),
        ("(?=a)", false),
        (r"(a)\1", false),
        ("(", false),
        (r"(\w{50}){50}", false),
        (&"a".repeat(1025), false),
    ] {
        assert_eq!(pattern_of(pattern).is_ok(), fine, "{pattern}");
    }
    let slow = body("$", Test::Matches("(a+)+$".to_owned()));
    let text = json!(format!("{}b", "a".repeat(5 << 20)));
    assert_eq!(holds(&slow, &text), Some(true));
}
