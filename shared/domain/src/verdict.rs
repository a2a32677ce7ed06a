//! Whether an answer is a failure, by the tool's own rules: `response.success_when` and `response.errors`.
//!
//! A rule looks at the status and at the body as it was read. Of a body that could not be read nothing is known:
//! a condition about it neither holds nor fails, and a rule applies only when its condition holds for sure.

mod words;

use std::ops::RangeInclusive;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::coerce::coerce;
use crate::config::{Condition, ErrorRule, JsonType, ResponsePath, ResponseRules, Test};
use crate::failure::{Failure, FailureCode};
use crate::path::Path;
use words::{beginning, words};

pub use words::said;

/// Largest compiled pattern and largest cache of one, in bytes.
const PATTERN_BYTES: usize = 256 * 1024;

/// Longest pattern, in bytes.
pub const MAX_PATTERN: usize = 1024;

/// The compiled rules of one tool.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    success: Option<Compiled>,
    rules: Vec<Rule>,
}

/// What the rules say of an answer.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'j> {
    /// Nothing: the status decides.
    Silent,
    /// It is the failure of this rule.
    Failure(&'j Rule),
    /// It is no success, as `success_when` does not hold of it.
    NoSuccess,
}

/// One rule of `response.errors`.
#[derive(Clone, Debug)]
pub struct Rule {
    when: Compiled,
    kind: Option<FailureCode>,
    code: Option<String>,
    message_from: Option<Path>,
    hint: Option<String>,
    retryable: Option<bool>,
}

#[derive(Clone, Debug)]
enum Compiled {
    Body {
        path: Path,
        test: CompiledTest,
    },
    Status(Vec<RangeInclusive<u16>>),
    All(Vec<Compiled>),
    Any(Vec<Compiled>),
    Not(Box<Compiled>),
    /// Stored tools may be older than a rule of reading them: nothing is known.
    Unknown,
}

#[derive(Clone, Debug)]
enum CompiledTest {
    Exists(bool),
    In(Vec<Value>),
    Matches(Regex),
}

impl Judge {
    /// Compiles a tool's rules. Never fails: a path or pattern that is none makes a condition that never holds
    /// (saving a tool refuses it).
    pub fn compile(rules: &ResponseRules) -> Self {
        Self {
            success: rules.success_when.as_ref().map(Compiled::of),
            rules: rules.errors.iter().map(Rule::of).collect(),
        }
    }

    /// Nothing but one condition of success.
    pub fn of_success(success_when: Option<&Condition>) -> Self {
        Self {
            success: success_when.map(Compiled::of),
            rules: Vec::new(),
        }
    }

    /// Whether there are no rules: the status alone decides.
    pub const fn is_idle(&self) -> bool {
        self.success.is_none() && self.rules.is_empty()
    }

    /// Whether a rule may say that a call is to be repeated, is not to be, or needs another credential.
    pub fn concerns_repetition(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.retryable.is_some() || rule.kind.is_some())
    }

    /// Whether a rule says that an answer is a failure of this kind.
    pub fn names(&self, kind: FailureCode) -> bool {
        self.rules.iter().any(|rule| rule.kind == Some(kind))
    }

    /// What the rules say of an answer; `body` is `None` when it could not be read.
    pub fn judge(&self, status: u16, body: Option<&Value>) -> Verdict<'_> {
        let applies = |rule: &&Rule| rule.when.holds(status, body) == Some(true);
        if let Some(rule) = self.rules.iter().find(applies) {
            return Verdict::Failure(rule);
        }
        match &self.success {
            Some(success) if is_success(status) && success.holds(status, body) != Some(true) => {
                Verdict::NoSuccess
            }
            Some(_) | None => Verdict::Silent,
        }
    }
}

impl Rule {
    fn of(rule: &ErrorRule) -> Self {
        let parsed = |path: &ResponsePath| Path::parse(&path.0).ok();
        Self {
            when: Compiled::of(&rule.when),
            kind: rule.kind,
            code: rule.code.clone(),
            message_from: rule.message_from.as_ref().and_then(parsed),
            hint: rule.hint.clone(),
            retryable: rule.retryable,
        }
    }

    /// What kind of failure it says that an answer is, if it does.
    pub const fn kind(&self) -> Option<FailureCode> {
        self.kind
    }

    /// Whether it says that the same call may work later, or that it will not.
    pub const fn retryable(&self) -> Option<bool> {
        self.retryable
    }

    /// The failure that `base` is by this rule. `base` is what the status says by itself; of the body only the
    /// beginning of the upstream's words is told, so secrets are hidden in it before.
    #[must_use]
    pub fn tell(&self, base: Failure, body: Option<&Value>) -> Failure {
        let mut failure = base;
        if let Some(kind) = self.kind {
            failure.code = kind;
            failure.retryable = kind.retryable();
        }
        if let Some(retryable) = self.retryable {
            failure.retryable = retryable;
        }
        if let Some(hint) = &self.hint {
            failure.hint.clone_from(hint);
        }
        let words = body.and_then(|body| words(self.message_from.as_ref()?, body));
        failure.message = match (words, &self.code) {
            (Some(words), _) => said(&words),
            (None, Some(code)) => format!("The upstream answered with the error {code}."),
            (None, None) => failure.message,
        };
        match &self.code {
            Some(code) => failure.detail("upstream_code", code.as_str()),
            None => failure,
        }
    }
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

impl Compiled {
    fn of(condition: &Condition) -> Self {
        let several = |conditions: &[Condition]| conditions.iter().map(Self::of).collect();
        match condition {
            Condition::Body { path, test } => {
                match (Path::parse(&path.0), CompiledTest::of(test)) {
                    (Ok(path), Some(test)) => Self::Body { path, test },
                    (Err(_), _) | (_, None) => Self::Unknown,
                }
            }
            Condition::Status(ranges) => Self::Status(ranges.clone()),
            Condition::All(conditions) => Self::All(several(conditions)),
            Condition::Any(conditions) => Self::Any(several(conditions)),
            Condition::Not(condition) => Self::Not(Box::new(Self::of(condition))),
        }
    }

    /// Whether it holds; `None` when that cannot be known.
    fn holds(&self, status: u16, body: Option<&Value>) -> Option<bool> {
        match self {
            Self::Body { path, test } => test.holds(path, body?),
            Self::Status(ranges) => Some(ranges.iter().any(|range| range.contains(&status))),
            Self::All(conditions) => decided_by(false, conditions, status, body),
            Self::Any(conditions) => decided_by(true, conditions, status, body),
            Self::Not(condition) => condition.holds(status, body).map(|holds| !holds),
            Self::Unknown => None,
        }
    }
}

/// One condition of this outcome decides; else, one that is unknown does.
fn decided_by(
    outcome: bool,
    conditions: &[Compiled],
    status: u16,
    body: Option<&Value>,
) -> Option<bool> {
    let mut all_known = true;
    for condition in conditions {
        match condition.holds(status, body) {
            Some(holds) if holds == outcome => return Some(outcome),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!outcome)
}

impl CompiledTest {
    fn of(test: &Test) -> Option<Self> {
        Some(match test {
            Test::Exists(wanted) => Self::Exists(*wanted),
            Test::In(values) => Self::In(values.clone()),
            Test::Matches(pattern) => Self::Matches(pattern_of(pattern).ok()?),
        })
    }

    fn holds(&self, path: &Path, body: &Value) -> Option<bool> {
        let found = path.find(body).ok()?;
        let several = match &found {
            Some(found) if path.is_multiple() => found.as_array(),
            Some(_) | None => None,
        };
        let holds = |one: Option<&Value>| self.holds_of(one);
        Some(match (several, self) {
            (Some(values), Self::Exists(wanted)) => {
                values.iter().any(|value| !value.is_null()) == *wanted
            }
            (Some(values), Self::In(_) | Self::Matches(_)) => {
                values.iter().any(|value| holds(Some(value)))
            }
            (None, _) => holds(found.as_deref()),
        })
    }

    fn holds_of(&self, found: Option<&Value>) -> bool {
        let found = found.unwrap_or(&Value::Null);
        match self {
            Self::Exists(wanted) => found.is_null() != *wanted,
            Self::In(values) => values.iter().any(|value| equal(found, value)),
            Self::Matches(pattern) => match found {
                Value::String(text) => pattern.is_match(beginning(text)),
                Value::Number(number) => pattern.is_match(&number.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
            },
        }
    }
}

/// A linear, bounded regular expression.
///
/// # Errors
/// Why it is none, in a few words.
pub fn pattern_of(pattern: &str) -> Result<Regex, &'static str> {
    if pattern.len() > MAX_PATTERN {
        return Err("is longer than 1,024 bytes");
    }
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build()
        .map_err(|_| {
            "is no regular expression that runs in linear time within 256 KB (no look-around, no back-references)"
        })
}

/// Equal as far as a mapping would see it: `"200"` and 200 are, `"true"` and true, 1 and 1.0.
fn equal(found: &Value, wanted: &Value) -> bool {
    if found == wanted {
        return true;
    }
    match (found, wanted) {
        (Value::Number(a), Value::Number(b)) => {
            (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()
        }
        (Value::String(_), Value::Number(_)) => {
            coerce(found, JsonType::Number).is_ok_and(|number| equal(&number, wanted))
        }
        (Value::String(_), Value::Bool(_)) => {
            coerce(found, JsonType::Boolean).is_ok_and(|flag| flag == *wanted)
        }
        (Value::Number(_) | Value::Bool(_), Value::String(_)) => {
            coerce(found, JsonType::String).is_ok_and(|text| text == *wanted)
        }
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            _,
        ) => false,
    }
}

#[cfg(test)]
mod tests;
