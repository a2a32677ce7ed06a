//! The types that a schema gives a value and what is inside it, as far as coercion needs them.

use serde_json::{Map, Value};

use crate::coerce::coerce;
use crate::config::JsonType;

/// Schemas inside schemas that are followed.
const MAX_DEPTH: usize = 16;

static ANYTHING: Shape = Shape {
    types: Vec::new(),
    items: None,
    members: Vec::new(),
    wraps: false,
};

/// Types, and shapes of elements and members.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Empty: any.
    types: Vec<JsonType>,
    items: Option<Box<Shape>>,
    members: Vec<(String, Shape)>,
    /// One value stands for a list of one, as it does in XML.
    wraps: bool,
}

impl Shape {
    /// `wraps`: one value stands for a list of one.
    pub(super) fn of_schema(schema: &Value, wraps: bool) -> Self {
        let empty = Self {
            wraps,
            ..ANYTHING.clone()
        };
        empty.read(schema, schema, 0)
    }

    /// This empty shape, filled by a schema.
    fn read(&self, schema: &Value, root: &Value, depth: usize) -> Self {
        let mut shape = self.clone();
        if depth > MAX_DEPTH {
            return shape;
        }
        let Some(schema) = resolved(schema, root) else {
            return shape;
        };
        shape.types = types(schema, root, depth);
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            shape.items = Some(Box::new(self.read(items, root, depth + 1)));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, member) in properties.into_iter().flatten() {
            let member = self.read(member, root, depth + 1);
            shape.members.push((name.clone(), member));
        }
        shape
    }

    pub(super) fn member(&self, name: &str) -> &Self {
        let member = self.members.iter().find(|(member, _)| member == name);
        member.map_or(&ANYTHING, |(_, shape)| shape)
    }

    pub(super) fn element(&self) -> &Self {
        self.items.as_deref().unwrap_or(&ANYTHING)
    }

    /// The same shape with one type instead, nullable if it was.
    pub(super) fn only(&self, to: JsonType) -> Self {
        let mut types = vec![to];
        if self.states_null() && to != JsonType::Null {
            types.push(JsonType::Null);
        }
        Self {
            types,
            ..self.clone()
        }
    }

    pub(super) fn takes_null(&self) -> bool {
        self.types.is_empty() || self.states_null()
    }

    /// Whether null is one of its types by name.
    pub(super) fn states_null(&self) -> bool {
        self.types.contains(&JsonType::Null)
    }

    pub(super) fn takes_array(&self) -> bool {
        self.types.is_empty() || self.types.contains(&JsonType::Array)
    }

    /// Whether an empty text is a value here; else it is nothing.
    pub(super) fn takes_text(&self) -> bool {
        self.types.is_empty() || self.types.contains(&JsonType::String)
    }

    /// Whether one value stands for a list of one.
    pub(super) const fn wraps(&self) -> bool {
        self.wraps
    }

    /// The same shape, in which one value stands for a list of one or does not.
    pub(super) fn wrapping(self, wraps: bool) -> Self {
        Self { wraps, ..self }
    }

    /// The value coerced to the first type that takes it, what is inside as far as it can be.
    pub(super) fn fit(&self, value: &Value) -> Result<Value, String> {
        let fits = self.types.is_empty() || self.types.iter().any(|to| is(value, *to));
        if fits {
            return Ok(self.inside(value));
        }
        if is_blank(value) && self.states_null() {
            return Ok(Value::Null);
        }
        let mut refusal = None;
        for to in &self.types {
            match coerce(value, *to) {
                Ok(coerced) => return Ok(self.inside(&coerced)),
                Err(why) => refusal = refusal.or(Some(why)),
            }
        }
        if self.wraps && self.types.contains(&JsonType::Array) {
            return Ok(Value::Array(vec![self.element().leniently(value)]));
        }
        Err(refusal.unwrap_or_default())
    }

    fn inside(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => match &self.items {
                Some(shape) => items.iter().map(|item| shape.leniently(item)).collect(),
                None => value.clone(),
            },
            Value::Object(map) if !self.members.is_empty() => {
                let members = map.iter().filter_map(|(name, value)| {
                    let shape = self.member(name);
                    let nothing = is_blank(value) && !shape.takes_text() && !shape.states_null();
                    (!nothing).then(|| (name.clone(), shape.leniently(value)))
                });
                Value::Object(members.collect())
            }
            Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => value.clone(),
        }
    }

    /// The same; as it is where it cannot be coerced.
    pub(super) fn leniently(&self, value: &Value) -> Value {
        self.fit(value).unwrap_or_else(|_| value.clone())
    }
}

/// Whether it is a text without anything in it: what CSV and XML have for no value.
pub(super) fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Whether the value has this type already.
fn is(value: &Value, to: JsonType) -> bool {
    match to {
        JsonType::String => value.is_string(),
        JsonType::Number => value.is_number(),
        JsonType::Integer => value.is_i64() || value.is_u64(),
        JsonType::Boolean => value.is_boolean(),
        JsonType::Object => value.is_object(),
        JsonType::Array => value.is_array(),
        JsonType::Null => value.is_null(),
    }
}

/// The schema itself, or the local one that it refers to.
fn resolved<'s>(schema: &'s Value, root: &'s Value) -> Option<&'s Map<String, Value>> {
    let schema = schema.as_object()?;
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.strip_prefix('#')?)?.as_object(),
        None => Some(schema),
    }
}

/// `type`, or the types of all alternatives when each of them states one.
fn types(schema: &Map<String, Value>, root: &Value, depth: usize) -> Vec<JsonType> {
    match schema.get("type") {
        Some(Value::String(name)) => type_of(name).into_iter().collect(),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            names.filter_map(type_of).collect()
        }
        Some(_) | None => {
            let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
            let mut all = Vec::new();
            for alternative in alternatives.and_then(Value::as_array).into_iter().flatten() {
                let one = if depth < MAX_DEPTH {
                    resolved(alternative, root).map(|schema| types(schema, root, depth + 1))
                } else {
                    None
                };
                match one {
                    Some(types) if !types.is_empty() => all.extend(types),
                    Some(_) | None => return Vec::new(),
                }
            }
            all
        }
    }
}

fn type_of(name: &str) -> Option<JsonType> {
    Some(match name {
        "string" => JsonType::String,
        "number" => JsonType::Number,
        "integer" => JsonType::Integer,
        "boolean" => JsonType::Boolean,
        "object" => JsonType::Object,
        "array" => JsonType::Array,
        "null" => JsonType::Null,
        _ => return None,
    })
}
