//! From a description's schema to a plain JSON Schema, and from that to a value.

use serde_json::{Map, Value, json};

use super::description::Description;

/// What is kept as it is.
const KEPT: [&str; 10] = [
    "type",
    "enum",
    "const",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "format",
];

/// A file of a multipart body.
pub(super) fn file() -> Value {
    json!({ "type": "object", "required": ["filename", "base64"], "properties": {
        "filename": { "type": "string", "default": "a.txt" },
        "content_type": { "type": "string", "default": "text/plain" },
        "base64": { "type": "string", "default": "QUFB" } } })
}

impl Description {
    /// The schema without references, `levels` deep; deeper it allows anything.
    pub(super) fn plain(&self, schema: &Value, levels: usize) -> Value {
        let schema = self.resolved(schema);
        let Some(members) = schema.as_object().filter(|_| levels > 0) else {
            return json!({});
        };
        if schema["type"] == "file" || schema["format"] == "binary" {
            return file();
        }
        let mut plain = Map::new();
        for name in KEPT {
            // Bounds of 2.0 and 3.0 can be booleans.
            if let Some(value) = members.get(name).filter(|value| !value.is_boolean()) {
                plain.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(text) = schema["description"].as_str() {
            let text: String = text
                .chars()
                .filter(|c| !c.is_control() && *c != '$')
                .take(200)
                .collect();
            plain.insert("description".to_owned(), text.into());
        }
        self.properties(schema, levels, &mut plain);
        if plain.contains_key("properties") {
            plain.entry("type").or_insert_with(|| "object".into());
        }
        if let Some(items) = members.get("items") {
            plain.insert("items".to_owned(), self.plain(items, levels - 1));
        }
        for name in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[name]
                .as_array()
                .filter(|_| !plain.contains_key("properties"))
            {
                let choices: Vec<Value> = choices
                    .iter()
                    .map(|choice| self.plain(choice, levels - 1))
                    .collect();
                plain.insert("anyOf".to_owned(), choices.into());
            }
        }
        if schema["nullable"] == true && schema["type"].is_string() {
            plain.insert("type".to_owned(), json!([schema["type"], "null"]));
            if let Some(Value::Array(choices)) = plain.get_mut("enum") {
                choices.push(Value::Null);
            }
        }
        Value::Object(plain)
    }

    /// The properties of the schema and of all parts of `allOf`.
    fn properties(&self, schema: &Value, levels: usize, plain: &mut Map<String, Value>) {
        let mut properties = Map::new();
        let mut required: Vec<Value> = Vec::new();
        self.gather(schema, levels, &mut properties, &mut required);
        required.retain(|name| {
            name.as_str()
                .is_some_and(|name| properties.contains_key(name))
        });
        required.dedup();
        if !properties.is_empty() {
            plain.insert("properties".to_owned(), properties.into());
            plain.insert("required".to_owned(), required.into());
        }
    }

    fn gather(
        &self,
        schema: &Value,
        levels: usize,
        properties: &mut Map<String, Value>,
        required: &mut Vec<Value>,
    ) {
        let schema = self.resolved(schema);
        if levels == 0 {
            return;
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.gather(part, levels - 1, properties, required);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if self.resolved(property)["readOnly"] != true {
                properties.insert(name.clone(), self.plain(property, levels - 1));
            }
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            if !required.contains(name) {
                required.push(name.clone());
            }
        }
    }
}

/// A value that fits a plain schema; with everything that may stand in it, or only with what must.
pub(super) fn value(schema: &Value, all: bool) -> Value {
    for name in ["const", "default"] {
        if let Some(value) = schema.get(name) {
            return value.clone();
        }
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(first) = schema["anyOf"].get(0) {
        return value(first, all);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .find(|kind| *kind != "null")
            .cloned()
            .unwrap_or_default(),
        kind => kind.clone(),
    };
    match kind.as_str().unwrap_or_default() {
        "object" => object(schema, all),
        "array" => {
            let least = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 100);
            let most = schema["maxItems"].as_u64().unwrap_or(least);
            (0..least.min(most))
                .map(|_| value(&schema["items"], all))
                .collect()
        }
        "integer" => json!(schema["minimum"].as_f64().map_or(1, |least| {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "bounds of real descriptions"
            )]
            let least = least.ceil() as i64;
            least
        })),
        "number" => json!(schema["minimum"].as_f64().unwrap_or(1.5)),
        "boolean" => json!(true),
        "null" => Value::Null,
        _ => text(schema).into(),
    }
}

fn object(schema: &Value, all: bool) -> Value {
    let required = schema["required"].as_array();
    let needed = |name: &String| {
        required.is_some_and(|names| names.iter().any(|other| other == name.as_str()))
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    let chosen = properties.filter(|(name, _)| all || needed(name));
    Value::Object(
        chosen
            .map(|(name, schema)| (name.clone(), value(schema, all)))
            .collect(),
    )
}

fn text(schema: &Value) -> String {
    let text = match schema["format"].as_str().unwrap_or_default() {
        "date" => "2026-11-22",
        "date-time" => "2026-11-22T18:00:00Z",
        "email" => "alice@example.com",
        "uri" | "url" => "https://example.com/a?b=c",
        "uuid" => "0190b0a0-0000-7000-8000-000000000000",
        _ => "a text & more",
    };
    let least = usize::try_from(schema["minLength"].as_u64().unwrap_or(0)).unwrap();
    let most = usize::try_from(schema["maxLength"].as_u64().unwrap_or(10_000)).unwrap();
    let padded = format!("{text}{}", "x".repeat(least.saturating_sub(text.len())));
    padded.chars().take(most).collect()
}
