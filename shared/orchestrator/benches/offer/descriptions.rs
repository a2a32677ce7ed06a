//! Tools made of API descriptions: one an operation, as somebody would save it.

use std::fs;
use std::path::{Path, PathBuf};

use domain::config;
use domain::egress::Policy;
use registry::CompiledTool;
use serde_json::{Map, Value, json};

/// What a config allows.
const MAX_DESCRIPTION: usize = 1_024;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// An operation and the tool that it became.
pub(crate) struct Operation {
    /// The API's and the operation's name, such as `slack chat_postMessage`.
    pub(crate) name: String,
    /// The description's own short text.
    pub(crate) summary: String,
    pub(crate) tool: CompiledTool,
}

/// Every operation of the descriptions in a directory, in order of the files.
pub(crate) fn read(directory: &Path) -> Vec<Operation> {
    let files = fs::read_dir(directory).expect("a directory of API descriptions");
    let mut files: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    files.sort();
    files.iter().flat_map(|file| of_file(file)).collect()
}

fn of_file(file: &Path) -> Vec<Operation> {
    let text = fs::read_to_string(file).expect("a readable file");
    let root: Value = serde_json::from_str(&text).expect("JSON");
    let stem = file
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let api = stem
        .strip_prefix("pp-")
        .unwrap_or(stem)
        .split('-')
        .next()
        .unwrap_or_default();
    let mut operations = Vec::new();
    for (path, item) in root["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                operations.extend(of_operation(
                    &root,
                    api,
                    &format!("{method} {path}"),
                    item,
                    operation,
                ));
            }
        }
    }
    operations
}

fn of_operation(
    root: &Value,
    api: &str,
    route: &str,
    item: &Value,
    operation: &Value,
) -> Option<Operation> {
    let text = |key: &str| {
        operation[key]
            .as_str()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let (summary, long) = (text("summary"), text("description"));
    let description = match (summary.is_empty(), long.is_empty()) {
        (false, false) if !long.starts_with(&summary) => format!("{summary}. {long}"),
        (_, false) => long,
        (_, true) => summary.clone(),
    };
    let name = format!(
        "{api} {}",
        operation["operationId"].as_str().unwrap_or(route)
    );
    let description = if description.is_empty() {
        name.clone()
    } else {
        description
    };
    let document = json!({
        "name": name.replace(['/', '{', '}', '*'], " ").trim(),
        "description": description.chars().take(MAX_DESCRIPTION).collect::<String>(),
        "api": { "base_url": "https://api.example.com", "path": "/x", "method": "POST", "auth": { "method": "none" } },
        "input_schema": { "type": "object", "properties": inputs(root, item, operation) },
        "output_schema": {},
    });
    let config = config::read(&document, &Policy::default())
        .map_err(|faults| println!("left out: {name}: {:?}", faults.first()))
        .ok()?;
    let tool = CompiledTool::new(config, 1, String::new(), String::new());
    Some(Operation {
        name,
        summary,
        tool,
    })
}

/// Parameters and the members of the body.
fn inputs(root: &Value, item: &Value, operation: &Value) -> Map<String, Value> {
    let mut inputs = Map::new();
    for parameters in [&item["parameters"], &operation["parameters"]] {
        for parameter in parameters.as_array().into_iter().flatten() {
            let parameter = followed(root, parameter);
            let schema = parameter.get("schema");
            match (parameter["in"].as_str(), parameter["name"].as_str()) {
                (Some("body"), _) => members(root, schema.unwrap_or(&Value::Null), 0, &mut inputs),
                (Some("header" | "cookie"), _) | (_, None) => {}
                (_, Some(name)) => {
                    let mut input = plain(root, schema.unwrap_or(parameter));
                    if let Some(text) = parameter["description"].as_str() {
                        input["description"] = text.into();
                    }
                    inputs.insert(name.to_owned(), input);
                }
            }
        }
    }
    let content = &followed(root, &operation["requestBody"])["content"];
    if let Some(body) = content.as_object().and_then(|kinds| kinds.values().next()) {
        members(root, &body["schema"], 0, &mut inputs);
    }
    inputs
}

fn members(root: &Value, schema: &Value, depth: usize, into: &mut Map<String, Value>) {
    let schema = followed(root, schema);
    if depth > 4 {
        return;
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        members(root, part, depth + 1, into);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        into.insert(name.clone(), plain(root, member));
    }
}

/// The first level of a schema; what is deeper is any value.
fn plain(root: &Value, schema: &Value) -> Value {
    let schema = followed(root, schema);
    let mut kept = Map::new();
    for key in ["type", "description", "enum"] {
        match schema.get(key) {
            Some(Value::Array(kinds)) if key == "type" || kinds.is_empty() => {}
            Some(Value::String(kind)) if key == "type" && kind == "file" => {}
            Some(value) => {
                kept.insert(key.to_owned(), value.clone());
            }
            None => {}
        }
    }
    if kept.get("type") == Some(&json!("array")) {
        let items = followed(root, &schema["items"]);
        kept.insert(
            "items".to_owned(),
            json!({ "type": items["type"].as_str().unwrap_or("string") }),
        );
    }
    Value::Object(kept)
}

fn followed<'v>(root: &'v Value, mut value: &'v Value) -> &'v Value {
    for _ in 0..10 {
        let target = value["$ref"]
            .as_str()
            .and_then(|target| target.strip_prefix('#'));
        match target.and_then(|target| root.pointer(target)) {
            Some(next) => value = next,
            None => break,
        }
    }
    value
}
