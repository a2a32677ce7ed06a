//! Request schemas of real API descriptions: how many can be made strict, and what stands in the way of the others.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde_json::Map;

use super::*;

const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// Tells past the test's capture, and to `.ci/run`, that a test was skipped.
fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED {test}: {reason}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("SKIP_LOG") {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
}

/// The inputs of every operation, as one schema each.
fn inputs(document: &Value) -> Vec<Value> {
    let paths = document["paths"].as_object();
    let mut all = Vec::new();
    for (_, path) in paths.into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = path.get(method) {
                all.push(input(document, path, operation));
            }
        }
    }
    all
}

fn input(document: &Value, path: &Value, operation: &Value) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let lists = [&path["parameters"], &operation["parameters"]];
    for parameter in lists.into_iter().filter_map(Value::as_array).flatten() {
        let parameter = resolved(document, parameter);
        let name = if parameter["in"] == "body" {
            "body"
        } else {
            parameter["name"].as_str().unwrap_or("?")
        };
        let schema = match parameter.get("schema") {
            Some(schema) => schema.clone(),
            None => plain(parameter),
        };
        if parameter["required"] == true && properties.get(name).is_none() {
            required.push(Value::from(name));
        }
        properties.insert(name.to_owned(), schema);
    }
    if let Some(body) = operation.get("requestBody") {
        let body = resolved(document, body);
        let content = body["content"].as_object();
        let first = content.and_then(|kinds| {
            kinds
                .get("application/json")
                .or_else(|| kinds.values().next())
        });
        if let Some(schema) = first.and_then(|kind| kind.get("schema")) {
            properties.insert("body".to_owned(), schema.clone());
            required.push("body".into());
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties, "required": required });
    let mut parts = Map::new();
    carry(document, &mut schema, &mut parts);
    if !parts.is_empty() {
        schema["$defs"] = Value::Object(parts);
    }
    schema
}

/// A parameter of OpenAPI 2.0 is its own schema.
fn plain(parameter: &Value) -> Value {
    let mut schema = parameter.clone();
    if let Some(members) = schema.as_object_mut() {
        let keep = [
            "type",
            "items",
            "enum",
            "default",
            "format",
            "description",
            "minimum",
            "maximum",
        ];
        members.retain(|name, _| keep.contains(&name.as_str()));
        if members.get("type") == Some(&"file".into()) {
            members.insert("type".to_owned(), "string".into());
        }
    }
    schema
}

fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let target = value.get("$ref").and_then(Value::as_str);
    target
        .and_then(|target| document.pointer(&target[1..]))
        .unwrap_or(value)
}

/// Brings the parts that a schema refers to into its own `$defs`.
fn carry(document: &Value, schema: &mut Value, parts: &mut Map<String, Value>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref")
                && let Some(pointer) = target.strip_prefix('#').map(str::to_owned)
            {
                let name = pointer.rsplit('/').next().unwrap_or_default().to_owned();
                *target = format!("#/$defs/{name}");
                if !parts.contains_key(&name) {
                    parts.insert(name.clone(), Value::Null);
                    let mut part = document.pointer(&pointer).cloned().unwrap_or(Value::Null);
                    carry(document, &mut part, parts);
                    parts.insert(name, part);
                }
            }
            for (name, value) in members.iter_mut() {
                if name != "example" && name != "examples" && name != "default" {
                    carry(document, value, parts);
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| carry(document, item, parts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn most_real_operations_become_strict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/openapi");
    let Ok(files) = std::fs::read_dir(&folder) else {
        return skip("strict::real", "there is no folder ../shared/cases/openapi");
    };
    let (mut usable, mut made) = (0_usize, 0_usize);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut unusable: BTreeMap<String, usize> = BTreeMap::new();
    for file in files.map(|file| file.unwrap().path()) {
        if file.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for schema in inputs(&document) {
            match definition(&view(schema)) {
                Ok(definition) => {
                    usable += 1;
                    rules::check_definition(&definition);
                    match definition.not_strict() {
                        None => {
                            rules::check(&definition.function()["parameters"]);
                            made += 1;
                        }
                        Some(why) => *reasons.entry(why.reason.clone()).or_default() += 1,
                    }
                }
                Err(why) => {
                    *unusable
                        .entry(why.reason.chars().take(90).collect())
                        .or_default() += 1
                }
            }
        }
    }
    let refused: usize = unusable.values().sum();
    eprintln!("{made} of {usable} strict; {reasons:#?}; {refused} unusable {unusable:#?}");
    assert!(usable > 1_000, "{usable}");
    let share = made * 1_000 / usable;
    assert!(share >= 800, "{share} per mille: {reasons:#?}");
}
