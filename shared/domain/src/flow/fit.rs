//! Whether what a template comes to can fit a schema, as far as it is known before it runs.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::check::Callee;
use super::template::{Node, Template};
use crate::fault::Fault;
use crate::formats::is_hidden;
use crate::ids::ToolId;
use crate::path::escape_token;
use crate::schema::Compiled;
use crate::text;
use crate::walk::{At, Faults};

/// Schemas that were compiled before, by whose they are and where in it they stand.
#[derive(Debug, Default)]
pub(super) struct Fit(HashMap<(ToolId, String), Option<Compiled>>);

/// A part of a callee's schema.
#[derive(Clone, Copy)]
struct Part<'s> {
    callee: &'s ToolId,
    root: &'s Value,
    schema: &'s Value,
}

impl Fit {
    /// Notes why an input can never fit.
    pub(super) fn check(
        &mut self,
        id: &ToolId,
        callee: Callee<'_>,
        input: &Template,
        at: &At<'_>,
        faults: &mut Faults,
    ) {
        let Some(schema) = callee.input_schema else {
            // A flow without a schema takes any object.
            return;
        };
        let part = Part {
            callee: id,
            root: schema,
            schema,
        };
        match &input.0 {
            Node::Literal(Value::Object(members)) => {
                let filled = Value::Object(with_hidden(members, schema));
                self.literal(&filled, part, "", at, faults);
            }
            node => self.node(node, part, "", at, faults),
        }
    }

    fn node(&mut self, node: &Node, part: Part<'_>, place: &str, at: &At<'_>, faults: &mut Faults) {
        match node {
            Node::Literal(value) => self.literal(value, part, place, at, faults),
            Node::Whole(_) => {}
            Node::Mixed(_) => text(part, at, faults),
            Node::Array(items) => {
                if !allows(part.schema, "array") {
                    return wrong(part, "an array", at, faults);
                }
                let Some(schema) = part.schema.get("items").filter(|items| items.is_object())
                else {
                    return;
                };
                let (part, place) = resolved(Part { schema, ..part }, format!("{place}/items"));
                for (index, item) in items.iter().enumerate() {
                    self.node(item, part, &place, &at.index(index), faults);
                }
            }
            Node::Object(members) => {
                if !allows(part.schema, "object") {
                    return wrong(part, "an object", at, faults);
                }
                required(members, part.schema, at, faults);
                for (name, member) in members {
                    self.member(name, member, part, place, &at.name(name), faults);
                }
            }
        }
    }

    fn member(
        &mut self,
        name: &str,
        member: &Node,
        part: Part<'_>,
        place: &str,
        at: &At<'_>,
        faults: &mut Faults,
    ) {
        let properties = part.schema.get("properties").and_then(Value::as_object);
        if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
            let place = format!("{place}/properties/{}", escape_token(name));
            let (part, place) = resolved(Part { schema, ..part }, place);
            return self.node(member, part, &place, at, faults);
        }
        let closed = part.schema.get("additionalProperties") == Some(&Value::Bool(false));
        if closed && part.schema.get("patternProperties").is_none() {
            let names: Vec<&str> = properties
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect();
            let hint = text::did_you_mean(name, &names)
                .unwrap_or_else(|| format!("inputs of \"{}\": {}", part.callee, names.join(", ")));
            let message = format!("\"{}\" has no input of this name", part.callee);
            faults.advise(at, "unknown_field", message, hint);
        }
    }

    /// A value that is known: the schema itself says what is wrong with it.
    fn literal(
        &mut self,
        value: &Value,
        part: Part<'_>,
        place: &str,
        at: &At<'_>,
        faults: &mut Faults,
    ) {
        let key = (part.callee.clone(), place.to_owned());
        let compiled = self.0.entry(key).or_insert_with(|| compiled(part));
        let Some(compiled) = compiled else {
            return;
        };
        for fault in compiled.faults_to_author(value) {
            let pointer = format!("{}{}", at.pointer(), fault.pointer);
            faults.tell(Fault { pointer, ..fault });
        }
    }
}

/// The schema with the definitions that it may refer to; `None` when it cannot stand alone.
fn compiled(part: Part<'_>) -> Option<Compiled> {
    let Value::Object(members) = part.schema else {
        return None;
    };
    let mut alone = members.clone();
    for name in ["$defs", "definitions", "$schema"] {
        if let Some(definitions) = part.root.get(name) {
            alone.entry(name).or_insert_with(|| definitions.clone());
        }
    }
    Compiled::new(&Value::Object(alone)).ok()
}

/// What `$ref` leads to, when it leads into the same schema.
fn resolved(part: Part<'_>, place: String) -> (Part<'_>, String) {
    let (mut part, mut place) = (part, place);
    for _ in 0..8 {
        let Some(reference) = part.schema.get("$ref").and_then(Value::as_str) else {
            break;
        };
        let Some(pointer) = reference.strip_prefix('#') else {
            break;
        };
        let Some(schema) = part.root.pointer(pointer) else {
            break;
        };
        pointer.clone_into(&mut place);
        part.schema = schema;
    }
    (part, place)
}

fn required(members: &[(String, Node)], schema: &Value, at: &At<'_>, faults: &mut Faults) {
    let names = schema.get("required").and_then(Value::as_array);
    for name in names.into_iter().flatten().filter_map(Value::as_str) {
        let given = members.iter().any(|(given, _)| given == name);
        let property = schema.get("properties").and_then(|all| all.get(name));
        if !given && property.and_then(hidden_value).is_none() {
            faults.missing(at, name);
        }
    }
}

/// What an execution fills in for a property that nobody sees.
fn hidden_value(property: &Value) -> Option<&Value> {
    let value = property.get("const").or_else(|| property.get("default"));
    value.filter(|_| is_hidden(property))
}

fn with_hidden(members: &Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let mut filled = members.clone();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        if let Some(value) = hidden_value(property).filter(|_| !filled.contains_key(name)) {
            filled.insert(name.clone(), value.clone());
        }
    }
    filled
}

/// A text with expressions in it is a text, whatever they come to.
fn text(part: Part<'_>, at: &At<'_>, faults: &mut Faults) {
    let texts = match (part.schema.get("const"), part.schema.get("enum")) {
        (Some(only), _) => only.is_string(),
        (None, Some(Value::Array(choices))) => choices.iter().any(Value::is_string),
        (None, Some(_) | None) => true,
    };
    if !texts || !allows(part.schema, "string") {
        let hint = "leave only {{ … }}: one whole expression keeps its type";
        let message = format!("a text, which \"{}\" does not take here", part.callee);
        faults.advise(at, "invalid_type", message, hint);
    }
}

fn wrong(part: Part<'_>, found: &str, at: &At<'_>, faults: &mut Faults) {
    let message = format!("{found}, which \"{}\" does not take here", part.callee);
    faults.add(at, "invalid_type", message);
}

/// Whether a schema allows a type, as far as its `type` says.
fn allows(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        Some(_) | None => schema != &Value::Bool(false),
    }
}
