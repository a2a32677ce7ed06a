//! The order of properties: strict mode asks that the objects of a choice begin with different ones.

use serde_json::{Map, Value};

/// Gives the objects of each choice different first properties, as strict mode asks.
pub(super) fn spread(schema: &mut Value) -> Result<(), &'static str> {
    let mut choices = Vec::new();
    objects_of_choices(schema, schema, &mut String::new(), &mut choices);
    let mut fixed: Vec<(String, String)> = Vec::new();
    for mut choice in choices {
        choice.sort_unstable();
        if choice.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(SAME_FIRST);
        }
        let mut open: Vec<(&String, Vec<&String>)> = Vec::new();
        let mut taken: Vec<&str> = Vec::new();
        for pointer in &choice {
            let properties = schema.pointer(pointer).and_then(Value::as_object);
            let names: Vec<&String> = properties.into_iter().flat_map(Map::keys).collect();
            match fixed.iter().find(|(known, _)| known == pointer) {
                Some((_, first)) if taken.contains(&first.as_str()) => return Err(SAME_FIRST),
                Some((_, first)) => taken.push(first),
                None if names.is_empty() => {}
                None => open.push((pointer, names)),
            }
        }
        open.sort_by_key(|(_, names)| names.len());
        let mut chosen = Vec::with_capacity(open.len());
        for (pointer, names) in open {
            let first = names
                .into_iter()
                .find(|name| !taken.contains(&name.as_str()));
            let first = first.ok_or(SAME_FIRST)?;
            taken.push(first);
            chosen.push((pointer.clone(), first.clone()));
        }
        fixed.extend(chosen);
    }
    for (pointer, first) in fixed {
        let object = pointer.strip_suffix("/properties").unwrap_or(&pointer);
        if let Some(Value::Object(object)) = schema.pointer_mut(object) {
            put_first(object, first);
        }
    }
    Ok(())
}

fn put_first(object: &mut Map<String, Value>, first: String) {
    let Some(Value::Object(properties)) = object.get_mut("properties") else {
        return;
    };
    if properties.keys().next() == Some(&first) {
        return;
    }
    if let Some(value) = properties.shift_remove(&first) {
        properties.shift_insert(0, first, value);
        let names: Vec<Value> = properties
            .keys()
            .map(String::as_str)
            .map(Value::from)
            .collect();
        object.insert("required".to_owned(), names.into());
    }
}

/// Alternatives of one choice that are looked at; beyond, a provider may refuse it for its size anyway.
const MOST_STEPS: usize = 500;

const SAME_FIRST: &str = "alternatives that are objects cannot begin with different properties";

/// Where the properties of the objects stand, for each choice between two or more of them.
fn objects_of_choices(root: &Value, schema: &Value, at: &mut String, found: &mut Vec<Vec<String>>) {
    let Value::Object(members) = schema else {
        return;
    };
    let length = at.len();
    if let Some(Value::Array(alternatives)) = members.get("anyOf") {
        let mut objects = Vec::new();
        collect(root, schema, at, &mut MOST_STEPS.to_owned(), &mut objects);
        if objects.len() > 1 {
            found.push(objects);
        }
        for (index, alternative) in alternatives.iter().enumerate() {
            at.push_str(&format!("/anyOf/{index}"));
            objects_of_choices(root, alternative, at, found);
            at.truncate(length);
        }
    }
    if let Some(items) = members.get("items") {
        at.push_str("/items");
        objects_of_choices(root, items, at, found);
        at.truncate(length);
    }
    for keyword in ["properties", "$defs"] {
        let named = members.get(keyword).and_then(Value::as_object);
        for (name, below) in named.into_iter().flatten() {
            at.push_str(&format!("/{keyword}/{}", escaped(name)));
            objects_of_choices(root, below, at, found);
            at.truncate(length);
        }
    }
}

/// The objects that a schema may stand for, through references and choices.
fn collect(root: &Value, schema: &Value, at: &str, left: &mut usize, objects: &mut Vec<String>) {
    *left = left.saturating_sub(1);
    if *left == 0 {
        return;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = target.strip_prefix('#').unwrap_or(target);
        if let Some(target) = root.pointer(pointer) {
            collect(root, target, pointer, left, objects);
        }
    } else if let Some(Value::Array(alternatives)) = schema.get("anyOf") {
        for (index, alternative) in alternatives.iter().enumerate() {
            let here = format!("{at}/anyOf/{index}");
            collect(root, alternative, &here, left, objects);
        }
    } else if schema.get("properties").is_some() {
        objects.push(format!("{at}/properties"));
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
