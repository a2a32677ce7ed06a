//! The schema of a tool that is not strict: its own, as far as providers take it.

use serde_json::{Map, Value, json};

use super::WRAPPER;
use crate::schema;

/// Keywords that no provider takes at the root of a function's parameters.
const NEVER_AT_ROOT: [&str; 7] = ["oneOf", "anyOf", "allOf", "enum", "const", "not", "$ref"];

/// The tool's own schema, in a property of its own (`true`) where its root is none that providers take.
pub(super) fn loose(schema: &Value) -> (Value, bool) {
    let refused = NEVER_AT_ROOT.iter().any(|name| schema.get(name).is_some());
    let (mut parameters, wrapped) = match schema.get("type") {
        Some(kind) if !refused && kind == "object" => (schema.clone(), false),
        None if !refused => (schema::with_type(schema), false),
        Some(_) | None => (wrapped(schema), true),
    };
    each_schema(&mut parameters, &mut complete);
    if parameters.get("properties").is_none() {
        parameters["properties"] = json!({});
    }
    (parameters, wrapped)
}

fn wrapped(schema: &Value) -> Value {
    let mut moved = schema.clone();
    if let Some(members) = moved.as_object_mut() {
        members.shift_remove("$schema");
        members.shift_remove("$id");
    }
    each_schema(&mut moved, &mut move_reference);
    let mut parameters = json!({
        "type": "object",
        "properties": {},
        "required": [WRAPPER],
        "additionalProperties": false,
    });
    if let Some(dialect) = schema.get("$schema") {
        parameters["$schema"] = dialect.clone();
    }
    parameters["properties"][WRAPPER] = moved;
    parameters
}

/// Makes a reference follow a schema that stands deeper than before.
fn move_reference(members: &mut Map<String, Value>) {
    if let Some(Value::String(target)) = members.get_mut("$ref")
        && let Some(rest) = target.strip_prefix('#')
    {
        *target = format!("#/properties/{WRAPPER}{rest}");
    }
}

/// Gives an array the `items` without which OpenAI refuses the whole request ("array schema missing items"), and its
/// elements by place the name that they have today.
fn complete(members: &mut Map<String, Value>) {
    let is_array = match members.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "array"),
        Some(kind) => kind == "array",
        None => false,
    };
    if matches!(members.get("items"), Some(Value::Array(_)))
        && let Some(places) = members.shift_remove("items")
    {
        let rest = members.shift_remove("additionalItems");
        members.insert("prefixItems".to_owned(), places);
        members.insert("items".to_owned(), rest.unwrap_or_else(|| json!({})));
    } else if is_array && !members.contains_key("items") {
        members.insert("items".to_owned(), json!({}));
    }
}

/// Visits a schema and all schemas within it, but no values.
fn each_schema(schema: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(members) = schema else {
        return;
    };
    visit(members);
    for (name, value) in members.iter_mut() {
        match (name.as_str(), value) {
            ("enum" | "const" | "default" | "example" | "examples", _) => {}
            (
                "properties" | "$defs" | "definitions" | "patternProperties" | "dependentSchemas"
                | "dependencies",
                Value::Object(named),
            ) => named
                .values_mut()
                .for_each(|named| each_schema(named, visit)),
            (_, Value::Array(items)) => {
                items.iter_mut().for_each(|item| each_schema(item, visit));
            }
            (_, other) => each_schema(other, visit),
        }
    }
}
