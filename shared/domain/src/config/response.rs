//! Reads `response`: the format, how its bytes are read, and when an answer is a failure.

use serde_json::Value;

use super::fields::{Names, Object};
use super::{
    CsvHeader, CsvRules, ReadingRules, ResponseFormat, ResponseRules, XmlRules, conditions, outputs,
};
use crate::config::ErrorRule;
use crate::failure::FailureCode;
use crate::reading::is_known_charset;
use crate::schema::cut;
use crate::walk::{At, Faults};

const NAMES: Names = Names {
    known: &[
        "format",
        "empty_ok",
        "charset",
        "csv",
        "xml",
        "success_when",
        "errors",
        "pagination",
    ],
    elsewhere: &[
        ("delimiter", "into \"csv\""),
        ("header", "into \"csv\""),
        ("arrays", "into \"xml\""),
        ("path", "into \"mapping\" as \"response_path\""),
        ("encoding", "here as \"charset\""),
        ("type", "here as \"format\""),
        ("max_tokens", "into \"output\""),
    ],
};

const FORMATS: [(&str, ResponseFormat); 5] = [
    ("json", ResponseFormat::Json),
    ("text", ResponseFormat::Text),
    ("xml", ResponseFormat::Xml),
    ("csv", ResponseFormat::Csv),
    ("ndjson", ResponseFormat::Ndjson),
];

/// What a rule may say that a failure is: what an upstream can tell.
const KINDS: [(&str, FailureCode); 5] = [
    ("upstream_error", FailureCode::UpstreamError),
    ("auth_failed", FailureCode::AuthFailed),
    ("rate_limited", FailureCode::RateLimited),
    ("upstream_4xx", FailureCode::Upstream4xx),
    ("upstream_5xx", FailureCode::Upstream5xx),
];

const MOST_RULES: usize = 32;
const MOST_NAMES: usize = 256;

/// Reads `response`.
pub(super) fn read(root: Object<'_, '_>, faults: &mut Faults) -> ResponseRules {
    let mut rules = ResponseRules {
        format: ResponseFormat::Json,
        empty_ok: false,
        reading: ReadingRules::default(),
        success_when: None,
        errors: Vec::new(),
        pagination: None,
    };
    let at = root.at.name("response");
    let Some(value) = root.members.get("response") else {
        return rules;
    };
    let Some(response) = faults.object(value, &at) else {
        return rules;
    };
    faults.only(response, NAMES);
    rules.format = faults
        .choice(response, "format", &FORMATS)
        .unwrap_or(ResponseFormat::Json);
    rules.empty_ok = faults.flag(response, "empty_ok").unwrap_or(false);
    rules.reading = reading(response, rules.format, faults);
    if let Some(value) = response.members.get("success_when") {
        let place = at.name("success_when");
        rules.success_when = conditions::of_success(value, &place, faults);
    }
    rules.errors = errors(response, faults);
    rules
}

fn reading(response: Object<'_, '_>, format: ResponseFormat, faults: &mut Faults) -> ReadingRules {
    let mut rules = ReadingRules::default();
    for (name, of) in [("csv", ResponseFormat::Csv), ("xml", ResponseFormat::Xml)] {
        if response.members.contains_key(name) && format != of {
            let message = format!("it says nothing unless the format is \"{name}\"");
            faults.add(&response.at.name(name), "conflict", message);
        }
    }
    if let Some(charset) = faults.text(response, "charset") {
        if is_known_charset(charset) {
            rules.charset = Some(charset.to_owned());
        } else {
            faults.advise(
                &response.at.name("charset"),
                "invalid_value",
                format!(
                    "\"{}\" is no character encoding that can be read",
                    cut(charset)
                ),
                "such as utf-8, iso-8859-1, windows-1252, shift_jis, gb18030, utf-16le",
            );
        }
    }
    if let Some(value) = response.members.get("csv") {
        rules.csv = csv(value, &response.at.name("csv"), faults);
    }
    if let Some(value) = response.members.get("xml") {
        rules.xml = xml(value, &response.at.name("xml"), faults);
    }
    rules
}

fn csv(value: &Value, at: &At<'_>, faults: &mut Faults) -> CsvRules {
    const NAMES: Names = Names {
        known: &["delimiter", "header"],
        elsewhere: &[
            ("separator", "here as \"delimiter\""),
            ("columns", "here as \"header\": a list of names"),
        ],
    };
    let mut rules = CsvRules::default();
    let Some(csv) = faults.object(value, at) else {
        return rules;
    };
    faults.only(csv, NAMES);
    match csv.members.get("delimiter") {
        None => {}
        Some(Value::String(text)) => match text.as_bytes() {
            b"tab" | b"\\t" => rules.delimiter = b'\t',
            [byte] if *byte == b'\t' || byte.is_ascii_graphic() && *byte != b'"' => {
                rules.delimiter = *byte;
            }
            [b' '] => rules.delimiter = b' ',
            _ => faults.advise(
                &at.name("delimiter"),
                "invalid_value",
                "a delimiter is one character, and no quote",
                "such as \",\", \";\", \"|\" or \"tab\"",
            ),
        },
        Some(other) => faults.wrong_type(&at.name("delimiter"), "one character", other),
    }
    match csv.members.get("header") {
        None | Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => rules.header = CsvHeader::None,
        Some(value @ Value::Array(_)) => {
            rules.header = CsvHeader::Names(names(value, &at.name("header"), faults));
        }
        Some(other) => {
            let expected = "true, false, or the list of the columns' names";
            faults.wrong_type(&at.name("header"), expected, other);
        }
    }
    rules
}

fn xml(value: &Value, at: &At<'_>, faults: &mut Faults) -> XmlRules {
    const NAMES: Names = Names {
        known: &["arrays"],
        elsewhere: &[("lists", "here as \"arrays\"")],
    };
    let mut rules = XmlRules::default();
    let Some(xml) = faults.object(value, at) else {
        return rules;
    };
    faults.only(xml, NAMES);
    if let Some(value) = xml.members.get("arrays") {
        rules.arrays = names(value, &at.name("arrays"), faults);
    }
    rules
}

/// A list of different names.
fn names(value: &Value, at: &At<'_>, faults: &mut Faults) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, value) in faults.list(value, at, MOST_NAMES).iter().enumerate() {
        let place = at.index(index);
        let Value::String(name) = value else {
            faults.wrong_type(&place, "a name", value);
            continue;
        };
        faults.visible(name, &place);
        faults.length(name, 128, &place);
        if names.contains(name) {
            faults.add(&place, "conflict", "this name stands twice");
        }
        names.push(name.clone());
    }
    names
}

/// Reads `errors`.
fn errors(response: Object<'_, '_>, faults: &mut Faults) -> Vec<ErrorRule> {
    let at = response.at.name("errors");
    let Some(value) = response.members.get("errors") else {
        return Vec::new();
    };
    let rules = faults.list(value, &at, MOST_RULES);
    let read = |(index, value)| rule(value, &at.index(index), faults);
    rules.iter().enumerate().filter_map(read).collect()
}

fn rule(value: &Value, at: &At<'_>, faults: &mut Faults) -> Option<ErrorRule> {
    const NAMES: Names = Names {
        known: &["when", "kind", "code", "message_from", "hint", "retryable"],
        elsewhere: &[
            (
                "message",
                "here as \"message_from\", a path to the upstream's words",
            ),
            ("message_path", "here as \"message_from\""),
            ("retry", "here as \"retryable\""),
        ],
    };
    let rule = faults.object(value, at)?;
    faults.only(rule, NAMES);
    if !rule.members.contains_key("when") {
        faults.missing(at, "when");
    }
    let place = at.name("when");
    let when = rule.members.get("when");
    let when = when.and_then(|when| conditions::read(when, &place, faults));
    let kind = faults.choice(rule, "kind", &KINDS);
    let code = faults.text(rule, "code");
    if let Some(code) = code {
        identifier(code, &at.name("code"), faults);
    }
    let hint = faults.text(rule, "hint");
    if let Some(hint) = hint {
        faults.length(hint, 300, &at.name("hint"));
        faults.without_secret(hint, &at.name("hint"));
    }
    let place = at.name("message_from");
    let message_from = rule.members.get("message_from");
    let message_from = message_from.and_then(|value| outputs::path(value, &place, faults));
    Some(ErrorRule {
        when: when?,
        kind,
        code: code.map(str::to_owned),
        message_from,
        hint: hint.map(str::to_owned),
        retryable: faults.flag(rule, "retryable"),
    })
}

/// The tool's own name of a failure.
fn identifier(code: &str, at: &At<'_>, faults: &mut Faults) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if code.is_empty() || code.len() > 64 || !code.bytes().all(plain) {
        let message = "a code has 1 to 64 letters, digits, dots, dashes and underscores";
        faults.advise(at, "invalid_value", message, "such as \"unknown_symbol\"");
    }
}
