//! What a schema says about one place of a value, as far as it forbids to shorten what stands there.

use std::rc::Rc;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// Schemas of one place that are followed.
const MOST: usize = 64;
/// Schemas inside one another, at the same place, that are followed.
const DEEPEST: usize = 16;

type Schema = Map<String, Value>;

/// The schemas that may apply to one place: of alternatives all. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Here<'s> {
    root: &'s Value,
    schemas: Rc<[&'s Schema]>,
}

impl<'s> Here<'s> {
    /// The place that the whole schema is about.
    pub(super) fn new(root: &'s Value) -> Self {
        Self::of(root, [root].into_iter())
    }

    fn of(root: &'s Value, stated: impl Iterator<Item = &'s Value>) -> Self {
        let mut schemas = Vec::new();
        for schema in stated {
            gather(root, schema, 0, &mut schemas);
        }
        Self {
            root,
            schemas: schemas.into(),
        }
    }

    /// The place of a member.
    pub(super) fn member(&self, name: &str) -> Self {
        let stated = self.schemas.iter().flat_map(|schema| {
            let declared = schema.get("properties").and_then(|all| all.get(name));
            let by_pattern = schema.get("patternProperties").and_then(Value::as_object);
            let other = schema
                .get("additionalProperties")
                .filter(|_| declared.is_none());
            let by_pattern = by_pattern.into_iter().flat_map(Map::values);
            declared.into_iter().chain(other).chain(by_pattern)
        });
        Self::of(self.root, stated)
    }

    /// The place of an element.
    pub(super) fn element(&self, index: usize) -> Self {
        let stated = self.schemas.iter().flat_map(|schema| {
            let own = schema.get("prefixItems").and_then(|all| all.get(index));
            let other = schema.get("items").filter(|_| own.is_none());
            own.into_iter().chain(other)
        });
        Self::of(self.root, stated)
    }

    /// Whether elements of an array have places of their own.
    pub(super) fn is_tuple(&self) -> bool {
        self.has(&["prefixItems"])
    }

    /// Elements that must stay.
    pub(super) fn min_items(&self) -> usize {
        if self.has(&["prefixItems", "contains", "const", "enum"]) {
            usize::MAX
        } else {
            self.most("minItems")
        }
    }

    /// Characters that must stay.
    pub(super) fn min_length(&self) -> usize {
        if self.has(&["pattern", "format", "const", "enum", "contentEncoding"]) {
            usize::MAX
        } else {
            self.most("minLength")
        }
    }

    /// Members that must stay, however they are called.
    pub(super) fn min_members(&self) -> usize {
        if self.has(&["const", "enum"]) {
            usize::MAX
        } else {
            self.most("minProperties")
        }
    }

    /// Whether the schemas know a member by its name.
    pub(super) fn names(&self, name: &str) -> bool {
        self.schemas.iter().any(|schema| {
            let declared = schema.get("properties").and_then(|all| all.get(name));
            let required = schema.get("required").and_then(Value::as_array);
            declared.is_some() || required.is_some_and(|all| all.iter().any(|it| it == name))
        })
    }

    fn has(&self, keywords: &[&str]) -> bool {
        let of = |schema: &&Schema| keywords.iter().any(|keyword| schema.contains_key(*keyword));
        self.schemas.iter().any(of)
    }

    fn most(&self, keyword: &str) -> usize {
        let stated = self.schemas.iter().filter_map(|schema| {
            // 2.0 is a whole number, too.
            let number = schema.get(keyword)?;
            let whole = number.as_u64();
            whole.or_else(|| number.to_string().strip_suffix(".0")?.parse().ok())
        });
        stated
            .max()
            .map_or(0, |most| usize::try_from(most).unwrap_or(usize::MAX))
    }
}

/// The schema, and all that it says by reference or as an alternative.
fn gather<'s>(root: &'s Value, schema: &'s Value, depth: usize, found: &mut Vec<&'s Schema>) {
    let Value::Object(schema) = schema else {
        return;
    };
    if depth > DEEPEST || found.len() >= MOST {
        return;
    }
    found.push(schema);
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = target.strip_prefix('#').unwrap_or(target);
        let pointer = percent_decode_str(pointer).decode_utf8_lossy();
        if let Some(target) = root.pointer(&pointer) {
            gather(root, target, depth + 1, found);
        }
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let listed = schema.get(keyword).and_then(Value::as_array);
        for schema in listed.into_iter().flatten() {
            gather(root, schema, depth + 1, found);
        }
    }
    for keyword in ["if", "then", "else"] {
        if let Some(schema) = schema.get(keyword) {
            gather(root, schema, depth + 1, found);
        }
    }
}
