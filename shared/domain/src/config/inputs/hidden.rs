//! Where `x-hidden` may stand: directly in an input, beside the value that it has.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::formats::{hidden_names, is_hidden};
use crate::path::escape_token;
use crate::walk::{At, Faults};

/// Lists and schemas in one another that are looked at: deeper ones are refused elsewhere.
const MAX_LEVELS: usize = 128;

/// Checks the hidden inputs of an input schema that stands at `at`.
pub(super) fn check(schema: &Value, at: &At<'_>, faults: &mut Faults) {
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties_at = at.name("properties");
    for (name, property) in properties.into_iter().flatten() {
        let valued = property.get("default").is_some() || property.get("const").is_some();
        if is_hidden(property) && !valued {
            faults.advise(
                &properties_at.name(name),
                "required",
                "an input with \"x-hidden\" needs a \"default\" or a \"const\"",
                "nobody can set it, so say what it is",
            );
        }
    }
    let hidden = hidden_names(schema)
        .map(|name| format!("/properties/{}", escape_token(name)))
        .collect();
    let levels = MAX_LEVELS;
    let mut search = Search {
        hidden,
        levels,
        faults,
    };
    search.schema(schema, at, Spot::Root);
}

/// What a part of the schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    /// All the arguments.
    Root,
    /// One input.
    Input,
    /// Something within an input, or a condition on them.
    Within,
}

/// One look through an input schema.
struct Search<'f> {
    /// Where the hidden inputs stand in it.
    hidden: Vec<String>,
    /// How much deeper it may go.
    levels: usize,
    faults: &'f mut Faults,
}

impl Search<'_> {
    fn schema(&mut self, schema: &Value, at: &At<'_>, spot: Spot) {
        let Some(left) = self.levels.checked_sub(1) else {
            return;
        };
        self.levels = left;
        match schema {
            Value::Object(members) => self.keywords(members, at, spot),
            Value::Array(schemas) => {
                for (index, schema) in schemas.iter().enumerate() {
                    self.schema(schema, &at.index(index), Spot::Within);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        self.levels = left + 1;
    }

    fn keywords(&mut self, members: &Map<String, Value>, at: &At<'_>, spot: Spot) {
        for (keyword, value) in members {
            let place = at.name(keyword);
            match keyword.as_str() {
                "x-hidden" if spot != Spot::Input && *value == Value::Bool(true) => {
                    self.faults.advise(
                        &place,
                        "misplaced",
                        "only an input itself can be hidden",
                        "hide a property of the input itself, and give it a default or const",
                    );
                }
                "$ref" => self.reference(value, &place),
                "const" | "default" | "enum" | "example" | "examples" => {}
                "properties" if spot == Spot::Root => self.named(value, &place, Spot::Input),
                "properties" | "patternProperties" | "$defs" | "definitions"
                | "dependentSchemas" | "dependencies" => self.named(value, &place, Spot::Within),
                other if other.starts_with("x-") => {}
                _ => self.schema(value, &place, Spot::Within),
            }
        }
    }

    fn named(&mut self, schemas: &Value, at: &At<'_>, spot: Spot) {
        for (name, schema) in schemas.as_object().into_iter().flatten() {
            self.schema(schema, &at.name(name), spot);
        }
    }

    /// What refers to a hidden input would show it, or lead nowhere once it is left out.
    fn reference(&mut self, target: &Value, at: &At<'_>) {
        let Some(fragment) = target.as_str().and_then(|text| text.strip_prefix('#')) else {
            return;
        };
        let pointer = percent_decode_str(fragment).decode_utf8_lossy();
        let leads_there = self.hidden.iter().any(|hidden| {
            let rest = pointer.strip_prefix(hidden.as_str());
            pointer.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if leads_there {
            self.faults.advise(
                at,
                "invalid_ref",
                "this refers to an input with \"x-hidden\"",
                "refer to a part of \"$defs\" instead",
            );
        }
    }
}
