//! Where a new schema no longer takes what the old one took, or no longer promises what the old one promised.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::walk::At;

/// Levels that are compared; below it, anything that differs counts as broken.
const MAX_DEPTH: usize = 24;

/// Which way values go through a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Callers write values of it: what they wrote before must still fit.
    Input,
    /// Callers read values of it: what they read before must still be there.
    Output,
}

/// One place at which a schema broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Break {
    /// JSON pointer into the schema.
    pub(super) pointer: String,
    /// What happened there.
    pub(super) what: String,
}

/// Every place at which the new schema breaks callers of the old one, as far as its structure says; what cannot be compared by its
/// structure and differs is told as changed.
pub(super) fn breaks(side: Side, old: &Value, new: &Value) -> Vec<Break> {
    let mut found = Vec::new();
    compare(side, old, new, &At::ROOT, 0, &mut found);
    found
}

fn compare(
    side: Side,
    old: &Value,
    new: &Value,
    at: &At<'_>,
    depth: usize,
    found: &mut Vec<Break>,
) {
    if old == new {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return tell(at, "changed", found);
    };
    if depth > MAX_DEPTH {
        return tell(at, "changed", found);
    }
    types(side, old, new, at, found);
    properties(side, old, new, at, depth, found);
    choices(side, old, new, at, found);
    if let (Some(before), Some(now)) = (old.get("items"), new.get("items")) {
        compare(side, before, now, &at.name("items"), depth + 1, found);
    } else if new.contains_key("items") != old.contains_key("items") {
        let narrows = new.contains_key("items") == (side == Side::Input);
        if narrows {
            tell(&at.name("items"), "changed", found);
        }
    }
    for (name, value) in new {
        if !KNOWN.contains(&name.as_str()) && old.get(name) != Some(value) {
            tell(&at.name(name), "changed", found);
        }
    }
    for name in old.keys() {
        if !KNOWN.contains(&name.as_str()) && !new.contains_key(name) && side == Side::Output {
            tell(&at.name(name), "is gone", found);
        }
    }
}

/// Members that are compared on their own, and those that break nobody.
const KNOWN: [&str; 16] = [
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "const",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$schema",
    "format",
];

fn types(
    side: Side,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    at: &At<'_>,
    found: &mut Vec<Break>,
) {
    let (before, now) = (names(old), names(new));
    let covered = match (side, &before, &now) {
        // None is any.
        (_, None, None) => true,
        (Side::Input, _, None) | (Side::Output, None, _) => true,
        (Side::Input, None, Some(_)) | (Side::Output, Some(_), None) => false,
        (Side::Input, Some(before), Some(now)) => covers(now, before),
        (Side::Output, Some(before), Some(now)) => covers(before, now),
    };
    if !covered {
        let text = |names: &Option<BTreeSet<&str>>| match names {
            None => "any type".to_owned(),
            Some(names) => names.iter().copied().collect::<Vec<_>>().join(" or "),
        };
        let what = format!("was {}, is {}", text(&before), text(&now));
        tell(&at.name("type"), &what, found);
    }
}

fn names(schema: &Map<String, Value>) -> Option<BTreeSet<&str>> {
    match schema.get("type")? {
        Value::String(name) => Some(BTreeSet::from([name.as_str()])),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

/// Whether every value of these types is one of those.
fn covers(those: &BTreeSet<&str>, these: &BTreeSet<&str>) -> bool {
    these
        .iter()
        .all(|name| those.contains(name) || (*name == "integer" && those.contains("number")))
}

fn properties(
    side: Side,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    at: &At<'_>,
    depth: usize,
    found: &mut Vec<Break>,
) {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    let members = |schema| -> &Map<String, Value> {
        let schema: &Map<String, Value> = schema;
        let members = schema.get("properties").and_then(Value::as_object);
        members.unwrap_or(&NONE)
    };
    let (before, now) = (members(old), members(new));
    let place = at.name("properties");
    for (name, was) in before {
        match now.get(name) {
            Some(is) => compare(side, was, is, &place.name(name), depth + 1, found),
            None => tell(&place.name(name), "is gone", found),
        }
    }
    let (was_required, is_required) = (required(old), required(new));
    match side {
        Side::Input => {
            for name in is_required.difference(&was_required) {
                tell(&place.name(name), "is required now", found);
            }
        }
        Side::Output => {
            for name in was_required.difference(&is_required) {
                if now.contains_key(*name) {
                    tell(&place.name(name), "may be absent now", found);
                }
            }
        }
    }
}

fn required(schema: &Map<String, Value>) -> BTreeSet<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn choices(
    side: Side,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    at: &At<'_>,
    found: &mut Vec<Break>,
) {
    let (before, now) = (values(old), values(new));
    let (those, these) = match side {
        Side::Input => (&now, &before),
        Side::Output => (&before, &now),
    };
    let broken = match (those, these) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(those), Some(these)) => these.iter().any(|value| !those.contains(value)),
    };
    if broken {
        tell(&at.name("enum"), "has other values", found);
    }
}

fn values(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(values))) => Some(values.iter().collect()),
        (None, _) => None,
    }
}

fn tell(at: &At<'_>, what: &str, found: &mut Vec<Break>) {
    found.push(Break {
        pointer: at.pointer(),
        what: what.to_owned(),
    });
}
