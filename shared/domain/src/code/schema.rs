//! JSON Schemas of Rust types, in the form that tools have them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

/// The schema of what is read.
pub(super) fn of_input<T: JsonSchema>() -> Value {
    plain(
        settings()
            .for_deserialize()
            .into_generator()
            .into_root_schema_for::<T>(),
    )
}

/// The schema of what is written.
pub(super) fn of_output<T: JsonSchema>() -> Value {
    plain(
        settings()
            .for_serialize()
            .into_generator()
            .into_root_schema_for::<T>(),
    )
}

/// Without references, which some models read badly; only types that hold themselves still have them.
fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    })
}

/// Without the names of Rust types and numbers, which tell a model nothing.
fn plain(schema: Schema) -> Value {
    let mut value = match schema.to_value() {
        Value::Object(members) => Value::Object(members),
        _ => Value::Object(Map::new()),
    };
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("title");
        members.shift_remove("description");
    }
    without_widths(&mut value);
    value
}

/// `format: uint8` and its like are no formats of JSON Schema; what they mean stands in `minimum` and `maximum`.
fn without_widths(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let number = members.get("type").is_some_and(is_number);
            if number && members.get("format").is_some_and(Value::is_string) {
                members.shift_remove("format");
            }
            members.values_mut().for_each(without_widths);
        }
        Value::Array(items) => items.iter_mut().for_each(without_widths),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `"integer"`, `"number"`, or a list with one of them.
fn is_number(kind: &Value) -> bool {
    match kind {
        Value::String(name) => matches!(name.as_str(), "integer" | "number"),
        Value::Array(names) => names.iter().any(is_number),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}
