//! Reads the smaller parts of a document: annotations, output, retry, mock, tests.

use serde_json::Value;

use super::fields::{Names, Object};
use super::{Effects, Method, OutputRules, RetryOn, RetryRules, Validation};
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

pub(super) fn part<'v, 'a>(
    root: Object<'v, '_>,
    name: &str,
    at: &'a At<'a>,
    names: Names,
    faults: &mut Faults,
) -> Option<Object<'v, 'a>> {
    let part = faults.object(root.members.get(name)?, at)?;
    faults.only(part, names);
    Some(part)
}

/// Reads `tags`.
pub(crate) fn tags(root: Object<'_, '_>, faults: &mut Faults) -> Vec<String> {
    let at = root.at.name("tags");
    let Some(value) = root.members.get("tags") else {
        return Vec::new();
    };
    let mut tags: Vec<String> = Vec::new();
    for (index, value) in faults.list(value, &at, 32).iter().enumerate() {
        let place = at.index(index);
        match value {
            Value::String(tag) => {
                faults.visible(tag, &place);
                faults.length(tag, 64, &place);
                if tags.contains(tag) {
                    faults.add(&place, "conflict", "this tag stands twice");
                }
                tags.push(tag.clone());
            }
            other => faults.wrong_type(&place, "a string", other),
        }
    }
    tags
}

/// Checks the parts that are kept but mean nothing to an execution: `metadata`, `examples`, `tests`.
pub(super) fn free(root: Object<'_, '_>, faults: &mut Faults) {
    if let Some(metadata) = root.members.get("metadata") {
        faults.object(metadata, &root.at.name("metadata"));
    }
    if let Some(examples) = root.members.get("examples") {
        faults.list(examples, &root.at.name("examples"), 64);
    }
    let at = root.at.name("tests");
    let Some(tests) = root.members.get("tests") else {
        return;
    };
    const NAMES: Names = Names {
        known: &[
            "name",
            "description",
            "input",
            "request",
            "response",
            "output",
            "error",
        ],
        elsewhere: &[],
    };
    for (index, test) in faults.list(tests, &at, 64).iter().enumerate() {
        let place = at.index(index);
        let Some(test) = faults.object(test, &place) else {
            continue;
        };
        faults.only(test, NAMES);
        faults.text(test, "name");
        for name in ["input", "request", "response"] {
            if let Some(value) = test.members.get(name) {
                faults.object(value, &place.name(name));
            }
        }
    }
}

/// Reads `annotations` over the defaults of the method.
pub(super) fn effects(root: Object<'_, '_>, method: Method, faults: &mut Faults) -> Effects {
    let defaults = match method {
        Method::Get | Method::Head => (true, false, true),
        Method::Post => (false, false, false),
        Method::Patch => (false, true, false),
        Method::Put | Method::Delete => (false, true, true),
    };
    let mut effects = Effects {
        read_only: defaults.0,
        destructive: defaults.1,
        idempotent: defaults.2,
        open_world: true,
    };
    let at = root.at.name("annotations");
    const NAMES: Names = Names {
        known: &["read_only", "destructive", "idempotent", "open_world"],
        elsewhere: &[
            ("readOnlyHint", "here as \"read_only\""),
            ("destructiveHint", "here as \"destructive\""),
            ("idempotentHint", "here as \"idempotent\""),
            ("openWorldHint", "here as \"open_world\""),
        ],
    };
    let Some(stated) = part(root, "annotations", &at, NAMES, faults) else {
        return effects;
    };
    let read_only = faults.flag(stated, "read_only");
    let destructive = faults.flag(stated, "destructive");
    if read_only == Some(true) && destructive == Some(true) {
        let message = "what only reads destroys nothing";
        faults.add(&at.name("destructive"), "conflict", message);
    }
    if read_only == Some(true) && matches!(method, Method::Put | Method::Patch | Method::Delete) {
        let message = format!("a tool that calls {} does not only read", method.as_str());
        faults.add(&at.name("read_only"), "conflict", message);
    }
    effects.read_only = read_only.unwrap_or(effects.read_only && destructive != Some(true));
    effects.destructive = destructive.unwrap_or(effects.destructive && !effects.read_only);
    effects.idempotent = faults
        .flag(stated, "idempotent")
        .unwrap_or(effects.idempotent || effects.read_only);
    effects.open_world = faults.flag(stated, "open_world").unwrap_or(true);
    effects
}

/// Reads `output`.
pub(super) fn output(root: Object<'_, '_>, faults: &mut Faults) -> OutputRules {
    let at = root.at.name("output");
    const NAMES: Names = Names {
        known: &["validation", "redact", "max_tokens"],
        elsewhere: &[],
    };
    const KINDS: [(&str, Validation); 3] = [
        ("strict", Validation::Strict),
        ("warn", Validation::Warn),
        ("off", Validation::Off),
    ];
    let output = part(root, "output", &at, NAMES, faults);
    let validation = output.and_then(|part| faults.choice(part, "validation", &KINDS));
    OutputRules {
        validation: validation.unwrap_or(Validation::Strict),
        redact: output.map(|part| redact(part, faults)).unwrap_or_default(),
        max_tokens: output
            .and_then(|part| faults.whole(part, "max_tokens", 1, 1_000_000))
            .and_then(|tokens| u32::try_from(tokens).ok()),
    }
}

/// JSON pointers into the output; `a.b` is understood as well.
fn redact(output: Object<'_, '_>, faults: &mut Faults) -> Vec<String> {
    let at = output.at.name("redact");
    let Some(value) = output.members.get("redact") else {
        return Vec::new();
    };
    let mut pointers = Vec::new();
    for (index, value) in faults.list(value, &at, 64).iter().enumerate() {
        let place = at.index(index);
        match value {
            Value::String(text) if text.starts_with('/') && text.len() <= 512 => {
                pointers.push(text.clone());
            }
            Value::String(text) => faults.advise(
                &place,
                "invalid_value",
                "a JSON pointer into the output begins with a slash",
                format!("write \"/{}\"", cut(text).replace('.', "/")),
            ),
            other => faults.wrong_type(&place, "a JSON pointer", other),
        }
    }
    pointers
}

/// Reads `retry`. Without it a call that may be repeated is, three times at most.
pub(super) fn retry(root: Object<'_, '_>, faults: &mut Faults) -> RetryRules {
    let mut rules = RetryRules {
        max_attempts: 4,
        on: vec![
            RetryOn::ConnectFailed,
            RetryOn::Timeout,
            RetryOn::Status(429),
            RetryOn::Status(502),
            RetryOn::Status(503),
            RetryOn::Status(504),
        ],
        backoff_ms: 200,
        max_backoff_ms: 5_000,
    };
    let at = root.at.name("retry");
    const NAMES: Names = Names {
        known: &["max_attempts", "on", "backoff_ms", "max_backoff_ms"],
        elsewhere: &[("max", "here as \"max_attempts\"")],
    };
    let Some(retry) = part(root, "retry", &at, NAMES, faults) else {
        return rules;
    };
    if let Some(attempts) = faults.whole(retry, "max_attempts", 1, 10) {
        rules.max_attempts = u32::try_from(attempts).unwrap_or(1);
    }
    if let Some(backoff) = faults.whole(retry, "backoff_ms", 1, 60_000) {
        rules.backoff_ms = backoff;
        rules.max_backoff_ms = rules.max_backoff_ms.max(backoff);
    }
    if let Some(most) = faults.whole(retry, "max_backoff_ms", 1, 300_000) {
        rules.max_backoff_ms = most;
    }
    if rules.max_backoff_ms < rules.backoff_ms {
        let message = "the longest pause is shorter than the first one";
        faults.add(&at.name("max_backoff_ms"), "conflict", message);
    }
    if let Some(value) = retry.members.get("on") {
        let at = at.name("on");
        rules.on = faults
            .list(value, &at, 32)
            .iter()
            .enumerate()
            .filter_map(|(index, value)| retry_on(value, &at.index(index), faults))
            .collect();
    }
    rules
}

fn retry_on(value: &Value, at: &At<'_>, faults: &mut Faults) -> Option<RetryOn> {
    const WORDS: [(&str, RetryOn); 5] = [
        ("connect_failed", RetryOn::ConnectFailed),
        ("timeout", RetryOn::Timeout),
        ("rate_limited", RetryOn::Status(429)),
        ("upstream_5xx", RetryOn::ServerError),
        ("5xx", RetryOn::ServerError),
    ];
    let status = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(word) => {
            if let Some((_, on)) = WORDS.iter().find(|(known, _)| known == word) {
                return Some(*on);
            }
            word.parse().ok()
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match status.and_then(|status| u16::try_from(status).ok()) {
        Some(status @ 400..=599) => Some(RetryOn::Status(status)),
        _ => {
            let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
            let hint = value
                .as_str()
                .and_then(|word| text::did_you_mean(word, &words))
                .unwrap_or_else(|| format!("a status from 400 to 599, or {}", words.join(", ")));
            let message = "this is no failure that can be repeated";
            faults.advise(at, "invalid_value", message, hint);
            None
        }
    }
}

/// Reads `mock`: the fixed answer, when it is enabled.
pub(super) fn mock(root: Object<'_, '_>, faults: &mut Faults) -> Option<Value> {
    let at = root.at.name("mock");
    const NAMES: Names = Names {
        known: &["enabled", "output"],
        elsewhere: &[],
    };
    let mock = part(root, "mock", &at, NAMES, faults)?;
    if !mock.members.contains_key("enabled") {
        faults.missing(&at, "enabled");
    }
    let enabled = faults.flag(mock, "enabled")?;
    if enabled && !mock.members.contains_key("output") {
        faults.missing(&at, "output");
    }
    mock.members.get("output").filter(|_| enabled).cloned()
}
