//! The rules of strict mode, as OpenAI's guide to structured outputs states them and its refusals word them
//! (<https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>).

use serde_json::{Map, Value};

/// Keywords that a strict schema may hold.
const KEYWORDS: [&str; 21] = [
    "type",
    "description",
    "title",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "anyOf",
    "$ref",
    "$defs",
    "definitions",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
];

/// Formats of strings that strict mode knows.
const FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];

const TYPES: [&str; 7] = [
    "object", "array", "string", "number", "integer", "boolean", "null",
];

/// Most properties of one schema, all objects together.
const MAX_PROPERTIES: usize = 5_000;
/// Deepest nesting of objects and lists.
const MAX_DEPTH: usize = 10;
/// Most enum values, all together.
const MAX_ENUM: usize = 1_000;
/// Most characters of all names, definitions, enum and const values.
const MAX_CHARACTERS: usize = 120_000;

/// Checks a function's parameters or an answer's format as OpenAI does.
///
/// # Errors
/// What is refused, in the provider's words, with the place.
pub fn function(schema: &Value, strict: bool) -> Result<(), String> {
    if schema.is_null() && !strict {
        return Ok(());
    }
    if schema["type"] != "object" {
        let got = schema["type"].as_str().unwrap_or("None");
        return Err(format!(
            "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{got}\"'."
        ));
    }
    if !strict {
        if schema["properties"].is_null() {
            return Err("In context=(), object schema missing properties.".to_owned());
        }
        return lists_have_items(schema, &mut Vec::new());
    }
    if !schema["anyOf"].is_null() {
        return Err("In context=(), 'anyOf' is not permitted at the root.".to_owned());
    }
    let mut walk = Walk {
        root: schema,
        at: Vec::new(),
        properties: 0,
        values: 0,
        characters: 0,
    };
    walk.schema(schema, 0)?;
    match walk {
        Walk { properties, .. } if properties > MAX_PROPERTIES => Err(format!(
            "Expected at most {MAX_PROPERTIES} properties, but got {properties} instead."
        )),
        Walk { values, .. } if values > MAX_ENUM => Err(format!(
            "Expected at most {MAX_ENUM} enum values in total within a schema, but got {values} instead."
        )),
        Walk { characters, .. } if characters > MAX_CHARACTERS => Err(format!(
            "Expected at most {MAX_CHARACTERS} characters of names and values, but got {characters} instead."
        )),
        Walk { .. } => Ok(()),
    }
}

/// Lists must say what they hold, strict or not, and no list says it by place.
fn lists_have_items(schema: &Value, at: &mut Vec<String>) -> Result<(), String> {
    if !schema.is_object() {
        return Ok(());
    }
    let is_list = match &schema["type"] {
        Value::Array(types) => types.iter().any(|name| name == "array"),
        one => one == "array",
    };
    if is_list && schema["items"].is_null() {
        return Err(format!(
            "In context={}, array schema missing items.",
            context(at)
        ));
    }
    if schema["items"].is_array() {
        return Err(format!(
            "In context={}, {} is not of type 'object', 'boolean'.",
            context(at),
            schema["items"]
        ));
    }
    for place in ["properties", "$defs", "definitions"] {
        for (name, below) in schema[place].as_object().into_iter().flatten() {
            within(&[place, name], below, at)?;
        }
    }
    for place in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        for (index, below) in schema[place].as_array().into_iter().flatten().enumerate() {
            within(&[place, &index.to_string()], below, at)?;
        }
    }
    within(&["items"], &schema["items"], at)
}

fn within(place: &[&str], schema: &Value, at: &mut Vec<String>) -> Result<(), String> {
    at.extend(place.iter().map(ToString::to_string));
    lists_have_items(schema, at)?;
    at.truncate(at.len() - place.len());
    Ok(())
}

fn context(at: &[String]) -> String {
    let quoted: Vec<String> = at.iter().map(|part| format!("'{part}'")).collect();
    format!("({})", quoted.join(", "))
}

struct Walk<'a> {
    root: &'a Value,
    at: Vec<String>,
    properties: usize,
    values: usize,
    characters: usize,
}

impl Walk<'_> {
    fn refused(&self, what: &str) -> String {
        format!("In context={}, {what}", context(&self.at))
    }

    fn below(&mut self, names: &[&str], schema: &Value, depth: usize) -> Result<(), String> {
        self.at.extend(names.iter().map(ToString::to_string));
        self.schema(schema, depth)?;
        self.at.truncate(self.at.len() - names.len());
        Ok(())
    }

    fn schema(&mut self, schema: &Value, depth: usize) -> Result<(), String> {
        let Some(members) = schema.as_object() else {
            return Err(self.refused("schema must be an object."));
        };
        if depth > MAX_DEPTH {
            return Err(self.refused(&format!(
                "schema exceeds the maximum nesting depth of {MAX_DEPTH}."
            )));
        }
        let unknown = members
            .keys()
            .find(|name| !KEYWORDS.contains(&name.as_str()) && name.as_str() != "maxItems");
        if let Some(name) = unknown {
            return Err(self.refused(&format!("'{name}' is not permitted.")));
        }
        self.definitions(members)?;
        if let Some(reference) = members.get("$ref") {
            return self.reference(members, reference);
        }
        let said = ["type", "anyOf", "enum", "const"];
        if !said.into_iter().any(|name| members.contains_key(name)) {
            return Err(self.refused("schema must have a 'type' key."));
        }
        let types = self.types(&schema["type"])?;
        self.values(members)?;
        if let Some(format) = schema["format"].as_str()
            && !FORMATS.contains(&format)
        {
            return Err(self.refused(&format!("'format': '{format}' is not a supported format.")));
        }
        if types.contains(&"object") {
            self.object(members, depth)?;
        } else if let Some(name) = ["properties", "required"]
            .into_iter()
            .find(|name| members.contains_key(*name))
        {
            return Err(self.refused(&format!(
                "'{name}' is only permitted for 'type: \"object\"'."
            )));
        }
        if types.contains(&"array") {
            let Some(items) = members.get("items") else {
                return Err(self.refused("array schema missing items."));
            };
            self.below(&["items"], items, depth + 1)?;
        }
        match members.get("anyOf") {
            None => Ok(()),
            Some(Value::Array(branches)) if !branches.is_empty() => {
                for (index, branch) in branches.iter().enumerate() {
                    self.below(&["anyOf", &index.to_string()], branch, depth)?;
                }
                Ok(())
            }
            Some(_) => Err(self.refused("'anyOf' must be a list of at least one schema.")),
        }
    }

    fn types<'t>(&self, types: &'t Value) -> Result<Vec<&'t str>, String> {
        let named: Vec<&str> = match types {
            Value::Null => Vec::new(),
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => vec!["?"],
        };
        match named.iter().find(|name| !TYPES.contains(name)) {
            Some(unknown) => Err(self.refused(&format!("'{unknown}' is not a type."))),
            None => Ok(named),
        }
    }

    fn definitions(&mut self, members: &Map<String, Value>) -> Result<(), String> {
        for place in ["$defs", "definitions"] {
            let defined = members.get(place).and_then(Value::as_object);
            for (name, schema) in defined.into_iter().flatten() {
                self.characters += name.len();
                self.below(&[place, name], schema, 0)?;
            }
        }
        Ok(())
    }

    fn reference(&self, members: &Map<String, Value>, reference: &Value) -> Result<(), String> {
        let beside = members.keys().find(|name| *name != "$ref");
        if let Some(name) = beside {
            return Err(self.refused(&format!("$ref cannot have keywords {{'{name}'}}.")));
        }
        let target = reference.as_str().and_then(|text| text.strip_prefix('#'));
        let found = target.is_some_and(|target| self.root.pointer(target).is_some());
        if found {
            return Ok(());
        }
        Err(self.refused(&format!(
            "reference to component {reference} which was not found in the schema."
        )))
    }

    fn values(&mut self, members: &Map<String, Value>) -> Result<(), String> {
        let values = match members.get("enum") {
            None => &[][..],
            Some(Value::Array(values)) if !values.is_empty() => values.as_slice(),
            Some(_) => return Err(self.refused("'enum' must be a list of at least one value.")),
        };
        self.values += values.len();
        let texts: usize = values.iter().filter_map(Value::as_str).map(str::len).sum();
        if values.len() > 250 && texts > 15_000 {
            return Err(self.refused("the values of one enum have more than 15000 characters."));
        }
        self.characters += texts;
        Ok(())
    }

    fn object(&mut self, members: &Map<String, Value>, depth: usize) -> Result<(), String> {
        if members.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Err(
                self.refused("'additionalProperties' is required to be supplied and to be false.")
            );
        }
        let none = Map::new();
        let properties = match members.get("properties") {
            None => &none,
            Some(Value::Object(properties)) => properties,
            Some(_) => return Err(self.refused("'properties' must be an object.")),
        };
        let required: Vec<&str> = match members.get("required") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            None | Some(_) => {
                return Err(self.refused("'required' is required to be supplied and to be an array including every key in properties."));
            }
        };
        if let Some(name) = properties
            .keys()
            .find(|name| !required.contains(&name.as_str()))
        {
            return Err(self.refused(&format!(
                "'required' is required to be supplied and to be an array including every key in properties. Missing '{name}'."
            )));
        }
        if let Some(name) = required
            .iter()
            .find(|name| !properties.contains_key(**name))
        {
            return Err(self.refused(&format!(
                "'required' names '{name}', which 'properties' does not hold."
            )));
        }
        for (name, schema) in properties {
            self.properties += 1;
            self.characters += name.len();
            self.below(&["properties", name], schema, depth + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strict_schemas_are_taken() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["city", "days", "stops"],
            "properties": {
                "city": { "type": "string", "description": "A city", "format": "hostname" },
                "days": { "type": ["integer", "null"], "minimum": 1 },
                "stops": { "type": "array", "items": { "anyOf": [{ "$ref": "#/$defs/stop" }, { "type": "null" }] } }
            },
            "$defs": { "stop": { "type": "object", "properties": {}, "required": [], "additionalProperties": false } }
        });
        assert_eq!(function(&schema, true), Ok(()));
    }

    #[test]
    fn each_breach_is_told_with_its_place() {
        let property = |schema: Value| {
            json!({
                "type": "object", "properties": { "a": schema }, "required": ["a"],
                "additionalProperties": false
            })
        };
        for (schema, said) in [
            (json!({}), "got 'type: \"None\"'"),
            (
                json!({ "type": "object", "properties": {}, "required": [] }),
                "'additionalProperties' is required",
            ),
            (
                json!({ "type": "object", "properties": { "a": { "type": "null" } }, "required": [], "additionalProperties": false }),
                "Missing 'a'",
            ),
            (
                property(json!({})),
                "('properties', 'a'), schema must have a 'type' key",
            ),
            (
                property(json!({ "type": "array" })),
                "array schema missing items",
            ),
            (
                property(json!({ "type": "string", "default": "x" })),
                "'default' is not permitted",
            ),
            (
                property(json!({ "type": "string", "minLength": 1 })),
                "'minLength' is not permitted",
            ),
            (
                property(json!({ "type": "string", "format": "uri" })),
                "not a supported format",
            ),
            (
                property(json!({ "oneOf": [{ "type": "null" }] })),
                "'oneOf' is not permitted",
            ),
            (
                property(json!({ "allOf": [{ "type": "null" }] })),
                "'allOf' is not permitted",
            ),
            (
                property(json!({ "$ref": "#/$defs/gone" })),
                "not found in the schema",
            ),
            (
                property(json!({ "$ref": "#", "description": "x" })),
                "$ref cannot have keywords",
            ),
            (
                property(json!({ "type": "object" })),
                "'additionalProperties' is required",
            ),
        ] {
            let refused = function(&schema, true).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn other_functions_may_say_more() {
        let schema =
            json!({ "type": "object", "properties": { "a": { "default": 1 } }, "oneOf": [] });
        assert_eq!(function(&schema, false), Ok(()));
        assert_eq!(function(&Value::Null, false), Ok(()));
        let list = json!({ "type": "object", "properties": { "a": { "type": "array" } } });
        assert!(function(&list, false).is_err());
        let within = json!({ "type": "object", "properties": { "a": { "anyOf": [{ "type": ["array", "null"] }] } } });
        assert_eq!(
            function(&within, false).unwrap_err(),
            "In context=('properties', 'a', 'anyOf', '0'), array schema missing items."
        );
        let by_place =
            json!({ "type": "object", "properties": { "a": { "type": "array", "items": [{}] } } });
        assert!(function(&by_place, false).is_err());
        assert!(function(&json!({ "type": "object" }), false).is_err());
        assert!(function(&json!({ "type": "string" }), false).is_err());
    }
}
