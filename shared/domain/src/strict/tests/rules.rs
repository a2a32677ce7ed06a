//! The rules of strict mode, written down a second time: what the provider's guide says, not what the code does.

use std::collections::BTreeSet;

use serde_json::Value;

const ALLOWED: [&str; 10] = [
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "anyOf",
    "$ref",
    "$defs",
];
const TYPES: [&str; 7] = [
    "string", "number", "boolean", "integer", "object", "array", "null",
];

#[derive(Default)]
struct Sums {
    properties: usize,
    values: usize,
    characters: usize,
}

/// Panics where a schema breaks a rule, by this reading of the guide or by the scripted model server's own.
pub(super) fn check(schema: &Value) {
    if let Err(refused) = scripted_model::check_parameters(schema, true) {
        panic!("{refused} {schema}");
    }
    assert_eq!(schema["type"], "object", "the root is no object: {schema}");
    assert!(
        schema.get("anyOf").is_none() && schema.get("$ref").is_none(),
        "{schema}"
    );
    let mut sums = Sums::default();
    part(schema, schema, true, &mut sums);
    let definitions = schema.get("$defs").and_then(Value::as_object);
    for (name, definition) in definitions.into_iter().flatten() {
        sums.characters += name.chars().count();
        part(schema, definition, false, &mut sums);
    }
    assert!(sums.properties <= 5_000 && sums.values <= 1_000 && sums.characters <= 120_000);
    assert!(height(schema, schema, &mut Vec::new()) <= 10, "{schema}");
}

/// Panics where a provider would refuse a function, strict or not.
pub(super) fn check_definition(definition: &super::Definition) {
    let function = definition.function();
    let strict = function["strict"] == true;
    if let Err(refused) = scripted_model::check_parameters(&function["parameters"], strict) {
        panic!("{refused} {function}");
    }
}

fn part(root: &Value, schema: &Value, is_root: bool, sums: &mut Sums) {
    let members = schema
        .as_object()
        .unwrap_or_else(|| panic!("no schema: {schema}"));
    for name in members.keys() {
        assert!(ALLOWED.contains(&name.as_str()), "{name} in {schema}");
    }
    assert!(is_root || !members.contains_key("$defs"));
    if let Some(target) = members.get("$ref") {
        assert_eq!(members.len(), 1, "a reference stands alone: {schema}");
        let target = target.as_str().unwrap();
        assert!(target.starts_with("#/$defs/"));
        assert!(root.pointer(&target[1..]).is_some(), "{target}");
        return;
    }
    if let Some(alternatives) = members.get("anyOf") {
        assert!(!members.contains_key("type"));
        let alternatives = alternatives.as_array().unwrap();
        assert!(!alternatives.is_empty());
        let mut firsts = BTreeSet::new();
        for alternative in alternatives {
            part(root, alternative, false, sums);
            first_keys(root, alternative, 0, &mut |key| {
                assert!(
                    firsts.insert(key.to_owned()),
                    "first key {key} twice: {schema}"
                );
            });
        }
        return;
    }
    let types: Vec<&str> = match &members["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
        other => panic!("type {other}"),
    };
    assert!(types.iter().all(|name| TYPES.contains(name)));
    if types.contains(&"object") {
        object(root, schema, sums);
    }
    if types.contains(&"array") {
        part(root, &members["items"], false, sums);
    }
    if let Some(values) = members.get("enum") {
        let values = values.as_array().unwrap();
        assert!(!values.is_empty());
        sums.values += values.len();
        let lengths = values
            .iter()
            .filter_map(Value::as_str)
            .map(|text| text.chars().count());
        let characters: usize = lengths.sum();
        assert!(values.len() <= 250 || characters <= 15_000);
        sums.characters += characters;
        for (index, value) in values.iter().enumerate() {
            assert!(!value.is_object() && !value.is_array());
            assert!(!values[..index].contains(value), "{value} twice");
        }
    }
}

fn object(root: &Value, schema: &Value, sums: &mut Sums) {
    assert_eq!(schema["additionalProperties"], false, "{schema}");
    let properties = schema["properties"].as_object().unwrap();
    let names: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
    let required = schema["required"].as_array().unwrap();
    let required: Vec<&str> = required.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(required.len(), names.len());
    assert_eq!(required.into_iter().collect::<BTreeSet<_>>(), names);
    for (name, property) in properties {
        sums.properties += 1;
        sums.characters += name.chars().count();
        part(root, property, false, sums);
    }
}

fn first_keys(root: &Value, schema: &Value, hops: usize, each: &mut impl FnMut(&str)) {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        if hops < 8 {
            first_keys(root, root.pointer(&target[1..]).unwrap(), hops + 1, each);
        }
    } else if let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) {
        for alternative in alternatives {
            first_keys(root, alternative, hops, each);
        }
    } else if let Some(properties) = schema.get("properties").and_then(Value::as_object)
        && let Some(first) = properties.keys().next()
    {
        each(first);
    }
}

/// Objects and arrays in one another; a circle counts once.
fn height<'s>(root: &'s Value, schema: &'s Value, way: &mut Vec<&'s str>) -> usize {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        if way.contains(&target) {
            return 0;
        }
        way.push(target);
        let below = height(root, root.pointer(&target[1..]).unwrap(), way);
        way.pop();
        return below;
    }
    let list = |name: &str| {
        schema
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let mut below = 0;
    for alternative in list("anyOf") {
        below = below.max(height(root, alternative, way));
    }
    for property in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        below = below.max(1 + height(root, property.1, way));
    }
    if let Some(items) = schema.get("items") {
        below = below.max(1 + height(root, items, way));
    }
    below
}
