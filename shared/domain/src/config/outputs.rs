//! Reads how the response becomes the output: `mapping.response_path` and `response_to_output`.

use serde_json::Value;

use super::fields::{Names, Object};
use super::{JsonType, OutputMapping, OutputRule, OutputSource, ResponsePath};
use crate::path::Path;
use crate::schema::cut;
use crate::text;
use crate::walk::{At, Faults};

const MOST: usize = 256;
const MAX_LEVELS: usize = 4;

const TYPES: [(&str, JsonType); 7] = [
    ("string", JsonType::String),
    ("number", JsonType::Number),
    ("integer", JsonType::Integer),
    ("boolean", JsonType::Boolean),
    ("object", JsonType::Object),
    ("array", JsonType::Array),
    ("null", JsonType::Null),
];

/// Reads the mapping of the output; `mapping` itself is checked by `inputs`.
pub(super) fn read(root: Object<'_, '_>, schema: &Value, faults: &mut Faults) -> OutputMapping {
    let nothing = OutputMapping {
        response_path: None,
        rules: None,
    };
    let at = root.at.name("mapping");
    let Some(Value::Object(members)) = root.members.get("mapping") else {
        return nothing;
    };
    let place = at.name("response_path");
    let response_path = members
        .get("response_path")
        .and_then(|value| path(value, &place, faults));
    let place = at.name("response_to_output");
    let rules = members
        .get("response_to_output")
        .map(|value| rules(value, Some(schema), &place, 0, faults));
    OutputMapping {
        response_path,
        rules,
    }
}

fn rules(
    value: &Value,
    schema: Option<&Value>,
    at: &At<'_>,
    level: usize,
    faults: &mut Faults,
) -> Vec<OutputRule> {
    let Some(object) = faults.object(value, at) else {
        return Vec::new();
    };
    if object.members.len() > MOST || level > MAX_LEVELS {
        let message = format!("at most {MOST} members, {MAX_LEVELS} levels of \"each\"");
        faults.add(at, "too_large", message);
        return Vec::new();
    }
    let rules = object.members.iter().filter_map(|(name, value)| {
        let place = at.name(name);
        faults.visible(name, &place);
        declared(name, schema, &place, faults);
        rule(name, value, schema, &place, level, faults)
    });
    rules.collect()
}

/// Notes an output that the schema forbids.
fn declared(name: &str, schema: Option<&Value>, at: &At<'_>, faults: &mut Faults) {
    let closed = schema.filter(|schema| {
        schema.get("additionalProperties") == Some(&Value::Bool(false))
            && schema.get("patternProperties").is_none()
    });
    let Some(properties) = closed.and_then(|schema| schema.get("properties")?.as_object()) else {
        return;
    };
    if !properties.contains_key(name) {
        let near = text::nearest(name, properties.keys().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "declare it in \"output_schema.properties\"".to_owned(),
        };
        let message = format!("\"output_schema\" allows no \"{}\"", cut(name));
        faults.advise(at, "unknown_output", message, hint);
    }
}

fn rule(
    name: &str,
    value: &Value,
    schema: Option<&Value>,
    at: &At<'_>,
    level: usize,
    faults: &mut Faults,
) -> Option<OutputRule> {
    let required = schema
        .and_then(|schema| schema.get("required")?.as_array())
        .is_some_and(|names| names.iter().any(|other| other == name));
    match value {
        Value::String(_) => Some(OutputRule {
            output: name.to_owned(),
            source: OutputSource::Path(path(value, at, faults)?),
            as_type: None,
            default: None,
            required,
        }),
        Value::Object(_) => {
            let member = schema.and_then(|schema| schema.get("properties")?.get(name));
            long_rule(name, value, member, required, at, level, faults)
        }
        other => {
            faults.wrong_type(at, "a path, or an object", other);
            None
        }
    }
}

/// `{path, type, default, required, const, each}`.
fn long_rule(
    name: &str,
    value: &Value,
    schema: Option<&Value>,
    required: bool,
    at: &At<'_>,
    level: usize,
    faults: &mut Faults,
) -> Option<OutputRule> {
    const NAMES: Names = Names {
        known: &["path", "type", "default", "required", "const", "each"],
        elsewhere: &[],
    };
    let rule = faults.object(value, at)?;
    faults.only(rule, NAMES);
    let as_type = faults.choice(rule, "type", &TYPES);
    let required = faults.flag(rule, "required").unwrap_or(required);
    let default = rule.members.get("default").cloned();
    let found = rule.members.get("path");
    let found = found.map(|value| path(value, &at.name("path"), faults));
    let source = match (rule.members.get("const"), found, rule.members.get("each")) {
        (Some(constant), None, None) => {
            for other in ["default", "required", "type"] {
                if rule.members.contains_key(other) {
                    let message = format!("beside \"const\", \"{other}\" says nothing");
                    faults.add(&at.name(other), "conflict", message);
                }
            }
            OutputSource::Const(constant.clone())
        }
        (Some(_), _, _) => {
            let message = "\"const\" stands without \"path\" and \"each\"";
            faults.add(&at.name("const"), "conflict", message);
            return None;
        }
        (None, None, _) => {
            faults.missing(at, "path");
            return None;
        }
        (None, Some(path), None) => OutputSource::Path(path?),
        (None, Some(path), Some(each)) => {
            let items = schema.and_then(|schema| schema.get("items"));
            let rules = rules(each, items, &at.name("each"), level + 1, faults);
            OutputSource::Each { path: path?, rules }
        }
    };
    Some(OutputRule {
        output: name.to_owned(),
        source,
        as_type,
        default,
        required,
    })
}

/// A path into a response.
pub(super) fn path(value: &Value, at: &At<'_>, faults: &mut Faults) -> Option<ResponsePath> {
    let Value::String(text) = value else {
        faults.wrong_type(at, "a path such as \"data.items\"", value);
        return None;
    };
    match Path::parse(text) {
        Ok(_) => Some(ResponsePath(text.clone())),
        Err(why) => {
            faults.add(at, "invalid_path", why);
            None
        }
    }
}
