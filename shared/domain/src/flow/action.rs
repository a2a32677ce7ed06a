//! Reads what a step does: `tool`, `transform`, `flow` or `wait`.

use serde_json::{Map, Value};

use super::template::Template;
use super::templates::{Place, Reference, Templates};
use super::{Action, Compensation, MAX_WAIT_MS, Wait};
use crate::config::fields::{Names, Object};
use crate::ids::{ToolId, ToolIdError};
use crate::schema;
use crate::walk::At;

/// The members that say what a step does.
pub(super) const ACTIONS: [&str; 4] = ["tool", "transform", "flow", "wait"];

const WAIT: Names = Names {
    known: &["duration_ms", "signal", "approval", "schema"],
    elsewhere: &[
        ("duration", "here as \"duration_ms\""),
        ("seconds", "here as \"duration_ms\", in milliseconds"),
        ("timeout_ms", "into the step, beside \"wait\""),
    ],
};

/// Reads the one action of a step.
pub(super) fn read(
    step: Object<'_, '_>,
    place: Place<'_>,
    reads: &mut Vec<Reference>,
    templates: &mut Templates<'_>,
) -> Option<Action> {
    let stated: Vec<&str> = ACTIONS
        .into_iter()
        .filter(|name| step.members.contains_key(*name))
        .collect();
    let [name] = stated.as_slice() else {
        let message = if stated.is_empty() {
            "a step says what it does".to_owned()
        } else {
            format!("a step does one thing, not {}", stated.join(" and "))
        };
        let hint = format!("write exactly one of {}", ACTIONS.join(", "));
        let code = if stated.is_empty() {
            "required"
        } else {
            "conflict"
        };
        templates.faults.advise(step.at, code, message, hint);
        return None;
    };
    let value = step.members.get(*name)?;
    let at = step.at.name(name);
    match *name {
        "tool" | "flow" => {
            let called = tool_id(value, &at, templates);
            let input = input(step, place, reads, templates);
            called.map(|called| match *name {
                "tool" => Action::Tool {
                    tool: called,
                    input,
                },
                _ => Action::Flow {
                    flow: called,
                    input,
                },
            })
        }
        "transform" => Some(Action::Transform(templates.read(value, &at, place, reads))),
        _ => wait(value, &at, place, reads, templates).map(Action::Wait),
    }
}

/// Reads `compensate`, unless it is null.
pub(super) fn compensation(
    step: Object<'_, '_>,
    place: Place<'_>,
    reads: &mut Vec<Reference>,
    templates: &mut Templates<'_>,
) -> Option<Compensation> {
    const NAMES: Names = Names {
        known: &["tool", "input"],
        elsewhere: &[("tool_id", "here as \"tool\"")],
    };
    let value = step.members.get("compensate")?;
    if value.is_null() {
        return None;
    }
    let at = step.at.name("compensate");
    let object = templates.faults.object(value, &at)?;
    templates.faults.only(object, NAMES);
    let Some(tool) = object.members.get("tool") else {
        templates.faults.missing(&at, "tool");
        return None;
    };
    let tool = tool_id(tool, &at.name("tool"), templates);
    let input = input(object, place, reads, templates);
    Some(Compensation {
        tool: tool?,
        input,
        reads: super::graph::each_once(reads),
    })
}

fn tool_id(value: &Value, at: &At<'_>, templates: &mut Templates<'_>) -> Option<ToolId> {
    let Value::String(id) = value else {
        templates.faults.wrong_type(at, "an id", value);
        return None;
    };
    match id.parse() {
        Ok(id) => Some(id),
        Err(error) => {
            let code = match error {
                ToolIdError::Malformed => "invalid_value",
                ToolIdError::Reserved => "reserved_id",
            };
            templates.faults.add(at, code, error.to_string());
            None
        }
    }
}

/// `input`: an object with expressions, or one expression that comes to an object; `{}` when absent.
fn input(
    object: Object<'_, '_>,
    place: Place<'_>,
    reads: &mut Vec<Reference>,
    templates: &mut Templates<'_>,
) -> Template {
    let at = object.at.name("input");
    match object.members.get("input") {
        None => Template::literal(Value::Object(Map::new())),
        Some(value @ Value::Object(_)) => templates.read(value, &at, place, reads),
        Some(Value::String(text)) => templates
            .whole(text, &at, place, reads)
            .unwrap_or_else(|| Template::literal(Value::Null)),
        Some(other) => {
            templates.faults.wrong_type(&at, "an object", other);
            Template::literal(Value::Null)
        }
    }
}

fn wait(
    value: &Value,
    at: &At<'_>,
    place: Place<'_>,
    reads: &mut Vec<Reference>,
    templates: &mut Templates<'_>,
) -> Option<Wait> {
    let object = templates.faults.object(value, at)?;
    templates.faults.only(object, WAIT);
    let there = |name: &&str| object.members.contains_key(*name);
    let kinds = ["duration_ms", "signal", "approval"];
    let stated: Vec<&str> = kinds.into_iter().filter(there).collect();
    let [kind] = stated.as_slice() else {
        let hint = "write exactly one of duration_ms, signal, approval";
        let code = if stated.is_empty() {
            "required"
        } else {
            "conflict"
        };
        let message = "a step waits for one thing";
        templates.faults.advise(at, code, message, hint);
        return None;
    };
    if *kind != "signal" && there(&"schema") {
        let message = "only a signal has a payload";
        let hint = "leave it out; an approval answers with \"approved\" and any payload";
        templates
            .faults
            .advise(&at.name("schema"), "conflict", message, hint);
    }
    match *kind {
        "duration_ms" => duration(object, place, reads, templates),
        "signal" => Some(Wait::Signal {
            about: about(object, "signal", templates)?,
            schema: payload(object, templates),
        }),
        _ => Some(Wait::Approval {
            about: about(object, "approval", templates)?,
        }),
    }
}

fn duration(
    object: Object<'_, '_>,
    place: Place<'_>,
    reads: &mut Vec<Reference>,
    templates: &mut Templates<'_>,
) -> Option<Wait> {
    if let Some(Value::String(text)) = object.members.get("duration_ms") {
        let at = object.at.name("duration_ms");
        return templates.whole(text, &at, place, reads).map(Wait::Duration);
    }
    let duration = templates
        .faults
        .whole(object, "duration_ms", 0, MAX_WAIT_MS)?;
    Some(Wait::Duration(Template::literal(duration.into())))
}

/// A text for people; nothing is filled in.
fn about(object: Object<'_, '_>, name: &str, templates: &mut Templates<'_>) -> Option<String> {
    let text = templates.faults.text(object, name)?;
    let at = object.at.name(name);
    templates.faults.length(text, 1024, &at);
    templates.faults.without_secret(text, &at);
    if text.contains("{{") {
        let message = "nothing is filled in here";
        let hint = "write the text itself, without {{ … }}";
        templates
            .faults
            .advise(&at, "invalid_expression", message, hint);
    }
    Some(text.to_owned())
}

fn payload(object: Object<'_, '_>, templates: &mut Templates<'_>) -> Option<Value> {
    let schema = object.members.get("schema")?;
    schema::check_at(schema, &object.at.name("schema"), &mut templates.faults);
    Some(schema::with_type(schema))
}
