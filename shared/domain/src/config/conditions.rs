//! Reads conditions: `response.success_when` and `when` of `response.errors`.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::fields::{Names, Object};
use super::{Condition, Test, outputs};
use crate::path::Path;
use crate::schema::cut;
use crate::verdict::pattern_of;
use crate::walk::{At, Faults};

/// Conditions inside conditions.
const MAX_LEVELS: usize = 8;

/// Conditions of one `when`.
const MOST: usize = 64;

/// Paths of one `when` that lead to several values, which are copied for it.
const MOST_MULTIPLE: usize = 4;

/// Values of one `in`.
const MOST_VALUES: usize = 64;

const NAMES: Names = Names {
    known: &[
        "path", "exists", "equals", "in", "matches", "status", "all", "any", "not",
    ],
    elsewhere: &[
        ("and", "here as \"all\""),
        ("or", "here as \"any\""),
        ("eq", "here as \"equals\""),
        ("regex", "here as \"matches\""),
        ("pattern", "here as \"matches\""),
    ],
};

const FORMS: [&str; 5] = ["path", "status", "all", "any", "not"];
const TESTS: [&str; 4] = ["exists", "equals", "in", "matches"];
const EXAMPLE: &str = "such as {\"path\": \"ok\", \"equals\": true} or {\"status\": 404}";

/// Reads one condition.
pub(super) fn read(value: &Value, at: &At<'_>, faults: &mut Faults) -> Option<Condition> {
    let mut reader = Reader {
        faults,
        conditions: 0,
        multiple: 0,
        success: false,
    };
    reader.condition(value, at, 0)
}

/// Reads `success_when`: the same, of answers with a status of 200 to 299.
pub(super) fn of_success(value: &Value, at: &At<'_>, faults: &mut Faults) -> Option<Condition> {
    let mut reader = Reader {
        faults,
        conditions: 0,
        multiple: 0,
        success: true,
    };
    reader.condition(value, at, 0)
}

struct Reader<'f> {
    faults: &'f mut Faults,
    conditions: usize,
    multiple: usize,
    success: bool,
}

impl Reader<'_> {
    fn condition(&mut self, value: &Value, at: &At<'_>, level: usize) -> Option<Condition> {
        let object = self.faults.object(value, at)?;
        self.conditions += 1;
        if level > MAX_LEVELS || self.conditions > MOST {
            let message = format!("at most {MOST} conditions, {MAX_LEVELS} levels deep");
            self.faults.add(at, "too_large", message);
            return None;
        }
        self.faults.only(object, NAMES);
        let stated = |names: &[&'static str]| -> Vec<&'static str> {
            let has = |name: &&&str| object.members.contains_key(**name);
            names.iter().filter(has).copied().collect()
        };
        let form = match stated(&FORMS).as_slice() {
            [form] => *form,
            [] => {
                let message = "a condition has \"path\", \"status\", \"all\", \"any\" or \"not\"";
                self.faults.advise(at, "required", message, EXAMPLE);
                return None;
            }
            [_, second, ..] => {
                let message =
                    "a condition has one of \"path\", \"status\", \"all\", \"any\" and \"not\"";
                let hint = "join two with {\"all\": [{…}, {…}]}";
                self.faults
                    .advise(&at.name(second), "conflict", message, hint);
                return None;
            }
        };
        let tests = stated(&TESTS);
        if form != "path" {
            for test in tests {
                let message = format!("\"{test}\" goes with \"path\"");
                self.faults.add(&at.name(test), "conflict", message);
            }
        } else if tests.len() != 1 {
            let message =
                "\"path\" goes with one of \"exists\", \"equals\", \"in\" and \"matches\"";
            self.faults.advise(at, "required", message, EXAMPLE);
            return None;
        }
        self.form(form, object, at, level)
    }

    fn form(
        &mut self,
        form: &str,
        object: Object<'_, '_>,
        at: &At<'_>,
        level: usize,
    ) -> Option<Condition> {
        let value = object.members.get(form)?;
        let place = at.name(form);
        match form {
            "path" => {
                let path = outputs::path(value, &place, self.faults)?;
                self.multiple += usize::from(Path::parse(&path.0).is_ok_and(|it| it.is_multiple()));
                if self.multiple > MOST_MULTIPLE {
                    let message =
                        format!("at most {MOST_MULTIPLE} paths may lead to several values");
                    self.faults.add(&place, "too_large", message);
                }
                let test = self.test(object, at)?;
                Some(Condition::Body { path, test })
            }
            "status" => self.status(value, &place).map(Condition::Status),
            "not" => {
                let condition = self.condition(value, &place, level + 1)?;
                Some(Condition::Not(Box::new(condition)))
            }
            all_or_any => {
                let items = self.faults.list(value, &place, MOST);
                if items.is_empty() && value.is_array() {
                    let message = "at least one condition stands here";
                    self.faults.add(&place, "invalid_length", message);
                }
                let mut conditions = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    conditions.extend(self.condition(item, &place.index(index), level + 1));
                }
                Some(if all_or_any == "all" {
                    Condition::All(conditions)
                } else {
                    Condition::Any(conditions)
                })
            }
        }
    }

    fn test(&mut self, object: Object<'_, '_>, at: &At<'_>) -> Option<Test> {
        let members = object.members;
        if members.contains_key("exists") {
            return self.faults.flag(object, "exists").map(Test::Exists);
        }
        if let Some(value) = members.get("equals") {
            let value = self.scalar(value, &at.name("equals"))?;
            return Some(Test::In(vec![value]));
        }
        if let Some(value) = members.get("in") {
            let place = at.name("in");
            let items = self.faults.list(value, &place, MOST_VALUES);
            let mut values = Vec::new();
            for (index, item) in items.iter().enumerate() {
                values.extend(self.scalar(item, &place.index(index)));
            }
            return Some(Test::In(values));
        }
        // A pattern may hold any character: hidden ones are what it may be looking for.
        match members.get("matches")? {
            Value::String(pattern) => match pattern_of(pattern) {
                Ok(_) => Some(Test::Matches(pattern.clone())),
                Err(why) => {
                    let message = format!("\"{}\" {why}", cut(pattern).escape_debug());
                    self.faults
                        .add(&at.name("matches"), "invalid_pattern", message);
                    None
                }
            },
            other => {
                let expected = "a regular expression";
                self.faults.wrong_type(&at.name("matches"), expected, other);
                None
            }
        }
    }

    fn scalar(&mut self, value: &Value, at: &At<'_>) -> Option<Value> {
        match value {
            Value::String(text) => {
                self.faults.without_secret(text, at);
                if text.len() > 1024 {
                    self.faults
                        .add(at, "too_large", "must have 1,024 bytes or fewer");
                }
                Some(value.clone())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.clone()),
            Value::Array(_) | Value::Object(_) => {
                let expected = "a string, a number, true, false or null";
                self.faults.wrong_type(at, expected, value);
                None
            }
        }
    }

    fn status(&mut self, value: &Value, at: &At<'_>) -> Option<Vec<RangeInclusive<u16>>> {
        let Value::Array(_) = value else {
            return Some(vec![self.one_status(value, at)?]);
        };
        let items = self.faults.list(value, at, MOST_VALUES);
        let mut ranges = Vec::new();
        for (index, item) in items.iter().enumerate() {
            ranges.extend(self.one_status(item, &at.index(index)));
        }
        Some(ranges)
    }

    /// `404`, or `"4xx"`.
    fn one_status(&mut self, value: &Value, at: &At<'_>) -> Option<RangeInclusive<u16>> {
        let range = match value {
            Value::Number(number) => number
                .as_u64()
                .and_then(|number| u16::try_from(number).ok())
                .map(|status| status..=status),
            Value::String(word) => match word.as_str() {
                "2xx" => Some(200..=299),
                "3xx" => Some(300..=399),
                "4xx" => Some(400..=499),
                "5xx" => Some(500..=599),
                number => number.parse().ok().map(|status| status..=status),
            },
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let range = range.filter(|range| (200..=599).contains(range.start()));
        match &range {
            None => self.faults.advise(
                at,
                "invalid_value",
                "expected a status from 200 to 599",
                "such as 404, [200, 202] or \"5xx\"",
            ),
            Some(range) if self.success && *range.start() > 299 => self.faults.advise(
                at,
                "conflict",
                "a status outside of 200 to 299 is never a success",
                "leave it out; what such an answer is told as stands in response.errors",
            ),
            Some(_) => {}
        }
        range
    }
}
