//! The input schema as it is shown: nothing in it tells of a hidden input.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::hidden_names;
use crate::path::escape_token;

/// Keywords that hold parts for references.
const PARTS: [&str; 2] = ["$defs", "definitions"];

/// Keywords whose members are names or data, and no keywords.
const NAMING: [&str; 10] = [
    "properties",
    "patternProperties",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "default",
    "const",
    "enum",
    "examples",
    "example",
];

/// The input schema without its hidden properties, and without the root's keywords that speak of one.
/// The whole schema still judges the arguments.
pub fn visible(schema: &Value) -> Value {
    let hidden: Vec<&str> = hidden_names(schema).collect();
    let Some(members) = schema.as_object().filter(|_| !hidden.is_empty()) else {
        return schema.clone();
    };
    let mut shown = Map::new();
    for (keyword, value) in members {
        if let Some(value) = shown_of(schema, &hidden, keyword, value) {
            shown.insert(keyword.clone(), value);
        }
    }
    drop_unused_parts(schema, &mut shown);
    let whole = Value::Object(shown);
    let mut shown = whole.clone();
    drop_lost_references(&mut shown, &whole);
    shown
}

/// What is shown of one keyword of the root, if anything.
fn shown_of(schema: &Value, hidden: &[&str], keyword: &str, value: &Value) -> Option<Value> {
    let is_shown = |name: &str| !hidden.contains(&name);
    match (keyword, value) {
        ("properties", Value::Object(all)) => {
            let shown = all.iter().filter(|(name, _)| is_shown(name));
            let shown = shown.map(|(name, property)| (name.clone(), property.clone()));
            Some(Value::Object(shown.collect()))
        }
        ("required", Value::Array(names)) => {
            let shown = names
                .iter()
                .filter(|name| name.as_str().is_none_or(is_shown));
            let shown: Vec<Value> = shown.cloned().collect();
            (!shown.is_empty()).then_some(Value::Array(shown))
        }
        // Prose has words that are names of inputs as well.
        ("title" | "description" | "$comment", Value::String(text)) => {
            is_shown(text).then(|| value.clone())
        }
        ("type" | "$schema" | "$id" | "$defs" | "definitions", _) => Some(value.clone()),
        // Each branch holds by itself; `true` in the place of one keeps the others' places for references.
        ("allOf", Value::Array(all)) => {
            let speaks = |branch| Search::of(schema, hidden).finds("", branch);
            let branches = all.iter().map(|branch| match speaks(branch) {
                true => Value::Bool(true),
                false => branch.clone(),
            });
            let shown: Vec<Value> = branches.collect();
            let any = shown.iter().any(|branch| *branch != Value::Bool(true));
            any.then_some(Value::Array(shown))
        }
        _ => {
            let speaks = Search::of(schema, hidden).finds(keyword, value);
            (!speaks).then(|| value.clone())
        }
    }
}

/// Looks for the names of hidden inputs in one keyword, and in what it refers to.
struct Search<'s> {
    schema: &'s Value,
    hidden: &'s [&'s str],
    followed: Vec<&'s str>,
}

impl<'s> Search<'s> {
    const fn of(schema: &'s Value, hidden: &'s [&'s str]) -> Self {
        Self {
            schema,
            hidden,
            followed: Vec::new(),
        }
    }

    /// Whether the value of a member speaks of a hidden input. Keywords are no names, though inputs are called `type` and
    /// `format` as well: names stand in some keywords only.
    fn finds(&mut self, member: &str, value: &'s Value) -> bool {
        match value {
            Value::String(_) if matches!(member, "type" | "format") => false,
            Value::String(text) => self.says(text) || (member == "$ref" && self.finds_behind(text)),
            Value::Array(items) => {
                let inside = if NAMING.contains(&member) || member == "type" {
                    member
                } else {
                    ""
                };
                items.iter().any(|item| self.finds(inside, item))
            }
            Value::Object(members) => {
                let names = NAMING.contains(&member);
                members.iter().any(|(name, value)| {
                    let is_keyword = !names && crate::schema::is_keyword(name);
                    let inside = if names { "" } else { name };
                    (!is_keyword && self.says(name)) || self.finds(inside, value)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn finds_behind(&mut self, reference: &'s str) -> bool {
        if self.followed.contains(&reference) {
            return false;
        }
        self.followed.push(reference);
        target(self.schema, reference).is_some_and(|part| self.finds("", part))
    }

    /// Whether a text has a hidden name as a word: patterns list names.
    fn says(&self, text: &str) -> bool {
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        self.hidden.iter().any(|name| {
            text.match_indices(name).any(|(start, found)| {
                let (before, rest) = text.split_at(start);
                let after = rest.chars().nth(found.chars().count());
                !is_part(before.chars().next_back()) && !is_part(after)
            })
        })
    }
}

/// Takes out the parts that only hidden inputs referred to.
fn drop_unused_parts(schema: &Value, shown: &mut Map<String, Value>) {
    let mut open = Vec::new();
    for (keyword, value) in shown.iter() {
        if !PARTS.contains(&keyword.as_str()) {
            references(keyword, value, &mut open);
        }
    }
    let mut used = HashSet::new();
    while let Some(pointer) = open.pop() {
        let mut tokens = pointer.split('/').skip(1);
        let (Some(keyword), Some(name)) = (tokens.next(), tokens.next()) else {
            continue;
        };
        let part = format!("/{keyword}/{name}");
        if PARTS.contains(&keyword)
            && !used.contains(&part)
            && let Some(value) = schema.pointer(&part)
        {
            references("", value, &mut open);
            used.insert(part);
        }
    }
    for keyword in PARTS {
        let Some(Value::Object(parts)) = shown.get_mut(keyword) else {
            continue;
        };
        parts.retain(|name, _| used.contains(&format!("/{keyword}/{}", escape_token(name))));
        if parts.is_empty() {
            shown.shift_remove(keyword);
        }
    }
}

/// Adds the pointers of all references in a member.
fn references(member: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if member == "$ref" => found.extend(pointer(text)),
        Value::Array(items) => items.iter().for_each(|item| references("", item, found)),
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| references(name, value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes out references into what is not shown: any value is right there, as far as is told.
fn drop_lost_references(part: &mut Value, whole: &Value) {
    match part {
        Value::Array(items) => {
            for item in items {
                drop_lost_references(item, whole);
            }
        }
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            if reference.is_some_and(|reference| target(whole, reference).is_none()) {
                members.shift_remove("$ref");
            }
            for value in members.values_mut() {
                drop_lost_references(value, whole);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn target<'s>(schema: &'s Value, reference: &str) -> Option<&'s Value> {
    schema.pointer(&pointer(reference)?)
}

/// The pointer of a reference within a schema.
fn pointer(reference: &str) -> Option<String> {
    let fragment = reference.strip_prefix('#')?;
    Some(
        percent_decode_str(fragment)
            .decode_utf8_lossy()
            .into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A schema with the hidden input "function", and this beside it.
    fn with(more: &Value) -> Value {
        let mut schema = json!({
            "type": "object",
            "properties": {
                "symbol": { "type": "string" },
                "function": { "const": "GLOBAL_HUSH", "x-hidden": true },
            },
        });
        let members = schema.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        schema
    }

    fn plain() -> Value {
        json!({ "type": "object", "properties": { "symbol": { "type": "string" } } })
    }

    #[test]
    fn keywords_are_no_names_and_branches_stand_alone() {
        let schema = json!({
            "type": "object",
            "properties": { "symbol": { "type": "string" }, "format": { "const": "json", "x-hidden": true } },
            "additionalProperties": { "type": "string", "format": "date" },
            "anyOf": [{ "required": ["symbol"] }, { "minProperties": 1 }],
            "allOf": [{ "properties": { "a": { "type": "integer" } }, "required": ["a"] }, { "required": ["format"] }],
        });
        let shown = visible(&schema);
        assert_eq!(
            shown["additionalProperties"],
            schema["additionalProperties"]
        );
        assert_eq!(shown["anyOf"], schema["anyOf"]);
        assert_eq!(shown["allOf"], json!([schema["allOf"][0], true]));
        assert_eq!(
            shown["properties"],
            json!({ "symbol": { "type": "string" } })
        );
    }

    #[test]
    fn no_keyword_speaks_of_a_hidden_input() {
        for more in [
            json!({ "dependentRequired": { "symbol": ["function"] } }),
            json!({ "dependentSchemas": { "function": { "required": ["symbol"] } } }),
            json!({ "if": { "properties": { "function": { "const": "GLOBAL_HUSH" } } } }),
            json!({ "then": { "required": ["function"] }, "else": { "required": ["function"] } }),
            json!({ "allOf": [{ "properties": { "function": {} } }] }),
            json!({ "anyOf": [{ "required": ["symbol"] }, { "required": ["function"] }] }),
            json!({ "oneOf": [{ "required": ["function"] }] }),
            json!({ "not": { "required": ["symbol", "function"], "maxProperties": 1 } }),
            json!({ "propertyNames": { "enum": ["symbol", "function"] } }),
            json!({ "propertyNames": { "pattern": "^(symbol|function)$" } }),
            json!({ "patternProperties": { "^function$": {} } }),
            json!({ "default": { "function": "GLOBAL_HUSH" }, "description": "function" }),
            json!({ "examples": [{ "symbol": "IBM", "function": "GLOBAL_HUSH" }] }),
            json!({ "const": { "function": "GLOBAL_HUSH" }, "enum": [{ "function": 1 }] }),
            json!({ "required": ["function"] }),
            json!({ "$ref": "#/$defs/rule", "$defs": { "rule": { "required": ["function"] } } }),
            json!({ "allOf": [{ "$ref": "#/$defs/a" }], "anyOf": [{ "$ref": "#/$defs/a" }], "$defs": {
                "a": { "allOf": [{ "$ref": "#/$defs/b" }] }, "b": { "required": ["function"] } } }),
        ] {
            assert_eq!(visible(&with(&more)), plain(), "{more}");
        }
    }

    #[test]
    fn what_does_not_speak_of_it_stays() {
        let more = json!({
            "description": "A function of the market",
            "additionalProperties": false,
            "dependentRequired": { "symbol": ["functional"] },
            "$defs": { "used": { "type": "string" } },
            "allOf": [{ "properties": { "symbol": { "$ref": "#/$defs/used" } } }],
        });
        let mut expected = plain();
        let members = expected.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        assert_eq!(visible(&with(&more)), expected);
    }

    #[test]
    fn parts_go_with_what_referred_to_them() {
        let schema = json!({
            "properties": {
                "a": { "$ref": "#/$defs/a~1b" },
                "c": { "$ref": "#/anyOf/0", "title": "C" },
                "function": { "$ref": "#/$defs/only", "default": "X", "x-hidden": true },
            },
            "anyOf": [{ "required": ["function"] }],
            "$defs": { "a/b": { "items": { "$ref": "#/$defs/deep" } }, "deep": {}, "only": { "enum": ["X"] } },
            "definitions": { "only": {} },
        });
        let shown = json!({
            "properties": { "a": { "$ref": "#/$defs/a~1b" }, "c": { "title": "C" } },
            "$defs": { "a/b": { "items": { "$ref": "#/$defs/deep" } }, "deep": {} },
        });
        assert_eq!(visible(&schema), shown);
    }
}
